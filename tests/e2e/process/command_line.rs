//! `-c`, `-cc`, `-v*`, files that cannot be read, sockets that cannot be bound.

use super::*;

fn check(program: &Program, text: &str) -> Exit {
    Proxy::of(program.clone(), text).check()
}

#[test]
fn a_checked_file_exits_as_the_reference_does() {
    let listen = format!("{TIMEOUTS}listen l\n    bind 127.0.0.1:1\n    server s 127.0.0.1:2\n");
    let cases = [
        (listen.clone(), 0),
        (
            format!("{TIMEOUTS}backend b\n    server s 127.0.0.1:2\n"),
            2,
        ),
        (format!("{listen}    nonsense\n"), 1),
        (
            format!("{TIMEOUTS}frontend f\n    bind 127.0.0.1:1\n    default_backend none\n"),
            1,
        ),
        (listen.trim_end().to_owned(), 1),
        (String::new(), 2),
    ];
    on_both(|program| {
        for (text, code) in &cases {
            let exit = check(program, text);
            assert_eq!(exit.code, Some(*code), "{program:?}\n{text}\n{exit}");
        }
    });
}

#[test]
fn faults_keep_the_first_line_of_the_reference_and_all_are_told() {
    let text = format!(
        "{TIMEOUTS}frontend f\n    bind 127.0.0.1:1\n    foo\n    timeout cleint 3s\n    bar\n"
    );
    on_both(|program| {
        let exit = check(program, &text);
        for line in [8, 10] {
            let wanted = format!(":{line}] : unknown keyword '");
            assert!(
                exit.stderr.contains(&wanted),
                "{program:?}: {}",
                exit.stderr
            );
        }
        assert!(
            exit.stderr.contains("[ALERT]    ("),
            "{program:?}: {}",
            exit.stderr
        );
        assert!(
            exit.stderr.contains("Fatal errors found in configuration."),
            "{program:?}"
        );
    });
    let exit = check(&Program::Lbd, &text);
    assert!(
        exit.stderr.contains("timeout cleint 3s\n"),
        "the line is shown: {}",
        exit.stderr
    );
    assert!(
        exit.stderr.contains("^^^^^^"),
        "a caret points at the word: {}",
        exit.stderr
    );
}

#[test]
fn conditions_are_evaluated_from_the_command_line() {
    on_both(|program| {
        for (condition, code) in [("streq(a,a)", 0), ("streq(a,b)", 1), ("nonsense(a)", 2)] {
            let exit = Proxy::of(program.clone(), "")
                .args(&["-cc", condition])
                .run();
            assert_eq!(exit.code, Some(code), "{program:?} {condition}");
        }
    });
}

#[test]
fn versions_are_those_whose_interface_it_is() {
    let exit = Proxy::of(Program::Lbd, "").args(&["-vq"]).run();
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(0), "3.4.0\n"));
    let exit = Proxy::of(Program::Lbd, "").args(&["-vqb"]).run();
    assert_eq!(exit.stdout, "3.4\n");
    let exit = Proxy::of(Program::Lbd, "").args(&["-vv"]).run();
    assert!(exit.stdout.contains("Feature list : "), "{}", exit.stdout);
}

#[test]
fn an_unknown_flag_shows_the_usage_and_fails() {
    on_both(|program| {
        let exit = Proxy::of(program.clone(), "").args(&["--nonsense"]).run();
        assert_eq!(exit.code, Some(1), "{program:?}");
        let text = format!("{}{}", exit.stdout, exit.stderr);
        assert!(text.contains("Usage"), "{program:?}: {text}");
    });
}

#[test]
fn an_address_of_another_node_is_refused_with_the_setting_that_allows_it() {
    // TEST-NET-1 belongs to nobody.
    let text = format!("{TIMEOUTS}listen l\n    bind 192.0.2.1:80\n    server s 127.0.0.1:2\n");
    on_both(|program| {
        let exit = Proxy::of(program.clone(), text.clone()).run();
        assert_eq!(exit.code, Some(1), "{program:?}");
        assert!(
            exit.stderr.contains("Cannot assign requested address"),
            "{exit}"
        );
        assert!(exit.stderr.contains("[192.0.2.1:80]"), "{exit}");
    });
    let exit = Proxy::of(Program::Lbd, text).run();
    assert!(exit.stderr.contains("net.ipv4.ip_nonlocal_bind"), "{exit}");
    assert!(exit.stderr.contains("transparent"), "{exit}");
}

#[test]
fn a_port_in_use_is_named() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("an address");
    let text = format!("{TIMEOUTS}listen l\n    bind {address}\n    server s 127.0.0.1:2\n");
    on_both(|program| {
        let exit = Proxy::of(program.clone(), text.clone()).run();
        assert_eq!(exit.code, Some(1), "{program:?}");
        assert!(exit.stderr.contains("Address already in use"), "{exit}");
    });
}

#[test]
fn a_name_that_does_not_resolve_refuses_the_start_unless_told_otherwise() {
    let text = format!("{TIMEOUTS}listen l\n    bind 127.0.0.1:1\n    server s name.invalid:2\n");
    on_both(|program| {
        let exit = check(program, &text);
        assert_eq!(exit.code, Some(1), "{program:?}");
        assert!(
            exit.stderr
                .contains("could not resolve address 'name.invalid'"),
            "{exit}"
        );
        let exit = Proxy::of(program.clone(), text.clone())
            .args(&["-dr", "-c"])
            .run();
        assert_eq!(exit.code, Some(0), "{program:?}: {exit}");
    });
}
