//! TLS of `bind` and `server` lines: words and files to what `lbd-tls` serves.
//!
//! Files come through the host; each is read once, however many lines name it.

use std::sync::Arc;

use lbd_core::{Diag, Span};
use lbd_tls::bind::{Entry, Policy, Resumption};
use lbd_tls::cipher::{self, Chosen};
use lbd_tls::rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache};
use lbd_tls::rustls::server::{ProducesTickets, StoresServerSessions};
use lbd_tls::tickets::{Part, Tickets};
use lbd_tls::verify::{ClientVerifier, Judge};
use lbd_tls::{BindTls, Settings, Version, VersionRange};

use super::context::Compiler;
use super::tls_files::Files;
use crate::config::Mode;
use crate::draft::{
    BindDraft, BindSslDraft, CrtLine, CrtSource, Named, ProxyDraft, SslDraft, SslVersion, Verify,
};

/// What compiling TLS shares among lines.
#[derive(Debug, Default)]
pub(super) struct Tls {
    pub(super) files: Files,
    cache: Option<Arc<dyn StoresServerSessions>>,
    lines: u32,
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
    /// The certificates of a `bind` line; `None` without `ssl`.
    pub(super) fn bind_tls(
        &mut self,
        proxy: &ProxyDraft,
        draft: &BindDraft,
    ) -> Option<Arc<BindTls>> {
        let ssl = &draft.ssl;
        let title = format!("bind '{}'", draft.text);
        let place = Place {
            proxy: &proxy.name,
            title: &title,
            span: draft.span,
        };
        if !ssl.on {
            if !ssl.crts.is_empty() {
                self.fault(Diag::warning(
                    draft.span,
                    format!(
                        "Proxy '{}': A certificate was specified but SSL was not enabled on {title} \
                         (use 'ssl').",
                        proxy.name
                    ),
                ));
            }
            return None;
        }
        let is_strict = ssl
            .strict_sni
            .or(self.draft.global.ssl_bind.strict_sni)
            .unwrap_or(false);
        let defaults = &self.draft.global.ssl_bind.settings;
        let is_http = proxy.mode() == Mode::Http;
        let resumption = self.resumption(ssl, defaults, place);
        let policy = self.policy(&ssl.settings, defaults, place, &resumption, is_http);
        let entries = self.entries(ssl, policy.as_ref()?, place, &resumption, is_http);
        if entries.is_empty() && !self.has_alert_at(draft.span) {
            self.no_certificate(proxy, &title, draft.span, is_strict);
        }
        Some(Arc::new(BindTls::new(entries, is_strict)))
    }

    fn has_alert_at(&self, span: Span) -> bool {
        let alerts = self.diags.0.iter();
        alerts
            .filter(|diag| diag.level == lbd_core::Level::Alert)
            .filter_map(|diag| diag.span)
            .any(|at| (at.file, at.line) == (span.file, span.line))
    }

    fn no_certificate(&mut self, proxy: &ProxyDraft, title: &str, span: Span, is_strict: bool) {
        let before = format!(
            "Proxy '{}': no SSL certificate specified for {title}",
            proxy.name
        );
        self.fault(match is_strict {
            true => Diag::warning(
                span,
                format!("{before}, ssl connections will fail (use 'crt')."),
            ),
            false => Diag::alert(span, format!("{before} (use 'crt').")),
        });
    }

