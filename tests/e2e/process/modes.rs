//! What a conversation with the runtime API may do besides its level: modes, anonymised output,
//! variables; and what is refused by name.

use super::*;

#[test]
fn modes_belong_to_a_conversation_and_go_with_its_level() {
    let origin = Origin::http("s1");
    on_each(|program| {
        let proxy = start(program, &simple(), &origin);
        judge(
            program,
            &proxy,
            &[
                ("experimental-mode", "experimental-mode is OFF"),
                (
                    "experimental-mode on;experimental-mode",
                    "experimental-mode is ON",
                ),
                (
                    "expert-mode on;expert-mode;expert-mode off;expert-mode",
                    "expert-mode is ON|expert-mode is OFF",
                ),
                ("operator;experimental-mode on", "Permission denied"),
                ("user;expert-mode on", "Permission denied"),
                (
                    "set var proc.x int(1)",
                    "This command is restricted to experimental mode only.",
                ),
                (
                    "experimental-mode on;operator;set var proc.x int(1)",
                    "This command is restricted to experimental mode only.",
                ),
            ],
        );
        let help = |orders: &str| proxy.runtime(&format!("{orders}help set"));
        assert!(!help("").contains("  set var "), "{program:?}");
        assert!(
            help("experimental-mode on;").contains("  set var <name> "),
            "{program:?}"
        );
    });
}

#[test]
fn variables_of_the_process_are_set_by_expressions_and_formats() {
    let origin = Origin::http("s1");
    let text = simple().replace(
        "    default_backend",
        "    http-request return status 200 hdr x-var \"%[var(proc.shown)]\"\n    default_backend",
    );
    on_each(|program| {
        let proxy = start(program, &text, &origin);
        let set = |words: &str| {
            let answer = proxy.runtime(&format!("experimental-mode on;set var {words}"));
            answer.trim().to_owned()
        };
        for (words, shown) in [
            ("proc.x int(1)", "proc.x: type=sint value=<1>"),
            (
                "proc.x fmt %[int(3)]-a\\ b",
                "proc.x: type=str value=<3-a b>",
            ),
            ("proc.x expr str(a),upper", "proc.x: type=str value=<A>"),
            ("proc.new.one bool(1)", ""),
        ] {
            assert_eq!(set(words), "", "{program:?} {words}");
            if !shown.is_empty() {
                assert_eq!(proxy.runtime("get var proc.x").trim(), shown, "{program:?}");
            }
        }
        for (words, answer) in [
            ("", "Missing process-wide variable identifier."),
            ("proc.x", "Missing either 'expr', 'fmt' or expression."),
            (
                "sess.x int(1)",
                "'set var': cannot set variable 'sess.x', only scope 'proc' is permitted here.",
            ),
            (
                "proc.x int(1) foo",
                "'set var': arg type must be either 'expr' or 'fmt' but got 'int(1)'.",
            ),
        ] {
            assert_eq!(set(words), answer, "{program:?} {words}");
        }
        for (words, part) in [
            ("proc.x foo", "unknown fetch method 'foo'"),
            ("proc.x int(5),foo", "unknown converter 'foo'"),
            ("proc.x src", "'client address'"),
            ("proc.x fmt %[src]", "'client address'"),
            ("x int(1)", "invalid variable name 'x'"),
        ] {
            let answer = set(words);
            assert!(answer.contains(part), "{program:?} {words}: {answer}");
        }
        // A rule reads what was set.
        assert_eq!(set("proc.shown str(seen)"), "", "{program:?}");
        let response = Client::fetch(proxy.address("front"), "/");
        assert_eq!(response.header("x-var"), Some("seen"), "{program:?}");
    });
}

#[test]
fn anonymised_output_hashes_names_and_hosts_with_the_key() {
    let origin = Origin::http("s1");
    let text = simple().replace("level admin\n", "level admin\n    anonkey 5\n")
        + "    server other 10.5.6.7:81\n    server six [fe80::1]:80\n    server name localhost:80\n";
    on_each(|program| {
        let proxy = start(program, &text, &origin);
        judge(
            program,
            &proxy,
            &[
                ("show anon", "Anonymized mode disabled"),
                ("set anon on;show anon", "Anonymized mode enabled|Key : 5"),
                (
                    "set anon on 4294967295;show anon",
                    "Anonymized mode enabled|Key : 4294967295",
                ),
                (
                    "set anon on;set anon off;show anon",
                    "Anonymized mode disabled",
                ),
                (
                    "set anon on 0",
                    "Value out of range (1 to 4294967295 expected).",
                ),
                (
                    "set anon on x",
                    "Value out of range (1 to 4294967295 expected).",
                ),
                (
                    "set anon off 3",
                    "Key can't be added while disabling anonymized mode",
                ),
                ("user;set anon global-key 7", "Permission denied"),
                ("debug dev hash abc", "abc"),
                ("set anon on;debug dev hash abc", "255729"),
            ],
        );
        let states = proxy.runtime("set anon on;show servers state");
        for part in [
            " b49ea2 2 ",
            " IPV4(b19a1d) ",
            " IPV6(869466) ",
            " 127.0.0.1 2 0 1 1 ",
            " 057c6d 80 ",
        ] {
            assert!(states.contains(part), "{program:?} {part}: {states}");
        }
        assert!(!states.contains(" app "), "{program:?}: {states}");
        let conns = proxy.runtime("set anon on;show servers conn app");
        assert!(
            conns.contains("\nb49ea2/") && conns.contains(" IPV4(b19a1d) "),
            "{program:?}: {conns}"
        );
        if program == &Program::Lbd {
            // Another key for all conversations; 3.4.0 takes no notice of it.
            proxy.runtime("set anon global-key 7");
            judge(
                program,
                &proxy,
                &[("set anon on;show anon", "Anonymized mode enabled|Key : 7")],
            );
        }
        proxy.runtime("set anon global-key 0");
        let drawn = proxy.runtime("set anon on;show anon");
        assert!(drawn.contains("Key : "), "{program:?}: {drawn}");
        assert!(!drawn.contains("Key : 0\n"), "{program:?}: {drawn}");
    });
}

