//! Actions about time: timeouts, pauses, waiting for a body.
//!
//! Nothing waits here: a verdict says until when.

use lbd_core::Diag;

use super::args::Delay;
use super::{ActionSpec, Built, Form, Rule, Rulesets, edit};
use crate::program::{Ctx, Need, Verdict};
use crate::registry::Example;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "pause",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_MESSAGES,
        is_listed: true,
        doc: "Waits for a fixed or computed time before the next rule (manual 4.3).",
        examples: &[
            Example::Ok("pause 10ms"),
            Example::Ok("pause int(10)"),
            Example::Fail("pause 0", "null value is not valid for a 'pause' rule"),
        ],
        build: |rule| {
            let delay = rule.args.delay("pause", rule.ctx)?;
            Ok(Built::new(move |ctx, _| pause(ctx, &delay)))
        },
    },
    ActionSpec {
        name: "set-timeout",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_MESSAGES,
        is_listed: true,
        doc: "Changes a timeout for this stream: client, connect, queue, server, tarpit or \
              tunnel (manual 4.3).",
        examples: &[
            Example::Ok("set-timeout tarpit 5s"),
            Example::Ok("set-timeout tarpit int(500)"),
            Example::Fail("set-timeout check 5s", "(got 'check')"),
            Example::Fail("set-timeout tarpit", "expects exactly 2 arguments"),
        ],
        build: set_timeout,
    },
    ActionSpec {
        name: "wait-for-body",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_MESSAGES,
        is_listed: true,
        doc: "Waits for the body, or its first bytes, for at most a time (manual 4.3).",
        examples: &[
            Example::Ok("wait-for-body time 1s at-least 1k"),
            Example::Fail("wait-for-body at-least 1k", "expects time <time>"),
        ],
        build: wait_for_body,
    },
    ActionSpec {
        name: "wait-for-handshake",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Waits until the client's TLS handshake is confirmed: what came as early data may be \
              a replay before (manual 4.3).",
        examples: &[Example::Ok("wait-for-handshake")],
        build: |_| {
            Ok(Built::new(|ctx, _| {
                let tls = ctx.session.tls.as_deref();
                let early = tls.and_then(|tls| tls.early.as_ref());
                match early.is_some_and(|early| early.is_pending()) {
                    true => Verdict::Wait(Need::Handshake),
                    false => Verdict::Continue,
                }
            }))
        },
    },
];

fn pause(ctx: &mut Ctx<'_>, delay: &Delay) -> Verdict {
    let begun = ctx
        .stream
        .as_deref()
        .and_then(|stream| stream.asked.pause_until);
    let until = match begun {
        Some(until) => until,
        None => match edit::delay(delay, ctx) {
            Some(delay) => ctx.now + delay,
            None => return Verdict::Continue,
        },
    };
    let Some(stream) = ctx.stream.as_deref_mut() else {
        return Verdict::Continue;
    };
    if ctx.now >= until {
        stream.asked.pause_until = None;
        return Verdict::Continue;
    }
    stream.asked.pause_until = Some(until);
    Verdict::Wait(Need::Until(until))
}

