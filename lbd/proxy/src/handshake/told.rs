//! What a session with a server says, for who drives one without a stream: health checks.
//!
//! Unlike [`TlsFacts`] it may go from thread to thread.

use lbd_rules::facts::{OneCertificate, TlsFacts, WireFacts};
use lbd_tls::keylog::Secrets;
use lbd_tls::rustls::Connection;
use lbd_tls::rustls::pki_types::CertificateDer;

use crate::tls::Seen;

/// A handshake that passes by.
#[derive(Debug, Default)]
pub struct Watch(Seen);

impl Watch {
    /// These bytes are sent.
    pub fn sent(&mut self, bytes: &[u8]) {
        self.0.sent(bytes);
    }

    /// These bytes came.
    pub fn received(&mut self, bytes: &[u8]) {
        self.0.received(bytes);
    }

    /// rustls has read what came.
    pub fn was_read(&mut self) {
        self.0.take_secrets();
    }

    /// What is known at the end of the handshake; `sni` is the name that was asked for.
    pub fn end(self, connection: &mut Connection, sni: Option<&str>) -> ServerSession {
        let mut facts = TlsFacts::default();
        super::describe(connection, &mut facts);
        super::wire_facts(self.0, &mut facts);
        let wire = facts.wire.map(|wire| *wire).unwrap_or_default();
        ServerSession {
            version: facts.version,
            cipher: facts.cipher,
            bits: facts.bits,
            curve: facts.curve,
            alpn: facts.alpn,
            sni: sni.map(|sni| sni.as_bytes().into()),
            is_resumed: facts.is_resumed,
            chain: facts.chain,
            unique_id: facts.unique_id,
            client_random: wire.client_random,
            server_random: wire.server_random,
            session_id: wire.session_id,
            secrets: wire.secrets,
        }
    }
}

/// A session with a server.
#[derive(Debug, Clone)]
pub struct ServerSession {
    version: &'static str,
    cipher: &'static str,
    bits: u32,
    curve: &'static str,
    alpn: Option<Box<[u8]>>,
    sni: Option<Box<[u8]>>,
    is_resumed: bool,
    chain: Vec<CertificateDer<'static>>,
    unique_id: Option<[u8; 32]>,
    client_random: Option<[u8; 32]>,
    server_random: Option<[u8; 32]>,
    session_id: Box<[u8]>,
    secrets: Option<Box<Secrets>>,
}

impl ServerSession {
    /// The same for rules.
    pub fn facts(&self) -> TlsFacts {
        let mut facts = TlsFacts::default();
        facts.version = self.version;
        facts.cipher = self.cipher;
        facts.bits = self.bits;
        facts.curve = self.curve;
        facts.alpn.clone_from(&self.alpn);
        facts.sni.clone_from(&self.sni);
        facts.is_resumed = self.is_resumed;
        facts.peer = self.chain.first().cloned().map(OneCertificate::new);
        facts.chain.clone_from(&self.chain);
        facts.unique_id = self.unique_id;
        facts.wire = Some(Box::new(WireFacts {
            client_random: self.client_random,
            server_random: self.server_random,
            session_id: self.session_id.clone(),
            secrets: self.secrets.clone(),
        }));
        facts
    }
}
