//! Connections that carry many streams: HTTP/2's machine joined to a socket and to tasks.
//!
//! The machine (`lbd_http::h2`) knows no socket; here is one ([`Link`]), driven by one task, and a
//! stream of it that looks like a transport ([`H2Stream`]), so that requests and responses go the
//! same way through `stream` whatever carries them.

pub(crate) mod front;

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use lbd_http::Head;
use lbd_http::h2::{Connection, ErrorCode, Incoming, Key, Read, Sent};

use crate::pool::{Buf, Pool};
use crate::transport::Transport;

/// A connection: its socket, its machine, and who waits for it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) io: Transport,
    pub(crate) machine: RefCell<Connection>,
    /// Received and not used yet: the beginning of a frame.
    input: RefCell<Buf>,
    /// The task that reads and writes the socket.
    driver: RefCell<Option<Waker>>,
    /// Owners of streams, by slot.
    owners: RefCell<Vec<Option<Waker>>>,
    /// The socket has ended or failed.
    is_broken: Cell<bool>,
    /// The driver was told and has not looked yet.
    is_poked: Cell<bool>,
}

impl Link {
    pub(crate) fn new(io: Transport, machine: Connection, input: Buf) -> Rc<Self> {
        Rc::new(Self {
            io,
            machine: RefCell::new(machine),
            input: RefCell::new(input),
            driver: RefCell::default(),
            owners: RefCell::default(),
            is_broken: Cell::new(false),
            is_poked: Cell::new(false),
        })
    }

    /// Tells the driver that something may be there to be sent.
    fn poke(&self) {
        if !self.is_poked.replace(true)
            && let Some(driver) = self.driver.borrow().as_ref()
        {
            driver.wake_by_ref();
        }
    }

    /// Remembers the driver's task.
    pub(crate) fn adopt(&self, cx: &Context<'_>) {
        let mut driver = self.driver.borrow_mut();
        if !driver
            .as_ref()
            .is_some_and(|kept| kept.will_wake(cx.waker()))
        {
            *driver = Some(cx.waker().clone());
        }
        self.is_poked.set(false);
    }

    /// Wakes the owners of streams on which something happened.
    pub(crate) fn wake_owners(&self) {
        let touched = self.machine.borrow_mut().take_touched();
        {
            let owners = self.owners.borrow();
            for slot in &touched {
                if let Some(Some(owner)) = owners.get(*slot as usize) {
                    owner.wake_by_ref();
                }
            }
        }
        self.machine.borrow_mut().give_touched(touched);
    }

