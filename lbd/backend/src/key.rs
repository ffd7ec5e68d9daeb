//! Keys of hash-based balancing: what the configuration names, and how raw bytes give it.
//!
//! It does not look for headers or parse messages: callers hand over URI, header value or body.

use std::net::IpAddr;

/// What `balance` takes from a request (haproxy 3.4 configuration 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySpec {
    /// `hash <expr>`: a sample that the caller evaluates.
    Expr,
    /// `hdr(<name>)`: the first comma-separated value of the first such header, not empty.
    Header {
        /// Lower-case name.
        name: String,
        /// `use_domain_only`.
        domain_only: bool,
    },
    /// `rdp-cookie(<name>)`.
    RdpCookie(String),
    /// `source`: the client's address.
    Source,
    /// `uri`.
    Uri {
        /// `whole`: the query string counts too.
        whole: bool,
        /// `len`: at most that many bytes; 0 for all.
        len: u32,
        /// `depth`: at most that many directories; 0 for all.
        depth: u32,
        /// `path-only`: without scheme and authority (the caller strips them).
        path_only: bool,
    },
    /// `url_param <name>`.
    UrlParam {
        /// Name of the parameter.
        name: String,
        /// `check_post`: look into the body of a POST when the query has none.
        check_post: bool,
    },
}

/// The key of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickKey<'a> {
    /// Bytes to be hashed.
    Bytes(&'a [u8]),
    /// The algorithm needs none, or the request does not have it: falls back to round robin.
    None,
    /// The client's address, for `source`.
    Source(IpAddr),
}

/// The part of `uri` that counts for `balance uri`.
pub fn uri_key(uri: &[u8], whole: bool, len: u32, depth: u32) -> &[u8] {
    let uri = match len {
        0 => uri,
        n => &uri[..uri.len().min(n as usize)],
    };
    let mut slashes = 0u32;
    for (at, &b) in uri.iter().enumerate() {
        match b {
            b'/' => {
                slashes = slashes.saturating_add(1);
                if depth != 0 && slashes == depth.saturating_add(1) {
                    return &uri[..at];
                }
            }
            b'?' if !whole => return &uri[..at],
            _ => {}
        }
    }
    uri
}

/// The value of parameter `name` in the query string of `uri`.
pub fn url_param<'a>(uri: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let query = uri.iter().position(|&b| b == b'?')?;
    find_param(&uri[query + 1..], name)
}

/// The value of parameter `name` in a url-encoded body; `None` as well when the value has bytes
/// that no encoded form has (the body is something else).
pub fn body_param<'a>(body: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = find_param(body, name)?;
    for (at, &b) in value.iter().enumerate() {
        if is_token(b) {
            continue;
        }
        return matches!(b, b' ' | b'\t' | b'\r' | b'\n').then(|| &value[..at]);
    }
    Some(value)
}

/// For `use_domain_only`: of `www.example.com` only `example`, the label before the last dot; the
/// whole value when it has no dot behind its first byte.
pub fn domain_only(value: &[u8]) -> &[u8] {
    let Some(end) = value.iter().rposition(|&b| b == b'.').filter(|&at| at > 0) else {
        return value;
    };
    let mut start = end - 1;
    while start > 0 && value[start - 1] != b'.' {
        start -= 1;
    }
    &value[start..end]
}

fn find_param<'a>(params: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    params.split(|&b| b == b'&').find_map(|pair| {
        let value = pair.strip_prefix(name)?;
        value.strip_prefix(b"=")
    })
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

#[cfg(test)]
mod tests;
