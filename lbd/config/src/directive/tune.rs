//! Keywords `tune.*` whose values are judged; most of them change what lbd does.
//!
//! Those whose values are only counted are in [`super::tune_idle`].

use lbd_core::Diag;

use super::{directive, end, inert};
use crate::config::Tune;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;

const GLOBAL: Sections = Sections::GLOBAL;
/// Largest size that is accepted.
const MAX_SIZE: u64 = i32::MAX as u64;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "tune.bufsize",
        GLOBAL,
        "Bytes of a message head, of 'http-buffer-request' and of inspection (3.2).",
        &[
            Example::Ok("tune.bufsize 32k"),
            Example::Fail("tune.bufsize 0", "positive"),
        ],
        |site, words| positive(site, words, "tune.bufsize", |t, n| t.bufsize = n),
    ),
    directive(
        "tune.disable-fast-forward",
        GLOBAL,
        "Bodies are copied, never spliced (3.2).",
        &[
            Example::Ok("tune.disable-fast-forward"),
            Example::Fail("tune.disable-fast-forward x", "unexpected argument"),
        ],
        |site, words| {
            site.environment.switch("FAST-FORWARD", false);
            end(words, "tune.disable-fast-forward")
        },
    ),
    directive(
        "tune.disable-zero-copy-forwarding",
        GLOBAL,
        "Bodies are copied, never spliced (3.2).",
        &[
            Example::Ok("tune.disable-zero-copy-forwarding"),
            Example::Fail("tune.disable-zero-copy-forwarding x", "unexpected argument"),
        ],
        |site, words| {
            site.draft.global.value.no_splice = true;
            end(words, "tune.disable-zero-copy-forwarding")
        },
    ),
    directive(
        "tune.http.cookielen",
        GLOBAL,
        "Longest captured cookie (3.2).",
        &[Example::Ok("tune.http.cookielen 128")],
        |site, words| {
            positive(site, words, "tune.http.cookielen", |t, n| {
                t.http_cookielen = n.saturating_sub(1)
            })
        },
    ),
    directive(
        "tune.peers.max-updates-at-once",
        GLOBAL,
        "Updates of a table that are pushed to a peer before another table has its turn (3.2).",
        &[
            Example::Ok("tune.peers.max-updates-at-once 100"),
            Example::Fail("tune.peers.max-updates-at-once x", "expects an integer"),
        ],
        |site, words| {
            let keyword = "tune.peers.max-updates-at-once";
            let n = words.exact_int(keyword, 0..=i64::from(i32::MAX))?;
            let n = usize::try_from(n).unwrap_or(0);
            // As in the reference none is no limit.
            site.draft.global.value.tune.peers_max_updates = if n == 0 { usize::MAX } else { n };
            end(words, keyword)
        },
    ),
    directive(
        "tune.stick-counters",
        GLOBAL,
        "How many counters may track entries at once, 0 to 100 (3.2).",
        &[
            Example::Ok("tune.stick-counters 5"),
            Example::Fail("tune.stick-counters x", "is an invalid number"),
            Example::Fail(
                "tune.stick-counters 101",
                "must be between 1 and 100 (was 101)",
            ),
        ],
        stick_counters,
    ),
    directive(
        "tune.http.logurilen",
        GLOBAL,
        "Longest request URI in logs (3.2).",
        &[Example::Ok("tune.http.logurilen 2048")],
        |site, words| {
            positive(site, words, "tune.http.logurilen", |t, n| {
                t.http_logurilen = n
            })
        },
    ),
    directive(
        "tune.http.maxhdr",
        GLOBAL,
        "Most headers of a message, 1 to 32767 (3.2).",
        &[
            Example::Ok("tune.http.maxhdr 200"),
            Example::Fail("tune.http.maxhdr 0", "between 1 and 32767"),
        ],
        |site, words| {
            let n = words.int(
                "tune.http.maxhdr",
                i64::from(i32::MIN)..=i64::from(i32::MAX),
            )?;
            let n = usize::try_from(n).ok().filter(|n| (1..=32767).contains(n));
            site.draft.global.value.tune.http_maxhdr = n.ok_or_else(|| {
                Diag::alert(
                    words.last(),
                    "'tune.http.maxhdr' expects a numeric value between 1 and 32767",
                )
            })?;
            end(words, "tune.http.maxhdr")
        },
    ),
    inert(
        "tune.idle-pool.shared",
        GLOBAL,
        "each worker keeps its idle connections",
        "Whether workers take idle server connections of each other (3.2).",
        &[
            Example::Ok("tune.idle-pool.shared off"),
            Example::Fail("tune.idle-pool.shared x", "expects"),
        ],
        |site, words| on_off(site, words, "tune.idle-pool.shared", |_, _| {}),
    ),
    directive(
        "tune.listener.multi-queue",
        GLOBAL,
        "Whether an overloaded worker passes new connections on (3.2).",
        &[
            Example::Ok("tune.listener.multi-queue off"),
            Example::Fail("tune.listener.multi-queue x", "expects"),
        ],
        |site, words| {
            let here = words.here();
            let on = match words.text()? {
                Some("on" | "fair") => true,
                Some("off") => false,
                _ => {
                    return Err(Diag::alert(
                        here,
                        "'tune.listener.multi-queue' expects either 'on', 'fair', or 'off'.",
                    ));
                }
            };
            site.draft.global.value.tune.listener_multi_queue = on;
            end(words, "tune.listener.multi-queue")
        },
    ),
    inert(
        "tune.max-rules-at-once",
        GLOBAL,
        "rules never keep a worker for long",
        "Rules evaluated before other work gets its turn (3.2).",
        &[Example::Ok("tune.max-rules-at-once 100")],
        |site, words| positive(site, words, "tune.max-rules-at-once", |_, _| {}),
    ),
    directive(
        "tune.maxaccept",
        GLOBAL,
        "Connections accepted in one turn; -1 for no limit (3.2).",
        &[
            Example::Ok("tune.maxaccept 100"),
            Example::Ok("tune.maxaccept -1"),
        ],
        |site, words| {
            let n = words.int("tune.maxaccept", -1..=i64::from(i32::MAX))?;
            site.draft.global.value.tune.maxaccept = i32::try_from(n).ok();
            end(words, "tune.maxaccept")
        },
    ),
    directive(
        "tune.maxrewrite",
        GLOBAL,
        "Bytes of 'tune.bufsize' kept free for changes of a message (3.2).",
        &[Example::Ok("tune.maxrewrite 1024")],
        |site, words| {
            let n = words.int("tune.maxrewrite", 0..=i64::from(i32::MAX))?;
            site.draft.global.value.tune.maxrewrite = usize::try_from(n).unwrap_or_default();
            end(words, "tune.maxrewrite")
        },
    ),
    directive(
        "tune.notsent-lowat.client",
        GLOBAL,
        "Unsent bytes kept in the kernel for clients (3.2).",
        &[Example::Ok("tune.notsent-lowat.client 16k")],
        |site, words| {
            size(site, words, "tune.notsent-lowat.client", |t, n| {
                t.notsent_lowat_client = u32::try_from(n).ok()
            })
        },
    ),
    directive(
        "tune.notsent-lowat.server",
        GLOBAL,
        "Unsent bytes kept in the kernel for servers (3.2).",
        &[Example::Ok("tune.notsent-lowat.server 16k")],
        |site, words| {
            size(site, words, "tune.notsent-lowat.server", |t, n| {
                t.notsent_lowat_server = u32::try_from(n).ok()
            })
        },
    ),
    inert(
        "tune.pattern.cache-size",
        GLOBAL,
        "lists are indexed, their answers need no cache",
        "Entries of the cache of pattern matches (3.2).",
        &[Example::Ok("tune.pattern.cache-size 0")],
        |_, words| {
            words.int("tune.pattern.cache-size", 0..=i64::from(i32::MAX))?;
            end(words, "tune.pattern.cache-size")
        },
    ),
    directive(
        "tune.pipesize",
        GLOBAL,
        "Bytes of a pipe for splicing (3.2).",
        &[Example::Ok("tune.pipesize 1m")],
        |site, words| size(site, words, "tune.pipesize", |t, n| t.pipesize = n),
    ),
    inert(
        "tune.pool-high-fd-ratio",
        GLOBAL,
        "pool-max-conn and the descriptor budget bound idle connections",
        "Percentage of descriptors above which idle connections are closed (3.2).",
        &[
            Example::Ok("tune.pool-high-fd-ratio 30"),
            Example::Fail("tune.pool-high-fd-ratio 101", "between 0 and 100"),
        ],
        |_, words| percent(words, "tune.pool-high-fd-ratio"),
    ),
    inert(
        "tune.pool-low-fd-ratio",
        GLOBAL,
        "pool-max-conn and the descriptor budget bound idle connections",
        "Percentage of descriptors above which no connection becomes idle (3.2).",
        &[Example::Ok("tune.pool-low-fd-ratio 20")],
        |_, words| percent(words, "tune.pool-low-fd-ratio"),
    ),
    directive(
        "tune.rcvbuf.client",
        GLOBAL,
        "Kernel receive buffer of client connections (3.2).",
        &[Example::Ok("tune.rcvbuf.client 64k")],
        |site, words| {
            size(site, words, "tune.rcvbuf.client", |t, n| {
                t.rcvbuf_client = Some(n)
            })
        },
    ),
    directive(
        "tune.rcvbuf.server",
        GLOBAL,
        "Kernel receive buffer of server connections (3.2).",
        &[Example::Ok("tune.rcvbuf.server 64k")],
        |site, words| {
            size(site, words, "tune.rcvbuf.server", |t, n| {
                t.rcvbuf_server = Some(n)
            })
        },
    ),
    directive(
        "tune.runqueue-depth",
        GLOBAL,
        "Runnable tasks of a worker that 'rq-load auto' of 'tune.h2.fe.max-concurrent-streams' bears; turns are bounded by the runtime (3.2).",
        &[
            Example::Ok("tune.runqueue-depth 100"),
            Example::Fail("tune.runqueue-depth", "expects"),
            Example::Fail("tune.runqueue-depth 10 20", "unexpected argument"),
        ],
        |site, words| {
            let depth = words.int("tune.runqueue-depth", i64::MIN..=i64::MAX)?;
            // The reference takes what is no depth for none said.
            let depth = u32::try_from(depth).ok().filter(|depth| *depth > 0);
            site.draft.global.value.tune.run_queue_depth = depth;
            end(words, "tune.runqueue-depth")
        },
    ),
    directive(
        "tune.sndbuf.client",
        GLOBAL,
        "Kernel send buffer of client connections (3.2).",
        &[Example::Ok("tune.sndbuf.client 64k")],
        |site, words| {
            size(site, words, "tune.sndbuf.client", |t, n| {
                t.sndbuf_client = Some(n)
            })
        },
    ),
    directive(
        "tune.sndbuf.server",
        GLOBAL,
        "Kernel send buffer of server connections (3.2).",
        &[Example::Ok("tune.sndbuf.server 64k")],
        |site, words| {
            size(site, words, "tune.sndbuf.server", |t, n| {
                t.sndbuf_server = Some(n)
            })
        },
    ),
    directive(
        "tune.vars.check-max-size",
        GLOBAL,
        "Bytes of variables of scope check (3.2).",
        &[
            Example::Ok("tune.vars.check-max-size 1024"),
            Example::Fail("tune.vars.check-max-size 1k", "is an invalid size"),
        ],
        |site, words| {
            bytes(site, words, "tune.vars.check-max-size", |t, n| {
                t.vars_check_max_size = n
            })
        },
    ),
    directive(
        "tune.vars.proc-max-size",
        GLOBAL,
        "Bytes of variables of scope proc (3.2).",
        &[
            Example::Ok("tune.vars.proc-max-size 1024"),
            Example::Fail("tune.vars.proc-max-size 1k", "is an invalid size"),
        ],
        |site, words| {
            bytes(site, words, "tune.vars.proc-max-size", |t, n| {
                t.vars_proc_max_size = n
            })
        },
    ),
    directive(
        "tune.vars.reqres-max-size",
        GLOBAL,
        "Bytes of variables of scopes req and res (3.2).",
        &[
            Example::Ok("tune.vars.reqres-max-size 1024"),
            Example::Fail("tune.vars.reqres-max-size 1k", "is an invalid size"),
        ],
        |site, words| {
            bytes(site, words, "tune.vars.reqres-max-size", |t, n| {
                t.vars_reqres_max_size = n
            })
        },
    ),
    directive(
        "tune.vars.sess-max-size",
        GLOBAL,
        "Bytes of variables of scope sess (3.2).",
        &[
            Example::Ok("tune.vars.sess-max-size 1024"),
            Example::Fail("tune.vars.sess-max-size 1k", "is an invalid size"),
        ],
        |site, words| {
            bytes(site, words, "tune.vars.sess-max-size", |t, n| {
                t.vars_sess_max_size = n
            })
        },
    ),
    directive(
        "tune.vars.txn-max-size",
        GLOBAL,
        "Bytes of variables of scope txn (3.2).",
        &[
            Example::Ok("tune.vars.txn-max-size 1024"),
            Example::Fail("tune.vars.txn-max-size 1k", "is an invalid size"),
        ],
        |site, words| {
            bytes(site, words, "tune.vars.txn-max-size", |t, n| {
                t.vars_txn_max_size = n
            })
        },
    ),
    inert(
        "tune.idletimer",
        GLOBAL,
        "buffers follow what a connection sends",
        "Idle time after which a stream counts as idle (3.2).",
        &[
            Example::Ok("tune.idletimer 1s"),
            Example::Fail("tune.idletimer 70s", "65535"),
        ],
        |_, words| {
            let time = words.time("tune.idletimer", TimeUnit::Millisecond)?;
            if time.as_millis() > 65_535 {
                return Err(Diag::alert(
                    words.last(),
                    "'tune.idletimer' expects a timer value between 0 and 65535 ms.",
                ));
            }
            end(words, "tune.idletimer")
        },
    ),
];

