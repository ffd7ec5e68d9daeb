//! The load and the origin behind the proxy, in one thread over one epoll instance.
//!
//! Both in one thread: fewer context switches on their core, so that the proxy's core is the one
//! that is full. It checks what comes back, but is no HTTP implementation: it knows its own bodies.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rustls::ClientConfig;
use socket2::{Domain, Protocol, Socket, Type};
use support::port::bind_free;

use crate::histogram::Histogram;

mod client;
mod line;
mod origin;

use client::{Client, Fate};
use line::Line;
use origin::OriginConnection;

const LISTENER: u64 = u64::MAX;
const SINK: u64 = u64::MAX - 1;
/// How long connections of a filling run may take together.
const FILL_LIMIT: Duration = Duration::from_secs(60);

/// What the clients do.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub target: SocketAddr,
    /// `/`, `/64k` or `/1m`.
    pub path: &'static str,
    pub connections: usize,
    pub duration: Duration,
    pub pace: Pace,
    /// Connections speak TLS.
    pub tls: Option<Arc<ClientConfig>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// Each connection sends its next request when the answer is there.
    Closed,
    /// Like `Closed`, with a new connection for each request.
    NewConnection,
    /// Requests per second at fixed moments; latency counts from the moment, not from the sending.
    Rate(f64),
    /// One request per connection, then it stays open and idle.
    Fill,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Answered after the ramp.
    pub requests: u64,
    /// Of them on connections whose session was resumed, or without TLS.
    pub resumed: u64,
    /// Answered in all.
    pub answered: u64,
    pub errors: u64,
    pub elapsed: Duration,
    pub latency: Histogram,
    /// Growth of the caller's figure between the end of the ramp and the end of the run.
    pub probed: u64,
}

/// A thread's load generator and origin.
#[derive(Debug)]
pub(crate) struct Engine {
    epoll: Epoll,
    listener: TcpListener,
    address: SocketAddr,
    sink: UdpSocket,
    log_lines: u64,
    slots: Vec<Slot>,
    unused: Vec<usize>,
    buffer: Vec<u8>,
    bodies: origin::Bodies,
}

#[derive(Debug)]
enum Slot {
    Client(Client),
    Origin(OriginConnection),
    Unused,
}

struct Run<'a> {
    load: &'a Load,
    request: Vec<u8>,
    requests: u64,
    resumed: u64,
    answered: u64,
    errors: u64,
    latency: Histogram,
    /// Connections without a request, for paces that choose one.
    idle: Vec<usize>,
    /// Moments at which a request was due and no connection was free.
    late: VecDeque<Instant>,
    opened: usize,
    is_measuring: bool,
}

impl Engine {
    /// Listens on a free port of 127.0.0.1, and on a free UDP port for logs.
    pub(crate) fn new() -> io::Result<Self> {
        let listener = listen()?;
        let address = listener.local_addr()?;
        let (sink, _) = bind_free(UdpSocket::bind)?;
        sink.set_nonblocking(true)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        epoll.add(&sink, EpollEvent::new(EpollFlags::EPOLLIN, SINK))?;
        Ok(Self {
            epoll,
            listener,
            address,
            sink,
            log_lines: 0,
            slots: Vec::new(),
            unused: Vec::new(),
            buffer: vec![0; 256 << 10],
            bodies: origin::Bodies::new(),
        })
    }

    /// Where the origin listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the log sink listens.
    pub(crate) fn sink_address(&self) -> io::Result<SocketAddr> {
        self.sink.local_addr()
    }

    /// Log lines received so far.
    pub(crate) fn log_lines(&self) -> u64 {
        self.log_lines
    }

