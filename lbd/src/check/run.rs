//! The loop: waits for due times, orders and events, and starts a task for each running check.
//!
//! It decides nothing.

use std::sync::Arc;

use lbd_backend::check::Finished;
use lbd_backend::health::{CheckReport, CheckStatus, Which};
use lbd_core::Time;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::Runner;
use super::exchange;
use super::slot::{Job, Key};
use super::watch::Event;

/// Runs until the runtime ends.
pub(super) async fn run(runner: Arc<Runner>, mut events: Receiver<Event>) {
    let shared = Arc::clone(runner.core.lock().shared());
    let mut is_watched = true;
    loop {
        let (jobs, next) = runner.core.lock().turn();
        for job in jobs {
            tokio::spawn(check(Arc::clone(&runner), job));
        }
        let due = next.map(|next| instant(next, shared.now()));
        tokio::select! {
            () = async { tokio::time::sleep_until(due.unwrap_or_else(Instant::now)).await },
                if due.is_some() => {}
            () = runner.wake.notified() => {}
            event = events.recv(), if is_watched => match event {
                Some(event) => runner.core.lock().observed(event),
                None => is_watched = false,
            },
        }
    }
}

/// Runs one check and reports it.
async fn check(runner: Arc<Runner>, job: Job) {
    let shared = Arc::clone(runner.core.lock().shared());
    let mut report = Report::new(runner, &job);
    report.finished = Some(exchange::run(&shared, &job).await);
}

/// Hands the end of a check over when it is dropped, so that a check which breaks off by a fault
/// of its own is reported too and the next one comes.
pub(super) struct Report {
    runner: Arc<Runner>,
    key: Key,
    which: Which,
    finished: Option<Finished>,
}

impl Report {
    pub(super) fn new(runner: Arc<Runner>, job: &Job) -> Self {
        Self {
            key: job.key,
            which: job.which,
            finished: None,
            runner,
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let finished = self.finished.take().unwrap_or_else(|| {
            Finished::Report(CheckReport {
                status: CheckStatus::SocketError,
                code: 0,
                text: b"check broken off".to_vec(),
                duration: std::time::Duration::ZERO,
            })
        });
        self.runner
            .core
            .lock()
            .finish(self.key, self.which, finished);
        self.runner.wake.notify_one();
    }
}

/// The runtime's form of a time.
pub(super) fn instant(time: Time, now: Time) -> Instant {
    Instant::now() + time.since(now)
}
