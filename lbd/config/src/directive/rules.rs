//! Rulesets and ACLs: their lines are kept in words and compiled when all names are known.
//!
//! Actions and conditions are in `lbd-rules`.

use lbd_core::Diag;

use super::directive;
use crate::draft::{RuleDraft, Ruleset, Sentence};
use crate::registry::{Directive, Example, Sections};
use crate::section::{Section, Site};
use crate::units::TimeUnit;
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "acl",
        Sections::PROXY,
        "Names a condition (4.2, 7.1).",
        &[
            Example::Ok("acl local src 127.0.0.1"),
            Example::Fail("acl or src 127.0.0.1", "reserved"),
            Example::Fail("acl a", "missing fetch method"),
        ],
        acl,
    ),
    directive(
        "http-after-response",
        Sections::PROXY,
        "Rules on every answer, internal ones too (4.3).",
        &[Example::Ok("http-after-response set-header X-A b")],
        |site, words| {
            http(
                site,
                words,
                "http-after-response",
                Ruleset::HttpAfterResponse,
            )
        },
    ),
    directive(
        "http-request",
        Sections::PROXY,
        "Rules on requests (4.3).",
        &[
            Example::Ok("http-request deny if { path /x }"),
            Example::Fail("http-request", "expects"),
        ],
        |site, words| http(site, words, "http-request", Ruleset::HttpRequest),
    ),
    directive(
        "http-response",
        Sections::PROXY,
        "Rules on answers of servers (4.3).",
        &[Example::Ok("http-response set-header X-A b")],
        |site, words| http(site, words, "http-response", Ruleset::HttpResponse),
    ),
    directive(
        "redirect",
        Sections::OWN,
        "Redirects by a condition (4.2).",
        &[Example::Ok("redirect scheme https if { dst_port 80 }")],
        |site, words| {
            rule(site, words, Ruleset::Redirect);
            Ok(())
        },
    ),
    directive(
        "tcp-request",
        Sections::PROXY,
        "Rules on connections, sessions and content; 'inspect-delay' (4.3).",
        &[
            Example::Ok("tcp-request content accept"),
            Example::Ok("tcp-request inspect-delay 5s"),
            Example::Fail("tcp-request x", "expects"),
        ],
        tcp_request,
    ),
    directive(
        "tcp-response",
        Sections::BACK,
        "Rules on content of answers; 'inspect-delay' (4.3).",
        &[
            Example::Ok("tcp-response inspect-delay 5s"),
            Example::Fail("tcp-response x", "expects"),
        ],
        tcp_response,
    ),
];

/// Words that cannot be names of ACLs.
const RESERVED: &[&str] = &["or", "if", "unless", "and", "||"];

fn acl(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    named_defaults(site, words, "acl")?;
    let here = words.here();
    let kept = words.rest();
    if let Some(name) = kept.first() {
        let text = String::from_utf8_lossy(&name.text);
        if RESERVED.contains(&text.as_ref()) {
            return Err(Diag::alert(
                name.span,
                format!("acl name '{text}' is reserved: it makes conditions ambiguous. Rename it."),
            ));
        }
        let invalid = text
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.' | ':'));
        if let Some(c) = invalid {
            return Err(Diag::alert(
                name.span,
                format!("character '{c}' is not permitted in acl name '{text}'."),
            ));
        }
    }
    if kept.len() < 2 {
        return Err(Diag::alert(
            here,
            "error detected while parsing ACL: missing fetch method",
        ));
    }
    let span = site.line;
    site.proxy.acls.push(Sentence {
        words: kept.to_vec(),
        span,
    });
    Ok(())
}

/// Rules of a defaults section need its name, because proxies take them by it.
fn named_defaults(site: &Site<'_>, words: &Words<'_>, keyword: &str) -> Result<(), Diag> {
    match site.in_anonymous_defaults() {
        false => Ok(()),
        true => Err(Diag::alert(
            words.last(),
            format!("'{keyword}' not allowed in anonymous 'defaults' section."),
        )
        .hint("Give the section a name ('defaults web') and write 'from web' where it is used.")),
    }
}

