//! `set-var`, `set-var-fmt`, `unset-var` (haproxy 3.4 configuration 2.8, 4.3).
//!
//! The stores are in the crate's `var`.

use lbd_core::{Diag, Type, Value};

use super::{ActionSpec, Built, Form, Rule, Rulesets, edit};
use crate::expr::Expr;
use crate::logformat::{Flags, LogFormat};
use crate::program::{Ctx, Verdict};
use crate::registry::Example;
use crate::var::{OwnedValue, Scope, Var};

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "set-var",
        form: Form::Prefix,
        rulesets: Rulesets::ALL,
        is_listed: true,
        doc: "Sets a variable to a sample, under conditions such as 'ifnotexists' when given \
              (manual 4.3).",
        examples: &[
            Example::Ok("set-var(sess.a) int(3)"),
            Example::Ok("set-var(sess.a,ifnotexists) int(3)"),
            Example::Fail("set-var(a.b) int(3)", "invalid variable name"),
            Example::Fail(
                "set-var(sess.a,ifodd) int(3)",
                "unknown condition \"ifodd\"",
            ),
            Example::Fail("set-var(sess.a int(3)", "incomplete argument after action"),
        ],
        build: |rule| set(rule, false),
    },
    ActionSpec {
        name: "set-var-fmt",
        form: Form::Prefix,
        rulesets: Rulesets::ALL,
        is_listed: true,
        doc: "Sets a variable to a rendered text (manual 4.3).",
        examples: &[Example::Ok("set-var-fmt(sess.a) %[int(3)]-b")],
        build: |rule| set(rule, true),
    },
    ActionSpec {
        name: "unset-var",
        form: Form::Prefix,
        rulesets: Rulesets::ALL,
        is_listed: true,
        doc: "Removes a variable (manual 4.3).",
        examples: &[
            Example::Ok("unset-var(sess.a)"),
            Example::Fail(
                "unset-var(sess.a,ifset)",
                "unset-var does not expect parameters",
            ),
        ],
        build: |rule| {
            let (var, _) = variable(rule, false)?;
            Ok(Built::new(move |ctx, _| {
                match var.scope {
                    Scope::Proc => {
                        ctx.world.set_proc_var(var.id, None);
                    }
                    scope => {
                        if let Some(store) = ctx.vars.store(scope) {
                            store.unset(var.id);
                        }
                    }
                }
                Verdict::Continue
            }))
        },
    },
];

/// A condition under which a variable is set (manual `set-var`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Empty,
    Exists,
    Greater,
    Less,
    NotEmpty,
    NotExists,
    NotSet,
    Set,
}

impl When {
    pub(crate) const NAMES: &'static [(&'static str, Self)] = &[
        ("ifexists", Self::Exists),
        ("ifnotexists", Self::NotExists),
        ("ifempty", Self::Empty),
        ("ifnotempty", Self::NotEmpty),
        ("ifset", Self::Set),
        ("ifnotset", Self::NotSet),
        ("ifgt", Self::Greater),
        ("iflt", Self::Less),
    ];

    /// Whether it lets `new` replace `old`.
    ///
    /// Variables of the process exist from the start, as the configuration names them, though
    /// they have no value until they are set.
    pub(crate) fn holds(self, scope: Scope, old: Option<Value<'_>>, new: Value<'_>) -> bool {
        match self {
            Self::Exists => scope == Scope::Proc || old.is_some(),
            Self::NotExists => scope != Scope::Proc && old.is_none(),
            Self::Set => old.is_some(),
            Self::NotSet => old.is_none(),
            Self::Empty => is_empty(new),
            Self::NotEmpty => !is_empty(new),
            // Numbers only; anything else is not compared and set.
            Self::Greater => compare(old, new).is_none_or(|(old, new)| old > new),
            Self::Less => compare(old, new).is_none_or(|(old, new)| old < new),
        }
    }
}

fn is_empty(value: Value<'_>) -> bool {
    matches!(value, Value::Str(text) | Value::Bin(text) if text.is_empty())
}

