//! Actions that set what the proxy looks at later: log level, marks, priorities, retries.
//!
//! Timeouts and delays are in `timing`.

use lbd_core::Diag;
use lbd_core::bits;

use super::{ActionSpec, Built, Form, Rule, Ruleset, Rulesets, edit};
use crate::expr::Expr;
use crate::facts::Asked;
use crate::program::{Ctx, Verdict};
use crate::registry::Example;
use crate::view::SocketMark;

const CLIENT_MARKS: Rulesets = Rulesets::NOT_AFTER;
const CONTENT: Rulesets = Rulesets::CONTENT_REQUESTS
    .and(Rulesets::TCP_RESPONSE)
    .and(Rulesets::HTTP_MESSAGES);

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "disable-l7-retry",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Retries this request only when the connection fails (manual 4.3).",
        examples: &[Example::Ok("disable-l7-retry")],
        build: |_| Ok(ask(|asked| asked.no_l7_retry = true)),
    },
    ActionSpec {
        name: "do-log",
        form: Form::Exact,
        rulesets: Rulesets::ALL,
        is_listed: true,
        doc: "Sends a log line now (manual 4.3).",
        examples: &[
            Example::Ok("do-log"),
            Example::Fail("do-log profile p", "log profiles are not supported yet"),
        ],
        build: |rule| {
            if rule.args.take("profile") {
                let message = "action 'do-log': log profiles are not supported yet";
                return Err(rule.args.fault(message).hint("Leave 'profile' out."));
            }
            let origin = rule.ruleset.log_origin();
            Ok(Built::new(move |ctx, _| {
                ctx.world.emit_log(&edit::view(ctx), origin);
                Verdict::Continue
            }))
        },
    },
    mark(
        "set-bc-mark",
        Rulesets::CONTENT_REQUESTS,
        "Mark of packets to the server",
        |rule| {
            number(rule, u32::MAX, |ctx, mark| {
                with(ctx, |asked| asked.server_mark = Some(mark))
            })
        },
    ),
    mark(
        "set-bc-tos",
        Rulesets::CONTENT_REQUESTS,
        "TOS of packets to the server",
        |rule| {
            number(rule, 255, |ctx, tos| {
                with(ctx, |asked| asked.server_tos = Some(bits::low8(tos.into())))
            })
        },
    ),
    mark(
        "set-fc-mark",
        CLIENT_MARKS,
        "Mark of packets to the client",
        client_mark,
    ),
    mark(
        "set-fc-tos",
        CLIENT_MARKS,
        "TOS of packets to the client",
        client_tos,
    ),
    ActionSpec {
        name: "set-log-level",
        form: Form::Exact,
        rulesets: CONTENT.and(Rulesets::HTTP),
        is_listed: true,
        doc: "Level of the stream's log line, or 'silent' for none (manual 4.3).",
        examples: &[
            Example::Ok("set-log-level silent"),
            Example::Ok("set-log-level warning"),
            Example::Fail(
                "set-log-level loud",
                "expects exactly 1 argument (log level name",
            ),
        ],
        build: |rule| {
            const EXPECTS: &str = "expects exactly 1 argument (log level name or 'silent')";
            let word = rule.args.value(EXPECTS)?;
            let known = LEVELS.iter().position(|level| word.is(level));
            let level = match known {
                Some(level) => u8::try_from(level).ok(),
                None if word.is("silent") => None,
                None => {
                    return Err(Diag::alert(word.span, EXPECTS)
                        .hint(format!("Levels are {}, silent.", LEVELS.join(", "))));
                }
            };
            Ok(ask(move |asked| asked.log_level = Some(level)))
        },
    },
    mark(
        "set-mark",
        CLIENT_MARKS,
        "Old name of 'set-fc-mark'",
        client_mark,
    ),
    ActionSpec {
        name: "set-nice",
        form: Form::Exact,
        rulesets: CONTENT,
        is_listed: true,
        doc: "Precedence of the stream's work, -1024 to 1024 (manual 4.3).",
        examples: &[
            Example::Ok("set-nice 10"),
            Example::Fail("set-nice", "expects exactly 1 argument (integer value)"),
        ],
        build: |rule| {
            let word = rule
                .args
                .value("expects exactly 1 argument (integer value)")?;
            let nice = bounded(crate::cast::leading_int(word.text), 1024);
            Ok(ask(move |asked| asked.nice = Some(nice)))
        },
    },
    ActionSpec {
        name: "set-priority-class",
        form: Form::Exact,
        rulesets: Rulesets::CONTENT_REQUESTS,
        is_listed: true,
        doc: "Class in the queue, -2047 to 2047, lower first (manual 4.3).",
        examples: &[Example::Ok("set-priority-class int(3)")],
        build: |rule| {
            computed(rule, |ctx, class| {
                with(ctx, |asked| asked.priority_class = bounded(class, 2047));
            })
        },
    },
    ActionSpec {
        name: "set-priority-offset",
        form: Form::Exact,
        rulesets: Rulesets::CONTENT_REQUESTS,
        is_listed: true,
        doc: "Milliseconds added to the place in the queue, -524287 to 524287 (manual 4.3).",
        examples: &[Example::Ok("set-priority-offset int(-100)")],
        build: |rule| {
            computed(rule, |ctx, offset| {
                with(ctx, |asked| {
                    asked.priority_offset = bounded(offset, 524_287);
                });
            })
        },
    },
    ActionSpec {
        name: "set-retries",
        form: Form::Exact,
        rulesets: Rulesets::CONTENT_REQUESTS,
        is_listed: true,
        doc: "Retries of this stream, 0 to 100 (manual 4.3).",
        examples: &[
            Example::Ok("set-retries 3"),
            Example::Ok("set-retries int(3)"),
            Example::Fail("set-retries 101", "integer between 1 and 100"),
        ],
        build: retries,
    },
    mark(
        "set-tos",
        CLIENT_MARKS,
        "Old name of 'set-fc-tos'",
        client_tos,
    ),
];

