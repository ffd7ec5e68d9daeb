//! Responses of every form.

use super::*;
use support::scenario::Step::{Close, End, Finish, Head, RawEnd, Request, Response};
use support::scenario::quiet;

/// The server answers a GET with these bytes and keeps its connection.
fn answer(name: &str, bytes: &str) -> Case {
    Case::new(name, vec![get("/"), response(), Finish, End]).server(vec![
        Request,
        send(bytes),
        RawEnd,
    ])
}

/// The server answers a GET with these bytes and closes.
fn last(name: &str, bytes: &str) -> Case {
    Case::new(name, vec![get("/"), End]).server(vec![Request, send(bytes), Close])
}

fn to(name: &str, method: &'static str, bytes: &str) -> Case {
    let head = format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n");
    Case::new(name, vec![send(head), Response(method), Finish, End]).server(vec![
        Request,
        send(bytes),
        RawEnd,
    ])
}

#[test]
fn responses_pass_as_in_the_reference() {
    let long = "y".repeat(50_000);
    let old =
        |head: &str| format!("{head}\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na");
    Group::new(DIRECTORY, "responses", &plain("", ""))
        .cases([
            answer("length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Case: A\r\n\r\nabc"),
            answer("length zero", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            answer("equal lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"),
            answer("large", &format!("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n{long}")),
            answer("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            answer("chunk extensions", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n"),
            answer("trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"),
            answer("chunked and length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            answer("204", "HTTP/1.1 204 No Content\r\n\r\n"),
            answer("204 with length", "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n"),
            answer("304", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
            answer("304 with length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"),
            answer("304 chunked", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
            answer("no reason", "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na"),
            answer("empty reason", "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na"),
            answer("odd status", "HTTP/1.1 799 Odd\r\nContent-Length: 1\r\n\r\na"),
            answer("line feeds only", "HTTP/1.1 200 OK\nContent-Length: 1\n\na"),
            answer("1.0 keep-alive", &old("HTTP/1.0 200 OK")),
            answer("set-cookie twice", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"),
            answer("connection names a field", "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n"),
            answer("keep-alive field", "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=4\r\nContent-Length: 0\r\n\r\n"),
            last("close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"),
            last("until close", "HTTP/1.1 200 OK\r\n\r\nabc"),
            last("until close, empty", "HTTP/1.1 200 OK\r\n\r\n"),
            last("until close in 1.0", "HTTP/1.0 200 OK\r\n\r\nabc"),
            last("length in 1.0", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
            last("chunked in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
        ])
        .check();
}

#[test]
fn responses_by_method_pass_as_in_the_reference() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    Group::new(DIRECTORY, "methods", &plain("", ""))
        .cases([
            to("head with length", "HEAD", length),
            to(
                "head chunked",
                "HEAD",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            to("head without framing", "HEAD", "HTTP/1.1 200 OK\r\n\r\n"),
            to(
                "head 404",
                "HEAD",
                "HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n",
            ),
            to(
                "put 201",
                "PUT",
                "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
            ),
            to(
                "options",
                "OPTIONS",
                "HTTP/1.1 200 OK\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n",
            ),
            to(
                "connect refused",
                "CONNECT",
                "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno",
            ),
        ])
        .check();
}

#[test]
fn interim_responses_pass_as_in_the_reference() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let expect = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    Group::new(DIRECTORY, "interim", &plain("", ""))
        .cases([
            Case::new(
                "100 then 200",
                vec![send(expect), Head, send("abc"), response(), Finish, End],
            )
            .server(vec![
                Head,
                send("HTTP/1.1 100 Continue\r\n\r\n"),
                support::scenario::Step::Bytes(3),
                send(ok),
                RawEnd,
            ]),
            Case::new(
                "body without waiting",
                vec![send(format!("{expect}abc")), Head, response(), Finish, End],
            )
            .server(vec![
                Head,
                send("HTTP/1.1 100 Continue\r\n\r\n"),
                support::scenario::Step::Bytes(3),
                send(ok),
                RawEnd,
            ]),
            Case::new("103", vec![get("/"), Head, response(), Finish, End]).server(vec![
                Request,
                send(format!("{hints}{ok}")),
                RawEnd,
            ]),
            Case::new(
                "103 twice",
                vec![get("/"), Head, Head, response(), Finish, End],
            )
            .server(vec![
                Request,
                send(hints),
                quiet(50),
                send(format!("{hints}{ok}")),
                RawEnd,
            ]),
        ])
        .check();
}

#[test]
fn tunnels_pass_as_in_the_reference() {
    let upgrade = "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let bytes = support::scenario::Step::Bytes;
    Group::new(DIRECTORY, "tunnels", &plain("", ""))
        .cases([
            Case::new("websocket", vec![send(upgrade), Head, send("ping"), bytes(4), Finish, RawEnd])
                .server(vec![Head, send(switched), bytes(4), send("pong"), RawEnd]),
            Case::new("websocket, the server leaves", vec![send(upgrade), Head, send("ping"), RawEnd])
                .server(vec![Head, send(switched), bytes(4), send("bye"), Close]),
            Case::new("data right behind the 101", vec![send(upgrade), Head, bytes(5), Finish, RawEnd])
                .server(vec![Head, send(format!("{switched}hello")), RawEnd]),
            Case::new("refused upgrade", vec![send(upgrade), response(), get("/2"), response(), Finish, End]),
            Case::new("upgrade of another protocol", vec![send("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: foo/2\r\n\r\n"), Head, send("ping"), bytes(4), Finish, RawEnd])
                .server(vec![Head, send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: foo/2\r\n\r\n"), bytes(4), send("pong"), RawEnd]),
            Case::new("h2c is not passed", vec![send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"), response(), Finish, End]),
            Case::new("connect", vec![send("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"), Head, send("ping"), bytes(4), Finish, RawEnd])
                .server(vec![Head, send("HTTP/1.1 200 OK\r\n\r\n"), bytes(4), send("pong"), RawEnd]),
            Case::new("connect without port", vec![send("CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n"), Finish, End]),
        ])
        .check();
}
