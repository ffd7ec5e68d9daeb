//! What other threads tell a worker.
//!
//! A mailbox is bounded by what can be under way: one message for each waiting stream, one for each
//! connection within `maxconn`, and a few from the control side.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use lbd_backend::Wake;
use lbd_core::ListenerId;
use lbd_rules::facts::Endpoint;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Generation, ServerState};
use crate::accept::{ListenerSocket, Places};
use crate::live::{Ending, SessionView};
use crate::reconcile::Heirs;

/// How to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At once.
    Hard,
    /// After the last session.
    Soft,
}

/// A generation that takes the present one's place.
#[derive(Debug)]
pub struct Adoption {
    /// The new one.
    pub generation: Arc<Generation>,
    /// Which of its listeners accept on the sockets that are there.
    pub heirs: Arc<Heirs>,
    /// The worker's new sockets.
    pub sockets: Vec<ListenerSocket>,
    /// Dropped when the worker has gone on.
    pub pending: Pending,
}

/// Held by those who have not gone on under a new generation yet.
pub type Pending = tokio::sync::mpsc::Sender<()>;

/// A copy of a listening socket.
#[derive(Debug)]
pub struct Exposed {
    /// Which listener of the present configuration it is.
    pub listener: ListenerId,
    /// The copy.
    pub fd: OwnedFd,
}

/// A message to a worker.
#[derive(Debug)]
pub enum Message {
    /// Go on under another configuration.
    Adopt(Box<Adoption>),
    /// Close idle connections to a server: its address changed or it left.
    CloseIdle(Arc<ServerState>),
    /// Close one idle connection to a server: another worker needs its place.
    CloseOneIdle(Arc<ServerState>),
    /// Take over an accepted connection.
    Connection {
        /// The socket.
        fd: OwnedFd,
        /// Its peer.
        peer: Endpoint,
        /// Who accepted it.
        listener: ListenerId,
        /// The configuration that the listener is of.
        generation: Arc<Generation>,
        /// Its places in the limits.
        places: Places,
    },
    /// Give away copies of the listening sockets, for another process.
    Expose(Sender<Vec<Exposed>>),
    /// End the sessions that are under a configuration before that of this number.
    EndOlder(u64),
    /// A waiting stream was given a server or lost its place.
    Granted(Wake),
    /// End one session.
    Kill {
        /// Its id.
        session: u64,
    },
    /// End the streams of a server.
    KillServer {
        /// Server.
        server: Arc<ServerState>,
        /// Why: it shows in the termination letters.
        ending: Ending,
    },
    /// Send a list of the sessions.
    List(Sender<Vec<SessionView>>),
    /// Look again which frontends listen.
    Listen,
    /// Answer that this worker turns.
    Ping(Sender<usize>),
    /// Give back memory that only waits to be used again (`SIGQUIT`).
    Release,
    /// Stop.
    Stop(Stop),
}

/// Messages that wait for a worker.
#[derive(Debug, Default)]
pub struct Mailbox {
    messages: Mutex<Messages>,
    notify: Notify,
}

#[derive(Debug, Default)]
struct Messages {
    waiting: Vec<Message>,
    /// The worker has ended: nobody will read.
    is_closed: bool,
}

impl Mailbox {
    /// Leaves a message and wakes the worker; for a worker that has ended it is dropped.
    pub fn post(&self, message: Message) {
        drop(self.offer(message));
    }

    /// Leaves a message and wakes the worker; a worker that has ended gives it back.
    pub(crate) fn offer(&self, message: Message) -> Option<Message> {
        let mut messages = self.messages.lock();
        if messages.is_closed {
            return Some(message);
        }
        messages.waiting.push(message);
        drop(messages);
        self.notify.notify_one();
        None
    }

    /// Takes no more messages, unless some wait; whether it is closed.
    pub(crate) fn close(&self) -> bool {
        let mut messages = self.messages.lock();
        messages.is_closed = messages.waiting.is_empty();
        messages.is_closed
    }

    /// Waits for messages and takes them all, in order.
    pub async fn take(&self) -> Vec<Message> {
        loop {
            let messages = std::mem::take(&mut self.messages.lock().waiting);
            if !messages.is_empty() {
                return messages;
            }
            self.notify.notified().await;
        }
    }
}
