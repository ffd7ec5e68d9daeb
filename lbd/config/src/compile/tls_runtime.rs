//! TLS as the running balancer changes it: the store, and what lines that come later inherit.
//!
//! It reads no file: what a later line names must be in the store.

use std::sync::Arc;

use lbd_core::{Diags, Level};
use lbd_tls::Store;
use lbd_tls::bind::Entry;
use lbd_tls::store::{BindUse, ListLine, Prepared, TrustKind};

use super::tls::{BindBase, Maker, Tls, early_bytes};
use crate::config::{ProxySpec, SslTune};
use crate::directive::crt_list;
use crate::draft::{BindSslDraft, CrtLine, DefaultPath, GlobalDraft, SslDraft};
use crate::host::{Environment, MemoryHost};
use crate::section::Site;

/// Certificates and authorities of a configuration, with what is inherited by lines of crt-lists.
#[derive(Debug)]
pub struct TlsSpec {
    /// Everything by name.
    pub store: Arc<Store>,
    /// For each line of the store's `binds`.
    lines: Vec<BindBase>,
    bind_defaults: BindSslDraft,
    server_defaults: SslDraft,
    tune: SslTune,
    early: u32,
    bases: Bases,
    /// What should be known of certificates when they are put to use: each a sentence. They are
    /// not warnings of the configuration: an expiry must not keep a balancer from starting.
    pub cautions: Vec<String>,
}

/// Where relative names begin.
#[derive(Debug, Clone)]
struct Bases {
    ca: Option<String>,
    crt: Option<String>,
    default: DefaultPath,
}

/// What became of a new line of a crt-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inserted {
    /// The certificate.
    pub name: Arc<str>,
    /// How many `bind` lines took it.
    pub binds: usize,
    /// Why it failed after that many; nothing was changed then.
    pub failed: Option<String>,
}

impl TlsSpec {
    pub(super) fn new(
        tls: Tls,
        global: &GlobalDraft,
        proxies: &[ProxySpec],
        files: &[String],
    ) -> Self {
        tls.store.set_drops_crt(global.value.ssl.del_ext);
        let binds = proxies.iter().flat_map(|proxy| {
            let binds = proxy.frontend.binds.iter();
            binds.filter_map(move |bind| Some((proxy, bind, bind.tls.as_ref()?)))
        });
        for (proxy, bind, tls_of_bind) in binds {
            let file = files.get(bind.span.file.0 as usize);
            let place = format!("{}:{}", file.map_or("?", String::as_str), bind.span.line);
            tls.store.add_bind(BindUse {
                frontend: (&*proxy.name).into(),
                place: place.into(),
                tls: Arc::clone(tls_of_bind),
            });
        }
        Self {
            store: tls.store,
            lines: tls.lines,
            cautions: tls.cautions,
            early: early_bytes(&global.value.tune),
            bind_defaults: global.ssl_bind.clone(),
            server_defaults: global.ssl_server.clone(),
            tune: global.value.ssl.clone(),
            bases: Bases {
                ca: global.ca_base.clone(),
                crt: global.crt_base.clone(),
                default: global.default_path.clone(),
            },
        }
    }

    /// `add ssl crt-list`: adds a line, which is a certificate's name or has options and names too.
    ///
    /// # Errors
    /// When the line cannot be read or does not fit, in the reference's words; nothing changed.
    pub fn add_line(&self, list: &str, text: &str) -> Result<Inserted, String> {
        let store = &self.store;
        store.has_list(list)?;
        let line = self.read_line(text)?;
        let name = line.file.name.as_str();
        store.may_add_line(list, name)?;
        self.check_files(&line)?;
        let name: Arc<str> = name.into();
        let number = store.next_line(list);
        let line = CrtLine { number, ..line };
        let binds = store.list(list).map(|list| list.binds).unwrap_or_default();
        let mut prepared = Vec::new();
        for (done, bind) in binds.into_iter().enumerate() {
            match self.prepare(&line, list, bind) {
                Ok(entries) => {
                    prepared.extend(entries.into_iter().map(|entry| Prepared { bind, entry }));
                }
                Err(error) => {
                    return Ok(Inserted {
                        name,
                        binds: done,
                        failed: Some(error),
                    });
                }
            }
        }
        let shown = ListLine {
            name: Arc::clone(&name),
            number,
            options: line.options().into(),
            filters: line.filters.clone().into(),
        };
        let binds = prepared.len();
        store.add_line(list, shown, prepared);
        Ok(Inserted {
            name,
            binds,
            failed: None,
        })
    }

    fn read_line(&self, text: &str) -> Result<CrtLine, String> {
        // What a line names must be known: nothing is read from files any more.
        let host = MemoryHost::default();
        let mut site = Site::new(Environment::new(&host));
        let global = &mut site.draft.global;
        global.ca_base.clone_from(&self.bases.ca);
        global.crt_base.clone_from(&self.bases.crt);
        global.default_path = self.bases.default.clone();
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let first = lines.next().unwrap_or_default();
        if lines.next().is_some() {
            return Err("only one line of payload is supported!".to_owned());
        }
        let read = crt_list::read_line(&mut site, first).map_err(|diag| diag.message)?;
        let mut line = read.ok_or_else(|| "parsing [CLI:1]: no certificate".to_owned())?;
        let word = first.split_ascii_whitespace().next().unwrap_or_default();
        if !self.store.has_certificate(&line.file.name) && self.store.has_certificate(word) {
            // A name that was given while running is no file below a directory.
            line.file.name = word.to_owned();
        }
        Ok(line)
    }

    /// Files that a line names must be in the store.
    fn check_files(&self, line: &CrtLine) -> Result<(), String> {
        let Some(ssl) = &line.settings else {
            return Ok(());
        };
        for (keyword, file) in [
            ("ca-file", &ssl.ca_file),
            ("ca-verify-file", &ssl.ca_verify_file),
            ("crl-file", &ssl.crl_file),
        ] {
            let is_known = |name: &str| {
                let kinds = [TrustKind::Ca, TrustKind::Crl];
                kinds
                    .iter()
                    .any(|kind| self.store.trust_file(*kind, name).is_some())
            };
            if let Some(file) = file.as_ref().filter(|file| !is_known(&file.name)) {
                return Err(format!("'{keyword}' : unable to load {}", file.name));
            }
        }
        Ok(())
    }

    /// What a line becomes on a `bind` line.
    fn prepare(&self, line: &CrtLine, list: &str, bind: usize) -> Result<Vec<Entry>, String> {
        let Some(base) = self.lines.get(bind) else {
            return Ok(Vec::new());
        };
        // Sessions of before the last change of authorities are none of this line's.
        let base = BindBase {
            resumption: base.resumption.renewed(),
            ..base.clone()
        };
        let host = MemoryHost::default();
        let mut diags = Diags::default();
        let mut tls = Tls::at(Arc::clone(&self.store));
        let mut maker = Maker {
            early: self.early,
            bind_defaults: &self.bind_defaults,
            server_defaults: &self.server_defaults,
            tune: &self.tune,
            host: &host,
            tls: &mut tls,
            diags: &mut diags,
        };
        let policy = maker.policy(&base.settings, &base);
        let entries = policy.map(|policy| maker.list_line(line, list, &base, &policy));
        let alerts = diags.0.iter().filter(|diag| diag.level == Level::Alert);
        let alerts: Vec<&str> = alerts.map(|diag| diag.message.as_str()).collect();
        match alerts.is_empty() {
            true => Ok(entries.unwrap_or_default()),
            false => Err(alerts.join("\n")),
        }
    }
}
