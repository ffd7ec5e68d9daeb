//! Converters between bytes and their textual forms (manual 7.3.1).
//!
//! JSON stands in `json`.

use super::{Built, LIMIT, NO_ARGS, OPT_INT, STR, Source, bytes, kept, number, text};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::registry::{BuildCtx, Converter, Example};
use crate::view::View;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{
    GeneralPurpose, GeneralPurposeConfig, NO_PAD, PAD, STANDARD, URL_SAFE_NO_PAD,
};
use lbd_core::{Type, Value};
use lbd_http::uri::param;

/// Bits behind the last whole byte are not looked at.
const LENIENT: GeneralPurpose = lenient(&alphabet::STANDARD, PAD);
const LENIENT_URL: GeneralPurpose = lenient(&alphabet::URL_SAFE, NO_PAD);

const fn lenient(letters: &alphabet::Alphabet, config: GeneralPurposeConfig) -> GeneralPurpose {
    GeneralPurpose::new(letters, config.with_decode_allow_trailing_bits(true))
}

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "b64dec",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Bin,
        doc: "Base64 with padding, decoded (manual 7.3.1).",
        examples: &[Example::Ok("str(YWJj),b64dec")],
        build: |_, _| bytes(|view, text| decode(view, text, &LENIENT).map(Value::Bin)),
    },
    Converter {
        name: "base2",
        args: NO_ARGS,
        from: Type::Bin,
        to: Type::Str,
        doc: "Eight binary digits for each byte (manual 7.3.1).",
        examples: &[Example::Ok("str(a),base2")],
        build: |_, _| {
            bytes(|view, text| {
                if text.len() > LIMIT / 8 {
                    return None;
                }
                let digits = text
                    .iter()
                    .flat_map(|byte| (0..8).rev().map(move |bit| b'0' + (byte >> bit & 1)));
                Some(Value::Str(kept(view, digits)))
            })
        },
    },
    Converter {
        name: "base64",
        args: NO_ARGS,
        from: Type::Bin,
        to: Type::Str,
        doc: "Base64 with padding (manual 7.3.1).",
        examples: &[Example::Ok("str(abc),base64")],
        build: |_, _| bytes(|view, text| encode(view, text, &STANDARD).map(Value::Str)),
    },
    Converter {
        name: "be2dec",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Bin,
        to: Type::Str,
        doc: "Chunks of bytes as decimal numbers, big end first (manual 7.3.1).",
        examples: &[
            Example::Ok("str(abcd),be2dec(.,2)"),
            Example::Fail("str(a),be2dec(.,9)", "chunk_size"),
            Example::Fail("str(a),be2dec(.,2,5)", "Unsupported truncate value"),
        ],
        build: |_, args| decimal_chunks(&args, true),
    },
    Converter {
        name: "be2hex",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Bin,
        to: Type::Str,
        doc: "Chunks of bytes as hexadecimal digits (manual 7.3.1).",
        examples: &[
            Example::Ok("str(abcd),be2hex(:,2)"),
            Example::Ok("str(abcd),be2hex"),
            Example::Fail("str(a),be2hex(:)", "chunk_size needs to be positive"),
        ],
        build: |_, args| hex_chunks(&args),
    },
    Converter {
        name: "bytes",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Bin,
        to: Type::Bin,
        doc: "Bytes from an offset, as many as given (manual 7.3.1).",
        examples: &[
            Example::Ok("str(abc),bytes(1)"),
            Example::Ok("str(abc),bytes(0,2)"),
            Example::Ok("str(abc),bytes(txn.x)"),
            Example::Fail("str(a),bytes(-1)", "expects a non-negative integer"),
        ],
        build: |ctx, args| cut(ctx, &args),
    },
    Converter {
        name: "hex",
        args: NO_ARGS,
        from: Type::Bin,
        to: Type::Str,
        doc: "Two upper-case hexadecimal digits for each byte (manual 7.3.1).",
        examples: &[Example::Ok("str(abc),hex")],
        build: |_, _| bytes(|view, text| hex(view, text, 1, b"", false)),
    },
    Converter {
        name: "le2dec",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Bin,
        to: Type::Str,
        doc: "Chunks of bytes as decimal numbers, little end first (manual 7.3.1).",
        examples: &[Example::Ok("str(abcd),le2dec(.,2)")],
        build: |_, args| decimal_chunks(&args, false),
    },
    Converter {
        name: "ub64dec",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Bin,
        doc: "Base64 of the URL alphabet, decoded (manual 7.3.1).",
        examples: &[Example::Ok("str(YWJj),ub64dec")],
        build: |_, _| bytes(|view, text| ub64dec(view, text).map(Value::Bin)),
    },
    Converter {
        name: "ub64enc",
        args: NO_ARGS,
        from: Type::Bin,
        to: Type::Str,
        doc: "Base64 of the URL alphabet without padding (manual 7.3.1).",
        examples: &[Example::Ok("str(abc),ub64enc")],
        build: |_, _| bytes(|view, text| encode(view, text, &URL_SAFE_NO_PAD).map(Value::Str)),
    },
    Converter {
        name: "url_dec",
        args: OPT_INT,
        from: Type::Str,
        to: Type::Str,
        doc: "Percent encoding undone; + is a blank in a query, or everywhere if asked so (manual 7.3.1).",
        examples: &[Example::Ok("path,url_dec"), Example::Ok("path,url_dec(1)")],
        build: |_, args| {
            let in_form = number(&args, 0).unwrap_or(0) != 0;
            bytes(move |view, text| {
                let mut out = Vec::new();
                param::url_decode(text, in_form, &mut out).then(|| Value::Str(view.keep(&out)))
            })
        },
    },
    Converter {
        name: "url_enc",
        args: STR,
        from: Type::Str,
        to: Type::Str,
        doc: "Percent encoding for a query (manual 7.3.1).",
        examples: &[
            Example::Ok("path,url_enc"),
            Example::Fail("path,url_enc(x)", "Unexpected encode type"),
        ],
        build: |_, args| {
            match &*text(&args, 0) {
                b"" | b"query" => {}
                _ => {
                    return Err(ArgError::new(
                        "Unexpected encode type. Allowed value is 'query'",
                    ));
                }
            }
            bytes(percent)
        },
    },
];

