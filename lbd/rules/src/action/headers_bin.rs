//! Actions on header fields that come from one binary sample, as `req.hdrs_bin` makes it: pairs of
//! length-prefixed texts, ended by two empty ones.
//!
//! Fields that frame the message are never touched.

use lbd_core::{Diag, Type};
use lbd_http::{Head, HeadFull};

use super::{ActionSpec, Built, Form, Rule, Rulesets, edit, header};
use crate::program::{Ctx, Verdict};
use crate::registry::Example;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "add-headers-bin",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Appends the header fields of a binary sample, those only whose name begins with \
              'prefix' when it is given (manual 4.3).",
        examples: &[Example::Ok("add-headers-bin str(a) prefix x-")],
        build: |rule| put(rule, false),
    },
    ActionSpec {
        name: "del-headers-bin",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Removes the header fields whose names a binary sample lists (manual 4.3).",
        examples: &[
            Example::Ok("del-headers-bin str(a) -m beg"),
            Example::Fail("del-headers-bin str(a) -m reg", "-m reg is unsupported"),
        ],
        build: delete,
    },
    ActionSpec {
        name: "set-headers-bin",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "As 'add-headers-bin', but replaces fields of the same names (manual 4.3).",
        examples: &[Example::Ok("set-headers-bin str(a)")],
        build: |rule| put(rule, true),
    },
];

/// How the reading of a sample ended.
enum Fault {
    /// A length that points beyond the sample, or no room in the head.
    Entry,
    /// The end mark is missing.
    Unended,
}

impl From<HeadFull> for Fault {
    fn from(_: HeadFull) -> Self {
        Self::Entry
    }
}

fn verdict(result: Result<(), Fault>, ctx: &mut Ctx<'_>) -> Verdict {
    match result {
        Ok(()) => Verdict::Continue,
        Err(Fault::Entry) => edit::verdict(Err(HeadFull), ctx),
        Err(Fault::Unended) => Verdict::Failed,
    }
}

fn put(rule: &mut Rule<'_, '_>, is_set: bool) -> Result<Built, Diag> {
    if rule.args.is_over() {
        return Err(rule
            .args
            .fault("expects exactly one argument or three arguments <headers> prefix <pfx>"));
    }
    let expr = rule.args.expr(rule.ctx)?;
    let mut prefix: Box<[u8]> = Box::default();
    if rule.args.take("prefix") {
        let word = rule
            .args
            .value("expects 1 argument: <headers>; or 3 arguments: <headers> prefix <pfx>")?;
        prefix = word.text.into();
    }
    let is_response = rule.ruleset.is_response();
    Ok(Built::new(move |ctx, _| {
        let Some(bytes) = edit::bytes(&expr, Type::Bin, ctx) else {
            return Verdict::Continue;
        };
        let Some(head) = edit::head(ctx, is_response) else {
            return Verdict::Continue;
        };
        let result = put_all(head, bytes, &prefix, is_set);
        verdict(result, ctx)
    }))
}

fn put_all(head: &mut Head, bytes: &[u8], prefix: &[u8], is_set: bool) -> Result<(), Fault> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let name = text(&mut rest)?;
        if name.is_empty() {
            return if text(&mut rest)?.is_empty() {
                Ok(())
            } else {
                Err(Fault::Entry)
            };
        }
        let value = text(&mut rest)?;
        if !is_field(name, value) {
            return Err(Fault::Entry);
        }
        let is_wanted = name.len() >= prefix.len() && name[..prefix.len()] == *prefix;
        if !is_wanted || is_immutable(name) {
            continue;
        }
        if is_set {
            header::set(head, name, value)?;
        } else {
            header::add(head, name, value)?;
        }
    }
    Err(Fault::Unended)
}

fn delete(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    if rule.args.is_over() {
        return Err(rule.args.fault("expects at least 1 argument"));
    }
    let expr = rule.args.expr(rule.ctx)?;
    let mut how = lbd_http::header::NameMatch::Exact;
    if rule.args.take("-m") {
        let method = rule.args.value("-m flag expects exactly 1 argument")?;
        if method.is("reg") {
            let message = "-m reg is unsupported with del-headers-bin due to performance reasons";
            return Err(Diag::alert(method.span, message));
        }
        how = header::name_match(method)?;
    }
    let is_response = rule.ruleset.is_response();
    Ok(Built::new(move |ctx, _| {
        let Some(bytes) = edit::bytes(&expr, Type::Bin, ctx) else {
            return Verdict::Continue;
        };
        let Some(head) = edit::head(ctx, is_response) else {
            return Verdict::Continue;
        };
        let mut rest = bytes;
        let mut result = Err(Fault::Unended);
        while !rest.is_empty() {
            match text(&mut rest) {
                Ok([]) => {
                    result = Ok(());
                    break;
                }
                Ok(name) if is_immutable(name) => {}
                Ok(name) => {
                    how.remove(head, name);
                }
                Err(fault) => {
                    result = Err(fault);
                    break;
                }
            }
        }
        verdict(result, ctx)
    }))
}

/// Takes a length-prefixed text.
fn text<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8], Fault> {
    let len = varint(rest).ok_or(Fault::Entry)?;
    let len = usize::try_from(len).map_err(|_| Fault::Entry)?;
    let (text, after) = rest.split_at_checked(len).ok_or(Fault::Entry)?;
    *rest = after;
    Ok(text)
}

/// Takes a variable-length integer of the peers protocol: one byte below 240, else four bits and
/// then seven per byte.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let (first, mut after) = rest.split_first()?;
    let mut value = u64::from(*first);
    if *first >= 240 {
        let mut shift = 4;
        loop {
            let (byte, more) = after.split_first()?;
            after = more;
            value = value.checked_add(u64::from(*byte).checked_shl(shift)?)?;
            shift += 7;
            if *byte < 128 {
                break;
            }
        }
    }
    *rest = after;
    Some(value)
}

/// Whether a field can be written without becoming another one: the bytes may come from a client.
fn is_field(name: &[u8], value: &[u8]) -> bool {
    let is_bad_in_name = |b: &u8| !b.is_ascii_graphic() || b"\"(),/:;<=>?@[\\]{}".contains(b);
    !name.iter().any(is_bad_in_name) && !value.iter().any(|b| matches!(b, 0 | b'\r' | b'\n'))
}

/// Fields that frame a message or belong to one connection.
fn is_immutable(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"connection",
        b"content-length",
        b"expect",
        b"keep-alive",
        b"proxy-connection",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}
