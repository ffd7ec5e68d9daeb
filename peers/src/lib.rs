//! Sessions of peers: the machine of a `peers` section on real streams.
//!
//! It makes no stream, binds no address and decides nothing about the protocol: the daemon hands
//! over what it accepted and connects through [`Dial`]. All of a section runs on one thread.
#![forbid(unsafe_code)]

mod stream;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lbd_core::Time;
pub use peers_proto as proto;
use peers_proto::section::{Event, Input, SectionView};
use peers_proto::words::{Said, Word};
use peers_proto::{ConnId, Output, Section, Spec};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

/// A stream to a peer.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// What a call to a peer gives.
pub type Dialling = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>>>>;

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
    section: RefCell<Section>,
    dial: Box<dyn Dial>,
    conns: RefCell<BTreeMap<ConnId, Rc<Line>>>,
    next: Cell<u64>,
    /// Tables have changed, or the section's next deadline has.
    wake: Arc<Notify>,
    stopped: Notify,
}

/// What a connection's task waits for besides its stream.
#[derive(Default)]
struct Line {
    /// There is something to send, or it is over.
    wake: Notify,
    is_over: Cell<bool>,
    /// It is over.
    over: Notify,
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
        self.0.section.borrow().fmt(f)
    }
}

impl Peers {
    /// A section that begins; [`Peers::run`] must run for it to do something.
    pub fn new(spec: Spec, seed: u64, dial: Box<dyn Dial>) -> Self {
        let wake = Arc::new(Notify::new());
        for shared in &spec.tables {
            let wake = Arc::clone(&wake);
            shared.table.set_waker(move || wake.notify_one());
        }
        let section = RefCell::new(Section::new(spec, dial.now(), seed));
        Self(Rc::new(Inner {
            section,
            dial,
            conns: RefCell::default(),
            next: Cell::new(1),
            wake,
            stopped: Notify::new(),
        }))
    }

    /// Calls peers, pushes changes and watches deadlines, for as long as the runtime lives.
    pub async fn run(self) {
        loop {
            self.handle(Input::Tick);
            let next = self.0.section.borrow().poll_timeout();
            let now = self.0.dial.now();
            let wait = next.map_or(LONGEST, |next| next.since(now)).min(LONGEST);
            tokio::select! {
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(wait.max(SHORTEST)) => {}
            }
        }
    }

    /// Takes a connection that a peer has made.
    pub fn accept(&self, stream: Box<dyn Stream>) {
        let id = self.id();
        self.begin(id, Input::Accepted(id), stream);
    }

    /// How things stand.
    pub fn snapshot(&self) -> SectionView {
        self.0.section.borrow().snapshot(self.0.dial.now())
    }

    /// Tells other nodes what an operator of this one has said. Says whether they will know: of too
    /// many words, and of too long ones, they do not.
    pub fn say(&self, said: Said) -> bool {
        let now = self.0.dial.now();
        let is_taken = self.0.section.borrow_mut().say_word(now, said);
        self.act();
        is_taken
    }

    /// What operators have said, on all nodes.
    pub fn words(&self) -> Vec<Word> {
        let section = self.0.section.borrow();
        let words = section.words().since(0);
        words.map(|(_, word)| word.clone()).collect()
    }

    /// Teaches the new process, if there is one, and gives up after five seconds.
    pub async fn stop(&self) {
        self.handle(Input::Stop);
        while !self.0.section.borrow().is_stopped() {
            self.0.stopped.notified().await;
        }
    }

    fn id(&self) -> ConnId {
        let next = self.0.next.get();
        self.0.next.set(next + 1);
        ConnId(next)
    }

    fn begin(&self, id: ConnId, input: Input, stream: Box<dyn Stream>) {
        let line = Rc::new(Line::default());
        self.0.conns.borrow_mut().insert(id, Rc::clone(&line));
        self.handle(input);
        tokio::task::spawn_local(self.clone().converse(id, line, stream));
    }

    /// Tells the machine, and does what it says.
    fn handle(&self, input: Input) {
        let now = self.0.dial.now();
        self.0.section.borrow_mut().handle(now, input);
        self.act();
    }

    fn act(&self) {
        loop {
            let output = self.0.section.borrow_mut().poll_output();
            match output {
                None => break,
                Some(Output::Call(peer)) => {
                    tokio::task::spawn_local(self.clone().call(peer));
                }
                Some(Output::Close(id)) => {
                    if let Some(line) = self.0.conns.borrow().get(&id) {
                        line.is_over.set(true);
                        line.wake.notify_one();
                        line.over.notify_one();
                    }
                }
                Some(Output::Event(event)) => self.0.dial.tell(&event),
                Some(Output::Word(word)) => self.0.dial.obey(&word),
                Some(Output::Stopped) => self.0.stopped.notify_waiters(),
            }
        }
        let mut section = self.0.section.borrow_mut();
        for (id, line) in self.0.conns.borrow().iter() {
            if section.outgoing(*id).is_some_and(|bytes| !bytes.is_empty()) {
                line.wake.notify_one();
            }
        }
    }

    async fn call(self, peer: usize) {
        let dialled = tokio::time::timeout(CONNECT_TIMEOUT, self.0.dial.dial(peer)).await;
        match dialled {
            Ok(Ok(stream)) => {
                let id = self.id();
                self.begin(id, Input::Called(peer, id), stream);
            }
            Ok(Err(_)) | Err(_) => self.handle(Input::CallFailed(peer)),
        }
        // The next deadline may be an earlier one.
        self.0.wake.notify_one();
    }

    async fn converse(self, id: ConnId, line: Rc<Line>, stream: Box<dyn Stream>) {
        let (reader, writer) = tokio::io::split(stream);
        tokio::select! {
            () = stream::receive(&self, id, reader) => {}
            () = stream::send(&self, id, &line, writer) => {}
            () = line.lapse() => {}
        }
        self.0.conns.borrow_mut().remove(&id);
        self.handle(Input::Closed(id));
        self.0.wake.notify_one();
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