/// Log levels by their syslog numbers.
const LEVELS: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

const fn mark(
    name: &'static str,
    rulesets: Rulesets,
    doc: &'static str,
    build: fn(&mut Rule<'_, '_>) -> Result<Built, Diag>,
) -> ActionSpec {
    ActionSpec {
        name,
        form: Form::Exact,
        rulesets,
        is_listed: true,
        doc,
        examples: MARK_EXAMPLES,
        build,
    }
}

/// `set-x` stands for the name of each.
const MARK_EXAMPLES: &[Example] = &[
    Example::Ok("set-x 0x1f"),
    Example::Ok("set-x int(4)"),
    Example::Fail("set-x", "expects an argument"),
    Example::Fail("set-x -1", "is not between 0 and"),
];

fn client_mark(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    number(rule, u32::MAX, |ctx, mark| {
        match ctx.stream.as_deref_mut() {
            Some(stream) => stream.asked.client_mark = Some(mark),
            None => ctx
                .world
                .mark_socket(ctx.session.fd, SocketMark::Mark(mark)),
        }
    })
}

fn client_tos(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    number(rule, 255, |ctx, tos| match ctx.stream.as_deref_mut() {
        Some(stream) => stream.asked.client_tos = Some(bits::low8(tos.into())),
        None => ctx
            .world
            .mark_socket(ctx.session.fd, SocketMark::Tos(bits::low8(tos.into()))),
    })
}

fn with(ctx: &mut Ctx<'_>, set: impl FnOnce(&mut Asked)) {
    if let Some(stream) = ctx.stream.as_deref_mut() {
        set(&mut stream.asked);
    }
}

fn ask(set: impl Fn(&mut Asked) + Send + Sync + 'static) -> Built {
    Built::new(move |ctx, _| {
        with(ctx, &set);
        Verdict::Continue
    })
}

/// An expression whose integer is passed on; nothing happens without a value.
fn computed(
    rule: &mut Rule<'_, '_>,
    set: impl Fn(&mut Ctx<'_>, i64) + Send + Sync + 'static,
) -> Result<Built, Diag> {
    if rule.args.is_over() {
        return Err(rule.args.fault("expects an argument"));
    }
    let expr: Expr = rule.args.expr(rule.ctx)?;
    Ok(Built::new(move |ctx, _| {
        if let Some(number) = edit::int(&expr, ctx) {
            set(ctx, number);
        }
        Verdict::Continue
    }))
}

/// The number, held between `-most` and `most`.
fn bounded(number: i64, most: i32) -> i32 {
    i32::try_from(number).map_or(most * if number < 0 { -1 } else { 1 }, |number| {
        number.clamp(-most, most)
    })
}

/// A number, decimal or after `0x`, or an expression.
fn number(
    rule: &mut Rule<'_, '_>,
    max: u32,
    set: impl Fn(&mut Ctx<'_>, u32) + Send + Sync + 'static,
) -> Result<Built, Diag> {
    let word = match rule.args.peek() {
        Some(word) if !rule.args.is_over() => word,
        _ => return Err(rule.args.fault("expects an argument")),
    };
    let Some(fixed) = c_number(word.text) else {
        return computed(rule, move |ctx, number| {
            set(ctx, bits::low32(number.cast_unsigned()) & max)
        });
    };
    rule.args.skip(1);
    let fixed = u32::try_from(fixed)
        .ok()
        .filter(|fixed| *fixed <= max)
        .ok_or_else(|| {
            Diag::alert(
                word.span,
                format!("'{}' is not between 0 and {max}", word.lossy()),
            )
        })?;
    Ok(Built::new(move |ctx, _| {
        set(ctx, fixed);
        Verdict::Continue
    }))
}

/// An integer as C reads it: `0x` for base 16, `0` for base 8.
fn c_number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let hex = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let value = match (hex, digits.strip_prefix('0')) {
        (Some(hex), _) => i64::from_str_radix(hex, 16).ok()?,
        (None, Some(octal)) if !octal.is_empty() => i64::from_str_radix(octal, 8).ok()?,
        _ if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        _ => return None,
    };
    Some(if is_negative { -value } else { value })
}

fn retries(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    let word = rule
        .args
        .peek()
        .filter(|_| !rule.args.is_over())
        .ok_or_else(|| {
            rule.args
                .fault("expects exactly 1 argument (an expression or an integer between 1 and 100)")
        })?;
    if let Some(proxy) = rule.ctx.proxy
        && !rule.ctx.names.capabilities(proxy).1
    {
        let who = match rule.ruleset {
            Ruleset::TcpContent => "tcp-request".into(),
            _ => rule.name.lossy(),
        };
        let message = format!("'{who}' only available in backend or listen section");
        return Err(Diag::alert(rule.name.span, message));
    }
    let Some(fixed) = c_number(word.text) else {
        return computed(rule, |ctx, retries| {
            if let Ok(retries @ 0..=100) = u32::try_from(retries) {
                with(ctx, |asked| asked.retries = Some(retries));
            }
        });
    };
    rule.args.skip(1);
    let retries = u32::try_from(fixed)
        .ok()
        .filter(|retries| *retries <= 100)
        .ok_or_else(|| {
            Diag::alert(
                word.span,
                "expects an expression or an integer between 1 and 100",
            )
        })?;
    Ok(ask(move |asked| asked.retries = Some(retries)))
}
