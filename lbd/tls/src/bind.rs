//! The certificates of one `bind` line and the choice for each client.
//!
//! It is changed while running by replacing its list; who is in a handshake keeps what it chose.

mod forged;
mod limited;

pub use forged::{ForgedCache, Forging};

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::server::ClientHello;
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, SignatureAlgorithm, SignatureScheme};

use crate::certificate::{Certificate, KeyKind};
use crate::index::{Abilities, Index};
use crate::ocsp::Stapling;
use crate::settings::{Settings, Version};
use crate::tickets::{Part, Tickets};
use crate::verify::ClientVerifier;

/// How sessions are resumed.
#[derive(Debug, Clone)]
pub struct Resumption {
    /// Remembers sessions: this line's part of the cache of the process.
    pub store: Arc<Part>,
    /// Makes tickets; `None` with `no-tls-tickets`.
    pub ticketer: Option<Arc<Tickets>>,
    /// Remembers sessions that may bring early data, when `store` remembers nothing.
    pub early: Option<Arc<Part>>,
}

impl Resumption {
    /// Another one, for which nothing is remembered yet.
    #[must_use]
    pub fn renewed(&self) -> Self {
        let renew = |tickets: &Arc<Tickets>| match tickets.is_given() {
            true => Some(Arc::clone(tickets)),
            false => tickets.another().map(Arc::new),
        };
        Self {
            store: Arc::new(self.store.next()),
            ticketer: self.ticketer.as_ref().and_then(renew),
            early: self.early.as_ref().map(|part| Arc::new(part.next())),
        }
    }
}

/// How the sessions of a line are on the wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wire {
    /// Largest record, in bytes; `None` for the protocol's.
    pub max_record: Option<usize>,
    /// All secrets of sessions are told.
    pub logs_keys: bool,
    /// Bytes of early data that a session takes (`allow-0rtt`); 0 for none.
    ///
    /// Clients of TLS 1.3 then resume by sessions that are remembered, each once, never by
    /// tickets: rustls takes early data only so, because nothing else tells a replay
    /// (RFC 8446 8.1).
    pub early: u32,
}

/// What the lines of one `bind` have in common, or a crt-list line has of its own.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Algorithms and versions.
    pub settings: Settings,
    /// How clients are verified; `None` with `verify none`.
    pub verifier: Option<Arc<ClientVerifier>>,
    resumption: Resumption,
    wire: Wire,
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
        wire: Wire,
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
        config.session_storage = Arc::clone(&resumption.store) as _;
        if let Some(ticketer) = &resumption.ticketer {
            config.ticketer = Arc::clone(ticketer) as _;
        }
        config.max_fragment_size = wire.max_record;
        config.key_log = crate::keylog::log(wire.logs_keys);
        let plain = Arc::new(config.clone());
        config.alpn_protocols.clone_from(&settings.alpn);
        Ok(Self {
            settings,
            verifier,
            resumption: resumption.clone(),
            wire,
            template: Arc::new(config),
            plain,
        })
    }

    /// Whether a certificate that a client has shown is its own and good, whatever was ignored.
    pub fn verifies_clients(&self) -> bool {
        let verifier = self.verifier.as_ref();
        verifier.is_some_and(|verifier| verifier.judge.is_strict())
    }

    /// The same with another way to verify clients. What was resumable is so no longer, unless its
    /// ticket keys were given: a client that is refused now shall not come in by an old session.
    ///
    /// # Errors
    /// When no version or suite is left.
    pub fn verifying(&self, verifier: Arc<ClientVerifier>) -> Result<Self, String> {
        let resumption = self.resumption.renewed();
        Self::new(
            self.settings.clone(),
            Some(verifier),
            &resumption,
            self.wire,
        )
    }

    fn config(&self, kind: Kind, certificate: &Certificate) -> Arc<ServerConfig> {
        let from = match kind {
            Kind::Usual | Kind::Early => &self.template,
            Kind::WithoutAlpn => &self.plain,
        };
        let mut config = ServerConfig::clone(from);
        if kind == Kind::Early {
            config.ticketer = Arc::new(NoTickets);
            if let Some(store) = &self.resumption.early {
                config.session_storage = Arc::clone(store) as _;
            }
            config.max_early_data_size = self.wire.early;
            // The answer need not wait for the client's last word, no more than the request did.
            config.send_half_rtt_data = true;
        }
        let certified = match &self.settings.sigalgs {
            Some(allowed) => limited::certified(&certificate.certified, allowed),
            None => Arc::clone(&certificate.certified),
        };
        config.cert_resolver = match &certificate.staple {
            None => Arc::new(SingleCertAndKey::from(certified)),
            Some(staple) => {
                let time = Arc::clone(&config.time_provider);
                Arc::new(Stapling::new(certified, Arc::clone(staple), time))
            }
        };
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
    /// The line of a crt-list that it is from.
    pub origin: Option<Origin>,
}

