//! Actions that edit the start line: method, target, status.
//!
//! Normalization is in `normalize`.

use std::ops::Range;

use lbd_core::Diag;
use lbd_http::uri::{Form as TargetForm, Target};
use lbd_http::{Head, HeadFull};

use super::{ActionSpec, Built, Form, Rule, Rulesets, edit, header, normalize};
use crate::program::Verdict;
use crate::regex::Regex;
use crate::registry::Example;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "normalize-uri",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Normalizes a part of the request target; experimental in the reference \
              (manual 4.3).",
        examples: &[
            Example::Ok("normalize-uri fragment-encode"),
            Example::Ok("normalize-uri fragment-strip"),
            Example::Ok("normalize-uri path-merge-slashes"),
            Example::Ok("normalize-uri path-strip-dot"),
            Example::Ok("normalize-uri path-strip-dotdot full"),
            Example::Ok("normalize-uri percent-decode-unreserved strict"),
            Example::Ok("normalize-uri percent-to-uppercase"),
            Example::Ok("normalize-uri query-sort-by-name"),
            Example::Fail("normalize-uri all", "unknown normalizer 'all'"),
        ],
        build: normalize::build,
    },
    ActionSpec {
        name: "replace-path",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Replaces the path where a regex matches it; the query string stays (manual 4.3).",
        examples: &[
            Example::Ok("replace-path (.*) /foo\\1"),
            Example::Fail(
                "replace-path (.*)",
                "expects exactly 2 arguments <match-regex>",
            ),
        ],
        build: |rule| replace(rule, Part::Path),
    },
    ActionSpec {
        name: "replace-pathq",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Replaces path and query string where a regex matches them (manual 4.3).",
        examples: &[Example::Ok("replace-pathq ([^?]*)(\\?(.*))? \\1/foo\\2")],
        build: |rule| replace(rule, Part::PathQuery),
    },
    ActionSpec {
        name: "replace-uri",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Replaces the whole target where a regex matches it (manual 4.3).",
        examples: &[Example::Ok("replace-uri ^http://(.*) https://\\1")],
        build: |rule| replace(rule, Part::Uri),
    },
    ActionSpec {
        name: "set-method",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Changes the method (manual 4.3).",
        examples: &[
            Example::Ok("set-method POST"),
            Example::Fail("set-method", "expects exactly 1 argument <format>"),
        ],
        build: |rule| set(rule, Part::Method),
    },
    ActionSpec {
        name: "set-path",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Changes the path; the query string stays (manual 4.3).",
        examples: &[Example::Ok("set-path /new")],
        build: |rule| set(rule, Part::Path),
    },
    ActionSpec {
        name: "set-pathq",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Changes path and query string (manual 4.3).",
        examples: &[Example::Ok("set-pathq /new?a=1")],
        build: |rule| set(rule, Part::PathQuery),
    },
    ActionSpec {
        name: "set-query",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Changes the query string (manual 4.3).",
        examples: &[Example::Ok("set-query a=1")],
        build: |rule| set(rule, Part::Query),
    },
    ActionSpec {
        name: "set-status",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_ANSWERS,
        is_listed: true,
        doc: "Changes the status, and the reason to its usual one or the given (manual 4.3).",
        examples: &[
            Example::Ok("set-status 431"),
            Example::Ok("set-status 503 reason Slow"),
            Example::Fail(
                "set-status 99",
                "expects an integer status code between 100 and 999",
            ),
        ],
        build: set_status,
    },
    ActionSpec {
        name: "set-uri",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Changes the whole target (manual 4.3).",
        examples: &[Example::Ok("set-uri /new?a=1")],
        build: |rule| set(rule, Part::Uri),
    },
];

/// A part of the request line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Method,
    Path,
    PathQuery,
    Query,
    Uri,
}

fn set(rule: &mut Rule<'_, '_>, part: Part) -> Result<Built, Diag> {
    const EXPECTS: &str = "expects exactly 1 argument <format>";
    if rule.args.is_over() {
        return Err(rule.args.fault(EXPECTS));
    }
    let format = rule.args.format(EXPECTS, rule.ctx)?;
    Ok(Built::new(move |ctx, _| {
        let text = edit::text(&format, ctx);
        let edited = ctx
            .request
            .as_deref_mut()
            .map_or(Ok(()), |head| put(head, part, text));
        edit::verdict(edited, ctx)
    }))
}

