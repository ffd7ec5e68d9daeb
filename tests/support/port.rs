//! TCP and UDP ports for listeners of a test.
//!
//! It does not hold the port itself: the caller binds it. Two tests, in one process or in several,
//! never get the same one while both run.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::process;
use std::sync::{Mutex, PoisonError};

mod table;

/// Below the kernel's range for outgoing connections, so that no client takes the port meanwhile.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;
/// How many ports [`bind_free`] tries.
const ATTEMPTS: usize = 20;

struct Reserved {
    next: u16,
    /// An abstract socket per port: exclusive between processes, and freed when this one ends.
    claims: Vec<UnixListener>,
}

static RESERVED: Mutex<Option<Reserved>> = Mutex::new(None);

/// A port on which nothing listens now and that no other caller gets until this process ends.
///
/// No socket is bound to find that out: a program that another thread starts at that moment keeps
/// every descriptor open until its `exec`, and would make the port look taken to the caller.
///
/// # Panics
/// When all ports of the range are taken.
pub fn free_port() -> u16 {
    let mut guard = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
    let reserved = guard.get_or_insert_with(|| Reserved {
        next: u16::try_from(process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap_or(0),
        claims: Vec::new(),
    });
    let used = table::used_ports();
    for _ in 0..COUNT {
        let port = FIRST + reserved.next;
        reserved.next = (reserved.next + 1) % COUNT;
        if !used.contains(&port)
            && let Some(claim) = claim(port)
        {
            reserved.claims.push(claim);
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

/// What `bind` makes of a free port of 127.0.0.1, and its address. A port that somebody else took
/// in the meantime is left to them.
///
/// # Errors
/// Those of `bind`; an address in use only when that happened twenty times.
pub fn bind_free<T>(
    mut bind: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<(T, SocketAddr)> {
    let mut taken = io::Error::from(ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        match bind(address) {
            Ok(bound) => return Ok((bound, address)),
            Err(e) if e.kind() == ErrorKind::AddrInUse => taken = e,
            Err(e) => return Err(e),
        }
    }
    Err(taken)
}

fn claim(port: u16) -> Option<UnixListener> {
    let name = UnixAddr::from_abstract_name(format!("lbd-tests-port-{port}")).ok()?;
    UnixListener::bind_addr(&name).ok()
}

#[cfg(test)]
mod tests;
