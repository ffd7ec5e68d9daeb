//! What a section lacks or says in vain, told in the reference's words once all is read.
//!
//! Faults of names are told where they are used, when rules and servers compile.

use std::collections::HashMap;

use lbd_core::{Diag, Diags};

use crate::address::AddressSpec;
use crate::config::Mode;
use crate::draft::{Draft, LogFormatDraft, LogPlace, ProxyDraft, Ruleset};
use crate::registry::{self, Side};

/// Checks every proxy.
pub(crate) fn check(draft: &mut Draft, diags: &mut Diags) {
    let cookie_len = draft.global.value.tune.http_cookielen;
    let has_global_logs = !draft.global.logs.is_empty();
    identifiers(draft, diags);
    for proxy in &mut draft.proxies {
        if proxy.settings.disabled {
            continue;
        }
        fall_back(proxy, diags);
        limits(proxy, cookie_len, diags);
        names(proxy, diags);
        sides(proxy, has_global_logs, diags);
        if proxy.mode() != Mode::Http {
            in_tcp(proxy, diags);
        }
    }
}

/// Globally unique identifiers are unique.
fn identifiers(draft: &Draft, diags: &mut Diags) {
    let mut seen: HashMap<&str, String> = HashMap::new();
    for proxy in &draft.proxies {
        let own = proxy.guid.iter().map(|guid| (guid, proxy.title()));
        let servers = proxy.servers.iter().filter_map(|server| {
            let owner = format!("server {}/{}", proxy.name, server.name);
            server.guid.as_ref().map(|guid| (guid, owner))
        });
        for (guid, owner) in own.chain(servers) {
            match seen.get(guid.name.as_str()) {
                Some(other) => diags.push(Diag::alert(
                    guid.span,
                    format!("'guid': duplicate entry with {other}."),
                )),
                None => {
                    seen.insert(&guid.name, owner);
                }
            }
        }
    }
    generated_identifiers(draft, seen, diags);
}

/// Likewise those that `guid-prefix` makes: the place of an address in its line behind the prefix.
fn generated_identifiers(draft: &Draft, seen: HashMap<&str, String>, diags: &mut Diags) {
    let mut seen: HashMap<String, String> = seen
        .into_iter()
        .map(|(name, owner)| (name.to_owned(), owner))
        .collect();
    for proxy in &draft.proxies {
        for bind in &proxy.binds {
            let Some(prefix) = &bind.options.guid_prefix else {
                continue;
            };
            let sockets: usize = bind.addresses.iter().map(AddressSpec::sockets).sum();
            for at in 0..sockets {
                let guid = format!("{prefix}-{at}");
                let fault = match seen.get(&guid) {
                    Some(other) => format!("duplicate entry with {other}"),
                    None if guid.len() > crate::directive::MAX_GUID => "invalid length".to_owned(),
                    None => {
                        let owner = format!("listener of {} ({})", proxy.name, bind.text);
                        seen.insert(guid, owner);
                        continue;
                    }
                };
                let text = format!(
                    "error on GUID generation : {fault}. You may fix it by adjusting guid-prefix."
                );
                diags.push(Diag::alert(bind.span, text));
            }
        }
    }
}

fn warn(proxy: &ProxyDraft, diags: &mut Diags, text: String) {
    diags.push(Diag::warning(proxy.span, text));
}

fn names(proxy: &ProxyDraft, diags: &mut Diags) {
    let mut seen: HashMap<&str, lbd_core::Span> = HashMap::new();
    for server in &proxy.servers {
        let Some(span) = server.span else { continue };
        if let Some(first) = seen.get(server.name.as_str()) {
            diags.push(
                Diag::alert(
                    span,
                    format!(
                        "{}, another server named '{}' was already defined at line {}, please use \
                         distinct names.",
                        proxy.title(),
                        server.name,
                        first.line
                    ),
                )
                .hint("Rename one of the two servers."),
            );
        } else {
            seen.insert(&server.name, span);
        }
    }
}

/// What needs HTTP and has a lesser form in TCP.
fn fall_back(proxy: &mut ProxyDraft, diags: &mut Diags) {
    if proxy.mode() == Mode::Http {
        return;
    }
    let title = proxy.title();
    if proxy.settings.cookie.is_some() && proxy.is_back() {
        warn(
            proxy,
            diags,
            format!("cookie will be ignored for {title} (needs 'mode http')."),
        );
        proxy.settings.cookie = None;
    }
    let is_layer7 = proxy.settings.balance.as_ref().is_some_and(|balance| {
        use lbd_backend::{Algorithm, KeySpec};
        matches!(
            &balance.algorithm,
            Algorithm::Hash(
                KeySpec::Header { .. } | KeySpec::Uri { .. } | KeySpec::UrlParam { .. }
            )
        )
    });
    if is_layer7 && proxy.is_back() {
        warn(
            proxy,
            diags,
            format!(
                "Layer 7 hash not possible for {title} (needs 'mode http'). Falling back to round \
                 robin."
            ),
        );
        if let Some(balance) = &mut proxy.settings.balance {
            balance.algorithm = lbd_backend::Algorithm::RoundRobin;
        }
    }
    let Some((format, span)) = &mut proxy.settings.log_format else {
        return;
    };
    let (instead, name) = match format {
        LogFormatDraft::Http { clf: false } => {
            (LogFormatDraft::Tcp { clf: false }, "option tcplog")
        }
        LogFormatDraft::Http { clf: true } => {
            (LogFormatDraft::Tcp { clf: true }, "option tcplog clf")
        }
        LogFormatDraft::Https => (LogFormatDraft::Tcp { clf: false }, "option tcplog"),
        LogFormatDraft::Tcp { .. } | LogFormatDraft::Text(_) => return,
    };
    let message = format!(
        "'{}' not usable with {title} (needs 'mode http'). Falling back to '{name}'.",
        format.name()
    );
    *format = instead;
    let span = *span;
    diags.push(Diag::warning(span, message));
}

