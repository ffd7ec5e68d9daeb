//! Logging: targets, formats, tags, and the options that choose what is logged.
//!
//! Formats are compiled later.

use lbd_core::Diag;

use super::frontend::format_word;
use super::options::flag;
use super::{directive, end};
use crate::address::AddressRules;
use crate::config::{LogSample, SyslogFormat};
use crate::draft::{LogDraft, LogFormatDraft, LogPlace};
use crate::lex::Modifier;
use crate::registry::{Directive, Effect, Example, OptionKind, ProxyOption, Sections, Side};
use crate::section::{Section, Site};
use crate::suggest;
use crate::words::Words;

/// Syslog facilities, by number.
pub const FACILITIES: &[&str] = &[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2",
    "ftp", "ntp", "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];
/// Syslog levels, by number.
pub const LEVELS: &[&str] = &[
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];
/// Names of formats.
const FORMATS: &[(&str, SyslogFormat)] = &[
    ("local", SyslogFormat::Local),
    ("rfc3164", SyslogFormat::Rfc3164),
    ("rfc5424", SyslogFormat::Rfc5424),
    ("priority", SyslogFormat::Priority),
    ("short", SyslogFormat::Short),
    ("timed", SyslogFormat::Timed),
    ("iso", SyslogFormat::Iso),
    ("raw", SyslogFormat::Raw),
];
/// Length of a line unless said.
const DEFAULT_LEN: usize = 1024;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "error-log-format",
        Sections::FRONT,
        "Log format of connections that failed (8.2.6).",
        &[
            Example::Ok("error-log-format %ci"),
            Example::Fail("error-log-format", "expects an argument"),
        ],
        |site, words| {
            let word = format_word(words, "error-log-format")?;
            site.proxy.settings.error_log_format = Some(word);
            Ok(())
        },
    ),
    directive(
        "log",
        Sections::PROXY.with(Sections::GLOBAL),
        "Where log lines go (3.1, 4.2).",
        &[
            Example::Ok("log 127.0.0.1:514 local0 notice"),
            Example::Ok("log stdout format raw local0"),
            Example::Ok("log /dev/log len 4096 format rfc5424 sample 1,2-3:4 local1 info err"),
            Example::Fail("log 127.0.0.1", "expects <address> and <facility>"),
            Example::Fail("log 127.0.0.1 locl0", "unknown log facility"),
            Example::Fail("log 127.0.0.1 local0 loud", "unknown optional log level"),
        ],
        log,
    ),
    directive(
        "log-format",
        Sections::FRONT,
        "Log format of this proxy (8.2.6).",
        &[
            Example::Ok("log-format %ci"),
            Example::Fail("log-format", "expects an argument"),
            Example::Fail("log-format a b", "escape spaces"),
        ],
        |site, words| {
            let word = format_word(words, "log-format")?;
            let text = word.str()?.to_owned();
            set_format(site, LogFormatDraft::Text(text), word.span);
            Ok(())
        },
    ),
    directive(
        "log-format-sd",
        Sections::FRONT,
        "Structured data of RFC 5424 lines (8.2.6).",
        &[
            Example::Ok("log-format-sd %ci"),
            Example::Fail("log-format-sd", "expects an argument"),
        ],
        |site, words| {
            let word = format_word(words, "log-format-sd")?;
            site.proxy.settings.log_format_sd = Some(word);
            Ok(())
        },
    ),
    directive(
        "log-send-hostname",
        Sections::GLOBAL,
        "Host name in syslog headers (3.1).",
        &[
            Example::Ok("log-send-hostname"),
            Example::Ok("log-send-hostname lb1"),
        ],
        |site, words| {
            let name = match words.text()? {
                Some(name) => name.to_owned(),
                None => site.environment.host().hostname(),
            };
            site.draft.global.value.log_send_hostname = Some(name);
            end(words, "log-send-hostname")
        },
    ),
    directive(
        "log-tag",
        Sections::PROXY.with(Sections::GLOBAL),
        "Tag of syslog lines (3.1, 4.2).",
        &[
            Example::Ok("log-tag lbd"),
            Example::Fail("log-tag", "expects a tag"),
        ],
        |site, words| {
            let tag = words
                .expect("log-tag", "a tag for use in syslog.")?
                .to_owned();
            match site.section {
                Section::Global => site.draft.global.value.log_tag = Some(tag),
                _ => site.proxy.settings.log_tag = Some(tag),
            }
            words.ignore_rest("log-tag");
            Ok(())
        },
    ),
];

