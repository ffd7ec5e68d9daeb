//! `lbctl reload`: the balancer reads its files anew and goes on as the program that is installed now;
//! the answer tells how it ended.
//!
//! It asks the master of `lbd`, not `lbd-failover`.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Where the master of `lbd.service` answers.
pub const SOCKET: &str = "/run/lbd/master.sock";

/// Longer than a large configuration takes on a machine with other work; shorter than systemd waits.
const PATIENCE: Duration = Duration::from_secs(80);
/// Most bytes of an answer: a master keeps less.
const MAX_ANSWER: u64 = 1024 * 1024;

/// Does it, and prints what the master tells; false when the new configuration or program was refused.
///
/// # Errors
/// When no master answers.
pub fn main(socket: &str) -> Result<bool, String> {
    let fail = |error: std::io::Error| format!("{socket}: {error}; is lbd running with '-S'?");
    let mut stream = UnixStream::connect(socket).map_err(fail)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(fail)?;
    stream.write_all(b"reload\n").map_err(fail)?;
    let mut text = String::new();
    stream
        .take(MAX_ANSWER)
        .read_to_string(&mut text)
        .map_err(fail)?;
    let (verdict, told) = text.split_once("\n--\n").unwrap_or((&text, ""));
    print!("{told}");
    match verdict {
        "Success=1" => Ok(true),
        "Success=0" => Ok(false),
        _ => Err(format!("{socket}: no answer")),
    }
}

#[cfg(test)]
mod tests;