impl Entry {
    /// Whether no filter names it: its own names do.
    pub fn has_own_names(&self) -> bool {
        self.filters.iter().all(|name| name.starts_with('!'))
    }
}

/// A line of a crt-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Name of the list.
    pub list: Arc<str>,
    /// Line in it, from 1; 0 for files of a directory.
    pub line: u32,
}

/// A name with the entry that answers for it (`show ssl sni`).
#[derive(Debug, Clone)]
pub struct Named {
    /// The name, `*` for any.
    pub name: String,
    /// Names that the entry excludes from its wildcards.
    pub negatives: Vec<Box<str>>,
    /// The entry.
    pub entry: Entry,
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

/// Which clients a configuration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Usual,
    /// Those that may send early data.
    Early,
    /// Those that offer only other protocols than the line.
    WithoutAlpn,
}

#[derive(Debug)]
struct Served {
    entry: Entry,
    config: Arc<ServerConfig>,
    /// For clients of TLS 1.3 with `allow-0rtt`.
    early: Option<Arc<ServerConfig>>,
}

impl Served {
    fn new(entry: Entry) -> Self {
        let made = |kind| entry.policy.config(kind, &entry.certificate);
        let takes_early = entry.policy.wire.early > 0;
        Self {
            config: made(Kind::Usual),
            early: takes_early.then(|| made(Kind::Early)),
            entry,
        }
    }
}

#[derive(Debug, Default)]
struct List {
    served: Vec<Arc<Served>>,
    index: Index,
}

/// The certificates of a `bind` line.
#[derive(Debug)]
pub struct BindTls {
    list: RwLock<Arc<List>>,
    /// `strict-sni`.
    pub is_strict: bool,
    /// `generate-certificates`.
    forging: Option<Forging>,
}

impl BindTls {
    /// A line with these certificates.
    pub fn new(entries: Vec<Entry>, is_strict: bool, forging: Option<Forging>) -> Self {
        Self {
            list: RwLock::new(Arc::new(build(entries, &List::default()))),
            is_strict,
            forging,
        }
    }

    /// Replaces all certificates at once. Callers take turns: who comes later wins.
    pub fn replace(&self, entries: Vec<Entry>) {
        let before = Arc::clone(&self.list.read());
        let list = Arc::new(build(entries, &before));
        *self.list.write() = list;
    }

    /// The entries in their order.
    pub fn entries(&self) -> Vec<Entry> {
        let list = Arc::clone(&self.list.read());
        list.served.iter().map(|one| one.entry.clone()).collect()
    }

    /// Calls `see` for each entry.
    pub fn each(&self, mut see: impl FnMut(&Entry)) {
        let list = Arc::clone(&self.list.read());
        list.served.iter().for_each(|one| see(&one.entry));
    }

