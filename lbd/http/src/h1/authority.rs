//! The request target against its method and against Host (RFC 9112 3.2, 3.3; RFC 3986 6.2.3).
//!
//! It does not resolve or compare addresses: authorities are compared as text.

use super::fields::Facts;
use super::{ParseError, Reason};
use crate::head::Head;
use crate::method::Method;
use crate::uri::{Form, Target, strip_default_port};

const MISMATCH: ParseError = ParseError::new(0, Reason::HostMismatch);

/// Checks the target's form, Host's bytes, and that both name the same authority; then removes a
/// default port and completes an empty path, in the target and in Host alike.
///
/// Returns the mismatch that was let pass, if `relaxed`.
pub(crate) fn check_target(
    head: &mut Head,
    facts: &Facts,
    connect: bool,
    relaxed: bool,
) -> Result<Option<ParseError>, ParseError> {
    let host = facts.host.map_or(&[][..], |index| head.value(index));
    if !is_host(host) {
        return Err(ParseError::new(0, Reason::InvalidHost));
    }
    // Nearly every request has the origin form, which says nothing of the authority.
    if head.target().first() == Some(&b'/') && !connect {
        return Ok(None);
    }
    let fault = ParseError::new(0, Reason::InvalidTarget);
    let target = Target::split(head.target(), connect);
    match target.form {
        Form::Origin => Err(fault),
        Form::Asterisk if takes_asterisk(head.method()) => Ok(None),
        Form::Asterisk | Form::Invalid => Err(fault),
        Form::Authority => check_connect(head, facts, relaxed),
        Form::Absolute if connect => Err(fault),
        Form::Absolute => check_absolute(head, facts, relaxed),
    }
}

/// `*` is for OPTIONS; methods that we do not know may use it too, as in the reference. PRI is the
/// beginning of HTTP/2, which must not pass for a request (RFC 9113 11.6).
fn takes_asterisk(method: &[u8]) -> bool {
    match Method::of(method) {
        Method::Options => true,
        Method::Other => method != b"PRI",
        _ => false,
    }
}

fn check_connect(
    head: &mut Head,
    facts: &Facts,
    relaxed: bool,
) -> Result<Option<ParseError>, ParseError> {
    let authority = without_userinfo(head.target());
    let mut violation = None;
    if !has_port(authority) {
        violation = Some(ParseError::new(0, Reason::InvalidTarget));
    }
    // Without a scheme either well-known port is the default one.
    let https = authority.ends_with(b":443");
    let scheme: &[u8] = if https { b"https" } else { b"http" };
    let bare = strip_default_port(authority, scheme);
    if let Some(index) = facts.host {
        let same = same_authority(head.value(index), authority, scheme);
        if !same {
            violation.get_or_insert(MISMATCH);
        }
    }
    if let Some(fault) = violation
        && !relaxed
    {
        return Err(fault);
    }
    if let Some(index) = facts.host
        && violation.is_none()
        && bare.len() < authority.len()
        && head.value(index) != bare
    {
        let bare = bare.to_vec();
        head.replace_value(index, &bare)
            .map_err(|_| ParseError::new(0, Reason::HeadTooLong))?;
    }
    Ok(violation)
}

fn check_absolute(
    head: &mut Head,
    facts: &Facts,
    relaxed: bool,
) -> Result<Option<ParseError>, ParseError> {
    let bytes = head.target();
    let target = Target::split(bytes, false);
    let scheme = &bytes[target.scheme.clone()];
    let full = &bytes[target.authority.clone()];
    let authority = without_userinfo(full);
    let mut violation = None;
    // The authority must run up to the path: `http://a?b` is refused as the reference does.
    if !is_host(authority) || matches!(bytes.get(target.authority.end), Some(b'?' | b'#')) {
        violation = Some(ParseError::new(0, Reason::InvalidTarget));
    }
    if let Some(index) = facts.host
        && !same_authority(head.value(index), authority, scheme)
    {
        violation.get_or_insert(MISMATCH);
    }
    if let Some(fault) = violation
        && !relaxed
    {
        return Err(fault);
    }
    let bare = strip_default_port(authority, scheme);
    let pathless = bytes.get(target.path.start) != Some(&b'/') && head.method() != b"OPTIONS";
    if bare.len() == authority.len() && !pathless {
        return Ok(violation);
    }
    let end = target.authority.end;
    let cut = end - (authority.len() - bare.len())..end;
    let bare = facts.host.is_some().then(|| bare.to_vec());
    let full = ParseError::new(0, Reason::HeadTooLong);
    head.splice_target(cut, if pathless { b"/" } else { b"" })
        .map_err(|_| full)?;
    if let (Some(index), Some(bare)) = (facts.host, bare)
        && head.value(index) != bare
    {
        head.replace_value(index, &bare).map_err(|_| full)?;
    }
    Ok(violation)
}

/// The part after the last `@`.
fn without_userinfo(authority: &[u8]) -> &[u8] {
    let at = memchr::memrchr(b'@', authority).map_or(0, |at| at + 1);
    &authority[at..]
}

/// CONNECT needs a host and a port (RFC 9110 9.3.6).
pub(crate) fn has_port(authority: &[u8]) -> bool {
    match memchr::memrchr(b':', authority) {
        None | Some(0) => false,
        Some(colon) => {
            let port = &authority[colon + 1..];
            !port.is_empty() && port.iter().all(u8::is_ascii_digit) && is_host(&authority[..colon])
        }
    }
}

/// The same host and port, each default port apart.
fn same_authority(host: &[u8], authority: &[u8], scheme: &[u8]) -> bool {
    host.eq_ignore_ascii_case(authority)
        || strip_default_port(host, scheme)
            .eq_ignore_ascii_case(strip_default_port(authority, scheme))
}

/// No byte that ends an authority, and brackets only around an address in front.
pub(crate) fn is_host(host: &[u8]) -> bool {
    // No early end: the loop becomes vector code.
    let (bad, bracket) = host.iter().fold((false, false), |(bad, bracket), &b| {
        let ends = (b <= b' ') | (b >= 0x7f) | (b == b',') | (b == b'/') | (b == b'?');
        let parts = (b == b'#') | (b == b'@') | (b == b'\\');
        (bad | ends | parts, bracket | (b == b'[') | (b == b']'))
    });
    if bad || !bracket {
        return !bad;
    }
    host.strip_prefix(b"[")
        .and_then(|rest| rest.get(memchr::memchr(b']', rest)? + 1..))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b':')) && !rest.contains(&b'['))
}
