//! A small scriptable server behind the proxy: HTTP/1 or raw TCP, one thread per connection.
//!
//! It records every request and says its name in the `x-server` header of every reply that it
//! builds. It is no full HTTP server: it answers what the test's closure says, right or wrong.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::message::{Input, Request};
use crate::port::bind_free;
use crate::stream::{Address, Stream};
use crate::wait::poll_until;

mod reply;

pub use reply::Reply;
use reply::{End, Step};

/// Longer than any test waits: a connection that nobody uses is ended by the proxy or the drop.
const IDLE: Duration = Duration::from_secs(120);

/// How long [`Origin::restart`] waits for its port: a program that is being started may hold the
/// old listener's descriptor for a moment.
const REBIND: Duration = Duration::from_secs(5);

type Answer = dyn Fn(&Request, usize) -> Reply + Send + Sync;
type Raw = dyn Fn(Stream, usize) + Send + Sync;

enum Behaviour {
    Http(Box<Answer>),
    Raw(Box<Raw>),
}

/// A running server; it stops on drop.
#[derive(Debug)]
pub struct Origin {
    shared: Arc<Shared>,
    acceptor: Mutex<Option<(JoinHandle<()>, Arc<Listener>)>>,
}

struct Shared {
    name: String,
    address: Address,
    reads_proxy_line: bool,
    behaviour: Behaviour,
    stopping: AtomicBool,
    accepted: AtomicUsize,
    served: AtomicUsize,
    requests: Mutex<Vec<Request>>,
    open: Mutex<HashMap<usize, Stream>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.name, self.address)
    }
}

/// What an [`Origin`] is to be before it starts.
#[derive(Clone, Debug)]
pub struct OriginBuilder {
    name: String,
    address: Option<Address>,
    reads_proxy_line: bool,
}

impl OriginBuilder {
    /// Listens at the path of a unix socket.
    #[must_use]
    pub fn unix(mut self, path: impl Into<String>) -> Self {
        self.address = Some(Address::Unix(path.into()));
        self
    }

    /// Listens on this port of 127.0.0.1 (else on a free one).
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.address = Some(Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        self
    }

    /// Expects a PROXY protocol v1 line before the first request of each connection.
    #[must_use]
    pub fn reads_proxy_line(mut self) -> Self {
        self.reads_proxy_line = true;
        self
    }

    /// Starts an HTTP server whose closure gets each request and its number (from 0) at this server.
    pub fn answering(
        self,
        answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Origin {
        self.start(Behaviour::Http(Box::new(answer)))
    }

    /// Starts a server that gives each connection and its number (from 0) to the closure.
    pub fn raw(self, serve: impl Fn(Stream, usize) + Send + Sync + 'static) -> Origin {
        self.start(Behaviour::Raw(Box::new(serve)))
    }

    fn start(self, behaviour: Behaviour) -> Origin {
        let (listener, address) = match self.address {
            Some(address) => (Listener::bind(&address), address),
            None => {
                let (listener, address) = bind_free(TcpListener::bind).expect("listen");
                (Listener::Tcp(listener), Address::Tcp(address))
            }
        };
        let origin = Origin {
            shared: Arc::new(Shared {
                name: self.name,
                address,
                reads_proxy_line: self.reads_proxy_line,
                behaviour,
                stopping: AtomicBool::new(true),
                accepted: AtomicUsize::new(0),
                served: AtomicUsize::new(0),
                requests: Mutex::default(),
                open: Mutex::default(),
            }),
            acceptor: Mutex::new(None),
        };
        origin.accept_from(listener);
        origin
    }
}

impl Origin {
    /// A server to be set up further.
    pub fn builder(name: impl Into<String>) -> OriginBuilder {
        OriginBuilder {
            name: name.into(),
            address: None,
            reads_proxy_line: false,
        }
    }

    /// An HTTP server that answers every request with 200 and its name as the body.
    pub fn http(name: impl Into<String>) -> Self {
        let name = name.into();
        let body = name.clone();
        Self::builder(name).answering(move |_, _| Reply::ok(&body))
    }

    /// An HTTP server with a script: the closure gets each request and its number (from 0).
    pub fn answering(
        name: impl Into<String>,
        answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::builder(name).answering(answer)
    }

    /// A TCP server: the closure gets each connection and its number (from 0).
    pub fn raw(
        name: impl Into<String>,
        serve: impl Fn(Stream, usize) + Send + Sync + 'static,
    ) -> Self {
        Self::builder(name).raw(serve)
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        self.shared.address.clone()
    }

    /// The port it listens on; 0 on a unix socket.
    pub fn port(&self) -> u16 {
        match &self.shared.address {
            Address::Tcp(address) => address.port(),
            Address::Unix(_) => 0,
        }
    }

    /// The requests so far, in order of their arrival.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// The last request.
    ///
    /// # Panics
    /// When there was none.
    #[track_caller]
    pub fn last_request(&self) -> Request {
        let last = lock(&self.shared.requests).last().cloned();
        last.unwrap_or_else(|| panic!("{:?} got no request", self.shared))
    }

    /// Waits until `count` requests have come and returns all.
    ///
    /// # Panics
    /// When they do not come within ten seconds.
    #[track_caller]
    pub fn wait_requests(&self, count: usize) -> Vec<Request> {
        let enough = || Some(self.requests()).filter(|r| r.len() >= count);
        poll_until(Duration::from_secs(10), enough).unwrap_or_else(|| {
            panic!(
                "{:?} got {} of {count} requests",
                self.shared,
                self.requests().len()
            )
        })
    }