fn limits(proxy: &mut ProxyDraft, cookie_len: usize, diags: &mut Diags) {
    let title = proxy.title();
    if let Some(capture) = &mut proxy.capture_cookie
        && capture.len > cookie_len
    {
        capture.len = cookie_len;
        let message = format!("truncating capture length to {cookie_len} bytes for {title}.");
        warn(proxy, diags, message);
    }
    let timeouts = &proxy.settings.timeouts;
    let front_lacks = proxy.is_front() && timeouts.client.is_none();
    let server_lacks =
        timeouts.server.is_none() && (proxy.mode() == Mode::Http || timeouts.tunnel.is_none());
    let back_lacks = proxy.is_back()
        && !proxy.servers.is_empty()
        && (timeouts.connect.is_none() || server_lacks);
    if front_lacks || back_lacks {
        diags.push(
            Diag::warning(proxy.span, format!("missing timeouts for {title}.")).hint(
                "While not properly invalid, you will certainly encounter various problems with \
                 such a configuration. To fix this, please ensure that all following timeouts are \
                 set to a non-zero value: 'client', 'connect', 'server'.",
            ),
        );
    }
}

fn sides(proxy: &ProxyDraft, has_global_logs: bool, diags: &mut Diags) {
    let title = proxy.title();
    let settings = &proxy.settings;
    if proxy.is_front() && proxy.binds.is_empty() {
        warn(
            proxy,
            diags,
            format!(
                "{title} has no 'bind' directive. Please declare it as a backend if this was \
                 intended."
            ),
        );
    }
    let is_logged = settings.logs.iter().any(|place| match place {
        LogPlace::Global(_) => has_global_logs,
        LogPlace::Target(_) => true,
    });
    if proxy.is_front() && !is_logged {
        let has_format = settings.log_format.is_some() || settings.log_format_sd.is_some();
        if has_format {
            warn(
                proxy,
                diags,
                format!("log format ignored for {title} since it has no log address."),
            );
        }
    }
    if !proxy.is_back() {
        return;
    }
    if settings.balance.is_some() {
        if settings.flag("transparent") {
            diags.push(Diag::alert(
                proxy.span,
                format!("{title} cannot use both transparent and balance mode."),
            ));
        } else if proxy.dispatch.is_some() {
            warn(
                proxy,
                diags,
                format!("dispatch address of {title} will be ignored in balance mode."),
            );
        }
    }
    if settings.check.http_unused {
        warn(
            proxy,
            diags,
            format!(
                "{title} uses http-check rules without 'option httpchk', so the rules are ignored."
            ),
        );
    }
    if settings.check.tcp_unused {
        warn(
            proxy,
            diags,
            format!(
                "{title} uses tcp-check rules without 'option tcp-check', so the rules are ignored."
            ),
        );
    }
}

/// What is ignored in TCP mode.
fn in_tcp(proxy: &mut ProxyDraft, diags: &mut Diags) {
    let title = proxy.title();
    let has = |ruleset| proxy.rules.iter().any(|rule| rule.ruleset == ruleset);
    let ignored =
        |what: &str| format!("'{what}' statement ignored for {title} as it requires HTTP mode.");
    let rules =
        |what: &str| format!("'{what}' rules ignored for {title} as they require HTTP mode.");
    let mut texts = Vec::new();
    let captures = !proxy.request_captures.is_empty() || !proxy.response_captures.is_empty();
    if proxy.capture_cookie.is_some() || captures && proxy.capture_cookie.is_some() {
        texts.push(ignored("capture"));
    }
    if proxy.settings.monitor_uri.is_some() {
        texts.push(ignored("monitor-uri"));
    }
    if proxy.settings.stats.take().is_some() {
        texts.push(ignored("stats"));
    }
    for ruleset in [
        Ruleset::HttpRequest,
        Ruleset::HttpResponse,
        Ruleset::HttpAfterResponse,
        Ruleset::Redirect,
    ] {
        if has(ruleset) {
            texts.push(rules(ruleset.name()));
        }
    }
    let flags = proxy.settings.flags.clone();
    for option in registry::OPTIONS.iter().flat_map(|family| family.iter()) {
        let concerns = match option.side {
            Side::Both => true,
            Side::Front => proxy.is_front(),
            Side::Back => proxy.is_back(),
        };
        if option.http_only && concerns && flags.get(option.name) == Some(&true) {
            proxy.settings.flags.remove(option.name);
            texts.push(format!(
                "'option {}' ignored for {title} as it requires HTTP mode.",
                option.name
            ));
        }
    }
    if proxy.settings.forwardfor.take().is_some() {
        texts.push(format!(
            "'option forwardfor' ignored for {title} as it requires HTTP mode."
        ));
    }
    if proxy.settings.originalto.take().is_some() {
        texts.push(format!(
            "'option originalto' ignored for {title} as it requires HTTP mode."
        ));
    }
    if proxy.settings.forwarded.take().is_some() {
        texts.push(format!(
            "'option forwarded' ignored for {title} as it requires HTTP mode."
        ));
    }
    for server in &proxy.servers {
        if server.redir.is_some() {
            diags.push(Diag::alert(
                server.span,
                format!("{title} : server cannot have cookie or redirect prefix in non-HTTP mode."),
            ));
        }
        if server.cookie.is_some() {
            diags.push(Diag::warning(
                server.span,
                format!(
                    "{title} : ignoring cookie for server '{}' as HTTP mode is disabled.",
                    server.name
                ),
            ));
        }
    }
    for text in texts {
        warn(proxy, diags, text);
    }
}
