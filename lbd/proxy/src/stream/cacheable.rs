//! Whether a shared cache might keep a response (`option checkcache`, `cookie … nocache`).
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
    let said = Said::of(response);
    (is_cacheable_by_default(request, response) || said.public) && !said.forbidden
}

/// Whether a shared cache would keep the response, so that `cookie … nocache` has to forbid it.
pub(super) fn may_be_kept(request: &Head, response: &Head) -> bool {
    if request.first(b"authorization").is_some()
        || header::fhdr(request, b"cache-control")
            .flat_map(words)
            .any(|word| word.eq_ignore_ascii_case(b"no-store"))
    {
        return false;
    }
    let said = Said::of(response);
    // Without a lifetime or a validator a cache has nothing to go by (RFC 9111 section 3).
    let is_useful = said.lifetime
        || [&b"expires"[..], b"etag", b"last-modified"]
            .iter()
            .any(|name| response.first(name).is_some());
    (is_cacheable_by_default(request, response) || said.public) && !said.forbidden && is_useful
}

fn is_cacheable_by_default(request: &Head, response: &Head) -> bool {
    matches!(request.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE")
        && CACHEABLE.contains(&response.status())
}

/// What a response says of caches.
#[derive(Default)]
struct Said {
    public: bool,
    forbidden: bool,
    lifetime: bool,
}

impl Said {
    fn of(response: &Head) -> Self {
        let mut said = Self::default();
        for value in header::fhdr(response, b"pragma") {
            said.forbidden |= value.len() >= 8 && value[..8].eq_ignore_ascii_case(b"no-cache");
        }
        for word in header::fhdr(response, b"cache-control").flat_map(words) {
            let word = word.to_ascii_lowercase();
            said.public |= word == b"public";
            said.lifetime |= word.starts_with(b"max-age=") || word.starts_with(b"s-maxage=");
            said.forbidden |= FORBIDDING.contains(&word.as_slice());
            said.forbidden |= word.starts_with(b"no-cache=\"set-cookie");
        }
        said
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
