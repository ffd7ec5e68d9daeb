//! Every form of `http-check expect` and `tcp-check expect`, and of what is sent before.
//!
//! One server a rule; what is wanted are the columns `check_status`, `check_code` and `last_chk`.

use std::io::{Read as _, Write as _};

use super::*;

/// Rules, and how HAProxy ends them for `HTTP/1.1 200 OK` with `X-A: a, b` and the body `fine`.
const HTTP: &str = r#"
    status 200 | L7OK | 200 |
    status 200-204,404 | L7OK | 200 |
    ! status 200 | L7STS | 200 | OK
    rstatus ^2..$ | L7OK | 200 |
    rstatus ^3..$ | L7STS | 200 | OK
    ! rstatus ^2 | L7STS | 200 | OK
    string fine | L7OK | 200 |
    string nope | L7RSP |  | HTTP content check did not match
    ! string fine | L7RSP |  | HTTP check matched unwanted content
    rstring ^f.n | L7OK | 200 |
    rstring ^x | L7RSP |  | HTTP content check did not match
    ! rstring f | L7RSP |  | HTTP check matched unwanted content
    string-lf %[str(fine)] | L7OK | 200 |
    string-lf %[str(xx)] | L7RSP |  | HTTP content check did not match
    string-lf %[var(check.none)] | L7RSP |  | log-format string evaluated to an empty string
    hdr name X-A value b | L7OK | 200 |
    hdr name X-A value c | L7STS | 200 | OK
    hdr name x-a | L7OK | 200 |
    ! hdr name x-b | L7OK | 200 |
    ! hdr name x-a | L7STS | 200 | OK
    fhdr name X-A value "a, b" | L7OK | 200 |
    fhdr name X-A value b | L7STS | 200 | OK
    hdr name -m beg X- value -m end b | L7OK | 200 |
    hdr name -m reg ^x-.$ value -m reg ^b | L7OK | 200 |
    hdr name -m sub A value -m sub b | L7OK | 200 |
    hdr name-lf %[str(X-A)] value-lf %[str(b)] | L7OK | 200 |
    min-recv 3 comment foo string nope | L7RSP |  | HTTP content check did not match comment: foo
    ok-status L4OK string fine | L4OK |  |
    ok-status L6OK status 200 | L6OK |  |
    ok-status L7OKC status 200 | L7OKC | 200 |
    error-status L7RSP status 300 | L7RSP |  | OK
    error-status L4CON string nope | L4CON |  | HTTP content check did not match
    error-status L6RSP string nope | L6RSP |  | HTTP content check did not match
    on-success "good %[res.body]" status 200 | L7OK | 200 | good fine
    on-error "bad %[res.body]" status 300 | L7STS | 200 | bad fine
    on-error "bad %[res.hdr(x-a)] %[status]" string nope | L7RSP |  | bad b 200
    status-code int(77) string fine | L7OK | 77 |
    status-code int(77) string nope | L7RSP |  | HTTP content check did not match
    comment hey status 300 | L7STS | 200 | OK comment: hey
    string-lf %[be_name] | L7RSP |  | HTTP content check did not match
    on-success "%[srv_name] %[bc_dst]" status 200 | L7OK | 200 | s 127.0.0.1
"#;