fn replace(rule: &mut Rule<'_, '_>, part: Part) -> Result<Built, Diag> {
    const EXPECTS: &str = "expects exactly 2 arguments <match-regex> and <replace-format>";
    let word = rule.args.value(EXPECTS)?;
    if rule.args.peek().is_none() {
        return Err(rule.args.fault(EXPECTS));
    }
    let regex = Regex::new(word.text, false)
        .map_err(|why| Diag::alert(word.span, format!("failed to parse the regex : {why}")))?;
    let format = rule.args.format(EXPECTS, rule.ctx)?;
    Ok(Built::new(move |ctx, _| {
        let with = edit::text(&format, ctx);
        let arena = ctx.arena;
        let Some(head) = ctx.request.as_deref_mut() else {
            return Verdict::Continue;
        };
        let old = match part {
            Part::Uri => Some(0..head.target().len()),
            _ => range(head, part),
        };
        let Some(old) = old.filter(|old| !old.is_empty()) else {
            return Verdict::Continue;
        };
        let mut new = bumpalo::collections::Vec::new_in(arena);
        let text = head.target().get(old).unwrap_or_default();
        let edited = match header::replace_whole(text, &regex, with, head.max_len(), &mut new) {
            Ok(false) => return Verdict::Continue,
            Ok(true) => put(head, part, &new),
            Err(full) => Err(full),
        };
        edit::verdict(edited, ctx)
    }))
}

/// Puts `text` in place of a part of the request line.
pub(super) fn put(head: &mut Head, part: Part, text: &[u8]) -> Result<(), HeadFull> {
    match part {
        Part::Method => head.set_method(text),
        Part::Uri => {
            head.set_target(text)?;
            host_from_target(head)
        }
        Part::Path | Part::PathQuery => {
            // A target without a path (`*`) is replaced as a whole.
            let old = range(head, part).unwrap_or_else(|| 0..head.target().len());
            head.splice_target(old, text)
        }
        Part::Query => match lbd_http::uri::query(head.target()) {
            Some(query) => {
                let end = head.target().len();
                head.splice_target(end - query.len()..end, text)
            }
            None if text.is_empty() => Ok(()),
            None => {
                let end = head.target().len();
                head.splice_target(end..end, b"?")?;
                head.splice_target(end + 1..end + 1, text)
            }
        },
    }
}

/// Where a part stands in the target; `None` for a target without a path.
pub(super) fn range(head: &Head, part: Part) -> Option<Range<usize>> {
    let target = head.target();
    let parts = Target::split(target, head.method() == b"CONNECT");
    if target.get(parts.path.start) != Some(&b'/') {
        return None;
    }
    match part {
        Part::Path => Some(parts.path),
        _ => Some(parts.path.start..target.len()),
    }
}

/// After `set-uri`: `host` says what an absolute target says.
fn host_from_target(head: &mut Head) -> Result<(), HeadFull> {
    let target = head.target().to_vec();
    let parts = Target::split(&target, false);
    if parts.form != TargetForm::Absolute || parts.authority.is_empty() {
        return Ok(());
    }
    match head.find(b"host", 0) {
        Some(index) => head.replace_value(index, &target[parts.authority]),
        None => Ok(()),
    }
}

/// After an edit of `host`: an absolute target names the same authority.
pub(super) fn authority_from_host(
    head: &mut Head,
    name: &[u8],
    value: &[u8],
) -> Result<(), HeadFull> {
    if !head.is_request() || !name.eq_ignore_ascii_case(b"host") {
        return Ok(());
    }
    let parts = Target::split(head.target(), head.method() == b"CONNECT");
    if parts.authority.is_empty() {
        return Ok(());
    }
    head.splice_target(parts.authority, value)
}

fn set_status(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    let word = rule
        .args
        .value("expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>")?;
    let status = crate::cast::whole_int(word.text)
        .and_then(|status| u16::try_from(status).ok())
        .filter(|status| (100..1000).contains(status))
        .ok_or_else(|| {
            Diag::alert(
                word.span,
                "expects an integer status code between 100 and 999",
            )
        })?;
    let mut reason: Box<[u8]> = lbd_http::status::reason(status).as_bytes().into();
    if rule.args.take("reason") {
        let word = rule
            .args
            .value("expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>")?;
        if word
            .text
            .iter()
            .any(|byte| byte.is_ascii_control() && *byte != b'\t')
        {
            let message = "a reason must not contain control characters";
            return Err(Diag::alert(word.span, message));
        }
        reason = word.text.into();
    }
    Ok(Built::new(move |ctx, _| {
        let edited = ctx.response.as_deref_mut().map_or(Ok(()), |head| {
            head.set_reason(&reason)?;
            head.set_status(status);
            Ok(())
        });
        if edited.is_ok()
            && let Some(stream) = ctx.stream.as_deref_mut()
        {
            stream.status = status;
        }
        edit::verdict(edited, ctx)
    }))
}
