//! Keywords of `global` about traffic and identity.
//!
//! Users, limits and threads are in [`super::process`], buffers in [`super::tune`].

use std::path::PathBuf;

use lbd_core::Diag;
use lbd_core::bits::held32;

use super::process::count;
use super::{directive, end, inert, number, one_of};
use crate::draft::DefaultPath;
use crate::lex::Modifier;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;

const GLOBAL: Sections = Sections::GLOBAL;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    inert(
        "busy-polling",
        GLOBAL,
        "workers sleep until there is something to do",
        "Polls without sleeping (3.1).",
        &[Example::Ok("busy-polling")],
        |_, words| end(words, "busy-polling"),
    ),
    directive(
        "default-path",
        GLOBAL,
        "Directory before relative file names (3.1).",
        &[
            Example::Ok("default-path config"),
            Example::Fail("default-path x", "expects"),
        ],
        default_path,
    ),
    directive(
        "expose-deprecated-directives",
        GLOBAL,
        "Silences warnings about deprecated keywords (3.1).",
        &[Example::Ok("expose-deprecated-directives")],
        |site, words| {
            site.draft.global.deprecated = true;
            end(words, "expose-deprecated-directives")
        },
    ),
    directive(
        "expose-experimental-directives",
        GLOBAL,
        "Allows keywords that the reference calls experimental (3.1).",
        &[Example::Ok("expose-experimental-directives")],
        |site, words| {
            site.draft.global.experimental = true;
            end(words, "expose-experimental-directives")
        },
    ),
    directive(
        "h1-case-adjust",
        GLOBAL,
        "Spelling of a header name for clients and servers that need it (3.1).",
        &[
            Example::Ok("h1-case-adjust content-length Content-Length"),
            Example::Fail("h1-case-adjust content-length", "expects"),
        ],
        case_adjust,
    ),
    directive(
        "h1-case-adjust-file",
        GLOBAL,
        "File of header names as 'h1-case-adjust' has them (3.1).",
        &[Example::Fail("h1-case-adjust-file", "expects")],
        |site, words| {
            let path = words.expect("h1-case-adjust-file", "a file name as an argument.")?;
            let path = site.path(path);
            site.draft.global.case_adjust_file = Some((path, words.last()));
            end(words, "h1-case-adjust-file")
        },
    ),
    inert(
        "http-err-codes",
        GLOBAL,
        "only counters of stick tables know such answers",
        "Statuses that count as client errors (3.1).",
        &[
            Example::Ok("http-err-codes 400-499 -402"),
            Example::Fail("http-err-codes 99", "range"),
        ],
        |site, words| status_set(site, words, "http-err-codes"),
    ),
    inert(
        "http-fail-codes",
        GLOBAL,
        "only counters of stick tables know such answers",
        "Statuses that count as server failures (3.1).",
        &[
            Example::Ok("http-fail-codes +501"),
            Example::Fail("http-fail-codes x", "range"),
        ],
        |site, words| status_set(site, words, "http-fail-codes"),
    ),
    directive(
        "insecure-fork-wanted",
        GLOBAL,
        "Allows processes to be started, for external checks (3.1).",
        &[Example::Ok("insecure-fork-wanted")],
        |site, words| {
            site.draft.global.value.insecure_fork = words.modifier() != Modifier::No;
            end(words, "insecure-fork-wanted")
        },
    ),
    directive(
        "insecure-setuid-wanted",
        GLOBAL,
        "Lets external checks use setuid programs (3.1).",
        &[Example::Ok("insecure-setuid-wanted")],
        |site, words| {
            site.draft.global.value.insecure_setuid = true;
            end(words, "insecure-setuid-wanted")
        },
    ),
    directive(
        "maxconn",
        GLOBAL,
        "Connections that the process accepts at once (3.2).",
        &[
            Example::Ok("maxconn 20000"),
            Example::Fail("maxconn", "expects an integer"),
        ],
        |site, words| {
            count(site, words, "maxconn", |g, n| {
                g.maxconn = u32::try_from(n).ok()
            })
        },
    ),
    directive(
        "maxconnrate",
        GLOBAL,
        "Connections accepted per second (3.2).",
        &[Example::Ok("maxconnrate 1000")],
        |site, words| count(site, words, "maxconnrate", |g, n| g.maxconnrate = held32(n)),
    ),
    directive(
        "maxpipes",
        GLOBAL,
        "Pipes for splicing; by default a quarter of maxconn (3.2).",
        &[Example::Ok("maxpipes 100")],
        |site, words| {
            count(site, words, "maxpipes", |g, n| {
                g.maxpipes = u32::try_from(n).ok()
            })
        },
    ),
    directive(
        "maxsessrate",
        GLOBAL,
        "Sessions started per second (3.2).",
        &[Example::Ok("maxsessrate 1000")],
        |site, words| count(site, words, "maxsessrate", |g, n| g.maxsessrate = held32(n)),
    ),
    directive(
        "max-spread-checks",
        GLOBAL,
        "Longest time over which first health checks are spread (3.2).",
        &[Example::Ok("max-spread-checks 500ms")],
        |site, words| {
            let time = words.time("max-spread-checks", TimeUnit::Millisecond)?;
            site.draft.global.value.max_spread_checks = Some(time);
            end(words, "max-spread-checks")
        },
    ),
    directive(
        "node",
        GLOBAL,
        "Name of this node (3.1).",
        &[
            Example::Ok("node lb1"),
            Example::Fail("node a/b", "valid node name"),
        ],
        node,
    ),
    directive(
        "noreuseport",
        GLOBAL,
        "One listening socket is shared by all workers (3.2).",
        &[Example::Ok("noreuseport")],
        |site, words| {
            site.environment.switch("REUSEPORT", false);
            end(words, "noreuseport")
        },
    ),
    directive(
        "nosplice",
        GLOBAL,
        "Bodies are never spliced (3.2).",
        &[Example::Ok("nosplice")],
        |site, words| {
            site.environment.switch("SPLICE", false);
            end(words, "nosplice")
        },
    ),
    directive(
        "pp2-never-send-local",
        GLOBAL,
        "Health checks send the PROXY command even where LOCAL is due (3.1).",
        &[Example::Ok("pp2-never-send-local")],
        |site, words| {
            site.draft.global.value.pp2_never_send_local = true;
            end(words, "pp2-never-send-local")
        },
    ),
    directive(
        "server-state-base",
        GLOBAL,
        "Directory of server state files whose names do not start with a slash (3.1).",
        &[
            Example::Ok("server-state-base /var/lib/lbd"),
            Example::Fail("server-state-base", "directory path"),
        ],
        |site, words| {
            let path = words.expect("server-state-base", "one argument: a directory path.")?;
            once(site, words, "server-state-base")?;
            site.draft.global.state_base = Some(path.to_owned());
            end(words, "server-state-base")
        },
    ),
    directive(
        "server-state-file",
        GLOBAL,
        "File with the state of servers of all backends, read before traffic (3.1).",
        &[
            Example::Ok("server-state-file global"),
            Example::Fail("server-state-file", "file path"),
        ],
        |site, words| {
            let path = words.expect("server-state-file", "one argument: a file path.")?;
            once(site, words, "server-state-file")?;
            site.draft.global.state_file = Some(path.to_owned());
            end(words, "server-state-file")
        },
    ),
    directive(
        "stats-file",
        GLOBAL,
        "File with counters that the process starts with, as 'dump stats-file' prints it (3.1).",
        &[
            Example::Ok("stats-file /var/lib/lbd/stats"),
            Example::Fail("stats-file", "expect one argument: a file path."),
        ],
        |site, words| {
            let Some(path) = words.text()? else {
                let text = "'stats-file' expect one argument: a file path.";
                return Err(Diag::alert(words.line(), text));
            };
            once(site, words, "stats-file")?;
            site.draft.global.value.stats_file = Some(path.to_owned());
            words.ignore_rest("stats-file");
            Ok(())
        },
    ),
    directive(
        "set-var",
        GLOBAL,
        "Sets a process-wide variable from an expression at start (3.1).",
        &[
            Example::Ok("set-var proc.current_state str(primary)"),
            Example::Fail("set-var proc.x", "expects"),
        ],
        |site, words| proc_var(site, words, "set-var"),
    ),
    directive(
        "set-var-fmt",
        GLOBAL,
        "Sets a process-wide variable from a log format at start (3.1).",
        &[
            Example::Ok("set-var-fmt proc.bootid %[uuid]"),
            Example::Fail("set-var-fmt proc.x", "expects"),
        ],
        |site, words| proc_var(site, words, "set-var-fmt"),
    ),
    directive(
        "spread-checks",
        GLOBAL,
        "Randomness of check intervals, 0 to 50 percent (3.2).",
        &[
            Example::Ok("spread-checks 5"),
            Example::Fail("spread-checks 80", "range 0..50"),
        ],
        |site, words| {
            if words.left() == 0 {
                words.expect("spread-checks", "an integer argument (0..50).")?;
            }
            let n = words.int("spread-checks", i64::from(i32::MIN)..=i64::from(i32::MAX))?;
            let percent = u8::try_from(n).ok().filter(|n| *n <= 50).ok_or_else(|| {
                Diag::alert(
                    words.last(),
                    "'spread-checks' needs a positive value in range 0..50.",
                )
            })?;
            site.draft.global.value.spread_checks = percent;
            end(words, "spread-checks")
        },
    ),
    directive(
        "unix-bind",
        GLOBAL,
        "Prefix, owner and mode of all unix sockets of 'bind' lines (3.1).",
        &[
            Example::Ok("unix-bind prefix /run mode 770 uid 0"),
            Example::Fail("unix-bind x", "only supports"),
        ],
        unix_bind,
    ),
    inert(
        "warn-blocked-traffic-after",
        GLOBAL,
        "workers never run long enough without a break",
        "Time after which a blocked thread is told (3.1).",
        &[Example::Ok("warn-blocked-traffic-after 50ms")],
        |_, words| {
            words.time("warn-blocked-traffic-after", TimeUnit::Millisecond)?;
            words.ignore_rest("warn-blocked-traffic-after");
            Ok(())
        },
    ),
];

