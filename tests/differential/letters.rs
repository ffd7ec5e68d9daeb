//! The termination letters of manual 8.5, pair by pair, where `endings` and the tests of bad input
//! do not provoke them already: the letters, the status, which timers are there, retries, queues.

use super::*;
use support::scenario::Step::{
    Await, Bytes, Close, End, Finish, Head, RawEnd, Request, Reset, Say,
};
use support::scenario::{Step, command, sleep};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";

fn in_tcp(text: &str) -> String {
    text.replace("mode http", "mode tcp")
        .replace("option httplog", "option tcplog")
        .replace("    http-reuse never\n", "")
}

/// The server line of [`plain`] is another one.
fn with_server(line: &str) -> String {
    plain("", "").replace("server s1 <s1>", line)
}

fn isolated(name: &str, text: &str) -> Group {
    // One thread, so that log lines have an order.
    let text = text.replacen("global\n", "global\n    nbthread 1\n", 1);
    Group::new(DIRECTORY, name, &text).isolated()
}

/// `UC`: a backup's streams end when a server is back.
#[test]
fn streams_of_backups_end_as_in_the_reference() {
    let text = with_server(
        "server s1 <s1> check port <openport> inter 1h on-marked-up \
         shutdown-backup-sessions\n    server s2 <s2> backup",
    );
    let (down, up) = (
        command("set server be/s1 health down"),
        command("set server be/s1 health up"),
    );
    let case = |name: &str, answer: &str| {
        let server = match answer {
            "" => vec![Request, Say("asked"), RawEnd],
            answer => vec![Request, send(answer), Say("asked"), RawEnd],
        };
        let mut client = vec![down.clone(), get("/")];
        if !answer.is_empty() {
            client.extend([Head, Bytes(3)]);
        }
        client.extend([Await("asked"), up.clone(), RawEnd]);
        Case::new(name, client).server_named("s2", server)
    };
    isolated("letters-backups", &text)
        .cases([
            case("a server is back while waiting", ""),
            case("a server is back within the body", HALF),
        ])
        .check();
    let text = in_tcp(&text) + "frontend orders\n    bind <fe2>\n    option dontlognull\n";
    let client = vec![
        Await("down"),
        send("hello"),
        Await("asked"),
        up.clone(),
        RawEnd,
    ];
    isolated("letters-backups-tcp", &text)
        .case(
            Case::new("a server is back", vec![down, Say("down"), Close])
                .at("fe2")
                .and("fe", client)
                .server_named("s2", vec![Bytes(5), Say("asked"), RawEnd]),
        )
        .check();
}

/// `LC`: a server's `redir`.
#[test]
fn requests_that_a_server_line_redirects_end_as_in_the_reference() {
    let text = with_server("server s1 <s1> redir http://elsewhere.example:81/base");
    let request = |name: &str, line: &str, method: &'static str| {
        let bytes = format!("{line}\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        Case::new(name, vec![send(bytes), Step::Response(method), Finish, End])
    };
    isolated("letters-redir", &text)
        .cases([
            request("a page", "GET /a?b=c HTTP/1.1", "GET"),
            request("a head", "HEAD /a HTTP/1.1", "HEAD"),
            request("an absolute target", "GET http://h/a?b HTTP/1.1", "GET"),
            request("the server", "OPTIONS * HTTP/1.1", "OPTIONS"),
            request("a form", "POST /a HTTP/1.1", "POST"),
        ])
        .check();
}

