//! Keywords `tune.h2.*`: limits of HTTP/2 connections (3.2).

use lbd_core::Diag;

use super::{directive, end, inert};
use crate::config::{H2Load, H2LogErrors, TuneH2};
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::leading_int;
use crate::words::Words;

const GLOBAL: Sections = Sections::GLOBAL;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "h2-workaround-bogus-websocket-clients",
        GLOBAL,
        "WebSockets over HTTP/2 are not offered to clients (3.1).",
        &[
            Example::Ok("h2-workaround-bogus-websocket-clients"),
            Example::Fail(
                "h2-workaround-bogus-websocket-clients x",
                "unexpected argument",
            ),
        ],
        |site, words| {
            site.draft.global.value.h2_no_websocket = true;
            end(words, "h2-workaround-bogus-websocket-clients")
        },
    ),
    directive(
        "tune.glitches.kill.cpu-usage",
        GLOBAL,
        "Use of a worker's CPU in percent from which on glitches end connections (3.2).",
        &[
            Example::Ok("tune.glitches.kill.cpu-usage 80"),
            Example::Fail("tune.glitches.kill.cpu-usage 101", "between 0 and 100"),
        ],
        |site, words| {
            let keyword = "tune.glitches.kill.cpu-usage";
            within(site, words, keyword, 0, 100, |t, n| t.kill_cpu_usage = n)
        },
    ),
    directive(
        "tune.h2.be.glitches-threshold",
        GLOBAL,
        "Odd things that a server may do before its connection ends; 0 for no limit (3.2).",
        &[Example::Ok("tune.h2.be.glitches-threshold 1000")],
        |site, words| {
            number(site, words, "tune.h2.be.glitches-threshold", |t, n| {
                t.back.glitches_threshold = n;
            })
        },
    ),
    directive(
        "tune.h2.be.initial-window-size",
        GLOBAL,
        "Bytes that a server may send on a stream before credit (3.2).",
        &[Example::Ok("tune.h2.be.initial-window-size 65536")],
        |site, words| {
            number(site, words, "tune.h2.be.initial-window-size", |t, n| {
                t.back.initial_window = Some(n);
            })
        },
    ),
    directive(
        "tune.h2.be.max-concurrent-streams",
        GLOBAL,
        "Requests at once on a connection to a server (3.2).",
        &[Example::Ok("tune.h2.be.max-concurrent-streams 5")],
        |site, words| {
            number(site, words, "tune.h2.be.max-concurrent-streams", |t, n| {
                t.back.max_concurrent = Some(n);
            })
        },
    ),
    directive(
        "tune.h2.be.max-frames-at-once",
        GLOBAL,
        "Frames of a server read before others have their turn; 0 for no limit (3.2).",
        &[Example::Ok("tune.h2.be.max-frames-at-once 100")],
        |site, words| {
            number(site, words, "tune.h2.be.max-frames-at-once", |t, n| {
                t.back.max_frames = n;
            })
        },
    ),
    directive(
        "tune.h2.be.rxbuf",
        GLOBAL,
        "Bytes that the streams of a server's connection share to receive in (3.2).",
        &[
            Example::Ok("tune.h2.be.rxbuf 1m"),
            Example::Fail("tune.h2.be.rxbuf x", "after size passed"),
        ],
        |site, words| {
            size(site, words, "tune.h2.be.rxbuf", |t, n| {
                t.back.receive_buffer = Some(n);
            })
        },
    ),
    directive(
        "tune.h2.fe.glitches-threshold",
        GLOBAL,
        "Odd things that a client may do before its connection ends; 0 for no limit (3.2).",
        &[
            Example::Ok("tune.h2.fe.glitches-threshold 100"),
            Example::Fail("tune.h2.fe.glitches-threshold -1", "positive numeric value"),
        ],
        |site, words| {
            number(site, words, "tune.h2.fe.glitches-threshold", |t, n| {
                t.front.glitches_threshold = n;
            })
        },
    ),
    directive(
        "tune.h2.fe.initial-window-size",
        GLOBAL,
        "Bytes that a client may send on a stream before credit (3.2).",
        &[Example::Ok("tune.h2.fe.initial-window-size 65536")],
        |site, words| {
            number(site, words, "tune.h2.fe.initial-window-size", |t, n| {
                t.front.initial_window = Some(n);
            })
        },
    ),
    directive(
        "tune.h2.fe.max-concurrent-streams",
        GLOBAL,
        "Requests at once on a client's connection, fewer on new ones under load (3.2).",
        &[
            Example::Ok("tune.h2.fe.max-concurrent-streams 50"),
            Example::Ok("tune.h2.fe.max-concurrent-streams 50 rq-load ignore min 5"),
            Example::Ok("tune.h2.fe.max-concurrent-streams 100 rq-load auto min 15"),
            Example::Ok("tune.h2.fe.max-concurrent-streams 100 rq-load 50"),
            Example::Fail(
                "tune.h2.fe.max-concurrent-streams 50 rq-load 0",
                "strictly positive run-queue length",
            ),
            Example::Fail(
                "tune.h2.fe.max-concurrent-streams 50 min 0",
                "strictly positive minimum",
            ),
            Example::Fail(
                "tune.h2.fe.max-concurrent-streams 50 min 51",
                "cannot be higher than the maximum",
            ),
            Example::Fail("tune.h2.fe.max-concurrent-streams 50 x", "only supports"),
        ],
        max_concurrent,
    ),
    directive(
        "tune.h2.fe.max-frames-at-once",
        GLOBAL,
        "Frames of a client read before others have their turn; 0 for no limit (3.2).",
        &[Example::Ok("tune.h2.fe.max-frames-at-once 100")],
        |site, words| {
            number(site, words, "tune.h2.fe.max-frames-at-once", |t, n| {
                t.front.max_frames = n;
            })
        },
    ),
    directive(
        "tune.h2.fe.max-rst-at-once",
        GLOBAL,
        "Resets of a client read before others have their turn; 0 for no limit (3.2).",
        &[Example::Ok("tune.h2.fe.max-rst-at-once 1")],
        |site, words| {
            number(site, words, "tune.h2.fe.max-rst-at-once", |t, n| {
                t.max_resets_at_once = n;
            })
        },
    ),
    directive(
        "tune.h2.fe.max-total-streams",
        GLOBAL,
        "Requests of a client's connection, after which it is to make another; 0 for no limit (3.2).",
        &[Example::Ok("tune.h2.fe.max-total-streams 1000")],
        |site, words| {
            number(site, words, "tune.h2.fe.max-total-streams", |t, n| {
                t.max_total_streams = n;
            })
        },
    ),
    directive(
        "tune.h2.fe.rxbuf",
        GLOBAL,
        "Bytes that the streams of a client's connection share to receive in (3.2).",
        &[Example::Ok("tune.h2.fe.rxbuf 1m")],
        |site, words| {
            size(site, words, "tune.h2.fe.rxbuf", |t, n| {
                t.front.receive_buffer = Some(n);
            })
        },
    ),
    directive(
        "tune.h2.header-table-size",
        GLOBAL,
        "Bytes of the table for decoding headers, 4096 to 65536 (3.2).",
        &[
            Example::Ok("tune.h2.header-table-size 16384"),
            Example::Fail("tune.h2.header-table-size 100", "between 4096 and 65536"),
        ],
        |site, words| {
            let keyword = "tune.h2.header-table-size";
            within(site, words, keyword, 4096, 65_536, |t, n| {
                t.header_table_size = Some(n)
            })
        },
    ),
    directive(
        "tune.h2.initial-window-size",
        GLOBAL,
        "Bytes that a peer may send on a stream before credit (3.2).",
        &[
            Example::Ok("tune.h2.initial-window-size 65536"),
            Example::Fail("tune.h2.initial-window-size -1", "positive numeric value"),
        ],
        |site, words| {
            number(site, words, "tune.h2.initial-window-size", |t, n| {
                t.initial_window = Some(n);
            })
        },
    ),
    directive(
        "tune.h2.log-errors",
        GLOBAL,
        "Which protocol errors of clients get a log line: none, connection, stream (3.2).",
        &[
            Example::Ok("tune.h2.log-errors none"),
            Example::Fail(
                "tune.h2.log-errors x",
                "expects 'none', 'connection', or 'stream'",
            ),
        ],
        |site, words| {
            let here = words.here();
            let level = match words.text()? {
                Some("connection") => H2LogErrors::Connection,
                Some("none") => H2LogErrors::None,
                Some("stream") => H2LogErrors::Stream,
                _ => {
                    return Err(Diag::alert(
                        here,
                        "'tune.h2.log-errors' expects 'none', 'connection', or 'stream'",
                    ));
                }
            };
            site.draft.global.value.tune.h2.log_errors = level;
            end(words, "tune.h2.log-errors")
        },
    ),
    directive(
        "tune.h2.max-concurrent-streams",
        GLOBAL,
        "Requests at once on a connection; 0 for no limit (3.2).",
        &[Example::Ok("tune.h2.max-concurrent-streams 50")],
        |site, words| {
            number(site, words, "tune.h2.max-concurrent-streams", |t, n| {
                t.max_concurrent = Some(n);
            })
        },
    ),
    directive(
        "tune.h2.max-frame-size",
        GLOBAL,
        "Longest frame that is taken, 16384 to 16777215 bytes and not above tune.bufsize (3.2).",
        &[
            Example::Ok("tune.h2.max-frame-size 16384"),
            Example::Fail("tune.h2.max-frame-size 100", "between 16384 and 16777215"),
        ],
        |site, words| {
            let keyword = "tune.h2.max-frame-size";
            within(site, words, keyword, 16_384, 16_777_215, |t, n| {
                t.max_frame_size = Some(n)
            })
        },
    ),
    inert(
        "tune.h2.zero-copy-fwd-send",
        GLOBAL,
        "how data is forwarded cannot be seen from outside",
        "Zero-copy sends of HTTP/2 (3.2).",
        &[
            Example::Ok("tune.h2.zero-copy-fwd-send off"),
            Example::Fail("tune.h2.zero-copy-fwd-send x", "expects 'on' or 'off'"),
        ],
        |_, words| {
            let here = words.here();
            match words.text()? {
                Some("on" | "off") => end(words, "tune.h2.zero-copy-fwd-send"),
                _ => Err(Diag::alert(
                    here,
                    "'tune.h2.zero-copy-fwd-send' expects 'on' or 'off'.",
                )),
            }
        },
    ),
];