fn default_path(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let known = &["current", "config", "parent", "origin"];
    let what = one_of(words, known, |given| {
        format!("'default-path' expects 'current', 'config', 'parent' or 'origin', got '{given}'.")
    })?;
    site.draft.global.default_path = match what {
        "config" => DefaultPath::Config,
        "parent" => DefaultPath::Parent,
        "origin" => {
            let dir = words.expect("default-path origin", "a directory as an argument.")?;
            DefaultPath::Origin(PathBuf::from(dir))
        }
        _ => DefaultPath::Current,
    };
    end(words, "default-path")
}

fn case_adjust(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let what = "<from> and <to> as argument.";
    let from = words.expect("h1-case-adjust", what)?;
    let span = words.last();
    let to = words.expect("h1-case-adjust", what)?;
    case_pair_into(&mut site.draft.global.value.h1_case_adjust, from, to)
        .map_err(|message| Diag::alert(span, format!("'h1-case-adjust' : {message}")))?;
    end(words, "h1-case-adjust")
}

/// Adds one spelling; both names must be the same but for case.
///
/// # Errors
/// When they are not, or the name has a spelling already.
pub fn case_pair_into(
    pairs: &mut Vec<(Vec<u8>, Vec<u8>)>,
    from: &str,
    to: &str,
) -> Result<(), String> {
    if !from.eq_ignore_ascii_case(to) {
        return Err(format!(
            "the header names '{from}' and '{to}' must be the same but for case"
        ));
    }
    let from = from.to_ascii_lowercase();
    if pairs.iter().any(|(known, _)| known == from.as_bytes()) {
        return Err(format!("an entry for '{from}' already exists"));
    }
    pairs.push((from.into_bytes(), to.as_bytes().to_vec()));
    Ok(())
}

