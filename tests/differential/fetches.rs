//! What fetches see of requests (manual 7.3.6), in an answer of the proxy's own.

use super::*;
use support::scenario::Step::End;

/// The places of one target and of its fields.
const FETCHES: &str = "base base32 base32+src,hex baseq path pathq query url url32 url32+src,hex \
                       capture.req.uri capture.req.method capture.req.ver req.cook req.cook_cnt \
                       req.cook(k) req.cook_cnt(k) req.cook_val(k) http_auth(users) http_auth_type \
                       http_auth_user http_auth_pass http_auth_bearer req.hdr(x-a) req.hdr(x-a,1) \
                       req.hdr(x-a,-2) req.fhdr(x-a) req.fhdr(x-a,1) req.hdr_cnt(x-a) \
                       req.fhdr_cnt(x-a) req.hdr_ip(x-f) req.hdr_ip(x-f,1) \
                       url_param url_param(a) url_param(b) url_param(a,;) urlp_val(a) \
                       hdr(host),host_only hdr(host),port_only fe_defbe method req.ver \
                       http_first_req";

const REQUESTS: &[(&str, &str)] = &[
    (
        "plain",
        "GET /a/b?a=1&b=x%20y&a=3 HTTP/1.1\r\nHost: H.Example:80",
    ),
    ("asterisk", "OPTIONS * HTTP/1.1\r\nHost: h:80"),
    (
        "authority without a path",
        "GET http://h:81 HTTP/1.1\r\nHost: h:81",
    ),
    ("absolute", "GET http://h:81/u?a=5 HTTP/1.1\r\nHost: h:81"),
    (
        "odd parameters",
        "GET /p?aa=1;a=2&=x&a&b= HTTP/1.1\r\nHost: [::1]:80",
    ),
    ("fragment", "GET /p;a=1?a=5?b=2 HTTP/1.0\r\nHost: 1.2.3.4"),
    (
        "lists",
        "GET / HTTP/1.1\r\nHost: h\r\nX-A: one, \"t,wo\" ,three\r\nX-A:\r\nx-a: four\r\n\
         X-F: 10.0.0.1, [::1]:5\r\nX-F: 10.0.0.2:80",
    ),
    (
        "cookies",
        "GET / HTTP/1.1\r\nHost: h\r\nCookie: j=0; k=1;K=2; k=\"3\" ;z=\"q;r\"\r\nCookie: k2=4;;k=5",
    ),
    (
        "a cookie without a name",
        "GET / HTTP/1.1\r\nHost: h\r\nCookie: =x; k=",
    ),
    (
        "a password",
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic dTpw",
    ),
    (
        "another password",
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: basic dTpwOnE=",
    ),
    (
        "credentials that cannot be read",
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic !!",
    ),
    (
        "an unknown scheme",
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Foo dTpw",
    ),
    (
        "a token",
        "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer abc.def",
    ),
];

#[test]
fn requests_are_seen_as_in_the_reference() {
    // Variables and fields, because the content of answers is compared by its sum only.
    let mut rules = String::new();
    for (at, fetch) in FETCHES.split_whitespace().enumerate() {
        rules.push_str(&format!(
            "    http-request set-var-fmt(txn.v{at}) \"{fetch}=%{{+Q,+E}}[{fetch}]\"\n    \
             http-after-response set-header f{at} %[var(txn.v{at})]\n"
        ));
    }
    rules.push_str("    http-request return status 200");
    let text = format!(
        "userlist users\n    user u insecure-password p\n{}",
        plain(&rules, "")
    );
    let cases = REQUESTS.iter().map(|(name, head)| {
        let request = format!("{head}\r\nConnection: close\r\n\r\n");
        Case::new(name, vec![send(&request), End])
    });
    Group::new(DIRECTORY, "fetches", &text)
        .without_counters()
        .cases(cases)
        .check();
}
