//! A client that makes a new connection every two milliseconds and notes which were answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
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
                let is_answered = exchange().is_ok();
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((Instant::now(), is_answered));
                thread::sleep((PERIOD * THREADS).saturating_sub(begun.elapsed()));
            }
        });
    }
    load
}

fn exchange() -> std::io::Result<()> {
    let to = SocketAddr::new(VIP.parse().map_err(std::io::Error::other)?, 80);
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut buffer = [0; 256];
    match stream.read(&mut buffer)? {
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

    /// The longest gap while nothing happens.
    pub(crate) fn quiet_gap(&self) -> u64 {
        let from = Instant::now();
        thread::sleep(Duration::from_millis(400));
        let (gap, _) = self.since(from);
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        gap
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

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const PERIOD: Duration = Duration::from_millis(2);
const THREADS: u32 = 80;
const PATIENCE: Duration = Duration::from_millis(150);
