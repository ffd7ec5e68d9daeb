//! Servers that answer nothing, half, too much or garbage.

use super::*;
use support::scenario::Step::{Close, End, Finish, RawEnd, Request, Reset};

/// A server that answers a GET with these bytes and closes.
fn closes(name: &str, bytes: impl AsRef<[u8]>) -> Case {
    Case::new(name, vec![get("/"), End]).server(vec![Request, send(bytes), Close])
}

/// A server that answers a GET with these bytes and waits.
fn waits(name: &str, bytes: impl AsRef<[u8]>) -> Case {
    Case::new(name, vec![get("/"), End]).server(vec![Request, send(bytes), RawEnd])
}

#[test]
fn servers_that_do_not_answer_properly_give_an_error() {
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    Group::new(DIRECTORY, "servers", &plain("", ""))
        .cases([
            closes("nothing", ""),
            closes("a cut status line", "HTTP/1.1 20"),
            closes("a cut head", "HTTP/1.1 200 OK\r\nContent-Le"),
            closes("garbage", "\x01\x02garbage\r\n\r\n"),
            closes("another protocol", "220 smtp.example ESMTP\r\n"),
            closes("http 0.9", "<html>hello</html>"),
            closes("bad status", "HTTP/1.1 20x OK\r\n\r\n"),
            closes("nul in a value", "HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n"),
            closes("bad name", "HTTP/1.1 200 OK\r\nX : 1\r\nContent-Length: 0\r\n\r\n"),
            closes("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            closes("bad length", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab"),
            closes("many fields", format!("HTTP/1.1 200 OK\r\n{many}\r\n")),
            closes("a long line", format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000))),
            closes("a short body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
            closes("cut chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"),
            closes("no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
            closes("bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
            waits("silence", ""),
            waits("half a head", "HTTP/1.1 200 OK\r\nContent-"),
            waits("half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
            waits("half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
            Case::new("reset", vec![get("/"), End]).server(vec![Request, Reset]),
            Case::new("reset in the head", vec![get("/"), End])
                .server(vec![Request, send("HTTP/1.1 200 OK\r\n"), sleep(50), Reset]),
            Case::new("reset in the body", vec![get("/"), End])
                .server(vec![Request, send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), sleep(100), Reset]),
            Case::new("more than its length", vec![get("/"), response(), get("/2"), response(), Finish, End])
                .server(vec![serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")]),
            Case::new("a hundred interim answers", vec![get("/"), End])
                .server(vec![Request, send("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)), Close]),
            Case::new("head answered with a body", vec![send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"), support::scenario::Step::Response("HEAD"), Finish, End])
                .server(vec![Request, send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), RawEnd]),
        ])
        .check();
}

#[test]
fn servers_that_cannot_be_reached_give_an_error() {
    let config = |address: &str| plain("", "").replace("<s1>", address);
    Group::new(DIRECTORY, "refused", &config("<dead>"))
        .case(Case::new("refused", vec![get("/"), End]))
        .check();
    Group::new(DIRECTORY, "lost", &config("<lost>"))
        .case(Case::new("no answer", vec![get("/"), End]))
        .case(Case::new(
            "the client leaves",
            vec![get("/"), sleep(100), Close],
        ))
        .check();
    let none = plain("", "").replace("server s1 <s1>", "server s1 <s1> disabled");
    Group::new(DIRECTORY, "no-server", &none)
        .case(Case::new("no server", vec![get("/"), End]))
        .check();
    let nowhere = plain("", "").replace("    default_backend be\n", "");
    Group::new(DIRECTORY, "no-backend", &nowhere)
        .case(Case::new("no backend", vec![get("/"), End]))
        .check();
}
