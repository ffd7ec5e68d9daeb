//! Persistence cookies: which server they choose, what becomes of them, the two letters of manual
//! 8.5 that tell of it, and what caches are told.

use std::time::{SystemTime, UNIX_EPOCH};

use super::*;
use support::scenario::Step;
use support::scenario::Step::{End, Finish, RawEnd, Request};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A date as cookies carry it: four seconds a unit, six bits a letter.
fn date(seconds_ago: u64) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let then = (now - seconds_ago) / 4;
    (0..5)
        .rev()
        .map(|at| char::from(DIGITS[usize::try_from(then >> (6 * at) & 63).expect("six bits")]))
        .collect()
}

/// The last two letters: what the cookie did.
#[test]
fn cookies_are_told_of_as_in_the_reference() {
    let text = plain("", "").replace(
        "    server s1 <s1>\n",
        "    <cookie>
    http-after-response replace-header set-cookie ^(SRV=[a-z]*)\\|[^\\|;]*\\|[^;]*(.*)$ \\1|t|t\\2
    http-after-response replace-header set-cookie ^(SRV=[a-z]*)\\|[^\\|;]{3,}(;.*|)$ \\1|t\\2
    server s1 <s1> cookie a
    server s2 <s2> cookie b
    server s3 <s3> cookie c disabled
",
    );
    let own = "HTTP/1.1 200 OK\r\nSet-Cookie: SRV=own; path=/\r\nSet-Cookie: X=y\r\nContent-Length: 2\r\n\r\nok";
    let twice = "HTTP/1.1 200 OK\r\nSet-Cookie: SRV=own; path=/\r\nSet-Cookie: X=y\r\nSet-Cookie: SRV=more\r\nContent-Length: 2\r\n\r\nok";
    let joined =
        "HTTP/1.1 200 OK\r\nSet-Cookie: SRV=own; path=/, X=y\r\nContent-Length: 2\r\n\r\nok";
    let ask = |name: &str, line: &str, cookie: &str, answer: &str| {
        let head = match cookie {
            "" => "GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            value => format!("GET / HTTP/1.1\r\nHost: h\r\nCookie: u=v; {value}; w=x\r\n\r\n"),
        };
        ["s1", "s2", "s3"].iter().fold(
            Case::new(name, vec![send(head), response(), Finish, End]).with("cookie", line),
            |case, server| case.server_named(server, vec![Request, send(answer), RawEnd]),
        )
    };
    let insert = "cookie SRV insert indirect nocache";
    let dated = "cookie SRV insert indirect nocache maxidle 1h maxlife 2h";
    let seen = |cookie: &str, last: u64, first: u64| {
        format!("SRV={cookie}|{}|{}", date(last), date(first))
    };
    Group::new(DIRECTORY, "letters-cookies", &text)
        .isolated()
        .cases([
            ask("none", insert, "", OK),
            ask("none, only for posts", "cookie SRV insert indirect postonly", "", OK),
            ask("valid", insert, "SRV=b", OK),
            ask("unknown", insert, "SRV=z", OK),
            ask("empty", insert, "SRV=", OK),
            ask("of a server that is down", insert, "SRV=c", OK),
            ask("kept from the server", insert, "SRV=a", own),
            ask("seen by the server", "cookie SRV insert", "SRV=a", own),
            ask("seen by the server, none", "cookie SRV insert", "", own),
            ask("preserved", "cookie SRV insert indirect preserve", "", own),
            ask("preserved, known", "cookie SRV insert indirect preserve", "SRV=b", own),
            ask("preserved, none", "cookie SRV insert preserve", "", OK),
            ask("rewritten", "cookie SRV rewrite", "", own),
            ask("rewritten, none", "cookie SRV rewrite", "", OK),
            ask("rewritten, known", "cookie SRV rewrite", "SRV=b", own),
            ask("prefixed", "cookie SRV prefix", "", own),
            ask("prefixed, none", "cookie SRV prefix", "", OK),
            ask("prefixed, known", "cookie SRV prefix", "SRV=b~own", own),
            ask("prefixed, unknown", "cookie SRV prefix", "SRV=z~own", own),
            ask("prefixed without a prefix", "cookie SRV prefix", "SRV=own", OK),
            ask("prefixed, nocache", "cookie SRV prefix nocache", "SRV=b~own", own),
            ask("passive", "cookie SRV", "SRV=b", own),
            ask("passive, none", "cookie SRV", "", OK),
            ask("forms of the cookie", "cookie SRV insert httponly secure domain .h.example domain .i.example attr SameSite=Lax attr Priority=High", "", OK),
            ask("not used", &format!("{insert}\n    use-server s1 if TRUE"), "SRV=b", OK),
            ask("ignored", &format!("{insert}\n    ignore-persist if TRUE"), "SRV=b", OK),
            ask("forced", &format!("{insert}\n    option persist"), "SRV=c", OK),
            ask("dated, none", dated, "", OK),
            ask("dated, fresh", dated, &seen("b", 0, 10), OK),
            ask("dated, not quite fresh", dated, &seen("b", 100, 1000), OK),
            ask("dated, too old", dated, &seen("b", 4000, 5000), OK),
            ask("dated, from too long ago", dated, &seen("b", 10, 8000), OK),
            ask("dated, without dates", dated, "SRV=b", OK),
            ask("dated, without the first", dated, &format!("SRV=b|{}", date(10)), OK),
            ask("dated, with bad dates", dated, "SRV=b|!!|??", OK),
            ask("dated, from the future", dated, &format!("SRV=b|{}|{}", "z//AA", "z//AA"), OK),
            ask("dates nobody asked for", insert, &seen("b", 10, 10), OK),
            ask("only idle", "cookie SRV insert indirect maxidle 1h", &seen("b", 100, 100), OK),
            ask("only life", "cookie SRV insert indirect maxlife 1h", &seen("b", 100, 100), OK),
            ask("only life, too old", "cookie SRV insert indirect maxlife 1h", &seen("b", 100, 4000), OK),
            ask("only life, none", "cookie SRV insert indirect maxlife 1h", "SRV=b", OK),
            ask("dynamic", "cookie SRV insert indirect dynamic\n    dynamic-cookie-key k", "SRV=b", OK),
            ask("two of them", insert, "SRV=z; SRV=b", OK),
            ask("two good ones", insert, "SRV=a; SRV=b", OK),
            ask("two of them, seen by the server", "cookie SRV insert", "SRV=z; SRV=b", OK),
            ask("two of them, prefixed", "cookie SRV prefix", "SRV=z~1; SRV=b~2", OK),
            ask("two good ones, prefixed", "cookie SRV prefix", "SRV=a~1; SRV=b~2", OK),
            ask("two from the server", insert, "", twice),
            ask("two from the server, rewritten", "cookie SRV rewrite", "", twice),
            ask("two from the server, prefixed", "cookie SRV prefix", "", twice),
            ask("two in a field", insert, "", joined),
            ask("quoted", insert, "SRV=\"b\"", OK),
        ])
        .check();
}

