//! Keywords of `healthcheck` sections (12.9): `type`, and which rules go with it.
//!
//! The rules themselves are a proxy's: [`super::check`].

use lbd_core::{Diag, Span};

use super::directive;
use crate::draft::CheckKind;
use crate::registry::{self, Directive, Example, OptionKind, Sections};
use crate::section::{Section, Site};
use crate::suggest;
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[directive(
    "type",
    Sections::HEALTHCHECK,
    "The kind of the check, with the arguments of the option of that name (12.9).",
    &[
        Example::Ok("type httpchk GET /health HTTP/1.1 www"),
        Example::Ok("type tcp-check"),
        Example::Ok("type mysql-check user haproxy post-41"),
        Example::Fail("type", "expects a healthcheck type"),
        Example::Fail("type x", "unknown healthcheck type 'x'"),
        Example::Fail("type external-check", "unknown healthcheck type"),
        Example::Fail(
            "type pgsql-check",
            "'type pgsql-check' expects 'user <username>'",
        ),
    ],
    kind,
)];

/// Types, in the order in which the reference lists them.
const TYPES: [&str; 9] = [
    "tcp-check",
    "httpchk",
    "ssl-hello-chk",
    "smtpchk",
    "pgsql-check",
    "redis-check",
    "mysql-check",
    "ldap-check",
    "spop-check",
];

fn kind(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    if site.proxy.settings.check.kind.is_some() {
        let message = "healthcheck type already defined.";
        return Err(Diag::alert(words.last(), message));
    }
    let Some(name) = words.text()? else {
        let message = "'type' expects a healthcheck type.";
        return Err(Diag::alert(words.last(), message));
    };
    let option = registry::option(name).filter(|_| TYPES.contains(&name));
    let Some((option, read)) = option.and_then(|option| match option.kind {
        OptionKind::Plain(read) => Some((option, read)),
        _ => None,
    }) else {
        let known = TYPES.map(|known| format!("'{known}'")).join(", ");
        let message = format!("unknown healthcheck type '{name}' (expects {known}).");
        let diag = Diag::alert(words.last(), message);
        return Err(diag.hint(suggest::hint(name, TYPES)));
    };
    let span = words.last();
    read(site, words).map_err(|mut diag| {
        diag.message = diag.message.replace("'option ", "'type ");
        diag
    })?;
    match mixed(site, option.name) {
        None => Ok(()),
        Some(rules) => Err(unfit(rules, site.proxy.settings.check.kind.as_ref(), span)),
    }
}

/// Rules that were said before the type, and are of another.
fn mixed(site: &Site<'_>, name: &str) -> Option<&'static str> {
    let check = &site.proxy.settings.check;
    match name {
        _ if name != "httpchk" && !check.http.is_empty() => Some("http-check"),
        _ if name != "tcp-check" && !check.tcp.is_empty() => Some("tcp-check"),
        _ => None,
    }
}

/// Whether `rules` may stand in the section being read: in proxies always.
///
/// # Errors
/// The section is of another type, or has rules of the other kind.
pub(super) fn allows(site: &Site<'_>, rules: &str, span: Span) -> Result<(), Diag> {
    if site.section != Section::Healthcheck {
        return Ok(());
    }
    let check = &site.proxy.settings.check;
    let (fits, has_others) = match rules {
        "http-check" => (
            matches!(check.kind, None | Some((CheckKind::Http { .. }, _))),
            !check.tcp.is_empty(),
        ),
        _ => (
            matches!(check.kind, None | Some((CheckKind::Tcp, _))),
            !check.http.is_empty(),
        ),
    };
    match (fits, has_others) {
        (false, _) => Err(unfit(rules, check.kind.as_ref(), span)),
        (true, true) => Err(Diag::alert(
            span,
            "cannot mix 'tcp-check' and 'http-check' rules",
        )),
        (true, false) => Ok(()),
    }
}

fn unfit(rules: &str, kind: Option<&(CheckKind, Span)>, span: Span) -> Diag {
    let kind = kind.map_or("", |(kind, _)| kind.title());
    let message = format!("unable to configure '{rules}' rule for '{kind}' healthcheck");
    Diag::alert(span, message)
}