/// `+501,505 -502 400-499`: without a sign the set starts anew (manual 3.1, http-err-codes).
fn status_set(site: &mut Site<'_>, words: &mut Words<'_>, keyword: &str) -> Result<(), Diag> {
    let global = &mut site.draft.global.value;
    let set = match keyword {
        "http-err-codes" => &mut global.http_err_codes,
        _ => &mut global.http_fail_codes,
    };
    let mut marked: Vec<bool> = (0..600u16)
        .map(|status| {
            set.iter()
                .any(|(low, high)| (*low..=*high).contains(&status))
        })
        .collect();
    if words.left() == 0 {
        return Err(Diag::alert(
            words.here(),
            format!("'{keyword}' expects at least one status code or range"),
        ));
    }
    while let Some(word) = words.text()? {
        let span = words.last();
        // The sign of a word is that of all its ranges.
        let (value, ranges) = match word.as_bytes().first() {
            Some(b'+') => (true, &word[1..]),
            Some(b'-') => (false, &word[1..]),
            _ => {
                marked.fill(false);
                (true, word)
            }
        };
        for text in ranges.split(',') {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            let range = low.parse::<usize>().ok().zip(high.parse::<usize>().ok());
            let Some((low, high)) =
                range.filter(|(l, h)| (100..=599).contains(l) && l <= h && *h <= 599)
            else {
                return Err(Diag::alert(
                    span,
                    format!(
                        "'{keyword}': invalid status range '{text}', expects codes from 100 to 599"
                    ),
                ));
            };
            marked[low..=high].fill(value);
        }
    }
    set.clear();
    for status in 100..600u16 {
        if !marked[usize::from(status)] {
            continue;
        }
        match set.last_mut() {
            Some((_, high)) if *high + 1 == status => *high = status,
            _ => set.push((status, status)),
        }
    }
    Ok(())
}