#[test]
fn sessions_are_anonymised_too() {
    let origin = Origin::answering("s1", |_, _| Reply::ok("x").delay(Duration::from_secs(30)));
    on_each(|program| {
        let asked = origin.requests().len();
        let proxy = start(program, &simple(), &origin);
        let mut client = Client::connect(proxy.address("front"));
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        origin.wait_requests(asked + 1);
        for order in ["show sess", "show sess all"] {
            let list = proxy.runtime(&format!("set anon on 5;{order}"));
            // The hash of the backend's name.
            assert!(list.contains("b49ea2"), "{program:?} {order}: {list}");
            assert!(!list.contains("=app"), "{program:?} {order}: {list}");
        }
        proxy.runtime("shutdown sessions server app/s1");
        client.read_to_end();
    });
}

#[test]
fn the_environment_and_the_words_of_the_start_are_shown() {
    let origin = Origin::http("s1");
    let text = simple().replace(
        "level admin\n",
        "level admin\n    setenv OWN secret\n    unsetenv HOME\n",
    );
    on_each(|program| {
        let proxy = start(program, &text, &origin);
        judge(
            program,
            &proxy,
            &[
                ("show env OWN", "OWN=secret"),
                ("show env HOME", "Variable not found"),
                ("user;show env", "Permission denied"),
                ("user;show startup-logs", "Permission denied"),
                ("show events stdout", "Nothing to report for this sink"),
                ("show events nope", "No such event sink"),
            ],
        );
        let all = proxy.runtime("show env");
        assert!(
            all.contains("\nHAPROXY_CFGFILES=") && all.contains("OWN=secret\n"),
            "{program:?}: {all}"
        );
        let sinks = proxy.runtime("show events");
        assert!(
            sinks.contains("    stdout     : type=fd, 0 dropped, "),
            "{program:?}: {sinks}"
        );
        // Where it is not told otherwise a limit is derived, which is said.
        let said = proxy.runtime("show startup-logs");
        assert!(
            said.contains("[NOTICE]   (") && said.contains("global.maxconn"),
            "{program:?}: {said}"
        );
    });
    let proxy = start(&Program::Lbd, &text, &origin);
    let hidden = proxy.runtime("set anon on 5;show env OWN");
    assert!(
        hidden.starts_with("\nOWN=") && !hidden.contains("secret"),
        "{hidden}"
    );
}

#[test]
fn a_reload_puts_its_words_in_the_place_of_those_of_the_start() {
    let origin = Origin::http("s1");
    let proxy = start(&Program::Lbd, &simple(), &origin);
    proxy.rewrite(&simple().replace("    server s1", "    server other"));
    assert!(proxy.runtime("reload").contains("Success=1"));
    let said = proxy.runtime("show startup-logs");
    assert!(said.contains("server app/s1 is gone"), "{said}");
    proxy.rewrite("nonsense\n");
    assert!(proxy.runtime("reload").contains("Success=0"));
    assert_eq!(proxy.runtime("show startup-logs"), said);
}

#[test]
fn what_lbd_has_no_counterpart_for_is_refused_by_name() {
    let origin = Origin::http("s1");
    let proxy = start(&Program::Lbd, &simple(), &origin);
    judge(
        &Program::Lbd,
        &proxy,
        &[
            (
                "show trace h2",
                "'show trace' is not supported: there are no traces; logs, 'show errors' and 'show \
                 sess all' tell of traffic.",
            ),
            (
                "show cache",
                "'show cache' is not supported: there is no cache.",
            ),
        ],
    );
    for order in ["expert-mode on;debug dev exit 1", "acme status", "trace 0"] {
        let answer = proxy.runtime(order);
        assert!(answer.contains("' is not supported: "), "{order}: {answer}");
    }
}

#[test]
fn waiting_is_for_administrators_and_states_are_for_all() {
    let origin = Origin::http("s1");
    on_each(|program| {
        let proxy = start(program, &simple(), &origin);
        judge(
            program,
            &proxy,
            &[
                ("operator;wait 1", "Permission denied"),
                ("operator;show map", "Permission denied"),
                ("operator;get acl x y", "Permission denied"),
                ("operator;clear counters all", "Permission denied"),
                ("user;clear counters", "Permission denied"),
            ],
        );
        for order in ["show servers state", "show servers conn"] {
            let answer = proxy.runtime(&format!("user;{order}"));
            assert!(answer.contains("# "), "{program:?} {order}: {answer}");
        }
    });
}
