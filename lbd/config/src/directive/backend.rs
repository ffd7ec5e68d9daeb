//! Keywords of the serving side: limits, retries, reuse, persistence rules, addresses.
//!
//! Balancing is in [`super::balance`], cookies in [`super::cookie`].

use lbd_core::Diag;

use super::frontend::condition;
use super::server_socket::source_words;
use super::{directive, end, one_of};
use crate::address::AddressRules;
use crate::draft::{Sentence, StateSource};
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::words::Words;

/// Events of `retry-on`.
pub const RETRY_EVENTS: &[&str] = &[
    "0rtt-rejected",
    "401",
    "403",
    "404",
    "408",
    "421",
    "425",
    "429",
    "500",
    "501",
    "502",
    "503",
    "504",
    "all-retryable-errors",
    "conn-failure",
    "empty-response",
    "junk-response",
    "none",
    "response-timeout",
];

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "dispatch",
        Sections::OWN_BACK,
        "Where to connect without servers (4.2).",
        &[
            Example::Ok("dispatch 127.0.0.1:8080"),
            Example::Fail("dispatch", "dispatch"),
        ],
        dispatch,
    ),
    directive(
        "force-persist",
        Sections::OWN_BACK,
        "Persistence holds on servers that are down (4.2).",
        &[
            Example::Ok("force-persist if { src 127.0.0.1 }"),
            Example::Fail("force-persist", "requires either 'if' or 'unless'"),
        ],
        |site, words| {
            let cond = condition(site, words, "force-persist")?;
            site.proxy.force_persist.push(cond);
            Ok(())
        },
    ),
    directive(
        "fullconn",
        Sections::BACK,
        "Connections at which servers reach 'maxconn' (4.2).",
        &[
            Example::Ok("fullconn 10000"),
            Example::Fail("fullconn", "expects an integer"),
        ],
        |site, words| {
            let n = words.int("fullconn", 0..=i64::from(i32::MAX))?;
            site.proxy.settings.fullconn = u32::try_from(n).ok();
            end(words, "fullconn")
        },
    ),
    directive(
        "http-reuse",
        Sections::BACK,
        "When idle server connections are shared (4.2).",
        &[
            Example::Ok("http-reuse safe"),
            Example::Fail("http-reuse x", "only supports 'never'"),
        ],
        |site, words| {
            let policy = one_of(words, &["never", "safe", "aggressive", "always"], |_| {
                "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'.".to_owned()
            })?;
            site.proxy.settings.reuse = Some(policy);
            end(words, "http-reuse")
        },
    ),
    directive(
        "http-send-name-header",
        Sections::BACK,
        "Header that tells the server its name (4.2).",
        &[
            Example::Ok("http-send-name-header X-Server"),
            Example::Fail("http-send-name-header", "requires a header string"),
            Example::Fail(
                "http-send-name-header Host",
                "cannot be used as header name",
            ),
        ],
        send_name,
    ),
    directive(
        "ignore-persist",
        Sections::OWN_BACK,
        "Persistence is not looked at (4.2).",
        &[Example::Ok("ignore-persist if { path_end .css }")],
        |site, words| {
            let cond = condition(site, words, "ignore-persist")?;
            site.proxy.ignore_persist.push(cond);
            Ok(())
        },
    ),
    directive(
        "load-server-state-from-file",
        Sections::BACK,
        "Which state file servers start from: global, local, none (4.2).",
        &[
            Example::Ok("load-server-state-from-file local"),
            Example::Ok("load-server-state-from-file none"),
            Example::Fail(
                "load-server-state-from-file x",
                "expects 'global', 'local' or 'none'",
            ),
        ],
        |site, words| {
            let what = one_of(words, &["global", "local", "none"], |given| {
                format!(
                    "'load-server-state-from-file' expects 'global', 'local' or 'none'. Got \
                     '{given}'"
                )
            })?;
            site.proxy.settings.state_source = match what {
                "global" => StateSource::Global,
                "local" => StateSource::Local,
                _ => StateSource::None,
            };
            words.ignore_rest("load-server-state-from-file");
            Ok(())
        },
    ),
    directive(
        "max-keep-alive-queue",
        Sections::BACK,
        "Queue at which 'prefer-last-server' gives up; -1 for no limit (4.2).",
        &[
            Example::Ok("max-keep-alive-queue 10"),
            Example::Fail("max-keep-alive-queue", "expects"),
        ],
        |site, words| {
            let n = words.exact_int("max-keep-alive-queue", -1..=i64::from(i32::MAX))?;
            site.proxy.settings.max_keep_alive_queue = i32::try_from(n).ok();
            end(words, "max-keep-alive-queue")
        },
    ),
    directive(
        "retries",
        Sections::BACK,
        "Attempts after a failed connection (4.2).",
        &[
            Example::Ok("retries 3"),
            Example::Fail("retries", "expects an integer argument"),
        ],
        |site, words| {
            if words.left() == 0 {
                return Err(Diag::alert(
                    words.last(),
                    "'retries' expects an integer argument (dispatch counts for one).",
                ));
            }
            let n = words.int("retries", 0..=i64::from(i32::MAX))?;
            site.proxy.settings.retries = u32::try_from(n).ok();
            end(words, "retries")
        },
    ),
    directive(
        "retry-on",
        Sections::BACK,
        "Failures after which a request is tried again (4.2).",
        &[
            Example::Ok("retry-on conn-failure empty-response 503"),
            Example::Ok("retry-on none"),
            Example::Fail("retry-on x", "unknown keyword 'x'"),
        ],
        retry_on,
    ),
    directive(
        "server-state-file-name",
        Sections::BACK,
        "State file of this backend's servers for 'load-server-state-from-file local'; the \
         backend's name unless said (4.2).",
        &[
            Example::Ok("server-state-file-name states/app"),
            Example::Ok("server-state-file-name use-backend-name"),
            Example::Fail(
                "server-state-file-name a b",
                "cannot handle unexpected argument 'b'",
            ),
        ],
        |site, words| {
            let name = words.text()?;
            let name = name.filter(|name| *name != "use-backend-name");
            site.proxy.settings.state_file = name.map(str::to_owned);
            end(words, "server-state-file-name")
        },
    ),
    directive(
        "source",
        Sections::BACK,
        "Address to connect to servers from (4.2).",
        &[
            Example::Ok("source 127.0.0.1"),
            Example::Ok("source 0.0.0.0 usesrc clientip"),
            Example::Fail("source", "expects <addr>"),
        ],
        |site, words| {
            let source = source_words(site, words, &AddressRules::SOURCE)?;
            site.proxy.settings.source = Some(source);
            match words.peek() {
                None => Ok(()),
                Some(word) => Err(Diag::alert(
                    word.span,
                    "'source' only supports optional keywords 'interface' and 'usesrc'.",
                )),
            }
        },
    ),
    directive(
        "transparent",
        Sections::BACK,
        "Deprecated form of 'option transparent' (4.2).",
        &[Example::Ok("transparent")],
        |site, words| {
            if !site.draft.global.deprecated {
                let span = words.last();
                site.warn(span, super::options::TRANSPARENT);
            }
            let modifier = crate::lex::Modifier::Plain;
            site.proxy.settings.set_flag("transparent", modifier);
            end(words, "transparent")
        },
    ),
    directive(
        "use-server",
        Sections::OWN_BACK,
        "Chooses a server by a condition (4.2).",
        &[
            Example::Ok("use-server srv if { path_beg /x }"),
            Example::Fail("use-server", "expects a server name"),
            Example::Fail("use-server srv", "requires either 'if' or 'unless'"),
        ],
        |site, words| {
            let Some(name) = words.take() else {
                return Err(Diag::alert(
                    words.last(),
                    "'use-server' expects a server name.",
                ));
            };
            let mut cond = condition(site, words, "use-server")?;
            cond.words.insert(0, name.clone());
            site.proxy.use_server.push(cond);
            Ok(())
        },
    ),
];