/// What the server greets with, rules, and how HAProxy ends them.
const TCP: &str = r#"
    xxabcxx | string abc | L7OK | 0 | (tcp-check)
    xxabcxx | string abd | L7TOUT |  |  at step 1 of tcp-check (expect string 'abd')
    xxabcxx | ! string abc | L7RSP |  | TCPCHK matched unwanted content 'abc' at step 1
    xxabcxx | rstring a.c | L7OK | 0 | (tcp-check)
    xxabcxx | rstring a.d | L7TOUT |  |  at step 1 of tcp-check (expect regex)
    xxabcxx | ! rstring a.c | L7RSP |  | TCPCHK matched unwanted content (regex) at step 1
    xxabcxx | binary 616263 | L7OK | 0 | (tcp-check)
    xxabcxx | binary 616264 | L7TOUT |  |  at step 1 of tcp-check (expect binary '616264')
    xxabcxx | ! binary 616263 | L7RSP |  | TCPCHK matched unwanted content (binary) at step 1
    xxabcxx | rbinary 61.*63 | L7OK | 0 | (tcp-check)
    xxabcxx | rbinary 61.*64 | L7TOUT |  |  at step 1 of tcp-check (expect binary regex)
    xxabcxx | ! rbinary 61.*63 | L7RSP |  | TCPCHK matched unwanted content (binary regex) at step 1
    xxabcxx | string-lf %[str(abc)] | L7OK | 0 | (tcp-check)
    xxabcxx | string-lf %[str(abcd)] | L7TOUT |  |  at step 1 of tcp-check (expect log-format string)
    xxabcxx | ! string-lf %[str(abc)] | L7RSP |  | TCPCHK matched unwanted content (log-format string) at step 1
    xxabcxx | binary-lf %[str(616263)] | L7OK | 0 | (tcp-check)
    xxabcxx | binary-lf %[str(6162)]64 | L7TOUT |  |  at step 1 of tcp-check (expect log-format binary)
    xxabcxx | min-recv 3 string abd | L7RSP |  | TCPCHK did not match content 'abd' at step 1
    xxabcxx | min-recv 30 string abc | L7TOUT |  |  at step 1 of tcp-check (expect string 'abc')
    abc | string abcdefghijkl | L7TOUT |  |  at step 1 of tcp-check (expect string 'abcdefghijkl')
    abc | ok-status L7OK string abc | L7OK | 0 | (tcp-check)
    abc | ok-status L4OK string abc | L4OK |  | (tcp-check)
    abc | ok-status L6OK string abc | L6OK |  | (tcp-check)
    abc | ok-status L7OKC string abc | L7OKC | 0 | (tcp-check)
    xxabcxx | min-recv 3 error-status L7STS string yz | L7STS | 0 | TCPCHK did not match content 'yz' at step 1
    xxabcxx | min-recv 3 error-status L4CON string yz | L4CON |  | TCPCHK did not match content 'yz' at step 1
    xxabcxx | min-recv 3 error-status L6RSP string yz | L6RSP |  | TCPCHK did not match content 'yz' at step 1
    xxabcxx | tout-status L4TOUT string yz | L4TOUT |  |  at step 1 of tcp-check (expect string 'yz')
    xxabcxx | tout-status L6TOUT string yz | L6TOUT |  |  at step 1 of tcp-check (expect string 'yz')
    xxabcxx | tout-status L7TOUT string yz | L7TOUT |  |  at step 1 of tcp-check (expect string 'yz')
    abc | on-success "yes %[res.payload(0,2)]" string abc | L7OK | 0 | yes ab
    abc | min-recv 3 on-error "no %[res.payload(0,2)]" string abd | L7RSP |  | no ab
    abc | min-recv 3 on-error "no %[res.payload(0,2)]" comment cc string abd | L7RSP |  | no ab comment: cc
    250 abc | status-code res.payload(0,3) string abc | L7OK | 250 | (tcp-check)
    250 abc | min-recv 3 status-code res.payload(0,3) error-status L7STS on-error "%[res.payload(4,0)]" string abd | L7STS | 250 | abc
    250 abc | comment X string zz | L7TOUT |  |  at step 1 of tcp-check (expect string 'zz') comment: 'X'
"#;

/// Lines of an HTTP check, and the request that they make.
const REQUESTS: &[(&str, &str)] = &[
    ("option httpchk", "OPTIONS / HTTP/1.0||"),
    ("option httpchk /x", "OPTIONS /x HTTP/1.0||"),
    ("option httpchk HEAD /x", "HEAD /x HTTP/1.0||"),
    (
        "option httpchk GET /x HTTP/1.1",
        "GET /x HTTP/1.1|connection: close||",
    ),
    (
        "option httpchk GET /x HTTP/1.1 www.x",
        "GET /x HTTP/1.1|host: www.x|connection: close||",
    ),
    (
        "option httpchk POST /x",
        "POST /x HTTP/1.0|content-length: 0||",
    ),
    (
        "option httpchk\nhttp-check send meth PUT uri /a?b ver HTTP/1.1 hdr Host h hdr A b body hello",
        "PUT /a?b HTTP/1.1|host: h|a: b|content-length: 5|connection: close||hello",
    ),
    (
        "option httpchk GET /x HTTP/1.1 www.x\nhttp-check send hdr A b",
        "GET /x HTTP/1.1|a: b|connection: close||",
    ),
    (
        "option httpchk\nhttp-check set-var(check.x) str(abc)\nhttp-check send meth GET \
         uri-lf /%[var(check.x)] ver HTTP/1.1 hdr Host %[srv_name].x body-lf <%[srv_name]>",
        "GET /abc HTTP/1.1|host: s.x|content-length: 3|connection: close||<s>",
    ),
    (
        "option httpchk\nhttp-check send meth GET uri-lf %[var(check.none)]",
        "GET / HTTP/1.0||",
    ),
    (
        "option httpchk\nhttp-check send meth POST ver HTTP/1.1 hdr connection x \
         hdr content-length 9 hdr transfer-encoding chunked body abc",
        "POST / HTTP/1.1|connection: x|content-length: 3||abc",
    ),
];

/// A rule with what it is to end with.
struct Row {
    greeting: &'static str,
    rule: &'static str,
    wanted: [String; 3],
}

