//! Whether a shared cache might keep a response (`option checkcache`, `cookie … nocache`).
//!
//! It only judges: refusing is the caller's work.

use lbd_http::{Head, header};

#[cfg(test)]
mod tests;

/// Whether the response sets a cookie and nothing forbids a cache to keep it (haproxy 3.4
/// configuration 4.2, `option checkcache`).
pub(super) fn leaks(request: &Head, response: &Head) -> bool {
    response.first(b"set-cookie").is_some() && keeping(request, response) == Keeping::All
}

/// Whether a cache may keep the response: `cookie … nocache` forbids it only then.
pub(super) fn may_be_kept(request: &Head, response: &Head) -> bool {
    keeping(request, response) != Keeping::Nothing
}

/// What of a response a shared cache may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    All,
    /// All but its cookies.
    NoCookies,
    Nothing,
}

/// As the reference judges: without an end or a mark to ask again by, nothing is kept (RFC 7234 3).
fn keeping(request: &Head, response: &Head) -> Keeping {
    let by_default = matches!(request.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE")
        && CACHEABLE.contains(&response.status());
    let mut is_public = false;
    let mut spares_cookies = false;
    let names: [&[u8]; 3] = [b"expires", b"etag", b"last-modified"];
    let mut is_dated = names.iter().any(|name| response.first(name).is_some());
    for value in header::fhdr(response, b"pragma") {
        if value.len() >= 8 && value[..8].eq_ignore_ascii_case(b"no-cache") {
            return Keeping::Nothing;
        }
    }
    for word in header::fhdr(response, b"cache-control").flat_map(words) {
        let word = word.to_ascii_lowercase();
        if FORBIDDING.contains(&word.as_slice()) {
            return Keeping::Nothing;
        }
        is_public |= word == b"public";
        is_dated |= word.starts_with(b"max-age=") || word.starts_with(b"s-maxage=");
        spares_cookies |= word == b"no-cache=\"set-cookie\"" || word == b"no-cache=\"set-cookie";
    }
    match is_dated && (by_default || is_public) {
        true if spares_cookies => Keeping::NoCookies,
        true => Keeping::All,
        false => Keeping::Nothing,
    }
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
