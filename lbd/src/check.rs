//! Health checks and agent checks: runs those that are due, and does what the machines say.
//!
//! It decides nothing: `lbd_backend::health` says when a check is due and what a report means,
//! `lbd_backend::check` what is sent and expected. Every server has its machine here, checked or
//! not, so that health, administration and weight have one owner.

mod adopt;
mod announce;
mod core;
mod exchange;
mod external;
mod grow;
mod http2;
mod link;
mod order;
mod renderer;
mod run;
mod secure;
mod slot;
mod target;
mod watch;

use std::sync::Arc;

use lbd_proxy::state::Shared;
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) use self::announce::{NOTICE, log, wall};
use self::core::Core;
pub(crate) use self::grow::IS_NAMED;
pub(crate) use self::order::{AdminOrder, CheckHandle, Order};
pub(crate) use self::watch::Watch;

/// What the daemon decides for the runner.
pub(crate) struct Options {
    /// Checks that may run at once, at least 1: others wait for one to end.
    pub(crate) max_running: usize,
    /// Takes lines for the operator's terminal; `None` when there is none.
    pub(crate) console: Option<Console>,
    /// Hears of servers that checks have found up or down; `None` when nobody wants to know.
    pub(crate) findings: Option<Findings>,
}

/// Takes backend and server, and whether its checks find it up.
pub(crate) type Findings = Box<dyn Fn(&str, &str, bool) + Send>;

/// Takes a severity (`WARNING`, `ALERT`) and a line for the operator's terminal.
pub(crate) type Console = Box<dyn Fn(&'static str, &str) + Send>;

/// What the runner and its callers share. The lock is held for one event at a time, and never
/// while anybody waits.
struct Runner {
    core: Mutex<Core>,
    /// Servers come and go one at a time.
    changes: Mutex<()>,
    /// Told when the next due time or the list of checks to start may have changed.
    wake: Notify,
}

/// Puts every server into its first state, schedules the checks and starts to run them.
///
/// Must be called within the control runtime.
pub(crate) fn start(shared: &Arc<Shared>, watch: &Watch, options: Options) -> CheckHandle {
    let core = Core::new(Arc::clone(shared), watch.counters(), options);
    let runner = Arc::new(Runner {
        core: Mutex::new(core),
        changes: Mutex::default(),
        wake: Notify::new(),
    });
    runner.core.lock().open();
    tokio::spawn(run::run(Arc::clone(&runner), watch.take_events()));
    CheckHandle::new(runner)
}

#[cfg(test)]
mod tests;
