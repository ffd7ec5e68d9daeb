//! The sockets of the runtime API, which come and go with their lines.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use lbd_config::config::{Config, StatsSocketSpec};
use tokio::task::JoinHandle;

use crate::api;
use crate::bind::{self, SocketFile};
use crate::run::Daemon;
use crate::run::limits::Limits;
use crate::run::listen::{self, Sockets, StatsSocket};

/// The running sockets.
pub(crate) struct Doors {
    limits: Arc<api::server::Limits>,
    open: Vec<Door>,
}

struct Door {
    /// Its line, which is read at every connection.
    spec: Rc<RefCell<StatsSocketSpec>>,
    task: JoinHandle<()>,
    file: Option<SocketFile>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(file) = &self.file {
            file.remove();
        }
    }
}

/// What is to be done about them.
pub(super) struct Change {
    /// The new lines of those that stay, by their places.
    kept: Vec<(usize, StatsSocketSpec)>,
    fresh: Vec<StatsSocket>,
}

impl Doors {
    /// Serves sockets.
    pub(crate) fn new(sockets: Vec<StatsSocket>, daemon: &Arc<Daemon>) -> Self {
        let global = &daemon.config().global;
        let limits = api::server::Limits::new(global.stats_maxconn, global.stats_timeout);
        let mut doors = Self {
            limits: Arc::new(limits),
            open: Vec::new(),
        };
        for socket in sockets {
            doors.serve(socket, daemon);
        }
        doors
    }

    fn serve(&mut self, socket: StatsSocket, daemon: &Arc<Daemon>) {
        let spec = Rc::new(RefCell::new(socket.spec));
        let serving = api::server::serve(
            socket.fd,
            Rc::clone(&spec),
            Arc::clone(&self.limits),
            Arc::clone(daemon),
        );
        self.open.push(Door {
            spec,
            task: tokio::task::spawn_local(serving),
            file: socket.file,
        });
    }

    /// Binds the sockets of lines that are new; nothing when one cannot be bound.
    pub(super) fn bind(&self, config: &Config, limits: &Limits) -> Result<Change, Vec<String>> {
        let mut change = Change {
            kept: Vec::new(),
            fresh: Vec::new(),
        };
        let mut faults = Vec::new();
        for spec in &config.global.stats_sockets {
            let same = self.open.iter().position(|door| {
                let known = door.spec.borrow();
                known.address == spec.address
                    && format!("{:?}", known.unix) == format!("{:?}", spec.unix)
            });
            if let Some(at) = same {
                change.kept.push((at, spec.clone()));
                continue;
            }
            match bind::bind_stats(&spec.address, &spec.unix, limits.backlog(None)) {
                Ok(bound) => {
                    let mut sockets = Sockets::new(0);
                    sockets.take_stats(bound, spec);
                    change.fresh.append(&mut sockets.stats);
                }
                Err(error) => faults.push(listen::stats_fault(config, spec, &error)),
            }
        }
        if faults.is_empty() {
            return Ok(change);
        }
        let files = change
            .fresh
            .iter()
            .filter_map(|socket| socket.file.as_ref());
        files.for_each(SocketFile::remove);
        Err(faults)
    }

    /// Goes on with the lines of a new configuration. Conversations that are under way end as they
    /// would have.
    pub(super) fn change(&mut self, change: Change, daemon: &Arc<Daemon>) {
        let global = &daemon.config().global;
        self.limits.set(global.stats_maxconn, global.stats_timeout);
        let mut stays = vec![false; self.open.len()];
        for (at, spec) in change.kept {
            stays[at] = true;
            *self.open[at].spec.borrow_mut() = spec;
        }
        let mut stays = stays.into_iter();
        self.open.retain(|_| stays.next().unwrap_or(false));
        for socket in change.fresh {
            self.serve(socket, daemon);
        }
    }
}
