//! Malformed, oversized and smuggling requests.

use super::*;
use support::scenario::Step::{End, Finish};

/// Bytes that are answered and close the connection, then a good request on a new one.
fn raw(name: &str, bytes: impl AsRef<[u8]>) -> Case {
    Case::new(name, vec![send(bytes), End])
}

/// Bytes that may be kept: the client leaves after one answer.
fn kept(name: &str, bytes: impl AsRef<[u8]>) -> Case {
    Case::new(name, vec![send(bytes), response(), Finish, End])
}

const HOST: &str = "Host: h\r\n";

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\n{HOST}{fields}\r\n{body}")
}

#[test]
fn malformed_heads_are_refused() {
    Group::new(DIRECTORY, "heads", &plain("", ""))
        .cases([
            raw("garbage", "\x01\x02\x03 nonsense\r\n\r\n"),
            raw(
                "tls to plain",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            ),
            raw("http 0.9", "GET /\r\n\r\n"),
            raw("no version", "GET / \r\nHost: h\r\n\r\n"),
            raw("bad version", "GET / HTTP/1.x\r\nHost: h\r\n\r\n"),
            raw("version 2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n"),
            raw("version 3.1", "GET / HTTP/3.1\r\nHost: h\r\n\r\n"),
            raw("other protocol", "GET / RTSP/1.0\r\nHost: h\r\n\r\n"),
            raw("lower protocol", "GET / http/1.1\r\nHost: h\r\n\r\n"),
            raw("two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
            raw("tab for a space", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"),
            raw("leading space", " GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
            raw(
                "space in the target",
                "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            raw("bad method", "G(T / HTTP/1.1\r\nHost: h\r\n\r\n"),
            raw("nul in the target", "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"),
            raw(
                "nul in a name",
                "GET / HTTP/1.1\r\nHost: h\r\nX\0: 1\r\n\r\n",
            ),
            raw(
                "nul in a value",
                "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
            ),
            raw(
                "bare cr in a value",
                "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
            ),
            raw("bare cr line ends", "GET / HTTP/1.1\rHost: h\r\r"),
            raw(
                "space before the colon",
                "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
            ),
            raw("no colon", "GET / HTTP/1.1\r\nHost h\r\n\r\n"),
            raw("empty name", "GET / HTTP/1.1\r\n: h\r\n\r\n"),
            raw("bad name", "GET / HTTP/1.1\r\nHost: h\r\nX(a): 1\r\n\r\n"),
            kept(
                "folded value",
                "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n  b\r\n\r\n",
            ),
            raw(
                "fold in the first field",
                "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
            ),
            raw(
                "high byte in the target",
                b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            kept(
                "high byte in a value",
                b"GET / HTTP/1.1\r\nHost: h\r\nX: \xff\r\n\r\n",
            ),
            raw(
                "authority and host differ",
                "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
            ),
            raw("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
            raw("bad authority", "CONNECT a:b:c HTTP/1.1\r\nHost: a\r\n\r\n"),
        ])
        .check();
}

#[test]
fn framing_that_could_be_read_in_two_ways_is_refused() {
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    Group::new(DIRECTORY, "framing", &plain("", ""))
        .cases([
            kept(
                "length and chunked",
                post(
                    "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
                    smuggled,
                ),
            ),
            kept(
                "chunked and length",
                post(
                    "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
                    smuggled,
                ),
            ),
            raw(
                "two lengths",
                post("Content-Length: 5\r\nContent-Length: 6\r\n", "12345"),
            ),
            raw(
                "two lengths in a list",
                post("Content-Length: 5, 6\r\n", "12345"),
            ),
            raw("negative length", post("Content-Length: -1\r\n", "")),
            raw("signed length", post("Content-Length: +5\r\n", "12345")),
            raw("hex length", post("Content-Length: 0x5\r\n", "12345")),
            raw("spaced length", post("Content-Length: 5 5\r\n", "12345")),
            raw("empty length", post("Content-Length:\r\n", "12345")),
            raw(
                "huge length",
                post("Content-Length: 99999999999999999999\r\n", ""),
            ),
            raw(
                "coding not last",
                post("Transfer-Encoding: chunked, gzip\r\n", smuggled),
            ),
            raw(
                "chunked twice",
                post("Transfer-Encoding: chunked, chunked\r\n", smuggled),
            ),
            raw(
                "unknown coding",
                post("Transfer-Encoding: xchunked\r\n", smuggled),
            ),
            raw(
                "coding with a tab",
                post("Transfer-Encoding:\tx chunked\r\n", smuggled),
            ),
            raw(
                "no chunk size",
                post("Transfer-Encoding: chunked\r\n", "\r\nabc\r\n0\r\n\r\n"),
            ),
            raw(
                "bad chunk size",
                post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"),
            ),
            raw(
                "negative chunk size",
                post("Transfer-Encoding: chunked\r\n", "-1\r\nabc\r\n0\r\n\r\n"),
            ),
            raw(
                "huge chunk size",
                post(
                    "Transfer-Encoding: chunked\r\n",
                    "fffffffffffffffff\r\nabc\r\n",
                ),
            ),
            raw(
                "no end of chunk",
                post("Transfer-Encoding: chunked\r\n", "3\r\nabcde\r\n0\r\n\r\n"),
            ),
            raw(
                "nul in an extension",
                post("Transfer-Encoding: chunked\r\n", "3;\0\r\nabc\r\n0\r\n\r\n"),
            ),
            raw(
                "chunk size ended by cr",
                post("Transfer-Encoding: chunked\r\n", "3\rabc\r\n0\r\n\r\n"),
            ),
            raw(
                "bad trailer",
                post("Transfer-Encoding: chunked\r\n", "0\r\nno colon\r\n\r\n"),
            ),
        ])
        .check();
}

#[test]
fn heads_that_are_too_large_are_refused() {
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    Group::new(DIRECTORY, "sizes", &plain("", ""))
        .cases([
            raw(
                "a long line",
                format!(
                    "GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
                    "x".repeat(1 << 20)
                ),
            ),
            raw(
                "a long target",
                format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(1 << 20)),
            ),
            raw("a long line without end", "x".repeat(1 << 20)),
            raw(
                "many fields",
                format!("GET / HTTP/1.1\r\nHost: h\r\n{many}\r\n"),
            ),
        ])
        .check();
}

#[test]
fn the_connection_header_s_own_bytes_are_refused_when_wrong() {
    let config = plain("", "").replace("bind <fe>", "bind <fe> accept-proxy");
    let good = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let v2 = b"\r\n\r\n\0\r\nQUIT\n";
    let with = |rest: &[u8]| [&v2[..], rest].concat();
    Group::new(DIRECTORY, "proxy-header", &config)
        .cases([
            kept(
                "version 1",
                format!("PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n{good}"),
            ),
            kept("version 1, unknown", format!("PROXY UNKNOWN\r\n{good}")),
            raw("none", good),
            raw(
                "bad family",
                format!("PROXY TCP5 192.0.2.1 192.0.2.2 1000 80\r\n{good}"),
            ),
            raw(
                "line feed only",
                format!("PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\n{good}"),
            ),
            raw(
                "a line too long",
                format!("PROXY TCP4 {}\r\n{good}", "1".repeat(120)),
            ),
            raw(
                "version 2, bad version",
                with(b"\x11\x11\0\x0c123456789012"),
            ),
            raw(
                "version 2, bad command",
                with(b"\x25\x11\0\x0c123456789012"),
            ),
            raw("version 2, too short", with(b"\x21\x11\0\x0412345678")),
            kept(
                "version 2, local",
                with(&[&b"\x20\0\0\0"[..], good.as_bytes()].concat()),
            ),
            Case::new(
                "version 1, cut",
                vec![send("PROXY TCP4 192.0."), Finish, End],
            ),
            Case::new("nothing", vec![Finish, End]),
        ])
        .check();
}
