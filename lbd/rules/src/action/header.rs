//! Actions that edit header fields.
//!
//! Those that take their fields from a sample are in `headers_bin`.

use lbd_core::Diag;
use lbd_http::header::{NameMatch, elements};
use lbd_http::{Head, HeadFull};

use super::edit;
use super::{ActionSpec, Built, Form, Rule, Rulesets};
use crate::logformat::{Flags, LogFormat};
use crate::program::{Ctx, Verdict};
use crate::regex::Regex;
use crate::registry::{BuildCtx, Example};
use crate::word::Word;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "add-header",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Appends a header field with a rendered value (manual 4.3).",
        examples: &[
            Example::Ok("add-header X-Value %[str(a)]"),
            Example::Fail("add-header X-Value", "expects exactly 2 arguments"),
        ],
        build: |rule| {
            let (name, format) = name_and_format(rule)?;
            let is_response = rule.ruleset.is_response();
            Ok(Built::new(move |ctx, _| {
                let value = edit::text(&format, ctx);
                put(ctx, is_response, |head| add(head, &name, value))
            }))
        },
    },
    ActionSpec {
        name: "del-header",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Removes the header fields whose name matches: '-m str' (the default), beg, end, sub \
              or reg (manual 4.3).",
        examples: &[
            Example::Ok("del-header X-Value"),
            Example::Ok("del-header x- -m beg"),
            Example::Ok("del-header ^x-[0-9]+$ -m reg"),
            Example::Fail(
                "del-header x -m int",
                "-m with unsupported matching method 'int'",
            ),
        ],
        build: delete,
    },
    ActionSpec {
        name: "early-hint",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Adds a field to a 103 response that is sent before the request is forwarded, to \
              HTTP/1.1 clients (manual 4.3).",
        examples: &[Example::Ok("early-hint Link </style.css>;rel=preload")],
        build: |rule| {
            let (name, format) = name_and_format(rule)?;
            Ok(Built::new(move |ctx, _| {
                let value = edit::text(&format, ctx);
                early_hint(ctx, &name, value)
            }))
        },
    },
    ActionSpec {
        name: "replace-header",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Replaces each whole value of a header field that matches a regex (manual 4.3).",
        examples: &[
            Example::Ok("replace-header Cookie foo=([^;]*);(.*) foo=\\1;ip=%bi;\\2"),
            Example::Fail("replace-header Cookie foo", "expects exactly 3 arguments"),
        ],
        build: |rule| replace(rule, false),
    },
    ActionSpec {
        name: "replace-value",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Replaces each comma-separated element of a header field that matches a regex \
              (manual 4.3).",
        examples: &[Example::Ok(
            "replace-value X-Forwarded-For ^192\\.168\\.(.*)$ 172.16.\\1",
        )],
        build: |rule| replace(rule, true),
    },
    ActionSpec {
        name: "set-header",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Removes all header fields of a name and appends one with a rendered value \
              (manual 4.3).",
        examples: &[
            Example::Ok("set-header X-Value %[str(a)]"),
            Example::Fail("set-header", "expects exactly 2 arguments"),
        ],
        build: |rule| {
            let (name, format) = name_and_format(rule)?;
            let is_response = rule.ruleset.is_response();
            Ok(Built::new(move |ctx, _| {
                let value = edit::text(&format, ctx);
                put(ctx, is_response, |head| set(head, &name, value))
            }))
        },
    },
];

fn put(
    ctx: &mut Ctx<'_>,
    is_response: bool,
    change: impl FnOnce(&mut Head) -> Result<(), HeadFull>,
) -> Verdict {
    let edited = edit::head(ctx, is_response).map_or(Ok(()), change);
    edit::verdict(edited, ctx)
}

/// Appends a field, keeping an absolute target's authority in step with `host`.
pub(super) fn add(head: &mut Head, name: &[u8], value: &[u8]) -> Result<(), HeadFull> {
    let value = lbd_http::header::trim(value);
    head.add(name, value)?;
    super::uri::authority_from_host(head, name, value)
}

/// Replaces all fields of a name by one.
pub(super) fn set(head: &mut Head, name: &[u8], value: &[u8]) -> Result<(), HeadFull> {
    let value = lbd_http::header::trim(value);
    head.set(name, value)?;
    super::uri::authority_from_host(head, name, value)
}

fn name_and_format(rule: &mut Rule<'_, '_>) -> Result<(Box<[u8]>, LogFormat), Diag> {
    const EXPECTS: &str = "expects exactly 2 arguments";
    let name = rule.args.next().ok_or_else(|| rule.args.fault(EXPECTS))?;
    let format = rule.args.format(EXPECTS, rule.ctx)?;
    Ok((field_name(name, rule.ctx)?, format))
}

/// The name of a field. Forbidden characters are a warning, as in the reference, but for those
/// that would break the message apart.
pub(crate) fn field_name(word: Word<'_>, ctx: &mut BuildCtx<'_>) -> Result<Box<[u8]>, Diag> {
    const HINT: &str = "Write the name without colon or blanks; is a quote misplaced?";
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    let named = word.text.strip_prefix(b":").unwrap_or(word.text);
    let message = |byte: u8| {
        format!(
            "header name '{}' contains forbidden character '{}'",
            word.lossy().escape_debug(),
            byte.escape_ascii()
        )
    };
    if word.text.is_empty() {
        return Err(Diag::alert(word.span, "header name is empty").hint(HINT));
    }
    if let Some(byte) = word.text.iter().find(|byte| byte.is_ascii_control()) {
        return Err(Diag::alert(word.span, message(*byte)).hint(HINT));
    }
    if let Some(byte) = named.iter().find(|byte| !is_token(byte)) {
        ctx.warn(Diag::warning(word.span, message(*byte)).hint(HINT));
    }
    Ok(word.text.into())
}

