//! A load of HTTP/2 by nghttp2's `h2load`, with our engine as the origin behind the proxy.
//!
//! It measures nothing itself but what h2load counts.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::engine::Engine;

/// What h2load is to do.
#[derive(Clone, Debug)]
pub(crate) struct H2Load {
    pub target: SocketAddr,
    pub path: &'static str,
    pub connections: usize,
    /// At once on each connection.
    pub streams: usize,
    pub duration: Duration,
    pub is_tls: bool,
}

/// What h2load counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Done {
    pub requests: u64,
    pub errors: u64,
    pub elapsed: Duration,
}

impl H2Load {
    /// Runs it on the cores of this thread.
    pub(crate) fn run(&self, engine: &mut Engine) -> io::Result<Done> {
        let scheme = if self.is_tls { "https" } else { "http" };
        let start = Instant::now();
        let mut child = Command::new("h2load")
            .arg(format!("--duration={}ms", self.duration.as_millis().max(1)))
            .arg(format!("--clients={}", self.connections))
            .arg(format!("--max-concurrent-streams={}", self.streams))
            .arg(format!("{scheme}://{}{}", self.target, self.path))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| io::Error::other(format!("h2load (nghttp2-client): {e}")))?;
        engine.serve_until(|| !matches!(child.try_wait(), Ok(None)))?;
        let elapsed = start.elapsed();
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        counts(&text, elapsed)
            .ok_or_else(|| io::Error::other(format!("h2load said nothing known: {text}")))
    }
}

/// Reads the line `requests: 10 total, …, 9 succeeded, 1 failed, …`.
fn counts(text: &str, elapsed: Duration) -> Option<Done> {
    let line = text.lines().find(|line| line.starts_with("requests: "))?;
    let count = |what: &str| -> Option<u64> {
        let part = line.split([',', ':']).find(|part| part.ends_with(what))?;
        part.trim().split(' ').next()?.parse().ok()
    };
    Some(Done {
        requests: count(" succeeded")?,
        errors: count(" failed")?,
        elapsed,
    })
}

#[cfg(test)]
mod tests;
