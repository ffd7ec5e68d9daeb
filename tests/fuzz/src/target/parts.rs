//! What a proxy looks at and changes in a head that was accepted: target, cookies, lists, dates.
//!
//! What must hold: places lie within their fields, and a removed cookie is gone.

use lbd_http::cookie::{self, Place};
use lbd_http::date::parse_http_date;
use lbd_http::h1::{EncodeOptions, encode_head};
use lbd_http::header::elements;
use lbd_http::uri::normalize::Normalizer;
use lbd_http::uri::param::{form_params, url_decode, url_params};
use lbd_http::uri::{self, Target};
use lbd_http::{Head, Kind};

const NORMALIZERS: &[Normalizer] = &[
    Normalizer::FragmentEncode,
    Normalizer::FragmentStrip,
    Normalizer::PathMergeSlashes,
    Normalizer::PathStripDot,
    Normalizer::PathStripDotdot { full: false },
    Normalizer::PathStripDotdot { full: true },
    Normalizer::PercentDecodeUnreserved { strict: false },
    Normalizer::PercentToUppercase { strict: true },
    Normalizer::QuerySortByName,
];

pub(super) fn look(head: &Head) {
    if head.kind() == Kind::Request {
        target(head.target(), head.method() == b"CONNECT");
    }
    for (_, value) in head.iter() {
        for element in elements(value) {
            assert!(element.len() <= value.len());
        }
        let _ = parse_http_date(value);
    }
    let places: Vec<Place> = cookies(head);
    for place in &places {
        assert_eq!(
            place.name_in(head).len(),
            place.name.len(),
            "{place:?} in its field"
        );
        assert_eq!(
            place.value_in(head).len(),
            place.value.len(),
            "{place:?} in its field"
        );
    }
    if let Some(last) = places.last() {
        change(head, last, places.len());
    }
}

fn cookies(head: &Head) -> Vec<Place> {
    let all = match head.kind() {
        Kind::Request => cookie::request_cookies(head),
        _ => cookie::response_cookies(head),
    };
    // Every field has room for so many; enough for what follows.
    all.take(10_000).collect()
}

fn change(head: &Head, place: &Place, count: usize) {
    if head.kind() == Kind::Request {
        let mut without = head.clone();
        cookie::remove(&mut without, place);
        assert!(
            cookies(&without).len() < count,
            "a removed cookie is still there"
        );
        write(&without);
    }
    let mut cut = head.clone();
    cookie::cut_value(&mut cut, place, 0..3);
    write(&cut);
    let mut replaced = head.clone();
    if cookie::replace_value(&mut replaced, place, b"s1").is_ok() {
        assert_eq!(
            cookies(&replaced).len(),
            count,
            "a replaced cookie stays one cookie"
        );
        write(&replaced);
    }
}

fn write(head: &Head) {
    let mut written = Vec::new();
    encode_head(head, &mut written, &EncodeOptions::default());
    assert!(written.ends_with(b"\r\n\r\n"));
}

fn target(target: &[u8], connect: bool) {
    let parts = Target::split(target, connect);
    assert!(parts.path.end <= target.len(), "{parts:?}");
    let _ = (uri::path(target), uri::pathq(target), uri::query(target));
    let _ = (uri::url_ip(target), uri::url_port(target));
    let _ = uri::host_only(target);
    for normalizer in NORMALIZERS {
        let mut normal = Vec::new();
        if normalizer.apply(target, &mut normal).is_ok() {
            assert!(
                normal.len() <= 3 * target.len() + 1,
                "{normalizer:?} makes it far longer"
            );
        }
    }
    for (name, value) in url_params(target, b'?').chain(form_params(target)) {
        let mut decoded = Vec::new();
        let _ = url_decode(value, true, &mut decoded);
        assert!(decoded.len() <= value.len() && name.len() <= target.len());
    }
}