enum NameTest {
    Name(NameMatch, Box<[u8]>),
    Regex(Regex),
}

fn delete(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    let name = rule.args.value("expects at least 1 argument")?;
    let mut test = NameTest::Name(NameMatch::Exact, name.text.into());
    if rule.args.take("-m") {
        let method = rule.args.value("-m flag expects exactly 1 argument")?;
        test = if method.is("reg") {
            NameTest::Regex(compile(name)?)
        } else {
            NameTest::Name(name_match(method)?, name.text.into())
        };
    }
    let is_response = rule.ruleset.is_response();
    Ok(Built::new(move |ctx, _| {
        if let Some(head) = edit::head(ctx, is_response) {
            match &test {
                NameTest::Name(how, name) => how.remove(head, name),
                NameTest::Regex(regex) => head.retain(|name, _| !regex.is_match(name)),
            };
        }
        Verdict::Continue
    }))
}

/// A matching method of names.
pub(super) fn name_match(method: Word<'_>) -> Result<NameMatch, Diag> {
    match method.text {
        b"str" => Ok(NameMatch::Exact),
        b"beg" => Ok(NameMatch::Begin),
        b"end" => Ok(NameMatch::End),
        b"sub" => Ok(NameMatch::Sub),
        _ => Err(Diag::alert(
            method.span,
            format!("-m with unsupported matching method '{}'", method.lossy()),
        )),
    }
}

/// Compiles a regex argument; case matters, but not in names of header fields, which are lower
/// case.
fn compile(word: Word<'_>) -> Result<Regex, Diag> {
    Regex::new(word.text, false).map_err(|why| Diag::alert(word.span, why))
}

fn early_hint(ctx: &mut Ctx<'_>, name: &[u8], value: &[u8]) -> Verdict {
    let is_old = ctx
        .request
        .as_deref()
        .is_none_or(|head| head.version() == b"HTTP/1.0");
    let Some(stream) = ctx.stream.as_deref_mut().filter(|_| !is_old) else {
        return Verdict::Continue;
    };
    let hints = stream.early_hints.get_or_insert_default();
    let added = hints.add(name, lbd_http::header::trim(value));
    edit::verdict(added, ctx)
}

fn replace(rule: &mut Rule<'_, '_>, per_element: bool) -> Result<Built, Diag> {
    const EXPECTS: &str = "expects exactly 3 arguments";
    let (Some(name), Some(regex), Some(with)) =
        (rule.args.next(), rule.args.next(), rule.args.next())
    else {
        return Err(rule.args.fault(EXPECTS));
    };
    let name = field_name(name, rule.ctx)?;
    let regex = compile(regex)?;
    let format = format_at(with, rule)?;
    let is_response = rule.ruleset.is_response();
    Ok(Built::new(move |ctx, _| {
        let with = edit::text(&format, ctx);
        let arena = ctx.arena;
        put(ctx, is_response, |head| {
            let mut from = 0;
            while let Some(index) = head.find(&name, from) {
                from = index + 1;
                let limit = head.max_len();
                let mut out = bumpalo::collections::Vec::new_in(arena);
                let changed = if per_element {
                    replace_elements(head.value(index), &regex, with, limit, &mut out)?
                } else {
                    replace_whole(head.value(index), &regex, with, limit, &mut out)?
                };
                if changed {
                    head.replace_value(index, lbd_http::header::trim(&out))?;
                }
            }
            Ok(())
        })
    }))
}

fn format_at(word: Word<'_>, rule: &mut Rule<'_, '_>) -> Result<LogFormat, Diag> {
    LogFormat::parse(word.text, word.span, Flags::HTTP_VALUE, rule.ctx)
}

type ArenaBytes<'a> = bumpalo::collections::Vec<'a, u8>;

/// The text that replaces the whole of `value` where the regex matches it.
pub(super) fn replace_whole(
    value: &[u8],
    regex: &Regex,
    with: &[u8],
    limit: usize,
    out: &mut ArenaBytes<'_>,
) -> Result<bool, HeadFull> {
    let Some(groups) = regex.find_at(value, 0) else {
        return Ok(false);
    };
    crate::regex::expand(with, value, &groups, out);
    if out.len() > limit {
        Err(HeadFull)
    } else {
        Ok(true)
    }
}

fn replace_elements(
    value: &[u8],
    regex: &Regex,
    with: &[u8],
    limit: usize,
    out: &mut ArenaBytes<'_>,
) -> Result<bool, HeadFull> {
    let mut changed = false;
    // Elements are slices of the value; what lies between them (commas, blanks) is kept.
    let mut kept = 0;
    for element in elements(value) {
        let start = element.as_ptr() as usize - value.as_ptr() as usize;
        if element.is_empty() || start < kept || start + element.len() > value.len() {
            continue;
        }
        let mut new = ArenaBytes::new_in(out.bump());
        if replace_whole(element, regex, with, limit, &mut new)? {
            out.extend_from_slice_copy(&value[kept..start]);
            out.extend_from_slice_copy(&new);
            kept = start + element.len();
            changed = true;
        }
        if out.len() > limit {
            return Err(HeadFull);
        }
    }
    out.extend_from_slice_copy(&value[kept..]);
    Ok(changed)
}
