//! TCP and UDP ports for listeners of a test.
//!
//! It does not hold the port itself: the caller binds it. Two tests, in one process or in several,
//! never get the same one while both run.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process;
use std::sync::{Mutex, PoisonError};

/// Below the kernel's range for outgoing connections, so that no client takes the port meanwhile.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

struct Reserved {
    next: u16,
    /// An abstract socket per port: exclusive between processes, and freed when this one ends.
    claims: Vec<UnixListener>,
}

static RESERVED: Mutex<Option<Reserved>> = Mutex::new(None);

/// A port on which nothing listens now and that no other caller gets until this process ends.
///
/// # Panics
/// When all ports of the range are taken.
pub fn free_port() -> u16 {
    let mut guard = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
    let reserved = guard.get_or_insert_with(|| Reserved {
        next: u16::try_from(process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap_or(0),
        claims: Vec::new(),
    });
    for _ in 0..COUNT {
        let port = FIRST + reserved.next;
        reserved.next = (reserved.next + 1) % COUNT;
        if let Some(claim) = claim(port)
            && is_unused(port)
        {
            reserved.claims.push(claim);
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

fn claim(port: u16) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("lbd-tests-port-{port}")).ok()?;
    UnixListener::bind_addr(&name).ok()
}

fn is_unused(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
        && UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

#[cfg(test)]
mod tests;