    /// Forgets the requests so far.
    pub fn clear(&self) {
        lock(&self.shared.requests).clear();
    }

    /// How many connections it has accepted.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Acquire)
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        lock(&self.shared.open).len()
    }

    /// Ends all open connections; the listener stays.
    pub fn drop_connections(&self) {
        for stream in lock(&self.shared.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Stops listening (connections are refused from now on) and ends all connections.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        let acceptor = lock(&self.acceptor).take();
        if let Some((acceptor, listener)) = acceptor {
            // Wakes the thread. A program that is being started may hold the descriptor for a
            // moment longer: closing alone would leave the port listening until then.
            let _ =
                nix::sys::socket::shutdown(listener.as_raw_fd(), nix::sys::socket::Shutdown::Both);
            let _ = acceptor.join();
        }
        if let Address::Unix(path) = &self.shared.address {
            let _ = fs::remove_file(path);
        }
        self.drop_connections();
    }

    /// Listens again at the same address after [`Origin::stop`].
    ///
    /// # Panics
    /// When it cannot.
    pub fn restart(&self) {
        let bound = poll_until(REBIND, || Listener::try_bind(&self.shared.address).ok());
        self.accept_from(bound.unwrap_or_else(|| Listener::bind(&self.shared.address)));
    }

    fn accept_from(&self, listener: Listener) {
        self.shared.stopping.store(false, Ordering::Release);
        let (shared, listener) = (Arc::clone(&self.shared), Arc::new(listener));
        let accepting = Arc::clone(&listener);
        let acceptor = thread::spawn(move || accept(&accepting, &shared));
        *lock(&self.acceptor) = Some((acceptor, listener));
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn bind(address: &Address) -> Self {
        Self::try_bind(address).unwrap_or_else(|e| panic!("listen at {address}: {e}"))
    }

    fn try_bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address).map(Self::Tcp),
            Address::Unix(path) => UnixListener::bind(path).map(Self::Unix),
        }
    }

    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(listener) => listener.as_raw_fd(),
            Self::Unix(listener) => listener.as_raw_fd(),
        }
    }

    fn accept(&self) -> Option<Stream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().ok()?;
                let _ = stream.set_nodelay(true);
                Some(Stream::Tcp(stream))
            }
            Self::Unix(listener) => listener
                .accept()
                .ok()
                .map(|(stream, _)| Stream::Unix(stream)),
        }
    }
}

fn accept(listener: &Listener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let Some(stream) = accepted else { continue };
        let number = shared.accepted.fetch_add(1, Ordering::AcqRel);
        let Ok(handle) = stream.try_clone() else {
            continue;
        };
        lock(&shared.open).insert(number, handle);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            shared.serve(stream, number);
        });
    }
}

impl Shared {
    fn serve(&self, stream: Stream, number: usize) {
        let _ = stream.set_timeout(IDLE);
        match &self.behaviour {
            Behaviour::Http(answer) => {
                let ended = self.serve_http(stream, number, answer);
                // The last handle must be the one that resets.
                let handle = lock(&self.open).remove(&number);
                drop(handle);
                if let Some((stream, End::Reset)) = ended {
                    stream.reset();
                }
            }
            Behaviour::Raw(serve) => {
                serve(stream, number);
                // The closure has dropped its handle; this one must go too for the peer to see it.
                drop(lock(&self.open).remove(&number));
            }
        }
    }

    fn serve_http(
        &self,
        mut stream: Stream,
        connection: usize,
        answer: &Answer,
    ) -> Option<(Stream, End)> {
        let mut input = Input::default();
        let peer = stream.peer();
        let mut proxy = None;
        if self.reads_proxy_line {
            proxy = Some(input.proxy_line(&mut stream).ok()?);
        }
        let mut interim = stream.try_clone().ok()?;
        for sequence in 0.. {
            let go_on = || {
                let _ = interim.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            };
            let mut request = input.request(&mut stream, go_on).ok()?;
            request.proxy.clone_from(&proxy);
            (request.connection, request.sequence) = (connection, sequence);
            request.peer.clone_from(&peer);
            let number = self.served.fetch_add(1, Ordering::AcqRel);
            lock(&self.requests).push(request.clone());
            let reply = answer(&request, number);
            match self.play(&mut stream, reply, &request)? {
                End::KeepAlive if !wants_close(&request) => {}
                end => {
                    drop(interim);
                    return Some((stream, end));
                }
            }
        }
        None
    }

    /// Does what the reply says; `None` when the peer has gone.
    fn play(&self, stream: &mut Stream, reply: Reply, request: &Request) -> Option<End> {
        let (steps, end) = reply.into_steps(&self.name, request);
        for step in steps {
            match step {
                Step::Pause(time) => thread::sleep(time),
                Step::Send(bytes) => stream.write_all(&bytes).ok()?,
            }
        }
        if matches!(end, End::Hang) {
            let mut rest = [0; 4096];
            while io::Read::read(stream, &mut rest).is_ok_and(|count| count > 0) {}
        }
        Some(end)
    }
}

fn wants_close(request: &Request) -> bool {
    match request.header("connection").map(str::to_ascii_lowercase) {
        Some(value) if value.contains("close") => true,
        Some(value) if value.contains("keep-alive") => false,
        _ => request.version == "HTTP/1.0",
    }
}

/// A panicking closure of one connection must not hide what the others recorded.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