    /// Runs the load. `probe` gives the figure whose growth is wanted (the proxy's CPU time).
    /// `while_open` is called before the connections of the clients are closed.
    pub(crate) fn run(
        &mut self,
        load: &Load,
        mut probe: impl FnMut() -> u64,
        while_open: impl FnOnce(),
    ) -> io::Result<Outcome> {
        let mut run = Run::new(load);
        self.open_first(&mut run)?;
        let ramp = if load.pace == Pace::Fill {
            Duration::ZERO
        } else {
            load.duration / 10
        };
        self.turn_for(&mut run, ramp)?;
        run.start_measuring();
        let (start, before) = (Instant::now(), probe());
        let limit = if load.pace == Pace::Fill {
            FILL_LIMIT
        } else {
            load.duration
        };
        self.turn_for(&mut run, limit)?;
        let (probed, elapsed) = (probe().saturating_sub(before), start.elapsed());
        if load.pace == Pace::Fill {
            run.errors += load.connections.saturating_sub(run.idle.len()) as u64;
        }
        while_open();
        self.close_clients();
        let Run {
            requests,
            resumed,
            answered,
            errors,
            latency,
            ..
        } = run;
        Ok(Outcome {
            requests,
            resumed,
            answered,
            errors,
            elapsed,
            latency,
            probed,
        })
    }

    /// Serves as the origin until `is_done` says that the load from elsewhere has ended.
    pub(crate) fn serve_until(&mut self, mut is_done: impl FnMut() -> bool) -> io::Result<()> {
        let load = Load {
            target: self.address,
            path: "/",
            connections: 0,
            duration: Duration::ZERO,
            pace: Pace::Closed,
            tls: None,
        };
        let mut run = Run::new(&load);
        let mut looked = Instant::now();
        loop {
            self.turn(&mut run, EpollTimeout::from(5u8))?;
            if looked.elapsed() > Duration::from_millis(5) {
                if is_done() {
                    return Ok(());
                }
                looked = Instant::now();
            }
        }
    }

    fn open_first(&mut self, run: &mut Run<'_>) -> io::Result<()> {
        // A filling run must not make the proxy open many connections to its servers.
        let at_once = if run.load.pace == Pace::Fill {
            20
        } else {
            run.load.connections
        };
        for _ in 0..at_once.min(run.load.connections) {
            self.open(run)?;
        }
        Ok(())
    }