fn compare(old: Option<Value<'_>>, new: Value<'_>) -> Option<(i64, i64)> {
    match (old, new) {
        (Some(Value::Int(old)), Value::Int(new)) => Some((old, new)),
        _ => None,
    }
}

/// Reads `set-var(name[,cond…])`.
fn variable(rule: &mut Rule<'_, '_>, may_have: bool) -> Result<(Var, Vec<When>), Diag> {
    const EXPECTS: &str = "Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or \
                           'unset-var(<var-name>)'";
    let word = rule.name;
    let fault = |message: String| Diag::alert(word.span, message);
    let Some(open) = word.text.iter().position(|byte| *byte == b'(') else {
        let message = format!("invalid or incomplete action '{}'. {EXPECTS}", word.lossy());
        return Err(fault(message));
    };
    let Some(inner) = word.text[open + 1..].strip_suffix(b")") else {
        let message = format!(
            "incomplete argument after action '{}'. {EXPECTS}",
            word.lossy()
        );
        return Err(fault(message));
    };
    let mut parts = inner.split(|byte| *byte == b',');
    let name = parts.next().unwrap_or_default();
    let mut conditions = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        if !may_have {
            return Err(fault(
                "unset-var does not expect parameters after the variable name. Only \"set-var\" \
                 and \"set-var-fmt\" manage conditions"
                    .to_owned(),
            ));
        }
        let known = When::NAMES
            .iter()
            .find(|(known, _)| known.as_bytes() == part);
        let Some((_, when)) = known else {
            let part = String::from_utf8_lossy(part);
            return Err(fault(format!("unknown condition \"{part}\"")));
        };
        conditions.push(*when);
    }
    if name.is_empty() {
        return Err(fault("Empty variable name cannot be accepted".to_owned()));
    }
    let var = crate::arg::parse_var(name, rule.ctx.vars).map_err(fault)?;
    Ok((var, conditions))
}

enum Source {
    Expr(Expr),
    Format(LogFormat),
}

fn set(rule: &mut Rule<'_, '_>, is_format: bool) -> Result<Built, Diag> {
    let (var, conditions) = variable(rule, true)?;
    if rule.args.is_over() {
        let what = if is_format {
            "a format string"
        } else {
            "a sample expression"
        };
        return Err(rule
            .args
            .fault(format!("'{}' expects {what}", rule.name.lossy())));
    }
    let source = if is_format {
        let word = rule.args.value("missing format string")?;
        Source::Format(LogFormat::parse(
            word.text,
            word.span,
            Flags::NONE,
            rule.ctx,
        )?)
    } else {
        Source::Expr(rule.args.expr(rule.ctx)?)
    };
    Ok(Built::new(move |ctx, _| {
        let value = match &source {
            Source::Expr(expr) => edit::value(expr, Type::Any, ctx),
            Source::Format(format) => Some(Value::Str(edit::text(format, ctx))),
        };
        if let Some(value) = value {
            store(ctx, var, &conditions, value);
        }
        Verdict::Continue
    }))
}

/// What does not fit the limits is not stored, as in the reference.
fn store(ctx: &Ctx<'_>, var: Var, conditions: &[When], value: Value<'_>) {
    let old = match var.scope {
        _ if conditions.is_empty() => None,
        Scope::Proc => ctx.world.proc_var(var.id, ctx.arena),
        scope => ctx
            .vars
            .store(scope)
            .and_then(|store| store.get(var.id, ctx.arena)),
    };
    if !conditions
        .iter()
        .all(|when| when.holds(var.scope, old, value))
    {
        return;
    }
    let [sess, txn, reqres] = ctx.world.var_limits();
    let limit = match var.scope {
        Scope::Proc => {
            ctx.world.set_proc_var(var.id, Some(OwnedValue::of(value)));
            return;
        }
        Scope::Sess => sess,
        Scope::Txn => txn,
        Scope::Req | Scope::Res => reqres,
        Scope::Check => 0,
    };
    if let Some(store) = ctx.vars.store(var.scope) {
        store.set(var.id, OwnedValue::of(value), limit);
    }
}
