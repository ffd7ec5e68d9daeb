//! Fetches whose value stands in the configuration (manual 7.3.2), and variables.
//!
//! Nothing here looks at traffic.

use lbd_core::Type;

use super::{EVERYWHERE, NO_ARGS, STR, boolean, eval, one, text};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec, parse_var};
use crate::cast;
use crate::registry::{Example, Fetch, Outcome};
use crate::var::{OwnedValue, Scope};

const IPV4: &[ArgSpec] = &[ArgSpec::required(ArgKind::Ipv4)];
const IPV6: &[ArgSpec] = &[ArgSpec::required(ArgKind::Ipv6)];
const INT: &[ArgSpec] = &[ArgSpec::required(ArgKind::Int)];
const VAR: &[ArgSpec] = &[
    ArgSpec::required(ArgKind::Str),
    ArgSpec::optional(ArgKind::Str),
];

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "always_false",
        args: NO_ARGS,
        out: Type::Bool,
        valid: EVERYWHERE,
        doc: "Always false (manual 7.3.2).",
        examples: &[Example::Ok("always_false")],
        build: |_, _| boolean(|_| Some(false)),
    },
    Fetch {
        name: "always_true",
        args: NO_ARGS,
        out: Type::Bool,
        valid: EVERYWHERE,
        doc: "Always true (manual 7.3.2).",
        examples: &[Example::Ok("always_true")],
        build: |_, _| boolean(|_| Some(true)),
    },
    Fetch {
        name: "bin",
        args: STR,
        out: Type::Bin,
        valid: EVERYWHERE,
        doc: "The bytes that the hexadecimal argument names (manual 7.3.2).",
        examples: &[
            Example::Ok("bin(48656c6c6f)"),
            Example::Fail("bin(4)", "invalid args in fetch method 'bin'"),
        ],
        build: |_, args| {
            let hex = text(&args, 0);
            let bytes = from_hex(&hex)
                .ok_or_else(|| ArgError::new("an even number of hexadecimal digits is expected"))?;
            constant(OwnedValue::Bin(bytes))
        },
    },
    Fetch {
        name: "bool",
        args: STR,
        out: Type::Bool,
        valid: EVERYWHERE,
        doc: "The boolean given: true, false or a number (manual 7.3.2).",
        examples: &[
            Example::Ok("bool(true)"),
            Example::Ok("bool(0)"),
            Example::Fail("bool(x)", "invalid args in fetch method 'bool'"),
        ],
        build: |_, args| {
            let word = text(&args, 0);
            let value = match word.to_ascii_lowercase().as_slice() {
                b"true" => true,
                b"false" => false,
                word => cast::whole_int(word)
                    .ok_or_else(|| ArgError::new("invalid boolean value"))?
                    .ne(&0),
            };
            constant(OwnedValue::Bool(value))
        },
    },
    Fetch {
        name: "env",
        args: STR,
        out: Type::Str,
        valid: EVERYWHERE,
        doc: "A variable of the environment as it was at start (manual 7.3.2).",
        examples: &[Example::Ok("env(HOSTNAME)")],
        build: |ctx, args| {
            let name = text(&args, 0);
            match ctx.names.env(&String::from_utf8_lossy(&name)) {
                Some(value) => constant(OwnedValue::Str(value.into_bytes().into())),
                None => eval(|_, _| Outcome::Absent),
            }
        },
    },
    Fetch {
        name: "int",
        args: INT,
        out: Type::Int,
        valid: EVERYWHERE,
        doc: "The integer given (manual 7.3.2).",
        examples: &[
            Example::Ok("int(-5)"),
            Example::Fail("int(x)", "as type 'integer'"),
        ],
        build: |_, args| match args.first() {
            Some(Arg::Int(value)) => constant(OwnedValue::Int(*value)),
            _ => Err(ArgError::new("an integer is expected")),
        },
    },
    Fetch {
        name: "ipv4",
        args: IPV4,
        out: Type::Ipv4,
        valid: EVERYWHERE,
        doc: "The IPv4 address given (manual 7.3.2).",
        examples: &[
            Example::Ok("ipv4(192.0.2.1)"),
            Example::Fail("ipv4(x)", "'IPv4 address'"),
        ],
        build: |_, args| match args.first() {
            Some(Arg::Ipv4(value)) => constant(OwnedValue::Ipv4(*value)),
            _ => Err(ArgError::new("an IPv4 address is expected")),
        },
    },
    Fetch {
        name: "ipv6",
        args: IPV6,
        out: Type::Ipv6,
        valid: EVERYWHERE,
        doc: "The IPv6 address given (manual 7.3.2).",
        examples: &[Example::Ok("ipv6(2001:db8::1)")],
        build: |_, args| match args.first() {
            Some(Arg::Ipv6(value)) => constant(OwnedValue::Ipv6(*value)),
            _ => Err(ArgError::new("an IPv6 address is expected")),
        },
    },
    Fetch {
        name: "meth",
        args: STR,
        out: Type::Method,
        valid: EVERYWHERE,
        doc: "The method given (manual 7.3.2).",
        examples: &[Example::Ok("meth(GET)")],
        build: |_, args| constant(OwnedValue::Method(text(&args, 0))),
    },
    Fetch {
        name: "str",
        args: STR,
        out: Type::Str,
        valid: EVERYWHERE,
        doc: "The string given (manual 7.3.2).",
        examples: &[Example::Ok("str(x)"), Example::Ok("str(\"a,b\")")],
        build: |_, args| constant(OwnedValue::Str(text(&args, 0))),
    },
    Fetch {
        name: "var",
        args: VAR,
        out: Type::Any,
        valid: EVERYWHERE,
        doc: "A variable, or the second argument where it is not set (manual 2.8).",
        examples: &[
            Example::Ok("var(txn.x)"),
            Example::Ok("var(proc.x,none)"),
            Example::Fail("var(x)", "A variable name must start with its scope"),
        ],
        build: |ctx, args| {
            let var = parse_var(&text(&args, 0), ctx.vars).map_err(ArgError::new)?;
            let default = args.get(1).map(|_| OwnedValue::Str(text(&args, 1)));
            one(move |view| {
                let found = match var.scope {
                    Scope::Proc => view.world.proc_var(var.id, view.arena),
                    scope => view.vars.store(scope)?.get(var.id, view.arena),
                };
                found.or_else(|| Some(default.as_ref()?.copy_to(view.arena)))
            })
        },
    },
];

fn constant(value: OwnedValue) -> super::Built {
    // Values without bytes are given as they are; others are copied for the evaluation's life.
    one(move |view| Some(value.copy_to(view.arena)))
}

/// Bytes from hexadecimal digits, two for each.
pub(crate) fn from_hex(digits: &[u8]) -> Option<Box<[u8]>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    digits
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}
