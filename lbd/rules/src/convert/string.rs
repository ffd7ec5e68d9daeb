//! Converters of strings (manual 7.3.1).
//!
//! Encodings stand in `encode`, hashes in `hash`.

use super::{Built, LIMIT, NO_ARGS, STR, Source, bytes, number, text};
use crate::arg::parse_var;
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::regex::Regex;
use crate::registry::{BuildCtx, Converter, Example};
use crate::view::View;
use lbd_core::{Type, Value};

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "add_item",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "Followed by a delimiter unless empty, a variable and a suffix (manual 7.3.1).",
        examples: &[Example::Ok("str(a),add_item(;,txn.x)")],
        build: |ctx, args| add_item(ctx, &args),
    },
    Converter {
        name: "concat",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "Followed by a string, a variable and a string (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a),concat(-,txn.x,+)"),
            Example::Ok("str(a),concat(b)"),
        ],
        build: |ctx, args| concat(ctx, &args),
    },
    Converter {
        name: "cut_crlf",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Str,
        doc: "Up to the first line end (manual 7.3.1).",
        examples: &[Example::Ok("str(a),cut_crlf")],
        build: |_, _| {
            bytes(|_, text| {
                let end = text
                    .iter()
                    .position(|b| matches!(b, b'\r' | b'\n'))
                    .unwrap_or(text.len());
                Some(Value::Str(&text[..end]))
            })
        },
    },
    Converter {
        name: "field",
        args: &[
            ArgSpec::required(ArgKind::Int),
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "A field by its number between delimiters, empty ones counted (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a_b),field(2,_)"),
            Example::Ok("str(a_b),field(-1,_,0)"),
            Example::Fail("str(a),field(0,_)", "Unexpected value 0 for index"),
            Example::Fail("str(a),field(1)", "missing arguments"),
        ],
        build: |_, args| {
            let parts = Parts::parse(&args)?;
            bytes(move |_, text| parts.field(text).map(Value::Str))
        },
    },
    Converter {
        name: "language",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "The best of some languages by an Accept-Language value (manual 7.3.1).",
        examples: &[Example::Ok("req.fhdr(accept-language),language(en;fr,en)")],
        build: |_, args| language(&args),
    },
    Converter {
        name: "length",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Int,
        doc: "Length in bytes (manual 7.3.1).",
        examples: &[Example::Ok("str(abc),length")],
        build: |_, _| bytes(|_, text| Some(Value::Int(text.len() as i64))),
    },
    Converter {
        name: "lower",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Str,
        doc: "Letters in lower case (manual 7.3.1).",
        examples: &[Example::Ok("str(Abc),lower")],
        build: |_, _| {
            bytes(|view, text| {
                let out = view.arena.alloc_slice_copy(text);
                out.make_ascii_lowercase();
                Some(Value::Str(out))
            })
        },
    },
    Converter {
        name: "ltrim",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "Without leading characters of a set (manual 7.3.1).",
        examples: &[Example::Ok("str(xxa),ltrim(x)")],
        build: |_, args| {
            let set = text(&args, 0);
            bytes(move |_, text| {
                let start = text
                    .iter()
                    .position(|b| !set.contains(b))
                    .unwrap_or(text.len());
                Some(Value::Str(&text[start..]))
            })
        },
    },
    Converter {
        name: "param",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "A parameter of a query string by name (manual 7.3.1).",
        examples: &[
            Example::Ok("query,param(id)"),
            Example::Ok("str(a;b),param(a,;)"),
        ],
        build: |_, args| param(&args),
    },
    Converter {
        name: "regsub",
        args: &[
            ArgSpec::required(ArgKind::Regex),
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "Matches of an expression replaced; flags g and i (manual 7.3.1).",
        examples: &[
            Example::Ok("path,regsub(^/a,/b)"),
            Example::Ok("path,regsub(x,y,gi)"),
            Example::Fail("path,regsub(a,b,z)", "invalid regex flag 'z'"),
        ],
        build: |_, args| regsub(&args),
    },
    Converter {
        name: "reverse",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Str,
        doc: "Bytes in reverse order (manual 7.3.1).",
        examples: &[Example::Ok("str(abc),reverse")],
        build: |_, _| {
            bytes(|view, text| {
                let out = view.arena.alloc_slice_copy(text);
                out.reverse();
                Some(Value::Str(out))
            })
        },
    },
    Converter {
        name: "reverse_dom",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Str,
        doc: "Labels of a domain name in reverse order (manual 7.3.1).",
        examples: &[Example::Ok("str(www.example.com),reverse_dom")],
        build: |_, _| bytes(|view, text| Some(Value::Str(reverse_labels(view, text)))),
    },
    Converter {
        name: "rtrim",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "Without trailing characters of a set (manual 7.3.1).",
        examples: &[Example::Ok("str(axx),rtrim(x)")],
        build: |_, args| {
            let set = text(&args, 0);
            bytes(move |_, text| {
                let end = text
                    .iter()
                    .rposition(|b| !set.contains(b))
                    .map_or(0, |at| at + 1);
                Some(Value::Str(&text[..end]))
            })
        },
    },
    Converter {
        name: "secure_memcmp",
        args: STR,
        from: Type::Bin,
        to: Type::Bool,
        doc: "Whether equal to a variable, in a time that tells nothing (manual 7.3.1).",
        examples: &[Example::Ok("str(a),secure_memcmp(txn.x)")],
        build: |ctx, args| {
            let other = variable(ctx, &args)?;
            bytes(move |view, text| {
                let other = other.bytes(view)?;
                let differing = text.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
                Some(Value::Bool(
                    text.len() == other.len() && std::hint::black_box(differing) == 0,
                ))
            })
        },
    },
    Converter {
        name: "strcmp",
        args: STR,
        from: Type::Str,
        to: Type::Int,
        doc: "Difference of the first bytes that differ from a variable (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a),strcmp(txn.x)"),
            Example::Fail("str(a),strcmp(x)", "invalid variable name"),
        ],
        build: |ctx, args| {
            let other = variable(ctx, &args)?;
            bytes(move |view, text| Some(Value::Int(compare(text, other.bytes(view)?))))
        },
    },
    Converter {
        name: "upper",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Str,
        doc: "Letters in upper case (manual 7.3.1).",
        examples: &[Example::Ok("str(Abc),upper")],
        build: |_, _| {
            bytes(|view, text| {
                let out = view.arena.alloc_slice_copy(text);
                out.make_ascii_uppercase();
                Some(Value::Str(out))
            })
        },
    },
    Converter {
        name: "word",
        args: &[
            ArgSpec::required(ArgKind::Int),
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Str,
        to: Type::Str,
        doc: "A word by its number between delimiters, empty ones passed over (manual 7.3.1).",
        examples: &[
            Example::Ok("str(a_b),word(2,_)"),
            Example::Fail("str(a),word(0,_)", "Unexpected value 0 for index"),
        ],
        build: |_, args| {
            let parts = Parts::parse(&args)?;
            bytes(move |_, text| parts.word(text).map(Value::Str))
        },
    },
];

