//! Whether a shared cache might keep a response that sets a cookie (`option checkcache`).
//!
//! It only judges: refusing is the caller's work.

use lbd_http::{Head, header};

#[cfg(test)]
mod tests;

/// Whether the response sets a cookie and nothing forbids a cache to keep it (haproxy 3.4
/// configuration 4.2, `option checkcache`).
pub(super) fn leaks(request: &Head, response: &Head) -> bool {
    if response.first(b"set-cookie").is_none() {
        return false;
    }
    let by_default = matches!(request.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE")
        && CACHEABLE.contains(&response.status());
    let mut is_public = false;
    let mut is_forbidden = false;
    for value in header::fhdr(response, b"pragma") {
        is_forbidden |= value.len() >= 8 && value[..8].eq_ignore_ascii_case(b"no-cache");
    }
    for word in header::fhdr(response, b"cache-control").flat_map(words) {
        let word = word.to_ascii_lowercase();
        is_public |= word == b"public";
        is_forbidden |= FORBIDDING.contains(&word.as_slice());
        is_forbidden |= word == b"no-cache=\"set-cookie\"" || word == b"no-cache=\"set-cookie";
    }
    (by_default || is_public) && !is_forbidden
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Statuses that a cache may keep without being told so.
const CACHEABLE: &[u16] = &[200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501];

/// Words of `Cache-Control` that keep a response out of shared caches.
const FORBIDDING: &[&[u8]] = &[
    b"private",
    b"no-cache",
    b"no-store",
    b"max-age=0",
    b"s-maxage=0",
];
