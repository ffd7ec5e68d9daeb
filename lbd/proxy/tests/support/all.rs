//! A running proxy for tests: configurations made by hand, workers on threads, small servers and
//! clients over loopback.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod config;
pub mod net;

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lbd_config::config::{Config, ListenAddress};
use lbd_core::ListenerId;
use lbd_proxy::state::Generation;
use lbd_proxy::{ListenerSocket, LogLine, LogNote, LogSink, Setup, Shared, run_worker};

/// A log sink that keeps lines.
#[derive(Default)]
pub struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn send(&self, _worker: usize, _generation: &Generation, line: &LogLine<'_>) {
        self.0
            .lock()
            .unwrap()
            .push(String::from_utf8_lossy(line.text).into_owned());
    }

    fn note(&self, _worker: usize, _generation: &Generation, _note: &LogNote<'_>) {}

    fn flush(&self, _worker: usize) {}
}

/// A proxy that runs until it is dropped.
pub struct Proxy {
    pub shared: Arc<Shared>,
    pub addr: SocketAddr,
    pub lines: Arc<Lines>,
    threads: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// Runs `config` with this many workers; its first listener gets a port.
    pub fn start(mut config: Config, workers: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        // What is said of the listener is what it has.
        config.listeners[0].address = ListenAddress::Tcp(addr);
        let lines = Arc::new(Lines::default());
        let mut setup = Setup::new(workers);
        setup.log = Arc::clone(&lines) as Arc<dyn LogSink>;
        let shared = Shared::new(Arc::new(config), setup);
        let mut socket = Some(OwnedFd::from(listener));
        let threads = (0..workers)
            .map(|index| {
                let shared = Arc::clone(&shared);
                let sockets = socket
                    .take()
                    .map(|socket| ListenerSocket {
                        id: ListenerId(0),
                        socket,
                        is_shared: true,
                        backlog: 16,
                    })
                    .into_iter()
                    .collect();
                std::thread::spawn(move || run_worker(shared, index, sockets).unwrap())
            })
            .collect();
        Self {
            shared,
            addr,
            lines,
            threads,
        }
    }

    /// The log line number `at`, waited for.
    pub fn line(&self, at: usize) -> String {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(line) = self.lines.0.lock().unwrap().get(at) {
                return line.clone();
            }
            assert!(Instant::now() < until, "no log line {at}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// How many lines there are now.
    pub fn line_count(&self) -> usize {
        self.lines.0.lock().unwrap().len()
    }

    /// Waits until something holds.
    pub fn eventually(&self, what: &str, holds: impl Fn(&Shared) -> bool) {
        let until = Instant::now() + Duration::from_secs(5);
        while !holds(&self.shared) {
            assert!(Instant::now() < until, "never: {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.hard_stop();
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}
