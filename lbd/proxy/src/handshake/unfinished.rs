//! What logs tell of a client whose handshake failed: how far the two came to terms.
//!
//! Where nothing was agreed on yet these are OpenSSL's words for it: the version that would have
//! been spoken, and no suite. Of TLS 1.2 the suite counts once the handshake is over.

use lbd_rules::facts::TlsFacts;
use lbd_tls::BindTls;
use lbd_tls::Version;
use lbd_tls::hello::{self, Hello, Reader};
use lbd_tls::rustls::ProtocolVersion;

use crate::tls::TlsStream;

/// OpenSSL's word for no suite.
const NO_SUITE: &str = "(NONE)";

/// TLS 1.3 in messages.
const TLS13: u16 = 0x0304;

/// Fills in what the two had agreed on.
pub(super) fn describe(stream: &TlsStream, tls: &BindTls, facts: &mut TlsFacts) {
    stream.with(|connection| {
        facts.alpn = connection.alpn_protocol().map(Into::into);
        if connection.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            super::describe_suite(connection, facts);
        }
    });
    if facts.cipher.is_empty() {
        facts.cipher = NO_SUITE;
    }
    let highest = match tls.highest_version() {
        Version::Tls12 => "TLSv1.2",
        Version::Tls13 => "TLSv1.3",
    };
    facts.version = match stream.with_hello(offered) {
        Some(offered) if !is_above(offered, highest) => offered,
        _ => highest,
    };
}

/// The highest version that a client offers.
fn offered(hello: &Hello<'_>) -> &'static str {
    let newer = hello.extension(hello::SUPPORTED_VERSIONS).and_then(|list| {
        let mut list = Reader(Reader(list).block8()?);
        std::iter::from_fn(|| list.u16()).find(|version| *version == TLS13)
    });
    match (newer, hello.version) {
        (Some(_), _) => "TLSv1.3",
        (None, [3, 0]) => "SSLv3",
        (None, [3, 1]) => "TLSv1",
        (None, [3, 2]) => "TLSv1.1",
        (None, _) => "TLSv1.2",
    }
}

fn is_above(offered: &str, highest: &str) -> bool {
    offered == "TLSv1.3" && highest == "TLSv1.2"
}
