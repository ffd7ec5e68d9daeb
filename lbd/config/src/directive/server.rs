//! `server`, `default-server` and `server-template`.
//!
//! Their options are in [`super::server_option`], [`super::server_check`] and
//! [`super::server_socket`].

use lbd_core::{Diag, Level};

use super::directive;
use super::server_runtime::is_for_runtime;
use crate::address::AddressRules;
use crate::draft::{ServerDraft, Template};
use crate::registry::{self, Directive, Effect, Example, Sections};
use crate::section::Site;
use crate::words::Words;
use crate::{suggest, unsupported};

/// Most servers of one `server-template`.
pub const MAX_TEMPLATE: u32 = 65_535;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "default-server",
        Sections::BACK,
        "Options that the servers behind this line start with (4.2).",
        &[
            Example::Ok("default-server inter 2s rise 2 fall 3 maxconn 100"),
            Example::Fail("default-server id 3", "not accepted in default-server"),
        ],
        |site, words| {
            let mut draft = site.proxy.settings.default_server.clone();
            options(site, &mut draft, words, "default-server", true)?;
            suspect_weight(site, &draft, "default-server");
            site.proxy.settings.default_server = draft;
            Ok(())
        },
    ),
    directive(
        "server",
        Sections::OWN_BACK,
        "A server: name, address, options (4.2, 5.2).",
        &[
            Example::Ok("server s1 127.0.0.1:8080 weight 10 maxconn 50 check"),
            Example::Ok("server s2 unix@/run/app.sock"),
            Example::Fail("server s1", "expects <name> and <addr>[:<port>]"),
            Example::Fail("server a/b 127.0.0.1:80", "is not permitted"),
            Example::Fail("server s1 127.0.0.1:80 chek", "did you mean 'check'"),
        ],
        server,
    ),
    directive(
        "server-template",
        Sections::OWN_BACK,
        "Several servers of one address, numbered (4.2).",
        &[
            Example::Ok("server-template web 1-3 127.0.0.1:8080"),
            Example::Fail("server-template web x 127.0.0.1:8080", "Wrong"),
        ],
        template,
    ),
];

fn server(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    if words.left() < 2 {
        return Err(Diag::alert(
            words.last(),
            "'server' expects <name> and <addr>[:<port>] as arguments.",
        ));
    }
    let name = words.expect("server", "<name>")?;
    check_name("server", name, words)?;
    let draft = line(site, words, name, "server")?;
    site.proxy.servers.push(draft);
    Ok(())
}

fn template(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    if words.left() < 3 {
        return Err(Diag::alert(
            words.last(),
            "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments.",
        ));
    }
    let prefix = words.expect("server-template", "<prefix>")?;
    check_name("server-template", prefix, words)?;
    let range = words.expect("server-template", "<nb | range>")?;
    let (low, high) = match range.split_once('-') {
        Some((low, high)) => (low.parse::<u32>().ok(), high.parse::<u32>().ok()),
        None => (Some(1), range.parse::<u32>().ok()),
    };
    let (Some(low), Some(high)) = (low, high) else {
        return Err(Diag::alert(
            words.last(),
            format!("Wrong server-template number or range arg '{range}'."),
        ));
    };
    if low < 1 || high < low || high - low >= MAX_TEMPLATE {
        return Err(Diag::alert(
            words.last(),
            format!("Wrong server-template number or range arg '{range}'."),
        ));
    }
    let mut draft = line(site, words, prefix, "server-template")?;
    let template = Template {
        prefix: prefix.to_owned(),
        low,
        high,
    };
    draft.template = Some(template.clone());
    for number in low..=high {
        let mut one = draft.clone();
        one.name = format!("{prefix}{number}");
        if number > low {
            one.id = None;
        }
        site.proxy.servers.push(one);
    }
    site.proxy.templates.push(template);
    Ok(())
}

fn check_name(keyword: &str, name: &str, words: &Words<'_>) -> Result<(), Diag> {
    let invalid = name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.' | ':'));
    match invalid {
        None => Ok(()),
        Some(c) => {
            let what = match keyword {
                "server" => "name",
                _ => "prefix",
            };
            Err(Diag::alert(
                words.last(),
                format!("character '{c}' is not permitted in {keyword} {what} '{name}'."),
            )
            .hint("Names are made of letters, digits, '-', '_', '.' and ':'."))
        }
    }
}

