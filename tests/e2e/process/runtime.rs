//! The runtime API: how it talks, what it shows, what it changes.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::*;

pub(super) fn column(proxy: &Proxy, object: &str, name: &str) -> String {
    let stat = proxy.runtime("show stat");
    let mut lines = stat.lines();
    let header = lines.next().expect("a header").trim_start_matches("# ");
    let at = header
        .split(',')
        .position(|column| column == name)
        .expect("a known column");
    let row = lines
        .find(|line| line.starts_with(&format!("{object},")))
        .expect("a known object");
    row.split(',').nth(at).unwrap_or_default().to_owned()
}

#[test]
fn one_line_is_answered_and_closed_whether_or_not_the_client_closes() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = start(program, &simple(), &origin);
        for half_close in [false, true] {
            let mut stream = proxy.runtime_stream();
            stream
                .write_all(b"show info;show cli level\n")
                .expect("sent");
            if half_close {
                stream.shutdown(Shutdown::Write).expect("closed");
            }
            let mut reply = String::new();
            stream.read_to_string(&mut reply).expect("the end");
            assert!(
                reply.starts_with("Name: HAProxy\nVersion: "),
                "{program:?}: {reply}"
            );
            assert!(reply.ends_with("\n\nadmin\n\n"), "{program:?}: {reply}");
        }
    });
}

#[test]
fn a_prompt_takes_several_lines() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = start(program, &simple(), &origin);
        let mut stream = proxy.runtime_stream();
        stream
            .write_all(b"prompt\nshow cli level\nget weight app/s1\nquit\n")
            .expect("sent");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("the end");
        assert_eq!(reply, "\n> admin\n\n> 1 (initial 1)\n\n> ", "{program:?}");
    });
}

#[test]
fn the_columns_stand_where_tools_look_for_them() {
    let origin = Origin::http("s1");
    let proxy = start(&Program::Lbd, &simple(), &origin);
    let stat = proxy.runtime("show stat");
    let header = stat.lines().next().expect("a header");
    let columns: Vec<&str> = header.split(',').collect();
    assert_eq!(columns[0], "# pxname");
    assert_eq!(columns[17], "status");
    assert_eq!(columns[36], "check_status");
    assert_eq!(columns[73], "addr");
    assert_eq!(columns[117], "resbout");
    assert_eq!(columns[118], "-");
    for row in stat.lines().skip(1).filter(|row| !row.is_empty()) {
        assert_eq!(row.split(',').count(), columns.len(), "{row}");
    }
}

#[test]
fn traffic_is_counted_alike() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = start(program, &simple(), &origin);
        for _ in 0..3 {
            assert_eq!(Client::fetch(proxy.address("front"), "/").status, 200);
        }
        for (object, name, value) in [
            ("web,FRONTEND", "stot", "3"),
            ("web,FRONTEND", "req_tot", "3"),
            ("web,FRONTEND", "hrsp_2xx", "3"),
            ("app,s1", "stot", "3"),
            ("app,s1", "lbtot", "3"),
            ("app,s1", "hrsp_2xx", "3"),
            ("app,s1", "status", "no check"),
            ("app,BACKEND", "stot", "3"),
            ("app,BACKEND", "act", "1"),
        ] {
            eventually(
                &format!("{program:?} {object} {name}"),
                Duration::from_secs(5),
                || column(&proxy, object, name) == value,
            );
        }
    });
}

#[test]
fn a_server_is_drained_stopped_and_revived_at_run_time() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = start(program, &simple(), &origin);
        let status = || column(&proxy, "app,s1", "status");
        assert_eq!(proxy.runtime("set server app/s1 state drain").trim(), "");
        assert_eq!(status(), "DRAIN", "{program:?}");
        proxy.runtime("set server app/s1 state maint");
        assert_eq!(status(), "MAINT", "{program:?}");
        assert_eq!(
            Client::fetch(proxy.address("front"), "/").status,
            503,
            "{program:?}"
        );
        proxy.runtime("enable server app/s1");
        assert_eq!(status(), "no check", "{program:?}");
        assert_eq!(
            Client::fetch(proxy.address("front"), "/").status,
            200,
            "{program:?}"
        );
        proxy.runtime("set weight app/s1 50%");
        assert_eq!(
            proxy.runtime("set server app/s1 weight 300").trim(),
            "Absolute weight can only be between 0 and 256 inclusive.",
            "{program:?}"
        );
        assert_eq!(
            proxy.runtime("set server app/nope state ready").trim(),
            "No such server."
        );
        assert_eq!(
            proxy.runtime("disable server nope").trim(),
            "Require 'backend/server'."
        );
    });
}

