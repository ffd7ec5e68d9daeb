//! Request targets: their forms and parts as offsets, ports, and addresses in them.
//!
//! It resolves no name and does not judge a target against a method (see `h1`).

pub mod normalize;
pub mod param;

pub use normalize::Normalizer;

use std::net::IpAddr;
use std::ops::Range;

use memchr::memchr;

/// The form of a request target (RFC 9112 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `scheme://authority/path?query`.
    Absolute,
    /// `*`.
    Asterisk,
    /// `host:port`, of CONNECT.
    Authority,
    /// None of these.
    Invalid,
    /// `/path?query`.
    Origin,
}

/// The parts of a target as ranges of it; a part that is not there is an empty range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The form.
    pub form: Form,
    /// Without `://`.
    pub scheme: Range<usize>,
    /// User information, host and port.
    pub authority: Range<usize>,
    /// From its first slash to before the `?`; a fragment, where accepted, is part of it.
    pub path: Range<usize>,
    /// After the `?`; `None` when there is no `?`.
    pub query: Option<Range<usize>>,
}

impl Target {
    /// Splits a target; only CONNECT (`connect`) has the authority form.
    pub fn split(target: &[u8], connect: bool) -> Self {
        let mut parts = Self {
            form: Form::Invalid,
            scheme: 0..0,
            authority: 0..0,
            path: target.len()..target.len(),
            query: None,
        };
        match target {
            [b'/', ..] => {
                parts.form = Form::Origin;
                parts.set_path(target, 0);
            }
            b"*" => parts.form = Form::Asterisk,
            [first, ..] => match scheme_end(target) {
                Some(end) if first.is_ascii_alphabetic() => {
                    parts.form = Form::Absolute;
                    parts.scheme = 0..end;
                    let from = end + 3;
                    let len = target[from..]
                        .iter()
                        .position(|b| matches!(b, b'/' | b'?' | b'#'))
                        .unwrap_or(target.len() - from);
                    parts.authority = from..from + len;
                    parts.set_path(target, from + len);
                }
                None if connect => {
                    parts.form = Form::Authority;
                    parts.authority = 0..target.len();
                }
                _ => {}
            },
            [] => {}
        }
        parts
    }

    fn set_path(&mut self, target: &[u8], from: usize) {
        match memchr(b'?', &target[from..]) {
            Some(len) => {
                self.path = from..from + len;
                self.query = Some(from + len + 1..target.len());
            }
            None => self.path = from..target.len(),
        }
    }
}

/// Offset of `://` after a scheme's characters.
fn scheme_end(target: &[u8]) -> Option<usize> {
    let end = target
        .iter()
        .position(|&b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')))?;
    (end > 0 && target[end..].starts_with(b"://")).then_some(end)
}

/// The path, from its first slash to before the `?`; `None` for `*`, CONNECT, or an empty one.
pub fn path(target: &[u8]) -> Option<&[u8]> {
    let parts = Target::split(target, false);
    let path = &target[parts.path];
    (path.first() == Some(&b'/')).then_some(path)
}

/// The path with the query string and its `?`.
pub fn pathq(target: &[u8]) -> Option<&[u8]> {
    let parts = Target::split(target, false);
    let from = parts.path.start;
    (target.get(from) == Some(&b'/')).then(|| &target[from..])
}

/// What follows the first `?`, possibly empty; `None` without `?`.
pub fn query(target: &[u8]) -> Option<&[u8]> {
    memchr(b'?', target).map(|at| &target[at + 1..])
}

/// The port that a scheme implies, as far as the reference knows it.
pub fn default_port(scheme: &[u8]) -> Option<u16> {
    if scheme.eq_ignore_ascii_case(b"http") {
        Some(80)
    } else if scheme.eq_ignore_ascii_case(b"https") {
        Some(443)
    } else {
        None
    }
}

/// Splits `host:port`; the host keeps its brackets, the port may be empty or missing.
pub fn split_port(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    let from = match authority.first() {
        Some(b'[') => memchr(b']', authority).map_or(authority.len(), |at| at + 1),
        _ => 0,
    };
    match memchr::memrchr(b':', &authority[from..]) {
        Some(at) => (&authority[..from + at], Some(&authority[from + at + 1..])),
        None => (authority, None),
    }
}

/// The host without port and user information; brackets stay.
pub fn host_only(authority: &[u8]) -> &[u8] {
    let from = memchr::memrchr(b'@', authority).map_or(0, |at| at + 1);
    split_port(&authority[from..]).0
}

/// The authority without an empty port or the one that the scheme implies.
pub fn strip_default_port<'a>(authority: &'a [u8], scheme: &[u8]) -> &'a [u8] {
    match split_port(authority) {
        (host, Some(port)) => {
            let implied = match default_port(scheme) {
                Some(80) => port == b"80",
                Some(_) => port == b"443",
                None => false,
            };
            if port.is_empty() || implied {
                host
            } else {
                authority
            }
        }
        (_, None) => authority,
    }
}

/// The address in the host part of an absolute target or of CONNECT's (`url_ip`).
pub fn url_ip(target: &[u8]) -> Option<IpAddr> {
    let parts = Target::split(target, true);
    let host = host_only(&target[parts.authority]);
    let text = std::str::from_utf8(host).ok()?;
    match text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => text.parse().ok().map(IpAddr::V4),
    }
}

/// The port in the host part of a target whose host is an address, 80 when it names none
/// (`url_port`); a name instead of an address gives nothing, as in the reference.
pub fn url_port(target: &[u8]) -> Option<u16> {
    url_ip(target)?;
    let parts = Target::split(target, true);
    match split_port(&target[parts.authority]).1 {
        None | Some(b"") => Some(80),
        Some(port) => std::str::from_utf8(port).ok()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
