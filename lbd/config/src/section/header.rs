//! First lines of sections: names, `from`, and what is refused as a whole.
//!
//! It reads no keyword inside a section.

use lbd_core::{Diag, Level, Span};

use super::{Section, Site};
use crate::draft::{
    BindDraft, HealthcheckDraft, HttpErrorsDraft, PeersDraft, ProxyDraft, RuleDraft, Ruleset,
    ServerDraft, StoreDraft, UserListDraft,
};
use crate::lex::Line;
use crate::unsupported;
use crate::words::Words;

/// Ends the section being read and begins the one of `line`.
pub(super) fn begin(site: &mut Site<'_>, line: &Line) {
    end(site);
    let mut words = Words::new(line);
    if let Err(diag) = header(site, &mut words) {
        site.diags.push(diag.at(line.span));
    }
}

/// Moves the section being read to the draft.
pub(super) fn end(site: &mut Site<'_>) {
    if !site.section.is_proxy() && site.section != Section::Healthcheck {
        return;
    }
    let span = site.line;
    let done = std::mem::replace(
        &mut site.proxy,
        ProxyDraft::new(Section::Defaults, "", span),
    );
    match site.section {
        Section::Healthcheck => site.draft.healthchecks.push(HealthcheckDraft {
            name: done.name,
            span: done.span,
            check: done.settings.check,
        }),
        Section::Defaults => {
            site.current_defaults = Some(site.draft.defaults.len());
            site.draft.defaults.push(done);
        }
        _ => site.draft.proxies.push(done),
    }
    site.section = Section::Refused;
}

fn header(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    site.section = Section::Refused;
    let Some(word) = words.text()? else {
        return Ok(());
    };
    site.has_other_section |= word != "global";
    match word {
        "global" => {
            if site.has_other_section {
                let message = "'global' follows a section of another kind, which was read without \
                               its settings";
                let diag = Diag::new(Level::Diag, words.last(), message);
                site.diags.push(diag.hint("Put it first."));
            }
            site.section = Section::Global;
            words.end("global")
        }
        "defaults" => defaults(site, words),
        "frontend" => proxy(site, words, Section::Frontend),
        "backend" => proxy(site, words, Section::Backend),
        "listen" => proxy(site, words, Section::Listen),
        "userlist" => user_list(site, words),
        "http-errors" => http_errors(site, words),
        "peers" => peers(site, words),
        "crt-store" => crt_store(site, words),
        "healthcheck" => healthcheck(site, words),
        other => Err(match unsupported::section(other) {
            Some(entry) => entry.diag(words.last(), other),
            None => Diag::alert(words.last(), format!("unknown section '{other}'")),
        }),
    }
}

/// The first byte that a name may not have.
fn invalid_char(name: &str) -> Option<char> {
    name.chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.' | ':'))
}

fn check_name(section: &str, name: &str, span: Span) -> Result<(), Diag> {
    match invalid_char(name) {
        None => Ok(()),
        Some(c) => Err(Diag::alert(
            span,
            format!("character '{c}' is not permitted in '{section}' name '{name}'."),
        )
        .hint("Names are made of letters, digits, '-', '_', '.' and ':'.")),
    }
}

