//! Descriptors of this process as the system sees them (proc(5)).
//!
//! It closes and changes none.
#![allow(
    unsafe_code,
    reason = "descriptors by their numbers: one that is closed meanwhile, or is another's by then, is \
              only asked what it is"
)]

use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, RawFd};

use nix::sys::socket::{SockaddrLike as _, SockaddrStorage, getpeername, getsockname, sockopt};

/// A descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// Its number.
    pub(crate) fd: RawFd,
    /// What it is.
    pub(crate) kind: Kind,
    /// Events that event loops wait for, and the descriptors of those.
    pub(crate) watched: Vec<(RawFd, u32)>,
}

/// What a descriptor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A socket that is connected.
    Connection {
        /// This side.
        local: Place,
        /// The other side.
        peer: Place,
    },
    /// A socket that listens.
    Listener(Place),
    /// A file, an event loop or something else, by its name.
    Other(String),
    /// An end of a pipe.
    Pipe,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Of the internet.
    Inet(SocketAddr),
    /// Of this machine: the path, empty for none.
    Unix(String),
}

impl Place {
    /// Its family, as the reference calls it.
    pub(crate) fn family(&self) -> &'static str {
        match self {
            Self::Inet(address) if address.is_ipv6() => "ipv6",
            Self::Inet(_) => "ipv4",
            Self::Unix(_) => "unix",
        }
    }

    /// Its port.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Inet(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

/// All descriptors that are open, by their numbers.
pub(crate) fn all() -> Vec<Descriptor> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let numbers = entries.flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<RawFd> = numbers.collect();
    numbers.sort_unstable();
    let mut all: Vec<Descriptor> = numbers
        .into_iter()
        // The directory that is read here has gone by now.
        .filter_map(|fd| {
            Some(Descriptor {
                fd,
                kind: kind(fd)?,
                watched: Vec::new(),
            })
        })
        .collect();
    let is_loop = |each: &&Descriptor| each.kind == Kind::Other("eventpoll".to_owned());
    let loops: Vec<RawFd> = all.iter().filter(is_loop).map(|each| each.fd).collect();
    for poller in loops {
        for (fd, events) in watched_by(poller) {
            if let Ok(at) = all.binary_search_by_key(&fd, |each| each.fd) {
                all[at].watched.push((poller, events));
            }
        }
    }
    all
}

fn kind(fd: RawFd) -> Option<Kind> {
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    let name = link.to_string_lossy();
    if name.starts_with("pipe:") {
        return Some(Kind::Pipe);
    }
    if !name.starts_with("socket:") {
        let plain = name.strip_prefix("anon_inode:").unwrap_or(&name);
        let plain = plain.trim_start_matches('[').trim_end_matches(']');
        return Some(Kind::Other(plain.to_owned()));
    }
    // SAFETY: it is only asked for what it is, see above.
    let socket = unsafe { BorrowedFd::borrow_raw(fd) };
    let local = getsockname(fd).ok().and_then(|address| place(&address));
    let listens = nix::sys::socket::getsockopt(&socket, sockopt::AcceptConn);
    match (
        local,
        getpeername(fd).ok().and_then(|address| place(&address)),
    ) {
        (Some(local), _) if listens.unwrap_or(false) => Some(Kind::Listener(local)),
        (Some(local), Some(peer)) => Some(Kind::Connection { local, peer }),
        _ => Some(Kind::Other("socket".to_owned())),
    }
}

fn place(address: &SockaddrStorage) -> Option<Place> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(Place::Inet(std::net::SocketAddrV4::from(*v4).into()));
    }
    if let Some(v6) = address.as_sockaddr_in6() {
        return Some(Place::Inet(std::net::SocketAddrV6::from(*v6).into()));
    }
    match address.family() {
        Some(nix::sys::socket::AddressFamily::Unix) => {
            let path = address.as_unix_addr().and_then(|unix| unix.path());
            let path = path.map(|path| path.display().to_string());
            Some(Place::Unix(path.unwrap_or_default()))
        }
        _ => None,
    }
}

/// The descriptors that an event loop watches, with their events.
fn watched_by(poller: RawFd) -> Vec<(RawFd, u32)> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{poller}")).unwrap_or_default();
    text.lines().filter_map(watched).collect()
}

/// `tfd:        5 events: 80002019 data: …`
fn watched(line: &str) -> Option<(RawFd, u32)> {
    let mut words = line.strip_prefix("tfd:")?.split_ascii_whitespace();
    let fd = words.next()?.parse().ok()?;
    let events = words.skip_while(|word| *word != "events:").nth(1)?;
    Some((fd, u32::from_str_radix(events, 16).ok()?))
}

#[cfg(test)]
mod tests;
