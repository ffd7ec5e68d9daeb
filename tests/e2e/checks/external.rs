//! `option external-check`: programs that check, what they are told, how they end. Debian's
//! HAProxy judges: 3.4.0 dies of the first program that it starts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use support::TempDir;

use super::*;

/// Runs a case on both programs; not on the HAProxy that cannot do it.
fn on_able(case: impl Fn(&Program)) {
    if !is_reference() {
        case(&Program::Haproxy);
    }
    case(&Program::Lbd);
}

fn script(directory: &TempDir, name: &str, text: &str) {
    directory.write(name, format!("#!/bin/sh\n{text}\n"));
    let path = directory.path().join(name);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("a mode");
}

const ALLOWED: &str = "global\n    external-check <kept>\n    insecure-fork-wanted\n";

const SEEN: &str = "backend app
    mode http
    option external-check
    external-check command <scripts>/see
    external-check path /usr/bin:/bin
    server s1 127.0.0.1:7 check inter 200ms maxconn 7
    server s2 [::1]:7 id 77 check inter 200ms ssl verify none
    server s3 unix@/nonexistent check inter 200ms
listen both
    mode tcp
    bind <front>
    option external-check
    external-check command <scripts>/see
    external-check path /usr/bin:/bin
    server s1 127.0.0.1:7 check inter 200ms
";

