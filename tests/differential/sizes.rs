//! What `%B`, `%U` and the byte counters say of every form of message.

use super::*;
use support::scenario::Step::{Close, End, Finish, RawEnd, Request};
use support::scenario::quiet;

fn config(frontend: &str, backend: &str) -> String {
    let text = plain(
        &format!("    http-response set-header x-added yes\n{frontend}"),
        backend,
    );
    text.replace(
        "    option httplog\n",
        "    log-format \"%ST %tsc %B %U\"\n",
    )
}

fn group(name: &str, config: &str) -> Group {
    Group::new(DIRECTORY, name, config).columns(&["bin", "bout"])
}

/// The client sends these bytes, the server answers with those.
fn pair(name: &str, request: &str, answer: &str) -> Case {
    Case::new(name, vec![send(request), response(), Finish, End]).server(vec![
        Request,
        send(answer),
        RawEnd,
    ])
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn requests_count_as_in_the_reference() {
    let long = "x".repeat(40_000);
    group("sizes-requests", &config("", ""))
        .cases([
            pair("get", GET, OK),
            pair("blanks and case", "GET /a?b HTTP/1.1\r\nHOST:   h \r\nX-A:  b \r\n\r\n", OK),
            pair("1.0", "GET / HTTP/1.0\r\n\r\n", OK),
            pair("1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", OK),
            pair("close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", OK),
            pair("connection with more", "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, x\r\n\r\n", OK),
            pair("absolute", "GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\n", OK),
            pair("host twice", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", OK),
            pair("length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde", OK),
            pair("length twice", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", OK),
            pair("long", &format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n{long}"), OK),
            pair("chunked", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nabcde\r\n0\r\n\r\n", OK),
            pair("trailers", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nX-T: v\r\n\r\n", OK),
            Case::new("bad request", vec![send("GET / HTTP/1.1\r\nbad header\r\n\r\n"), End]),
        ])
        .check();
}

#[test]
fn responses_count_as_in_the_reference() {
    let long = "x".repeat(300_000);
    let last = |name: &str, bytes: &str| {
        Case::new(name, vec![send(GET), End]).server(vec![Request, send(bytes), Close])
    };
    let head = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
    group("sizes-responses", &config("", ""))
        .cases([
            pair("chunked", GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
            pair("trailers", GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: v\r\n\r\n"),
            pair("long", GET, &format!("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n{long}")),
            pair("long chunks", GET, &format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n{long}\r\n0\r\n\r\n")),
            pair("204", GET, "HTTP/1.1 204 No Content\r\n\r\n"),
            pair("304", GET, "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
            pair("no reason", GET, "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
            pair("fields of the connection", GET, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok"),
            pair("hints", GET, &format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{OK}")),
            pair("garbage", GET, "garbage\r\n\r\n"),
            last("until close", "HTTP/1.1 200 OK\r\n\r\nabc"),
            last("cut", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
            last("nothing", ""),
            Case::new("head", vec![send(head), support::scenario::Step::Response("HEAD"), Finish, End])
                .server(vec![Request, send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), RawEnd]),
            Case::new(
                "upgrade",
                vec![
                    send("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n"),
                    support::scenario::Step::Head,
                    send("ABCD"),
                    Finish,
                    RawEnd,
                ],
            )
            .server(vec![
                Request,
                send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n"),
                support::scenario::Step::Bytes(4),
                send("hello"),
                Close,
            ]),
        ])
        .check();
}

#[test]
fn own_answers_and_refusals_count_as_in_the_reference() {
    let post =
        |path: &str| format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde");
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let rules = "    http-request deny if { path /deny }
    http-request return status 200 content-type text/plain string hello if { path /return }
    http-request redirect location /x if { path /redirect }
    http-request set-var(txn.p) path
    http-request set-header x-more yes if { path /more }
    http-response deny if { var(txn.p) -m str /refuse }
    http-response return status 202 content-type text/plain string hello if { var(txn.p) -m str /replace }
";
    group("sizes-own", &config(rules, ""))
        .cases([
            pair("deny", &get("/deny"), OK),
            pair("deny with a body", &post("/deny"), OK),
            pair("return", &get("/return"), OK),
            pair("redirect", &get("/redirect"), OK),
            pair("more to the server", &get("/more"), OK),
            pair("response refused", &get("/refuse"), OK),
            pair("response replaced", &get("/replace"), OK),
        ])
        .check();
}

#[test]
fn tunnels_count_as_in_the_reference() {
    let text = config("", "").replace("mode http", "mode tcp");
    let text = text
        .replace("    http-response set-header x-added yes\n", "    tcp-request inspect-delay 1s\n    tcp-request content reject if { req.payload(0,3) -m str bad }\n")
        .replace("%ST ", "")
        .replace("    http-reuse never\n", "");
    group("sizes-tcp", &text)
        .cases([
            Case::new("both ways", vec![send("hello"), quiet(100), Finish, RawEnd]).server(vec![
                support::scenario::Step::Bytes(5),
                send("answer"),
                RawEnd,
            ]),
            Case::new(
                "server first",
                vec![send("abc"), support::scenario::Step::Bytes(6), Close],
            )
            .server(vec![send("answer"), RawEnd]),
            Case::new("rejected", vec![send("bad one"), RawEnd]),
        ])
        .check();
}
