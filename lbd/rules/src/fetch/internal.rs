//! Fetches of the process and of other rules (manual 7.3.2).
//!
//! Constants and variables stand in `constant`, proxies in `proxy`.

use super::l4::DateUnit;
use super::{
    Built, EVERYWHERE, NO_ARGS, OPT_INT, RUNTIME, boolean, eval, int, number, string, text,
};
use crate::acl::Truth;
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::registry::BuildCtx;
use crate::registry::{Example, Fetch, Outcome};
use crate::view::ProcessFact;
use crate::view::View;
use crate::word::Word;
use lbd_core::bits;
use lbd_core::{FileId, Span};
use lbd_core::{Type, Value};

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "acl",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Bool,
        valid: EVERYWHERE,
        doc: "Whether all these ACLs match; a name may be negated (manual 7.3.2).",
        examples: &[
            Example::Ok("acl(TRUE)"),
            Example::Ok("acl(TRUE,!FALSE)"),
            Example::Fail("acl(none)", "ACL 'none' not found"),
        ],
        build: |ctx, args| all_acls(ctx, &args),
    },
    Fetch {
        name: "act_conn",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Current connections of the process (manual 7.3.2).",
        examples: &[Example::Ok("act_conn")],
        build: |_, _| int(|v| Some(v.world.process(ProcessFact::Connections))),
    },
    Fetch {
        name: "date",
        args: &[
            ArgSpec::optional(ArgKind::Int),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Now, shifted by an offset, in s, ms or us (manual 7.3.2).",
        examples: &[
            Example::Ok("date"),
            Example::Ok("date(-60)"),
            Example::Ok("date(0,ms)"),
            Example::Fail("date(1,x)", "expects 's', 'ms' or 'us', got 'x'"),
        ],
        build: |_, args| {
            let offset = number(&args, 0).unwrap_or(0);
            let unit = DateUnit::parse(&text(&args, 1))?;
            int(move |v| Some(unit.of(v.wall).saturating_add(offset)))
        },
    },
    Fetch {
        name: "date_us",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Microseconds within the current second (manual 7.3.2).",
        examples: &[Example::Ok("date_us")],
        build: |_, _| int(|v| Some(i64::from(v.wall.subsec_micros()))),
    },
    Fetch {
        name: "hostname",
        args: NO_ARGS,
        out: Type::Str,
        valid: EVERYWHERE,
        doc: "Name of this machine (manual 7.3.2).",
        examples: &[Example::Ok("hostname")],
        build: |_, _| string(|v| Some(v.world.hostname().as_bytes())),
    },
    Fetch {
        name: "last_rule_file",
        args: NO_ARGS,
        out: Type::Str,
        valid: RUNTIME,
        doc: "File of the rule that decided last (manual 7.3.2).",
        examples: &[Example::Ok("last_rule_file")],
        build: |_, _| {
            string(|v| {
                let file = v.stream?.last_rule?.file;
                Some(v.world.file_name(file)?.as_bytes())
            })
        },
    },
    Fetch {
        name: "last_rule_line",
        args: NO_ARGS,
        out: Type::Int,
        valid: RUNTIME,
        doc: "Line of the rule that decided last (manual 7.3.2).",
        examples: &[Example::Ok("last_rule_line")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.last_rule?.line))),
    },
    Fetch {
        name: "nbproc",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Number of processes, always 1 (manual 7.3.2).",
        examples: &[Example::Ok("nbproc")],
        build: |_, _| int(|_| Some(1)),
    },
    Fetch {
        name: "pid",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Id of the process (manual 7.3.2).",
        examples: &[Example::Ok("pid")],
        build: |_, _| int(|v| Some(v.world.process(ProcessFact::Pid))),
    },
    Fetch {
        name: "prio_class",
        args: NO_ARGS,
        out: Type::Int,
        valid: RUNTIME,
        doc: "Priority class of the stream (manual 7.3.2).",
        examples: &[Example::Ok("prio_class")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.asked.priority_class))),
    },
    Fetch {
        name: "prio_offset",
        args: NO_ARGS,
        out: Type::Int,
        valid: RUNTIME,
        doc: "Priority offset of the stream (manual 7.3.2).",
        examples: &[Example::Ok("prio_offset")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.asked.priority_offset))),
    },
    Fetch {
        name: "proc",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Number of the process, always 1 (manual 7.3.2).",
        examples: &[Example::Ok("proc")],
        build: |_, _| int(|_| Some(1)),
    },
    Fetch {
        name: "quic_enabled",
        args: NO_ARGS,
        out: Type::Bool,
        valid: EVERYWHERE,
        doc: "Whether QUIC is enabled: it is not (manual 7.3.2).",
        examples: &[Example::Ok("quic_enabled")],
        build: |_, _| boolean(|_| Some(false)),
    },
    Fetch {
        name: "rand",
        args: OPT_INT,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "A random number below the argument, 2^32 by default (manual 7.3.2).",
        examples: &[Example::Ok("rand"), Example::Ok("rand(100)")],
        build: |_, args| {
            let range = number(&args, 0)
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or(1 << 32);
            let range = u128::from(range.min(1 << 32));
            int(move |v| {
                let random = bits::low32(v.world.process(ProcessFact::Random).cast_unsigned());
                i64::try_from((u128::from(random) * range) >> 32).ok()
            })
        },
    },
    Fetch {
        name: "stopping",
        args: NO_ARGS,
        out: Type::Bool,
        valid: RUNTIME,
        doc: "Whether the process is stopping (manual 7.3.2).",
        examples: &[Example::Ok("stopping")],
        build: |_, _| boolean(|v| Some(v.world.process(ProcessFact::Stopping) != 0)),
    },
    Fetch {
        name: "tgroup",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Number of the thread group, always 1 (manual 7.3.2).",
        examples: &[Example::Ok("tgroup")],
        build: |_, _| int(|_| Some(1)),
    },
    Fetch {
        name: "thread",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Number of the evaluating thread, from 0 (manual 7.3.2).",
        examples: &[Example::Ok("thread")],
        build: |_, _| int(|v| Some(v.world.process(ProcessFact::Thread))),
    },
    Fetch {
        name: "uptime",
        args: NO_ARGS,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "Seconds since the start (manual 7.3.2).",
        examples: &[Example::Ok("uptime")],
        build: |_, _| int(|v| Some(v.world.process(ProcessFact::Uptime))),
    },
    Fetch {
        name: "uuid",
        args: OPT_INT,
        out: Type::Str,
        valid: EVERYWHERE,
        doc: "A random UUID of version 4 or 7 (manual 7.3.2).",
        examples: &[
            Example::Ok("uuid"),
            Example::Ok("uuid(7)"),
            Example::Fail("uuid(9)", "Unsupported UUID version"),
        ],
        build: |_, args| uuid(number(&args, 0).unwrap_or(4)),
    },
    Fetch {
        name: "wait_end",
        args: NO_ARGS,
        out: Type::Bool,
        valid: RUNTIME,
        doc: "True at the end of the inspection delay (manual 7.3.4).",
        examples: &[Example::Ok("wait_end")],
        build: |_, _| {
            eval(|v, sink| {
                if !v.is_final {
                    return Outcome::NotYet;
                }
                let _ = sink(Value::Bool(true));
                Outcome::Done
            })
        },
    },
];

