//! Sessions of peers: the machine of a `peers` section on real streams.
//!
//! It makes no stream, binds no address and decides nothing about the protocol: the daemon hands
//! over what it accepted and connects through [`Dial`]. A section runs on one thread; others write
//! what they have changed through a [`Teller`].
#![forbid(unsafe_code)]

mod core;
mod stream;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lbd_core::Time;
pub use peers_proto as proto;
use peers_proto::section::{Event, Input};
use peers_proto::words::{Said, Thing, Word};
use peers_proto::{ConnId, Output, Section, Spec};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf};
use tokio::sync::Notify;

use self::core::{Core, Line, Outgoing};
pub use self::core::{Teller, View};

/// A stream to a peer.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A stream to a peer, and what is known of its other end.
pub struct Link {
    /// The stream.
    pub stream: Box<dyn Stream>,
    /// A certificate was shown, and verified.
    pub is_verified: bool,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("is_verified", &self.is_verified)
            .finish_non_exhaustive()
    }
}

/// What a call to a peer gives.
pub type Dialling = Pin<Box<dyn Future<Output = io::Result<Link>>>>;

/// What the daemon does for a section.
pub trait Dial {
    /// Connects to a peer, by its place in the section.
    fn dial(&self, peer: usize) -> Dialling;
    /// The time now.
    fn now(&self) -> Time;
    /// Something that operators may want to know.
    fn tell(&self, event: &Event);
    /// Carries out what an operator has said on another node.
    fn obey(&self, word: &Word);
}

/// A running section. Clones are the same section.
#[derive(Clone)]
pub struct Peers(Rc<Inner>);

struct Inner {
    core: Arc<Core>,
    dial: Box<dyn Dial>,
    conns: RefCell<BTreeMap<ConnId, Arc<Line>>>,
    next: Cell<u64>,
    /// Until when [`Peers::run`] sleeps.
    sleeps_until: Cell<Time>,
    stopped: Notify,
}

impl Line {
    /// Ends a while after the connection is over: who does not read what is left is not waited for.
    async fn lapse(&self) {
        self.over.notified().await;
        tokio::time::sleep(GRACE).await;
    }
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.core.state.lock().section.fmt(f)
    }
}

impl Peers {
    /// A section that begins; [`Peers::run`] must run for it to do something.
    pub fn new(spec: Spec, seed: u64, dial: Box<dyn Dial>) -> Self {
        let tables: Vec<_> = spec
            .tables
            .iter()
            .map(|shared| shared.table.clone())
            .collect();
        let core = Arc::new(Core::new(Section::new(spec, dial.now(), seed)));
        for table in tables {
            let core = Arc::clone(&core);
            table.set_waker(move || core.wake.notify_one());
        }
        Self(Rc::new(Inner {
            core,
            dial,
            conns: RefCell::default(),
            next: Cell::new(1),
            sleeps_until: Cell::default(),
            stopped: Notify::new(),
        }))
    }

    /// Writes changes to the section's peers from other threads.
    pub fn teller(&self) -> Teller {
        Teller::new(Arc::clone(&self.0.core))
    }

    /// Calls peers, pushes changes and watches deadlines, for as long as the runtime lives.
    pub async fn run(self) {
        loop {
            self.handle(Input::Tick);
            let core = &self.0.core;
            let next = core.state.lock().section.poll_timeout();
            let now = self.0.dial.now();
            let wait = next.map_or(LONGEST, |next| next.since(now)).min(LONGEST);
            self.0.sleeps_until.set(now + wait);
            tokio::select! {
                () = core.wake.notified() => {}
                () = core.hint.notified() => {
                    // Those that follow, and answers that leave meanwhile, take them along.
                    tokio::select! {
                        () = core.wake.notified() => {}
                        () = tokio::time::sleep(SHORTEST) => {}
                    }
                    core.is_hinted.store(false, Ordering::Release);
                }
                () = tokio::time::sleep(wait.max(SHORTEST)) => {}
            }
        }
    }

    /// Takes a connection that a peer has made.
    pub fn accept(&self, link: Link) {
        let id = self.id();
        self.begin(id, Input::Accepted(id), link);
    }