fn dispatch(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let text = words.expect("dispatch", "an address and a port")?;
    let span = words.last();
    let address = site.address("dispatch", text, span, &AddressRules::CONNECT)?;
    if !site.draft.global.deprecated {
        site.warn(
            span,
            "'dispatch' is deprecated in 3.3 and will be removed in 3.5. The modern way to do the \
             same is to create a server with the same address and possibly 'option transparent'. \
             It is still possible to silence this warning by setting \
             'expose-deprecated-directives' in the 'global' section, but do not wait to fix your \
             configuration!",
        );
    }
    site.proxy.dispatch = Some((address, span));
    end(words, "dispatch")
}

fn send_name(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let Some(name) = words.text()? else {
        return Err(Diag::alert(
            words.last(),
            "'http-send-name-header' requires a header string.",
        ));
    };
    let lower = name.to_ascii_lowercase();
    if matches!(
        lower.as_str(),
        "connection" | "content-length" | "host" | "keep-alive" | "transfer-encoding" | "upgrade"
    ) {
        return Err(Diag::alert(
            words.last(),
            format!(
                "'{name}' cannot be used as header name for 'http-send-name-header' directive."
            ),
        ));
    }
    site.proxy.settings.send_name_header = Some(lower.into_bytes());
    words.ignore_rest("http-send-name-header");
    Ok(())
}

fn retry_on(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    if words.left() == 0 {
        return Err(Diag::alert(
            words.last(),
            "'retry-on' needs at least one keyword to specify when to retry",
        ));
    }
    let mut events = Vec::new();
    while words.left() > 0 {
        let event = one_of(words, RETRY_EVENTS, |given| {
            format!("'retry-on': unknown keyword '{given}'")
        })?;
        if event == "none" && (words.left() > 0 || !events.is_empty()) {
            return Err(Diag::alert(
                words.last(),
                "'retry-on' 'none' keyword only usable alone",
            ));
        }
        events.push(event);
    }
    site.proxy.settings.retry_on = events;
    Ok(())
}

/// The whole line as it is kept, its keyword first.
pub(super) fn whole(site: &Site<'_>, keyword: &str, words: &mut Words<'_>) -> Sentence {
    let span = words.last();
    let mut kept = vec![crate::lex::Word {
        text: keyword.as_bytes().to_vec(),
        span,
    }];
    kept.extend_from_slice(words.rest());
    Sentence {
        words: kept,
        span: site.line,
    }
}
