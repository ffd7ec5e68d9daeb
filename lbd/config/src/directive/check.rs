//! What health checks send and expect: `option httpchk` and its like, `http-check`, `tcp-check`.
//!
//! Rules are kept in words and compiled later; intervals are options of servers.

use lbd_backend::check::Proto;
use lbd_core::Diag;

use super::backend::whole;
use super::{directive, healthcheck, one_of};
use crate::draft::{CheckKind, Sentence};
use crate::registry::{Directive, Effect, Example, OptionKind, ProxyOption, Sections, Side};
use crate::section::Site;
use crate::suggest;
use crate::words::Words;

/// Most rules of one backend.
pub const MAX_RULES: usize = 1000;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "external-check",
        Sections::BACK,
        "The program of 'option external-check', and its PATH (4.2).",
        &[
            Example::Ok("external-check command /usr/lib/checks/app"),
            Example::Ok("external-check path /usr/bin:/bin"),
            Example::Fail("external-check", "missing argument"),
            Example::Fail("external-check command", "missing argument"),
            Example::Fail("external-check command a b", "unexpected argument"),
            Example::Fail("external-check x", "only supports 'command' and 'path'"),
        ],
        external_check,
    ),
    directive(
        "external-check",
        Sections::GLOBAL,
        "Lets programs check servers; 'preserve-env' gives them the environment (3.1).",
        &[
            Example::Ok("external-check"),
            Example::Ok("external-check preserve-env"),
            Example::Fail("external-check x", "only supports 'preserve-env'"),
        ],
        |site, words| {
            let global = &mut site.draft.global.value;
            global.external_check = true;
            match words.text()? {
                None => return Ok(()),
                Some("preserve-env") => global.external_check_env = true,
                Some(other) => {
                    let message = format!(
                        "'external-check' only supports 'preserve-env' as an argument, found \
                         '{other}'."
                    );
                    return Err(Diag::alert(words.last(), message));
                }
            }
            words.end("external-check")
        },
    ),
    directive(
        "http-check",
        Sections::BACK.with(Sections::HEALTHCHECK),
        "Steps and settings of HTTP checks (4.2).",
        &[
            Example::Ok("http-check send meth GET uri /health ver HTTP/1.1 hdr Host www"),
            Example::Ok("http-check expect status 200-399"),
            Example::Ok("http-check disable-on-404"),
            Example::Fail("http-check x", "only supports 'disable-on-404'"),
        ],
        http_check,
    ),
    directive(
        "tcp-check",
        Sections::BACK.with(Sections::HEALTHCHECK),
        "Steps of TCP checks (4.2).",
        &[
            Example::Ok("tcp-check connect"),
            Example::Ok("tcp-check send PING\\r\\n"),
            Example::Ok("tcp-check expect string +PONG"),
            Example::Fail("tcp-check x", "only supports 'comment'"),
        ],
        tcp_check,
    ),
];

/// Options that choose the check.
pub const OPTIONS: &[ProxyOption] = &[
    check_option(
        "external-check",
        "Checks by the program of 'external-check command'.",
        &[
            Example::Ok("external-check"),
            Example::Fail("external-check x", "unexpected argument"),
        ],
        |site, words| set(site, CheckKind::External, words),
    ),
    check_option(
        "httpchk",
        "HTTP checks.",
        &[
            Example::Ok("httpchk"),
            Example::Ok("httpchk GET /health HTTP/1.1 www"),
            Example::Fail(
                "httpchk GET / HTTP/1.1\\r\\nHost:\\ www",
                "hiding headers or body",
            ),
        ],
        httpchk,
    ),
    check_option(
        "ldap-check",
        "Binds anonymously to an LDAPv3 server.",
        &[Example::Ok("ldap-check")],
        |site, words| set(site, CheckKind::Ldap, words),
    ),
    check_option(
        "mysql-check",
        "Greets a MySQL server.",
        &[
            Example::Ok("mysql-check"),
            Example::Ok("mysql-check user haproxy post-41"),
            Example::Fail("mysql-check x", "only supports optional values: 'user'"),
        ],
        mysql,
    ),
    check_option(
        "pgsql-check",
        "Greets a PostgreSQL server.",
        &[
            Example::Ok("pgsql-check user postgres"),
            Example::Fail("pgsql-check", "expects 'user <username>'"),
        ],
        pgsql,
    ),
    check_option(
        "redis-check",
        "Pings a Redis server.",
        &[Example::Ok("redis-check")],
        |site, words| set(site, CheckKind::Redis, words),
    ),
    check_option(
        "smtpchk",
        "Greets an SMTP server.",
        &[
            Example::Ok("smtpchk"),
            Example::Ok("smtpchk EHLO example.com"),
        ],
        smtp,
    ),
    check_option(
        "spop-check",
        "Greets an agent of the stream processing offload protocol.",
        &[Example::Ok("spop-check")],
        |site, words| set(site, CheckKind::Spop, words),
    ),
    check_option(
        "ssl-hello-chk",
        "Sends an SSLv3 hello.",
        &[Example::Ok("ssl-hello-chk")],
        |site, words| set(site, CheckKind::SslHello, words),
    ),
    check_option(
        "tcp-check",
        "Checks by the steps of 'tcp-check'.",
        &[Example::Ok("tcp-check")],
        |site, words| set(site, CheckKind::Tcp, words),
    ),
];

