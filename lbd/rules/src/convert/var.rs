//! Converters that set variables or ask a condition (manual 7.3.1).
//!
//! The value passes as it is.

use super::{Built, STR, Source, build, text};
use crate::acl::{Acl, Truth};
use crate::action::variable::When as Condition;
use crate::arg::parse_var;
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::facts::Target;
use crate::registry::{BuildCtx, Converter, Example};
use crate::var::{OwnedValue, Scope, Var};
use crate::view::ProcessFact;
use crate::view::View;
use crate::word::Word;
use lbd_core::Type;
use lbd_core::{FileId, Span};
use std::sync::Arc;

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "set-var",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Any,
        to: Type::Any,
        doc: "The input, kept in a variable (manual 7.3.1).",
        examples: &[
            Example::Ok("src,set-var(txn.x)"),
            Example::Ok("src,set-var(txn.x,ifnotexists)"),
            Example::Fail("src,set-var(txn.x,ifx)", "unknown condition"),
            Example::Fail(
                "src,set-var(x)",
                "A variable name must start with its scope",
            ),
        ],
        build: |ctx, args| set_var(ctx, &args),
    },
    Converter {
        name: "unset-var",
        args: STR,
        from: Type::Any,
        to: Type::Any,
        doc: "The input; the variable is unset (manual 7.3.1).",
        examples: &[Example::Ok("src,unset-var(txn.x)")],
        build: |ctx, args| unset_var(ctx, &args),
    },
    Converter {
        name: "when",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Any,
        to: Type::Any,
        doc: "The input under a condition: stopping, normal, error, forwarded, processed, toapplet, acl (manual 7.3.1).",
        examples: &[
            Example::Ok("src,when(stopping)"),
            Example::Ok("src,when(!acl,TRUE)"),
            Example::Fail("src,when(x)", "expects one of"),
        ],
        build: |ctx, args| when(ctx, &args),
    },
];
/// Sets or with `None` unsets a variable, within the limits of its scope.
pub(super) fn assign(view: &View<'_>, var: Var, value: Option<OwnedValue>) {
    if var.scope == Scope::Proc {
        view.world.set_proc_var(var.id, value);
        return;
    }
    let Some(store) = view.vars.store(var.scope) else {
        return;
    };
    let [sess, txn, reqres] = view.world.var_limits();
    let limit = match var.scope {
        Scope::Sess => sess,
        Scope::Txn => txn,
        Scope::Req | Scope::Res | Scope::Check | Scope::Proc => reqres,
    };
    match value {
        Some(value) => drop(store.set(var.id, value, limit)),
        None => store.unset(var.id),
    }
}

fn set_var(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let var = parse_var(&text(args, 0), ctx.vars).map_err(ArgError::new)?;
    let mut conditions = Vec::new();
    for at in 1..args.len() {
        let word = text(args, at);
        let known = Condition::NAMES
            .iter()
            .find(|(name, _)| name.as_bytes() == &*word);
        let Some((_, condition)) = known else {
            let word = String::from_utf8_lossy(&word);
            return Err(ArgError::new(format!("unknown condition \"{word}\"")));
        };
        conditions.push(*condition);
    }
    build(move |view, value| {
        let holds =
            |condition: &Condition| condition.holds(var.scope, Source::Var(var).value(view), value);
        if !conditions.iter().all(holds) {
            return None;
        }
        assign(view, var, Some(OwnedValue::of(value)));
        Some(value)
    })
}

fn unset_var(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let var = parse_var(&text(args, 0), ctx.vars).map_err(ArgError::new)?;
    build(move |view, value| {
        assign(view, var, None);
        Some(value)
    })
}

/// What `when` asks.
enum When {
    Acl(Arc<Acl>),
    Error,
    Forwarded,
    Processed,
    Stopping,
    ToService,
}

impl When {
    fn holds(&self, view: &View<'_>) -> bool {
        let target = view.stream.map_or(Target::None, |stream| stream.target);
        match self {
            Self::Acl(acl) => acl.eval(view) == Truth::True,
            Self::Error => view.stream.is_some_and(|stream| {
                stream.redispatched
                    || !matches!(stream.term.cause, b'-' | b'D' | b'L')
                    || stream.status >= 500
            }),
            Self::Forwarded => matches!(target, Target::Server(_)),
            Self::Processed => target != Target::None,
            Self::Stopping => view.world.process(ProcessFact::Stopping) != 0,
            Self::ToService => matches!(target, Target::Service(_)),
        }
    }
}

fn when(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let word = text(args, 0);
    let (mut is_negated, name) = match word.strip_prefix(b"!") {
        Some(name) => (true, name),
        None => (false, &*word),
    };
    let when = match name {
        b"acl" => {
            let name = text(args, 1);
            let nowhere = Span::line(FileId(0), 0);
            let table = ctx.acls;
            let acl = table
                .find_or_make(Word::new(&name, nowhere), ctx)
                .map_err(|_| {
                    ArgError::new(format!(
                        "ACL '{}' not found",
                        String::from_utf8_lossy(&name)
                    ))
                })?;
            When::Acl(acl)
        }
        b"error" => When::Error,
        b"normal" => {
            is_negated = !is_negated;
            When::Error
        }
        b"forwarded" => When::Forwarded,
        b"processed" => When::Processed,
        b"stopping" => When::Stopping,
        b"toapplet" => When::ToService,
        _ => {
            return Err(ArgError::new(
                "expects one of 'acl', 'error', 'forwarded', 'normal', 'processed', \
                 'stopping', 'toapplet'",
            ));
        }
    };
    build(move |view, value| (when.holds(view) != is_negated).then_some(value))
}
