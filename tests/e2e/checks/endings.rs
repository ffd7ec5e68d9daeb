//! Every way in which a check can end.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::*;

/// What a server does when it is checked.
enum Peer {
    /// Nobody listens.
    Nobody,
    /// A full accept queue: connections are never made.
    Deaf,
    Http(Reply),
    /// Sends this at once and closes.
    Says(&'static [u8]),
    /// Sends this at once and stays.
    Stays(&'static [u8]),
    /// Waits for a word and closes.
    Hears,
}

struct Case {
    name: &'static str,
    /// Lines of the backend.
    lines: &'static str,
    peer: fn() -> Peer,
    /// `check_status`, `check_code`, `last_chk`.
    wanted: (&'static str, &'static str, &'static str),
}

/// A listening socket whose queue is full.
struct Deaf {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Deaf {
    fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("a socket");
        let address: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
        socket.bind(&address.into()).expect("bind");
        socket.listen(0).expect("listen");
        let listener = TcpListener::from(socket);
        let to = listener.local_addr().expect("an address");
        let connect = |_| TcpStream::connect_timeout(&to, Duration::from_millis(100)).ok();
        Self {
            _waiting: (0..3).filter_map(connect).collect(),
            listener,
        }
    }
}

enum Running {
    Deaf(Deaf),
    Origin(Origin),
    Nobody(u16),
}

impl Running {
    fn of(peer: Peer) -> Self {
        match peer {
            Peer::Nobody => Self::Nobody(support::free_port()),
            Peer::Deaf => Self::Deaf(Deaf::new()),
            Peer::Http(reply) => Self::Origin(Origin::answering("peer", move |_, _| reply.clone())),
            Peer::Says(bytes) => Self::Origin(Origin::raw("peer", move |mut stream, _| {
                let _ = stream.write_all(bytes);
            })),
            Peer::Stays(bytes) => Self::Origin(Origin::raw("peer", move |mut stream, _| {
                let _ = stream.write_all(bytes);
                let _ = stream.read_to_end(&mut Vec::new());
            })),
            Peer::Hears => Self::Origin(Origin::raw("peer", |mut stream, _| {
                let _ = stream.read(&mut [0; 512]);
            })),
        }
    }

    fn address(&self) -> String {
        match self {
            Self::Deaf(deaf) => deaf.listener.local_addr().expect("an address").to_string(),
            Self::Origin(origin) => origin.address().to_string(),
            Self::Nobody(port) => format!("127.0.0.1:{port}"),
        }
    }
}

const REFUSED: &str = "ECONNREFUSED returned by OS";

const HTTP: &str = "mode http\n    option httpchk GET /health";

const CASES: &[Case] = &[
    Case {
        name: "tcp-refused",
        lines: "mode tcp",
        peer: || Peer::Nobody,
        wanted: ("L4CON", "", REFUSED),
    },
    Case {
        name: "tcp-accepted",
        lines: "mode tcp",
        peer: || Peer::Stays(b""),
        wanted: ("L4OK", "", ""),
    },
    Case {
        name: "tcp-deaf",
        lines: "mode tcp",
        peer: || Peer::Deaf,
        wanted: ("L4TOUT", "", ""),
    },
    Case {
        name: "http-refused",
        lines: HTTP,
        peer: || Peer::Nobody,
        wanted: ("L4CON", "", REFUSED),
    },
    Case {
        name: "http-deaf",
        lines: HTTP,
        peer: || Peer::Deaf,
        wanted: ("L4TOUT", "", ""),
    },
    Case {
        name: "http-ok",
        lines: HTTP,
        peer: || Peer::Http(Reply::ok("fine")),
        wanted: ("L7OK", "200", ""),
    },
    Case {
        name: "http-redirect",
        lines: HTTP,
        peer: || Peer::Http(Reply::status(302, "Found")),
        wanted: ("L7OK", "302", ""),
    },
    Case {
        name: "http-error",
        lines: HTTP,
        peer: || Peer::Http(Reply::status(500, "Broken")),
        wanted: ("L7STS", "500", "Broken"),
    },
    Case {
        name: "http-closed",
        lines: HTTP,
        peer: || Peer::Http(Reply::nothing()),
        wanted: ("SOCKERR", "", ""),
    },
    Case {
        name: "http-reset",
        lines: HTTP,
        peer: || Peer::Http(Reply::reset()),
        wanted: ("SOCKERR", "", "ECONNRESET returned by OS"),
    },
    Case {
        name: "http-silent",
        lines: HTTP,
        peer: || Peer::Http(Reply::silence()),
        wanted: ("L7TOUT", "", ""),
    },
    Case {
        name: "http-garbage",
        lines: HTTP,
        peer: || Peer::Stays(b"SSH-2.0-OpenSSH_9.2\r\n"),
        wanted: ("SOCKERR", "", ""),
    },
    Case {
        name: "http-half-head",
        lines: HTTP,
        peer: || Peer::Http(Reply::ok("x").truncate(20)),
        wanted: ("SOCKERR", "", ""),
    },
    Case {
        name: "http-chunked",
        lines: "mode http\n    option httpchk\n    http-check expect string ready",
        peer: || Peer::Http(Reply::chunked(["rea", "dy"])),
        wanted: ("L7OK", "200", ""),
    },
    Case {
        name: "http-wrong-body",
        lines: "mode http\n    option httpchk\n    http-check expect string ready",
        peer: || Peer::Http(Reply::ok("busy")),
        wanted: ("L7RSP", "", "HTTP content check did not match"),
    },
    Case {
        name: "http-unwanted-body",
        lines: "mode http\n    option httpchk\n    http-check expect ! rstring err(or)?",
        peer: || Peer::Http(Reply::ok("an error")),
        wanted: ("L7RSP", "", "HTTP check matched unwanted content"),
    },
    Case {
        name: "http-wrong-status",
        lines: "mode http\n    option httpchk\n    http-check expect status 200",
        peer: || Peer::Http(Reply::status(204, "No Content")),
        wanted: ("L7STS", "204", "No Content"),
    },
    Case {
        name: "tcp-check-refused",
        lines: "mode tcp\n    option tcp-check\n    tcp-check connect\n    tcp-check expect string hi",
        peer: || Peer::Nobody,
        wanted: (
            "L4CON",
            "",
            "ECONNREFUSED returned by OS at step 1 of tcp-check (connect)",
        ),
    },
    Case {
        name: "tcp-check-matched",
        lines: "mode tcp\n    option tcp-check\n    tcp-check expect string hello",
        peer: || Peer::Stays(b"well, hello there\r\n"),
        wanted: ("L7OK", "0", "(tcp-check)"),
    },
    Case {
        name: "tcp-check-other",
        lines: "mode tcp\n    option tcp-check\n    tcp-check expect string hello",
        peer: || Peer::Says(b"bye\r\n"),
        wanted: (
            "L7RSP",
            "",
            "TCPCHK did not match content 'hello' at step 1",
        ),
    },
    Case {
        name: "tcp-check-silent",
        lines: "mode tcp\n    option tcp-check\n    tcp-check expect string hello comment greeting",
        peer: || Peer::Stays(b""),
        wanted: (
            "L7TOUT",
            "",
            " at step 1 of tcp-check (expect string 'hello') comment: 'greeting'",
        ),
    },
    Case {
        name: "tcp-check-closed",
        lines: "mode tcp\n    option tcp-check\n    tcp-check send x\n    tcp-check expect string hello",
        peer: || Peer::Hears,
        wanted: ("L7RSP", "", "TCPCHK got an empty response at step 2"),
    },
];

/// What a program made of a case: status, code, text, and what it logged.
type Seen = (String, String, String, Vec<(u16, String)>);

fn run(program: &Program) -> BTreeMap<&'static str, Seen> {
    let sink = SyslogSink::udp();
    let peers: Vec<Running> = CASES
        .iter()
        .map(|case| Running::of((case.peer)()))
        .collect();
    let mut text = String::new();
    for case in CASES {
        text.push_str(&format!(
            "backend {0}\n    timeout connect 300ms\n    timeout check 400ms\n    {1}\n    \
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
    std::thread::sleep(Duration::from_millis(50));
    let told = messages(&sink);
    CASES
        .iter()
        .map(|case| {
            let row = row(&proxy, case.name, "s");
            let mark = [format!(" {}/s ", case.name), format!(" {} ", case.name)];
            let told = told
                .iter()
                .filter(|(_, line)| mark.iter().any(|m| line.contains(m)));
            let status = row["check_status"].trim_start_matches("* ").to_owned();
            let seen = (status, row["check_code"].clone(), plain(&row["last_chk"]));
            (case.name, (seen.0, seen.1, seen.2, told.cloned().collect()))
        })
        .collect()
}

#[test]
fn every_ending_has_the_status_text_and_log_line_of_haproxy() {
    let judge = |seen: &BTreeMap<&'static str, Seen>, program| {
        for case in CASES {
            let (status, code, text, _) = &seen[case.name];
            let seen = (status.as_str(), code.as_str(), text.as_str());
            assert_eq!(seen, case.wanted, "{program:?}: {}", case.name);
        }
    };
    let reference = is_reference().then(|| run(&Program::Haproxy));
    if let Some(reference) = &reference {
        judge(reference, Program::Haproxy);
    }
    let own = run(&Program::Lbd);
    judge(&own, Program::Lbd);
    if let Some(reference) = reference {
        for case in CASES {
            assert_eq!(own[case.name], reference[case.name], "{}", case.name);
        }
    }
}