/// A number from 0 to 2^31 - 1.
fn number(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    set: fn(&mut TuneH2, u32),
) -> Result<(), Diag> {
    let n = natural(words, keyword)?;
    set(&mut site.draft.global.value.tune.h2, n);
    end(words, keyword)
}

fn natural(words: &mut Words<'_>, keyword: &str) -> Result<u32, Diag> {
    let n = words.int(keyword, i64::MIN..=i64::MAX)?;
    let n = u32::try_from(n).ok().filter(|n| i32::try_from(*n).is_ok());
    n.ok_or_else(|| {
        let text = format!("'{keyword}' expects a positive numeric value.");
        Diag::alert(words.last(), text)
    })
}

fn within(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    least: u32,
    most: u32,
    set: fn(&mut TuneH2, u32),
) -> Result<(), Diag> {
    let n = words.int(keyword, i64::MIN..=i64::MAX)?;
    let n = u32::try_from(n).ok().filter(|n| (least..=most).contains(n));
    let n = n.ok_or_else(|| {
        let text = format!("'{keyword}' expects a numeric value between {least} and {most}.");
        Diag::alert(words.last(), text)
    })?;
    set(&mut site.draft.global.value.tune.h2, n);
    end(words, keyword)
}

fn size(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    set: fn(&mut TuneH2, u32),
) -> Result<(), Diag> {
    let n = words.size(keyword, i32::MAX as u64)?;
    set(
        &mut site.draft.global.value.tune.h2,
        u32::try_from(n).unwrap_or(u32::MAX),
    );
    end(words, keyword)
}