    /// Tells other nodes what an operator of this one has said. Says whether they will know: of too
    /// many words, and of too long ones, they do not.
    pub fn say(&self, said: Said) -> bool {
        let now = self.0.dial.now();
        let is_taken = self.0.core.state.lock().section.say_word(now, said);
        self.act();
        is_taken
    }

    /// What was said of something, on whatever node.
    pub fn word(&self, thing: &Thing) -> Option<Word> {
        self.0.core.state.lock().section.words().of(thing).cloned()
    }

    /// What operators have said, on all nodes.
    pub fn words(&self) -> Vec<Word> {
        let state = self.0.core.state.lock();
        let words = state.section.words().since(0);
        words.map(|(_, word)| word.clone()).collect()
    }

    /// Teaches the new process, if there is one, and gives up after five seconds.
    pub async fn stop(&self) {
        self.handle(Input::Stop);
        while !self.0.core.state.lock().section.is_stopped() {
            self.0.stopped.notified().await;
        }
    }

    fn id(&self) -> ConnId {
        let next = self.0.next.get();
        self.0.next.set(next + 1);
        ConnId(next)
    }

    fn begin(&self, id: ConnId, input: Input, link: Link) {
        let line = Arc::new(Line::default());
        let (reader, writer) = tokio::io::split(link.stream);
        self.0.conns.borrow_mut().insert(id, Arc::clone(&line));
        let outgoing = Outgoing::new(Arc::clone(&line), writer);
        self.0.core.state.lock().lines.insert(id, outgoing);
        self.handle(input);
        if link.is_verified {
            self.0.core.state.lock().section.trust(id);
        }
        tokio::task::spawn_local(self.clone().converse(id, line, reader));
    }

    /// Tells the machine, and does what it says.
    fn handle(&self, input: Input) {
        let now = self.0.dial.now();
        self.0.core.state.lock().section.handle(now, input);
        self.act();
    }

    fn act(&self) {
        loop {
            let output = self.0.core.state.lock().section.poll_output();
            match output {
                None => break,
                Some(Output::Call(peer)) => {
                    tokio::task::spawn_local(self.clone().call(peer));
                }
                Some(Output::Close(id)) => {
                    if let Some(line) = self.0.conns.borrow().get(&id) {
                        line.is_over.store(true, Ordering::Relaxed);
                        line.wake.notify_one();
                        line.over.notify_one();
                    }
                }
                Some(Output::Event(event)) => self.0.dial.tell(&event),
                Some(Output::Word(word)) => self.0.dial.obey(&word),
                Some(Output::Stopped) => self.0.stopped.notify_waiters(),
            }
        }
        let mut state = self.0.core.state.lock();
        for (id, line) in self.0.conns.borrow().iter() {
            if state
                .section
                .outgoing(*id)
                .is_some_and(|bytes| !bytes.is_empty())
            {
                line.wake.notify_one();
            }
        }
        let next = state.section.poll_timeout();
        if next.is_some_and(|next| next < self.0.sleeps_until.get()) {
            self.0.core.wake.notify_one();
        }
    }

    async fn call(self, peer: usize) {
        let dialled = tokio::time::timeout(CONNECT_TIMEOUT, self.0.dial.dial(peer)).await;
        match dialled {
            Ok(Ok(link)) => {
                let id = self.id();
                self.begin(id, Input::Called(peer, id), link);
            }
            Ok(Err(_)) | Err(_) => self.handle(Input::CallFailed(peer)),
        }
        // The next deadline may be an earlier one.
        self.0.core.wake.notify_one();
    }

    async fn converse(self, id: ConnId, line: Arc<Line>, reader: ReadHalf<Box<dyn Stream>>) {
        tokio::select! {
            () = stream::receive(&self, id, reader) => {}
            () = stream::send(&self, id, &line) => {}
            () = line.lapse() => {}
        }
        self.0.conns.borrow_mut().remove(&id);
        self.0.core.state.lock().lines.remove(&id);
        self.handle(Input::Closed(id));
        self.0.core.wake.notify_one();
    }
}

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the last bytes of a connection that is over may take.
const GRACE: Duration = Duration::from_secs(2);

/// Longest time between two looks at deadlines.
const LONGEST: Duration = Duration::from_secs(1);

/// Shortest time between two looks without anything happening.
const SHORTEST: Duration = Duration::from_millis(1);
