//! `capture`: a sample kept in a slot for the log line.
//!
//! `capture request header` and its kin are directives of the frontend.

use lbd_core::{Diag, Type};

use super::{ActionSpec, Built, Form, Rule, Ruleset, Rulesets, edit};
use crate::expr::Expr;
use crate::program::{Ctx, Verdict};
use crate::registry::Example;
use crate::word::Word;

/// Bytes that one slot may be declared to hold.
const MAX_LEN: usize = 65_536;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "capture",
        form: Form::Exact,
        rulesets: Rulesets::TCP_CONTENT,
        is_listed: false,
        doc: "Keeps a sample in a new request capture slot of the frontend (manual 4.3).",
        examples: &[
            Example::Ok("capture str(a) len 10"),
            Example::Fail("capture str(a)", "a positive 'len' argument is mandatory"),
        ],
        build: |rule| {
            require_frontend(rule)?;
            let expr = rule.args.expr(rule.ctx)?;
            if !rule.args.take("len") {
                return Err(rule.args.fault("a positive 'len' argument is mandatory"));
            }
            let len = length(rule)?;
            declare(rule, expr, len)
        },
    },
    ActionSpec {
        name: "capture",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Keeps a sample in a capture slot: an existing one by its id, or, in requests of a \
              frontend, a new one of a length (manual 4.3).",
        examples: &[
            Example::Ok("capture str(a) id 0"),
            Example::Fail("capture str(a)", "expects"),
            Example::Fail("capture str(a) id x", "cannot parse id 'x'"),
        ],
        build: http,
    },
];

fn require_frontend(rule: &Rule<'_, '_>) -> Result<(), Diag> {
    match rule.ctx.proxy {
        Some(proxy) if rule.ctx.names.capabilities(proxy).0 => Ok(()),
        _ => Err(rule
            .args
            .fault("proxy has no frontend capability")
            .hint("Slots are declared in a frontend or listen section.")),
    }
}

fn length(rule: &mut Rule<'_, '_>) -> Result<usize, Diag> {
    let word = rule.args.value("missing length value")?;
    let len = crate::cast::leading_int(word.text);
    if len <= 0 {
        return Err(Diag::alert(word.span, "length must be > 0"));
    }
    usize::try_from(len)
        .ok()
        .filter(|len| *len <= MAX_LEN)
        .ok_or_else(|| Diag::alert(word.span, format!("length must be at most {MAX_LEN}")))
}

fn declare(rule: &mut Rule<'_, '_>, expr: Expr, len: usize) -> Result<Built, Diag> {
    let slot = rule
        .ctx
        .proxy
        .and_then(|proxy| rule.ctx.names.add_capture(proxy, true, len));
    let slot = slot.ok_or_else(|| rule.args.fault("no capture slot is left"))?;
    Ok(Built::new(move |ctx, _| {
        keep(ctx, &expr, true, slot, len);
        Verdict::Continue
    }))
}

fn http(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    let is_request = rule.ruleset == Ruleset::HttpRequest;
    let expects = if is_request {
        "expects <expression> [ 'len' <length> | id <idx> ]"
    } else {
        "expects <expression> id <idx>"
    };
    if rule.args.is_over() {
        return Err(rule.args.fault(expects));
    }
    let expr = rule.args.expr(rule.ctx)?;
    if is_request && rule.args.take("len") {
        require_frontend(rule)?;
        let len = length(rule)?;
        return declare(rule, expr, len);
    }
    if !rule.args.take("id") {
        let which = if is_request { "'len' or 'id'" } else { "'id'" };
        return Err(match rule.args.peek() {
            Some(word) if !rule.args.is_over() => rule
                .args
                .fault(format!("expects {which}, found '{}'", word.lossy())),
            _ => rule.args.fault(format!("expects {which}")),
        });
    }
    let word = rule.args.value("missing id value")?;
    let slot = crate::cast::whole_int(word.text)
        .and_then(|id| usize::try_from(id).ok())
        .ok_or_else(|| Diag::alert(word.span, format!("cannot parse id '{}'", word.lossy())))?;
    check_slot(rule, word, slot, is_request)?;
    Ok(Built::new(move |ctx, _| {
        let len = ctx
            .world
            .capture_len(ctx.session.frontend, is_request, slot);
        keep(ctx, &expr, is_request, slot, len);
        Verdict::Continue
    }))
}

/// A frontend's slots are known by now; a backend's rules serve any frontend.
fn check_slot(
    rule: &Rule<'_, '_>,
    word: Word<'_>,
    slot: usize,
    is_request: bool,
) -> Result<(), Diag> {
    let Some(proxy) = rule.ctx.proxy else {
        return Ok(());
    };
    let (requests, responses) = rule.ctx.names.capture_slots(proxy);
    let slots = if is_request { requests } else { responses };
    if rule.ctx.names.capabilities(proxy).0 && slot >= slots {
        let message = format!(
            "unable to find capture id '{slot}' referenced by {} capture rule",
            if is_request {
                "http-request"
            } else {
                "http-response"
            }
        );
        return Err(Diag::alert(word.span, message)
            .hint("Declare it with 'declare capture' before this rule."));
    }
    Ok(())
}

fn keep(ctx: &mut Ctx<'_>, expr: &Expr, is_request: bool, slot: usize, len: usize) {
    let Some(bytes) = edit::bytes(expr, Type::Str, ctx).filter(|_| len > 0) else {
        return;
    };
    let Some(stream) = ctx.stream.as_deref_mut() else {
        return;
    };
    let captures = if is_request {
        &mut stream.request_captures
    } else {
        &mut stream.response_captures
    };
    if captures.len() <= slot {
        captures.resize_with(slot + 1, || None);
    }
    captures[slot] = Some(bytes[..bytes.len().min(len)].into());
}
