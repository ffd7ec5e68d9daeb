//! Keywords of the accepting side: switching, monitoring, limits.
//!
//! Captures are in [`super::capture`], rules in [`super::rules`].

use lbd_core::Diag;

use super::{directive, end};
use crate::draft::{Named, Sentence};
use crate::lex::Word;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "backlog",
        Sections::FRONT,
        "Length of the accept queues (4.2).",
        &[
            Example::Ok("backlog 4096"),
            Example::Fail("backlog", "expects an integer"),
        ],
        |site, words| {
            let n = words.int("backlog", 0..=i64::from(i32::MAX))?;
            site.proxy.settings.backlog = u32::try_from(n).ok();
            end(words, "backlog")
        },
    ),
    directive(
        "default_backend",
        Sections::FRONT,
        "The backend when no use_backend applies (4.2).",
        &[
            Example::Ok("default_backend be"),
            Example::Fail("default_backend", "expects a backend name"),
        ],
        |site, words| {
            let name = words
                .expect("default_backend", "a backend name.")?
                .to_owned();
            let span = words.last();
            site.proxy.settings.default_backend = Some(Named { name, span });
            end(words, "default_backend")
        },
    ),
    directive(
        "force-be-switch",
        Sections::OWN_FRONT,
        "Backends are chosen though they are disabled or unpublished (4.2).",
        &[
            Example::Ok("force-be-switch if { src 127.0.0.1 }"),
            Example::Fail("force-be-switch", "requires either 'if' or 'unless'"),
        ],
        |site, words| {
            let cond = condition(site, words, "force-be-switch")?;
            site.proxy.force_switch.push(cond);
            Ok(())
        },
    ),
    directive(
        "maxconn",
        Sections::FRONT,
        "Connections at once (4.2).",
        &[
            Example::Ok("maxconn 2000"),
            Example::Fail("maxconn", "expects an integer"),
        ],
        |site, words| {
            let n = words.int("maxconn", 0..=i64::from(i32::MAX))?;
            site.proxy.settings.maxconn = u32::try_from(n).ok();
            end(words, "maxconn")
        },
    ),
    directive(
        "monitor",
        Sections::OWN_FRONT,
        "Conditions under which 'monitor-uri' answers 503 (4.2).",
        &[
            Example::Ok("monitor fail if { nbsrv(be) lt 1 }"),
            Example::Fail("monitor fail", "requires either 'if' or 'unless'"),
            Example::Fail("monitor x", "only supports 'fail'"),
        ],
        |site, words| {
            if !words.take_if("fail") {
                return Err(Diag::alert(words.here(), "'monitor' only supports 'fail'."));
            }
            let cond = condition(site, words, "monitor fail")?;
            site.proxy.monitor_fail.push(cond);
            Ok(())
        },
    ),
    directive(
        "monitor-uri",
        Sections::FRONT,
        "URI that the balancer answers itself (4.2).",
        &[
            Example::Ok("monitor-uri /alive"),
            Example::Fail("monitor-uri", "expects an URI."),
        ],
        |site, words| {
            let uri = words.expect("monitor-uri", "an URI.")?;
            site.proxy.settings.monitor_uri = Some(uri.as_bytes().to_vec());
            end(words, "monitor-uri")
        },
    ),
    directive(
        "max-session-srv-conns",
        Sections::FRONT,
        "Idle server connections that one client session keeps for itself; 5 unless said (4.2).",
        &[
            Example::Ok("max-session-srv-conns 10"),
            Example::Fail("max-session-srv-conns", "expects a number. Got no argument"),
        ],
        |site, words| {
            let what = "'max-session-srv-conns' expects a number. Got no argument";
            let here = words.here();
            if words.peek().is_none() {
                return Err(Diag::alert(here, what));
            }
            let n = words.int("max-session-srv-conns", 0..=i64::from(i32::MAX))?;
            site.proxy.settings.max_session_conns = usize::try_from(n).ok();
            words.ignore_rest("max-session-srv-conns");
            Ok(())
        },
    ),
    directive(
        "rate-limit",
        Sections::FRONT,
        "New sessions per second: 'rate-limit sessions' (4.2).",
        &[
            Example::Ok("rate-limit sessions 10"),
            Example::Fail("rate-limit x 1", "only supports 'sessions'"),
        ],
        |site, words| {
            if !words.take_if("sessions") {
                let here = words.here();
                let got = words.text()?.unwrap_or("");
                return Err(Diag::alert(
                    here,
                    format!("'rate-limit' only supports 'sessions' (got '{got}')"),
                ));
            }
            let n = words.exact_int("rate-limit sessions", 0..=i64::from(i32::MAX))?;
            site.proxy.settings.rate_limit_sessions = u32::try_from(n).unwrap_or(u32::MAX);
            words.ignore_rest("rate-limit sessions");
            Ok(())
        },
    ),
    directive(
        "unique-id-format",
        Sections::FRONT,
        "Log format of the unique id of requests (4.2).",
        &[
            Example::Ok("unique-id-format %[uuid]"),
            Example::Fail("unique-id-format", "expects an argument"),
        ],
        |site, words| {
            let word = format_word(words, "unique-id-format")?;
            site.proxy.settings.unique_id_format = Some(word);
            Ok(())
        },
    ),
    directive(
        "unique-id-header",
        Sections::FRONT,
        "Header that carries the unique id to servers (4.2).",
        &[
            Example::Ok("unique-id-header X-Unique-ID"),
            Example::Fail("unique-id-header", "expects an argument"),
        ],
        |site, words| {
            let name = words.expect("unique-id-header", "an argument.")?;
            let name = name.to_ascii_lowercase().into_bytes();
            site.proxy.settings.unique_id_header = Some(name);
            end(words, "unique-id-header")
        },
    ),
    directive(
        "use_backend",
        Sections::OWN_FRONT,
        "Chooses a backend by a condition (4.2).",
        &[
            Example::Ok("use_backend be if { path_beg /x }"),
            Example::Ok("use_backend be"),
            Example::Fail("use_backend", "expects a backend name"),
            Example::Fail(
                "use_backend be when x",
                "only 'if' and 'unless' are allowed",
            ),
        ],
        use_backend,
    ),
];

