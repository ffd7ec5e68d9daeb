//! Converters of numbers and booleans (manual 7.3.1).
//!
//! Dates stand in `date`.

use super::{Built, NO_ARGS, STR, Source, build, bytes, text};
use crate::arg::{Arg, ArgKind, ArgSpec};
use crate::cast;
use crate::registry::{BuildCtx, Converter, Example};
use lbd_core::bits;
use lbd_core::{Type, Value};

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "add",
        args: STR,
        from: Type::Int,
        to: Type::Int,
        doc: "Adds a number or variable, held at the bounds (manual 7.3.1).",
        examples: &[
            Example::Ok("int(1),add(2)"),
            Example::Ok("int(1),add(txn.x)"),
            Example::Fail("int(1),add(x)", "expects an integer or a variable name"),
        ],
        build: |ctx, args| binary(ctx, &args, i64::saturating_add),
    },
    Converter {
        name: "and",
        args: STR,
        from: Type::Int,
        to: Type::Int,
        doc: "Bitwise and (manual 7.3.1).",
        examples: &[Example::Ok("int(1),and(2)")],
        build: |ctx, args| binary(ctx, &args, |a, b| a & b),
    },
    Converter {
        name: "bool",
        args: NO_ARGS,
        from: Type::Int,
        to: Type::Bool,
        doc: "Whether the number is not zero (manual 7.3.1).",
        examples: &[Example::Ok("int(1),bool")],
        build: |_, _| build(|_, value| Some(Value::Bool(cast::to_int(value)? != 0))),
    },
    Converter {
        name: "cpl",
        args: NO_ARGS,
        from: Type::Int,
        to: Type::Int,
        doc: "Bitwise complement (manual 7.3.1).",
        examples: &[Example::Ok("int(1),cpl")],
        build: |_, _| build(|_, value| Some(Value::Int(!cast::to_int(value)?))),
    },
    Converter {
        name: "div",
        args: STR,
        from: Type::Int,
        to: Type::Int,
        doc: "Divides by a number or variable; by zero it is the largest number (manual 7.3.1).",
        examples: &[Example::Ok("int(1),div(2)")],
        build: |ctx, args| binary(ctx, &args, divide),
    },
    Converter {
        name: "even",
        args: NO_ARGS,
        from: Type::Int,
        to: Type::Bool,
        doc: "Whether the number is even (manual 7.3.1).",
        examples: &[Example::Ok("int(1),even")],
        build: |_, _| build(|_, value| Some(Value::Bool(cast::to_int(value)? & 1 == 0))),
    },
    Converter {
        name: "hex2i",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Int,
        doc: "The number that hexadecimal digits are (manual 7.3.1).",
        examples: &[Example::Ok("str(ff),hex2i")],
        build: |_, _| {
            bytes(|_, text| {
                // What does not fit into 64 bits falls out at the front.
                let number = text.iter().try_fold(0, |number: i64, byte| {
                    Some(number << 4 | i64::from(char::from(*byte).to_digit(16)?))
                });
                number.map(Value::Int)
            })
        },
    },
    Converter {
        name: "htonl",
        args: NO_ARGS,
        from: Type::Int,
        to: Type::Bin,
        doc: "The low 32 bits as four bytes in network order (manual 7.3.1).",
        examples: &[Example::Ok("int(1),htonl")],
        build: |_, _| {
            build(|view, value| {
                Some(Value::Bin(view.keep(
                    &bits::low32(cast::to_int(value)?.cast_unsigned()).to_be_bytes(),
                )))
            })
        },
    },
    Converter {
        name: "iif",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::required(ArgKind::Str),
        ],
        from: Type::Bool,
        to: Type::Str,
        doc: "One of two strings (manual 7.3.1).",
        examples: &[Example::Ok("bool(1),iif(yes,no)")],
        build: |_, args| {
            let (yes, no) = (text(&args, 0), text(&args, 1));
            build(move |view, value| {
                let holds = cast::to_int(value)? != 0;
                Some(Value::Str(view.keep(if holds { &yes } else { &no })))
            })
        },
    },
    Converter {
        name: "mod",
        args: STR,
        from: Type::Int,
        to: Type::Int,
        doc: "Remainder of a division; by zero it is zero (manual 7.3.1).",
        examples: &[Example::Ok("int(1),mod(2)")],
        build: |ctx, args| binary(ctx, &args, remainder),
    },
    Converter {
        name: "mul",
        args: STR,
        from: Type::Int,
        to: Type::Int,
        doc: "Multiplies by a number or variable, held at the bounds (manual 7.3.1).",
        examples: &[Example::Ok("int(1),mul(2)")],
        build: |ctx, args| binary(ctx, &args, i64::saturating_mul),
    },
    Converter {
        name: "neg",
        args: NO_ARGS,
        from: Type::Int,
        to: Type::Int,
        doc: "The opposite number (manual 7.3.1).",
        examples: &[Example::Ok("int(1),neg")],
        build: |_, _| build(|_, value| Some(Value::Int(cast::to_int(value)?.saturating_neg()))),
    },
    Converter {
        name: "not",
        args: NO_ARGS,
        from: Type::Int,
        to: Type::Bool,
        doc: "Whether the number is zero (manual 7.3.1).",
        examples: &[Example::Ok("int(1),not")],
        build: |_, _| build(|_, value| Some(Value::Bool(cast::to_int(value)? == 0))),
    },
    Converter {
        name: "odd",
        args: NO_ARGS,
        from: Type::Int,
        to: Type::Bool,
        doc: "Whether the number is odd (manual 7.3.1).",
        examples: &[Example::Ok("int(1),odd")],
        build: |_, _| build(|_, value| Some(Value::Bool(cast::to_int(value)? & 1 != 0))),
    },
    Converter {
        name: "or",
        args: STR,
        from: Type::Int,
        to: Type::Int,
        doc: "Bitwise or (manual 7.3.1).",
        examples: &[Example::Ok("int(1),or(2)")],
        build: |ctx, args| binary(ctx, &args, |a, b| a | b),
    },
    Converter {
        name: "sub",
        args: STR,
        from: Type::Int,
        to: Type::Int,
        doc: "Takes a number or variable away, held at the bounds (manual 7.3.1).",
        examples: &[Example::Ok("int(1),sub(2)")],
        build: |ctx, args| binary(ctx, &args, i64::saturating_sub),
    },
    Converter {
        name: "xor",
        args: STR,
        from: Type::Int,
        to: Type::Int,
        doc: "Bitwise exclusive or (manual 7.3.1).",
        examples: &[Example::Ok("int(1),xor(2)")],
        build: |ctx, args| binary(ctx, &args, |a, b| a ^ b),
    },
];

fn divide(a: i64, b: i64) -> i64 {
    if b == 0 {
        i64::MAX
    } else {
        a.saturating_div(b)
    }
}

fn remainder(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_rem(b) }
}

fn binary(ctx: &mut BuildCtx<'_>, args: &[Arg], apply: fn(i64, i64) -> i64) -> Built {
    let other = Source::parse(ctx, &text(args, 0))?;
    build(move |view, value| Some(Value::Int(apply(cast::to_int(value)?, other.int(view)?))))
}