/// What the program of a server wrote, once it is there.
fn seen(directory: &Path, name: &str) -> Vec<String> {
    let path = directory.join(format!("seen.{name}"));
    let text = poll_until(Duration::from_secs(20), || {
        std::fs::read_to_string(&path).ok()
    });
    let text = text.unwrap_or_else(|| panic!("no {}", path.display()));
    let lines = text.lines().filter(|line| !line.starts_with("PWD="));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_program_is_told_what_it_checks() {
    on_able(|program| {
        let (directory, sink) = (TempDir::new(), SyslogSink::udp());
        let dir = directory.path().display();
        let to = format!("{dir}/seen.$HAPROXY_PROXY_NAME.$HAPROXY_SERVER_NAME");
        let text = format!("{{ echo \"$@\"; env | sort; }} > {to}.new && mv {to}.new {to}");
        script(&directory, "see", &text);
        let proxy = start(program, &sink, &format!("{ALLOWED}{SEEN}"))
            .listener("front")
            .with("kept", "")
            .with("scripts", dir)
            .start();
        let port = match proxy.address("front") {
            support::stream::Address::Tcp(address) => address.port(),
            other => panic!("{other:?}"),
        };
        let variables = |from: [&str; 2], id: u32, name: &str, server: [&str; 7]| {
            let [address, port, sid, sname, maxconn, ssl, proto] = server;
            [
                format!("HAPROXY_PROXY_ADDR={}", from[0]),
                format!("HAPROXY_PROXY_ID={id}"),
                format!("HAPROXY_PROXY_NAME={name}"),
                format!("HAPROXY_PROXY_PORT={}", from[1]),
                format!("HAPROXY_SERVER_ADDR={address}"),
                "HAPROXY_SERVER_CURCONN=0".to_owned(),
                format!("HAPROXY_SERVER_ID={sid}"),
                format!("HAPROXY_SERVER_MAXCONN={maxconn}"),
                format!("HAPROXY_SERVER_NAME={sname}"),
                format!("HAPROXY_SERVER_PORT={port}"),
                format!("HAPROXY_SERVER_PROTO={proto}"),
                format!("HAPROXY_SERVER_SSL={ssl}"),
                "PATH=/usr/bin:/bin".to_owned(),
            ]
        };
        let own = port.to_string();
        let none = ["", ""];
        let cases = [
            (
                "app.s1",
                "NOT_USED NOT_USED 127.0.0.1 7",
                variables(
                    none,
                    2,
                    "app",
                    ["127.0.0.1", "7", "1", "s1", "7", "0", "h1"],
                ),
            ),
            (
                "app.s2",
                "NOT_USED NOT_USED ::1 7",
                variables(none, 2, "app", ["::1", "7", "77", "s2", "0", "1", "h1"]),
            ),
            (
                "app.s3",
                "NOT_USED NOT_USED /nonexistent NOT_USED",
                variables(
                    none,
                    2,
                    "app",
                    ["/nonexistent", "", "3", "s3", "0", "0", "h1"],
                ),
            ),
            (
                "both.s1",
                &format!("127.0.0.1 {own} 127.0.0.1 7"),
                variables(
                    ["127.0.0.1", &own],
                    3,
                    "both",
                    ["127.0.0.1", "7", "1", "s1", "0", "0", "tcp"],
                ),
            ),
        ];
        for (name, arguments, variables) in cases {
            let seen = seen(directory.path(), name);
            assert_eq!(seen[0], arguments, "{program:?} {name}");
            assert_eq!(
                ids_apart(&seen[1..]),
                ids_apart(&variables),
                "{program:?} {name}"
            );
        }
    });
}

/// Numbers of proxies depend on what else there is.
fn ids_apart(lines: &[String]) -> Vec<&str> {
    let lines = lines.iter().map(String::as_str);
    lines
        .filter(|line| !line.starts_with("HAPROXY_PROXY_ID="))
        .collect()
}

#[test]
fn the_end_of_a_program_is_the_result_of_the_check() {
    on_able(|program| {
        let (directory, sink) = (TempDir::new(), SyslogSink::udp());
        let dir = directory.path().display();
        script(&directory, "good", "exit 0");
        script(&directory, "bad", "exit 3");
        script(&directory, "slow", "sleep 1000 &\nsleep 1000");
        let backend = |name: &str, command: &str, inter: &str| {
            format!(
                "backend {name}\n    option external-check\n    external-check command {command}\n    \
                 external-check path /usr/bin:/bin\n    server s1 127.0.0.1:7 check inter {inter} \
                 rise 1 fall 1\n"
            )
        };
        let backends = [
            backend("good", "<scripts>/good", "3s"),
            backend("bad", "<scripts>/bad", "3s"),
            backend("slow", "<scripts>/slow", "600ms"),
            backend("absent", "<scripts>/absent", "3s"),
        ];
        let proxy = start(program, &sink, &format!("{ALLOWED}{}", backends.concat()))
            .with("kept", "")
            .with("scripts", dir)
            .start();
        for (name, wanted) in [
            ("bad", "External check error, code: 3, "),
            ("slow", "External check timeout, code: 0, "),
            ("absent", "External check error, code: 255, "),
        ] {
            wait_status(&proxy, name, "s1", "DOWN");
            let line = sink.wait_line(&format!("Server {name}/s1 is DOWN, reason: "));
            assert!(line.message().contains(wanted), "{program:?}: {line:?}");
        }
        let passed = poll_until(Duration::from_secs(20), || {
            (row(&proxy, "good", "s1")["check_status"] == "PROCOK").then_some(())
        });
        assert!(passed.is_some(), "{program:?}");
        assert_eq!(row(&proxy, "bad", "s1")["check_status"], "PROCERR");
        assert_eq!(row(&proxy, "bad", "s1")["check_code"], "3");
    });
}

#[test]
fn the_environment_is_kept_when_asked_for() {
    on_able(|program| {
        for kept in ["", "preserve-env"] {
            if *program == Program::Haproxy && !kept.is_empty() {
                // Older versions have no such word.
                continue;
            }
            let (directory, sink) = (TempDir::new(), SyslogSink::udp());
            let dir = directory.path().display();
            let text = format!("echo \"<$MARK>\" > {dir}/new && mv {dir}/new {dir}/seen.mark");
            script(&directory, "see", &text);
            let backend = "backend app\n    option external-check\n    \
                           external-check command <scripts>/see\n    \
                           external-check path /usr/bin:/bin\n    \
                           server s1 127.0.0.1:7 check inter 200ms\n";
            let _proxy = start(program, &sink, &format!("{ALLOWED}{backend}"))
                .env("MARK", "here")
                .with("kept", kept)
                .with("scripts", dir)
                .start();
            let wanted = if kept.is_empty() { "<>" } else { "<here>" };
            assert_eq!(seen(directory.path(), "mark"), [wanted], "{program:?}");
        }
    });
}

#[test]
fn programs_need_leave_and_a_name() {
    let backend = |command: &str| {
        format!(
            "backend app\n    option external-check\n    {command}\n    server s1 127.0.0.1:7 check\n"
        )
    };
    let command = "external-check command /bin/true";
    let cases = [
        (backend(command), 1, "'global.external-check'"),
        (
            format!("global\n    external-check\n{}", backend("")),
            1,
            "'external-check command'",
        ),
        (
            format!("global\n    external-check\n{}", backend(command)),
            2,
            "'insecure-fork-wanted' not enabled",
        ),
        (
            format!("{ALLOWED}{}", backend(command)).replace("<kept>", ""),
            2,
            "no error",
        ),
        (
            format!("backend app\n    {command}\n    server s1 127.0.0.1:7\n"),
            2,
            "requires 'option external-check'",
        ),
    ];
    for program in [Program::Haproxy, Program::Lbd] {
        for (text, code, part) in &cases {
            let exit = Proxy::of(program.clone(), text.clone()).check();
            assert_eq!(exit.code, Some(*code), "{program:?}\n{text}\n{exit}");
            let said = format!("{}{}", exit.stdout, exit.stderr);
            // What has no frontend is told of timeouts as well.
            assert!(said.contains(part), "{program:?}\n{text}\n{said}");
        }
    }
}