fn max_concurrent(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    const KEYWORD: &str = "tune.h2.fe.max-concurrent-streams";
    let most = natural(words, KEYWORD)?;
    let tune = &mut site.draft.global.value.tune.h2;
    tune.front.max_concurrent = Some(most);
    while let Some(option) = words.text()? {
        let here = words.last();
        match option {
            "rq-load" => tune.load = load(words, KEYWORD)?,
            "min" => tune.least_concurrent = Some(least(words, KEYWORD, most)?),
            other => {
                let text = format!(
                    "'{KEYWORD}' only supports 'rq-load' or 'min' after the numeric value, but found '{other}'."
                );
                return Err(Diag::alert(here, text));
            }
        }
    }
    Ok(())
}

fn load(words: &mut Words<'_>, keyword: &str) -> Result<Option<H2Load>, Diag> {
    let here = words.here();
    match words.text()? {
        Some("auto") => Ok(Some(H2Load::Auto)),
        Some("ignore") => Ok(None),
        said => match said.and_then(|said| said.parse().ok()) {
            Some(tasks @ 1..) => Ok(Some(H2Load::Tasks(tasks))),
            _ => {
                let text = format!(
                    "'{keyword}' expects a strictly positive run-queue length, or 'auto' or 'ignore'."
                );
                Err(Diag::alert(here, text))
            }
        },
    }
}

fn least(words: &mut Words<'_>, keyword: &str, most: u32) -> Result<u32, Diag> {
    let here = words.here();
    let said = words.text()?.map(leading_int);
    let least = said.and_then(|(number, _)| number.parse::<u32>().ok());
    match least {
        Some(least @ 1..) if least <= most => Ok(least),
        Some(least @ 1..) => {
            let text = format!(
                "'{keyword}' minimum number of streams ({least}) cannot be higher than the maximum ({most})'."
            );
            Err(Diag::alert(here, text))
        }
        _ => {
            let text =
                format!("'{keyword}' expects a strictly positive minimum number of streams'.");
            Err(Diag::alert(here, text))
        }
    }
}
