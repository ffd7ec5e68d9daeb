//! Clients that ask without a pause while something happens to who answers: some on a connection for
//! each request, some on connections that are kept until the answer says otherwise.
//!
//! They count what failed; whether that may be is the test's business.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Client;

/// How many of each kind.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Clients that keep their connections.
    pub kept: usize,
    /// Clients with a connection for each request.
    pub new: usize,
}

/// What became of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answers with 200.
    pub answered: u64,
    /// Everything else: connections refused or broken, other answers.
    pub failed: u64,
    /// The first of these, in words.
    pub failures: Vec<String>,
}

/// Clients that ask.
#[derive(Debug)]
pub struct Load {
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Tally>>,
}

/// How long one request may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// Failures that are kept in words, for each client.
const MAX_FAILURES: usize = 4;
/// After a failure, so that what is down is not asked without end.
const PAUSE: Duration = Duration::from_millis(10);

impl Load {
    /// Begins to ask `GET /` at an address.
    pub fn begin(address: &str, mix: Mix) -> Self {
        Self::begin_within(None, address, mix)
    }

    /// The same from within a network namespace.
    ///
    /// # Panics
    /// When it cannot be entered.
    pub fn begin_within(namespace: Option<&File>, address: &str, mix: Mix) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let client = |keeps: bool| {
            let one = One {
                address: address.to_owned(),
                keeps,
                is_over: Arc::clone(&is_over),
                answered: Arc::clone(&answered),
                tally: Tally::default(),
            };
            let namespace = namespace.map(|file| file.try_clone().expect("a descriptor"));
            thread::spawn(move || {
                if let Some(file) = namespace {
                    nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET)
                        .expect("a namespace that can be entered");
                }
                one.run()
            })
        };
        let kinds = (0..mix.kept).map(|_| true);
        let clients = kinds.chain((0..mix.new).map(|_| false)).map(client);
        Self {
            clients: clients.collect(),
            is_over,
            answered,
        }
    }

    /// Answers so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Ends it once the requests under way are over.
    ///
    /// # Panics
    /// When a client could not begin.
    pub fn end(self) -> Tally {
        self.is_over.store(true, Ordering::Relaxed);
        let mut sum = Tally::default();
        for client in self.clients {
            let tally = client.join().expect("a client that has begun");
            sum.answered += tally.answered;
            sum.failed += tally.failed;
            sum.failures.extend(tally.failures);
        }
        sum
    }
}

/// A client.
struct One {
    address: String,
    keeps: bool,
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    tally: Tally,
}

impl One {
    fn run(mut self) -> Tally {
        let mut kept = None;
        while !self.is_over.load(Ordering::Relaxed) {
            match self.ask(kept.take()) {
                Ok(connection) => {
                    kept = connection;
                    self.tally.answered += 1;
                    self.answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(why) => {
                    self.tally.failed += 1;
                    if self.tally.failures.len() < MAX_FAILURES {
                        self.tally.failures.push(why);
                    }
                    thread::sleep(PAUSE);
                }
            }
        }
        self.tally
    }

    /// One request; the connection that can be used again.
    fn ask(&self, kept: Option<Client>) -> Result<Option<Client>, String> {
        let is_first = kept.is_none();
        let place = |what: &str, error: String| {
            let which = if is_first { "a new" } else { "a kept" };
            format!("{what} on {which} connection: {error}")
        };
        let mut client = match kept {
            Some(client) => client,
            None => Client::try_connect(&self.address)
                .map_err(|error| place("connect", error.to_string()))?
                .with_timeout(PATIENCE),
        };
        let close = if self.keeps {
            ""
        } else {
            "connection: close\r\n"
        };
        client
            .try_send(format!("GET / HTTP/1.1\r\nhost: load\r\n{close}\r\n"))
            .map_err(|error| place("send", error.to_string()))?;
        let answer = client
            .try_response("GET")
            .map_err(|error| place("answer", error.to_string()))?;
        if answer.status != 200 {
            return Err(place("answer", format!("status {}", answer.status)));
        }
        let ends = answer.header("connection") == Some("close");
        Ok(Some(client).filter(|_| self.keeps && !ends))
    }
}
