//! Addresses as the configuration writes them (haproxy 3.4 configuration 2.9).
//!
//! It resolves no names and opens nothing: a host name stays a name, a descriptor a number.

mod network;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use crate::host::Family;

pub use network::{Network, parse_network};
pub use parse::{expand, parse};

/// Longest path of a unix socket: room is left for the suffix used while listening begins.
pub const MAX_PATH: usize = 97;
/// Longest name of an abstract socket.
pub const MAX_ABSTRACT: usize = 107;
/// Longest host name.
pub const MAX_HOST_NAME: usize = 255;

/// Whether a port is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortRule {
    /// It must be there and not be 0.
    Mandatory,
    /// It may be there.
    Optional,
    /// It must not be there.
    Refused,
}

/// Which inherited descriptors are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FdRule {
    /// Any: a pipe, a terminal, a file.
    Any,
    /// None.
    Refused,
    /// Sockets.
    Socket,
}

/// Which addresses a keyword accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRules {
    /// The port.
    pub port: PortRule,
    /// `8000-8010`.
    pub range: bool,
    /// `+10` and `-10`.
    pub offset: bool,
    /// `fd@`.
    pub fd: FdRule,
    /// Stream transport is accepted.
    pub stream: bool,
    /// Datagram transport is accepted.
    pub datagram: bool,
    /// Without a prefix the transport is datagram.
    pub default_datagram: bool,
    /// `stdout`, `stderr`, `ring@`, `backend@`.
    pub sinks: bool,
    /// Length of what will be put before a unix path (`unix-bind prefix`).
    pub prefix_length: usize,
}

impl AddressRules {
    /// `bind`, `stats socket` (for `bind` set `prefix_length`).
    pub const BIND: Self = Self {
        port: PortRule::Mandatory,
        range: true,
        offset: false,
        fd: FdRule::Socket,
        stream: true,
        datagram: false,
        default_datagram: false,
        sinks: false,
        prefix_length: 0,
    };
    /// `dgram-bind`.
    pub const DATAGRAM_BIND: Self = Self {
        stream: false,
        datagram: true,
        default_datagram: true,
        ..Self::BIND
    };
    /// `server`, `server-template`.
    pub const SERVER: Self = Self {
        port: PortRule::Optional,
        range: false,
        offset: true,
        fd: FdRule::Refused,
        datagram: true,
        ..Self::BIND
    };
    /// `log`, and `server` of a backend in mode log.
    pub const LOG: Self = Self {
        port: PortRule::Optional,
        range: false,
        fd: FdRule::Any,
        datagram: true,
        default_datagram: true,
        sinks: true,
        ..Self::BIND
    };
    /// `source`, `addr` of checks.
    pub const SOURCE: Self = Self {
        port: PortRule::Optional,
        range: false,
        fd: FdRule::Refused,
        ..Self::BIND
    };
    /// `source` of a server, which may have a range of ports.
    pub const SERVER_SOURCE: Self = Self {
        range: true,
        ..Self::SOURCE
    };
    /// `dispatch`, `peer`, `mailer`, `socks4`: one address with its port.
    pub const CONNECT: Self = Self {
        range: false,
        fd: FdRule::Refused,
        ..Self::BIND
    };
    /// `nameserver`.
    pub const NAMESERVER: Self = Self {
        datagram: true,
        default_datagram: true,
        ..Self::CONNECT
    };
}

/// Host part of an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostSpec {
    /// Nothing, `*`: every IPv4 address to listen on; for a server, the address the client asked.
    Any4,
    /// `::`: every address to listen on.
    Any6,
    /// An address.
    Ip(IpAddr),
    /// A name to resolve, to an address of this family.
    Name(String, Family),
}

/// Port part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortSpec {
    /// None given, or 0 where that means none.
    None,
    /// `+n`, `-n`: to be added to the port on which the client came in.
    Offset(i32),
    /// One port.
    Port(u16),
    /// Ports from the first to the last.
    Range(u16, u16),
}

impl PortSpec {
    /// All ports named, in order; none for [`PortSpec::None`] and an offset.
    pub fn ports(self) -> impl Iterator<Item = u16> {
        // The empty range stands for no port.
        let (low, high) = match self {
            Self::None | Self::Offset(_) => (1, 0),
            Self::Port(port) => (port, port),
            Self::Range(low, high) => (low, high),
        };
        low..=high
    }
}

/// Where to listen, connect or send to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// `abns@name`, `abnsz@name`: the abstract namespace.
    Abstract {
        /// The name, without the leading zero byte.
        name: Vec<u8>,
        /// `abnsz@`: the address ends with the name; otherwise it is filled up with zeroes to its
        /// full length.
        terminated: bool,
    },
    /// `backend@name`, for logs.
    Backend(String),
    /// `fd@n`.
    Fd(i32),
    /// An IP address or a host name.
    Inet {
        /// Host.
        host: HostSpec,
        /// Port.
        port: PortSpec,
    },
    /// `ring@name`, for logs.
    Ring(String),
    /// `sockpair@n`.
    SockPair(i32),
    /// `stderr`, for logs.
    Stderr,
    /// `stdout`, for logs.
    Stdout,
    /// A path in the file system, without `unix-bind prefix`.
    Unix(String),
}

/// How data is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Datagram,
    /// A stream.
    Stream,
}

/// An address with what its prefix says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressSpec {
    /// The address.
    pub address: Address,
    /// Transport by prefix or default.
    pub transport: Transport,
    /// `mptcp@`.
    pub mptcp: bool,
    /// As written, for messages; variables stand in it by name.
    pub text: String,
}

impl AddressSpec {
    /// How many sockets listen there: one for each port.
    pub(crate) fn sockets(&self) -> usize {
        match &self.address {
            Address::Inet { port, .. } => port.ports().count(),
            _ => 1,
        }
    }

    /// The name to look up and its family, when there is one.
    pub fn host_name(&self) -> Option<(&str, Family)> {
        match &self.address {
            Address::Inet {
                host: HostSpec::Name(name, family),
                ..
            } => Some((name, *family)),
            _ => None,
        }
    }

    /// The fault of a name that does not resolve, in the reference's words.
    pub fn unresolved(&self) -> AddressError {
        let name = self.host_name().map_or("", |(name, _)| name);
        AddressError {
            message: format!("invalid address: '{name}' in '{}'", self.text),
            hint: format!(
                "The name '{name}' could not be resolved when the configuration was read."
            ),
        }
    }
}

/// Why a word is no address here. The reference puts the keyword before (`'bind' : `).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError {
    /// What is wrong, in the reference's words.
    pub message: String,
    /// How to mend it, or empty.
    pub hint: String,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AddressError {}