fn size(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    set: fn(&mut Tune, usize),
) -> Result<(), Diag> {
    let n = words.size(keyword, MAX_SIZE)?;
    set(
        &mut site.draft.global.value.tune,
        usize::try_from(n).unwrap_or(usize::MAX),
    );
    end(words, keyword)
}

/// Bytes without a unit, of which the reference takes none here.
fn bytes(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    set: fn(&mut Tune, usize),
) -> Result<(), Diag> {
    if let Some(word) = words.peek()
        && !word.text.iter().all(u8::is_ascii_digit)
    {
        let given = String::from_utf8_lossy(&word.text);
        let message = format!("{keyword}: '{given}' is an invalid size");
        return Err(Diag::alert(word.span, message).hint("Write the number of bytes."));
    }
    size(site, words, keyword, set)
}

fn positive(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    set: fn(&mut Tune, usize),
) -> Result<(), Diag> {
    let n = words.size(keyword, MAX_SIZE)?;
    if n == 0 {
        return Err(Diag::alert(
            words.last(),
            format!("'{keyword}' expects a positive integer argument."),
        ));
    }
    set(
        &mut site.draft.global.value.tune,
        usize::try_from(n).unwrap_or(usize::MAX),
    );
    end(words, keyword)
}

fn stick_counters(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let keyword = "tune.stick-counters";
    let text = words.expect(keyword, "an integer argument")?;
    let fault = |message: String| Err(Diag::alert(words.last(), message));
    let Ok(counters) = text.parse::<i64>() else {
        return fault(format!("{keyword}: '{text}' is an invalid number"));
    };
    let Ok(counters @ 0..=100) = u32::try_from(counters) else {
        return fault(format!(
            "{keyword}: the number of stick-counters must be between 1 and 100 (was {counters})"
        ));
    };
    site.draft.global.value.tune.stick_counters = counters;
    end(words, keyword)
}

fn percent(words: &mut Words<'_>, keyword: &str) -> Result<(), Diag> {
    let text = words.expect(keyword, "an integer argument between 0 and 100.")?;
    if text.parse::<u8>().is_ok_and(|n| n <= 100) {
        return end(words, keyword);
    }
    Err(Diag::alert(
        words.last(),
        format!("'{keyword}' expects an integer argument between 0 and 100."),
    ))
}

fn on_off(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    set: fn(&mut Tune, bool),
) -> Result<(), Diag> {
    let here = words.here();
    let on = match words.text()? {
        Some("on" | "full") => true,
        Some("off") => false,
        other => {
            return Err(Diag::alert(
                here,
                format!(
                    "'{keyword}' expects 'full', 'on' or 'off' but got '{}'.",
                    other.unwrap_or("")
                ),
            ));
        }
    };
    set(&mut site.draft.global.value.tune, on);
    end(words, keyword)
}
