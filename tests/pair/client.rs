//! Clients: one that makes a new connection every two milliseconds, and a few that keep theirs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use support::netns::Lan;

use crate::system::VIP;

/// The load; it ends when dropped.
pub(crate) struct Load {
    seen: Arc<Mutex<Vec<(Instant, bool)>>>,
    end: Arc<AtomicBool>,
}

/// Starts it in the client's namespace. Each thread waits for its own answers only, so that one that
/// hangs delays no other.
pub(crate) fn start(lan: &Lan) -> Load {
    let load = Load {
        seen: Arc::default(),
        end: Arc::default(),
    };
    for number in 0..THREADS {
        let (seen, end) = (Arc::clone(&load.seen), Arc::clone(&load.end));
        lan.within("client", move || {
            thread::sleep(PERIOD * number);
            while !end.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let is_answered = connect(PATIENCE).and_then(|mut s| exchange(&mut s)).is_ok();
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((Instant::now(), is_answered));
                thread::sleep((PERIOD * THREADS).saturating_sub(begun.elapsed()));
            }
        });
    }
    load
}

fn connect(patience: Duration) -> std::io::Result<TcpStream> {
    let to = SocketAddr::new(VIP.into(), 80);
    let stream = TcpStream::connect_timeout(&to, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One request; its short answer comes in one piece.
fn exchange(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
    match stream.read(&mut [0; 256])? {
        0 => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)),
        _ => Ok(()),
    }
}

impl Load {
    /// The longest time without an answer, and how many failed, since then.
    pub(crate) fn since(&self, from: Instant) -> (u64, u64) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answered: Vec<Instant> = seen
            .iter()
            .filter(|(at, ok)| *ok && *at >= from)
            .map(|(at, _)| *at)
            .collect();
        answered.sort_unstable();
        let failed = seen.iter().filter(|(at, ok)| !*ok && *at >= from).count();
        let ends = answered.iter().copied().chain([Instant::now()]);
        let mut gap = Duration::ZERO;
        let mut last = from;
        for at in ends {
            gap = gap.max(at.saturating_duration_since(last));
            last = at;
        }
        (millis(gap), failed as u64)
    }

    /// The longest gap while nothing happens; what was seen before is forgotten.
    pub(crate) fn quiet_gap(&self) -> u64 {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let from = Instant::now();
        thread::sleep(QUIET);
        self.since(from).0
    }

    /// Whether the last attempts were answered.
    pub(crate) fn is_well(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.iter().rev().take(20);
        seen.len() >= 20 && last.into_iter().all(|(_, ok)| *ok)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
    }
}

/// Connections that are kept, each with a request every few milliseconds.
pub(crate) struct Kept {
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<bool>>,
}

impl Kept {
    pub(crate) fn start(lan: &Lan) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let threads = (0..KEPT).map(|_| {
            let end = Arc::clone(&end);
            lan.within("client", move || {
                let Ok(mut stream) = connect(KEPT_PATIENCE) else {
                    return false;
                };
                while !end.load(Ordering::Relaxed) {
                    if exchange(&mut stream).is_err() {
                        return false;
                    }
                    thread::sleep(KEPT_PERIOD);
                }
                true
            })
        });
        let threads = threads.collect();
        Self { end, threads }
    }

    /// Ends them; how many had broken or hung.
    pub(crate) fn broken(self) -> u64 {
        self.end.store(true, Ordering::Relaxed);
        let kept = self.threads.into_iter().map(|thread| thread.join());
        kept.filter(|kept| !matches!(kept, Ok(true))).count() as u64
    }
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const PERIOD: Duration = Duration::from_millis(2);
const THREADS: u32 = 80;
const PATIENCE: Duration = Duration::from_millis(150);
const QUIET: Duration = Duration::from_millis(250);
const KEPT: usize = 4;
const KEPT_PERIOD: Duration = Duration::from_millis(5);
/// A connection without an answer for so long hangs.
const KEPT_PATIENCE: Duration = Duration::from_secs(1);
