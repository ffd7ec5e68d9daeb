use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::health::{CheckReport, CheckStatus};
use lbd_core::Time;

/// Token 1 is a request, 2 the empty text, 3 digits; the rest is what the answer says.
#[derive(Default)]
struct Host {
    performed: Vec<u32>,
}

impl Renderer for Host {
    fn render(&mut self, token: u32, answer: Answer<'_>) -> Vec<u8> {
        match token {
            1 => CheckRequest::default().encode(),
            2 => Vec::new(),
            3 => b"2b504f".to_vec(),
            _ => answer.payload.to_vec(),
        }
    }

    fn perform(&mut self, token: u32, _: Answer<'_>) {
        self.performed.push(token);
    }
}

const TIMEOUTS: CheckTimeouts = CheckTimeouts {
    inter: Duration::from_secs(2),
    connect: Some(Duration::from_secs(1)),
    check: Some(Duration::from_secs(5)),
};

/// Runs `script`; whenever it waits for the server the next of `events` happens.
fn run(script: Script, events: &[Event<'_>]) -> CheckReport {
    match run_any(script, events, false) {
        Finished::Report(report) => report,
        Finished::Agent(..) => panic!("a report wanted"),
    }
}

fn run_any(script: Script, events: &[Event<'_>], accept_404: bool) -> Finished {
    let mut host = Host::default();
    let mut events = events.iter().cloned();
    let mut run = CheckRun::new(Arc::new(script), TIMEOUTS, accept_404, Time::ZERO);
    let mut action = run.begin(Time::ZERO, &mut host);
    for _ in 0..100 {
        let event = match action {
            Action::Done(finished) => {
                assert_eq!(run.poll_timeout(), None);
                return finished;
            }
            Action::Connect(connect) if connect.port == Some(REFUSED) => {
                Event::ConnectFailed(ERROR)
            }
            Action::Connect(_) => Event::Connected(false),
            Action::Send(_) => Event::Sent,
            Action::Receive | Action::Wait => events.next().expect("another event"),
        };
        action = run.handle(Time::ZERO, event, &mut host);
    }
    panic!("no end");
}

const REFUSED: u16 = 23900;
const ERROR: &str = "ECONNREFUSED returned by OS (Connection refused)";
const RESET: &str = "ECONNRESET returned by OS (Connection reset by peer)";

fn text(report: &CheckReport) -> (&'static str, u32, String) {
    (
        report.status.name(),
        report.code,
        String::from_utf8_lossy(&report.text).into_owned(),
    )
}

fn outcome(script: Script, events: &[Event<'_>]) -> (&'static str, u32, String) {
    text(&run(script, events))
}

fn send(bytes: &[u8]) -> Step {
    Step::Send(Send {
        data: Pattern::Bytes(bytes.to_vec()),
        is_hex: false,
        implicit: false,
        comment: None,
    })
}

fn expect(what: Match) -> Expect {
    Expect::new(what)
}

fn string(text: &str) -> Match {
    Match::String(Pattern::Bytes(text.into()))
}

fn tcp(steps: Vec<Step>) -> Script {
    Script::new(Kind::Tcp, steps)
}

fn said(status: &'static str, code: u32, text: &str) -> (&'static str, u32, String) {
    (status, code, text.to_owned())
}

fn ping() -> Script {
    let comment = Step::Comment("PING phase".into());
    tcp(vec![
        comment,
        send(b"PING\r\n"),
        Step::Expect(expect(string("+PONG"))),
    ])
}

#[test]
fn a_tcp_check_is_told_as_the_reference_tells_it() {
    let data = |d| [Event::Data(d), Event::Closed];
    assert_eq!(
        outcome(ping(), &data(b"+PONG\r\n")),
        said("L7OK", 0, "(tcp-check)")
    );
    assert_eq!(
        outcome(ping(), &data(b"HTTP/1.0 400 Bad\r\n")),
        said("L7RSP", 0, "TCPCHK did not match content '+PONG' at step 3")
    );
    assert_eq!(
        outcome(ping(), &[Event::Failed(RESET)]),
        said(
            "SOCKERR",
            0,
            &format!("{RESET} at step 3 of tcp-check (expect string '+PONG')")
        )
    );
    assert_eq!(
        outcome(ping(), &[Event::Timeout]),
        said(
            "L7TOUT",
            0,
            " at step 3 of tcp-check (expect string '+PONG')"
        )
    );
    assert_eq!(
        outcome(
            tcp(vec![send(b"x"), Step::Expect(expect(string("+PONG")))]),
            &[Event::Closed]
        ),
        said("L7RSP", 0, "TCPCHK got an empty response at step 2")
    );
}

#[test]
fn connections_are_told_with_their_step() {
    let port = |port| {
        Step::Connect(Connect {
            port: Some(port),
            ..Connect::default()
        })
    };
    let named = Connect {
        port: Some(REFUSED),
        comment: Some("first conn".into()),
        ..Connect::default()
    };
    assert_eq!(
        outcome(tcp(vec![Step::Connect(named)]), &[]),
        said(
            "L4CON",
            0,
            &format!("{ERROR} at step 1 of tcp-check (connect port 23900) comment: 'first conn'")
        )
    );
    let second = vec![
        Step::Connect(Connect::default()),
        send(b"PING\r\n"),
        Step::Expect(expect(string("+PONG"))),
        port(REFUSED),
    ];
    assert_eq!(
        outcome(tcp(second), &[Event::Data(b"+PONG\r\n")]),
        said(
            "L4CON",
            0,
            &format!("{ERROR} at step 4 of tcp-check (connect port 23900)")
        )
    );
    assert_eq!(outcome(tcp(Vec::new()), &[]), said("L4OK", 0, ""));
    let explicit = vec![Step::Connect(Connect::default())];
    assert_eq!(outcome(tcp(explicit), &[]), said("L4OK", 0, "(tcp-check)"));
    assert_eq!(
        outcome(tcp(vec![send(b"X")]), &[]),
        said("L7OK", 0, "(tcp-check)")
    );
    assert_eq!(outcome(connect_script(), &[]), said("L4OK", 0, ""));
}

#[test]
fn an_initial_connection_that_fails_is_called_so() {
    let mut host = Host::default();
    let mut run = CheckRun::new(Arc::new(ping()), TIMEOUTS, false, Time::ZERO);
    run.begin(Time::ZERO, &mut host);
    let now = run.poll_timeout().unwrap();
    assert_eq!(now, Time::from_millis(1000), "timeout connect before inter");
    let done = run.handle(now, Event::ConnectFailed(ERROR), &mut host);
    let Action::Done(Finished::Report(report)) = done else {
        panic!("the end")
    };
    let wanted = format!("{ERROR} at initial connection step of tcp-check");
    assert_eq!(text(&report), said("L4CON", 0, &wanted));
    assert_eq!(report.duration, Duration::from_secs(1));
    assert_eq!(
        run.handle(now, Event::Closed, &mut host),
        Action::Wait,
        "nothing after the end"
    );
}

#[test]
fn layers_have_their_own_timeouts() {
    for (events, status) in [
        (vec![Event::Timeout], "L4TOUT"),
        (vec![Event::Handshaking, Event::Timeout], "L6TOUT"),
        (vec![Event::Handshaking, Event::ConnectFailed("x")], "L6RSP"),
        (vec![Event::Handshaking, Event::Connected(true)], "L6OK"),
    ] {
        let mut host = Host::default();
        let mut run = CheckRun::new(Arc::new(connect_script()), TIMEOUTS, false, Time::ZERO);
        run.begin(Time::ZERO, &mut host);
        let mut got = None;
        for event in events {
            if let Action::Done(Finished::Report(r)) = run.handle(Time::ZERO, event, &mut host) {
                got = Some(r.status.name());
            }
        }
        assert_eq!(got, Some(status));
    }
}

#[test]
fn options_of_expect_name_the_outcome() {
    let custom = Expect {
        on_success: Some(Text::Literal("good".into())),
        on_error: Some(Text::Literal("bad".into())),
        error_status: Some(CheckStatus::L7Status),
        ..expect(string("+PONG"))
    };
    let script = || tcp(vec![send(b"x"), Step::Expect(custom.clone())]);
    assert_eq!(
        outcome(script(), &[Event::Data(b"+PONG")]),
        said("L7OK", 0, "good")
    );
    let error = [Event::Data(b"-ERR x\r\n"), Event::Closed];
    assert_eq!(outcome(script(), &error), said("L7STS", 0, "bad"));
    let not = Expect {
        negate: true,
        comment: Some("no pong".into()),
        ..expect(string("+PONG"))
    };
    assert_eq!(
        outcome(
            tcp(vec![
                Step::Connect(Connect::default()),
                send(b"x"),
                Step::Expect(not)
            ]),
            &[Event::Data(b"+PONG\r\n")]
        ),
        said(
            "L7RSP",
            0,
            "TCPCHK matched unwanted content '+PONG' at step 3 comment: no pong"
        )
    );
    let least = Expect {
        min_recv: Some(3),
        comment: Some("exp".into()),
        ..expect(string("+PONG"))
    };
    assert_eq!(
        outcome(
            tcp(vec![send(b"x"), Step::Expect(least)]),
            &[Event::Data(b"-ERR x\r\n")]
        ),
        said(
            "L7RSP",
            0,
            "TCPCHK did not match content '+PONG' at step 2 comment: exp"
        ),
        "no waiting once the least has come"
    );
}

#[test]
fn expectations_in_a_row_are_judged_together_when_more_comes() {
    let steps = vec![
        send(b"x"),
        Step::Expect(expect(string("a"))),
        Step::Expect(expect(Match::Regex(Matcher::new(|d| d.ends_with(b"z"))))),
    ];
    let events = [Event::Data(b"b"), Event::Data(b"a"), Event::Data(b"z")];
    assert_eq!(outcome(tcp(steps.clone()), &events).0, "L7OK");
    let events = [Event::Data(b"ab"), Event::Closed];
    assert_eq!(
        outcome(tcp(steps), &events),
        said("L7RSP", 0, "TCPCHK did not match content (regex) at step 3")
    );
}

#[test]
fn binary_and_rendered_patterns_match() {
    let binary = |pattern| {
        tcp(vec![
            send(b"x"),
            Step::Expect(expect(Match::Binary(pattern))),
        ])
    };
    let pong = [Event::Data(b"+PONG"), Event::Closed];
    assert_eq!(outcome(binary(Pattern::Token(3)), &pong).0, "L7OK");
    assert_eq!(
        outcome(binary(Pattern::Bytes(b"+OK".to_vec())), &pong),
        said(
            "L7RSP",
            0,
            "TCPCHK did not match content (binary) at step 2"
        )
    );
    assert_eq!(
        outcome(binary(Pattern::Token(2)), &pong),
        said("L7RSP", 0, "log-format string evaluated to an empty string")
    );
    assert_eq!(
        outcome(binary(Pattern::Token(9)), &pong).2,
        "Failed to parse hexastring resulting of eval of a log-format string"
    );
    let slow = tcp(vec![
        send(b"x"),
        Step::Expect(expect(Match::Binary(Pattern::Bytes(vec![43])))),
    ]);
    assert_eq!(
        outcome(slow, &[Event::Timeout]).2,
        " at step 2 of tcp-check (expect binary '2B')"
    );
}

fn http(what: Option<Expect>) -> Script {
    match what {
        None => http_script(1),
        Some(what) => {
            let send = Step::Send(Send {
                data: Pattern::Token(1),
                is_hex: false,
                implicit: false,
                comment: None,
            });
            Script::new(Kind::Http, vec![send, Step::Expect(what)])
        }
    }
}

#[test]
fn http_statuses_decide_with_their_reason() {
    let get =
        |script, answer: &'static [u8]| outcome(script, &[Event::Data(answer), Event::Closed]);
    let server_error = b"HTTP/1.0 500 Internal Server Error\r\n\r\n";
    assert_eq!(
        get(http(None), b"HTTP/1.0 200 OK\r\n\r\nhello"),
        said("L7OK", 200, "")
    );
    assert_eq!(get(http(None), b"HTTP/1.1 399 X\r\n\r\n").0, "L7OK");
    assert_eq!(
        get(http(None), server_error),
        said("L7STS", 500, "Internal Server Error")
    );
    let ranges = || Some(expect(Match::Status(vec![(404, 404), (500, 599)])));
    assert_eq!(
        get(http(ranges()), b"HTTP/1.0 200 OK\r\n\r\n"),
        said("L7STS", 200, "OK")
    );
    assert_eq!(get(http(ranges()), server_error), said("L7OK", 500, ""));
    let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    assert_eq!(get(http(None), interim), said("L7OK", 204, ""));
    let regex = Expect {
        negate: true,
        ..expect(Match::StatusRegex(Matcher::new(|s| s.starts_with(b"5"))))
    };
    assert_eq!(get(http(Some(regex)), server_error).0, "L7STS");
}

#[test]
fn http_bodies_and_headers_are_looked_into() {
    let get = |what, answer: &'static [u8]| {
        outcome(http(Some(what)), &[Event::Data(answer), Event::Timeout])
    };
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    assert_eq!(get(expect(string("hello")), chunked), said("L7OK", 200, ""));
    let not = Expect {
        negate: true,
        ..expect(string("hello"))
    };
    assert_eq!(
        get(not, chunked),
        said("L7RSP", 200, "HTTP check matched unwanted content")
    );
    assert_eq!(
        get(expect(string("nope!")), chunked),
        said("L7RSP", 200, "HTTP content check did not match")
    );
    assert_eq!(
        get(
            expect(string("x")),
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        ),
        said(
            "L7RSP",
            200,
            "HTTP content check could not find a response body"
        )
    );
    let part = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nX-Y: a, b\r\n\r\nhello";
    assert_eq!(get(expect(string("hello")), part).0, "L7OK");
    assert_eq!(get(expect(string("wxyz")), part).0, "L7TOUT");
    let exact = |t: &str| TextMatch::Exact(Pattern::Bytes(t.into()));
    let header = |value: &str, full| {
        let value = Some(exact(value));
        expect(Match::Header(HeaderExpect {
            name: exact("X-y"),
            value,
            full,
        }))
    };
    assert_eq!(get(header("b", false), part).0, "L7OK");
    assert_eq!(get(header("b", true), part).0, "L7STS");
    assert_eq!(get(header("a, b", true), part).0, "L7OK");
    let needs = Expect {
        comment: Some("needs_y".into()),
        ..header("z", false)
    };
    assert_eq!(get(needs, part), said("L7STS", 200, "OK comment: needs_y"));
}

#[test]
fn what_is_no_http_is_a_socket_error() {
    for events in [
        vec![Event::Closed],
        vec![Event::Data(b"garbage\r\n\r\n"), Event::Closed],
        vec![Event::Data(b"HTTP/1.1 2"), Event::Closed],
        vec![Event::Data(b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n")],
    ] {
        assert_eq!(outcome(http(None), &events), said("SOCKERR", 0, ""));
    }
}

#[test]
fn a_404_is_conditional_only_for_a_server_that_is_up() {
    let script = || http(None).with_disable_on_404(true);
    let events = [
        Event::Data(b"HTTP/1.0 404 Not Found\r\n\r\n"),
        Event::Closed,
    ];
    for (up, wanted) in [
        (true, said("L7OKC", 404, "")),
        (false, said("L7STS", 404, "Not Found")),
    ] {
        let Finished::Report(report) = run_any(script(), &events, up) else {
            panic!("report")
        };
        assert_eq!(text(&report), wanted);
    }
}

#[test]
fn redis_smtp_and_tls_are_known() {
    let close = |d| [Event::Data(d), Event::Closed];
    assert_eq!(
        outcome(redis_script(), &close(b"+PONG\r\n")),
        said("L7OK", 0, "Redis server is ok")
    );
    assert_eq!(
        outcome(redis_script(), &close(b"-ERR x\r\nmore")),
        said("L7STS", 0, "-ERR x")
    );
    assert_eq!(
        outcome(redis_script(), &[Event::Closed]),
        said("L7STS", 0, "")
    );
    let smtp = || smtp_script("HELO localhost");
    let session = [
        Event::Data(b"220 hi\r\n"),
        Event::Data(b"250-a\r\n"),
        Event::Data(b"250 ok\r\n"),
        Event::Data(b"221 bye\r\n"),
    ];
    assert_eq!(outcome(smtp(), &session), said("L7OK", 221, "bye"));
    assert_eq!(
        outcome(smtp(), &close(b"554 no\r\n")),
        said("L7STS", 554, "no")
    );
    assert_eq!(outcome(smtp(), &[Event::Closed]), said("L7RSP", 0, ""));
    assert_eq!(
        outcome(ssl_hello_script(), &[Event::Data(&[21, 3, 0, 0, 2])]).0,
        "L6OK"
    );
    assert_eq!(
        outcome(ssl_hello_script(), &close(b"HTTP/1.0 400")),
        said("L6RSP", 0, "")
    );
    assert_eq!(
        outcome(ssl_hello_script(), &[Event::Timeout]),
        said("L6TOUT", 0, "")
    );
}

#[test]
fn databases_and_directories_are_known() {
    let close = |d| [Event::Data(d), Event::Closed];
    let greeting = [b"J\0\0\0\x0a5.7.30\0".as_slice(), &[b'x'; 66]].concat();
    let Finished::Report(report) = run_any(mysql_script(None), &close(&greeting), false) else {
        panic!("report")
    };
    assert_eq!(report.status, CheckStatus::L7Ok);
    assert!(report.text.starts_with(b"5.7.30\0"));
    let refused = b"\x17\0\0\0\xff\x6a\x04Host is not allowed";
    let refused = [refused.as_slice(), &[0]].concat();
    assert_eq!(
        outcome(mysql_script(None), &close(&refused)),
        said("L7STS", 1130, "Host is not allowed\0")
    );
    let login = || mysql_script(Some(("u", MysqlVersion::Post41)));
    let both = [greeting.as_slice(), b"\x07\0\0\x02\0\0\0\x02\0\0\0"].concat();
    assert_eq!(outcome(login(), &[Event::Data(&both)]).0, "L7OK");
    assert_eq!(outcome(login(), &close(&greeting)).0, "L7RSP");
    assert_eq!(
        outcome(mysql_script(None), &close(b"HTTP/1.0 200 OK")),
        said("L7RSP", 0, "")
    );

    let pgsql = || pgsql_script("u");
    let ready = b"R\0\0\0\x08\0\0\0\0";
    assert_eq!(
        outcome(pgsql(), &close(ready)),
        said("L7OK", 0, "PostgreSQL server is ok")
    );
    assert_eq!(
        outcome(pgsql(), &close(b"E\0\0\0\x10SFATAL\0")),
        said("L7RSP", 0, "FATAL\0")
    );
    assert_eq!(
        outcome(pgsql(), &close(b"HTTP/1.0 200 OK\r\n\r\n")),
        said("L7STS", 0, "PostgreSQL unknown error")
    );

    let bound = [0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0];
    assert_eq!(
        outcome(ldap_script(), &close(&bound)),
        said("L7OK", 0, "Success")
    );
    let mut denied = bound;
    denied[9] = 49;
    assert_eq!(outcome(ldap_script(), &close(&denied)).1, 49);
    for other in [
        &b"HTTP/1.0 200 OK"[..],
        b"",
        b"0\x84\xff\xff\xff\xff\x02\x01\x01a\0\0\0\0",
    ] {
        let events = if other.is_empty() {
            vec![Event::Closed]
        } else {
            close(other).to_vec()
        };
        assert_eq!(outcome(ldap_script(), &events).0, "L7RSP");
    }
}

#[test]
fn an_agent_answers_with_a_line() {
    let events = [Event::Data(b"up 5"), Event::Data(b"0%\n")];
    let Finished::Agent(reply, _) = run_any(agent_script(b"hello\n"), &events, false) else {
        panic!("an agent's line")
    };
    assert_eq!(reply.weight.as_deref(), Some("50%"));
    assert_eq!(
        outcome(agent_script(b""), &[Event::Failed(RESET)]),
        said("SOCKERR", 0, RESET)
    );
}

#[test]
fn actions_are_performed_and_endless_answers_are_cut() {
    let mut host = Host::default();
    let steps = vec![
        Step::Action(7),
        send(b"x"),
        Step::Expect(expect(string("never"))),
    ];
    let mut run = CheckRun::new(Arc::new(tcp(steps)), TIMEOUTS, false, Time::ZERO);
    run.begin(Time::ZERO, &mut host);
    run.handle(Time::ZERO, Event::Connected(false), &mut host);
    run.handle(Time::ZERO, Event::Sent, &mut host);
    let flood = vec![b'x'; 5000];
    let mut ended = false;
    for _ in 0..10 {
        let action = run.handle(Time::ZERO, Event::Data(&flood), &mut host);
        ended |= matches!(action, Action::Done(_));
    }
    assert!(ended);
    assert_eq!(host.performed, [7]);
}

#[test]
fn requests_are_written_as_configured() {
    let plain = CheckRequest::default().encode();
    assert_eq!(plain, b"OPTIONS / HTTP/1.0\r\n\r\n");
    let get = CheckRequest {
        version: b"HTTP/1.1".to_vec(),
        headers: vec![
            (b"Content-Length".to_vec(), b"9".to_vec()),
            (b"Transfer-Encoding".to_vec(), b"chunked".to_vec()),
        ],
        ..CheckRequest::default()
    };
    assert_eq!(
        get.encode(),
        b"OPTIONS / HTTP/1.1\r\nconnection: close\r\n\r\n"
    );
    let post = CheckRequest {
        method: b"POST".to_vec(),
        uri: b"/h".to_vec(),
        version: b"HTTP/1.1".to_vec(),
        headers: vec![
            (b"Host".to_vec(), b"x".to_vec()),
            (b"Empty".to_vec(), Vec::new()),
            (b"Connection".to_vec(), b"keep-alive".to_vec()),
        ],
        body: b"ping".to_vec(),
    };
    assert_eq!(
        post.encode(),
        b"POST /h HTTP/1.1\r\nhost: x\r\nconnection: keep-alive\r\ncontent-length: 4\r\n\r\nping"
    );
}
