//! What a `server` line needs to speak TLS.
//!
//! Sessions are remembered per name (SNI) by rustls, for resumption.

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::certificate::Certificate;
use crate::settings::Settings;
use crate::verify::ServerVerifier;

mod sessions;

pub use sessions::Sessions;

/// Names of one server whose sessions are remembered.
const NAMES: usize = 64;

/// Tickets remembered of each name: as many connections may be opened at a time by resumption.
const TICKETS: usize = 64;

/// TLS to one server.
#[derive(Debug)]
pub struct ServerTls {
    config: RwLock<Arc<ClientConfig>>,
    verifier: RwLock<Arc<ServerVerifier>>,
    resumption: Resumes,
    offers_h2: bool,
    /// The name of the client certificate's store, for changes while running.
    pub certificate: Option<Arc<str>>,
    /// Requests may go as early data (`allow-0rtt`).
    pub allows_early: bool,
}

/// Whether and how sessions are resumed.
#[derive(Debug, Clone, Copy)]
struct Resumes {
    sessions: bool,
    tickets: bool,
}

impl Resumes {
    /// A memory with nothing in it.
    fn made(self) -> Resumption {
        if !self.sessions {
            return Resumption::disabled();
        }
        let store = Arc::new(Sessions::new(NAMES, TICKETS));
        let kind = match self.tickets {
            true => rustls::client::Tls12Resumption::SessionIdOrTickets,
            false => rustls::client::Tls12Resumption::SessionIdOnly,
        };
        Resumption::store(store).tls12_resumption(kind)
    }
}

/// What makes a [`ServerTls`].
#[derive(Debug)]
pub struct ServerSetup<'a> {
    /// Algorithms and versions.
    pub settings: &'a Settings,
    /// How the server is verified.
    pub verifier: ServerVerifier,
    /// Our own certificate (`crt`).
    pub certificate: Option<(Arc<str>, &'a Certificate)>,
    /// Whether sessions are resumed (`no-ssl-reuse`).
    pub resumes: bool,
    /// Whether tickets are taken (`no-tls-tickets`).
    pub tickets: bool,
    /// Largest record.
    pub max_record: Option<usize>,
    /// All secrets of sessions are told (`tune.ssl.keylog`).
    pub logs_keys: bool,
    /// `allow-0rtt`.
    pub allows_early: bool,
}

impl ServerTls {
    /// Prepares it.
    ///
    /// # Errors
    /// When no version or suite is left.
    pub fn new(setup: ServerSetup<'_>) -> Result<Self, String> {
        let provider = setup.settings.provider();
        let verifier = Arc::new(setup.verifier);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&setup.settings.usable_versions())
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _);
        let mut config = builder.with_no_client_auth();
        if let Some((_, certificate)) = &setup.certificate {
            config.client_auth_cert_resolver = resolver(certificate);
        }
        config.alpn_protocols.clone_from(&setup.settings.alpn);
        // A server that selects nothing, or something else, is spoken HTTP/1.1 to.
        config.check_selected_alpn = false;
        config.max_fragment_size = setup.max_record;
        config.key_log = crate::keylog::log(setup.logs_keys);
        let resumption = Resumes {
            sessions: setup.resumes,
            tickets: setup.tickets,
        };
        config.resumption = resumption.made();
        Ok(Self {
            offers_h2: setup.settings.alpn.iter().any(|name| name == b"h2"),
            config: RwLock::new(Arc::new(config)),
            verifier: RwLock::new(verifier),
            resumption,
            certificate: setup.certificate.map(|(name, _)| name),
            allows_early: setup.allows_early,
        })
    }

    /// Takes another client certificate.
    pub fn replace_certificate(&self, certificate: &Certificate) {
        let mut slot = self.config.write();
        let mut config = ClientConfig::clone(&slot);
        config.client_auth_cert_resolver = resolver(certificate);
        *slot = Arc::new(config);
    }

    /// How the server is verified.
    pub fn verifier(&self) -> Arc<ServerVerifier> {
        Arc::clone(&self.verifier.read())
    }

    /// Whether servers without a good certificate are refused, nothing ignored.
    pub fn verifies(&self) -> bool {
        let verifier = self.verifier();
        verifier
            .judge
            .as_ref()
            .is_some_and(|judge| judge.is_strict())
    }

    /// Verifies the server in another way; sessions made before are not resumed.
    pub fn replace_verifier(&self, verifier: ServerVerifier) {
        let verifier = Arc::new(verifier);
        *self.verifier.write() = Arc::clone(&verifier);
        let mut slot = self.config.write();
        let mut config = ClientConfig::clone(&slot);
        config.dangerous().set_certificate_verifier(verifier);
        config.resumption = self.resumption.made();
        *slot = Arc::new(config);
    }

    /// Whether HTTP/2 is among the protocols offered.
    pub fn offers_h2(&self) -> bool {
        self.offers_h2
    }

    /// Begins a session. Without a name no SNI is sent; `alpn` takes the place of the configured
    /// protocols. With `early` a remembered session may take early data.
    ///
    /// # Errors
    /// When rustls cannot begin.
    pub fn connect(
        &self,
        sni: Option<&str>,
        alpn: Option<&[&[u8]]>,
        early: bool,
    ) -> Result<ClientConnection, rustls::Error> {
        let (mut config, name) = self.session(sni, alpn);
        if early && self.allows_early {
            Arc::make_mut(&mut config).enable_early_data = true;
        }
        ClientConnection::new(config, name)
    }

    /// What a session begins with, for whoever makes it: settings, and the name.
    pub fn session(
        &self,
        sni: Option<&str>,
        alpn: Option<&[&[u8]]>,
    ) -> (Arc<ClientConfig>, ServerName<'static>) {
        let mut config = Arc::clone(&self.config.read());
        if let Some(alpn) = alpn {
            Arc::make_mut(&mut config).alpn_protocols =
                alpn.iter().map(|name| name.to_vec()).collect();
        }
        let name = sni
            .and_then(|sni| ServerName::try_from(sni.to_owned()).ok())
            // An address is never sent as SNI; it stands for "no name" as a key of sessions.
            .unwrap_or_else(|| {
                ServerName::from(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))
            });
        (config, name)
    }
}

fn resolver(certificate: &Certificate) -> Arc<dyn rustls::client::ResolvesClientCert> {
    Arc::new(rustls::sign::SingleCertAndKey::from(Arc::clone(
        &certificate.certified,
    )))
}