/// Options about logs.
pub const OPTIONS: &[ProxyOption] = &[
    flag(
        "dontlog-normal",
        Side::Front,
        false,
        "Only errors are logged.",
    ),
    flag(
        "dontlognull",
        Side::Front,
        false,
        "Connections without data are not logged.",
    ),
    format_option(
        "httplog",
        "HTTP log format.",
        &[
            Example::Ok("httplog"),
            Example::Ok("httplog clf"),
            Example::Fail("httplog x", "only supports option 'clf'"),
        ],
        |site, words| {
            let clf = clf(words, "httplog")?;
            set_named(site, LogFormatDraft::Http { clf }, words)
        },
    ),
    format_option(
        "httpslog",
        "HTTP log format with TLS fields.",
        &[Example::Ok("httpslog")],
        |site, words| set_named(site, LogFormatDraft::Https, words),
    ),
    flag(
        "log-health-checks",
        Side::Back,
        false,
        "Each result of a check that changes is logged.",
    ),
    flag(
        "log-separate-errors",
        Side::Front,
        false,
        "Errors are logged one level higher.",
    ),
    flag(
        "logasap",
        Side::Front,
        false,
        "Logged when the answer begins.",
    ),
    format_option(
        "tcplog",
        "TCP log format.",
        &[
            Example::Ok("tcplog"),
            Example::Ok("tcplog clf"),
            Example::Fail("tcplog x", "only supports option 'clf'"),
        ],
        |site, words| {
            let clf = clf(words, "tcplog")?;
            set_named(site, LogFormatDraft::Tcp { clf }, words)
        },
    ),
];

const fn format_option(
    name: &'static str,
    doc: &'static str,
    examples: &'static [Example],
    read: fn(&mut Site<'_>, &mut Words<'_>) -> Result<(), Diag>,
) -> ProxyOption {
    ProxyOption {
        name,
        side: Side::Both,
        http_only: false,
        kind: OptionKind::Plain(read),
        effect: Effect::Supported,
        doc,
        examples,
    }
}

fn clf(words: &mut Words<'_>, option: &str) -> Result<bool, Diag> {
    match words.peek() {
        None => Ok(false),
        Some(word) if word == "clf" => {
            words.take();
            words.end(&format!("option {option} clf")).map(|()| true)
        }
        Some(word) => Err(Diag::alert(
            word.span,
            format!("keyword '{option}' only supports option 'clf'."),
        )),
    }
}

fn set_named(
    site: &mut Site<'_>,
    format: LogFormatDraft,
    words: &mut Words<'_>,
) -> Result<(), Diag> {
    let name = format.name();
    let span = words.last();
    set_format(site, format, span);
    if site.section == Section::Backend {
        let message = format!(
            "backend '{}' : '{}' directive is ignored in backends.",
            site.proxy.name,
            name.trim_end_matches(" clf")
        );
        site.warn(span, message);
    }
    words.end(name)
}

fn set_format(site: &mut Site<'_>, format: LogFormatDraft, span: lbd_core::Span) {
    if site.in_defaults()
        && let Some((old, _)) = &site.proxy.settings.log_format
    {
        let message = format!(
            "'{}' overrides previous '{}' in 'defaults' section.",
            format.name(),
            old.name()
        );
        site.warn(span, message);
    }
    site.proxy.settings.log_format = Some((format, span));
}

