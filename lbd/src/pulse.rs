//! Whether the workers turn: each is asked, and answers between two pieces of its work.
//!
//! It tells nobody.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use lbd_proxy::Shared;
use lbd_proxy::state::Message;
use tokio::time::{MissedTickBehavior, interval};

/// Asks every worker whether it turns; one question at a time.
#[derive(Debug)]
pub(crate) struct Pulse {
    sender: Sender<usize>,
    answers: Receiver<usize>,
    missing: Vec<bool>,
}

impl Pulse {
    /// Of workers that have not been asked.
    pub(crate) fn new(shared: &Shared) -> Self {
        let (sender, answers) = channel();
        Self {
            sender,
            answers,
            missing: vec![false; shared.mailboxes().len()],
        }
    }

    /// Whether all have answered since the last call that said so; then they are asked again.
    pub(crate) fn beats(&mut self, shared: &Shared) -> bool {
        while let Ok(worker) = self.answers.try_recv() {
            if let Some(missing) = self.missing.get_mut(worker) {
                *missing = false;
            }
        }
        if self.missing.contains(&true) {
            return false;
        }
        for (mailbox, missing) in shared.mailboxes().iter().zip(&mut self.missing) {
            *missing = true;
            mailbox.post(Message::Ping(self.sender.clone()));
        }
        true
    }
}

/// Calls `beat` once in each period in which all workers have turned, for as long as the runtime lives.
pub(crate) async fn watch(shared: Arc<Shared>, period: Duration, beat: impl Fn()) {
    let mut pulse = Pulse::new(&shared);
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if pulse.beats(&shared) {
            beat();
        }
    }
}

#[cfg(test)]
mod tests;
