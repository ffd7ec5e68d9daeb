//! TLS of `bind` and `server` lines: words and files to what `lbd-tls` serves.
//!
//! Files come through the host; each is read once, however many lines name it.

use std::sync::Arc;

use lbd_core::{Diag, Diags, Span};
use lbd_tls::bind::{ForgedCache, Policy, Resumption, Wire};
use lbd_tls::cipher::{self, Chosen};
use lbd_tls::rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache};
use lbd_tls::tickets::{Label, Part, SessionsOnDemand, Tickets};
use lbd_tls::verify::{ClientVerifier, Judge, TrustNames};
use lbd_tls::{Settings, Store, Version, VersionRange};

use super::context::Compiler;
use super::tls_files::Seen;
use crate::config::{SslTune, Tune};
use crate::draft::{BindSslDraft, Named, SslDraft, SslVersion, Verify};
use crate::host::Host;

/// What compiling TLS shares among lines.
#[derive(Debug, Default)]
pub(super) struct Tls {
    /// Everything that was read, by name.
    pub(super) store: Arc<Store>,
    pub(super) seen: Seen,
    /// What should be known of certificates, and refuses nothing.
    pub(super) cautions: Vec<String>,
    /// Of each `bind` line that speaks TLS what its crt-lists may get lines for later.
    pub(super) lines: Vec<BindBase>,
    /// What has opened a private key so far.
    pub(super) passphrases: Vec<Vec<u8>>,
    cache: Option<Part>,
    /// Certificates that were made up, of all lines.
    pub(super) forged: Option<Arc<ForgedCache>>,
    /// Sessions that may bring early data, where nothing else remembers any.
    early_cache: Option<Part>,
}

impl Tls {
    /// For lines that come later.
    pub(super) fn at(store: Arc<Store>) -> Self {
        Self {
            store,
            ..Self::default()
        }
    }
}

/// What a line of a crt-list inherits from a `bind` line.
#[derive(Debug, Clone)]
pub(crate) struct BindBase {
    /// `bind '…'`, for messages.
    pub(crate) title: String,
    pub(crate) proxy: String,
    pub(crate) span: Span,
    pub(crate) settings: SslDraft,
    /// `ssl-default-bind-*` where it stands.
    pub(crate) defaults: Arc<BindSslDraft>,
    pub(crate) resumption: Resumption,
    pub(crate) is_http: bool,
}

impl BindBase {
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            proxy: &self.proxy,
            title: &self.title,
            span: self.span,
        }
    }
}

/// Sessions that may bring early data and are remembered at most when there is no cache.
const EARLY_SESSIONS: usize = 20_000;

/// Most bytes of early data of a session, as the reference bounds it.
pub(super) fn early_bytes(tune: &Tune) -> u32 {
    u32::try_from(tune.bufsize.saturating_sub(tune.maxrewrite)).unwrap_or(u32::MAX)
}

/// Makes TLS of lines: while a configuration is compiled, and for lines that come later.
pub(crate) struct Maker<'a> {
    pub(crate) bind_defaults: &'a BindSslDraft,
    pub(crate) server_defaults: &'a SslDraft,
    pub(crate) tune: &'a SslTune,
    /// Most bytes of early data: what a buffer takes of a request.
    pub(crate) early: u32,
    pub(crate) host: &'a dyn Host,
    pub(super) tls: &'a mut Tls,
    pub(crate) diags: &'a mut Diags,
}

/// Who says settings, for messages: `bind ':443'`, `server 'b/s'`.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) proxy: &'a str,
    pub(super) title: &'a str,
    pub(super) span: Span,
}

impl Place<'_> {
    fn unable(&self, what: &str, list: &Named) -> Diag {
        Diag::alert(
            list.span,
            format!(
                "Proxy '{}': unable to set {what} to '{}' for {}.",
                self.proxy, list.name, self.title
            ),
        )
        .hint("Nothing that the list names is there; leave it out for safe defaults.")
    }
}

impl Compiler<'_> {
    /// What makes TLS of lines.
    pub(super) fn tls_maker(&mut self) -> Maker<'_> {
        let global = &self.draft.global;
        Maker {
            bind_defaults: &global.ssl_bind,
            server_defaults: &global.ssl_server,
            tune: &global.value.ssl,
            early: early_bytes(&global.value.tune),
            host: self.environment.host(),
            tls: &mut self.tls,
            diags: &mut self.diags,
        }
    }
}

