//! The type-length-value fields of a version 2 header.
//!
//! It gives meaning to those that the reference reads; the others are bytes.

use super::{MAX_AUTHORITY, MAX_UNIQUE_ID, ProxyError};

/// Types of fields (proxy-protocol.txt 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TlvType(pub u8);

impl TlvType {
    /// The protocol chosen by ALPN.
    pub const ALPN: Self = Self(0x01);
    /// The host name that the client asked for (SNI).
    pub const AUTHORITY: Self = Self(0x02);
    /// CRC-32C over the header, in which this value counts as zero.
    pub const CRC32C: Self = Self(0x03);
    /// Padding.
    pub const NOOP: Self = Self(0x04);
    /// An opaque id of the connection, at most 128 bytes.
    pub const UNIQUE_ID: Self = Self(0x05);
    /// What is known of TLS: see [`SslInfo`](super::SslInfo).
    pub const SSL: Self = Self(0x20);
    /// Within SSL: the version's name.
    pub const SSL_VERSION: Self = Self(0x21);
    /// Within SSL: the common name of the client's certificate.
    pub const SSL_CN: Self = Self(0x22);
    /// Within SSL: the cipher's name.
    pub const SSL_CIPHER: Self = Self(0x23);
    /// Within SSL: the certificate's signature algorithm.
    pub const SSL_SIG_ALG: Self = Self(0x24);
    /// Within SSL: the certificate's key algorithm.
    pub const SSL_KEY_ALG: Self = Self(0x25);
    /// Within SSL: the key exchange's group.
    pub const SSL_GROUP: Self = Self(0x26);
    /// Within SSL: the handshake's signature scheme.
    pub const SSL_SIG_SCHEME: Self = Self(0x27);
    /// Within SSL: the client's certificate, DER.
    pub const SSL_CLIENT_CERT: Self = Self(0x28);
    /// The network namespace's name.
    pub const NETNS: Self = Self(0x30);
}

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its type.
    pub kind: TlvType,
    /// Its value.
    pub value: &'a [u8],
}

/// Iterates over fields; stops at one that is cut short (a decoded header has none).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tlvs<'a> {
    rest: &'a [u8],
}

impl<'a> Tlvs<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn empty() -> Self {
        Self { rest: &[] }
    }

    /// The bytes not yet iterated over.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// The value of the first field of this type.
    pub fn first(&self, kind: TlvType) -> Option<&'a [u8]> {
        self.clone()
            .find(|tlv| tlv.kind == kind)
            .map(|tlv| tlv.value)
    }

    /// What is known of TLS, if anything.
    pub fn ssl(&self) -> Option<SslInfo<'a>> {
        SslInfo::parse(self.first(TlvType::SSL)?)
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let &[kind, high, low, ref rest @ ..] = self.rest else {
            return None;
        };
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        self.rest = rest;
        Some(Tlv {
            kind: TlvType(kind),
            value,
        })
    }
}

/// The SSL field: what the sender knows of the client's TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SslInfo<'a> {
    /// Bits: 1 the client used TLS, 2 it gave a certificate on this connection, 4 in this session.
    pub client: u8,
    /// 0 when the certificate was verified.
    pub verify: u32,
    /// The fields within.
    pub fields: Tlvs<'a>,
}

impl<'a> SslInfo<'a> {
    /// Reads the value of a field of type [`TlvType::SSL`]; `None` when it is cut short.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let &[client, a, b, c, d, ref fields @ ..] = value else {
            return None;
        };
        let fields = Tlvs::new(fields);
        whole(fields.clone()).then_some(Self {
            client,
            verify: u32::from_be_bytes([a, b, c, d]),
            fields,
        })
    }
}

fn whole(mut tlvs: Tlvs<'_>) -> bool {
    tlvs.by_ref().for_each(drop);
    tlvs.rest.is_empty()
}

/// Checks all fields of a header; `at` is where they begin in `message`.
pub(super) fn check(message: &[u8], mut tlvs: Tlvs<'_>, mut at: usize) -> Result<(), ProxyError> {
    for tlv in tlvs.by_ref() {
        let len = tlv.value.len();
        let fits = match tlv.kind {
            TlvType::AUTHORITY => len <= MAX_AUTHORITY,
            TlvType::UNIQUE_ID => len <= MAX_UNIQUE_ID,
            TlvType::CRC32C => len == 4,
            TlvType::SSL => SslInfo::parse(tlv.value).is_some(),
            _ => true,
        };
        if !fits {
            return Err(ProxyError::Tlv);
        }
        if let (TlvType::CRC32C, Ok(sent)) = (tlv.kind, <[u8; 4]>::try_from(tlv.value)) {
            let value = at + 3;
            let sum = crc32c(
                crc32c(crc32c(0, &message[..value]), &[0; 4]),
                &message[value + 4..],
            );
            if sum != u32::from_be_bytes(sent) {
                return Err(ProxyError::Checksum);
            }
        }
        at += 3 + len;
    }
    if tlvs.rest.is_empty() {
        Ok(())
    } else {
        Err(ProxyError::Tlv)
    }
}

const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = lbd_core::bits::low32(index as u64);
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ 0x82f6_3b78
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

/// CRC-32C (RFC 9260 appendix A) of what made `sum` and then `bytes`; 0 begins.
pub(super) fn crc32c(sum: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!sum, |crc, byte| {
        crc >> 8 ^ CRC[usize::from((crc & 0xff) as u8 ^ byte)]
    })
}
