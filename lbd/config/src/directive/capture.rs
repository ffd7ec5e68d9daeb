//! `capture` and `declare capture`: slots for headers and cookies in logs.
//!
//! The actions that fill declared slots are rules.

use lbd_core::Diag;

use super::{directive, end};
use crate::config::{CaptureSpec, CookieCapture};
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::words::Words;

/// Most slots of one direction.
pub const MAX_CAPTURES: usize = 1024;
/// Longest captured value.
const MAX_LEN: i64 = 65_535;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "capture",
        Sections::OWN_FRONT,
        "Keeps a header or cookie for logs (4.2).",
        &[
            Example::Ok("capture request header User-Agent len 128"),
            Example::Ok("capture response header Location len 20"),
            Example::Ok("capture cookie SESSION= len 32"),
            Example::Fail(
                "capture request header Host",
                "'header' <header_name> 'len' <len>",
            ),
            Example::Fail("capture x", "expects 'cookie' or 'request header'"),
        ],
        capture,
    ),
    directive(
        "declare",
        Sections::OWN_FRONT,
        "Reserves a capture slot: 'declare capture' (4.2).",
        &[
            Example::Ok("declare capture request len 20"),
            Example::Fail(
                "declare capture both len 1",
                "expects 'request' or 'response'",
            ),
            Example::Fail("declare x", "supports only 'capture'"),
        ],
        declare,
    ),
];

fn capture(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    match words.text()? {
        Some("cookie") => cookie(site, words),
        Some(side @ ("request" | "response")) if words.take_if("header") => {
            let keyword = format!("capture {side}");
            let fault = format!("'{keyword}' expects 'header' <header_name> 'len' <len>.");
            let name = words
                .text()?
                .ok_or_else(|| Diag::alert(here, fault.clone()))?;
            if !words.take_if("len") {
                return Err(Diag::alert(words.here(), fault));
            }
            let len = words.int(&format!("{keyword} header len"), 0..=MAX_LEN)?;
            let spec = CaptureSpec {
                header: Some(name.to_ascii_lowercase().into_bytes()),
                len: usize::try_from(len).unwrap_or_default(),
            };
            add(site, side, spec, here)?;
            end(words, &keyword)
        }
        _ => Err(Diag::alert(
            here,
            "'capture' expects 'cookie' or 'request header' or 'response header'.",
        )),
    }
}

fn add(
    site: &mut Site<'_>,
    side: &str,
    spec: CaptureSpec,
    span: lbd_core::Span,
) -> Result<(), Diag> {
    let list = match side {
        "request" => &mut site.proxy.request_captures,
        _ => &mut site.proxy.response_captures,
    };
    if list.len() >= MAX_CAPTURES {
        return Err(Diag::alert(
            span,
            format!("too many {side} captures, limited to {MAX_CAPTURES}"),
        ));
    }
    list.push(spec);
    Ok(())
}

fn cookie(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let fault = "'capture' expects 'cookie' <cookie_name> 'len' <len>.";
    let here = words.here();
    let name = words.text()?.ok_or_else(|| Diag::alert(here, fault))?;
    if !words.take_if("len") {
        return Err(Diag::alert(words.here(), fault));
    }
    let len = words.int("capture cookie len", 0..=MAX_LEN)?;
    let (text, is_prefix) = match name.strip_suffix('=') {
        Some(exact) => (exact, false),
        None => (name, true),
    };
    site.proxy.capture_cookie = Some(CookieCapture {
        name: text.as_bytes().to_vec(),
        is_prefix,
        len: usize::try_from(len).unwrap_or_default(),
    });
    end(words, "capture cookie")
}

fn declare(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    if !words.take_if("capture") {
        let got = words.text()?.unwrap_or("");
        return Err(Diag::alert(
            here,
            format!("'declare' supports only 'capture' (got '{got}')"),
        ));
    }
    let here = words.here();
    let side = words.text()?.unwrap_or("");
    if !matches!(side, "request" | "response") {
        return Err(Diag::alert(
            here,
            format!("'declare capture' expects 'request' or 'response' (got '{side}')"),
        ));
    }
    if !words.take_if("len") {
        return Err(Diag::alert(
            words.here(),
            "'declare capture' expects 'len' <length>",
        ));
    }
    let len = words.exact_int("declare capture len", 0..=MAX_LEN)?;
    let spec = CaptureSpec {
        header: None,
        len: usize::try_from(len).unwrap_or_default(),
    };
    add(site, side, spec, here)?;
    words.ignore_rest("declare capture");
    Ok(())
}
