//! Clients that are slow, and clients that leave in every phase.

use super::*;
use support::scenario::Step::{Await, Close, End, Finish, Head, RawEnd, Request, Reset, Say};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn slow_clients_are_timed_out() {
    let head = "GET / HTTP/1.1\r\nHost: h\r\nX: 1234567890123456789012345678901234567890\r\n\r\n";
    Group::new(DIRECTORY, "slow", &plain("", ""))
        .isolated()
        .cases([
            Case::new("nothing", vec![End]),
            Case::new("byte by byte", vec![slowly(head, 1, 20), End]),
            Case::new("half a head", vec![send("GET / HTTP/1.1\r\nHos"), End]),
            Case::new(
                "half a body",
                vec![
                    send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"),
                    End,
                ],
            )
            .server(vec![Head, RawEnd]),
            Case::new(
                "nothing more on a kept connection",
                vec![get("/"), response(), End],
            ),
            Case::new(
                "half a second head",
                vec![get("/"), response(), send("GET /2 HTTP/1.1\r\nHo"), End],
            ),
        ])
        .check();
    let config = plain("    option http-buffer-request", "");
    Group::new(DIRECTORY, "slow-buffered", &config)
        .isolated()
        .cases([
            Case::new(
                "half a body",
                vec![
                    send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"),
                    End,
                ],
            ),
            Case::new(
                "a body later",
                vec![
                    send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab"),
                    sleep(100),
                    send("cd"),
                    response(),
                    Finish,
                    End,
                ],
            ),
        ])
        .check();
    let config = plain("    option dontlognull\n    option http-ignore-probes", "");
    Group::new(DIRECTORY, "probes", &config)
        .isolated()
        .cases([
            Case::new("nothing", vec![End]),
            Case::new("leaves at once", vec![Close]),
            Case::new("half a head", vec![send("GET"), End]),
        ])
        .check();
}

#[test]
fn clients_that_leave_are_logged_by_phase() {
    Group::new(DIRECTORY, "leaving", &plain("", ""))
        .isolated()
        .cases([
            Case::new("at once", vec![Close]),
            Case::new("at once by reset", vec![Reset]),
            Case::new("half close at once", vec![Finish, End]),
            Case::new("in the head", vec![send("GET / HTT"), sleep(50), Close]),
            Case::new("in the head by reset", vec![send("GET / HTT"), sleep(50), Reset]),
            Case::new("half close in the head", vec![send("GET / HTT"), Finish, End]),
            Case::new("waiting for the answer", vec![get("/"), Await("asked"), Close])
                .server(vec![Request, Say("asked"), RawEnd]),
            Case::new("in its body", vec![send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"), Await("begun"), Close])
                .server(vec![Head, Say("begun"), RawEnd]),
            Case::new("in its chunks", vec![send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), Await("begun"), Close])
                .server(vec![Head, Say("begun"), RawEnd]),
            Case::new("in the answer's body", vec![get("/"), Head, Reset])
                .server(vec![Request, send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), sleep(100), send("def"), sleep(100), send("ghi"), RawEnd]),
            Case::new("on a kept connection", vec![get("/"), response(), Close]),
            Case::new("half close on a kept connection", vec![get("/"), response(), Finish, End]),
        ])
        .check();
}

#[test]
fn queues_that_are_full_give_an_error() {
    let config = plain("", "").replace("server s1 <s1>", "server s1 <s1> maxconn 1 <more>");
    let slow = || vec![Request, Say("busy"), sleep(700), send(OK), RawEnd];
    Group::new(DIRECTORY, "queues", &config)
        .isolated()
        .cases([
            Case::new(
                "timeout in the queue",
                vec![get("/1"), sleep(10), response(), Close],
            )
            .and("fe", vec![Await("busy"), get("/2"), End])
            .server(slow())
            .with("more", ""),
            Case::new("leaving the queue", vec![get("/1"), response(), Close])
                .and("fe", vec![Await("busy"), get("/2"), sleep(100), Close])
                .server(slow())
                .with("more", ""),
        ])
        .check();
}
