//! `notify*`: scripts with keepalived's arguments, each instance's in order, and lines for FIFOs.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;
use vrrp_config::Config;
use vrrp_config::config::{Command, Notify};
use vrrp_proto::State;
use vrrp_proto::instance::{Change, Reason};
use vrrp_proto::packet::Priority;

use crate::fifo::OpenFifo;
use crate::launcher::Launcher;
use crate::log::Log;
use crate::scripts;

/// Who is told.
#[derive(Debug)]
pub struct Notifier {
    fifos: Vec<OpenFifo>,
    queues: HashMap<String, Queue>,
    log: Arc<Log>,
    launcher: Rc<Launcher>,
    /// Scripts that were left out because too many waited.
    pub dropped: u64,
}

/// The scripts of one name, one after the other.
#[derive(Debug)]
struct Queue {
    sender: Sender<(Command, Vec<String>)>,
    task: JoinHandle<()>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// A sync group.
    Group(&'a str),
    /// An instance.
    Instance(&'a str),
}

impl About<'_> {
    fn words(self) -> (&'static str, String) {
        match self {
            Self::Group(name) => ("GROUP", name.to_owned()),
            Self::Instance(name) => ("INSTANCE", name.to_owned()),
        }
    }
}

impl Notifier {
    /// Nobody yet.
    pub fn new(log: Arc<Log>, launcher: Rc<Launcher>) -> Self {
        Self {
            fifos: Vec::new(),
            queues: HashMap::new(),
            log,
            launcher,
            dropped: 0,
        }
    }

    /// Opens the FIFOs of a configuration and starts what reads them.
    pub fn configure(&mut self, config: &Config) {
        self.open(config);
        for fifo in &mut self.fifos {
            if let Some(script) = fifo.script.take() {
                let path = fifo.path().to_owned();
                attend(&self.log, &self.launcher, script, path);
            }
        }
    }

    /// Opens the FIFOs of a configuration; those that stay, stay open.
    pub fn open(&mut self, config: &Config) {
        let mut old = std::mem::take(&mut self.fifos);
        for wanted in &config.global.fifos {
            if let Some(at) = old.iter().position(|fifo| fifo.path() == wanted.path) {
                self.fifos.push(old.swap_remove(at));
                continue;
            }
            match OpenFifo::open(wanted) {
                Ok(fifo) => {
                    self.fifos.push(fifo);
                }
                Err(why) => self.log.error(&why),
            }
        }
    }

    /// An instance changed its state.
    pub fn changed(&mut self, notify: &Notify, about: About<'_>, to: State, priority: Priority) {
        // keepalived does not tell of the state before the first one.
        let (word, own) = match to {
            State::Master => ("MASTER", &notify.master),
            State::Backup => ("BACKUP", &notify.backup),
            State::Fault => ("FAULT", &notify.fault),
            State::Init => ("STOP", &notify.stop),
        };
        self.tell(about, word, priority, own.as_ref(), notify.any.as_ref());
    }

    /// Something without a change of state: a lower priority heard, a priority changed, deleted.
    pub fn tell(
        &mut self,
        about: About<'_>,
        word: &str,
        priority: Priority,
        own: Option<&Command>,
        any: Option<&Command>,
    ) {
        let (kind, name) = about.words();
        let number = priority.0.to_string();
        if let Some(command) = own {
            self.run(&name, command.clone(), Vec::new());
        }
        if let Some(command) = any {
            let more = vec![
                kind.to_owned(),
                name.clone(),
                word.to_owned(),
                number.clone(),
            ];
            self.run(&name, command.clone(), more);
        }
        let line = format!("{kind} \"{name}\" {word} {number}\n");
        for fifo in &mut self.fifos {
            if let Some(why) = fifo.line(&line) {
                self.log.warning(&why);
            }
        }
    }

    /// Puts a script behind those of the same name that have not ended.
    fn run(&mut self, name: &str, command: Command, more: Vec<String>) {
        let queue = self.queues.entry(name.to_owned()).or_insert_with(|| {
            let (sender, mut receiver) = channel::<(Command, Vec<String>)>(MAX_QUEUE);
            let (log, launcher) = (Arc::clone(&self.log), Rc::clone(&self.launcher));
            let task = tokio::task::spawn_local(async move {
                while let Some((command, more)) = receiver.recv().await {
                    let more: Vec<&str> = more.iter().map(String::as_str).collect();
                    let result = scripts::once(&launcher, &command, &more, LIMIT).await;
                    if let Err(why) = result {
                        log.error(&format!("notify script {}: {why}", command.words[0]));
                    }
                }
            });
            Queue { sender, task }
        });
        if queue.sender.try_send((command, more)).is_err() {
            self.dropped += 1;
            self.log.error(&format!(
                "({name}) too many notify scripts wait, one is left out"
            ));
        }
    }

    /// Waits until the scripts that wait have run.
    pub async fn drain(&mut self) {
        let queues: Vec<_> = self.queues.drain().map(|(_, queue)| queue).collect();
        let all = async {
            for Queue { sender, task } in queues {
                // Without a sender the task ends after the last one.
                drop(sender);
                let _ = task.await;
            }
        };
        let _ = tokio::time::timeout(LIMIT, all).await;
    }

    /// Lines that FIFOs did not take.
    pub fn fifo_dropped(&self) -> u64 {
        self.fifos.iter().map(|fifo| fifo.dropped).sum()
    }
}

/// Runs what reads a FIFO, again when it ends.
fn attend(log: &Arc<Log>, launcher: &Rc<Launcher>, script: Command, path: String) {
    let (log, launcher) = (Arc::clone(log), Rc::clone(launcher));
    tokio::task::spawn_local(async move {
        loop {
            match launcher.run(&script, &[&path]) {
                Ok(mut running) => {
                    let _ = running.wait().await;
                    log.warning(&format!(
                        "the script of FIFO {path} ended, it is started again"
                    ));
                }
                Err(why) => log.error(&why),
            }
            tokio::time::sleep(RESTART).await;
        }
    });
}

/// Whether a change is one that keepalived tells: not that an instance begins, nor that another
/// program goes on with it.
pub fn is_told(change: &Change) -> bool {
    change.reason != Reason::Resumed && (change.to != State::Init || change.from != State::Init)
}

/// Scripts of one instance that wait.
const MAX_QUEUE: usize = 64;
/// A script that takes longer is ended, so that the next one runs.
const LIMIT: Duration = Duration::from_secs(10);
const RESTART: Duration = Duration::from_secs(1);