fn rows(table: &'static str, with_greeting: bool) -> Vec<Row> {
    let lines = table.lines().map(str::trim_start);
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let mut cells = line.split('|').map(str::trim);
            let mut cell = || cells.next().unwrap_or_default();
            let greeting = if with_greeting { cell() } else { "" };
            let rule = cell();
            // Texts of timeouts begin with a space.
            let wanted = [cell(), cell(), cell()].map(str::to_owned);
            Row {
                greeting,
                rule,
                wanted,
            }
        })
        .collect()
}

/// Servers that greet with this and stay; without a greeting they answer HTTP.
fn peer(greeting: &'static str) -> Origin {
    if greeting.is_empty() {
        return Origin::answering("peer", |_, _| Reply::ok("fine").header("X-A", "a, b"));
    }
    Origin::raw("peer", move |mut stream, _| {
        let _ = stream.write_all(greeting.as_bytes());
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

#[test]
fn every_form_of_expect_ends_as_in_haproxy() {
    let mut all = rows(HTTP, false);
    let https = all.len();
    all.extend(rows(TCP, true));
    on_both(|program| {
        let sink = SyslogSink::udp();
        let mut peers: BTreeMap<&'static str, Origin> = BTreeMap::new();
        for row in &all {
            peers
                .entry(row.greeting)
                .or_insert_with(|| peer(row.greeting));
        }
        let mut text = String::new();
        for (at, row) in all.iter().enumerate() {
            let (mode, option, rule) = match at < https {
                true => ("http", "httpchk GET /", "http-check"),
                false => ("tcp", "tcp-check", "tcp-check"),
            };
            let number = peers.keys().position(|greeting| *greeting == row.greeting);
            text.push_str(&format!(
                "backend b{at}\n    timeout check 1s\n    mode {mode}\n    option {option}\n    \
                 {rule} expect {}\n    \
                 server s <peer{}> check inter 1500ms rise 1 fall 1\n\n",
                row.rule,
                number.unwrap_or_default()
            ));
        }
        let mut builder = start(program, &sink, &text);
        for (at, peer) in peers.values().enumerate() {
            builder = builder.with(&format!("peer{at}"), peer.address());
        }
        let proxy = builder.start();
        let mut seen: BTreeMap<String, [String; 3]> = BTreeMap::new();
        let ended = poll_until(Duration::from_secs(30), || {
            for row in csv::rows(&proxy.runtime("show stat")) {
                let status = row["check_status"].as_str();
                let is_over = !status.is_empty() && !status.starts_with(['I', '*']);
                if row["svname"] == "s" && is_over && !seen.contains_key(&row["pxname"]) {
                    let columns = ["check_status", "check_code", "last_chk"];
                    let told = columns.map(|column| row[column].trim().to_owned());
                    seen.insert(row["pxname"].clone(), told);
                }
            }
            (seen.len() == all.len()).then_some(())
        });
        let missing = (0..all.len()).filter(|at| !seen.contains_key(&format!("b{at}")));
        let missing: Vec<_> = missing.map(|at| all[at].rule).collect();
        assert!(ended.is_some(), "{program:?}: no end of {missing:?}");
        for (at, row) in all.iter().enumerate() {
            assert_eq!(
                seen[&format!("b{at}")],
                row.wanted,
                "{program:?}: {} {}",
                row.greeting,
                row.rule
            );
        }
    });
}

#[test]
fn requests_of_checks_are_those_of_haproxy() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let heard: Vec<_> = REQUESTS.iter().map(|_| listen()).collect();
        let mut text = String::new();
        for (at, (lines, _)) in REQUESTS.iter().enumerate() {
            text.push_str(&format!(
                "backend b{at}\n    mode http\n    {}\n    server s <peer{at}> check inter 500ms\n\n",
                lines.replace('\n', "\n    ")
            ));
        }
        let mut builder = start(program, &sink, &text);
        for (at, (origin, _)) in heard.iter().enumerate() {
            builder = builder.with(&format!("peer{at}"), origin.address());
        }
        let _proxy = builder.start();
        for ((lines, wanted), (_, heard)) in REQUESTS.iter().zip(&heard) {
            let wanted = wanted.replace('|', "\r\n");
            let mut last = String::new();
            let came = poll_until(Duration::from_secs(10), || {
                last.clone_from(&heard.lock().expect("not poisoned"));
                (last.len() >= wanted.len()).then_some(())
            });
            assert!(came.is_some(), "{program:?}: {lines}: {last:?}");
            assert_eq!(last, wanted, "{program:?}: {lines}");
        }
    });
}

/// A server that keeps the first request that it hears, and answers it.
fn listen() -> (Origin, std::sync::Arc<std::sync::Mutex<String>>) {
    let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let kept = std::sync::Arc::clone(&heard);
    let origin = Origin::raw("peer", move |mut stream, number| {
        let mut buffer = [0; 2048];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if number == 0 {
                let text = String::from_utf8_lossy(&buffer[..count]);
                kept.lock().expect("not poisoned").push_str(&text);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (origin, heard)
}