/// Address and options; a fault in an option leaves the server, so that what names it resolves.
fn line(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    name: &str,
    keyword: &str,
) -> Result<ServerDraft, Diag> {
    let text = words.expect("server", "<addr>[:<port>]")?;
    let span = words.last();
    let title = format!("{keyword} {}/{name}", site.proxy.name);
    let mut draft = site.proxy.settings.default_server.clone();
    draft.name = name.to_owned();
    draft.span = Some(site.line);
    draft.address_span = Some(span);
    match site.address(&title, text, span, &AddressRules::SERVER) {
        Ok(address) => draft.address = Some(address),
        Err(diag) => site.diags.push(diag),
    }
    if let Err(diag) = options(site, &mut draft, words, &title, false) {
        site.diags.push(diag);
    }
    suspect_weight(site, &draft, &title);
    if draft.health.check && draft.track.is_some() {
        site.diags.push(Diag::alert(
            site.line,
            format!("'{title}' : unable to enable checks and tracking at the same time!"),
        ));
    }
    if draft.health.agent && draft.health.agent_port.is_none() {
        site.diags.push(
            Diag::warning(
                site.line,
                format!(
                    "'{title}' : server {name} does not have agent port. Agent check has been \
                     disabled."
                ),
            )
            .hint("Add 'agent-port <port>'."),
        );
    }
    Ok(draft)
}

/// A server of weight 0 has only the clients that cookies and tables send to it.
fn suspect_weight(site: &mut Site<'_>, draft: &ServerDraft, title: &str) {
    if draft.weight == Some(0) {
        let message = format!("'{title}' : load balancing never picks a server of weight 0");
        site.diags.push(Diag::new(Level::Diag, site.line, message));
    }
}

/// Reads options to the end of the line.
fn options(
    site: &mut Site<'_>,
    draft: &mut ServerDraft,
    words: &mut Words<'_>,
    title: &str,
    is_default: bool,
) -> Result<(), Diag> {
    let mut first_fault = None;
    while let Some(name) = words.text()? {
        let here = words.last();
        if name.starts_with("set-proxy-v2-tlv-fmt(") {
            super::server_socket::tlv(name, draft, words)?;
            continue;
        }
        let Some(option) = registry::server_option(name) else {
            if let Some(entry) = unsupported::server_option(name) {
                site.diags
                    .push(entry.diag_in(here, name, &format!("'{title}'")));
                for _ in 0..entry.args {
                    words.take();
                }
                draft.is_refused = true;
                continue;
            }
            let known = registry::SERVER_OPTIONS
                .iter()
                .flat_map(|family| family.iter())
                .map(|option| option.name);
            let message = match suggest::nearest(name, known) {
                Some(near) => {
                    format!("'{title}' : unknown keyword '{name}'; did you mean '{near}' maybe ?")
                }
                None => format!("'{title}' : unknown keyword '{name}'."),
            };
            return Err(Diag::alert(here, message));
        };
        if site.is_runtime && !is_for_runtime(option.name) {
            let text = format!("'{title}' : '{name}' option is not accepted for dynamic server");
            return Err(Diag::alert(here, text));
        }
        if is_default && !option.in_default {
            let diag = Diag::alert(
                here,
                format!("'{title}' : '{name}' option is not accepted in default-server sections"),
            );
            first_fault.get_or_insert(diag);
        }
        if let Effect::NoEffect(reason) = option.effect {
            site.no_effect(option.name, here, reason);
        }
        let before = words.left();
        if let Err(diag) = (option.apply)(site, draft, words) {
            let diag = Diag {
                message: format!("'{title}' : {}", diag.message),
                ..diag
            };
            first_fault.get_or_insert(diag);
            // Nothing was taken: what comes next is not known to be an option.
            if words.left() == before && option.args != 0 {
                break;
            }
        }
    }
    first_fault.map_or(Ok(()), Err)
}