/// `CC`, `RC`, `KC` and `DC` before there is a connection.
#[test]
fn connections_that_are_not_made_end_as_in_the_reference() {
    let text = with_server("server s1 <place>");
    let lost = |case: Case| case.with("place", "<lost>");
    let cases = || {
        [
            lost(Case::new(
                "the client leaves",
                vec![get("/"), sleep(150), Close],
            )),
            lost(Case::new(
                "the client resets",
                vec![get("/"), sleep(150), Reset],
            )),
            lost(Case::new(
                "the client ends its side",
                vec![get("/"), sleep(150), Finish, RawEnd],
            )),
            Case::new(
                "the client leaves between two attempts",
                vec![get("/"), sleep(300), Close],
            )
            .with("place", "<dead>"),
        ]
    };
    isolated("letters-connecting", &text).cases(cases()).check();
    let tcp = in_tcp(&text).replace("timeout connect 2s", "timeout connect 500ms\n    retries 1");
    isolated("letters-connecting-tcp", &tcp)
        .cases(cases())
        .check();
    // With bytes waiting to go up the reference goes on trying, whatever the option says; who resets
    // is told of as if there had been a connection.
    let tcp = tcp.replace("retries 1", "retries 1\n    option abortonclose");
    isolated("letters-connecting-tcp-abort", &tcp)
        .cases([
            lost(Case::new("the client leaves", vec![sleep(150), Close])),
            lost(Case::new(
                "the client ends its side",
                vec![sleep(150), Finish, RawEnd],
            )),
        ])
        .check();
    let stays =
        plain("", "    no option abortonclose").replace("server s1 <s1>", "server s1 <lost>");
    let stays = stays.replace("timeout connect 2s", "timeout connect 500ms\n    retries 0");
    isolated("letters-connecting-stays", &stays)
        .case(Case::new(
            "the client ends its side",
            vec![get("/"), sleep(100), Finish, End],
        ))
        .check();
}

/// `RC`: nothing left to connect from.
#[test]
fn a_want_of_source_ports_ends_streams_as_in_the_reference() {
    let text = with_server("server s1 <s1> source 127.0.0.1:<freeport>-<freeport>\n    retries 1");
    // The reference calls it `SC`, against its manual.
    let format = "log-format \"%f %b/%s T=%TR/%Tw/%Tc/%Tr/%Ta %ST %bc/%sc/%rc %sq/%bq %r\"";
    let text = text.replace("option httplog", format);
    let first = || vec![get("/1"), Await("second"), response(), Close];
    let second = || vec![Await("asked"), get("/2"), response(), Say("second"), Close];
    let slow = || vec![Request, Say("asked"), Await("second"), send(OK), RawEnd];
    isolated("letters-ports", &text)
        .case(
            Case::new("the only port is in use", first())
                .and("fe", second())
                .server(slow()),
        )
        .check();
}

/// `PD`, `SD`, `sD`, `CD`, `cD` in both directions.
#[test]
fn data_that_breaks_off_ends_streams_as_in_the_reference() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let text = plain("", "").replace("timeout client 2s", "timeout client 600ms");
    let text = text.replace("timeout server 2s", "timeout server 400ms");
    let answer = |name: &str, script: Vec<Step>| {
        let mut server = vec![Request, send(chunked)];
        server.extend(script);
        Case::new(name, vec![get("/"), End]).server(server)
    };
    let post = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let upload = |name: &str, script: Vec<Step>| {
        let mut client = vec![send(post), Head, Bytes(3)];
        client.extend(script);
        Case::new(name, client).server(vec![Head, Bytes(8), send(HALF), RawEnd])
    };
    let large = "x".repeat(8 << 20);
    let large = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{large}",
        large.len()
    );
    isolated("letters-data", &text)
        .cases([
            answer("a bad chunk comes", vec![sleep(50), send("zz\r\n"), RawEnd]),
            answer(
                "a bad end of a chunk comes",
                vec![sleep(50), send("3\r\nabcd\r\n"), RawEnd],
            ),
            answer("the server closes within chunks", vec![sleep(50), Close]),
            answer("the server resets within chunks", vec![sleep(50), Reset]),
            answer("the server stalls within chunks", vec![RawEnd]),
            upload("a bad chunk goes up", vec![send("zz\r\n"), RawEnd]),
            upload("the client stalls", vec![RawEnd]),
            upload("the client closes", vec![sleep(50), Close]),
            Case::new(
                "the client reads no more",
                vec![get("/"), sleep(1500), Reset],
            )
            .server(vec![Request, send(large), RawEnd]),
            Case::new("the client leaves", vec![get("/"), Head, Close]).server(vec![
                Request,
                send(HALF),
                sleep(100),
                send("def"),
                sleep(100),
                send("g"),
                RawEnd,
            ]),
        ])
        .check();
    let tcp = in_tcp(&text);
    isolated("letters-data-tcp", &tcp)
        .cases([
            Case::new("nobody says anything", vec![send("x"), RawEnd])
                .server(vec![Bytes(1), RawEnd]),
            Case::new("the client says nothing", vec![RawEnd]).server(vec![RawEnd]),
            Case::new("the client leaves", vec![send("x"), Await("got"), Close]).server(vec![
                Bytes(1),
                Say("got"),
                sleep(100),
                send("y"),
                sleep(100),
                send("z"),
                RawEnd,
            ]),
            Case::new("the client ends its side", vec![send("x"), Finish, RawEnd])
                .server(vec![Bytes(1), RawEnd]),
            Case::new("the server ends its side", vec![send("x"), RawEnd]).server(vec![
                Bytes(1),
                Finish,
                RawEnd,
            ]),
        ])
        .check();
}