fn proxy(site: &mut Site<'_>, words: &mut Words<'_>, section: Section) -> Result<(), Diag> {
    let kind = section.name();
    let Some(name) = words.text()? else {
        return Err(Diag::alert(
            words.last(),
            format!("'{kind}' expects an <id> argument"),
        ));
    };
    let span = words.last();
    // From here on the section is read even when its first line has a fault, so that every fault
    // in it is told in the same run.
    site.section = section;
    site.proxy = ProxyDraft::new(section, name, site.line);
    if let Err(diag) = check_name(kind, name, span) {
        site.diags.push(diag);
    }
    if let Some(diag) = same_name(site, kind, name, span) {
        site.diags.push(diag);
    }
    let from = match words.peek() {
        None => None,
        Some(word) if word == "from" && words.left() == 2 => {
            words.take();
            words.text()?.map(|name| (name, words.last()))
        }
        Some(word) => {
            let address = String::from_utf8_lossy(&word.text).into_owned();
            let message = match section {
                Section::Backend => {
                    format!("'{kind}' cannot handle unexpected argument '{address}'.")
                }
                _ => "please use the 'bind' keyword for listening addresses.".to_owned(),
            };
            let hint = match section {
                Section::Backend => "A backend's first line has its name only.".to_owned(),
                _ => format!("Write '{kind} {name}' and 'bind {address}' on the next line."),
            };
            site.diags.push(Diag::alert(word.span, message).hint(hint));
            None
        }
    };
    let source = match from {
        Some((from, at)) => named_defaults(site, kind, name, from, at)?,
        None => implied_defaults(site),
    };
    if let Some(index) = source {
        match sharing_rules(site, index) {
            Some(diag) => site.diags.push(diag),
            None => inherit(site, index),
        }
    }
    Ok(())
}

/// Why this section cannot have the rules of defaults: those of a frontend and those of a backend
/// see a stream at different points, so one list cannot be both (haproxy 3.4 configuration 4).
fn sharing_rules(site: &Site<'_>, index: usize) -> Option<Diag> {
    let defaults = &site.draft.defaults[index];
    if defaults.rules.is_empty() {
        return None;
    }
    let has_answers = |rule: &RuleDraft| rule.ruleset == Ruleset::TcpResponse;
    let has_early =
        |rule: &RuleDraft| matches!(rule.ruleset, Ruleset::TcpConnection | Ruleset::TcpSession);
    let kind = match site.section {
        Section::Backend if defaults.rules.iter().any(has_early) => {
            "a backend section cannot inherit from a defaults section defining 'tcp-request \
             connection' or 'tcp-request session' rules"
        }
        Section::Frontend if defaults.rules.iter().any(has_answers) => {
            "a frontend section cannot inherit from a defaults section defining 'tcp-response \
             content' rules"
        }
        Section::Frontend | Section::Backend => {
            let users = site.draft.proxies.iter();
            let mut users = users.filter(|proxy| proxy.from == Some(index));
            if !users.any(|proxy| proxy.section != site.section) {
                return None;
            }
            "frontends and backends cannot inherit from the same defaults section if it defines \
             TCP/HTTP rules"
        }
        Section::Listen => {
            "a listen section cannot inherit from a defaults section defining TCP/HTTP rules"
        }
        _ => "a defaults section cannot inherit from a defaults section defining TCP/HTTP rules",
    };
    let place = site.place(defaults.span);
    let diag = Diag::alert(site.line, format!("{kind} (defaults section at {place})."));
    Some(diag.hint("Put the rules into a defaults section of their own, or into the proxies."))
}

fn same_name(site: &Site<'_>, kind: &str, name: &str, span: Span) -> Option<Diag> {
    let capability = |section| match section {
        Section::Frontend => (true, false),
        Section::Backend => (false, true),
        _ => (true, true),
    };
    let own = capability(site.section);
    let other = site.draft.proxies.iter().find(|proxy| proxy.name == name);
    let defaults = || {
        site.draft
            .defaults
            .iter()
            .find(|defaults| !defaults.name.is_empty() && defaults.name == name)
    };
    let other = other.or_else(defaults)?;
    let theirs = match other.section {
        Section::Defaults => (false, false),
        section => capability(section),
    };
    let shares = own.0 && theirs.0 || own.1 && theirs.1;
    let end = match shares {
        true => ".",
        false => ". This is no longer supported as of 3.3. Please rename one or the other.",
    };
    Some(
        Diag::alert(
            span,
            format!(
                "{kind} '{name}' has the same name as {} declared at {}{end}",
                other.title(),
                site.place(other.span)
            ),
        )
        .hint(format!(
            "Rename one of them, e.g. to '{name}_{}', and the use_backend and default_backend \
             lines with it.",
            match site.section {
                Section::Backend => "back",
                _ => "front",
            }
        )),
    )
}