impl Maker<'_> {
    /// Records a fault.
    pub(super) fn fault(&mut self, diag: Diag) {
        self.diags.push(diag);
    }

    /// How long a ticket is good, in seconds.
    pub(super) fn ticket_lifetime(&self) -> u32 {
        u32::try_from(self.tune.lifetime.as_secs()).unwrap_or(u32::MAX)
    }

    /// What resumes sessions of one line: nothing of it is good on another line.
    pub(super) fn resumption(
        &mut self,
        ssl: &BindSslDraft,
        wants: bool,
        (label, place): (Option<Label>, Place<'_>),
    ) -> Resumption {
        let tune = self.tune;
        let cache = self.tls.cache.get_or_insert_with(|| {
            Part::new(match tune.cachesize {
                0 => Arc::new(NoServerSessionStorage {}),
                size => ServerSessionMemoryCache::new(size),
            })
        });
        let store = Arc::new(cache.next());
        let lifetime = self.ticket_lifetime();
        let tickets = match (&ssl.ticket_keys, wants) {
            (_, false) => None,
            (Some(file), true) => self.ticket_keys(file, lifetime),
            (None, true) => Tickets::random(lifetime).map(Arc::new),
        };
        if let (Some(tickets), None, Some(label)) = (&tickets, &ssl.ticket_keys, label) {
            self.tls.store.add_own_tickets(label, tickets);
        }
        // What tickets of lines with early data name must be remembered, with a cache or without.
        let early_cache = &mut self.tls.early_cache;
        let early = (tune.cachesize == 0 && wants).then(|| {
            let cache = early_cache
                .get_or_insert_with(|| Part::new(Arc::new(SessionsOnDemand::new(EARLY_SESSIONS))));
            Arc::new(cache.next())
        });
        if wants && tickets.is_none() && ssl.ticket_keys.is_none() {
            self.fault(Diag::alert(place.span, "the system gives no random bytes"));
        }
        Resumption {
            store,
            ticketer: tickets,
            early,
        }
    }

    /// The settings of a line and how it verifies clients.
    pub(crate) fn policy(&mut self, ssl: &SslDraft, base: &BindBase) -> Option<Arc<Policy>> {
        let place = base.place();
        let mut settings = self.settings(ssl, &base.defaults.settings, place)?;
        settings.alpn = Self::alpn(ssl, base.is_http);
        let verifier = self.client_verifier(ssl, &settings, place)?;
        let wire = Wire {
            max_record: record_size(self.tune.maxrecord),
            logs_keys: self.tune.keylog,
            early: if ssl.early { self.early } else { 0 },
        };
        match Policy::new(settings, verifier, &base.resumption, wire) {
            Ok(policy) => Some(Arc::new(policy)),
            Err(error) => {
                self.fault(Diag::alert(
                    place.span,
                    format!("Proxy '{}': {} : {error}.", place.proxy, place.title),
                ));
                None
            }
        }
    }

    /// Protocols to offer; HTTP's by default (haproxy 3.4 configuration 5.1, `alpn`).
    fn alpn(ssl: &SslDraft, is_http: bool) -> Vec<Vec<u8>> {
        match (&ssl.alpn, is_http) {
            (Some((list, _)), _) => list.clone(),
            (None, true) => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            (None, false) => Vec::new(),
        }
    }

    /// Lists and versions onto what rustls has; what is dropped is told.
    pub(super) fn settings(
        &mut self,
        ssl: &SslDraft,
        defaults: &SslDraft,
        place: Place<'_>,
    ) -> Option<Settings> {
        let versions = self.versions(ssl, defaults, place)?;
        let ciphers = ssl.ciphers.as_ref().or(defaults.ciphers.as_ref());
        let suites = ssl.ciphersuites.as_ref().or(defaults.ciphersuites.as_ref());
        let curves = ssl.ecdhe.as_ref().or(ssl.curves.as_ref());
        let curves = curves.or(defaults.curves.as_ref());
        let sigalgs = ssl.sigalgs.as_ref().or(defaults.sigalgs.as_ref());
        let client = ssl.client_sigalgs.as_ref();
        let client = client.or(defaults.client_sigalgs.as_ref());
        let what = match &ssl.ecdhe {
            Some(_) => "elliptic named curve",
            None => "SSL curves list",
        };
        Some(Settings {
            versions,
            ciphers: self.words(ciphers, "SSL cipher list", cipher::ciphers, place)?,
            ciphersuites: self.words(
                suites,
                "TLS 1.3 cipher suites",
                cipher::ciphersuites,
                place,
            )?,
            curves: self.words(curves, what, cipher::curves, place)?,
            sigalgs: self
                .words(
                    sigalgs,
                    "SSL Signature Algorithm list",
                    cipher::sigalgs,
                    place,
                )?
                .map(Into::into),
            client_sigalgs: self
                .words(
                    client,
                    "SSL Signature Algorithm list",
                    cipher::sigalgs,
                    place,
                )?
                .map(Into::into),
            alpn: Vec::new(),
            prefer_client_ciphers: ssl.prefer_client_ciphers || defaults.prefer_client_ciphers,
        })
    }

    /// One list: `Some(None)` when it is not said, `None` when nothing of it is left.
    fn words<T>(
        &mut self,
        said: Option<&Named>,
        what: &str,
        read: fn(&str) -> Chosen<T>,
        place: Place<'_>,
    ) -> Option<Option<Vec<T>>> {
        let Some(said) = said else {
            return Some(None);
        };
        let Chosen { kept, dropped } = read(&said.name);
        if kept.is_empty() {
            self.fault(place.unable(what, said));
            return None;
        }
        if !dropped.is_empty() {
            let text = format!(
                "not available and left out of the {what}: {}",
                dropped.join(", ")
            );
            // Once for each list of the text, not for each line that inherits it.
            self.fault(Diag::warning(said.span, text));
        }
        Some(Some(kept))
    }

    fn versions(
        &mut self,
        ssl: &SslDraft,
        defaults: &SslDraft,
        place: Place<'_>,
    ) -> Option<VersionRange> {
        let min = ssl.min.or(defaults.min);
        let max = ssl.max.or(defaults.max);
        if let Some((version, span)) = min
            && version < SslVersion::Tlsv12
        {
            self.fault(
                Diag::warning(
                    span,
                    "the lowest version is raised to TLSv1.2: older ones are not spoken",
                )
                .hint("Write ssl-min-ver TLSv1.2."),
            );
        }
        if let Some((version, span)) = max
            && version < SslVersion::Tlsv12
        {
            self.fault(
                Diag::alert(
                    span,
                    format!(
                        "Proxy '{}': {} : a highest version below TLSv1.2 is not supported anymore.",
                        place.proxy, place.title
                    ),
                )
                .hint("Write ssl-max-ver TLSv1.2, or put a program that speaks older versions in front."),
            );
            return None;
        }
        let no12 = ssl.no_tlsv12 || (defaults.no_tlsv12 && ssl.min.is_none());
        let no13 = ssl.no_tlsv13 || (defaults.no_tlsv13 && ssl.max.is_none());
        let is_modern = |said: Option<(SslVersion, Span)>| {
            said.is_some_and(|(version, _)| version == SslVersion::Tlsv13)
        };
        let range = VersionRange {
            min: match is_modern(min) || no12 {
                true => Version::Tls13,
                false => Version::Tls12,
            },
            max: match max.is_none_or(|_| is_modern(max)) && !no13 {
                true => Version::Tls13,
                false => Version::Tls12,
            },
        };
        if range.min > range.max {
            self.fault(Diag::alert(
                place.span,
                format!(
                    "Proxy '{}': all SSL/TLS versions are disabled for {}.",
                    place.proxy, place.title
                ),
            ));
            return None;
        }
        Some(range)
    }

    fn client_verifier(
        &mut self,
        ssl: &SslDraft,
        settings: &Settings,
        place: Place<'_>,
    ) -> Option<Option<Arc<ClientVerifier>>> {
        let is_required = match ssl.verify {
            None | Some(Verify::None) => {
                // Nobody is judged, but what is named must be there.
                self.trust(ssl, place)?;
                return Some(None);
            }
            Some(Verify::Optional) => false,
            Some(Verify::Required) => true,
        };
        if ssl.ca_file.is_none() && ssl.ca_verify_file.is_none() {
            self.fault(Diag::alert(
                place.span,
                format!(
                    "Proxy '{}': verify is enabled but no CA file specified for {}.",
                    place.proxy, place.title
                ),
            ));
            return None;
        }
        let files = self.trust(ssl, place)?;
        let authorities = self.authorities(&files)?;
        let named = match (&files.ca_file, ssl.no_ca_names) {
            (Some(_), false) => self.authorities(&TrustNames {
                ca_file: files.ca_file.clone(),
                ..TrustNames::default()
            }),
            _ => None,
        };
        let names = named.map(|named| ClientVerifier::names_of(&named));
        let algorithms = settings.provider().signature_verification_algorithms;
        let mut judge = Judge::new(authorities, algorithms);
        judge.files = files;
        judge.ignored_authority = ssl.ca_ignored.clone().unwrap_or_default();
        judge.ignored_leaf = ssl.crt_ignored.clone().unwrap_or_default();
        Some(Some(Arc::new(ClientVerifier {
            judge,
            is_required,
            tells_names: !ssl.no_ca_names,
            names: names.unwrap_or_default(),
            old_algorithms: settings.old_client_algorithms(),
        })))
    }
}

/// What `tune.ssl.maxrecord` says as rustls takes it: within the protocol's limits.
pub(super) fn record_size(said: Option<usize>) -> Option<usize> {
    said.map(|size| size.clamp(512, 16_384 + 5))
}
