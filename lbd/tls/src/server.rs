//! What a `server` line needs to speak TLS.
//!
//! Sessions are remembered per name (SNI) by rustls, for resumption.

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::certificate::Certificate;
use crate::settings::Settings;
use crate::verify::ServerVerifier;

/// Sessions remembered for one server, each under its own name.
const SESSIONS: usize = 64;

/// TLS to one server.
#[derive(Debug)]
pub struct ServerTls {
    config: RwLock<Arc<ClientConfig>>,
    offers_h2: bool,
    /// The name of the client certificate's store, for changes while running.
    pub certificate: Option<Arc<str>>,
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
}

impl ServerTls {
    /// Prepares it.
    ///
    /// # Errors
    /// When no version or suite is left.
    pub fn new(setup: ServerSetup<'_>) -> Result<Self, String> {
        let provider = setup.settings.provider();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&setup.settings.usable_versions())
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(setup.verifier));
        let mut config = builder.with_no_client_auth();
        if let Some((_, certificate)) = &setup.certificate {
            config.client_auth_cert_resolver = resolver(certificate);
        }
        config.alpn_protocols.clone_from(&setup.settings.alpn);
        // A server that selects nothing, or something else, is spoken HTTP/1.1 to.
        config.check_selected_alpn = false;
        config.max_fragment_size = setup.max_record;
        config.resumption = match (setup.resumes, setup.tickets) {
            (false, _) => Resumption::disabled(),
            (true, tickets) => {
                let store = Arc::new(ClientSessionMemoryCache::new(SESSIONS));
                let kind = match tickets {
                    true => rustls::client::Tls12Resumption::SessionIdOrTickets,
                    false => rustls::client::Tls12Resumption::SessionIdOnly,
                };
                Resumption::store(store).tls12_resumption(kind)
            }
        };
        Ok(Self {
            offers_h2: setup.settings.alpn.iter().any(|name| name == b"h2"),
            config: RwLock::new(Arc::new(config)),
            certificate: setup.certificate.map(|(name, _)| name),
        })
    }

    /// Takes another client certificate.
    pub fn replace_certificate(&self, certificate: &Certificate) {
        let mut slot = self.config.write();
        let mut config = ClientConfig::clone(&slot);
        config.client_auth_cert_resolver = resolver(certificate);
        *slot = Arc::new(config);
    }

    /// Whether HTTP/2 is among the protocols offered.
    pub fn offers_h2(&self) -> bool {
        self.offers_h2
    }

    /// Begins a session. Without a name no SNI is sent; `alpn` takes the place of the configured
    /// protocols.
    ///
    /// # Errors
    /// When rustls cannot begin.
    pub fn connect(
        &self,
        sni: Option<&str>,
        alpn: Option<&[&[u8]]>,
    ) -> Result<ClientConnection, rustls::Error> {
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
        ClientConnection::new(config, name)
    }
}

fn resolver(certificate: &Certificate) -> Arc<dyn rustls::client::ResolvesClientCert> {
    Arc::new(rustls::sign::SingleCertAndKey::from(Arc::clone(
        &certificate.certified,
    )))
}