fn named_defaults(
    site: &mut Site<'_>,
    kind: &str,
    name: &str,
    from: &str,
    at: Span,
) -> Result<Option<usize>, Diag> {
    let found = site
        .draft
        .defaults
        .iter()
        .rposition(|defaults| defaults.name == from);
    let Some(index) = found else {
        let names = site.draft.defaults.iter().map(|d| d.name.as_str());
        return Err(Diag::alert(
            at,
            format!("defaults section '{from}' not found for {kind} '{name}'."),
        )
        .hint(crate::suggest::hint(from, names)));
    };
    if let Some(twin) = site.draft.defaults[index].twin {
        site.diags.push(Diag::alert(
            at,
            format!(
                "ambiguous defaults section name '{from}' referenced by {kind} '{name}' exists at \
                 least at {} and {}.",
                site.place(site.draft.defaults[index].span),
                site.place(twin)
            ),
        ));
    }
    if let Err(diag) = check_name("defaults", from, at) {
        site.diags.push(diag);
    }
    site.draft.defaults[index].is_referenced = true;
    warn_mixed(site, index);
    Ok(Some(index))
}

fn implied_defaults(site: &mut Site<'_>) -> Option<usize> {
    let index = site.current_defaults?;
    site.draft.defaults[index].is_implied = true;
    warn_mixed(site, index);
    Some(index)
}

fn warn_mixed(site: &mut Site<'_>, index: usize) {
    let defaults = &site.draft.defaults[index];
    if defaults.is_referenced && defaults.is_implied {
        let message = format!(
            "defaults section '{}' (declared at {}) is explicitly referenced by another proxy \
             and implicitly used here. To avoid any ambiguity don't mix both usage. Add a last \
             defaults section not explicitly used or always use explicit references.",
            defaults.name,
            site.place(defaults.span)
        );
        let span = site.line;
        site.warn(span, message);
    }
}

fn inherit(site: &mut Site<'_>, index: usize) {
    let mut settings = site.draft.defaults[index].settings.clone();
    settings.check.http_inherited = true;
    settings.check.tcp_inherited = true;
    // As in the reference: backends do not take the formats of lines that frontends write.
    if site.section == Section::Backend {
        settings.log_format = None;
        settings.log_format_sd = None;
        settings.error_log_format = None;
    }
    site.proxy.settings = settings;
    site.proxy.from = Some(index);
}

fn defaults(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    site.section = Section::Defaults;
    site.proxy = ProxyDraft::new(Section::Defaults, "", site.line);
    let mut from = None;
    if words.left() == 2 && words.peek().is_some_and(|word| word == "from") {
        words.take();
        from = words.text()?.map(|name| (name, words.last()));
    } else if let Some(name) = words.text()? {
        let span = words.last();
        site.proxy.name = name.to_owned();
        if let Some(twin) = site
            .draft
            .defaults
            .iter()
            .rfind(|defaults| defaults.name == name)
        {
            if twin.is_referenced {
                site.diags.push(Diag::alert(
                    span,
                    format!(
                        "defaults '{name}' has the same name as another defaults section declared \
                         at {} which was explicitly referenced hence cannot be replaced. Please \
                         remove or rename one of the offending defaults section.",
                        site.place(twin.span)
                    ),
                ));
            }
            site.proxy.twin = Some(twin.span);
        }
        if let Some(diag) = same_proxy(site, name, span) {
            site.diags.push(diag);
        }
        if words.take_if("from") {
            let name = words.expect("from", "the name of a defaults section")?;
            from = Some((name, words.last()));
        }
    }
    if let Some((from, at)) = from {
        let name = site.proxy.name.clone();
        if let Some(index) = named_defaults(site, "defaults", &name, from, at)? {
            match sharing_rules(site, index) {
                Some(diag) => site.diags.push(diag),
                None => inherit(site, index),
            }
        }
    }
    words.end("defaults")
}