/// `CQ`, `sQ`, `SQ` and `KQ`.
#[test]
fn streams_end_in_queues_as_in_the_reference() {
    let text = with_server("server s1 <s1> maxconn 1 <more>\n    timeout queue <queue>");
    let slow = || vec![Request, Say("busy"), Await("over"), send(OK), RawEnd];
    let first = || vec![get("/1"), response(), Close];
    let over = |mut script: Vec<Step>| {
        script.insert(0, Await("busy"));
        script.push(Say("over"));
        script
    };
    let case = |name: &str, second: Vec<Step>| {
        Case::new(name, first())
            .and("fe", over(second))
            .server(slow())
            .with("more", "")
            .with("queue", "1500ms")
    };
    let bound = "GET /2 HTTP/1.1\r\nHost: h\r\nCookie: S=a\r\n\r\n";
    let cases = || {
        [
            case(
                "the client leaves",
                vec![get("/2"), sleep(100), Close, sleep(100)],
            ),
            Case::new("too long", first())
                .and("fe", over(vec![get("/2"), response()]))
                .server(slow())
                .with("more", "")
                .with("queue", "200ms"),
        ]
    };
    // The reference counts the abort of who resets, but not that of who closes, in the backend only.
    isolated("letters-queues-reset", &text)
        .without_counters()
        .case(case(
            "the client resets",
            vec![get("/2"), sleep(100), Reset, sleep(100)],
        ))
        .check();
    let text2 = text.replace("<more>", "<more>\n    server s2 <s2> backup");
    isolated("letters-queues-moved", &text2)
        .case(
            Case::new("the server is taken out", first())
                .and(
                    "fe",
                    over(vec![
                        send(bound),
                        sleep(100),
                        command("disable server be/s1"),
                        response(),
                        Close,
                    ]),
                )
                .server(slow())
                .with("more", "cookie a")
                .with("queue", "1500ms\n    cookie S insert indirect"),
        )
        .check();
    isolated("letters-queues", &text)
        .cases(cases())
        .cases([
            Case::new("too long for the server", first())
                .and("fe", over(vec![send(bound), response()]))
                .server(slow())
                .with("more", "cookie a\n    cookie S insert indirect")
                .with("queue", "200ms"),
            Case::new("the client of the server leaves", first())
                .and("fe", over(vec![send(bound), sleep(100), Close, sleep(100)]))
                .server(slow())
                .with("more", "cookie a\n    cookie S insert indirect")
                .with("queue", "1500ms"),
            Case::new("the server's queue is full", first())
                .and("fe", vec![Await("busy"), send(bound), sleep(300), Close])
                .and("fe", over(vec![sleep(100), send(bound), response()]))
                .server(slow())
                .with("more", "cookie a maxqueue 1\n    cookie S insert indirect")
                .with("queue", "1500ms"),
            case(
                "the sessions are ended",
                vec![
                    get("/2"),
                    sleep(100),
                    command("disable server be/s1"),
                    command("shutdown sessions server be/s1"),
                    sleep(300),
                    Close,
                ],
            ),
            case(
                "the server is taken out",
                vec![
                    get("/2"),
                    sleep(100),
                    command("disable server be/s1"),
                    sleep(300),
                    Close,
                ],
            ),
        ])
        .check();
    let hello = || vec![send("a"), Await("over"), Close];
    let slow = || vec![Bytes(1), Say("busy"), Await("over"), Close];
    let client = |name: &str, script: Vec<Step>, queue: &str| {
        Case::new(name, hello())
            .and("fe", over(script))
            .server(slow())
            .with("more", "")
            .with("queue", queue)
    };
    isolated("letters-queues-tcp", &in_tcp(&text))
        .cases([client("too long", vec![send("b"), RawEnd], "200ms")])
        .check();
    let text = in_tcp(&text).replace("<queue>", "<queue>\n    option abortonclose");
    isolated("letters-queues-tcp-abort", &text)
        .case(client(
            "the client leaves",
            vec![sleep(100), Close, sleep(200)],
            "1500ms",
        ))
        .check();
}

