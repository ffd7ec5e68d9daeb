//! The PROXY header, versions 1 and 2: what a proxy in front says about the connection.
//!
//! It trusts nobody: whether a peer may send the header is the caller's to decide. No I/O.

pub mod encode;
mod tlv;

pub use tlv::{SslInfo, Tlv, TlvType, Tlvs};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Status;

/// Where we read the header otherwise than haproxy 3.4, each with the reason; tested.
pub const DEVIATIONS: &[&str] = &[
    "version 1 may arrive in pieces (haproxy wants it in one): the peer's TCP decides that",
    "version 1 UNKNOWN may be followed by anything up to the line end: proxy-protocol.txt 2.1",
    "version 1 ports above 65535 are refused (haproxy takes them modulo 65536)",
    "version 2 LOCAL may carry addresses and TLVs, which are ignored: proxy-protocol.txt 2.2",
    "version 2 PROXY with an unspecified family is accepted and gives no address: 2.2",
    "datagram families are decoded; the caller refuses what it cannot use",
    "TLVs of any length up to the header's are accepted, but for authority and unique id",
];

/// Longest version 1 header, line end included.
pub const MAX_V1_LEN: usize = 107;

/// Longest version 2 header that is accepted, the fixed part included: `tune.bufsize`.
pub const MAX_V2_LEN: usize = 16_384;

/// Longest authority TLV in bytes.
pub const MAX_AUTHORITY: usize = 255;

/// Longest unique id TLV in bytes (proxy-protocol.txt 2.2.5).
pub const MAX_UNIQUE_ID: usize = 128;

const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED: usize = 16;

/// What the sender says the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The sender's own (a health check): use the connection's real addresses.
    Local,
    /// Relayed: use the addresses given.
    Proxy,
}

/// How the original connection was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams.
    Datagram,
    /// A stream.
    Stream,
    /// Not said.
    Unspecified,
}

/// The addresses of the original connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses<'a> {
    /// IPv4 or IPv6, both of one family.
    Inet {
        /// The client's.
        source: SocketAddr,
        /// The one that it connected to.
        destination: SocketAddr,
    },
    /// Paths of unix sockets, without trailing NULs; an abstract one begins with NUL.
    Unix {
        /// The client's, usually empty.
        source: &'a [u8],
        /// The one that it connected to.
        destination: &'a [u8],
    },
    /// Not said: use the connection's real addresses.
    Unspecified,
}

/// A decoded header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<'a> {
    /// 1 or 2.
    pub version: u8,
    /// Own connection or relayed one.
    pub command: Command,
    /// Stream or datagram.
    pub protocol: Protocol,
    /// The original addresses; unspecified for [`Command::Local`].
    pub addresses: Addresses<'a>,
    /// The additions of version 2, already checked; empty for [`Command::Local`].
    pub tlvs: Tlvs<'a>,
    /// Bytes of input that the header took.
    pub consumed: usize,
}

/// Why a header was refused; a connection that sends such a one is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// An address or port cannot be read.
    Address,
    /// The checksum is wrong.
    Checksum,
    /// Neither LOCAL nor PROXY.
    Command,
    /// An unknown family or protocol.
    Family,
    /// Version 1: the line is not well formed.
    Line,
    /// The bytes begin neither version.
    Signature,
    /// A TLV is cut short or longer than allowed, or the addresses do not fit in the header.
    Tlv,
    /// Longer than [`MAX_V1_LEN`] or [`MAX_V2_LEN`].
    TooLong,
    /// A version 2 signature with another version.
    Version,
}

impl ProxyError {
    /// The reason in words, lower case.
    pub fn text(self) -> &'static str {
        match self {
            Self::Address => "invalid address in PROXY header",
            Self::Checksum => "wrong checksum in PROXY header",
            Self::Command => "unknown command in PROXY header",
            Self::Family => "unknown address family in PROXY header",
            Self::Line => "malformed PROXY header line",
            Self::Signature => "not a PROXY header",
            Self::Tlv => "malformed field in PROXY header",
            Self::TooLong => "PROXY header too long",
            Self::Version => "unknown PROXY header version",
        }
    }
}

impl std::fmt::Display for ProxyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for ProxyError {}

/// Decodes the header at the beginning of `input`; on [`Status::Partial`] call again with more.
///
/// # Errors
/// As soon as the bytes cannot become an acceptable header.
pub fn decode(input: &[u8]) -> Result<Status<Header<'_>>, ProxyError> {
    let begins = |signature: &[u8]| {
        let len = input.len().min(signature.len());
        input[..len] == signature[..len]
    };
    if begins(V2_SIGNATURE) {
        decode_v2(input)
    } else if begins(b"PROXY ") {
        decode_v1(input)
    } else {
        Err(ProxyError::Signature)
    }
}