fn reverse_labels<'a>(view: &View<'a>, text: &[u8]) -> &'a [u8] {
    let mut out = bumpalo::collections::Vec::with_capacity_in(text.len(), view.arena);
    for (at, label) in text.rsplit(|byte| *byte == b'.').enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        out.extend_from_slice(label);
    }
    out.into_bump_slice()
}

/// Arguments of `field` and `word`: number, delimiters and how many to take, 0 for all.
struct Parts {
    index: i64,
    delimiters: Box<[u8]>,
    count: usize,
}

impl Parts {
    fn parse(args: &[Arg]) -> Result<Self, ArgError> {
        let index = number(args, 0).unwrap_or(0);
        if index == 0 {
            return Err(ArgError::new("Unexpected value 0 for index"));
        }
        let count = usize::try_from(number(args, 2).unwrap_or(1))
            .map_err(|_| ArgError::new("a count of at least 0 is expected"))?;
        Ok(Self {
            index,
            delimiters: text(args, 1),
            count,
        })
    }

    fn is_delimiter(&self, byte: &u8) -> bool {
        self.delimiters.contains(byte)
    }

    /// From the start of the field to the end of the last wanted one, counted in its direction.
    fn field<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let skip = usize::try_from(self.index.unsigned_abs() - 1).ok()?;
        if self.index > 0 {
            let mut start = 0;
            for _ in 0..skip {
                start += text[start..].iter().position(|b| self.is_delimiter(b))? + 1;
            }
            let rest = &text[start..];
            Some(&rest[..self.end_of(rest.iter(), self.count).unwrap_or(rest.len())])
        } else {
            let mut end = text.len();
            for _ in 0..skip {
                end = text[..end].iter().rposition(|b| self.is_delimiter(b))?;
            }
            let rest = &text[..end];
            let len = self
                .end_of(rest.iter().rev(), self.count)
                .unwrap_or(rest.len());
            Some(&rest[rest.len() - len..])
        }
    }

    /// Bytes before the delimiter that ends `count` fields; `None` when all are taken.
    fn end_of<'b>(&self, bytes: impl Iterator<Item = &'b u8>, count: usize) -> Option<usize> {
        let ends = bytes
            .enumerate()
            .filter(|(_, byte)| self.is_delimiter(byte));
        ends.map(|(at, _)| at).nth(count.checked_sub(1)?)
    }

    /// As `field`, with runs of delimiters taken as one and ignored at both ends.
    fn word<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let skip = usize::try_from(self.index.unsigned_abs() - 1).ok()?;
        let is_forward = self.index > 0;
        let (mut from, mut to) = (None, None);
        let mut words = 0;
        let mut at = 0;
        let byte = |at: usize| {
            if is_forward {
                text[at]
            } else {
                text[text.len() - 1 - at]
            }
        };
        while at < text.len() {
            if self.is_delimiter(&byte(at)) {
                at += 1;
                continue;
            }
            let start = at;
            while at < text.len() && !self.is_delimiter(&byte(at)) {
                at += 1;
            }
            words += 1;
            if words == skip + 1 {
                from = Some(start);
            }
            if from.is_some() {
                to = Some(at);
                if self.count != 0 && words == skip + self.count {
                    break;
                }
            }
        }
        let (from, to) = (from?, to?);
        // All remaining words include what follows the last one.
        let to = if self.count == 0 { text.len() } else { to };
        Some(match is_forward {
            true => &text[from..to],
            false => &text[text.len() - to..text.len() - from],
        })
    }
}