    fn entries(
        &mut self,
        ssl: &BindSslDraft,
        policy: &Arc<Policy>,
        place: Place<'_>,
        resumption: &Resumption,
        is_http: bool,
    ) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        let has_default = ssl
            .crts
            .iter()
            .any(|(kind, _)| matches!(kind, CrtSource::Default));
        for (kind, file) in &ssl.crts {
            if let CrtSource::List(lines) = kind {
                for line in lines {
                    let found = self.list_line(line, ssl, place, (policy, resumption), is_http);
                    entries.extend(found);
                }
                continue;
            }
            let found = self.certificates(file, place);
            for (name, certificate) in found {
                // The first one of all answers for what nothing else does, with its other keys.
                let is_first = entries.is_empty() || entries[0].name == name;
                entries.push(Entry {
                    name,
                    certificate,
                    policy: Arc::clone(policy),
                    filters: Arc::default(),
                    is_default: match has_default {
                        true => matches!(kind, CrtSource::Default),
                        false => is_first,
                    },
                });
            }
        }
        mark_default(&mut entries);
        entries
    }

    /// The certificates of a crt-list line; its options come before those of the `bind` line.
    fn list_line(
        &mut self,
        line: &CrtLine,
        ssl: &BindSslDraft,
        place: Place<'_>,
        (policy, resumption): (&Arc<Policy>, &Resumption),
        is_http: bool,
    ) -> Vec<Entry> {
        let own = match &line.settings {
            None => Some(Arc::clone(policy)),
            Some(settings) => {
                let merged = settings.over(&ssl.settings);
                let defaults = &self.draft.global.ssl_bind.settings;
                self.policy(&merged, defaults, place, resumption, is_http)
            }
        };
        let Some(own) = own else { return Vec::new() };
        let found = self.certificates(&line.file, place);
        let filters: Arc<[Box<str>]> = line.filters.clone().into();
        let entry = |(name, certificate)| Entry {
            name,
            certificate,
            policy: Arc::clone(&own),
            filters: Arc::clone(&filters),
            is_default: false,
        };
        found.into_iter().map(entry).collect()
    }

    /// What resumes sessions of one line: nothing of it is good on another line.
    fn resumption(
        &mut self,
        ssl: &BindSslDraft,
        defaults: &SslDraft,
        place: Place<'_>,
    ) -> Resumption {
        let tune = self.draft.global.value.ssl.clone();
        let cache = self.tls.cache.get_or_insert_with(|| match tune.cachesize {
            0 => Arc::new(NoServerSessionStorage {}),
            size => ServerSessionMemoryCache::new(size),
        });
        self.tls.lines += 1;
        let store = Arc::new(Part::new(Arc::clone(cache), self.tls.lines));
        let wants = ssl.settings.tickets.or(defaults.tickets).unwrap_or(true);
        let lifetime = u32::try_from(tune.lifetime.as_secs()).unwrap_or(u32::MAX);
        let tickets = match (&ssl.ticket_keys, wants) {
            (_, false) => None,
            (Some(file), true) => self.ticket_keys(file, lifetime),
            (None, true) => Tickets::random(lifetime).map(Arc::new),
        };
        if wants && tickets.is_none() && ssl.ticket_keys.is_none() {
            self.fault(Diag::alert(place.span, "the system gives no random bytes"));
        }
        Resumption {
            store,
            ticketer: tickets.map(|tickets| tickets as Arc<dyn ProducesTickets>),
        }
    }

    /// The settings of a line and how it verifies clients.
    pub(super) fn policy(
        &mut self,
        ssl: &SslDraft,
        defaults: &SslDraft,
        place: Place<'_>,
        resumption: &Resumption,
        is_http: bool,
    ) -> Option<Arc<Policy>> {
        let mut settings = self.settings(ssl, defaults, place)?;
        settings.alpn = Self::alpn(ssl, is_http);
        let verifier = self.client_verifier(ssl, &settings, place)?;
        let max_record = self.draft.global.value.ssl.maxrecord;
        let policy = Policy::new(settings, verifier, resumption, record_size(max_record));
        match policy {
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
            ciphers: self.list(ciphers, "SSL cipher list", cipher::ciphers, place)?,
            ciphersuites: self.list(
                suites,
                "TLS 1.3 cipher suites",
                cipher::ciphersuites,
                place,
            )?,
            curves: self.list(curves, what, cipher::curves, place)?,
            sigalgs: self
                .list(
                    sigalgs,
                    "SSL Signature Algorithm list",
                    cipher::sigalgs,
                    place,
                )?
                .map(Into::into),
            client_sigalgs: self
                .list(
                    client,
                    "SSL Client Signature Algorithm list",
                    cipher::sigalgs,
                    place,
                )?
                .map(Into::into),
            alpn: Vec::new(),
            prefer_client_ciphers: ssl.prefer_client_ciphers || defaults.prefer_client_ciphers,
        })
    }

    /// One list: `Some(None)` when it is not said, `None` when nothing of it is left.
    fn list<T>(
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
            None | Some(Verify::None) => return Some(None),
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
        let named = match &ssl.ca_file {
            Some(file) => Some(self.authorities(&[("ca-file", file)], None, place)?),
            None => None,
        };
        let mut files: Vec<(&str, &Named)> = Vec::new();
        files.extend(ssl.ca_file.as_ref().map(|file| ("ca-file", file)));
        files.extend(
            ssl.ca_verify_file
                .as_ref()
                .map(|file| ("ca-verify-file", file)),
        );
        let authorities = self.authorities(&files, ssl.crl_file.as_ref(), place)?;
        let names = match (&named, ssl.no_ca_names) {
            (Some(named), false) => ClientVerifier::names_of(named),
            _ => Vec::new(),
        };
        let algorithms = settings.provider().signature_verification_algorithms;
        let mut judge = Judge::new(authorities, algorithms);
        judge.ignored_authority = ssl.ca_ignored.clone().unwrap_or_default();
        judge.ignored_leaf = ssl.crt_ignored.clone().unwrap_or_default();
        Some(Some(Arc::new(ClientVerifier {
            judge,
            is_required,
            names,
        })))
    }
}

/// Without a mark the first entry is the default, together with its other keys.
fn mark_default(entries: &mut [Entry]) {
    if entries.iter().any(|entry| entry.is_default) {
        return;
    }
    if let Some(first) = entries.first_mut() {
        first.is_default = true;
    }
}

/// What `tune.ssl.maxrecord` says as rustls takes it: within the protocol's limits.
pub(super) fn record_size(said: Option<usize>) -> Option<usize> {
    said.map(|size| size.clamp(512, 16_384 + 5))
}
