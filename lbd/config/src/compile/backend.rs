//! The serving side of a proxy.
//!
//! Its servers are in [`super::server`], checks in [`super::check`].

use std::net::SocketAddr;

use lbd_backend::persist::{CookieMode, CookieSpec};
use lbd_backend::retry::RetryOn;
use lbd_backend::reuse::ReuseMode;
use lbd_core::{Checkpoint, Diag, ProxyId};
use lbd_rules::acl::{AclTable, Cond};
use lbd_rules::logformat::{Flags, LogFormat};
use lbd_rules::registry::Names as _;

use super::context::{At, Compiler, said};
use super::proxy::keepalive;
use super::server::Shared;
use crate::address::{Address, PortSpec};
use crate::config::{
    BackendSpec, DispatchSpec, DynamicCookieSpec, Mode, ServerChoice, SourceSpec, UseServer, UseSrc,
};
use crate::draft::{CookieDraft, DynamicCookie, ProxyDraft, Sentence, SourceDraft, UseSrcDraft};

/// `retries` unless said.
const DEFAULT_RETRIES: u32 = 3;

impl Compiler<'_> {
    /// All of it; for a pure frontend mostly defaults.
    pub(super) fn backend(
        &mut self,
        id: ProxyId,
        draft: &ProxyDraft,
        acls: &AclTable,
        (uid, uids): (u32, &[u32]),
    ) -> BackendSpec {
        let settings = &draft.settings;
        let at = At {
            proxy: Some(id),
            acls,
            checkpoint: Checkpoint::BeSetSrv,
        };
        let balance = settings.balance.as_ref().filter(|_| draft.is_back());
        let hash_expr = balance.and_then(|balance| {
            let word = balance.expr.as_ref()?;
            self.expr(at, word, "failed to parse 'balance hash' expression : ")
        });
        let roster = roster(draft);
        let source = settings
            .source
            .as_ref()
            .and_then(|source| self.source(source));
        let check = self.check(id, draft, acls);
        let shared = Shared {
            id,
            uid,
            proxy: draft,
            roster: &roster,
            acls,
        };
        let servers = self.servers(shared, uids);
        BackendSpec {
            hash_expr,
            servers,
            use_server: self.use_servers(id, draft, acls),
            stick: self.sticks(id, draft, acls),
            cookie: settings.cookie.as_ref().map(cookie),
            dynamic_cookie: dynamic(draft),
            force_persist: self.persist_rules(at, &draft.force_persist, "force-persist"),
            ignore_persist: self.persist_rules(at, &draft.ignore_persist, "ignore-persist"),
            retries: settings.retries.unwrap_or(DEFAULT_RETRIES),
            redispatch: settings.redispatch,
            retry_on: retry_on(&settings.retry_on),
            reuse: reuse(draft),
            prefer_last_server: settings.flag("prefer-last-server"),
            send_name_header: settings.send_name_header.clone(),
            source,
            dispatch: self.dispatch(draft),
            check,
            keepalive: keepalive(settings.flag("srvtcpka"), settings.server_keepalive),
            smart_connect: settings.flag("tcp-smart-connect"),
            accept_unsafe_response: settings.flag("accept-unsafe-violations-in-http-response"),
            h1_case_adjust: settings.flag("h1-case-adjust-bogus-server"),
            drop_request_trailers: settings.flag("http-drop-request-trailers"),
            checkcache: settings.flag("checkcache"),
            roster,
        }
    }

    /// The conditions of lines that hold nothing else.
    pub(super) fn persist_rules(
        &mut self,
        at: At<'_>,
        rules: &[Sentence],
        keyword: &str,
    ) -> Vec<Cond> {
        let what = format!("error detected while parsing a '{keyword}' rule : ");
        let list = rules.iter();
        list.filter_map(|rule| self.condition_of(at, rule, &what))
            .collect()
    }

    fn dispatch(&mut self, draft: &ProxyDraft) -> Option<DispatchSpec> {
        if let Some((address, span)) = &draft.dispatch {
            let socket = self.addresses.socket(address, "dispatch", *span);
            return self.diags.take(socket).map(DispatchSpec::Address);
        }
        draft
            .settings
            .flag("transparent")
            .then_some(DispatchSpec::Transparent)
    }

    /// `source` of a backend or server.
    pub(super) fn source(&mut self, draft: &SourceDraft) -> Option<SourceSpec> {
        let spec = &draft.address;
        let socket = self.addresses.socket(spec, "source", draft.span);
        let address = self.diags.take(socket)?;
        let ports = match &spec.address {
            Address::Inet {
                port: PortSpec::Range(low, high),
                ..
            } => Some((*low, *high)),
            _ => None,
        };
        let usesrc = match &draft.usesrc {
            None => None,
            Some(UseSrcDraft::Client) => Some(UseSrc::Client),
            Some(UseSrcDraft::ClientIp) => Some(UseSrc::ClientIp),
            Some(UseSrcDraft::Header(name, number)) => Some(UseSrc::Header(name.clone(), *number)),
            Some(UseSrcDraft::Address(spec)) => {
                let socket = self.addresses.socket(spec, "usesrc", draft.span);
                Some(UseSrc::Address(self.diags.take(socket)?))
            }
        };
        let is_any = |address: &SocketAddr| address.ip().is_unspecified() && address.port() == 0;
        Some(SourceSpec {
            address: Some(address).filter(|address| !is_any(address)),
            ports,
            interface: draft.interface.as_deref().map(Into::into),
            usesrc,
        })
    }

    fn use_servers(&mut self, id: ProxyId, draft: &ProxyDraft, acls: &AclTable) -> Vec<UseServer> {
        if !draft.is_back() {
            return Vec::new();
        }
        let rules = draft.use_server.iter();
        rules
            .filter_map(|rule| self.use_server(id, draft, acls, rule))
            .collect()
    }

    fn use_server(
        &mut self,
        id: ProxyId,
        draft: &ProxyDraft,
        acls: &AclTable,
        rule: &Sentence,
    ) -> Option<UseServer> {
        let at = At {
            proxy: Some(id),
            acls,
            checkpoint: Checkpoint::BeSetSrv,
        };
        let (word, rest) = rule.words.split_first()?;
        let name = String::from_utf8_lossy(&word.text).into_owned();
        let what = "error detected while parsing switching rule : ";
        let cond = self.condition(at, rest, rule.span, what);
        let format = self.build(at, word.span, |ctx| {
            LogFormat::parse(&word.text, word.span, Flags::NONE, ctx).map_err(|diag| {
                said(
                    diag,
                    &format!("use-server rule failed to parse log-format '{name}' : "),
                )
            })
        })?;
        let target = if !format.is_constant() {
            ServerChoice::Dynamic(format)
        } else if let Some(server) = self.names.server(id, &name) {
            ServerChoice::Fixed(server)
        } else {
            let known = draft.servers.iter().map(|server| server.name.as_str());
            self.fault(
                Diag::alert(
                    word.span,
                    format!(
                        "{} : unable to find server '{name}' referenced in a 'use-server' rule.",
                        draft.title()
                    ),
                )
                .hint(crate::suggest::hint(&name, known)),
            );
            return None;
        };
        Some(UseServer {
            cond: cond?,
            target,
            span: rule.span,
        })
    }
}