fn regsub(args: &[Arg]) -> Built {
    let (mut all, mut ignore_case) = (false, false);
    for flag in text(args, 2).iter() {
        match flag {
            b'g' => all = true,
            b'i' => ignore_case = true,
            other => {
                return Err(ArgError::new(format!(
                    "invalid regex flag '{}', only 'i' and 'g' are supported",
                    other.escape_ascii()
                )));
            }
        }
    }
    let regex = Regex::new(&text(args, 0), ignore_case).map_err(ArgError::new)?;
    let with = text(args, 1);
    bytes(move |view, text| {
        if !regex.is_match(text) {
            return Some(Value::Str(text));
        }
        let mut out = bumpalo::collections::Vec::with_capacity_in(text.len(), view.arena);
        regex
            .replace(text, &with, all, LIMIT, &mut out)
            .then(|| Value::Str(out.into_bump_slice()))
    })
}

fn join<'a>(view: &View<'a>, parts: &[&[u8]]) -> Option<Value<'a>> {
    let len = parts.iter().map(|part| part.len()).sum();
    if len > LIMIT {
        return None;
    }
    let mut out = bumpalo::collections::Vec::with_capacity_in(len, view.arena);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Some(Value::Str(out.into_bump_slice()))
}

fn variable(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Result<Source, ArgError> {
    parse_var(&text(args, 0), ctx.vars)
        .map(Source::Var)
        .map_err(ArgError::new)
}

fn optional_variable(ctx: &mut BuildCtx<'_>, name: &[u8]) -> Result<Option<Source>, ArgError> {
    if name.is_empty() {
        return Ok(None);
    }
    match parse_var(name, ctx.vars) {
        Ok(var) => Ok(Some(Source::Var(var))),
        Err(_) => Err(ArgError::new(format!(
            "failed to register variable name '{}'",
            String::from_utf8_lossy(name)
        ))),
    }
}

fn concat(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let (start, end) = (text(args, 0), text(args, 2));
    let var = optional_variable(ctx, &text(args, 1))?;
    bytes(move |view, text| {
        let middle = var
            .as_ref()
            .and_then(|var| var.bytes(view))
            .unwrap_or_default();
        join(view, &[text, &start, middle, &end])
    })
}

fn add_item(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let (delimiter, suffix) = (text(args, 0), text(args, 2));
    let var = optional_variable(ctx, &text(args, 1))?;
    if var.is_none() && suffix.is_empty() {
        return Err(ArgError::new(
            "one of the optional arguments has to be nonempty",
        ));
    }
    bytes(move |view, text| {
        let middle = var
            .as_ref()
            .and_then(|var| var.bytes(view))
            .unwrap_or_default();
        let is_joined = !text.is_empty() && (!middle.is_empty() || !suffix.is_empty());
        let between: &[u8] = if is_joined { &delimiter } else { b"" };
        join(view, &[text, between, middle, &suffix])
    })
}

/// As C compares strings: the first bytes that differ, else the lengths.
fn compare(a: &[u8], b: &[u8]) -> i64 {
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((a, b)) => i64::from(*a) - i64::from(*b),
        None => (a.len() as i64 - b.len() as i64).signum(),
    }
}

