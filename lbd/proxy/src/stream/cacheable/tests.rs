use super::*;

fn verdict(method: &[u8], status: u16, fields: &[(&[u8], &[u8])]) -> bool {
    let mut request = Head::new();
    request.start_request(method, b"/", b"HTTP/1.1").unwrap();
    let mut response = Head::new();
    response.start_response(b"HTTP/1.1", status, b"x").unwrap();
    for (name, value) in fields {
        response.add(name, value).unwrap();
    }
    leaks(&request, &response)
}

const COOKIE: (&[u8], &[u8]) = (b"set-cookie", b"id=1");

const ETAG: (&[u8], &[u8]) = (b"etag", b"x");

#[test]
fn a_cookie_on_what_caches_keep_leaks() {
    assert!(verdict(b"GET", 200, &[COOKIE, ETAG]));
    assert!(verdict(b"HEAD", 404, &[COOKIE, ETAG]));
    assert!(verdict(
        b"GET",
        200,
        &[COOKIE, (b"cache-control", b"max-age=60")]
    ));
}

#[test]
fn without_an_end_or_a_mark_nothing_is_kept() {
    assert!(!verdict(b"GET", 200, &[COOKIE]));
    assert!(!verdict(
        b"GET",
        200,
        &[COOKIE, (b"cache-control", b"public")]
    ));
}

#[test]
fn without_a_cookie_or_a_cacheable_status_or_method_nothing_leaks() {
    assert!(!verdict(b"GET", 200, &[ETAG]));
    assert!(!verdict(b"GET", 302, &[COOKIE, ETAG]));
    assert!(!verdict(b"POST", 200, &[COOKIE, ETAG]));
}

#[test]
fn public_makes_anything_cacheable() {
    let public: (&[u8], &[u8]) = (b"cache-control", b"public, max-age=60");
    assert!(verdict(b"POST", 200, &[COOKIE, public]));
    assert!(verdict(b"GET", 302, &[COOKIE, public]));
}

#[test]
fn headers_that_keep_it_out_of_shared_caches_let_it_pass() {
    let fields: &[(&[u8], &[u8])] = &[
        (b"pragma", b"no-cache"),
        (b"cache-control", b"Private"),
        (b"cache-control", b"no-store"),
        (b"cache-control", b"max-age=0"),
        (b"cache-control", b"must-revalidate, s-maxage=0"),
        (b"cache-control", b"no-cache"),
        (b"cache-control", b"no-cache=\"set-cookie\""),
        (b"cache-control", b"no-cache=\"set-cookie, x-other\""),
    ];
    for field in fields {
        assert!(!verdict(b"GET", 200, &[COOKIE, ETAG, *field]), "{field:?}");
    }
}