fn same_proxy(site: &Site<'_>, name: &str, span: Span) -> Option<Diag> {
    let other = site.draft.proxies.iter().find(|proxy| proxy.name == name)?;
    Some(Diag::alert(
        span,
        format!(
            "defaults '{name}' has the same name as {} declared at {}. This is no longer \
             supported as of 3.3. Please rename one or the other.",
            other.title(),
            site.place(other.span)
        ),
    ))
}

fn user_list(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let name = words.expect("userlist", "<name> as arguments.")?;
    let span = words.last();
    check_name("userlist", name, span)?;
    words.end("userlist")?;
    if site.draft.user_lists.iter().any(|list| list.name == name) {
        site.warn(span, format!("ignoring duplicated userlist '{name}'."));
        return Ok(());
    }
    site.section = Section::UserList;
    site.draft.user_lists.push(UserListDraft {
        name: name.to_owned(),
        span: site.line,
        groups: Vec::new(),
        users: Vec::new(),
    });
    Ok(())
}

fn peers(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let Some(name) = words.text()? else {
        return Err(Diag::alert(words.last(), "missing name for peers section."));
    };
    let span = words.last();
    site.section = Section::Peers;
    if let Err(diag) = check_name("peers", name, span) {
        site.diags.push(diag);
    }
    if let Some(other) = site.draft.peers.iter().find(|s| s.name == name) {
        let message = format!(
            "peers section '{name}' has the same name as another peers section declared at {}.",
            site.place(other.span)
        );
        site.diags.push(Diag::alert(span, message));
    }
    site.draft.peers.push(PeersDraft {
        name: name.to_owned(),
        span: site.line,
        disabled: false,
        shards: 0,
        bind: BindDraft::new("", site.line),
        peers: Vec::new(),
        default_shard: 0,
        default_server: ServerDraft::default(),
        logs: Vec::new(),
        tables: Vec::new(),
    });
    words.end("peers")
}

fn crt_store(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let name = words.text()?.unwrap_or_default().to_owned();
    if words.left() > 0 {
        return Err(Diag::alert(
            words.here(),
            "'crt-store' section only supports a <name> argument.",
        ));
    }
    site.section = Section::CrtStore;
    site.store = StoreDraft {
        name,
        ..StoreDraft::default()
    };
    Ok(())
}

/// Its rules are those of a proxy, and read into one.
fn healthcheck(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let Some(name) = words.text()? else {
        return Err(Diag::alert(
            words.last(),
            "missing name for healthcheck section.",
        ));
    };
    let span = words.last();
    site.section = Section::Healthcheck;
    site.proxy = ProxyDraft::new(Section::Healthcheck, name, site.line);
    if let Err(diag) = check_name("healthcheck", name, span) {
        site.diags.push(diag);
    }
    if let Some(other) = site.draft.healthchecks.iter().find(|s| s.name == name) {
        let message = format!(
            "healthcheck section '{name}' already defined at {}.",
            site.place(other.span)
        );
        site.diags.push(Diag::alert(span, message));
    }
    words.end("healthcheck")
}

fn http_errors(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let Some(name) = words.text()? else {
        return Err(Diag::alert(
            words.last(),
            "'http-errors' expects an <id> argument.",
        ));
    };
    let span = words.last();
    site.section = Section::HttpErrors;
    if let Some(c) = invalid_char(name) {
        site.diags.push(Diag::alert(
            span,
            format!("character '{c}' is not permitted in 'http-errors' name '{name}'."),
        ));
    }
    if let Some(other) = site.draft.http_errors.iter().find(|s| s.name == name) {
        let message = format!(
            "http-errors section '{name}' already exists (declared at {}).",
            site.place(other.span)
        );
        site.diags.push(Diag::alert(span, message));
    }
    site.draft.http_errors.push(HttpErrorsDraft {
        name: name.to_owned(),
        span: site.line,
        errors: Vec::new(),
    });
    words.end("http-errors")
}
