//! Whether a browser was led here by another site: changes are taken from pages of the same origin
//! only, so that a link or a form elsewhere cannot drain a server in an operator's name.
//!
//! Clients that are no browsers send none of these fields and are let through.

use lbd_http::{Head, uri};

/// Whether a request that changes something may come from where it says.
pub(super) fn is_own(head: &Head) -> bool {
    // Set by the browser itself, and the only one that it always sends to a secure origin.
    if let Some(site) = head.first(b"sec-fetch-site")
        && !matches!(site, b"same-origin" | b"none")
    {
        return false;
    }
    let said = head.first(b"origin").or_else(|| head.first(b"referer"));
    said.is_none_or(|said| is_here(head, said))
}

/// Whether `url` names the host that was asked. Schemes are not compared: a proxy before this one
/// may have taken the encryption off.
fn is_here(head: &Head, url: &[u8]) -> bool {
    let Some(colon) = memchr::memmem::find(url, b"://") else {
        // `null`: a page that has no origin, or hides it.
        return false;
    };
    let (scheme, rest) = (&url[..colon], &url[colon + 3..]);
    let end = rest.iter().position(|byte| b"/?#".contains(byte));
    let there = &rest[..end.unwrap_or(rest.len())];
    let Some(here) = head.first(b"host") else {
        return false;
    };
    let here = uri::strip_default_port(here, scheme);
    !here.is_empty() && here.eq_ignore_ascii_case(uri::strip_default_port(there, scheme))
}

#[cfg(test)]
mod tests;