#[test]
fn maps_change_at_run_time_whole_versions_at_once() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let text = simple().replace(
            "    default_backend",
            "    http-request return status 200 hdr x-to %[path,map(<dir>/map)] if { path,map(<dir>/map) \
             -m found }\n    default_backend",
        );
        let proxy = Proxy::of(program.clone(), text)
            .listener("front")
            .unix_listener("runtime")
            .with("s1", origin.address())
            .file("map", "/a one\n/b two\n")
            .start();
        let to = |path: &str| {
            let response = Client::fetch(proxy.address("front"), path);
            response.header("x-to").unwrap_or_default().to_owned()
        };
        let map = proxy.directory().join("map").display().to_string();
        let say = |words: &str| proxy.runtime(&words.replace("MAP", &map)).trim().to_owned();
        assert_eq!((to("/a"), to("/c")), ("one".to_owned(), String::new()));
        assert_eq!(say("add map MAP /c three"), "");
        assert_eq!(say("set map MAP /a four"), "");
        assert_eq!(say("del map MAP /b"), "");
        assert_eq!((to("/a"), to("/b")), ("four".to_owned(), String::new()));
        assert_eq!(to("/c"), "three");
        assert_eq!(say("del map MAP /b"), "Key not found.");
        assert!(say("add map nope a b").starts_with("Unknown map identifier."));
        assert_eq!(say("prepare map MAP"), "New version created: 1");
        assert_eq!(say("add map @1 MAP /a five"), "");
        assert_eq!(to("/a"), "four");
        assert_eq!(say("commit map @1 MAP"), "");
        assert_eq!((to("/a"), to("/c")), ("five".to_owned(), String::new()));
        let found = "type=str, case=sensitive, found=yes, idx=tree, key=\"/a\", \
                     value=\"five\", type=\"str\"";
        assert_eq!(say("get map MAP /a"), found, "{program:?}");
    });
}

#[test]
fn an_address_changes_at_run_time() {
    let (one, two) = (Origin::http("one"), Origin::http("two"));
    on_both(|program| {
        let proxy = start(program, &simple(), &one);
        assert_eq!(
            Client::fetch(proxy.address("front"), "/").server(),
            "one",
            "{program:?}"
        );
        let reply = proxy.runtime(&format!(
            "set server app/s1 addr 127.0.0.1 port {}",
            two.port()
        ));
        assert!(
            reply.contains("port changed from '"),
            "{program:?}: {reply}"
        );
        // The reference closes its idle connections to the old address a moment later.
        eventually("the new address is used", Duration::from_secs(5), || {
            Client::fetch(proxy.address("front"), "/").server() == "two"
        });
    });
}

#[test]
fn a_frontend_pauses_and_goes_on() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = start(program, &simple(), &origin);
        proxy.runtime("disable frontend web");
        assert_eq!(
            column(&proxy, "web,FRONTEND", "status"),
            "PAUSED",
            "{program:?}"
        );
        let again = proxy.runtime("disable frontend web");
        assert_eq!(
            again.trim(),
            "All sockets are already disabled.",
            "{program:?}"
        );
        proxy.runtime("enable frontend web");
        assert_eq!(
            column(&proxy, "web,FRONTEND", "status"),
            "OPEN",
            "{program:?}"
        );
        // Workers listen a moment after the answer.
        eventually("it listens", Duration::from_secs(20), || {
            Client::try_connect(proxy.address("front")).is_ok()
        });
        assert_eq!(
            Client::fetch(proxy.address("front"), "/").status,
            200,
            "{program:?}"
        );
    });
}

#[test]
fn lower_levels_may_look_but_not_touch() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = start(program, &simple(), &origin);
        for level in ["user", "operator"] {
            let reply = proxy.runtime(&format!("{level};set weight app/s1 1"));
            assert!(reply.contains("Permission denied"), "{program:?}: {reply}");
        }
        let reply = proxy.runtime("user;show stat");
        assert!(reply.contains("# pxname"), "{program:?}: {reply}");
    });
}

#[test]
fn a_faulty_request_is_kept_for_show_errors() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = start(program, &simple(), &origin);
        let mut client = Client::connect(proxy.address("front"));
        client.send("GET / HTTP/1.1\r\nbad header\r\n\r\n");
        assert_eq!(client.response().status, 400, "{program:?}");
        let errors = proxy.runtime("show errors");
        assert!(errors.contains("frontend web (#"), "{program:?}: {errors}");
        assert!(errors.contains("invalid request"), "{program:?}: {errors}");
        assert!(errors.contains("bad header"), "{program:?}: {errors}");
    });
}

