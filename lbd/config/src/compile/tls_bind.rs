//! Certificates of `bind` lines: files, directories and lists to what a listener serves.
//!
//! Settings of TLS are in [`super::tls`], files in [`super::tls_files`].

use std::sync::Arc;

use lbd_core::{Diag, Span};
use lbd_tls::BindTls;
use lbd_tls::bind::{Entry, ForgedCache, Forging, Origin, Policy};
use lbd_tls::forge::Forger;
use lbd_tls::store::{CrtList, ListLine};
use lbd_tls::tickets::{self, Label};

use super::tls::{BindBase, Maker, Place};
use super::tls_files::Found;
use crate::draft::{BindDraft, BindSslDraft, CrtLine, CrtSource, SslDraft};

impl Maker<'_> {
    /// The certificates of a `bind` line, `ssl-f-use` of its frontend among them; `None` without
    /// `ssl`.
    pub(super) fn bind_tls(
        &mut self,
        proxy: &str,
        is_http: bool,
        draft: &BindDraft,
        uses: &[CrtLine],
    ) -> Option<Arc<BindTls>> {
        let ssl = &draft.ssl;
        let title = format!("bind '{}'", draft.text);
        let place = Place {
            proxy,
            title: &title,
            span: draft.span,
        };
        if !ssl.on {
            self.unused_files(ssl, place);
            if !ssl.crts.is_empty() {
                self.fault(Diag::warning(
                    draft.span,
                    format!(
                        "Proxy '{proxy}': A certificate was specified but SSL was not enabled on \
                         {title} (use 'ssl')."
                    ),
                ));
            }
            return None;
        }
        let now = || Arc::new(self.bind_defaults.clone());
        let defaults = ssl.defaults.clone().unwrap_or_else(now);
        let is_strict = ssl.strict_sni.or(defaults.strict_sni).unwrap_or(false);
        let wants_tickets = ssl.settings.tickets.or(defaults.settings.tickets);
        let label = self.ticket_label(ssl, uses, proxy);
        let resumption = self.resumption(ssl, wants_tickets.unwrap_or(true), (label, place));
        let base = BindBase {
            proxy: proxy.to_owned(),
            title: title.clone(),
            span: draft.span,
            settings: ssl.settings.clone(),
            defaults,
            resumption,
            is_http,
        };
        let policy = self.policy(&ssl.settings, &base);
        let entries = self.entries(ssl, policy.as_ref()?, &base, uses);
        if entries.is_empty() && !self.has_alert_at(draft.span) {
            self.no_certificate(proxy, &title, draft.span, is_strict);
        }
        self.tls.lines.push(base);
        let forging = match ssl.generates {
            true => Some(self.forging(ssl, place)?),
            false => None,
        };
        Some(Arc::new(BindTls::new(entries, is_strict, forging)))
    }

    /// What must be the same on two nodes for one to resume the other's sessions of a line: which
    /// line of its proxy it is, and whose certificates it asks of clients. `None` when that cannot be
    /// told, as of a directory of authorities: such a line shares no tickets.
    fn ticket_label(&self, ssl: &BindSslDraft, uses: &[CrtLine], proxy: &str) -> Option<Label> {
        let defaults = ssl.defaults.as_deref().unwrap_or(self.bind_defaults);
        let own = ssl.settings.over(&defaults.settings);
        let before = self.tls.lines.iter().filter(|line| line.proxy == proxy);
        let mut parts: Vec<Vec<u8>> = vec![
            proxy.as_bytes().to_vec(),
            before.count().to_string().into_bytes(),
        ];
        parts.extend(self.verification(&own)?);
        let lists = ssl.crts.iter().filter_map(|(source, _)| match source {
            CrtSource::List(lines) => Some(lines.as_slice()),
            CrtSource::Default | CrtSource::File => None,
        });
        for line in lists.chain([uses]).flatten() {
            if let Some(settings) = &line.settings {
                parts.extend(line.filters.iter().map(|name| name.as_bytes().to_vec()));
                parts.extend(self.verification(&settings.over(&own))?);
            }
        }
        Some(tickets::label(parts.iter().map(Vec::as_slice)))
    }

    /// How clients are verified, by what the files hold.
    fn verification(&self, ssl: &SslDraft) -> Option<Vec<Vec<u8>>> {
        let how = (ssl.verify, &ssl.ca_ignored, &ssl.crt_ignored);
        let mut parts = vec![format!("{how:?}").into_bytes()];
        for file in [&ssl.ca_file, &ssl.ca_verify_file, &ssl.crl_file] {
            parts.push(match file {
                Some(file) => self.host.read(&file.name).ok()?,
                None => Vec::new(),
            });
        }
        Some(parts)
    }

    /// Files that a line without `ssl` names serve nobody, but must be there and be read.
    fn unused_files(&mut self, ssl: &BindSslDraft, place: Place<'_>) {
        for (kind, file) in &ssl.crts {
            let CrtSource::List(lines) = kind else {
                self.certificates(file, place);
                continue;
            };
            for line in lines {
                match &line.load {
                    None => self.certificates(&line.file, place),
                    Some(load) => self.loaded(&line.file, load, place),
                };
            }
        }
        self.trust(&ssl.settings, place);
        if let Some(file) = &ssl.ticket_keys {
            let lifetime = self.ticket_lifetime();
            self.ticket_keys(file, lifetime);
        }
    }

    /// Who signs certificates of a line that are made up.
    fn forging(&mut self, ssl: &BindSslDraft, place: Place<'_>) -> Option<Forging> {
        let Some(file) = &ssl.ca_sign_file else {
            let text = format!(
                "Proxy '{}': cannot enable certificate generation, no CA certificate File \
                 configured at {} (use 'ca-sign-file').",
                place.proxy, place.title
            );
            self.fault(Diag::alert(place.span, text));
            return None;
        };
        let read = self.host.read(&file.name);
        let pass = ssl.ca_sign_pass.as_deref();
        let read = read.and_then(|text| {
            let forger = Forger::read(&text, pass);
            forger.map_err(|fault| fault.text().to_owned())
        });
        match read {
            Ok(forger) => {
                let cache = &mut self.tls.forged;
                let made = || Arc::new(ForgedCache::new(self.tune.forged));
                Some(Forging {
                    forger: Arc::new(forger),
                    cache: Arc::clone(cache.get_or_insert_with(made)),
                })
            }
            Err(error) => {
                let text = format!(
                    "Proxy '{}': Failed to read CA certificate file '{}' at {} : {error}.",
                    place.proxy, file.name, place.title
                );
                self.fault(Diag::alert(file.span, text));
                None
            }
        }
    }

    fn has_alert_at(&self, span: Span) -> bool {
        let alerts = self.diags.0.iter();
        alerts
            .filter(|diag| diag.level == lbd_core::Level::Alert)
            .filter_map(|diag| diag.span)
            .any(|at| (at.file, at.line) == (span.file, span.line))
    }

    fn no_certificate(&mut self, proxy: &str, title: &str, span: Span, is_strict: bool) {
        let before = format!("Proxy '{proxy}': no SSL certificate specified for {title}");
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
        base: &BindBase,
        uses: &[CrtLine],
    ) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        let has_default = ssl
            .crts
            .iter()
            .any(|(kind, _)| matches!(kind, CrtSource::Default));
        let at = self.tls.lines.len();
        let store = Arc::clone(&self.tls.store);
        for (kind, file) in &ssl.crts {
            if let CrtSource::List(lines) = kind {
                let (added, list) = self.list(lines, &file.name, base, policy);
                entries.extend(added);
                store.use_list(&file.name, at, || list);
                continue;
            }
            let is_directory = self.host.is_dir(&file.name);
            let found = self.certificates(file, base.place());
            if is_directory {
                store.use_list(&file.name, at, || directory(&found));
            }
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
                    origin: is_directory.then(|| Origin {
                        list: file.name.as_str().into(),
                        line: 0,
                    }),
                });
            }
        }
        if !uses.is_empty() {
            // As in the reference the last line is the first of the list.
            let name = format!("@{}", base.proxy);
            let lines: Vec<CrtLine> = uses.iter().rev().cloned().collect();
            let (added, list) = self.list(&lines, &name, base, policy);
            entries.extend(added);
            store.use_list(&name, at, || list);
        }
        mark_default(&mut entries);
        entries
    }

    /// The lines of a crt-list as entries, and the list itself.
    fn list(
        &mut self,
        lines: &[CrtLine],
        name: &str,
        base: &BindBase,
        policy: &Arc<Policy>,
    ) -> (Vec<Entry>, CrtList) {
        let mut entries = Vec::new();
        let mut list = CrtList::default();
        for line in lines {
            let found = self.list_line(line, name, base, policy);
            let shown = found.iter().map(|entry| ListLine {
                name: Arc::clone(&entry.name),
                number: line.number,
                options: line.options().into(),
                filters: Arc::clone(&entry.filters),
            });
            list.lines.extend(shown);
            entries.extend(found);
        }
        (entries, list)
    }

    /// The certificates of a crt-list line; its options come before those of the `bind` line.
    pub(crate) fn list_line(
        &mut self,
        line: &CrtLine,
        list: &str,
        base: &BindBase,
        policy: &Arc<Policy>,
    ) -> Vec<Entry> {
        let own = match &line.settings {
            None => Some(Arc::clone(policy)),
            Some(settings) => self.policy(&settings.over(&base.settings), base),
        };
        let Some(own) = own else { return Vec::new() };
        let is_known = self.tls.store.has_certificate(&line.file.name);
        let found = match &line.load {
            None => self.certificates(&line.file, base.place()),
            Some(load) => self.loaded(&line.file, load, base.place()),
        };
        if line.load.is_none() && !is_known {
            self.tls.store.is_named_by_line(&line.file.name);
        }
        let filters: Arc<[Box<str>]> = line.filters.clone().into();
        let origin = Origin {
            list: list.into(),
            line: line.number,
        };
        let entry = |(name, certificate)| Entry {
            name,
            certificate,
            policy: Arc::clone(&own),
            filters: Arc::clone(&filters),
            is_default: false,
            origin: Some(origin.clone()),
        };
        found.into_iter().map(entry).collect()
    }
}

/// A directory as a list.
fn directory(found: &[Found]) -> CrtList {
    let line = |(name, _): &Found| ListLine {
        name: Arc::clone(name),
        number: 0,
        options: "".into(),
        filters: Arc::default(),
    };
    CrtList {
        lines: found.iter().map(line).collect(),
        is_directory: true,
        binds: Vec::new(),
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
