//! Stick tables on disk: read at the start, written from time to time and at the end.
//!
//! What a file looks like is `peers_proto::snapshot`'s matter. A file is written beside its place and
//! renamed once all of it is on the disk, so that a crash at any moment leaves the one before. One
//! that is damaged is set aside by the name `<file>.refused`, told, and the rest is read.

mod file;

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lbd_config::config::{PeersSpec, SnapshotSpec};
use lbd_proxy::Shared;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::report;
use file::{Outcome, Pace};

/// The directory of the snapshots, opened before the root changes.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    fd: Arc<OwnedFd>,
    spec: SnapshotSpec,
    /// When this process began, on the wall clock: of two processes the younger one's files stay.
    started_ms: u64,
}

impl Directory {
    /// Opens it.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(crate) fn open(spec: &SnapshotSpec) -> Result<Self, String> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_RDONLY;
        let fd = open(Path::new(&spec.directory), flags, Mode::empty()).map_err(|error| {
            format!(
                "cannot open the directory of 'table-snapshots', {} ({})",
                spec.directory.display(),
                error.desc()
            )
        })?;
        Ok(Self {
            fd: Arc::new(fd),
            spec: spec.clone(),
            started_ms: wall_ms(),
        })
    }

    /// Reads what is there for each table. Called before there is traffic.
    pub(crate) fn load(&self, shared: &Shared) {
        for (at, table) in shared.current().tables.iter().enumerate() {
            let name = file_name(table.name());
            let nodes = nodes(shared, at);
            match file::load(&self.fd, &name, table, &nodes, (shared.now(), wall_ms())) {
                Ok(None) => {}
                Ok(Some(loaded)) => {
                    let lost = match loaded.refused {
                        0 => String::new(),
                        n => format!(", {n} found no room"),
                    };
                    report::notice(&format!(
                        "Table '{}': {} entries of its snapshot, {} of them expired meanwhile{lost}.",
                        table.name(),
                        loaded.entries,
                        loaded.expired
                    ));
                }
                Err(fault) => {
                    let aside = file::set_aside(&self.fd, &name);
                    let aside = if aside {
                        " It is kept as '.refused'."
                    } else {
                        ""
                    };
                    report::warning(&format!(
                        "Table '{}': the snapshot is refused: {fault}.{aside}",
                        table.name()
                    ));
                }
            }
        }
    }

    fn save(&self, shared: &Shared, at: usize, pace: &Pace<'_>) -> io::Result<Outcome> {
        let generation = shared.current();
        let Some(table) = generation.tables.get(at) else {
            return Ok(Outcome::Written);
        };
        let source = file::Source {
            table,
            nodes: nodes(shared, at),
            started_ms: self.started_ms,
            clock: &|| (shared.now(), wall_ms()),
        };
        file::save(&self.fd, &file_name(table.name()), &source, pace)
    }
}

/// Writes snapshots for as long as the process runs.
pub(crate) struct Snapshots {
    directory: Directory,
    shared: Arc<Shared>,
    is_over: Arc<AtomicBool>,
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Snapshots {
    /// Starts to write, on the control side's runtime.
    pub(crate) fn start(directory: Directory, shared: Arc<Shared>) -> Self {
        let snapshots = Self {
            directory,
            shared,
            is_over: Arc::default(),
            writing: Arc::default(),
        };
        let every = snapshots.directory.spec.every;
        let rate = snapshots.directory.spec.rate;
        let (directory, shared) = (snapshots.directory.clone(), Arc::clone(&snapshots.shared));
        let (is_over, writing) = (
            Arc::clone(&snapshots.is_over),
            Arc::clone(&snapshots.writing),
        );
        tokio::task::spawn_local(async move {
            let mut is_failing = false;
            loop {
                tokio::time::sleep(every).await;
                let _turn = writing.lock().await;
                let (directory, shared) = (directory.clone(), Arc::clone(&shared));
                let is_over = Arc::clone(&is_over);
                let round = move || {
                    let pace = Pace {
                        rate,
                        is_over: &is_over,
                    };
                    all(&directory, &shared, &pace)
                };
                let failed = tokio::task::spawn_blocking(round).await.unwrap_or(None);
                // Once for a row of failures.
                if let Some(text) = failed.as_ref().filter(|_| !is_failing) {
                    report::warning(text);
                }
                is_failing = failed.is_some();
            }
        });
        snapshots
    }

    /// The last ones, at the end of the process and at full speed.
    pub(crate) async fn finish(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _turn = self.writing.lock().await;
        let (directory, shared) = (self.directory.clone(), Arc::clone(&self.shared));
        let round = move || {
            let never = AtomicBool::new(false);
            let pace = Pace {
                rate: 0,
                is_over: &never,
            };
            all(&directory, &shared, &pace)
        };
        if let Ok(Some(text)) = tokio::task::spawn_blocking(round).await {
            report::warning(&text);
        }
    }
}

/// Writes every table; the last failure.
fn all(directory: &Directory, shared: &Shared, pace: &Pace<'_>) -> Option<String> {
    let mut failed = None;
    for (at, table) in shared.current().tables.iter().enumerate() {
        match directory.save(shared, at, pace) {
            Ok(Outcome::Written | Outcome::Younger) => {}
            Ok(Outcome::Interrupted) => break,
            Err(error) => {
                let text = format!(
                    "Table '{}': its snapshot cannot be written ({}).",
                    table.name(),
                    crate::bind::plain(&error)
                );
                failed = Some(text);
            }
        }
    }
    failed
}

/// Names of the other nodes of a table's section.
fn nodes(shared: &Shared, table: usize) -> Vec<String> {
    let config = Arc::clone(&shared.current().config);
    let has = |section: &&PeersSpec| section.tables.iter().any(|(_, id)| id.index() == table);
    let section = config.peers.iter().find(has);
    let peers = section.into_iter().flat_map(|section| {
        let peers = section.peers.iter().enumerate();
        peers.filter(|(at, _)| *at != section.local)
    });
    peers.map(|(_, peer)| peer.name.to_string()).collect()
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The file of a table: its name with all but letters, digits, `_` and `-` as `%` and two digits.
fn file_name(table: &str) -> String {
    let mut name = String::with_capacity(table.len() + 6);
    for byte in table.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-' => name.push(char::from(byte)),
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    name.push_str(".table");
    name
}

#[cfg(test)]
mod tests;