const fn check_option(
    name: &'static str,
    doc: &'static str,
    examples: &'static [Example],
    read: fn(&mut Site<'_>, &mut Words<'_>) -> Result<(), Diag>,
) -> ProxyOption {
    ProxyOption {
        name,
        side: Side::Back,
        http_only: false,
        kind: OptionKind::Plain(read),
        effect: Effect::Supported,
        doc,
        examples,
    }
}

/// The protocol of that name for checks, or why there is none.
pub(crate) fn proto(name: &str) -> Result<Proto, String> {
    match name {
        "h1" => Ok(Proto::Http1),
        "h2" => Ok(Proto::Http2),
        "none" => Ok(Proto::None),
        "fcgi" | "quic" | "qmux" | "spop" => Err(format!("'{name}' is not supported yet")),
        _ => Err(format!(" unknown MUX protocol '{name}'")),
    }
}

fn set(site: &mut Site<'_>, kind: CheckKind, words: &mut Words<'_>) -> Result<(), Diag> {
    let title = format!("option {}", kind.name());
    let span = site.line;
    let check = &mut site.proxy.settings.check;
    check.http_unused &= !matches!(kind, CheckKind::Http { .. });
    check.tcp_unused &= kind != CheckKind::Tcp;
    check.kind = Some((kind, span));
    words.end(&title)
}

fn external_check(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let missing = |after: &str, words: &Words<'_>| {
        Diag::alert(words.last(), format!("missing argument after '{after}'."))
    };
    let kind = words.text()?.map(str::to_owned);
    let Some(kind) = kind else {
        return Err(missing("external-check", words));
    };
    if kind != "command" && kind != "path" {
        let message =
            format!("'external-check' only supports 'command' and 'path'. but got '{kind}'.");
        return Err(Diag::alert(words.last(), message));
    }
    let value = words.text()?.map(str::to_owned);
    let value = Some(value.ok_or_else(|| missing(&kind, words))?);
    let check = &mut site.proxy.settings.check;
    match kind == "command" {
        true => check.command = value,
        false => check.path = value,
    }
    words.end("external-check")
}

fn httpchk(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let mut texts = Vec::new();
    while texts.len() < 4 {
        match words.text()? {
            Some(text) => texts.push((text.to_owned(), words.last())),
            None => break,
        }
    }
    // One word alone is the URI, two are method and URI.
    let (method, rest) = match texts.len() {
        0 | 1 => (None, texts.as_slice()),
        _ => (Some(texts[0].0.clone()), &texts[1..]),
    };
    let get = |index: usize| rest.get(index).map(|(text, _)| text.clone());
    let version = get(1);
    if let Some((text, span)) = rest.get(1)
        && text.contains("\r\n")
    {
        return Err(Diag::alert(
            *span,
            "'option httpchk' : hiding headers or body at the end of the version string is \
                 unsupported.Use 'http-check send' directive instead..",
        )
        .hint(hidden_headers(text)));
    }
    set(
        site,
        CheckKind::Http {
            method,
            uri: get(0),
            version,
            host: get(2),
        },
        words,
    )
}

/// The lines that say the same as headers behind the version.
fn hidden_headers(text: &str) -> String {
    let plain = text
        .replace("\\r", "\r")
        .replace("\\n", "\n")
        .replace("\\ ", " ");
    let headers: Vec<String> = plain
        .split(['\r', '\n'])
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| format!(" hdr {} {}", name.trim(), value.trim().replace(' ', "\\ ")))
        .collect();
    let version = plain.split(['\r', '\n']).next().unwrap_or("HTTP/1.1");
    format!(
        "End 'option httpchk' before the version and add 'http-check send ver {version}{}'.",
        headers.concat()
    )
}

fn mysql(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let (mut user, mut version) = (None, "post-41");
    if words.left() > 0 {
        let here = words.here();
        if !words.take_if("user") {
            let got = words.text()?.unwrap_or("");
            return Err(Diag::alert(
                here,
                format!(
                    "'option mysql-check' only supports optional values: 'user' (got '{got}')."
                ),
            ));
        }
        let name = words.expect("option mysql-check user", "<username> as argument.")?;
        user = Some(name.to_owned());
        if words.left() > 0 {
            version = one_of(words, &["post-41", "pre-41", "post-80"], |got| {
                format!(
                    "keyword 'mysql-check' only supports 'post-41', 'pre-41' and 'post-80' (got \
                     '{got}')."
                )
            })?;
        }
    }
    set(site, CheckKind::Mysql { user, version }, words)
}