fn node(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let name = words.text()?.unwrap_or("");
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(valid) {
        return Err(Diag::alert(
            words.last(),
            "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, \
             a-z), dot(.), hyphen(-) or underscode(_).",
        ));
    }
    site.draft.global.value.node = name.to_owned();
    end(words, "node")
}

fn proc_var(site: &mut Site<'_>, words: &mut Words<'_>, keyword: &str) -> Result<(), Diag> {
    let at = words.last();
    let mut kept = vec![crate::lex::Word {
        text: keyword.as_bytes().to_vec(),
        span: at,
    }];
    kept.extend(words.rest().iter().cloned());
    if kept.len() < 3 {
        return Err(Diag::alert(
            at,
            format!("'{keyword}' expects a variable name and an expression"),
        ));
    }
    let span = site.line;
    site.draft
        .global
        .proc_vars
        .push(crate::draft::Sentence { words: kept, span });
    Ok(())
}

fn unix_bind(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    while let Some(word) = words.text()? {
        let span = words.last();
        let unix = &mut site.draft.global.value.unix_bind;
        match word {
            "prefix" => {
                let prefix = words.expect("unix_bind prefix", "a path as an argument.")?;
                unix.prefix = Some(prefix.to_owned());
            }
            "mode" => {
                let text = words.expect("unix_bind mode", "an octal mode.")?;
                let mode = crate::units::parse_mode(text)
                    .map_err(|error| Diag::alert(words.last(), format!("'unix-bind' : {error}")))?;
                unix.mode = Some(mode);
            }
            "uid" => unix.uid = u32::try_from(number(words, "uid", 0, i64::from(u32::MAX))?).ok(),
            "gid" => unix.gid = u32::try_from(number(words, "gid", 0, i64::from(u32::MAX))?).ok(),
            "user" => {
                let name = words.expect("user", "a user name.")?;
                site.draft.global.value.unix_bind.uid = Some(super::bind_unix::user(
                    site,
                    "unix-bind",
                    name,
                    words.last(),
                )?);
            }
            "group" => {
                let name = words.expect("group", "a group name.")?;
                site.draft.global.value.unix_bind.gid = Some(super::bind_unix::group(
                    site,
                    "unix-bind",
                    name,
                    words.last(),
                )?);
            }
            _ => {
                return Err(Diag::alert(
                    span,
                    "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and \
                     'group' options.",
                ));
            }
        }
    }
    Ok(())
}

/// Refuses a keyword that was said before.
fn once(site: &mut Site<'_>, words: &Words<'_>, keyword: &'static str) -> Result<(), Diag> {
    match site.draft.global.said.insert(keyword) {
        true => Ok(()),
        false => Err(Diag::alert(
            words.line(),
            format!("'{keyword}' already specified. Continuing."),
        )),
    }
}
