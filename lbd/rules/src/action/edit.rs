//! What actions share when they evaluate and edit.
//!
//! Nothing here knows an action by name.

use std::time::Duration;

use lbd_core::{Type, Value};
use lbd_http::{Head, HeadFull};

use super::args::Delay;
use crate::cast;
use crate::expr::Expr;
use crate::logformat::LogFormat;
use crate::program::{Ctx, Verdict};
use crate::view::View;

/// The view in which actions evaluate: what is there now decides, nothing is waited for.
pub(super) fn view<'v>(ctx: &'v Ctx<'_>) -> View<'v> {
    View {
        is_final: true,
        ..ctx.view()
    }
}

/// A rendered text, in the arena.
pub(super) fn text<'c>(format: &LogFormat, ctx: &Ctx<'c>) -> &'c [u8] {
    format.render_in(&view(ctx), ctx.arena)
}

/// The value of an expression as `wanted`, its bytes in the arena.
pub(super) fn value<'c>(expr: &Expr, wanted: Type, ctx: &Ctx<'c>) -> Option<Value<'c>> {
    let arena = ctx.arena;
    let view = view(ctx);
    let value = cast::to(expr.value(&view).value()?, wanted, view.arena)?;
    Some(match value {
        Value::Bool(v) => Value::Bool(v),
        Value::Int(v) => Value::Int(v),
        Value::Ipv4(v) => Value::Ipv4(v),
        Value::Ipv6(v) => Value::Ipv6(v),
        Value::Str(v) => Value::Str(arena.alloc_slice_copy(v)),
        Value::Bin(v) => Value::Bin(arena.alloc_slice_copy(v)),
        Value::Method(v) => Value::Method(arena.alloc_slice_copy(v)),
    })
}

/// The bytes of an expression's value, in the arena.
pub(super) fn bytes<'c>(expr: &Expr, wanted: Type, ctx: &Ctx<'c>) -> Option<&'c [u8]> {
    match value(expr, wanted, ctx)? {
        Value::Str(v) | Value::Bin(v) | Value::Method(v) => Some(v),
        _ => None,
    }
}

/// An expression's integer.
pub(super) fn int(expr: &Expr, ctx: &Ctx<'_>) -> Option<i64> {
    expr.int(&view(ctx))
}

/// A duration; a computed one counts milliseconds, none below zero.
pub(super) fn delay(delay: &Delay, ctx: &Ctx<'_>) -> Option<Duration> {
    match delay {
        Delay::Fixed(delay) => Some(*delay),
        Delay::Computed(expr) => {
            let millis = int(expr, ctx)?.clamp(0, i64::from(i32::MAX));
            Some(Duration::from_millis(millis.unsigned_abs()))
        }
    }
}

/// The verdict on an edit: one that does not fit fails the message, or is counted and left out
/// when `strict-mode` is off.
pub(super) fn verdict(edited: Result<(), HeadFull>, ctx: &mut Ctx<'_>) -> Verdict {
    if edited.is_ok() {
        return Verdict::Continue;
    }
    let Some(stream) = ctx.stream.as_deref_mut() else {
        return Verdict::Failed;
    };
    stream.asked.failed_rewrites = stream.asked.failed_rewrites.saturating_add(1);
    if stream.asked.lenient {
        Verdict::Continue
    } else {
        Verdict::RewriteFailed
    }
}

/// The head that a ruleset edits.
pub(super) fn head<'m>(ctx: &'m mut Ctx<'_>, is_response: bool) -> Option<&'m mut Head> {
    if is_response {
        ctx.response.as_deref_mut()
    } else {
        ctx.request.as_deref_mut()
    }
}