fn http(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    ruleset: Ruleset,
) -> Result<(), Diag> {
    named_defaults(site, words, keyword)?;
    if words.left() == 0 {
        return Err(Diag::alert(
            words.last(),
            format!("'{keyword}' expects an action and its arguments"),
        ));
    }
    rule(site, words, ruleset);
    Ok(())
}

/// Keeps the rule; one that stands behind rules that run after it is told.
fn rule(site: &mut Site<'_>, words: &mut Words<'_>, ruleset: Ruleset) {
    let span = site.line;
    if let Some(later) = runs_before(site, ruleset) {
        // The reference's grammar, which tools match.
        let article = match ruleset {
            Ruleset::TcpContent if later.starts_with("http") => "an",
            _ => "a",
        };
        site.warn(
            span,
            format!(
                "a '{}' rule placed after {article} '{later}' rule will still be processed before.",
                ruleset.name()
            ),
        );
    }
    site.proxy.rules.push(RuleDraft {
        ruleset,
        sentence: Sentence {
            words: words.rest().to_vec(),
            span,
        },
    });
}

/// The first kind of rule that stands already and runs after those of `ruleset`.
fn runs_before(site: &Site<'_>, ruleset: Ruleset) -> Option<&'static str> {
    // In the order in which they run on a request.
    const ORDER: &[Ruleset] = &[
        Ruleset::TcpConnection,
        Ruleset::TcpSession,
        Ruleset::TcpContent,
        Ruleset::HttpRequest,
        Ruleset::Redirect,
    ];
    let at = ORDER.iter().position(|known| *known == ruleset)?;
    let proxy = &site.proxy;
    let has = |ruleset: Ruleset| proxy.rules.iter().any(|rule| rule.ruleset == ruleset);
    if let Some(later) = ORDER[at + 1..].iter().find(|later| has(**later)) {
        return Some(later.name());
    }
    if !proxy.use_backend.is_empty() && proxy.section != Section::Backend {
        return Some("use_backend");
    }
    match proxy.use_server.is_empty() {
        true => None,
        false => Some("use-server"),
    }
}

fn tcp_request(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    let what = words.text()?.unwrap_or("");
    match what {
        "inspect-delay" => {
            let delay = words.time("tcp-request inspect-delay", TimeUnit::Millisecond)?;
            site.proxy.settings.inspect_delay = Some(delay).filter(|delay| !delay.is_zero());
            words.ignore_rest("tcp-request inspect-delay");
            Ok(())
        }
        "connection" | "session" if site.section == Section::Backend => Err(Diag::alert(
            here,
            format!("'tcp-request {what}' rules are not allowed in 'backend' sections"),
        )),
        "connection" => tcp(site, words, Ruleset::TcpConnection),
        "session" => tcp(site, words, Ruleset::TcpSession),
        "content" => tcp(site, words, Ruleset::TcpContent),
        other => Err(Diag::alert(
            here,
            format!(
                "'tcp-request' expects 'inspect-delay', 'connection', 'session' or 'content' in \
                 {} (got '{other}')",
                site.proxy.title()
            ),
        )),
    }
}

fn tcp_response(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    match words.text()?.unwrap_or("") {
        "inspect-delay" => {
            let delay = words.time("tcp-response inspect-delay", TimeUnit::Millisecond)?;
            site.proxy.settings.response_inspect_delay =
                Some(delay).filter(|delay| !delay.is_zero());
            words.ignore_rest("tcp-response inspect-delay");
            Ok(())
        }
        "content" => tcp(site, words, Ruleset::TcpResponse),
        other => Err(Diag::alert(
            here,
            format!(
                "'tcp-response' expects 'inspect-delay' or 'content' in {} (got '{other}')",
                site.proxy.title()
            ),
        )),
    }
}

fn tcp(site: &mut Site<'_>, words: &mut Words<'_>, ruleset: Ruleset) -> Result<(), Diag> {
    named_defaults(site, words, ruleset.name())?;
    if words.left() == 0 {
        return Err(Diag::alert(
            words.last(),
            format!("'{}' expects an action", ruleset.name()),
        ));
    }
    rule(site, words, ruleset);
    Ok(())
}