fn decode_v1(input: &[u8]) -> Result<Status<Header<'_>>, ProxyError> {
    let window = &input[..input.len().min(MAX_V1_LEN)];
    let Some(feed) = memchr::memchr(b'\n', window) else {
        return if window.len() < MAX_V1_LEN {
            Ok(Status::Partial)
        } else {
            Err(ProxyError::TooLong)
        };
    };
    let line = window[..feed].strip_suffix(b"\r").ok_or(ProxyError::Line)?;
    let line = std::str::from_utf8(line).map_err(|_| ProxyError::Line)?;
    let mut words = line.split(' ').skip(1);
    let (protocol, addresses) = match words.next() {
        Some("UNKNOWN") => (Protocol::Unspecified, Addresses::Unspecified),
        Some("TCP4") => (Protocol::Stream, v1_addresses::<Ipv4Addr>(words)?),
        Some("TCP6") => (Protocol::Stream, v1_addresses::<Ipv6Addr>(words)?),
        _ => return Err(ProxyError::Family),
    };
    Ok(Status::Complete(Header {
        version: 1,
        command: Command::Proxy,
        protocol,
        addresses,
        tlvs: Tlvs::empty(),
        consumed: feed + 1,
    }))
}

fn v1_addresses<'a, A: std::str::FromStr + Into<IpAddr>>(
    mut words: impl Iterator<Item = &'a str>,
) -> Result<Addresses<'static>, ProxyError> {
    let mut word = || words.next().ok_or(ProxyError::Line);
    let address = |text: &str| {
        text.parse::<A>()
            .map_err(|_| ProxyError::Address)
            .map(Into::into)
    };
    let port = |text: &str| {
        let digits = text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= 5;
        digits
            .then(|| text.parse::<u16>().ok())
            .flatten()
            .ok_or(ProxyError::Address)
    };
    let (source, destination) = (address(word()?)?, address(word()?)?);
    let (source_port, destination_port) = (port(word()?)?, port(word()?)?);
    if words.next().is_some() {
        return Err(ProxyError::Line);
    }
    Ok(Addresses::Inet {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    })
}

fn decode_v2(input: &[u8]) -> Result<Status<Header<'_>>, ProxyError> {
    if input.get(12).is_some_and(|byte| byte >> 4 != 2) {
        return Err(ProxyError::Version);
    }
    let Some(&[command, family, high, low]) = input.get(12..V2_FIXED) else {
        return Ok(Status::Partial);
    };
    let consumed = V2_FIXED + usize::from(u16::from_be_bytes([high, low]));
    if consumed > MAX_V2_LEN {
        return Err(ProxyError::TooLong);
    }
    let Some(message) = input.get(..consumed) else {
        return Ok(Status::Partial);
    };
    let local = Header {
        version: 2,
        command: Command::Local,
        protocol: Protocol::Unspecified,
        addresses: Addresses::Unspecified,
        tlvs: Tlvs::empty(),
        consumed,
    };
    match command & 15 {
        0 => return Ok(Status::Complete(local)),
        1 => {}
        _ => return Err(ProxyError::Command),
    }
    let protocol = match family & 15 {
        0 => Protocol::Unspecified,
        1 => Protocol::Stream,
        2 => Protocol::Datagram,
        _ => return Err(ProxyError::Family),
    };
    let body = &message[V2_FIXED..];
    let (addresses, rest) = match family >> 4 {
        0 => (Addresses::Unspecified, body),
        1 => inet::<4, 12>(body)?,
        2 => inet::<16, 36>(body)?,
        3 => unix(body)?,
        _ => return Err(ProxyError::Family),
    };
    let tlvs = Tlvs::new(rest);
    tlv::check(message, tlvs.clone(), V2_FIXED + body.len() - rest.len())?;
    Ok(Status::Complete(Header {
        command: Command::Proxy,
        protocol,
        addresses,
        tlvs,
        ..local
    }))
}

type Split<'a> = (Addresses<'a>, &'a [u8]);

/// Two addresses of `A` bytes and two ports, `LEN` bytes together.
fn inet<const A: usize, const LEN: usize>(body: &[u8]) -> Result<Split<'_>, ProxyError> {
    let (block, rest) = body.split_at_checked(LEN).ok_or(ProxyError::Tlv)?;
    let socket = |at: usize, port: usize| -> Option<SocketAddr> {
        let bytes = block.get(at..at + A)?;
        let ip = match A {
            4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
            _ => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        };
        let &[high, low] = block.get(port..port + 2)? else {
            return None;
        };
        Some(SocketAddr::new(ip, u16::from_be_bytes([high, low])))
    };
    match (socket(0, 2 * A), socket(A, 2 * A + 2)) {
        (Some(source), Some(destination)) => Ok((
            Addresses::Inet {
                source,
                destination,
            },
            rest,
        )),
        _ => Err(ProxyError::Address),
    }
}

fn unix(body: &[u8]) -> Result<Split<'_>, ProxyError> {
    let (block, rest) = body.split_at_checked(216).ok_or(ProxyError::Tlv)?;
    let (source, destination) = block.split_at(108);
    let path = |bytes: &'_ [u8]| bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    let (source, destination) = (&source[..path(source)], &destination[..path(destination)]);
    Ok((
        Addresses::Unix {
            source,
            destination,
        },
        rest,
    ))
}

#[cfg(test)]
mod tests;
