//! The accepting side of a proxy.
//!
//! Its rules are in [`super::rules`].

use lbd_core::{Checkpoint, Diag, ProxyId};
use lbd_rules::acl::AclTable;
use lbd_rules::logformat::{Flags, LogFormat};

use super::context::{At, Compiler, said};
use super::proxy::keepalive;
use crate::config::{BackendChoice, FrontendSpec, ListenerSpec, Mode, UseBackend};
use crate::draft::{Named, ProxyDraft, Sentence, Settings};

/// `max-session-srv-conns` unless said.
const MAX_SESSION_CONNS: usize = 5;

impl Compiler<'_> {
    /// All of it; for a pure backend mostly defaults.
    pub(super) fn frontend(
        &mut self,
        id: ProxyId,
        draft: &ProxyDraft,
        acls: &AclTable,
        listeners: &mut Vec<ListenerSpec>,
    ) -> FrontendSpec {
        let settings = &draft.settings;
        let is_front = draft.is_front();
        let log = At {
            proxy: Some(id),
            acls,
            checkpoint: Checkpoint::FeHrqHdr,
        };
        let binds = match is_front {
            true => self.binds(id, draft, listeners),
            false => Vec::new(),
        };
        let unique_id_format = match (&settings.unique_id_format, is_front) {
            (Some(word), true) => self.format(log, word, Flags::UNIQUE_ID, "unique-id"),
            _ => None,
        };
        let monitor_fail = draft
            .monitor_fail
            .iter()
            .filter_map(|sentence| {
                let what = "error detected while parsing a 'monitor fail' condition : ";
                self.condition_of(log, sentence, what)
            })
            .collect();
        let switching = At {
            proxy: Some(id),
            acls,
            checkpoint: Checkpoint::FeSetBck,
        };
        let force_switch = self.persist_rules(switching, &draft.force_switch, "force-be-switch");
        FrontendSpec {
            binds,
            force_switch,
            maxconn: settings.maxconn.unwrap_or(0),
            backlog: settings.backlog,
            use_proxy_header: settings.flag("http-use-proxy-header"),
            max_session_conns: settings.max_session_conns.unwrap_or(MAX_SESSION_CONNS),
            rate_limit_sessions: settings.rate_limit_sessions,
            use_backend: self.use_backends(id, draft, acls),
            default_backend: self.default_backend(id, draft),
            monitor_uri: settings.monitor_uri.clone(),
            monitor_fail,
            request_captures: Vec::new(),
            response_captures: Vec::new(),
            capture_cookie: draft.capture_cookie.clone(),
            unique_id_format,
            unique_id_header: settings.unique_id_header.clone(),
            h1_case_adjust: settings.flag("h1-case-adjust-bogus-client"),
            disable_h2_upgrade: settings.flag("disable-h2-upgrade"),
            accept_unsafe_request: settings.flag("accept-unsafe-violations-in-http-request"),
            dontlognull: settings.flag("dontlognull"),
            ignore_probes: settings.flag("http-ignore-probes"),
            keepalive: keepalive(settings.flag("clitcpka"), settings.client_keepalive),
            smart_accept: smart_accept(settings, draft.mode()),
            socket_stats: settings.flag("socket-stats"),
            idle_close_on_response: settings.flag("idle-close-on-response"),
            drop_response_trailers: settings.flag("http-drop-response-trailers"),
        }
    }

    fn default_backend(&mut self, id: ProxyId, draft: &ProxyDraft) -> Option<ProxyId> {
        let own = (draft.is_front() && draft.is_back()).then_some(id);
        if !draft.is_front() {
            return None;
        }
        let Some(named) = &draft.settings.default_backend else {
            return own;
        };
        let target = self.backend_named(id, draft, named, "default_backend")?;
        if own.is_some() && !draft.servers.is_empty() {
            self.fault(Diag::warning(
                draft.span,
                format!(
                    "In proxy '{}', the 'default_backend' rule always has precedence over the \
                     servers, which will never be used.",
                    draft.name
                ),
            ));
        }
        Some(target)
    }

    /// A backend that a rule names, checked against the frontend.
    fn backend_named(
        &mut self,
        id: ProxyId,
        draft: &ProxyDraft,
        named: &Named,
        keyword: &str,
    ) -> Option<ProxyId> {
        let name = &named.name;
        let Some(target) = self.names.index.backends.get(name).copied() else {
            let known = self.names.index.backends.keys().map(String::as_str);
            let mut known: Vec<&str> = known.collect();
            known.sort_unstable();
            self.fault(
                Diag::alert(
                    named.span,
                    format!(
                        "Proxy '{}': unable to find required {keyword}: '{name}'.",
                        draft.name
                    ),
                )
                .hint(crate::suggest::hint(name, known)),
            );
            return None;
        };
        if target == id {
            self.fault(Diag::alert(
                named.span,
                format!(
                    "Proxy '{}': loop detected for {keyword}: '{name}'.",
                    draft.name
                ),
            ));
            return None;
        }
        let other = &self.draft.proxies[target.index()];
        if !compatible(draft, other) {
            let mode = |proxy: &ProxyDraft| match proxy.mode() {
                Mode::Http => "http",
                Mode::Tcp => "tcp",
            };
            let tail = match keyword {
                "default_backend" => "as its default backend",
                _ => "in a 'use_backend' rule",
            };
            self.fault(
                Diag::alert(
                    named.span,
                    format!(
                        "{} {} tries to use incompatible {} {} {tail} (see 'mode').",
                        mode(draft),
                        draft.title(),
                        mode(other),
                        other.title(),
                    ),
                )
                .hint("Give both the same 'mode'."),
            );
            return None;
        }
        Some(target)
    }

    fn use_backends(
        &mut self,
        id: ProxyId,
        draft: &ProxyDraft,
        acls: &AclTable,
    ) -> Vec<UseBackend> {
        if !draft.is_front() {
            return Vec::new();
        }
        let rules = draft.use_backend.iter();
        rules
            .filter_map(|rule| self.use_backend(id, draft, acls, rule))
            .collect()
    }

    fn use_backend(
        &mut self,
        id: ProxyId,
        draft: &ProxyDraft,
        acls: &AclTable,
        rule: &Sentence,
    ) -> Option<UseBackend> {
        let at = At {
            proxy: Some(id),
            acls,
            checkpoint: Checkpoint::FeSetBck,
        };
        let (word, rest) = rule.words.split_first()?;
        let name = String::from_utf8_lossy(&word.text).into_owned();
        let what = "error detected while parsing switching rule : ";
        let cond = self.condition(at, rest, rule.span, what);
        let format = self.build(at, word.span, |ctx| {
            LogFormat::parse(&word.text, word.span, Flags::NONE, ctx).map_err(|diag| {
                said(
                    diag,
                    &format!("failed to parse use_backend rule '{name}' : "),
                )
            })
        })?;
        let target = match format.is_constant() {
            false => BackendChoice::Dynamic(format),
            true => {
                let named = Named {
                    name,
                    span: word.span,
                };
                BackendChoice::Fixed(self.backend_named(id, draft, &named, "use_backend")?)
            }
        };
        Some(UseBackend {
            cond: cond?,
            target,
            span: rule.span,
        })
    }
}

/// A TCP frontend may lead to HTTP: the reference upgrades the connection. The other way it may
/// not.
fn compatible(front: &ProxyDraft, back: &ProxyDraft) -> bool {
    use crate::config::Mode;
    front.mode() == back.mode() || (front.mode() == Mode::Tcp && back.mode() == Mode::Http)
}

/// On in HTTP unless it is switched off.
fn smart_accept(settings: &Settings, mode: Mode) -> bool {
    let said = settings.flags.get("tcp-smart-accept").copied();
    said.unwrap_or(mode == Mode::Http)
}
