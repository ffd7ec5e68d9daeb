//! How streams end: by rules, by operators, by either side, in every phase (manual 8.5).

use super::*;
use support::scenario::Step::{
    Await, Bytes, Close, End, Finish, Head, RawEnd, Request, Reset, Say,
};
use support::scenario::{command, quiet, sleep};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";

/// A proxy that kills its server's sessions when told that the server is down.
fn config(frontend: &str, backend: &str) -> String {
    // One thread, so that log lines have an order.
    let text = plain(frontend, backend).replacen("global\n", "global\n    nbthread 1\n", 1);
    text.replace(
        "server s1 <s1>",
        "server s1 <s1> check port <openport> inter 1h on-marked-down shutdown-sessions\n    server s2 \
         <s2> backup",
    )
}

fn group(name: &str, text: &str) -> Group {
    Group::new(DIRECTORY, name, text).isolated()
}

fn rule(name: &str, text: &str) -> Case {
    Case::new(name, vec![get("/"), End]).with("rule", text)
}

#[test]
fn rules_end_requests_as_in_the_reference() {
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde";
    let tarpit = "timeout tarpit 300ms\n    http-request tarpit";
    group("endings-rules", &plain("    <rule>", ""))
        .cases([
            rule("deny", "http-request deny"),
            rule("deny with a status", "http-request deny deny_status 429"),
            rule(
                "deny with an answer",
                "http-request deny status 403 hdr x-a b content-type text/plain string no",
            ),
            Case::new(
                "deny with a body",
                vec![send(post), response(), Finish, End],
            )
            .with("rule", "http-request deny"),
            rule("tarpit", tarpit),
            rule("tarpit with a status", &format!("{tarpit} deny_status 429")),
            Case::new("tarpit left", vec![get("/"), sleep(100), Close]).with("rule", tarpit),
            rule("reject", "http-request reject"),
            rule("silent drop", "http-request silent-drop"),
            rule("content reject", "tcp-request content reject"),
            rule("content silent drop", "tcp-request content silent-drop"),
            rule("session reject", "tcp-request session reject"),
            rule("auth", "http-request auth realm x"),
            rule(
                "return",
                "http-request return status 200 content-type text/plain string x",
            ),
            rule("redirect", "http-request redirect location /x"),
            Case::new("body late", vec![send(&post[..post.len() - 2]), End])
                .with("rule", "http-request wait-for-body time 200ms"),
        ])
        .check();
}

#[test]
fn rules_of_the_backend_end_requests_and_responses_as_in_the_reference() {
    let answered =
        |name: &str, text: &str| rule(name, text).server(vec![Request, send(OK), RawEnd]);
    // The reference counts a silent drop of a response as a denied request, and content rules of
    // the backend for the frontend only.
    group("endings-backend-rules-uncounted", &plain("", "    <rule>"))
        .without_counters()
        .cases([
            rule("content reject", "tcp-request content reject"),
            answered("response silent drop", "http-response silent-drop"),
            answered("content silent drop", "tcp-response content silent-drop"),
        ])
        .check();
    group("endings-backend-rules", &plain("", "    <rule>"))
        .cases([
            rule("deny", "http-request deny"),
            answered("response deny", "http-response deny"),
            answered(
                "response deny with a status",
                "http-response deny deny_status 500",
            ),
            answered("server closed by its content", "tcp-response content close"),
        ])
        .check();
}