/// What a `log` line of a section that is no proxy says: `global`, a target, or `None` for `no log`,
/// which takes back those before it.
///
/// # Errors
/// Words that make no target.
pub fn place(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<Option<LogPlace>, Diag> {
    if words.modifier() == Modifier::No {
        return match words.peek() {
            None => Ok(None),
            Some(word) => {
                let text = "log : 'no log' does not expect arguments";
                Err(Diag::alert(word.span, text))
            }
        };
    }
    if words.left() == 1 && words.peek().is_some_and(|word| word == "global") {
        let span = words.here();
        words.take();
        return Ok(Some(LogPlace::Global(span)));
    }
    Ok(Some(LogPlace::Target(target(site, words)?)))
}

fn log(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let is_global = site.section == Section::Global;
    if words.modifier() == Modifier::No {
        match is_global {
            true => site.draft.global.logs.clear(),
            false => site.proxy.settings.logs.clear(),
        }
        return match words.peek() {
            None => Ok(()),
            Some(word) => Err(Diag::alert(
                word.span,
                "log : 'no log' does not expect arguments",
            )),
        };
    }
    if words.left() == 1 && words.peek().is_some_and(|word| word == "global") {
        let span = words.here();
        if is_global {
            return Err(Diag::alert(
                span,
                "log : 'global' is not supported for a global syslog server",
            ));
        }
        words.take();
        site.proxy.settings.logs.push(LogPlace::Global(span));
        return Ok(());
    }
    let draft = target(site, words)?;
    match is_global {
        true => site.draft.global.logs.push(draft),
        false => site.proxy.settings.logs.push(LogPlace::Target(draft)),
    }
    Ok(())
}

fn target(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<LogDraft, Diag> {
    let expects = "log : expects <address> and <facility> as arguments";
    let here = words.here();
    let Some(text) = words.text()? else {
        return Err(Diag::alert(here, expects));
    };
    if words.left() == 0 {
        return Err(
            Diag::alert(here, expects).hint(format!("Write for example 'log {text} local0'."))
        );
    }
    let address = site.address("log", text, here, &AddressRules::LOG)?;
    refuse_places(&address.address, here)?;
    let mut draft = LogDraft {
        address,
        len: DEFAULT_LEN,
        format: SyslogFormat::Local,
        facility: 0,
        max_level: 7,
        min_level: 0,
        sample: None,
        span: here,
    };
    parameters(&mut draft, words)?;
    let here = words.here();
    let name = words.text()?.unwrap_or("");
    draft.facility = position(FACILITIES, name).ok_or_else(|| match name {
        "" => Diag::alert(here, expects),
        _ => Diag::alert(here, format!("log : unknown log facility '{name}'"))
            .hint(suggest::hint(name, FACILITIES.iter().copied())),
    })?;
    if let Some(name) = words.text()? {
        draft.max_level = position(LEVELS, name).ok_or_else(|| {
            Diag::alert(
                words.last(),
                format!("log : unknown optional log level '{name}'"),
            )
            .hint(suggest::hint(name, LEVELS.iter().copied()))
        })?;
    }
    if let Some(name) = words.text()? {
        draft.min_level = position(LEVELS, name).ok_or_else(|| {
            Diag::alert(
                words.last(),
                format!("log : unknown optional minimum log level '{name}'"),
            )
            .hint(suggest::hint(name, LEVELS.iter().copied()))
        })?;
    }
    match words.peek() {
        None => Ok(draft),
        Some(word) => Err(Diag::alert(
            word.span,
            format!(
                "log : cannot handle unexpected argument '{}'",
                String::from_utf8_lossy(&word.text)
            ),
        )),
    }
}

fn refuse_places(address: &crate::address::Address, span: lbd_core::Span) -> Result<(), Diag> {
    use crate::address::Address;
    let what = match address {
        Address::Ring(_) => "ring@",
        Address::Backend(_) => "backend@",
        Address::SockPair(_) => "sockpair@",
        _ => return Ok(()),
    };
    Err(
        Diag::alert(span, format!("log : '{what}' is not supported yet"))
            .hint("Log to a UDP address, a unix socket, stdout, stderr or fd@ for now."),
    )
}

fn parameters(draft: &mut LogDraft, words: &mut Words<'_>) -> Result<(), Diag> {
    loop {
        if words.take_if("len") {
            let here = words.here();
            let text = words.text()?.unwrap_or("");
            draft.len = text
                .parse::<usize>()
                .ok()
                .filter(|len| (80..=65_535).contains(len))
                .ok_or_else(|| {
                    Diag::alert(
                        here,
                        format!("log : invalid log length '{text}', must be between 80 and 65535"),
                    )
                })?;
        } else if words.take_if("format") {
            let here = words.here();
            let text = words.text()?.unwrap_or("");
            let known = FORMATS.iter().find(|(name, _)| *name == text);
            draft.format = known.map(|(_, format)| *format).ok_or_else(|| {
                Diag::alert(here, format!("log : unknown log format '{text}'"))
                    .hint(suggest::hint(text, FORMATS.iter().map(|(name, _)| *name)))
            })?;
        } else if words.take_if("sample") {
            let here = words.here();
            let text = words.text()?.unwrap_or("");
            draft.sample = Some(sample(text).map_err(|e| Diag::alert(here, format!("log : {e}")))?);
        } else if words.take_if("profile") {
            return Err(
                Diag::alert(words.last(), "log : 'profile' is not supported yet")
                    .hint("Log profiles are not there yet: leave out 'profile' and its name."),
            );
        } else {
            return Ok(());
        }
    }
}

/// `1,3-5:10`.
fn sample(text: &str) -> Result<LogSample, String> {
    let (ranges, size) = text.rsplit_once(':').ok_or("Missing sample size")?;
    if ranges.is_empty() {
        return Err("no sampling ranges given".to_owned());
    }
    let size: u32 = size
        .parse()
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| format!("wrong sample size '{size}' for sample range '{ranges}'"))?;
    let mut list = Vec::new();
    for range in ranges.split(',') {
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        let low = low.parse::<u32>().ok().filter(|low| *low > 0);
        let pair = low
            .zip(high.parse::<u32>().ok())
            .filter(|(low, high)| low <= high);
        list.push(pair.ok_or_else(|| format!("wrong sample range '{range}'"))?);
    }
    list.sort_unstable();
    if list.windows(2).any(|pair| pair[0].1 >= pair[1].0) {
        return Err("ranges are overlapping".to_owned());
    }
    match list.last() {
        Some((_, high)) if *high > size => Err(format!(
            "sample size {size} should be greater or equal to {high} the maximum of the high \
             ranges limits"
        )),
        _ => Ok(LogSample { ranges: list, size }),
    }
}

fn position(names: &[&str], name: &str) -> Option<u8> {
    let index = names.iter().position(|known| *known == name)?;
    u8::try_from(index).ok()
}