    /// Reads what came, as long as it comes; true when the socket has ended.
    pub(crate) fn fill(&self, cx: &mut Context<'_>, pool: &Pool, max_frames: usize) -> bool {
        let mut input = self.input.borrow_mut();
        loop {
            if !self.machine.borrow().wants_input() {
                break;
            }
            if input.capacity() < crate::pool::LARGE_SIZE {
                // An idle connection holds no buffer: wait first, then take one.
                if input.is_empty() && self.io.poll_readable(cx).is_pending() {
                    break;
                }
                let mut large = pool.large();
                let kept = input.data();
                large.room()[..kept.len()].copy_from_slice(kept);
                large.filled(kept.len());
                pool.give(std::mem::replace(&mut *input, large));
            }
            match self.io.poll_read(cx, input.room()) {
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.break_off();
                    break;
                }
                Poll::Ready(Ok(read)) => {
                    input.filled(read);
                    self.digest(&mut input, max_frames);
                }
                Poll::Pending => break,
            }
        }
        let held = std::mem::take(&mut *input);
        if held.is_empty() {
            pool.give(held);
        } else {
            *input = pool.settle(held);
        }
        self.is_broken.get()
    }

    fn digest(&self, input: &mut Buf, max_frames: usize) {
        loop {
            let used = self.machine.borrow_mut().receive(input.data(), max_frames);
            input.eat(used);
            if used == 0 || input.is_empty() {
                return;
            }
        }
    }

    /// Looks at what was there before the connection became one of HTTP/2.
    pub(crate) fn digest_first(&self) {
        self.digest(&mut self.input.borrow_mut(), usize::MAX);
    }

    /// Sends what is ready; ready when nothing is left, an error when the socket has failed.
    pub(crate) fn flush(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut machine = self.machine.borrow_mut();
            let output = machine.output();
            if output.is_empty() {
                return Poll::Ready(());
            }
            if self.is_broken.get() {
                let len = output.len();
                machine.advance(len);
                return Poll::Ready(());
            }
            match self.io.poll_write(cx, &[IoSlice::new(output)], false) {
                Poll::Ready(Ok(sent)) => machine.advance(sent),
                Poll::Ready(Err(_)) => {
                    drop(machine);
                    self.break_off();
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The socket has ended: so have all streams that are not complete.
    fn break_off(&self) {
        self.is_broken.set(true);
        self.machine.borrow_mut().abandon();
    }

    /// Ends the connection without a word.
    pub(crate) fn drop_silently(&self) {
        self.break_off();
        self.poke();
    }

    /// Ends the connection at once, saying why.
    pub(crate) fn kill(&self, code: ErrorCode) {
        self.machine.borrow_mut().kill(code);
        self.poke();
    }

    fn register(&self, key: Key, cx: &Context<'_>) {
        let mut owners = self.owners.borrow_mut();
        if owners.len() <= key.slot() {
            owners.resize(key.slot() + 1, None);
        }
        let owner = &mut owners[key.slot()];
        if !owner
            .as_ref()
            .is_some_and(|kept| kept.will_wake(cx.waker()))
        {
            *owner = Some(cx.waker().clone());
        }
    }
}

/// A stream of a connection, in place of a transport of its own.
#[derive(Debug)]
pub struct H2Stream {
    pub(crate) link: Rc<Link>,
    key: Key,
}

impl H2Stream {
    /// Holds a stream that the peer began.
    pub(crate) fn new(link: &Rc<Link>, key: Key) -> Self {
        Self {
            link: Rc::clone(link),
            key,
        }
    }

    /// Holds none.
    pub(crate) fn none(link: &Rc<Link>) -> Self {
        Self::new(link, Key::NONE)
    }

    fn gone() -> io::Error {
        io::Error::from(io::ErrorKind::ConnectionReset)
    }

    /// Takes the next head that came.
    pub(crate) fn take_head(&self, head: &mut Head) -> Option<Incoming> {
        self.link.machine.borrow_mut().take_head(self.key, head)
    }

    /// Takes the trailers that came.
    pub(crate) fn take_trailers(&self) -> Option<Head> {
        self.link.machine.borrow_mut().take_trailers(self.key)
    }

    /// Whether the stream was ended because its message is malformed.
    pub(crate) fn is_faulty(&self) -> bool {
        self.link.machine.borrow_mut().is_faulty(self.key)
    }

    /// Sends a response head.
    pub(crate) fn send_response(&self, head: &Head, is_end: bool) {
        let mut machine = self.link.machine.borrow_mut();
        machine.send_response(self.key, head, is_end);
        drop(machine);
        self.link.poke();
    }

    /// Says that the connection takes no new streams.
    pub(crate) fn say_goodbye(&self) {
        self.link.machine.borrow_mut().say_goodbye();
    }

    /// Sends trailers, which are the end.
    pub(crate) fn send_trailers(&self, head: &Head) {
        let mut machine = self.link.machine.borrow_mut();
        machine.send_trailers(self.key, head);
        drop(machine);
        self.link.poke();
    }

    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut machine = self.link.machine.borrow_mut();
        let had = machine.output().len();
        let read = machine.read(self.key, buf);
        let said = machine.output().len() > had;
        drop(machine);
        if said {
            self.link.poke();
        }
        match read {
            Read::Data(len) => Poll::Ready(Ok(len)),
            Read::End => Poll::Ready(Ok(0)),
            Read::Reset(_) => Poll::Ready(Err(Self::gone())),
            Read::Pending => {
                self.link.register(self.key, cx);
                Poll::Pending
            }
        }
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.link.machine.borrow_mut().read(self.key, &mut []) {
            Read::Pending => {
                self.link.register(self.key, cx);
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// Whether the stream was reset or its connection is gone.
    pub(crate) fn is_gone(&self, cx: &Context<'_>) -> bool {
        let is_gone = self
            .link
            .machine
            .borrow_mut()
            .reset_code(self.key)
            .is_some();
        if !is_gone {
            self.link.register(self.key, cx);
        }
        is_gone
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = self.link.machine.borrow_mut().write(self.key, slices);
        self.link.poke();
        match sent {
            Sent::Taken(len) => Poll::Ready(Ok(len)),
            Sent::Full => {
                self.link.register(self.key, cx);
                Poll::Pending
            }
            Sent::Gone => Poll::Ready(Err(Self::gone())),
        }
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&self) {
        self.link.machine.borrow_mut().finish(self.key);
        self.link.poke();
    }

    /// Cuts the stream off.
    pub(crate) fn reset(&self, code: ErrorCode) {
        self.link.machine.borrow_mut().reset(self.key, code);
        self.link.poke();
    }
}

impl Drop for H2Stream {
    fn drop(&mut self) {
        self.link.machine.borrow_mut().release(self.key);
        if let Some(owner) = self.link.owners.borrow_mut().get_mut(self.key.slot()) {
            *owner = None;
        }
        self.link.poke();
    }
}