fn roster(draft: &ProxyDraft) -> lbd_backend::BackendSpec {
    let settings = &draft.settings;
    let default = lbd_backend::BackendSpec::default();
    lbd_backend::BackendSpec {
        algorithm: settings
            .balance
            .as_ref()
            .map_or(default.algorithm, |balance| balance.algorithm.clone()),
        hash: settings.hash,
        all_backups: settings.flag("allbackups"),
        fullconn: settings.fullconn.unwrap_or(0),
        redispatch: settings.redispatch.is_some(),
        persist: settings.flag("persist"),
        max_keep_alive_queue: settings
            .max_keep_alive_queue
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0),
    }
}

fn dynamic(draft: &ProxyDraft) -> DynamicCookieSpec {
    let cookie = draft.settings.cookie.as_ref();
    let is_on = cookie.is_some_and(|cookie| cookie.dynamic == DynamicCookie::Dynamic);
    let key = draft.settings.dynamic_key.clone();
    DynamicCookieSpec {
        is_on,
        key: if is_on {
            Some(key.unwrap_or_default())
        } else {
            key
        },
    }
}

fn cookie(draft: &CookieDraft) -> CookieSpec {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let mode = match draft {
        CookieDraft { insert: true, .. } => CookieMode::Insert,
        CookieDraft { prefix: true, .. } => CookieMode::Prefix,
        CookieDraft { rewrite: true, .. } => CookieMode::Rewrite,
        _ => CookieMode::Passive,
    };
    let seconds = |time: Option<std::time::Duration>| {
        time.map_or(0, |time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
    };
    CookieSpec {
        indirect: draft.indirect,
        nocache: draft.nocache,
        postonly: draft.postonly,
        preserve: draft.preserve,
        httponly: draft.httponly,
        secure: draft.secure,
        domains: draft.domains.iter().map(text).collect(),
        maxidle: seconds(draft.maxidle),
        maxlife: seconds(draft.maxlife),
        attributes: draft.attrs.iter().map(text).collect(),
        ..CookieSpec::new(text(&draft.name), mode)
    }
}

fn retry_on(events: &[&'static str]) -> RetryOn {
    if events.is_empty() {
        return RetryOn::default();
    }
    let known = events.iter().filter_map(|event| RetryOn::parse(event));
    known.fold(RetryOn::NONE, RetryOn::and)
}

fn reuse(draft: &ProxyDraft) -> ReuseMode {
    if draft.mode() != Mode::Http {
        return ReuseMode::Never;
    }
    match draft.settings.reuse {
        Some("never") => ReuseMode::Never,
        Some("aggressive") => ReuseMode::Aggressive,
        Some("always") => ReuseMode::Always,
        _ => ReuseMode::Safe,
    }
}