fn all_acls(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let mut all = Vec::new();
    for at in 0..args.len() {
        let word = text(args, at);
        let (is_negated, name) = match word.strip_prefix(b"!") {
            Some(name) => (true, name),
            None => (false, &*word),
        };
        let nowhere = Span::line(FileId(0), 0);
        let table = ctx.acls;
        let acl = table
            .find_or_make(Word::new(name, nowhere), ctx)
            .map_err(|_| {
                ArgError::new(format!("ACL '{}' not found", String::from_utf8_lossy(name)))
            })?;
        all.push((is_negated, acl));
    }
    eval(move |view, sink| {
        let mut truth = Truth::True;
        for (is_negated, acl) in &all {
            let this = acl.eval(view);
            truth = truth.min(if *is_negated { this.negated() } else { this });
        }
        if truth == Truth::NotYet {
            return Outcome::NotYet;
        }
        let _ = sink(Value::Bool(truth == Truth::True));
        Outcome::Done
    })
}

/// RFC 9562: version 4 is random, version 7 begins with the time in ms.
fn uuid(version: i64) -> Built {
    if version != 4 && version != 7 {
        return Err(ArgError::new("Unsupported UUID version"));
    }
    string(move |view| {
        let random = |view: &View<'_>| view.world.process(ProcessFact::Random).cast_unsigned();
        let (mut high, mut low) = (random(view), random(view));
        if version == 7 {
            high = ((view.wall.0 / 1000) << 16) | (high & 0xffff);
        }
        high = (high & !0xf000) | (version.cast_unsigned() << 12);
        low = (low & (u64::MAX >> 2)) | (1 << 63);
        let mut text = bumpalo::collections::String::new_in(view.arena);
        // Writing to a string of the arena cannot fail.
        let _ = std::fmt::Write::write_fmt(
            &mut text,
            format_args!(
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                high >> 32,
                (high >> 16) & 0xffff,
                high & 0xffff,
                low >> 48,
                low & 0xffff_ffff_ffff
            ),
        );
        Some(text.into_bump_str().as_bytes())
    })
}
