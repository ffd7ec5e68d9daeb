//! The certificates of one `bind` line and the choice for each client.
//!
//! It is changed while running by replacing its list; who is in a handshake keeps what it chose.

mod limited;

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::server::{ClientHello, ProducesTickets, StoresServerSessions};
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, SignatureAlgorithm, SignatureScheme};

use crate::certificate::{Certificate, KeyKind};
use crate::index::{Abilities, Index};
use crate::settings::Settings;
use crate::verify::ClientVerifier;

/// How sessions are resumed.
#[derive(Debug, Clone)]
pub struct Resumption {
    /// Remembers sessions; shared by all lines of the process.
    pub store: Arc<dyn StoresServerSessions>,
    /// Makes tickets; `None` with `no-tls-tickets`.
    pub ticketer: Option<Arc<dyn ProducesTickets>>,
}

/// What the lines of one `bind` have in common, or a crt-list line has of its own.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Algorithms and versions.
    pub settings: Settings,
    /// How clients are verified; `None` with `verify none`.
    pub verifier: Option<Arc<ClientVerifier>>,
    template: Arc<ServerConfig>,
    plain: Arc<ServerConfig>,
}

impl Policy {
    /// Prepares a policy.
    ///
    /// # Errors
    /// When no version or suite is left.
    pub fn new(
        settings: Settings,
        verifier: Option<Arc<ClientVerifier>>,
        resumption: &Resumption,
        max_record: Option<usize>,
    ) -> Result<Self, String> {
        let provider = settings.provider();
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&settings.usable_versions())
            .map_err(|error| error.to_string())?;
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier) as _),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(NoCertificate));
        config.ignore_client_order = !settings.prefer_client_ciphers;
        config.session_storage = Arc::clone(&resumption.store);
        if let Some(ticketer) = &resumption.ticketer {
            config.ticketer = Arc::clone(ticketer);
        }
        config.max_fragment_size = max_record;
        let plain = Arc::new(config.clone());
        config.alpn_protocols.clone_from(&settings.alpn);
        Ok(Self {
            settings,
            verifier,
            template: Arc::new(config),
            plain,
        })
    }

    fn config(&self, with_alpn: bool, certificate: &Certificate) -> Arc<ServerConfig> {
        let from = if with_alpn {
            &self.template
        } else {
            &self.plain
        };
        let mut config = ServerConfig::clone(from);
        let certified = match &self.settings.sigalgs {
            Some(allowed) => limited::certified(&certificate.certified, allowed),
            None => Arc::clone(&certificate.certified),
        };
        config.cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        Arc::new(config)
    }
}

/// A certificate on a `bind` line, with its names and its policy.
#[derive(Debug, Clone)]
pub struct Entry {
    /// File or name of the store.
    pub name: Arc<str>,
    /// The certificate.
    pub certificate: Arc<Certificate>,
    /// How it is served.
    pub policy: Arc<Policy>,
    /// Filters of a crt-list line; empty for the certificate's own names.
    pub filters: Arc<[Box<str>]>,
    /// Serves names that nothing else answers for.
    pub is_default: bool,
}

/// An entry that a client was given.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// What rustls takes.
    pub config: Arc<ServerConfig>,
    /// Name of the certificate.
    pub name: Arc<str>,
    /// The certificate.
    pub certificate: Arc<Certificate>,
    /// How it is served.
    pub policy: Arc<Policy>,
}

#[derive(Debug)]
struct Served {
    entry: Entry,
    config: Arc<ServerConfig>,
}

#[derive(Debug, Default)]
struct List {
    served: Vec<Served>,
    index: Index,
}

/// The certificates of a `bind` line.
#[derive(Debug)]
pub struct BindTls {
    list: RwLock<Arc<List>>,
    /// `strict-sni`.
    pub is_strict: bool,
}

impl BindTls {
    /// A line with these certificates.
    pub fn new(entries: Vec<Entry>, is_strict: bool) -> Self {
        Self {
            list: RwLock::new(Arc::new(build(entries))),
            is_strict,
        }
    }

    /// Replaces all certificates at once.
    pub fn replace(&self, entries: Vec<Entry>) {
        let list = Arc::new(build(entries));
        *self.list.write() = list;
    }

