//! Orders over the runtime socket about checks and what they decide.

use super::*;

#[test]
fn operators_speak_for_checks_and_agents() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let origin = Origin::http("s");
        let nobody = support::free_port();
        let proxy = start(
            program,
            &sink,
            &format!(
                "backend b\n    mode http\n    balance roundrobin\n    option httpchk\n    \
                 server s <s> check inter 1h\n    server t <s> agent-check agent-port {nobody} \
                 agent-inter 1h\n    server u <s>\n\n\
                 backend c\n    mode http\n    balance static-rr\n    server s <s> weight 5\n"
            ),
        )
        .with("s", origin.address())
        .start();
        eventually("the first check has ended", Duration::from_secs(5), || {
            row(&proxy, "b", "s")["check_status"] == "L7OK"
        });
        let steps: &[(&str, &str, &str, &str)] = &[
            ("set server b/s health down", "", "s", "DOWN"),
            ("set server b/s health up", "", "s", "UP"),
            ("set server b/s health stopping", "", "s", "NOLB"),
            ("set server b/s health up", "", "s", "UP"),
            ("disable health b/s", "", "s", "no check"),
            ("set server b/t agent down", "", "t", "DOWN (agent)"),
            ("set server b/t agent up", "", "t", "no check"),
            (
                "set server b/s agent down",
                "agent checks are not enabled on this server.",
                "t",
                "no check",
            ),
            (
                "enable agent b/s",
                "Agent was not configured on this server, cannot enable.",
                "t",
                "no check",
            ),
            (
                "enable health b/u",
                "Health check was not configured on this server, cannot enable.",
                "u",
                "no check",
            ),
            (
                "set server b/u check-port 80",
                "health checks are not enabled on this server",
                "u",
                "no check",
            ),
            (
                "set server b/u agent-addr 127.0.0.1",
                "agent checks are not enabled on this server",
                "u",
                "no check",
            ),
            (
                "set server b/t agent-port x",
                "provided port is not an integer",
                "t",
                "no check",
            ),
            (
                "set server b/t agent-addr ::1 port 70000",
                "provided port is invalid",
                "t",
                "no check",
            ),
            (
                "set server b/t agent-addr nowhere",
                "invalid addr 'nowhere'",
                "t",
                "no check",
            ),
            ("set server b/u state drain", "", "u", "DRAIN"),
            ("set server b/u state maint", "", "u", "MAINT"),
            ("set server b/u state ready", "", "u", "no check"),
            ("disable server b/u", "", "u", "MAINT"),
            ("enable server b/u", "", "u", "no check"),
            (
                "set weight c/s 3",
                "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.",
                "u",
                "no check",
            ),
        ];
        for (command, answer, server, status) in steps {
            assert_eq!(
                proxy.runtime(command).trim(),
                *answer,
                "{program:?}: {command}"
            );
            wait_status(&proxy, "b", server, status);
        }
        assert_eq!(proxy.runtime("enable health b/s").trim(), "", "{program:?}");
        for (weight, wanted) in [("50", "50"), ("50%", "0"), ("100%", "1"), ("0", "0")] {
            let command = format!("set weight b/u {weight}");
            assert_eq!(proxy.runtime(&command).trim(), "", "{program:?}");
            assert_eq!(
                row(&proxy, "b", "u")["weight"],
                wanted,
                "{program:?}: {weight}"
            );
        }
        let told: Vec<_> = messages(&sink)
            .into_iter()
            .filter(|(_, text)| text.contains("b/s "))
            .collect();
        let tail = "0 sessions active, 0 requeued, 0 remaining in queue.";
        let online = "3 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.";
        let wanted = [
            (
                1,
                format!(
                    "Server b/s is DOWN, changed from CLI. 2 active and 0 backup servers left. {tail}"
                ),
            ),
            (5, format!("Server b/s is UP, changed from CLI. {online}")),
            (
                5,
                format!(
                    "Server b/s is stopping, changed from CLI. {}",
                    online.replace('3', "2")
                ),
            ),
            (5, format!("Server b/s is UP, changed from CLI. {online}")),
        ];
        assert_eq!(told, wanted, "{program:?}");
    });
}

