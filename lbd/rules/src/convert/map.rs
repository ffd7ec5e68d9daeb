//! Converters that look a value up in a map (manual 7.3.1).
//!
//! How maps are loaded, indexed and edited is the work of `pattern`.

use super::{Built, LIMIT, STR, build, text};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::cast;
use crate::pattern::load::set_from_file;
use crate::pattern::{MapValue, MatchKind, MatchOptions, Matcher, Usage, ValueKind};
use crate::regex::expand;
use crate::registry::{BuildCtx, Converter, Example};
use crate::var::OwnedValue;
use crate::view::View;
use lbd_core::{Type, Value};
use std::net::IpAddr;

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "map",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "The value of the equal key of a map (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a),map(virt@map)"),
            Example::Ok("str(a),map(virt@map,none)"),
            Example::Fail(
                "str(a),map(/no/such/file)",
                "failed to open pattern file </no/such/file>",
            ),
        ],
        build: |ctx, args| map(ctx, &args, MatchKind::Str, Output::Str),
    },
    Converter {
        name: "map_beg",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "The value of the key of a map that matches by beg (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_beg(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Beg, Output::Str),
    },
    Converter {
        name: "map_beg_int",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Str,
        to: Type::Int,
        doc: "The integer of the key of a map that matches by beg (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_beg_int(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Beg, Output::Int),
    },
    Converter {
        name: "map_beg_ip",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Addr,
        doc: "The address of the key of a map that matches by beg (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_beg_ip(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Beg, Output::Ip),
    },
    Converter {
        name: "map_beg_key",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "The key of the key of a map that matches by beg (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_beg_key(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Beg, Output::Key),
    },
    Converter {
        name: "map_dir",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "The value of the key of a map that matches by dir (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_dir(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Dir, Output::Str),
    },
    Converter {
        name: "map_dir_int",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Str,
        to: Type::Int,
        doc: "The integer of the key of a map that matches by dir (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_dir_int(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Dir, Output::Int),
    },
    Converter {
        name: "map_dir_ip",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Addr,
        doc: "The address of the key of a map that matches by dir (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_dir_ip(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Dir, Output::Ip),
    },
    Converter {
        name: "map_dir_key",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "The key of the key of a map that matches by dir (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_dir_key(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Dir, Output::Key),
    },
    Converter {
        name: "map_dom",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "The value of the key of a map that matches by dom (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_dom(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Dom, Output::Str),
    },
    Converter {
        name: "map_dom_int",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Str,
        to: Type::Int,
        doc: "The integer of the key of a map that matches by dom (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_dom_int(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Dom, Output::Int),
    },
    Converter {
        name: "map_dom_ip",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Addr,
        doc: "The address of the key of a map that matches by dom (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_dom_ip(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Dom, Output::Ip),
    },
    Converter {
        name: "map_dom_key",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "The key of the key of a map that matches by dom (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_dom_key(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Dom, Output::Key),
    },
    Converter {
        name: "map_end",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "The value of the key of a map that matches by end (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_end(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::End, Output::Str),
    },
    Converter {
        name: "map_end_int",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Str,
        to: Type::Int,
        doc: "The integer of the key of a map that matches by end (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_end_int(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::End, Output::Int),
    },
    Converter {
        name: "map_end_ip",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Addr,
        doc: "The address of the key of a map that matches by end (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_end_ip(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::End, Output::Ip),
    },
    Converter {
        name: "map_end_key",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "The key of the key of a map that matches by end (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_end_key(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::End, Output::Key),
    },
    Converter {
        name: "map_int",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Int,
        to: Type::Str,
        doc: "The value of the key of a map that matches by int (manual 7.3.1).",
        examples: &[Example::Ok("int(1),map_int(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Int, Output::Str),
    },
    Converter {
        name: "map_int_int",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Int,
        to: Type::Int,
        doc: "The integer of the key of a map that matches by int (manual 7.3.1).",
        examples: &[Example::Ok("int(1),map_int_int(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Int, Output::Int),
    },
    Converter {
        name: "map_int_ip",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Int,
        to: Type::Addr,
        doc: "The address of the key of a map that matches by int (manual 7.3.1).",
        examples: &[Example::Ok("int(1),map_int_ip(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Int, Output::Ip),
    },
    Converter {
        name: "map_int_key",
        args: STR,
        from: Type::Int,
        to: Type::Str,
        doc: "The key of the key of a map that matches by int (manual 7.3.1).",
        examples: &[Example::Ok("int(1),map_int_key(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Int, Output::Key),
    },
    Converter {
        name: "map_ip",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Addr,
        to: Type::Str,
        doc: "The value of the key of a map that matches by ip (manual 7.3.1).",
        examples: &[Example::Ok("ipv4(192.0.2.1),map_ip(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Ip, Output::Str),
    },
    Converter {
        name: "map_ip_int",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Addr,
        to: Type::Int,
        doc: "The integer of the key of a map that matches by ip (manual 7.3.1).",
        examples: &[Example::Ok("ipv4(192.0.2.1),map_ip_int(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Ip, Output::Int),
    },
    Converter {
        name: "map_ip_ip",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Addr,
        to: Type::Addr,
        doc: "The address of the key of a map that matches by ip (manual 7.3.1).",
        examples: &[Example::Ok("ipv4(192.0.2.1),map_ip_ip(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Ip, Output::Ip),
    },
    Converter {
        name: "map_ip_key",
        args: STR,
        from: Type::Addr,
        to: Type::Str,
        doc: "The key of the key of a map that matches by ip (manual 7.3.1).",
        examples: &[Example::Ok("ipv4(192.0.2.1),map_ip_key(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Ip, Output::Key),
    },
    Converter {
        name: "map_reg",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "The value of the key of a map that matches by reg (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_reg(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Reg, Output::Str),
    },
    Converter {
        name: "map_reg_int",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Str,
        to: Type::Int,
        doc: "The integer of the key of a map that matches by reg (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_reg_int(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Reg, Output::Int),
    },
    Converter {
        name: "map_reg_ip",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Addr,
        doc: "The address of the key of a map that matches by reg (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_reg_ip(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Reg, Output::Ip),
    },
    Converter {
        name: "map_reg_key",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "The key of the key of a map that matches by reg (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_reg_key(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Reg, Output::Key),
    },
    Converter {
        name: "map_regm",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "The value of the matching expression of a map, its groups put in (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_regm(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Reg, Output::Groups),
    },
    Converter {
        name: "map_str",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "The value of the key of a map that matches by str (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_str(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Str, Output::Str),
    },
    Converter {
        name: "map_str_int",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Str,
        to: Type::Int,
        doc: "The integer of the key of a map that matches by str (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_str_int(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Str, Output::Int),
    },
    Converter {
        name: "map_str_ip",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Addr,
        doc: "The address of the key of a map that matches by str (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_str_ip(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Str, Output::Ip),
    },
    Converter {
        name: "map_str_key",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "The key of the key of a map that matches by str (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_str_key(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Str, Output::Key),
    },
    Converter {
        name: "map_sub",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "The value of the key of a map that matches by sub (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_sub(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Sub, Output::Str),
    },
    Converter {
        name: "map_sub_int",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Str,
        to: Type::Int,
        doc: "The integer of the key of a map that matches by sub (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_sub_int(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Sub, Output::Int),
    },
    Converter {
        name: "map_sub_ip",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Addr,
        doc: "The address of the key of a map that matches by sub (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_sub_ip(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Sub, Output::Ip),
    },
    Converter {
        name: "map_sub_key",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "The key of the key of a map that matches by sub (manual 7.3.1).",
        examples: &[Example::Ok("str(a),map_sub_key(virt@map)")],
        build: |ctx, args| map(ctx, &args, MatchKind::Sub, Output::Key),
    },
];

/// What a look-up gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    /// The value, as a string with `\\1` replaced by what the first group matched.
    Groups,
    Int,
    Ip,
    Key,
    Str,
}

impl Output {
    fn kind(self) -> ValueKind {
        match self {
            Self::Groups | Self::Key | Self::Str => ValueKind::Str,
            Self::Int => ValueKind::Int,
            Self::Ip => ValueKind::Ip,
        }
    }
}

fn map(ctx: &mut BuildCtx<'_>, args: &[Arg], kind: MatchKind, output: Output) -> Built {
    let name = text(args, 0);
    let reference = String::from_utf8_lossy(&name);
    let default = match args.get(1) {
        None => None,
        Some(Arg::Int(number)) => Some(OwnedValue::Int(*number)),
        Some(_) => Some(default_of(output, text(args, 1))?),
    };
    let usage = Usage {
        what: "map".to_owned(),
        span: None,
    };
    let set = set_from_file(ctx.patterns, ctx.names, &reference, true, None, usage)
        .map_err(ArgError::new)?;
    let matcher = Matcher::new(&set, kind, MatchOptions::default(), Some(output.kind()))
        .map_err(|why| ArgError::new(format!("{why} in map file <{reference}>")))?;
    build(move |view, value| {
        let found = match output {
            Output::Groups => expanded(&matcher, view, value),
            Output::Key => matcher
                .find(value, view.arena, |hit| hit.entry)
                .and_then(|entry| set.entry(entry))
                .map(|entry| Value::Str(view.keep(&entry.key))),
            Output::Int | Output::Ip | Output::Str => matcher.map(value, view.arena),
        };
        found.or_else(|| Some(default.as_ref()?.copy_to(view.arena)))
    })
}

fn default_of(output: Output, word: Box<[u8]>) -> Result<OwnedValue, ArgError> {
    if output != Output::Ip {
        return Ok(OwnedValue::Str(word));
    }
    match cast::parse_addr(&word) {
        Some(IpAddr::V4(v4)) => Ok(OwnedValue::Ipv4(v4)),
        Some(IpAddr::V6(v6)) => Ok(OwnedValue::Ipv6(v6)),
        None => Err(ArgError::new(format!(
            "'{}' is not a valid address",
            String::from_utf8_lossy(&word)
        ))),
    }
}

fn expanded<'a>(matcher: &Matcher, view: &View<'a>, value: Value<'a>) -> Option<Value<'a>> {
    let text = cast::to_str(value, view.arena)?;
    matcher.find(value, view.arena, |hit| {
        let (Some(MapValue::Str(with)), Some(regex)) = (hit.value, hit.regex) else {
            return None;
        };
        let groups = regex.find_at(text, 0)?;
        let mut out = bumpalo::collections::Vec::new_in(view.arena);
        expand(with, text, &groups, &mut out);
        (out.len() <= LIMIT).then(|| Value::Str(out.into_bump_slice()))
    })?
}
