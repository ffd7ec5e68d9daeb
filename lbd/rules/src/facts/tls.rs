//! What is known of a TLS session: for rules, logs and the PROXY protocol.
//!
//! Certificates are kept as they came; what they say is read when somebody asks.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use lbd_tls::CertFacts;
use lbd_tls::hello::Capture;
use lbd_tls::keylog::Secrets;
use lbd_tls::rustls::pki_types::CertificateDer;
use lbd_tls::verify::ClientVerifier;

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
    /// Lists of the client's first message, when they are kept.
    pub hello: Option<Box<Capture>>,
    /// Who verified the client's chain, and the authority that ends it once somebody asked.
    pub verifier: Option<Arc<ClientVerifier>>,
    root: OnceCell<Option<OneCertificate>>,
    /// What went over the wire in the handshake.
    pub wire: Option<Box<WireFacts>>,
    /// Early data of the client, when that was agreed on.
    pub early: Option<Rc<Early>>,
    /// Secret of exporters bound to this session (RFC 9266, `tls-exporter`).
    pub unique_id: Option<[u8; 32]>,
}

impl TlsFacts {
    /// Whether the client sent early data that nothing confirms yet: it may be a replay.
    pub fn has_early(&self) -> bool {
        let early = self.early.as_ref();
        early.is_some_and(|early| early.is_received() && early.is_pending())
    }

    /// The authority at the end of the client's chain.
    pub fn root(&self) -> Option<&OneCertificate> {
        let found = self.root.get_or_init(|| {
            let (leaf, others) = self.chain.split_first()?;
            let root = self.verifier.as_ref()?.judge.root(leaf, others)?;
            Some(OneCertificate::new(root))
        });
        found.as_ref()
    }
}

/// Early data of a client: it counts as sent early until the handshake is confirmed.
#[derive(Debug)]
pub struct Early {
    is_received: Cell<bool>,
    is_pending: Cell<bool>,
}

impl Early {
    /// Nothing came yet; `is_pending` before the handshake is confirmed.
    pub fn new(is_pending: bool) -> Self {
        Self {
            is_received: Cell::new(false),
            is_pending: Cell::new(is_pending),
        }
    }

    /// Some of it came.
    pub fn set_received(&self) {
        self.is_received.set(true);
    }

    /// The handshake is confirmed.
    pub fn confirm(&self) {
        self.is_pending.set(false);
    }

    /// Whether some came, at whatever time.
    pub fn is_received(&self) -> bool {
        self.is_received.get()
    }

    /// Whether the handshake is still to be confirmed.
    pub fn is_pending(&self) -> bool {
        self.is_pending.get()
    }
}

/// Values of a handshake.
#[derive(Debug, Default)]
pub struct WireFacts {
    /// The client's random.
    pub client_random: Option<[u8; 32]>,
    /// The server's random; `None` when it did not answer.
    pub server_random: Option<[u8; 32]>,
    /// Identifier of the session (TLS 1.2), empty for none.
    pub session_id: Box<[u8]>,
    /// Secrets that were kept.
    pub secrets: Option<Box<Secrets>>,
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
