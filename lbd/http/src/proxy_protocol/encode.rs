//! PROXY headers to bytes, for `send-proxy`, `send-proxy-v2` and its options.
//!
//! It does not gather what is said: addresses and fields are the caller's.

use std::net::{IpAddr, SocketAddr};

use super::tlv::{TlvType, crc32c};
use super::{Addresses, Command, Protocol, V2_FIXED, V2_SIGNATURE};

/// Appends a version 1 line. Addresses of two families are both written as IPv6; anything but
/// two addresses of a stream is `UNKNOWN`.
pub fn encode_v1(addresses: &Addresses<'_>, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // Writing into a Vec cannot fail.
    let _ = match same_family(addresses) {
        Some((source @ SocketAddr::V4(_), destination)) => write!(
            out,
            "PROXY TCP4 {} {} {} {}\r\n",
            source.ip(),
            destination.ip(),
            source.port(),
            destination.port()
        ),
        Some((source, destination)) => write!(
            out,
            "PROXY TCP6 {} {} {} {}\r\n",
            source.ip(),
            destination.ip(),
            source.port(),
            destination.port()
        ),
        None => write!(out, "PROXY UNKNOWN\r\n"),
    };
}

/// Both addresses in one family: as they are, or both as IPv6.
fn same_family(addresses: &Addresses<'_>) -> Option<(SocketAddr, SocketAddr)> {
    let Addresses::Inet {
        source,
        destination,
    } = *addresses
    else {
        return None;
    };
    if source.is_ipv4() == destination.is_ipv4() {
        return Some((source, destination));
    }
    let wide = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    Some((wide(source), wide(destination)))
}

/// The fields do not fit into the 65,535 bytes that a version 2 header can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderFull;

impl std::fmt::Display for HeaderFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no room left in the PROXY header")
    }
}

impl std::error::Error for HeaderFull {}

/// Builds a version 2 header at the end of a buffer.
#[derive(Debug)]
pub struct V2Encoder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> V2Encoder<'a> {
    /// Begins a header. [`Command::Local`] gives no addresses.
    pub fn new(
        out: &'a mut Vec<u8>,
        command: Command,
        protocol: Protocol,
        addresses: &Addresses<'_>,
    ) -> Self {
        let start = out.len();
        out.extend_from_slice(V2_SIGNATURE);
        let local = command == Command::Local;
        out.push(0x20 | u8::from(!local));
        let transport = match protocol {
            Protocol::Unspecified => 0,
            Protocol::Stream => 1,
            Protocol::Datagram => 2,
        };
        let family_at = out.len();
        out.extend_from_slice(&[0; 3]);
        let family = if local {
            0
        } else {
            push_addresses(out, addresses)
        };
        if family != 0 {
            out[family_at] = family | transport;
        }
        Self { out, start }
    }

    /// Adds a field.
    ///
    /// # Errors
    /// [`HeaderFull`] when it does not fit; the header is as before.
    pub fn tlv(&mut self, kind: TlvType, value: &[u8]) -> Result<(), HeaderFull> {
        let len = u16::try_from(value.len()).map_err(|_| HeaderFull)?;
        self.room(3 + value.len())?;
        self.out.push(kind.0);
        self.out.extend_from_slice(&len.to_be_bytes());
        self.out.extend_from_slice(value);
        Ok(())
    }

    /// Adds the SSL field: see [`SslInfo`](super::SslInfo) for `client` and `verify`.
    ///
    /// # Errors
    /// [`HeaderFull`] when it does not fit; the header is as before.
    pub fn ssl(
        &mut self,
        client: u8,
        verify: u32,
        fields: &[(TlvType, &[u8])],
    ) -> Result<(), HeaderFull> {
        let len: usize = 5 + fields
            .iter()
            .map(|(_, value)| 3 + value.len())
            .sum::<usize>();
        self.room(3 + len)?;
        // It fits into the header, so into 16 bits, and so does each field.
        let len = u16::try_from(len).map_err(|_| HeaderFull)?;
        self.out.push(TlvType::SSL.0);
        self.out.extend_from_slice(&len.to_be_bytes());
        self.out.push(client);
        self.out.extend_from_slice(&verify.to_be_bytes());
        for (kind, value) in fields {
            self.out.push(kind.0);
            self.out
                .extend_from_slice(&lbd_core::bits::low16(value.len() as u64).to_be_bytes());
            self.out.extend_from_slice(value);
        }
        Ok(())
    }

    /// Writes the length, and the checksum as a last field if `checksum`.
    ///
    /// # Errors
    /// [`HeaderFull`] when the checksum does not fit.
    pub fn finish(mut self, checksum: bool) -> Result<(), HeaderFull> {
        if checksum {
            self.tlv(TlvType::CRC32C, &[0; 4])?;
        }
        let len = self.out.len() - self.start - V2_FIXED;
        let at = self.start + V2_FIXED - 2;
        self.out[at..at + 2].copy_from_slice(&lbd_core::bits::low16(len as u64).to_be_bytes());
        if checksum {
            let sum = crc32c(0, &self.out[self.start..]);
            let at = self.out.len() - 4;
            self.out[at..].copy_from_slice(&sum.to_be_bytes());
        }
        Ok(())
    }

    fn room(&self, more: usize) -> Result<(), HeaderFull> {
        let len = self.out.len() - self.start - V2_FIXED + more;
        if len > usize::from(u16::MAX) {
            Err(HeaderFull)
        } else {
            Ok(())
        }
    }
}

/// Appends the address block; returns the family in the upper half, 0 when there is none.
fn push_addresses(out: &mut Vec<u8>, addresses: &Addresses<'_>) -> u8 {
    if let Addresses::Unix {
        source,
        destination,
    } = addresses
    {
        for path in [source, destination] {
            let len = path.len().min(108);
            out.extend_from_slice(&path[..len]);
            out.resize(out.len() + 108 - len, 0);
        }
        return 0x30;
    }
    let Some((source, destination)) = same_family(addresses) else {
        return 0;
    };
    for address in [source, destination] {
        match address.ip() {
            IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
        }
    }
    out.extend_from_slice(&source.port().to_be_bytes());
    out.extend_from_slice(&destination.port().to_be_bytes());
    if source.is_ipv4() { 0x10 } else { 0x20 }
}
