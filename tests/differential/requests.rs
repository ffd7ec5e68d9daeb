//! Requests of every form.

use super::*;
use support::scenario::Step::{self, End};

/// A request, then a second one on the same connection when the proxy keeps it, then the end.
fn request(name: &str, head: &[&str], body: &str) -> Case {
    Case::new(
        name,
        vec![send(lines(head) + body), response(), Step::Finish, End],
    )
}

fn raw(name: &str, bytes: &str) -> Case {
    Case::new(name, vec![send(bytes), response(), Step::Finish, End])
}

#[test]
fn request_lines_and_fields_pass_as_in_the_reference() {
    let long = "x".repeat(3000);
    Group::new(DIRECTORY, "requests", &plain("", ""))
        .cases([
            request("a plain get", &["GET / HTTP/1.1", "Host: h"], ""),
            request("http 1.0 without host", &["GET / HTTP/1.0"], ""),
            request(
                "http 1.0 keep-alive",
                &["GET / HTTP/1.0", "Connection: keep-alive"],
                "",
            ),
            request("no host in http 1.1", &["GET / HTTP/1.1"], ""),
            request(
                "case of names",
                &["GET / HTTP/1.1", "HOST: Example.COM", "X-Mixed-Case: Value"],
                "",
            ),
            request(
                "absolute target",
                &["GET http://a.example/x?y HTTP/1.1", "Host: a.example"],
                "",
            ),
            request(
                "absolute target with port",
                &["GET http://a.example:80/ HTTP/1.1", "Host: a.example"],
                "",
            ),
            request(
                "absolute target, other host",
                &["GET http://a.example/ HTTP/1.1", "Host: b.example"],
                "",
            ),
            request("asterisk", &["OPTIONS * HTTP/1.1", "Host: h"], ""),
            request("asterisk with get", &["GET * HTTP/1.1", "Host: h"], ""),
            request("fragment", &["GET /a#b HTTP/1.1", "Host: h"], ""),
            request("empty query", &["GET /? HTTP/1.1", "Host: h"], ""),
            request("escapes", &["GET /%00%2f/../a//b HTTP/1.1", "Host: h"], ""),
            request("target without slash", &["GET a HTTP/1.1", "Host: h"], ""),
            request(
                "quotes and braces",
                &["GET /\"{}|<> HTTP/1.1", "Host: h"],
                "",
            ),
            request("unknown method", &["BREW /pot HTTP/1.1", "Host: h"], ""),
            request("lower method", &["get / HTTP/1.1", "Host: h"], ""),
            request(
                "spaces around values",
                &["GET / HTTP/1.1", "Host:   h  ", "X-A:\t v \t"],
                "",
            ),
            request("empty value", &["GET / HTTP/1.1", "Host: h", "X-A:"], ""),
            request(
                "many values of one name",
                &["GET / HTTP/1.1", "Host: h", "X: 1", "Y: 2", "X: 3"],
                "",
            ),
            request(
                "long value",
                &["GET / HTTP/1.1", "Host: h", &format!("X: {long}")],
                "",
            ),
            request(
                "cookies",
                &[
                    "GET / HTTP/1.1",
                    "Host: h",
                    "Cookie: a=1; b=2",
                    "Cookie: c=3",
                ],
                "",
            ),
            request(
                "connection names a field",
                &[
                    "GET / HTTP/1.1",
                    "Host: h",
                    "Connection: X-Hop, keep-alive",
                    "X-Hop: 1",
                ],
                "",
            ),
            request(
                "connection close",
                &["GET / HTTP/1.1", "Host: h", "Connection: close"],
                "",
            ),
            request(
                "keep-alive field",
                &["GET / HTTP/1.1", "Host: h", "Keep-Alive: timeout=5"],
                "",
            ),
            request(
                "proxy-connection",
                &["GET / HTTP/1.1", "Host: h", "Proxy-Connection: close"],
                "",
            ),
            request(
                "te trailers",
                &[
                    "GET / HTTP/1.1",
                    "Host: h",
                    "TE: trailers, gzip",
                    "Connection: TE",
                ],
                "",
            ),
            request(
                "two equal hosts",
                &["GET / HTTP/1.1", "Host: h", "Host: h"],
                "",
            ),
            request("two hosts", &["GET / HTTP/1.1", "Host: a", "Host: b"], ""),
            request("host with port 80", &["GET / HTTP/1.1", "Host: h:80"], ""),
            request(
                "utf-8 in a value",
                &["GET / HTTP/1.1", "Host: h", "X: gr\u{fc}n"],
                "",
            ),
            request(
                "token characters",
                &["GET / HTTP/1.1", "Host: h", "!#$%&'*+-.^_`|~09: v"],
                "",
            ),
            raw(
                "empty lines first",
                "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            raw("line feeds only", "GET / HTTP/1.1\nHost: h\n\n"),
        ])
        .check();
}

#[test]
fn bodies_of_requests_pass_as_in_the_reference() {
    let long = "x".repeat(40_000);
    let host = "Host: h";
    let chunked = "Transfer-Encoding: chunked";
    Group::new(DIRECTORY, "request-bodies", &plain("", ""))
        .cases([
            request(
                "length",
                &["POST / HTTP/1.1", host, "Content-Length: 5"],
                "12345",
            ),
            request(
                "length zero",
                &["POST / HTTP/1.1", host, "Content-Length: 0"],
                "",
            ),
            request("no length", &["POST / HTTP/1.1", host], ""),
            request(
                "length on get",
                &["GET / HTTP/1.1", host, "Content-Length: 3"],
                "abc",
            ),
            request(
                "length on delete",
                &["DELETE / HTTP/1.1", host, "Content-Length: 3"],
                "abc",
            ),
            request(
                "length with zeros",
                &["POST / HTTP/1.1", host, "Content-Length: 0005"],
                "12345",
            ),
            request(
                "equal lengths",
                &[
                    "POST / HTTP/1.1",
                    host,
                    "Content-Length: 5",
                    "Content-Length: 5",
                ],
                "12345",
            ),
            request(
                "equal lengths in a list",
                &["POST / HTTP/1.1", host, "Content-Length: 5, 5"],
                "12345",
            ),
            request(
                "a large length",
                &["POST / HTTP/1.1", host, "Content-Length: 40000"],
                &long,
            ),
            request(
                "chunked",
                &["POST / HTTP/1.1", host, chunked],
                "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
            ),
            request(
                "chunked, upper case",
                &["POST / HTTP/1.1", host, "Transfer-Encoding: CHUNKED"],
                "1\r\na\r\n0\r\n\r\n",
            ),
            request(
                "chunk extensions",
                &["POST / HTTP/1.1", host, chunked],
                "5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n",
            ),
            request(
                "chunk sizes with zeros",
                &["POST / HTTP/1.1", host, chunked],
                "0005\r\nhello\r\n000\r\n\r\n",
            ),
            request(
                "chunk size in upper hex",
                &["POST / HTTP/1.1", host, chunked],
                "A\r\n0123456789\r\n0\r\n\r\n",
            ),
            request(
                "trailers",
                &["POST / HTTP/1.1", host, chunked],
                "1\r\na\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n",
            ),
            request(
                "chunked in 1.0",
                &["POST / HTTP/1.0", host, chunked],
                "1\r\na\r\n0\r\n\r\n",
            ),
            request(
                "large chunk",
                &["POST / HTTP/1.1", host, chunked],
                &format!("9c40\r\n{long}\r\n0\r\n\r\n"),
            ),
            request(
                "chunked and length",
                &["POST / HTTP/1.1", host, "Content-Length: 3", chunked],
                "1\r\na\r\n0\r\n\r\n",
            ),
            request(
                "gzip, chunked",
                &["POST / HTTP/1.1", host, "Transfer-Encoding: gzip, chunked"],
                "1\r\na\r\n0\r\n\r\n",
            ),
            request(
                "identity",
                &["POST / HTTP/1.1", host, "Transfer-Encoding: identity"],
                "",
            ),
            request(
                "chunked on get",
                &["GET / HTTP/1.1", host, chunked],
                "1\r\na\r\n0\r\n\r\n",
            ),
        ])
        .check();
}

#[test]
fn requests_on_one_connection_pass_as_in_the_reference() {
    let two = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
    Group::new(DIRECTORY, "connections", &plain("", ""))
        .cases([
            Case::new("one after another", vec![get("/1"), response(), get("/2"), response(), Step::Finish, End]),
            Case::new("pipelined", vec![send(two), response(), response(), Step::Finish, End]),
            Case::new(
                "pipelined posts",
                vec![
                    send("POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n"),
                    response(),
                    response(),
                    response(),
                    Step::Finish,
                    End,
                ],
            ),
            Case::new("close in the second", vec![get("/1"), response(), send("GET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n"), End]),
            Case::new("1.0 keep-alive twice", vec![
                send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                response(),
                send("GET /2 HTTP/1.0\r\n\r\n"),
                End,
            ]),
            Case::new("empty line between", vec![get("/1"), response(), send("\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"), response(), Step::Finish, End]),
            Case::new("server closes after each", vec![get("/1"), response(), get("/2"), response(), Step::Finish, End])
                .server(vec![Step::Request, send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na"), Step::Close]),
        ])
        .check();
}

#[test]
fn modes_of_connections_pass_as_in_the_reference() {
    for (name, frontend, backend) in [
        ("server-close", "    option http-server-close", ""),
        ("close", "    option httpclose", ""),
        ("backend-close", "", "    option httpclose"),
        ("backend-server-close", "", "    option http-server-close"),
        (
            "pretend",
            "",
            "    option http-server-close
    option http-pretend-keepalive",
        ),
    ] {
        Group::new(
            DIRECTORY,
            &format!("mode-{name}"),
            &plain(frontend, backend),
        )
        .cases([
            Case::new("two requests", vec![get("/1"), response(), get("/2"), End]),
            Case::new(
                "1.0 keep-alive",
                vec![
                    send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                    response(),
                    Step::Finish,
                    End,
                ],
            ),
            Case::new(
                "client closes",
                vec![
                    send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
                    End,
                ],
            ),
            Case::new("until close", vec![get("/"), End]).server(vec![
                Step::Request,
                send("HTTP/1.1 200 OK\r\n\r\nabc"),
                Step::Close,
            ]),
        ])
        .check();
    }
}

#[test]
fn relaxed_parsing_passes_as_in_the_reference() {
    let config = plain("    option accept-invalid-http-request", "");
    Group::new(DIRECTORY, "relaxed", &config)
        .cases([
            raw(
                "bytes above 127 in the target",
                "GET /\u{fc} HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            raw(
                "brackets in the target",
                "GET /[1] HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            raw("a bad name", "GET / HTTP/1.1\r\nHost: h\r\nX(1): a\r\n\r\n"),
            raw("an empty name", "GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n"),
            raw(
                "a version of two digits",
                "GET / HTTP/1.12\r\nHost: h\r\n\r\n",
            ),
        ])
        .check();
}

#[test]
fn serving_over_and_over_keeps_the_server_connection() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na";
    Group::new(DIRECTORY, "kept", &plain("", ""))
        .case(
            Case::new(
                "five",
                vec![
                    get("/1"),
                    response(),
                    get("/2"),
                    response(),
                    get("/3"),
                    response(),
                    get("/4"),
                    response(),
                    get("/5"),
                    response(),
                    Step::Finish,
                    End,
                ],
            )
            .server(vec![serve(answer)]),
        )
        .check();
}
