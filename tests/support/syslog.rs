//! A syslog server that keeps every line.
//!
//! It does not parse a line beyond what [`Line::message`] takes off the front.

use std::fmt;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::port::bind_free;
use crate::stream::Address;
use crate::wait::poll_until;

/// How often the thread looks whether it should end.
const TICK: Duration = Duration::from_millis(100);

/// A running sink; it ends on drop.
#[derive(Debug)]
pub struct SyslogSink {
    address: Address,
    lines: Arc<Mutex<Vec<Line>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// All of it, without a line end.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The number between `<` and `>`: facility times eight plus severity.
    pub fn priority(&self) -> Option<u16> {
        self.0.strip_prefix('<')?.split_once('>')?.0.parse().ok()
    }

    /// What follows `tag[pid]: ` of the local and RFC 3164 formats; everything when there is none.
    pub fn message(&self) -> &str {
        self.0
            .split_once("]: ")
            .map_or(&self.0, |(_, message)| message)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl SyslogSink {
    /// Listens on a free UDP port of 127.0.0.1.
    ///
    /// # Panics
    /// When it cannot.
    pub fn udp() -> Self {
        let (socket, address) = bind_free(UdpSocket::bind).expect("bind a UDP port");
        socket
            .set_read_timeout(Some(TICK))
            .expect("a timeout can be set");
        Self::start(Socket::Udp(socket), Address::Tcp(address))
    }

    /// Listens at the path of a unix datagram socket.
    ///
    /// # Panics
    /// When it cannot.
    pub fn unix(path: impl Into<String>) -> Self {
        let path = path.into();
        let socket = UnixDatagram::bind(&path).unwrap_or_else(|e| panic!("bind {path}: {e}"));
        socket
            .set_read_timeout(Some(TICK))
            .expect("a timeout can be set");
        Self::start(Socket::Unix(socket), Address::Unix(path))
    }

    fn start(socket: Socket, address: Address) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, ended) = (Arc::clone(&lines), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while !ended.load(Ordering::Acquire) {
                let received = match &socket {
                    Socket::Udp(socket) => socket.recv(&mut buffer),
                    Socket::Unix(socket) => socket.recv(&mut buffer),
                };
                let Ok(count) = received else { continue };
                let text = String::from_utf8_lossy(&buffer[..count]);
                lock(&kept).push(Line(text.trim_end_matches(['\n', '\0']).to_owned()));
            }
        });
        Self {
            address,
            lines,
            stop,
            thread: Some(thread),
        }
    }

    /// Where it listens, as a `log` line writes it.
    pub fn address(&self) -> Address {
        self.address.clone()
    }

    /// The lines so far.
    pub fn lines(&self) -> Vec<Line> {
        lock(&self.lines).clone()
    }

    /// Forgets the lines so far.
    pub fn clear(&self) {
        lock(&self.lines).clear();
    }

    /// Waits for the first line that contains `part`, among those so far and those to come.
    ///
    /// # Panics
    /// When none comes within ten seconds.
    #[track_caller]
    pub fn wait_line(&self, part: &str) -> Line {
        let found = || self.lines().into_iter().find(|line| line.0.contains(part));
        poll_until(Duration::from_secs(10), found)
            .unwrap_or_else(|| panic!("no log line with {part:?} in {:#?}", self.lines()))
    }

    /// Waits until there are `count` lines and returns all.
    ///
    /// # Panics
    /// When they do not come within ten seconds.
    #[track_caller]
    pub fn wait_lines(&self, count: usize) -> Vec<Line> {
        let enough = || Some(self.lines()).filter(|lines| lines.len() >= count);
        poll_until(Duration::from_secs(10), enough)
            .unwrap_or_else(|| panic!("fewer than {count} log lines: {:#?}", self.lines()))
    }
}

impl Drop for SyslogSink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(lines: &Mutex<Vec<Line>>) -> MutexGuard<'_, Vec<Line>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