    /// The entries in their order.
    pub fn entries(&self) -> Vec<Entry> {
        let list = Arc::clone(&self.list.read());
        list.served.iter().map(|one| one.entry.clone()).collect()
    }

    /// Names with the certificates that answer for them.
    pub fn names(&self) -> Vec<(String, Entry)> {
        let list = Arc::clone(&self.list.read());
        let names = list.index.names();
        let mut names: Vec<_> = names
            .map(|(name, at)| (name, list.served[at].entry.clone()))
            .collect();
        names.sort_by(|one, other| one.0.cmp(&other.0));
        names
    }

    /// The certificate for a client; `None` when none may be served (`strict-sni`).
    pub fn choose(&self, hello: &ClientHello<'_>) -> Option<Chosen> {
        let list = Arc::clone(&self.list.read());
        let abilities = abilities(hello);
        let named = hello
            .server_name()
            .and_then(|name| list.index.find(name, abilities));
        let at = match named {
            Some(at) => at,
            None if self.is_strict => return None,
            None => list.index.fallback(abilities)?,
        };
        let served = list.served.get(at)?;
        let entry = &served.entry;
        let offers = &entry.policy.settings.alpn;
        // A client that offers other protocols only is served without one, as OpenSSL does.
        let meets = hello
            .alpn()
            .is_none_or(|mut theirs| theirs.any(|theirs| offers.iter().any(|ours| ours == theirs)));
        let config = match meets || offers.is_empty() {
            true => Arc::clone(&served.config),
            false => entry.policy.config(false, &entry.certificate),
        };
        Some(Chosen {
            config,
            name: Arc::clone(&entry.name),
            certificate: Arc::clone(&entry.certificate),
            policy: Arc::clone(&entry.policy),
        })
    }
}

fn build(entries: Vec<Entry>) -> List {
    let mut list = List::default();
    for (at, entry) in entries.into_iter().enumerate() {
        let kind = entry.certificate.kind;
        let own = entry.certificate.names();
        let is_only_negative = entry.filters.iter().all(|name| name.starts_with('!'));
        for name in entry.filters.iter() {
            list.index.add(name, at, kind);
        }
        if is_only_negative {
            for name in &own {
                list.index.add(name, at, kind);
            }
        }
        if entry.is_default {
            list.index.add_default(at, kind);
        }
        let config = entry.policy.config(true, &entry.certificate);
        list.served.push(Served { entry, config });
    }
    list
}

/// Which keys a client verifies: by its signature algorithms, in TLS 1.2 without them by suites.
fn abilities(hello: &ClientHello<'_>) -> Abilities {
    let kind = |scheme: &SignatureScheme| match scheme_algorithm(*scheme) {
        Some(SignatureAlgorithm::RSA) => Some(KeyKind::Rsa),
        Some(_) => Some(KeyKind::Ecdsa),
        None => None,
    };
    let schemes = hello.signature_schemes();
    let can = |wanted: KeyKind| schemes.iter().any(|scheme| kind(scheme) == Some(wanted));
    let has_ecdsa_suite = hello.cipher_suites().iter().any(|suite| {
        let name = crate::cipher::suite_name(*suite);
        name.starts_with("TLS_") || name.starts_with("ECDHE-ECDSA")
    });
    Abilities {
        ecdsa: can(KeyKind::Ecdsa) && has_ecdsa_suite,
        rsa: can(KeyKind::Rsa) || schemes.is_empty(),
    }
}

fn scheme_algorithm(scheme: SignatureScheme) -> Option<SignatureAlgorithm> {
    use SignatureScheme as S;
    Some(match scheme {
        S::RSA_PKCS1_SHA256
        | S::RSA_PKCS1_SHA384
        | S::RSA_PKCS1_SHA512
        | S::RSA_PSS_SHA256
        | S::RSA_PSS_SHA384
        | S::RSA_PSS_SHA512 => SignatureAlgorithm::RSA,
        S::ECDSA_NISTP256_SHA256 | S::ECDSA_NISTP384_SHA384 | S::ECDSA_NISTP521_SHA512 => {
            SignatureAlgorithm::ECDSA
        }
        S::ED25519 => SignatureAlgorithm::ED25519,
        _ => return None,
    })
}

/// Stands in a template; each entry puts its own in its place.
#[derive(Debug)]
struct NoCertificate;

impl rustls::server::ResolvesServerCert for NoCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }
}
