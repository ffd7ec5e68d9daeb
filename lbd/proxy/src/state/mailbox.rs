//! What other threads tell a worker.
//!
//! A mailbox is bounded by what can be under way: one message for each waiting stream and a few
//! from the control side.

use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;

use lbd_backend::Wake;
use lbd_core::{ListenerId, ProxyId, ServerId};
use lbd_rules::facts::Endpoint;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::live::{Ending, SessionView};

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At once.
    Hard,
    /// After the last session.
    Soft,
}

/// A message to a worker.
#[derive(Debug)]
pub enum Message {
    /// Close idle connections to a server: its address changed or it left.
    CloseIdle {
        /// Backend.
        backend: ProxyId,
        /// Server.
        server: ServerId,
    },
    /// Take over an accepted connection.
    Connection {
        /// The socket.
        fd: OwnedFd,
        /// Its peer.
        peer: Endpoint,
        /// Who accepted it.
        listener: ListenerId,
    },
    /// A waiting stream was given a server or lost its place.
    Granted(Wake),
    /// End one session.
    Kill {
        /// Its id.
        session: u64,
    },
    /// End the streams of a server.
    KillServer {
        /// Backend.
        backend: ProxyId,
        /// Server.
        server: ServerId,
        /// Why: it shows in the termination letters.
        ending: Ending,
    },
    /// Send a list of the sessions.
    List(Sender<Vec<SessionView>>),
    /// Stop listening on a frontend for a while (`Some(true)`), go on, or for good (`None`).
    Listen {
        /// Frontend.
        frontend: ProxyId,
        /// Whether it is paused.
        paused: Option<bool>,
    },
    /// Answer that this worker turns.
    Ping(Sender<usize>),
    /// Stop.
    Stop(Stop),
}

/// Messages that wait for a worker.
#[derive(Debug, Default)]
pub struct Mailbox {
    messages: Mutex<Vec<Message>>,
    notify: Notify,
}

impl Mailbox {
    /// Leaves a message and wakes the worker.
    pub fn post(&self, message: Message) {
        self.messages.lock().push(message);
        self.notify.notify_one();
    }

    /// Waits for messages and takes them all, in order.
    pub async fn take(&self) -> Vec<Message> {
        loop {
            let messages = std::mem::take(&mut *self.messages.lock());
            if !messages.is_empty() {
                return messages;
            }
            self.notify.notified().await;
        }
    }
}
