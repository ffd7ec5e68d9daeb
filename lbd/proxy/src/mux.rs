//! Connections that carry many streams: HTTP/2's machine joined to a socket and to tasks.
//!
//! The machine (`lbd_http::h2`) knows no socket; here is one ([`Link`]), driven by one task, and a
//! stream of it that looks like a transport ([`H2Stream`]), so that requests and responses go the
//! same way through `stream` whatever carries them.

pub(crate) mod back;
pub(crate) mod front;
mod probe;
mod tally;

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use lbd_config::config::Tune;
use lbd_http::Head;
use lbd_http::h2::{Config, Connection, ErrorCode, Incoming, Key, Read, Role, Scheme, Sent};

use crate::pool::{Buf, Pool};
use crate::state::counters::Counters;
use crate::transport::Transport;
use tally::Tally;

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
    /// Who waits for the peer's settings.
    waiting: RefCell<Vec<Waker>>,
    /// Streams promised and not begun yet.
    pub(crate) reserved: Cell<usize>,
    tally: Tally,
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
            waiting: RefCell::default(),
            reserved: Cell::new(0),
            tally: Tally::default(),
        })
    }

    /// Adds what has happened since the last call to the counters of its frontend or backend.
    pub(crate) fn tell(&self, counters: &Counters) {
        let machine = self.machine.borrow();
        self.tally
            .tell(machine.counters(), machine.stream_count(), counters);
    }

    /// The connection is gone, and with it its streams.
    pub(crate) fn tell_end(&self, counters: &Counters) {
        self.tally
            .tell(self.machine.borrow().counters(), 0, counters);
        counters.h2_open_connections.dec();
    }

    /// Tells the driver that something may be there to be sent.
    fn poke(&self) {
        if !self.is_poked.replace(true)
            && let Some(driver) = self.driver.borrow().as_ref()
        {
            driver.wake_by_ref();
        }
    }

    /// Streams that may still begin, those promised apart.
    fn room(&self) -> usize {
        let room = self.machine.borrow().room();
        room.saturating_sub(self.reserved.get())
    }

    /// Whether it carries nothing and nothing is to come.
    pub(crate) fn is_idle(&self) -> bool {
        self.machine.borrow().is_idle() && self.reserved.get() == 0
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

    fn wait_for_greeting(&self, cx: &Context<'_>) {
        self.waiting.borrow_mut().push(cx.waker().clone());
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
        let mut machine = self.machine.borrow_mut();
        machine.give_touched(touched);
        if machine.is_greeted() || machine.is_failed() {
            self.waiting.take().iter().for_each(Waker::wake_by_ref);
        }
    }

    /// Reads what came, as long as it comes; true when the socket has ended.
    pub(crate) fn fill(&self, cx: &mut Context<'_>, pool: &Pool, budget: Budget) -> bool {
        let mut input = self.input.borrow_mut();
        let mut budget = budget;
        loop {
            if !self.machine.borrow().wants_input() {
                break;
            }
            if !self.digest(&mut input, &mut budget) {
                // The others have their turn first.
                cx.waker().wake_by_ref();
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

    /// Looks at what has come; false when the budget is used up.
    fn digest(&self, input: &mut Buf, budget: &mut Budget) -> bool {
        let mut machine = self.machine.borrow_mut();
        while !input.is_empty() && machine.wants_input() {
            if budget.frames == 0 || budget.resets == 0 {
                return false;
            }
            let resets = machine.counters().resets;
            let at_once = match budget.is_bounded() {
                true => 1,
                false => usize::MAX,
            };
            let used = machine.receive(input.data(), at_once);
            if used == 0 {
                break;
            }
            input.eat(used);
            if at_once == 1 {
                budget.frames -= 1;
            }
            let resets = machine.counters().resets - resets;
            budget.resets = budget.resets.saturating_sub(resets as usize);
        }
        true
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

/// What of a peer's frames is looked at before others have their turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    frames: usize,
    resets: usize,
}

impl Budget {
    /// So many frames and resets at once; 0 for no limit.
    pub(crate) fn new(frames: u32, resets: u32) -> Self {
        let limit = |n: u32| match n {
            0 => usize::MAX,
            n => n as usize,
        };
        Self {
            frames: limit(frames),
            resets: limit(resets),
        }
    }

    fn is_bounded(self) -> bool {
        self.frames != usize::MAX || self.resets != usize::MAX
    }
}

/// What connections with clients and with servers have in common.
fn common(role: Role, tune: &Tune) -> Config {
    let config = Config::new(role);
    let bufsize = u32::try_from(tune.bufsize).unwrap_or(u32::MAX);
    // No frame is announced that does not fit a buffer.
    let longest = bufsize.clamp(config.max_frame_size, MAX_FRAME_SIZE);
    Config {
        header_table_size: tune
            .h2
            .header_table_size
            .unwrap_or(config.header_table_size),
        max_frame_size: tune.h2.max_frame_size.unwrap_or(longest).min(longest),
        ..config
    }
}

/// Longest frame that we announce: less than the space that frames are read into.
const MAX_FRAME_SIZE: u32 = 128 * 1024;

/// A stream of a connection, in place of a transport of its own.
#[derive(Debug)]
pub struct H2Stream {
    pub(crate) link: Rc<Link>,
    key: Cell<Key>,
    /// It is promised and has not begun.
    is_to_come: Cell<bool>,
}

impl H2Stream {
    /// Holds a stream that the peer began.
    pub(crate) fn new(link: &Rc<Link>, key: Key) -> Self {
        Self {
            link: Rc::clone(link),
            key: Cell::new(key),
            is_to_come: Cell::new(false),
        }
    }

    /// Holds none.
    pub(crate) fn none(link: &Rc<Link>) -> Self {
        Self::new(link, Key::NONE)
    }

    /// Holds the place of one that begins with the request.
    pub(crate) fn to_come(link: &Rc<Link>) -> Self {
        link.reserved.set(link.reserved.get() + 1);
        let stream = Self::none(link);
        stream.is_to_come.set(true);
        stream
    }

    fn begin(&self) {
        if self.is_to_come.take() {
            self.link.reserved.set(self.link.reserved.get() - 1);
        }
    }

    /// Sends a request, which begins the stream; false when the connection takes no more.
    pub(crate) fn send_request(&self, head: &Head, protocol: Option<&[u8]>, is_end: bool) -> bool {
        self.begin();
        let mut machine = self.link.machine.borrow_mut();
        let key = machine.open(head, Scheme::default(), protocol, is_end);
        drop(machine);
        self.key.set(key.unwrap_or(Key::NONE));
        self.link.poke();
        key.is_some()
    }

    /// Gives the place of a stream up because its request cannot go this way.
    pub(crate) fn withdraw(&self) {
        self.link.machine.borrow_mut().withdraw();
        self.link.poke();
    }

    /// Takes the next response head when it comes; the peer's code when there will be none.
    pub(crate) fn poll_head(
        &self,
        cx: &Context<'_>,
        head: &mut Head,
    ) -> Poll<Result<Incoming, Option<ErrorCode>>> {
        let mut machine = self.link.machine.borrow_mut();
        if let Some(incoming) = machine.take_head(self.key.get(), head) {
            return Poll::Ready(Ok(incoming));
        }
        if let Some(code) = machine.reset_code(self.key.get()) {
            return Poll::Ready(Err(code));
        }
        drop(machine);
        self.link.register(self.key.get(), cx);
        Poll::Pending
    }

    /// Whether the peer said that it has not looked at the stream: it may be tried again.
    pub(crate) fn was_refused(&self) -> bool {
        let code = self.link.machine.borrow_mut().reset_code(self.key.get());
        code == Some(Some(ErrorCode::REFUSED_STREAM))
    }

    /// Whether the server takes extended CONNECT, once its settings have come.
    pub(crate) fn poll_takes_websocket(&self, cx: &Context<'_>) -> Poll<bool> {
        let machine = self.link.machine.borrow();
        if machine.is_greeted() || machine.is_failed() {
            return Poll::Ready(machine.takes_extended_connect());
        }
        drop(machine);
        self.link.wait_for_greeting(cx);
        Poll::Pending
    }

    fn gone() -> io::Error {
        io::Error::from(io::ErrorKind::ConnectionReset)
    }

    /// Takes the next head that came.
    pub(crate) fn take_head(&self, head: &mut Head) -> Option<Incoming> {
        self.link
            .machine
            .borrow_mut()
            .take_head(self.key.get(), head)
    }

    /// Takes the trailers that came.
    pub(crate) fn take_trailers(&self) -> Option<Head> {
        self.link.machine.borrow_mut().take_trailers(self.key.get())
    }

    /// Whether the stream, or the connection when there is none, was ended for the peer's fault.
    pub(crate) fn is_faulty(&self) -> bool {
        let mut machine = self.link.machine.borrow_mut();
        let key = self.key.get();
        machine.is_faulty(key) || (key == Key::NONE && machine.fault().is_some())
    }

    /// Whether this stands for the connection itself.
    pub(crate) fn is_none(&self) -> bool {
        self.key.get() == Key::NONE
    }

    /// Odd things that the peer of the connection did so far.
    pub(crate) fn glitches(&self) -> u32 {
        self.link.machine.borrow().counters().glitches
    }

    /// Sends a response head.
    pub(crate) fn send_response(&self, head: &Head, is_end: bool) {
        let mut machine = self.link.machine.borrow_mut();
        machine.send_response(self.key.get(), head, is_end);
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
        machine.send_trailers(self.key.get(), head);
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
        let read = machine.read(self.key.get(), buf);
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
                self.link.register(self.key.get(), cx);
                Poll::Pending
            }
        }
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.link.machine.borrow_mut().read(self.key.get(), &mut []) {
            Read::Pending => {
                self.link.register(self.key.get(), cx);
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
            .reset_code(self.key.get())
            .is_some();
        if !is_gone {
            self.link.register(self.key.get(), cx);
        }
        is_gone
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = self.link.machine.borrow_mut().write(self.key.get(), slices);
        self.link.poke();
        match sent {
            Sent::Taken(len) => Poll::Ready(Ok(len)),
            Sent::Full => {
                self.link.register(self.key.get(), cx);
                Poll::Pending
            }
            Sent::Gone => Poll::Ready(Err(Self::gone())),
        }
    }

    /// Says that nothing more comes.
    pub(crate) fn finish(&self) {
        self.link.machine.borrow_mut().finish(self.key.get());
        self.link.poke();
    }

    /// Cuts the stream off.
    pub(crate) fn reset(&self, code: ErrorCode) {
        self.link.machine.borrow_mut().reset(self.key.get(), code);
        self.link.poke();
    }
}

impl Drop for H2Stream {
    fn drop(&mut self) {
        self.begin();
        self.link.machine.borrow_mut().release(self.key.get());
        if let Some(owner) = self.link.owners.borrow_mut().get_mut(self.key.get().slot()) {
            *owner = None;
        }
        self.link.poke();
    }
}
