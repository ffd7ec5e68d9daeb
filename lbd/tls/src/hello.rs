//! What a client's first message says, read from its bytes (RFC 8446 4.1.2, RFC 5246 7.4.1.2).
//!
//! It judges nothing: what cannot be read is absent. rustls reads the message by itself.

mod capture;
#[cfg(test)]
mod tests;

pub use capture::Capture;

/// Extension of the server's name (RFC 6066 3).
pub const SERVER_NAME: u16 = 0;
/// Extension of groups (RFC 8446 4.2.7, RFC 8422 5.1.1).
pub const GROUPS: u16 = 10;
/// Extension of point formats (RFC 8422 5.1.2).
pub const POINT_FORMATS: u16 = 11;
/// Extension of signature algorithms (RFC 8446 4.2.3).
pub const SIGNATURE_ALGORITHMS: u16 = 13;
/// Extension of protocols (RFC 7301).
pub const ALPN: u16 = 16;
/// Extension of tickets (RFC 5077).
pub const SESSION_TICKET: u16 = 35;
/// Extension of versions (RFC 8446 4.2.1).
pub const SUPPORTED_VERSIONS: u16 = 43;
/// Extension of key shares (RFC 8446 4.2.8).
pub const KEY_SHARE: u16 = 51;

/// Length of a random value.
pub const RANDOM_LEN: usize = 32;

/// A client hello.
#[derive(Debug, Clone, Copy)]
pub struct Hello<'a> {
    /// `legacy_version`.
    pub version: [u8; 2],
    /// The client's random.
    pub random: &'a [u8],
    /// Cipher suites, two bytes each.
    pub suites: &'a [u8],
    extensions: &'a [u8],
}

/// A reader that ends quietly where the bytes end.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(found)
    }

    /// A number of one byte.
    pub fn u8(&mut self) -> Option<usize> {
        self.take(1).map(|bytes| usize::from(bytes[0]))
    }

    /// A number of two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.take(2)
            .map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// What stands behind a length of one byte.
    pub fn block8(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.take(len)
    }

    /// What stands behind a length of two bytes.
    pub fn block16(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }
}

impl<'a> Hello<'a> {
    /// Reads the content of the handshake message.
    pub fn parse(content: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(content);
        let version = reader.take(2)?;
        let random = reader.take(RANDOM_LEN)?;
        reader.block8()?;
        let suites = reader.block16()?;
        reader.block8()?;
        let extensions = reader.block16().unwrap_or(&[]);
        Some(Self {
            version: [version[0], version[1]],
            random,
            suites,
            extensions,
        })
    }

    /// The extensions in their order: type and content.
    pub fn extensions(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut reader = Reader(self.extensions);
        std::iter::from_fn(move || Some((reader.u16()?, reader.block16()?)))
    }

    /// The content of the first extension of a type.
    pub fn extension(&self, wanted: u16) -> Option<&'a [u8]> {
        self.extensions()
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, content)| content)
    }

    /// The host name that is asked for.
    pub fn server_name(&self) -> Option<&'a [u8]> {
        let mut list = Reader(Reader(self.extension(SERVER_NAME)?).block16()?);
        while let Some(kind) = list.u8() {
            let name = list.block16()?;
            if kind == 0 {
                return Some(name);
            }
        }
        None
    }

    /// The first protocol of the ALPN list.
    pub fn first_protocol(&self) -> Option<&'a [u8]> {
        Reader(Reader(self.extension(ALPN)?).block16()?).block8()
    }

    /// The content of an extension that is one list with a length of two bytes.
    pub fn list16(&self, kind: u16) -> Option<&'a [u8]> {
        Reader(self.extension(kind)?).block16()
    }
}

/// The content of the handshake messages in a flight of records, each of which may hold a part
/// (RFC 8446 5.1); what is no handshake is passed over.
pub fn handshake_bytes(mut records: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(records.len());
    while let Some((head, rest)) = records.split_at_checked(5) {
        let len = usize::from(u16::from_be_bytes([head[3], head[4]]));
        let record = rest.get(..len).unwrap_or(rest);
        if head[0] == HANDSHAKE {
            content.extend_from_slice(record);
        }
        records = &rest[record.len()..];
    }
    content
}

/// The content of the first handshake message when it is of type `kind`, as far as it is there.
pub fn message(content: &[u8], kind: u8) -> Option<&[u8]> {
    let (head, rest) = content.split_at_checked(4)?;
    if head[0] != kind {
        return None;
    }
    let len = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
    Some(rest.get(..len).unwrap_or(rest))
}

/// The random of the first client hello in a flight of records.
pub fn client_random(records: &[u8]) -> Option<[u8; RANDOM_LEN]> {
    let content = handshake_bytes(records);
    let mut reader = Reader(message(&content, CLIENT_HELLO)?);
    reader.take(2)?;
    reader.take(RANDOM_LEN)?.try_into().ok()
}

/// The random and the session's id of the server hello in a flight of records; a request to try
/// again is none (RFC 8446 4.1.3).
pub fn server_hello(records: &[u8]) -> Option<([u8; RANDOM_LEN], Box<[u8]>)> {
    let content = handshake_bytes(records);
    let mut left = &content[..];
    while let Some(hello) = message(left, SERVER_HELLO) {
        let mut reader = Reader(hello);
        reader.take(2)?;
        let random: [u8; RANDOM_LEN] = reader.take(RANDOM_LEN)?.try_into().ok()?;
        if random != TRY_AGAIN {
            return Some((random, reader.block8()?.into()));
        }
        left = left.get(4 + hello.len()..)?;
    }
    None
}

/// Type of handshake records.
const HANDSHAKE: u8 = 22;
/// Type of a client hello.
pub const CLIENT_HELLO: u8 = 1;
/// Type of a server hello.
const SERVER_HELLO: u8 = 2;

/// The random that makes a server hello a request to try again: SHA-256 of `HelloRetryRequest`.
const TRY_AGAIN: [u8; RANDOM_LEN] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