/// `option dontlognull` in TCP: no data from the client, no line.
#[test]
fn connections_without_data_are_not_logged_as_in_the_reference() {
    let text = in_tcp(&plain("    option dontlognull", "    retries 0"));
    let text = text.replace("server s1 <s1>", "server s1 <place>");
    let case = |name: &str, place: &str, script: Vec<Step>| {
        Case::new(name, script)
            .with("place", place)
            .server(vec![send("hi"), RawEnd])
    };
    isolated("letters-null-tcp", &text)
        .cases([
            case("the client says nothing", "<s1>", vec![Bytes(2), Close]),
            case(
                "the client says something",
                "<s1>",
                vec![send("x"), Bytes(2), sleep(50), Close],
            ),
            case("nothing, refused", "<dead>", vec![RawEnd]),
            case("nothing, no server", "<s1> disabled", vec![RawEnd]),
        ])
        .check();
}

/// `PR`, `PH`, `IR`, `IH`, `LR`: what rules make does not fit into the message.
#[test]
fn rewrites_that_do_not_fit_end_streams_as_in_the_reference() {
    let front = "    http-request set-var(txn.b) req.hdr(big)
    http-request set-header x-a %[req.hdr(big)] if { path /set }
    http-request replace-header big ^(.*)$ \\1\\1 if { path /replace }
    http-request set-uri /%[req.hdr(big)]%[req.hdr(big)] if { path /uri }
    http-request redirect location http://a/%[req.hdr(big)]%[req.hdr(big)] if { path /redirect }
    http-request return status 201 if { path /own }
    http-request deny if { path /deny }
    http-response set-header x-a %[res.hdr(big)] if { capture.req.uri /answer }
    http-response redirect location http://a/%[res.hdr(big)]%[res.hdr(big)] if { capture.req.uri /away }
    http-after-response set-header x-a %[res.hdr(big)] if { capture.req.uri /after }
    http-after-response set-header x-b %[var(txn.b)] if { capture.req.uri /own /deny }
    http-after-response add-header x-b %[var(txn.b)] if { capture.req.uri /own /deny }";
    let big = "x".repeat(9000);
    let case = |path: &str, of_client: bool| {
        let (asked, answered) = if of_client { (&*big, "") } else { ("", &*big) };
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nBig: {asked}\r\n\r\n");
        let answer = format!("HTTP/1.1 200 OK\r\nBig: {answered}\r\nContent-Length: 0\r\n\r\n");
        let client = vec![send(&request), response(), Close];
        Case::new(path, client).server(vec![Request, send(&answer), RawEnd])
    };
    isolated("letters-rewrites", &plain(front, ""))
        .cases(["/set", "/replace", "/uri", "/redirect", "/own", "/deny"].map(|p| case(p, true)))
        .cases(["/answer", "/away", "/after"].map(|p| case(p, false)))
        .check();
}