fn set_timeout(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    const EXPECTS: &str = "expects exactly 2 arguments";
    let word = rule.args.value(EXPECTS)?;
    if rule.args.is_over() {
        return Err(rule.args.fault(EXPECTS));
    }
    type Set = fn(&mut Ctx<'_>, std::time::Duration);
    let (needs_frontend, needs_backend, set): (bool, bool, Set) = match word.text {
        b"client" => (true, false, |ctx, t| ctx.session.client_timeout = Some(t)),
        b"connect" => (false, true, |ctx, t| {
            ctx.stream
                .iter_mut()
                .for_each(|s| s.asked.connect_timeout = Some(t));
        }),
        b"queue" => (false, true, |ctx, t| {
            ctx.stream
                .iter_mut()
                .for_each(|s| s.asked.queue_timeout = Some(t));
        }),
        b"server" => (false, true, |ctx, t| {
            ctx.stream
                .iter_mut()
                .for_each(|s| s.asked.server_timeout = Some(t));
        }),
        b"tarpit" => (false, false, |ctx, t| {
            ctx.stream
                .iter_mut()
                .for_each(|s| s.asked.tarpit_timeout = Some(t));
        }),
        b"tunnel" => (false, true, |ctx, t| {
            ctx.stream
                .iter_mut()
                .for_each(|s| s.asked.tunnel_timeout = Some(t));
        }),
        _ => {
            let message = format!(
                "'set-timeout' rule supports 'client'/'connect'/'queue'/'server'/'tarpit'/\
                 'tunnel' (got '{}')",
                word.lossy()
            );
            return Err(Diag::alert(word.span, message));
        }
    };
    if let Some(proxy) = rule.ctx.proxy {
        let (is_frontend, is_backend) = rule.ctx.names.capabilities(proxy);
        let missing = match (needs_frontend && !is_frontend, needs_backend && !is_backend) {
            (true, _) => Some("frontend"),
            (_, true) => Some("backend"),
            _ => None,
        };
        if let Some(missing) = missing {
            // Only the name of the proxy, in its quotes, is wanted here.
            let title = rule.ctx.names.title(proxy).unwrap_or_default();
            let name = title
                .find('\'')
                .map_or("the proxy", |quote| &title[quote..]);
            let message = format!("{name} has no {missing} capability");
            return Err(Diag::alert(word.span, message));
        }
    }
    let of = format!("set-timeout {}", word.lossy());
    let delay = rule.args.delay(&of, rule.ctx)?;
    Ok(Built::new(move |ctx, _| {
        if let Some(delay) = edit::delay(&delay, ctx) {
            set(ctx, delay);
        }
        Verdict::Continue
    }))
}

fn wait_for_body(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    const EXPECTS: &str = "expects time <time> [ at-least <bytes> ]";
    let mut time = None;
    let mut at_least = 0;
    while !rule.args.is_over() {
        let Some(word) = rule.args.peek() else { break };
        let missing = format!("missing argument for '{}'", word.lossy());
        match word.text {
            b"time" => {
                rule.args.skip(1);
                let value = rule.args.value(&missing)?;
                time =
                    Some(crate::arg::duration(&value.lossy()).ok_or_else(|| {
                        Diag::alert(value.span, unexpected(value.text, b"usmhd"))
                    })?);
            }
            b"at-least" => {
                rule.args.skip(1);
                let value = rule.args.value(&missing)?;
                at_least = crate::arg::size(&value.lossy())
                    .ok_or_else(|| Diag::alert(value.span, unexpected(value.text, b"kmgKMG")))?;
            }
            b"use-large-buffer" => {
                let message = "'use-large-buffer' is not supported: buffers have one size";
                return Err(rule.args.fault(message).hint("Raise tune.bufsize instead."));
            }
            _ => break,
        }
    }
    let time = time.ok_or_else(|| rule.args.fault(EXPECTS))?;
    let is_response = rule.ruleset.is_response();
    Ok(Built::new(move |ctx, waited| {
        let body = if is_response {
            &ctx.response_body
        } else {
            &ctx.request_body
        };
        let is_enough = at_least > 0 && body.data.len() as u64 >= at_least;
        if body.complete || body.full || is_enough {
            return Verdict::Continue;
        }
        match time.checked_sub(waited).filter(|left| !left.is_zero()) {
            Some(left) => Verdict::Wait(Need::Body {
                at_least,
                until: ctx.now + left,
            }),
            None => Verdict::TimedOut,
        }
    }))
}

fn unexpected(text: &[u8], units: &[u8]) -> String {
    let bad = text
        .iter()
        .find(|byte| !byte.is_ascii_digit() && !units.contains(byte));
    let bad = bad.or_else(|| text.last()).copied().unwrap_or(b' ');
    format!("unexpected character '{}'", bad.escape_ascii())
}