/// The one word of a log format.
pub(super) fn format_word(words: &mut Words<'_>, keyword: &str) -> Result<Word, Diag> {
    let Some(word) = words.take() else {
        return Err(Diag::alert(
            words.last(),
            format!("{keyword} expects an argument."),
        ));
    };
    match words.peek() {
        None => Ok(word.clone()),
        Some(next) => Err(Diag::alert(
            next.span,
            format!("{keyword} expects only one argument, don't forget to escape spaces!"),
        )
        .hint("Put the whole format between double quotes.")),
    }
}

/// `if` or `unless` and a condition, which must be there.
pub(super) fn condition(
    site: &Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
) -> Result<Sentence, Diag> {
    match words.peek() {
        Some(word) if word == "if" || word == "unless" => Ok(Sentence {
            words: words.rest().to_vec(),
            span: site.line,
        }),
        _ => Err(Diag::alert(
            words.here(),
            format!("'{keyword}' requires either 'if' or 'unless' followed by a condition."),
        )),
    }
}

fn use_backend(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let Some(name) = words.take() else {
        return Err(Diag::alert(
            words.last(),
            "'use_backend' expects a backend name.",
        ));
    };
    let mut kept = vec![name.clone()];
    match words.peek() {
        None => {}
        Some(word) if word == "if" || word == "unless" => kept.extend_from_slice(words.rest()),
        Some(word) => {
            return Err(Diag::alert(
                word.span,
                format!(
                    "unexpected keyword '{}' after switching rule, only 'if' and 'unless' are \
                     allowed.",
                    String::from_utf8_lossy(&word.text)
                ),
            ));
        }
    }
    let span = site.line;
    site.proxy.use_backend.push(Sentence { words: kept, span });
    Ok(())
}
