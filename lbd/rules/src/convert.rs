//! Converters (haproxy 3.4 configuration 7.3.1), one family in a file.
//!
//! Casting to a converter's input type is done before it is called.

pub mod aes;
pub mod date;
pub mod encode;
pub mod fix;
pub mod forwarded;
pub mod hash;
pub mod json;
pub mod jwt;
pub mod lookup;
pub mod map;
pub mod mqtt;
pub mod net;
pub mod number;
pub mod protobuf;
pub mod string;
pub mod table;
pub mod var;

use lbd_core::Value;

use crate::arg::{Arg, ArgError, ArgKind, ArgSpec, parse_var};
use crate::cast;
use crate::registry::{BuildCtx, Convert, Converter};
use crate::var::{Scope, Var};
use crate::view::View;

/// All families.
pub const FAMILIES: &[&[Converter]] = &[
    aes::CONVERTERS,
    date::CONVERTERS,
    encode::CONVERTERS,
    fix::CONVERTERS,
    forwarded::CONVERTERS,
    hash::CONVERTERS,
    json::CONVERTERS,
    jwt::CONVERTERS,
    lookup::CONVERTERS,
    map::CONVERTERS,
    mqtt::CONVERTERS,
    net::CONVERTERS,
    number::CONVERTERS,
    protobuf::CONVERTERS,
    string::CONVERTERS,
    table::CONVERTERS,
    var::CONVERTERS,
];

/// Bytes that a converter may make; a longer result is dropped as the reference drops what does
/// not fit its buffer.
pub const LIMIT: usize = 65_536;

const NO_ARGS: &[ArgSpec] = &[];
const STR: &[ArgSpec] = &[ArgSpec::required(ArgKind::Str)];
const OPT_INT: &[ArgSpec] = &[ArgSpec::optional(ArgKind::Int)];

type Built = Result<Convert, ArgError>;

fn build(
    of: impl for<'a> Fn(&View<'a>, Value<'a>) -> Option<Value<'a>> + Send + Sync + 'static,
) -> Built {
    Ok(Box::new(of))
}

/// A converter of strings or binary data.
fn bytes(
    of: impl for<'a> Fn(&View<'a>, &'a [u8]) -> Option<Value<'a>> + Send + Sync + 'static,
) -> Built {
    Ok(Box::new(move |view, value| match value {
        Value::Str(text) | Value::Bin(text) | Value::Method(text) => of(view, text),
        Value::Bool(_) | Value::Int(_) | Value::Ipv4(_) | Value::Ipv6(_) => None,
    }))
}

fn text(args: &[Arg], at: usize) -> Box<[u8]> {
    match args.get(at) {
        Some(Arg::Str(text)) => text.clone(),
        _ => Box::default(),
    }
}

fn number(args: &[Arg], at: usize) -> Option<i64> {
    match args.get(at) {
        Some(Arg::Int(number)) => Some(*number),
        _ => None,
    }
}

/// Bytes collected in the arena.
fn kept<'a>(view: &View<'a>, bytes: impl Iterator<Item = u8>) -> &'a [u8] {
    bumpalo::collections::Vec::from_iter_in(bytes, view.arena).into_bump_slice()
}

/// An argument that is a value or the name of a variable.
enum Source {
    Int(i64),
    Bytes(Box<[u8]>),
    Var(Var),
}

impl Source {
    /// A number or a variable.
    fn parse(ctx: &mut BuildCtx<'_>, word: &[u8]) -> Result<Self, ArgError> {
        if let Some(number) = cast::whole_int(word) {
            return Ok(Self::Int(number));
        }
        parse_var(word, ctx.vars)
            .map(Self::Var)
            .map_err(|_| ArgError::new("expects an integer or a variable name"))
    }

    fn value<'a>(&self, view: &View<'a>) -> Option<Value<'a>> {
        match self {
            Self::Int(number) => Some(Value::Int(*number)),
            Self::Bytes(bytes) => Some(Value::Str(view.keep(bytes))),
            Self::Var(var) if var.scope == Scope::Proc => view.world.proc_var(var.id, view.arena),
            Self::Var(var) => view.vars.store(var.scope)?.get(var.id, view.arena),
        }
    }

    fn int(&self, view: &View<'_>) -> Option<i64> {
        cast::to_int(self.value(view)?)
    }

    fn bytes<'a>(&self, view: &View<'a>) -> Option<&'a [u8]> {
        cast::to_str(self.value(view)?, view.arena)
    }
}