#[test]
fn streams_ended_from_outside_end_as_in_the_reference() {
    let kill = "shutdown sessions server be/s1";
    let down = "set server be/s1 health down";
    let case = |name: &str, order: &'static str, answer: &str| {
        let server = match answer {
            "" => vec![Request, Say("asked"), RawEnd],
            answer => vec![Request, send(answer), Say("asked"), RawEnd],
        };
        let mut client = vec![get("/")];
        if !answer.is_empty() {
            client.push(Head);
            client.push(Bytes(3));
        }
        client.extend([Await("asked"), command(order), RawEnd]);
        Case::new(name, client).server(server)
    };
    group("endings-orders", &config("", ""))
        .cases([
            case("killed while waiting", kill, ""),
            case("killed within the body", kill, HALF),
            case("server down while waiting", down, ""),
            case("server down within the body", down, HALF),
        ])
        .check();
    let text = config("", "").replace("mode http", "mode tcp");
    let text = text
        .replace("option httplog", "option tcplog")
        .replace("    http-reuse never\n", "");
    let tcp = |name: &str, order: &'static str| {
        Case::new(
            name,
            vec![send("hello"), Await("asked"), command(order), RawEnd],
        )
        .server(vec![Bytes(5), Say("asked"), RawEnd])
    };
    group("endings-orders-tcp", &text)
        .cases([tcp("killed", kill), tcp("server down", down)])
        .check();
}

#[test]
fn clients_that_leave_end_streams_as_in_the_reference() {
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc";
    let text = plain("", "").replace("timeout client 2s", "timeout client 500ms");
    let early = || vec![Head, Bytes(3), send(OK), RawEnd];
    group("endings-clients", &text)
        .cases([
            Case::new(
                "half close while waiting",
                vec![get("/"), sleep(100), Finish, End],
            )
            .server(vec![Request, quiet(800), RawEnd]),
            Case::new("close while waiting", vec![get("/"), sleep(100), Close]).server(vec![
                Request,
                quiet(800),
                RawEnd,
            ]),
            Case::new("upload breaks off", vec![send(post), sleep(100), Close])
                .server(vec![Head, RawEnd]),
            Case::new("upload stalls", vec![send(post), End]).server(vec![Head, RawEnd]),
            Case::new(
                "early answer, upload ends",
                vec![
                    send(post),
                    response(),
                    send("defghi"),
                    get("/2"),
                    response(),
                    Finish,
                    End,
                ],
            )
            .server(vec![
                Head,
                Bytes(3),
                send(OK),
                Bytes(6),
                Request,
                send(OK),
                RawEnd,
            ]),
            Case::new(
                "early answer, upload breaks off",
                vec![send(post), response(), Close],
            )
            .server(early()),
            Case::new("early answer, upload stalls", vec![send(post), End]).server(early()),
            Case::new(
                "early answer with a close, upload ends",
                vec![
                    send(post),
                    response(),
                    sleep(100),
                    send("defghi"),
                    get("/2"),
                    response(),
                    Finish,
                    End,
                ],
            )
            .server(vec![
                Head,
                Bytes(3),
                send(OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")),
                Close,
            ]),
            Case::new("reset in the answer", vec![get("/"), Head, Reset]).server(vec![
                Request,
                send(HALF),
                quiet(400),
                RawEnd,
            ]),
        ])
        .check();
}

#[test]
fn tunnels_that_fail_end_as_in_the_reference() {
    let text = plain("", "").replace("mode http", "mode tcp");
    let text = text
        .replace("option httplog", "option tcplog")
        .replace("    http-reuse never\n", "");
    group("endings-tcp", &text.replace("<s1>", "<place>"))
        .cases([
            Case::new("no server", vec![send("x"), RawEnd]).with("place", "127.0.0.1:1 disabled"),
            Case::new("refused", vec![send("x"), RawEnd]).with("place", "<dead>\n    retries 0"),
            Case::new("not connected in time", vec![send("x"), RawEnd])
                .with("place", "<lost>\n    retries 0\n    timeout connect 200ms"),
        ])
        .check();
    group("endings-tcp-data", &text)
        .cases([
            Case::new("client resets", vec![send("x"), Await("got"), Reset]).server(vec![
                Bytes(1),
                Say("got"),
                RawEnd,
            ]),
            Case::new("server resets", vec![send("x"), RawEnd]).server(vec![
                Bytes(1),
                send("abc"),
                sleep(100),
                Reset,
            ]),
            Case::new("server ends first", vec![send("x"), RawEnd]).server(vec![
                Bytes(1),
                send("abc"),
                Close,
            ]),
        ])
        .check();
}
