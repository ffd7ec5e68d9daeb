//! Checks of several steps, and those that speak a service's own protocol.

use std::io::{Read as _, Write as _};

use super::*;

/// Answers each chunk that arrives with the next of `answers`, the first before anything comes
/// when it has no question.
fn talker(greets: bool, answers: &'static [&'static [u8]]) -> Origin {
    Origin::raw("talker", move |mut stream, _| {
        let mut answers = answers.iter().peekable();
        let mut buffer = [0; 1024];
        if greets && let Some(answer) = answers.next() {
            let _ = stream.write_all(answer);
            if answers.peek().is_none() {
                return;
            }
        }
        while let Ok(1..) = stream.read(&mut buffer) {
            let Some(answer) = answers.next() else { return };
            if stream.write_all(answer).is_err() || answers.peek().is_none() {
                return;
            }
        }
    })
}

struct Case {
    name: &'static str,
    lines: &'static str,
    greets: bool,
    answers: &'static [&'static [u8]],
    wanted: (&'static str, &'static str, &'static str),
}

const CASES: &[Case] = &[
    Case {
        name: "redis",
        lines: "mode tcp\n    option redis-check",
        greets: false,
        answers: &[b"+PONG\r\n"],
        wanted: ("L7OK", "0", "Redis server is ok"),
    },
    Case {
        name: "redis-loading",
        lines: "mode tcp\n    option redis-check",
        greets: false,
        answers: &[b"-LOADING Redis is loading the dataset in memory\r\n"],
        wanted: (
            "L7STS",
            "0",
            "-LOADING Redis is loading the dataset in memory",
        ),
    },
    Case {
        name: "smtp",
        lines: "mode tcp\n    option smtpchk",
        greets: true,
        answers: &[b"220 mail ready\r\n", b"250 hello\r\n", b"221 bye\r\n"],
        wanted: ("L7OK", "221", "bye"),
    },
    Case {
        name: "smtp-busy",
        lines: "mode tcp\n    option smtpchk EHLO me.example",
        greets: true,
        answers: &[b"421 too busy\r\n"],
        wanted: ("L7STS", "421", "too busy"),
    },
    Case {
        name: "spop",
        lines: "mode tcp\n    option spop-check",
        greets: false,
        answers: &[
            b"\0\0\0\x36\x65\0\0\0\x01\0\0\x07version\x08\x032.0\x0emax-frame-size\x03\xfc\xf0\x06\
              \x0ccapabilities\x08\0",
        ],
        wanted: ("L7OK", "0", ""),
    },
    Case {
        name: "spop-old",
        lines: "mode tcp\n    option spop-check",
        greets: false,
        answers: &[
            b"\0\0\0\x27\x65\0\0\0\x01\0\0\x07version\x08\x031.0\x0emax-frame-size\x03\xfc\xf0\x06",
        ],
        wanted: ("L7RSP", "", "unsupported version"),
    },
    Case {
        name: "spop-garbage",
        lines: "mode tcp\n    option spop-check",
        greets: false,
        answers: &[b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        wanted: ("L7RSP", "", "invalid frame received"),
    },
    Case {
        name: "two-steps",
        lines: "mode tcp\n    option tcp-check\n    tcp-check connect\n    \
                tcp-check send PING\\r\\n\n    tcp-check expect string +PONG\n    \
                tcp-check send INFO\\r\\n\n    tcp-check expect rstring role:(master|main)\n    \
                tcp-check send-binary 515549540d0a\n    tcp-check expect binary 2b4f4b",
        greets: false,
        answers: &[b"+PONG\r\n", b"role:main\r\n", b"+OK\r\n"],
        wanted: ("L7OK", "0", "(tcp-check)"),
    },
    Case {
        name: "second-step",
        lines: "mode tcp\n    option tcp-check\n    tcp-check connect\n    \
                tcp-check send PING\\r\\n\n    tcp-check expect string +PONG\n    \
                tcp-check send INFO\\r\\n\n    \
                tcp-check expect string role:master comment is-it-master",
        greets: false,
        answers: &[b"+PONG\r\n", b"role:slave\r\n"],
        wanted: (
            "L7RSP",
            "",
            "TCPCHK did not match content 'role:master' at step 5 comment: is-it-master",
        ),
    },
    Case {
        name: "min-recv",
        lines: "mode tcp\n    option tcp-check\n    \
                tcp-check expect min-recv 3 on-error \"no luck\" error-status L7STS string yes",
        greets: true,
        answers: &[b"no way"],
        wanted: ("L7STS", "0", "no luck"),
    },
    Case {
        name: "http-headers",
        lines: "mode http\n    option httpchk\n    \
                http-check send meth GET uri /x ver HTTP/1.1 hdr Host a hdr X-Y z body abc\n    \
                http-check expect hdr name x-role value -m beg main",
        greets: false,
        answers: &[b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nX-Role: main-1\r\n\r\n"],
        wanted: ("L7OK", "200", ""),
    },
    Case {
        name: "http-twice",
        lines: "mode http\n    option httpchk\n    http-check connect\n    \
                http-check send meth GET uri /a\n    http-check expect status 204\n    \
                http-check connect\n    http-check send meth GET uri /b\n    \
                http-check expect status 204",
        greets: false,
        answers: &[b"HTTP/1.1 204 No Content\r\n\r\n"],
        wanted: ("L7OK", "204", ""),
    },
];

fn run(program: &Program) -> BTreeMap<&'static str, (String, String, String)> {
    let sink = SyslogSink::udp();
    let peers: Vec<Origin> = CASES
        .iter()
        .map(|case| talker(case.greets, case.answers))
        .collect();
    let mut text = String::new();
    for case in CASES {
        text.push_str(&format!(
            "backend {0}\n    timeout check 400ms\n    {1}\n    \
             server s <{0}> check inter 500ms fastinter 50ms downinter 5m rise 1 fall 1\n\n",
            case.name, case.lines
        ));
    }
    let mut builder = start(program, &sink, &text);
    for (case, peer) in CASES.iter().zip(&peers) {
        builder = builder.with(case.name, peer.address());
    }
    let proxy = builder.start();
    eventually("all checks have ended", Duration::from_secs(10), || {
        let rows = csv::rows(&proxy.runtime("show stat"));
        rows.iter().filter(|row| row["svname"] == "s").all(|row| {
            let status = row["check_status"].as_str();
            !status.starts_with("INI") && !status.starts_with('*')
        })
    });
    let seen = |case: &Case| {
        let row = row(&proxy, case.name, "s");
        let status = row["check_status"].trim_start_matches("* ").to_owned();
        (
            case.name,
            (status, row["check_code"].clone(), plain(&row["last_chk"])),
        )
    };
    CASES.iter().map(seen).collect()
}

#[test]
fn scripts_end_as_in_haproxy() {
    on_both(|program| {
        let seen = run(program);
        let wanted = |case: &Case| {
            let (status, code, text) = case.wanted;
            (
                case.name,
                (status.to_owned(), code.to_owned(), text.to_owned()),
            )
        };
        let wanted: BTreeMap<_, _> = CASES.iter().map(wanted).collect();
        assert_eq!(seen, wanted, "{program:?}");
    });
}