#[test]
fn checks_move_to_another_place_while_running() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let origin = Origin::http("s");
        let nobody = support::free_port();
        let proxy = start(
            program,
            &sink,
            &format!(
                "backend b\n    mode http\n    option httpchk\n    \
                 server s 127.0.0.1:{nobody} check inter 100ms rise 1 fall 1\n"
            ),
        )
        .start();
        wait_status(&proxy, "b", "s", "DOWN");
        let port = origin.port();
        assert_eq!(
            proxy
                .runtime(&format!("set server b/s check-port {port}"))
                .trim(),
            ""
        );
        wait_status(&proxy, "b", "s", "UP");
        let back = format!("set server b/s check-port {nobody}");
        assert_eq!(proxy.runtime(&back).trim(), "", "{program:?}");
        wait_status(&proxy, "b", "s", "DOWN");
        let moved = format!("set server b/s addr 127.0.0.1 port {port}");
        assert!(proxy.runtime(&moved).contains("changed"), "{program:?}");
        assert_eq!(
            proxy.runtime("set server b/s check-port 0").trim(),
            "",
            "{program:?}"
        );
        wait_status(&proxy, "b", "s", "UP");
    });
}

#[test]
fn columns_of_checks_are_empty_where_there_is_none() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let origin = Origin::http("s");
        let nobody = support::free_port();
        let proxy = start(
            program,
            &sink,
            &format!(
                "backend b\n    mode http\n    option httpchk\n    server s <s> check inter 100ms\n    \
                 server t <s> check disabled\n    server u <s> agent-check agent-port {nobody} \
                 agent-inter 100ms\n    server v <s>\n    server w nosuch.invalid:80 check init-addr none\n"
            ),
        )
        .with("s", origin.address())
        .start();
        eventually("the agent was tried", Duration::from_secs(5), || {
            row(&proxy, "b", "u")["agent_status"] == "L4CON"
                && row(&proxy, "b", "s")["check_status"] == "L7OK"
        });
        let names = [
            "status",
            "chkfail",
            "chkdown",
            "check_status",
            "last_chk",
            "check_rise",
        ];
        let seen = |server| names.map(|name| row(&proxy, "b", server)[name].clone());
        assert_eq!(seen("t"), ["MAINT", "0", "0", "", "", ""], "{program:?}");
        assert_eq!(seen("u"), ["no check", "", "", "", "", ""], "{program:?}");
        assert_eq!(seen("v"), ["no check", "", "", "", "", ""], "{program:?}");
        assert_eq!(
            row(&proxy, "b", "w")["status"],
            "MAINT (resolution)",
            "{program:?}"
        );
        assert_eq!(row(&proxy, "b", "u")["downtime"], "", "{program:?}");
        let moved = format!("set server b/u agent-addr 127.0.0.1 port {nobody}");
        assert_eq!(proxy.runtime(&moved).trim(), "", "{program:?}");
        let state = proxy.runtime("show servers state b");
        let fields = |server: &str| -> Vec<String> {
            let find = |line: &&str| line.split(' ').nth(3) == Some(server);
            let line = state.lines().find(find).unwrap_or_default();
            line.split(' ').map(str::to_owned).collect()
        };
        // Administration, status of the check, state of the agent, port, agent's place.
        let seen = |server| [6, 10, 14, 18, 23, 24].map(|at| fields(server)[at].clone());
        let port = nobody.to_string();
        let own = origin.port().to_string();
        assert_eq!(seen("t"), ["5", "1", "0", &own, "-", "0"], "{program:?}");
        let mut of_agent = seen("u");
        // The lowest bit: an agent check is under way.
        let state = of_agent[2].parse::<u8>().expect("a number") & !1;
        of_agent[2] = state.to_string();
        let wanted = ["0", "1", "22", &own, "127.0.0.1", &port];
        assert_eq!(of_agent, wanted, "{program:?}");
        assert_eq!(seen("w"), ["32", "1", "0", "80", "-", "0"], "{program:?}");
    });
}