    fn turn_for(&mut self, run: &mut Run<'_>, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        let Pace::Rate(rate) = run.load.pace else {
            while Instant::now() < end && !run.is_filled() {
                self.turn(run, EpollTimeout::from(20u8))?;
            }
            return Ok(());
        };
        let interval = Duration::from_secs_f64(1.0 / rate.max(1.0));
        let mut due = Instant::now();
        while due < end {
            while due <= Instant::now() {
                run.late.push_back(due);
                due += interval;
            }
            self.send_due(run);
            // This thread has a core to itself: asking again beats a timer of one millisecond.
            self.turn(run, EpollTimeout::ZERO)?;
        }
        Ok(())
    }

    fn send_due(&mut self, run: &mut Run<'_>) {
        while !run.idle.is_empty() && !run.late.is_empty() {
            let (Some(token), Some(due)) = (run.idle.pop(), run.late.pop_front()) else {
                return;
            };
            if let Slot::Client(client) = &mut self.slots[token] {
                client.send(&run.request, due);
            }
        }
    }

    fn turn(&mut self, run: &mut Run<'_>, timeout: EpollTimeout) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); 256];
        let count = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(e) => return Err(e.into()),
        };
        // Reused only in the next turn: an event of this one may still name them.
        let mut freed = Vec::new();
        for event in &events[..count] {
            match event.data() {
                LISTENER => self.accept()?,
                SINK => self.drain_sink(),
                // Made of an index below.
                token => {
                    let token = usize::try_from(token).unwrap_or(usize::MAX);
                    self.on_event(token, event.events(), run, &mut freed)?
                }
            }
        }
        self.unused.append(&mut freed);
        Ok(())
    }

    fn on_event(
        &mut self,
        token: usize,
        events: EpollFlags,
        run: &mut Run<'_>,
        freed: &mut Vec<usize>,
    ) -> io::Result<()> {
        match mem::replace(&mut self.slots[token], Slot::Unused) {
            Slot::Unused => {}
            Slot::Origin(mut connection) => {
                if connection.on_event(&self.bodies, &mut self.buffer) {
                    self.slots[token] = Slot::Origin(connection);
                } else {
                    freed.push(token);
                }
            }
            Slot::Client(mut client) => {
                let fate = client.on_event(token, events, &mut self.buffer, run);
                let opened_all = run.load.pace == Pace::Fill && run.opened >= run.load.connections;
                match fate {
                    Fate::Keep => self.slots[token] = Slot::Client(client),
                    Fate::Settle => {
                        self.slots[token] = Slot::Client(client);
                        if !opened_all {
                            self.open(run)?;
                        }
                    }
                    Fate::Replace => {
                        freed.push(token);
                        drop(client);
                        if run.load.pace != Pace::Fill {
                            self.open(run)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, run: &mut Run<'_>) -> io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&run.load.target.into()) {
            Ok(()) => {}
            Err(e) if e.raw_os_error() == Some(nix::libc::EINPROGRESS) => {}
            Err(e) => return Err(e),
        }
        run.opened += 1;
        let stream = TcpStream::from(socket);
        let line = match &run.load.tls {
            None => Line::clear(stream),
            Some(config) => Line::tls(stream, config)?,
        };
        self.register(Slot::Client(Client::new(line)))
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    self.register(Slot::Origin(OriginConnection::new(stream)))?;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::ConnectionAborted => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn register(&mut self, slot: Slot) -> io::Result<()> {
        let token = self.unused.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Unused);
            self.slots.len() - 1
        });
        let flags = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLOUT
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLET;
        let event = EpollEvent::new(flags, token as u64);
        match &slot {
            Slot::Client(client) => self.epoll.add(client.stream(), event)?,
            Slot::Origin(connection) => self.epoll.add(connection.stream(), event)?,
            Slot::Unused => return Ok(()),
        }
        self.slots[token] = slot;
        Ok(())
    }

    fn drain_sink(&mut self) {
        while let Ok(count) = self.sink.recv(&mut self.buffer) {
            // A batching sender may put several lines into one datagram.
            let lines = self.buffer[..count]
                .split(|&b| b == b'\n')
                .filter(|l| !l.is_empty());
            self.log_lines += lines.count() as u64;
        }
    }

    fn close_clients(&mut self) {
        for (token, slot) in self.slots.iter_mut().enumerate() {
            if matches!(slot, Slot::Client(_)) {
                *slot = Slot::Unused;
                self.unused.push(token);
            }
        }
    }
}

impl<'a> Run<'a> {
    fn new(load: &'a Load) -> Self {
        let close = if load.pace == Pace::NewConnection {
            "Connection: close\r\n"
        } else {
            ""
        };
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: perf/1.0\r\nAccept: */*\r\n{close}\r\n",
            load.path, load.target
        );
        Self {
            load,
            request: request.into_bytes(),
            requests: 0,
            resumed: 0,
            answered: 0,
            errors: 0,
            latency: Histogram::new(),
            idle: Vec::new(),
            late: VecDeque::new(),
            opened: 0,
            is_measuring: false,
        }
    }

    fn start_measuring(&mut self) {
        self.requests = 0;
        self.resumed = 0;
        self.latency = Histogram::new();
        self.late.clear();
        self.is_measuring = true;
    }

    fn is_filled(&self) -> bool {
        self.load.pace == Pace::Fill && self.idle.len() >= self.load.connections
    }

    fn completed(&mut self, started: Instant, is_resumed: bool) {
        self.requests += 1;
        self.resumed += u64::from(is_resumed);
        self.answered += 1;
        if self.is_measuring {
            self.latency.record(started.elapsed());
        }
    }
}

/// A listener with a long queue, whose connections do not delay small writes.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let (socket, _) = bind_free(|address| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&address.into())?;
        socket.listen(65_535)?;
        Ok(socket)
    })?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from(socket))
}

#[cfg(test)]
mod tests;