fn encode<'a>(view: &View<'a>, text: &[u8], engine: &impl Engine) -> Option<&'a [u8]> {
    let len = base64::encoded_len(text.len(), true).filter(|len| *len <= LIMIT)?;
    let out = view.arena.alloc_slice_fill_copy(len, 0u8);
    let len = engine.encode_slice(text, out).ok()?;
    Some(&out[..len])
}

/// Base64 of the URL alphabet without padding, decoded.
pub(super) fn ub64dec<'a>(view: &View<'a>, text: &[u8]) -> Option<&'a [u8]> {
    decode(view, text, &LENIENT_URL)
}

fn decode<'a>(view: &View<'a>, text: &[u8], engine: &impl Engine) -> Option<&'a [u8]> {
    let out = view
        .arena
        .alloc_slice_fill_copy(base64::decoded_len_estimate(text.len()), 0u8);
    let len = engine.decode_slice(text, out).ok()?;
    Some(&out[..len])
}

fn hex<'a>(
    view: &View<'a>,
    text: &[u8],
    chunk: usize,
    separator: &[u8],
    truncate: bool,
) -> Option<Value<'a>> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if text.len() > LIMIT / (2 + separator.len()) {
        return None;
    }
    let mut out = bumpalo::collections::Vec::with_capacity_in(text.len() * 2, view.arena);
    for (at, part) in text.chunks(chunk).enumerate() {
        if truncate && part.len() < chunk {
            break;
        }
        if at > 0 {
            out.extend_from_slice(separator);
        }
        for byte in part {
            out.push(DIGITS[usize::from(byte >> 4)]);
            out.push(DIGITS[usize::from(byte & 15)]);
        }
    }
    Some(Value::Str(out.into_bump_slice()))
}

fn chunk_size(args: &[Arg], most: i64) -> Result<usize, ArgError> {
    match number(args, 1) {
        Some(size) if size > 0 && size <= most => {
            // At most `most`, which is small.
            Ok(usize::try_from(size).unwrap_or_default())
        }
        Some(size) if size > 0 => Err(ArgError::new(format!(
            "chunk_size needs to be from 1 to {most} ({size})"
        ))),
        size => Err(ArgError::new(format!(
            "chunk_size needs to be positive ({})",
            size.unwrap_or(0)
        ))),
    }
}

/// Whether a last chunk that is not whole is left out.
fn truncation(args: &[Arg]) -> Result<bool, ArgError> {
    match number(args, 2) {
        None | Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(other) => Err(ArgError::new(format!(
            "Unsupported truncate value ({other})"
        ))),
    }
}

fn hex_chunks(args: &[Arg]) -> Built {
    let separator = text(args, 0);
    let chunk = match (separator.is_empty(), number(args, 1)) {
        (true, None) => 1,
        _ => chunk_size(args, i64::from(u16::MAX))?,
    };
    let truncate = truncation(args)?;
    bytes(move |view, text| hex(view, text, chunk, &separator, truncate))
}

fn decimal_chunks(args: &[Arg], big_end_first: bool) -> Built {
    let separator = text(args, 0);
    let chunk = chunk_size(args, 8)?;
    let truncate = truncation(args)?;
    bytes(move |view, text| {
        if text.len() > LIMIT / (20 + separator.len()) {
            return None;
        }
        let mut out = bumpalo::collections::Vec::new_in(view.arena);
        for (at, part) in text.chunks(chunk).enumerate() {
            if truncate && part.len() < chunk {
                break;
            }
            if at > 0 {
                out.extend_from_slice(&separator);
            }
            let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
            let number = match big_end_first {
                true => part.iter().fold(0, fold),
                false => part.iter().rev().fold(0, fold),
            };
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
        Some(Value::Str(out.into_bump_slice()))
    })
}

/// Beyond the end there is nothing; a length that does not fit leaves the input as it is, as the
/// reference does.
fn cut(ctx: &mut BuildCtx<'_>, args: &[Arg]) -> Built {
    let source = |ctx: &mut BuildCtx<'_>, at| {
        let word = text(args, at);
        let source = Source::parse(ctx, &word)?;
        match source {
            Source::Int(number) if number < 0 => {
                Err(ArgError::new("expects a non-negative integer"))
            }
            source => Ok(source),
        }
    };
    let offset = source(ctx, 0)?;
    let length = if args.len() > 1 {
        Some(source(ctx, 1)?)
    } else {
        None
    };
    bytes(move |view, text| {
        let offset = usize::try_from(offset.int(view)?).ok()?;
        let rest = text.get(offset..).filter(|rest| !rest.is_empty())?;
        let Some(length) = &length else {
            return Some(Value::Bin(rest));
        };
        let length = usize::try_from(length.int(view)?).ok()?;
        Some(Value::Bin(rest.get(..length).unwrap_or(text)))
    })
}

fn percent<'a>(view: &View<'a>, text: &[u8]) -> Option<Value<'a>> {
    if text.len() > LIMIT / 3 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    param::percent_encode(text, param::is_unreserved, &mut out);
    Some(Value::Str(view.keep(&out)))
}