    /// Names with the certificates that answer for them: exact ones, then wildcards.
    pub fn names(&self) -> Vec<Named> {
        let (mut exact, mut wild) = (Vec::new(), Vec::new());
        self.each(|entry| {
            let negatives = entry
                .filters
                .iter()
                .filter_map(|name| name.strip_prefix('!'));
            let mut negatives: Vec<Box<str>> = negatives.map(Into::into).collect();
            negatives.reverse();
            let mut add = |name: &str| {
                let is_wild = name.starts_with('*');
                let list = if is_wild { &mut wild } else { &mut exact };
                list.push(Named {
                    name: name.to_ascii_lowercase(),
                    negatives: if is_wild {
                        negatives.clone()
                    } else {
                        Vec::new()
                    },
                    entry: entry.clone(),
                });
            };
            match entry.has_own_names() {
                true => entry.certificate.names().iter().for_each(|name| add(name)),
                false => {
                    let named = entry.filters.iter().filter(|name| !name.starts_with('!'));
                    named.for_each(|name| add(name));
                }
            }
            if entry.is_default && !entry.filters.iter().any(|name| &**name == "*") {
                add("*");
            }
        });
        exact.sort_by(|one: &Named, other| one.name.cmp(&other.name));
        wild.sort_by(|one: &Named, other| one.name.cmp(&other.name));
        exact.append(&mut wild);
        exact
    }

    /// The highest version that some certificate of the line is served by.
    pub fn highest_version(&self) -> Version {
        let list = Arc::clone(&self.list.read());
        let versions = list.served.iter();
        let versions = versions.map(|one| one.entry.policy.settings.versions.max);
        versions.max().unwrap_or(Version::Tls13)
    }

    /// The certificate for a client; `None` when none may be served (`strict-sni`). `now` in
    /// seconds since 1970 dates those that are made up.
    pub fn choose(&self, hello: &ClientHello<'_>, now: u64) -> Option<Chosen> {
        let list = Arc::clone(&self.list.read());
        let abilities = abilities(hello);
        let named = hello
            .server_name()
            .and_then(|name| list.index.find(name, abilities));
        let served = match named {
            Some(at) => Arc::clone(list.served.get(at)?),
            None => {
                let at = list.index.fallback(abilities);
                let base = at.and_then(|at| list.served.get(at));
                let forged = self
                    .forging
                    .as_ref()
                    .and_then(|forging| forging.served(hello.server_name()?, &base?.entry, now));
                match forged {
                    Some(forged) => forged,
                    None if self.is_strict => return None,
                    None => Arc::clone(base?),
                }
            }
        };
        let entry = &served.entry;
        let offers = &entry.policy.settings.alpn;
        // A client that offers other protocols only is served without one, as OpenSSL does.
        let meets = hello
            .alpn()
            .is_none_or(|mut theirs| theirs.any(|theirs| offers.iter().any(|ours| ours == theirs)));
        let early = served
            .early
            .as_ref()
            .filter(|_| crate::cipher::has_tls13(hello.cipher_suites()));
        let config = match meets || offers.is_empty() {
            true => Arc::clone(early.unwrap_or(&served.config)),
            false => entry.policy.config(Kind::WithoutAlpn, &entry.certificate),
        };
        Some(Chosen {
            config,
            name: Arc::clone(&entry.name),
            certificate: Arc::clone(&entry.certificate),
            policy: Arc::clone(&entry.policy),
        })
    }
}

/// What did not change since `before` keeps its configuration, and with it what rustls remembers.
fn build(entries: Vec<Entry>, before: &List) -> List {
    let key = |entry: &Entry| {
        let certificate = Arc::as_ptr(&entry.certificate);
        (certificate, Arc::as_ptr(&entry.policy))
    };
    let known = before.served.iter();
    let known: HashMap<_, _> = known.map(|one| (key(&one.entry), one)).collect();
    let mut list = List::default();
    for (at, entry) in entries.into_iter().enumerate() {
        let kind = entry.certificate.kind;
        for name in entry.filters.iter() {
            list.index.add(name, at, kind);
        }
        if entry.has_own_names() {
            for name in &entry.certificate.names() {
                list.index.add(name, at, kind);
            }
        }
        if entry.is_default {
            list.index.add_default(at, kind);
        }
        let served = match known.get(&key(&entry)) {
            Some(known) => Served {
                config: Arc::clone(&known.config),
                early: known.early.clone(),
                entry,
            },
            None => Served::new(entry),
        };
        list.served.push(Arc::new(served));
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

/// Makes no tickets.
#[derive(Debug)]
struct NoTickets;

impl rustls::server::ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _plain: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _cipher: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// Stands in a template; each entry puts its own in its place.
#[derive(Debug)]
struct NoCertificate;

impl rustls::server::ResolvesServerCert for NoCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }
}