fn param(args: &[Arg]) -> Built {
    let name = text(args, 0);
    let delimiter = match &*text(args, 1) {
        [] => b'&',
        [one] => *one,
        _ => return Err(ArgError::new("Delimiter must be a single character.")),
    };
    bytes(move |_, text| {
        text.split(|byte| *byte == delimiter).find_map(|pair| {
            let rest = pair.strip_prefix(&*name)?;
            match rest.split_first() {
                None => Some(Value::Str(rest)),
                Some((b'=', value)) => Some(Value::Str(value)),
                Some(_) => None,
            }
        })
    })
}

/// Chooses by quality; equal ones by the order of the request (RFC 9110 12.5.4).
fn language(args: &[Arg]) -> Built {
    let known: Vec<Box<[u8]>> = text(args, 0)
        .split(|b| *b == b';')
        .map(Into::into)
        .collect();
    let default = args.get(1).map(|_| text(args, 1));
    bytes(move |view, text| {
        let mut best: Option<(u16, &[u8])> = None;
        for item in text.split(|byte| *byte == b',') {
            let mut parts = item.split(|byte| *byte == b';');
            let tag = lbd_http::header::trim(parts.next().unwrap_or_default());
            let quality = parts
                .next()
                .map_or(1000, |q| thousandths(lbd_http::header::trim(q)));
            let base = tag.split(|byte| *byte == b'-').next().unwrap_or_default();
            let found = known.iter().find(|name| ***name == *tag);
            let found = found.or_else(|| known.iter().find(|name| ***name == *base));
            if let Some(name) = found
                && quality > best.map_or(0, |(known, _)| known)
            {
                best = Some((quality, name));
            }
        }
        let chosen = best.map(|(_, name)| name).or(default.as_deref())?;
        Some(Value::Str(view.keep(chosen)))
    })
}

/// `q=0.5` as 500; what is malformed counts as 1000.
fn thousandths(quality: &[u8]) -> u16 {
    let Some(number) = quality.strip_prefix(b"q=") else {
        return 1000;
    };
    let value: Option<f32> = std::str::from_utf8(number)
        .ok()
        .and_then(|text| text.parse().ok());
    // Clamped, so that the cast loses nothing but the fraction.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    value.map_or(1000, |value| (value.clamp(0.0, 1.0) * 1000.0) as u16)
}