/// `nocache` says `private` only of what a cache might keep.
#[test]
fn inserted_cookies_keep_answers_out_of_caches_as_in_the_reference() {
    let text = plain("", "    cookie S insert indirect nocache")
        .replace("server s1 <s1>", "server s1 <s1> cookie a");
    let ask = |name: &str, method: &'static str, status: &str, field: &str| {
        let answer = format!("HTTP/1.1 {status}\r\n{field}Content-Length: 0\r\n\r\n");
        let request = format!("{method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        let client = vec![send(request), Step::Response(method), Finish, End];
        Case::new(name, client).server(vec![Request, send(answer), RawEnd])
    };
    let ok = "200 OK";
    Group::new(DIRECTORY, "letters-nocache", &text)
        .cases([
            ask("nothing", "GET", ok, ""),
            ask("an etag", "GET", ok, "ETag: \"x\"\r\n"),
            ask(
                "a date of change",
                "GET",
                ok,
                "Last-Modified: Mon, 06 Nov 2023 08:49:37 GMT\r\n",
            ),
            ask(
                "an end",
                "GET",
                ok,
                "Expires: Mon, 06 Nov 2033 08:49:37 GMT\r\n",
            ),
            ask("an age", "GET", ok, "Cache-Control: max-age=60\r\n"),
            ask("a shared age", "GET", ok, "Cache-Control: s-maxage=60\r\n"),
            ask("no age", "GET", ok, "Cache-Control: max-age=0\r\n"),
            ask("public", "GET", ok, "Cache-Control: public\r\n"),
            ask(
                "private",
                "GET",
                ok,
                "Cache-Control: private, max-age=60\r\n",
            ),
            ask("no store", "GET", ok, "Cache-Control: no-store\r\n"),
            ask("no cache", "GET", ok, "Cache-Control: no-cache\r\n"),
            ask(
                "no cache of cookies",
                "GET",
                ok,
                "Cache-Control: no-cache=\"set-cookie\"\r\nETag: x\r\n",
            ),
            ask(
                "revalidate",
                "GET",
                ok,
                "Cache-Control: must-revalidate\r\n",
            ),
            ask("pragma", "GET", ok, "Pragma: no-cache\r\nETag: x\r\n"),
            ask(
                "pragma and an age",
                "GET",
                ok,
                "Pragma: no-cache\r\nCache-Control: max-age=60\r\n",
            ),
            ask("vary", "GET", ok, "Vary: accept\r\nETag: x\r\n"),
            ask("a head", "HEAD", ok, "ETag: x\r\n"),
            ask("a form", "POST", ok, "ETag: x\r\n"),
            ask(
                "a form with an age",
                "POST",
                ok,
                "Cache-Control: max-age=60\r\n",
            ),
            ask("options", "OPTIONS", ok, "ETag: x\r\n"),
            ask("moved", "GET", "301 Moved", ""),
            ask("found", "GET", "302 Found", ""),
            ask("found with an etag", "GET", "302 Found", "ETag: x\r\n"),
            ask(
                "found and public",
                "GET",
                "302 Found",
                "Cache-Control: public\r\n",
            ),
            ask("not there", "GET", "404 No", ""),
            ask(
                "not there with an age",
                "GET",
                "404 No",
                "Cache-Control: max-age=6\r\n",
            ),
            ask(
                "found and public with an etag",
                "GET",
                "302 Found",
                "Cache-Control: public\r\nETag: x\r\n",
            ),
            ask(
                "a form, public with an etag",
                "POST",
                ok,
                "Cache-Control: public\r\nETag: x\r\n",
            ),
            ask("broken with an etag", "GET", "500 No", "ETag: x\r\n"),
            ask("unchanged", "GET", "304 Same", "ETag: x\r\n"),
        ])
        .check();
    let text = text.replace(
        "indirect nocache",
        "indirect nocache\n    option checkcache",
    );
    let text = text.replace("cookie S insert indirect nocache", "");
    Group::new(DIRECTORY, "letters-checkcache", &text)
        .cases([
            ask("nothing", "GET", ok, "Set-Cookie: a=b\r\n"),
            ask(
                "no store",
                "GET",
                ok,
                "Set-Cookie: a=b\r\nCache-Control: no-store\r\n",
            ),
            ask("found", "GET", "302 Found", "Set-Cookie: a=b\r\n"),
            ask("not there", "GET", "404 No", "Set-Cookie: a=b\r\n"),
        ])
        .check();
}