#[test]
fn sessions_are_listed_and_shut_down() {
    on_both(|program| {
        let origin = Origin::answering("s1", |_, _| Reply::ok("x").delay(Duration::from_secs(30)));
        let proxy = start(program, &simple(), &origin);
        let mut client = Client::connect(proxy.address("front"));
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        origin.wait_requests(1);
        let list = proxy.runtime("show sess");
        let line = list
            .lines()
            .find(|line| line.contains("fe=web"))
            .expect("the session");
        assert!(line.contains("be=app srv=s1"), "{program:?}: {line}");
        let id = line.split(':').next().expect("an id");
        assert!(
            proxy
                .runtime(&format!("show sess {id}"))
                .contains("server=s1"),
            "{program:?}"
        );
        assert_eq!(
            proxy.runtime("shutdown sessions server app/s1").trim(),
            "",
            "{program:?}"
        );
        // What the client still gets, if anything, depends on the version.
        client.read_to_end();
    });
}

#[test]
fn limits_per_second_change_at_run_time() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = start(program, &simple(), &origin);
        let limits = |names: [&str; 3]| {
            let info = proxy.runtime("show info");
            names.map(|name| {
                let line = info.lines().find(|line| line.starts_with(name));
                line.and_then(|line| line.split(": ").nth(1))
                    .unwrap_or_default()
                    .to_owned()
            })
        };
        for (setting, value) in [("connections", 900), ("sessions", 6), ("ssl-sessions", 7)] {
            let answer = proxy.runtime(&format!("set rate-limit {setting} global {value}"));
            assert_eq!(answer.trim(), "", "{program:?}");
        }
        assert_eq!(
            limits(["SessRateLimit", "SslRateLimit", "Maxconn"])[..2],
            ["6", "7"],
            "{program:?}"
        );
        for wrong in ["foo global 1", "connections foo 1", ""] {
            let answer = proxy.runtime(&format!("set rate-limit {wrong}"));
            assert!(
                answer.contains("'set rate-limit' only supports"),
                "{program:?}: {answer}"
            );
        }
        // Six sessions in a second, the seventh waits for the next one.
        let begun = Instant::now();
        for _ in 0..8 {
            let mut client = Client::connect(proxy.address("front"));
            assert_eq!(client.get("/").status, 200, "{program:?}");
        }
        assert!(
            begun.elapsed() >= Duration::from_millis(100),
            "{program:?}: nobody waited"
        );
    });
}

#[test]
fn a_line_of_a_megabyte_is_refused_and_harms_nobody() {
    use std::io::{Read as _, Write as _};
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = start(program, &simple(), &origin);
        let line = [b"show info ".to_vec(), vec![b'a'; 1 << 20], b"\n".to_vec()].concat();
        for _ in 0..3 {
            let mut stream = proxy.runtime_stream();
            // The program may close before it has taken all of it; HAProxy 2.6 just stops to read.
            let patience = Some(Duration::from_secs(1));
            stream.set_write_timeout(patience).expect("a timeout");
            stream.set_read_timeout(patience).expect("a timeout");
            let _ = stream.write_all(&line);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            assert!(answer.len() < 1000, "{program:?}");
        }
        assert!(
            proxy.runtime("show info").contains("\nMaxconn: "),
            "{program:?}"
        );
        let mut client = Client::connect(proxy.address("front"));
        assert_eq!(client.get("/").status, 200, "{program:?}");
    });
}

#[test]
fn facts_of_the_process_are_told_in_the_reference_s_form() {
    let origin = Origin::http("s1");
    let text = simple().replace(
        "level admin\n",
        "level admin\n    set-var proc.word str(b)\n    set-var proc.number int(3)\n",
    );
    let judge = |program: &Program| {
        let proxy = start(program, &text, &origin);
        for (order, answer) in [
            ("get var proc.word", "proc.word: type=str value=<b>"),
            ("get var proc.number", "proc.number: type=sint value=<3>"),
            ("get var proc.other", "Variable not found."),
            ("get var txn.word", "Variable not found."),
            ("get var", "Missing process-wide variable identifier."),
        ] {
            assert_eq!(proxy.runtime(order).trim(), answer, "{program:?} {order}");
        }
        let sockets = proxy.runtime("show cli sockets");
        assert!(
            sockets.starts_with("# socket lvl processes\nunix@/")
                && sockets.contains(" admin all\n"),
            "{program:?}: {sockets}"
        );
        let libraries = proxy.runtime("show libs");
        assert!(
            libraries.starts_with("0x") && libraries.contains("/libc.so"),
            "{program:?}: {libraries}"
        );
        let typed = proxy.runtime("show info typed float");
        for field in ["\n8.Uptime_sec.1:MDPV:flt:", "\n26.ConnRate.1:MRPV:flt:"] {
            assert!(typed.contains(field), "{program:?} {field}: {typed}");
        }
        let stat = proxy.runtime("show stat typed");
        for field in [".19.act.1:SGPV:u32:1", ".35.rate_max.1:MGPV:u32:"] {
            assert!(stat.contains(field), "{program:?} {field}: {stat}");
        }
    };
    judge(&Program::Lbd);
    if !support::program::haproxy_is_old() {
        judge(&Program::Haproxy);
    }
}
