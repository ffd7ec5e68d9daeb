//! What is known of a TLS session: for rules, logs and the PROXY protocol.
//!
//! Certificates are kept as they came; what they say is read when somebody asks.

use std::cell::OnceCell;
use std::sync::Arc;

use lbd_tls::CertFacts;
use lbd_tls::rustls::pki_types::CertificateDer;

/// A TLS session of a client or of a server.
#[derive(Debug, Default)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// Cipher suite in OpenSSL's words.
    pub cipher: &'static str,
    /// Bits of the suite's key.
    pub bits: u32,
    /// Group of the key exchange in OpenSSL's words; empty when not known.
    pub curve: &'static str,
    /// Protocol agreed on.
    pub alpn: Option<Box<[u8]>>,
    /// Name that was asked for.
    pub sni: Option<Box<[u8]>>,
    /// The session was resumed.
    pub is_resumed: bool,
    /// Our own certificate.
    pub own: Option<OneCertificate>,
    /// Name of the file of our own certificate.
    pub own_name: Option<Arc<str>>,
    /// The peer's certificate.
    pub peer: Option<OneCertificate>,
    /// The peer's chain, its certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Whether a certificate was asked of the client.
    pub asked_client: bool,
    /// First failure of the peer's certificate that was overlooked, else 0.
    pub leaf_error: u32,
    /// First failure of an authority that was overlooked, else 0.
    pub authority_error: u32,
    /// What the client's first message said.
    pub hello: HelloFacts,
    /// Secret of exporters bound to this session (RFC 9266, `tls-exporter`).
    pub unique_id: Option<[u8; 32]>,
}

/// The client's first message.
#[derive(Debug, Default)]
pub struct HelloFacts {
    /// Cipher suites, two bytes each.
    pub ciphers: Box<[u8]>,
    /// Signature algorithms likewise.
    pub sigalgs: Box<[u8]>,
    /// Groups likewise.
    pub groups: Box<[u8]>,
}

/// A certificate whose fields are read once when they are asked for.
#[derive(Debug)]
pub struct OneCertificate {
    /// As it was sent.
    pub der: CertificateDer<'static>,
    facts: OnceCell<Option<Box<CertFacts>>>,
}

impl OneCertificate {
    /// A certificate.
    pub fn new(der: CertificateDer<'static>) -> Self {
        Self {
            der,
            facts: OnceCell::new(),
        }
    }

    /// Its fields; `None` when it cannot be read.
    pub fn facts(&self) -> Option<&CertFacts> {
        self.facts
            .get_or_init(|| CertFacts::of(&self.der).map(Box::new))
            .as_deref()
    }
}