fn pgsql(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    if words.left() < 2 {
        return Err(Diag::alert(
            here,
            "'option pgsql-check' expects 'user <username>' as argument.",
        ));
    }
    if !words.take_if("user") {
        return Err(Diag::alert(
            here,
            "'option pgsql-check' only supports optional values: 'user'.",
        ));
    }
    let user = words
        .expect("option pgsql-check user", "<username>")?
        .to_owned();
    set(site, CheckKind::Pgsql { user }, words)
}

fn smtp(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let (mut hello, mut domain) = ("HELO".to_owned(), "localhost".to_owned());
    if words.left() >= 2 {
        let word = words.expect("option smtpchk", "EHLO or HELO")?;
        if matches!(word, "EHLO" | "HELO") {
            word.clone_into(&mut hello);
        }
        words
            .expect("option smtpchk", "a domain")?
            .clone_into(&mut domain);
    } else {
        words.rest();
    }
    set(site, CheckKind::Smtp { hello, domain }, words)
}

fn http_check(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    healthcheck::allows(site, "http-check", words.last())?;
    let here = words.here();
    let known = [
        "disable-on-404",
        "send-state",
        "comment",
        "connect",
        "send",
        "expect",
        "set-var",
        "set-var-fmt",
        "unset-var",
    ];
    let name = words.text()?.unwrap_or("");
    let base = name.split('(').next().unwrap_or(name);
    match base {
        "disable-on-404" => {
            site.proxy.settings.check.disable_on_404 = true;
            words.end("http-check disable-on-404")
        }
        "send-state" => {
            site.proxy.settings.check.send_state = true;
            words.end("http-check send-state")
        }
        "comment" | "connect" | "send" | "expect" | "set-var" | "set-var-fmt" | "unset-var" => {
            let sentence = whole(site, name, words);
            let check = &mut site.proxy.settings.check;
            if std::mem::take(&mut check.http_inherited) {
                check.http.clear();
            }
            let kind = check.kind.as_ref().map(|(kind, _)| kind);
            check.http_unused = !matches!(kind, Some(CheckKind::Http { .. }));
            push(&mut check.http, sentence)
        }
        other => Err(Diag::alert(
            here,
            format!(
                "'http-check' only supports 'disable-on-404', 'send-state', 'comment', 'connect', \
                 'send', 'expect', 'set-var', 'set-var-fmt' or 'unset-var' but got '{other}'"
            ),
        )
        .hint(suggest::hint(other, known))),
    }
}

fn tcp_check(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    healthcheck::allows(site, "tcp-check", words.last())?;
    let here = words.here();
    let known = [
        "comment",
        "connect",
        "send",
        "send-lf",
        "send-binary",
        "send-binary-lf",
        "expect",
        "set-var",
        "set-var-fmt",
        "unset-var",
    ];
    let name = words.text()?.unwrap_or("");
    let base = name.split('(').next().unwrap_or(name);
    if !known.contains(&base) {
        return Err(Diag::alert(
            here,
            format!(
                "'tcp-check' only supports 'comment', 'connect', 'send', 'send-binary', 'expect', \
                 'set-var', 'set-var-fmt' or 'unset-var' but got '{base}'"
            ),
        )
        .hint(suggest::hint(base, known)));
    }
    let sentence = whole(site, name, words);
    let check = &mut site.proxy.settings.check;
    if std::mem::take(&mut check.tcp_inherited) {
        check.tcp.clear();
    }
    if base == "connect" {
        let first = check
            .tcp
            .iter()
            .filter_map(|rule| rule.words.first())
            .find(|word| {
                let name = String::from_utf8_lossy(&word.text);
                !name.starts_with("set-var") && !name.starts_with("unset-var") && name != "comment"
            });
        if first.is_some_and(|word| word != "connect") {
            return Err(Diag::alert(
                here,
                "'tcp-check connect' : first step MUST also be a 'connect', optionally preceded by \
                 a 'set-var', an 'unset-var' or a 'comment', when there is a 'connect' step in the \
                 tcp-check ruleset.",
            ));
        }
    }
    check.tcp_unused = check.kind.as_ref().map(|(kind, _)| kind) != Some(&CheckKind::Tcp);
    push(&mut check.tcp, sentence)
}

fn push(rules: &mut Vec<Sentence>, sentence: Sentence) -> Result<(), Diag> {
    if rules.len() >= MAX_RULES {
        return Err(Diag::alert(
            sentence.span,
            format!("too many check rules, limited to {MAX_RULES}"),
        ));
    }
    rules.push(sentence);
    Ok(())
}
