//! Seed 000: behind an ELB.

use super::*;

fn monitor(program: &Program) -> (Proxy, SyslogSink, Origin, Origin) {
    let (a, c) = (Origin::http("1a"), Origin::http("1c"));
    let syslog = SyslogSink::udp();
    let text = seed(
        "000-1-elb-monitor-uri.cfg",
        &[
            ("*:80", "<front>"),
            ("127.0.0.1 local0", "<log> local0"),
            ("10.0.1.10:80", "<a>"),
            ("10.0.3.10:80", "<c>"),
        ],
    );
    let proxy = start(program, text, &[("a", &a), ("c", &c)]).with("log", syslog.address());
    (proxy.start(), syslog, a, c)
}

#[test]
fn the_balancer_itself_answers_the_elb_and_logs_nothing_of_it() {
    on_both(|program| {
        let (proxy, syslog, a, c) = monitor(program);
        let response = Client::fetch(proxy.address("front"), "/haproxy_health");
        assert_eq!(response.status, 200, "{program:?}");
        assert!(
            response.text().contains("200 OK"),
            "{program:?}: {}",
            response.text()
        );
        assert!(a.requests().is_empty() && c.requests().is_empty());

        let response = Client::fetch(proxy.address("front"), "/app?x=1");
        assert_eq!(response.status, 200);
        let line = syslog.wait_line("/app?x=1");
        assert!(
            line.message().contains(" http app/ec2-us-east-1"),
            "{}",
            line.message()
        );
        assert!(line.message().contains(" 200 "), "{}", line.message());
        assert!(
            line.message().ends_with("\"GET /app?x=1 HTTP/1.1\""),
            "{}",
            line.message()
        );
        assert_eq!(line.priority(), Some(16 * 8 + 6));
        let health = syslog
            .lines()
            .iter()
            .filter(|l| l.text().contains("haproxy_health"))
            .count();
        assert_eq!(health, 0, "{program:?}: monitor requests are not logged");
    });
}

#[test]
fn zones_share_by_weight() {
    on_both(|program| {
        let (proxy, _syslog, a, c) = monitor(program);
        let by_server = share(&proxy, &|n| get(&format!("/{n}")), 125);
        assert_eq!(by_server["1a"], 25, "{program:?}");
        assert_eq!(by_server["1c"], 100, "{program:?}");
        assert_eq!(a.requests().len() + c.requests().len(), 125);
    });
}

#[test]
fn connections_without_data_are_not_logged_with_dontlognull() {
    on_both(|program| {
        let (proxy, syslog, _a, _c) = monitor(program);
        for _ in 0..3 {
            drop(Client::connect(proxy.address("front")));
        }
        Client::fetch(proxy.address("front"), "/after");
        syslog.wait_line("/after");
        let lines: Vec<_> = syslog
            .lines()
            .into_iter()
            .filter(|l| l.text().contains("BADREQ"))
            .collect();
        assert!(lines.is_empty(), "{program:?}: {lines:?}");
    });
}

#[test]
fn a_silent_connection_gets_408_and_the_line_of_the_page() {
    on_both(|program| {
        let app = Origin::http("web1");
        let syslog = SyslogSink::udp();
        let text = seed(
            "000-2-elb-short-client-timeout.cfg",
            &[
                ("*:80", "<front>"),
                ("127.0.0.1 local0", "<log> local0"),
                ("10.0.1.10:80", "<app>"),
                ("timeout client 4s", "timeout client 400ms"),
            ],
        );
        let proxy = start(program, text, &[("app", &app)])
            .with("log", syslog.address())
            .start();
        let mut client = Client::connect(proxy.address("front"));
        let response = client.response();
        assert_eq!(response.status, 408, "{program:?}");
        assert!(client.is_closed_within(Duration::from_secs(5)));
        let line = syslog.wait_line("cR--");
        let message = line.message();
        assert!(
            message.contains(" http http/<NOSRV> -1/-1/-1/-1/4"),
            "{program:?}: {message}"
        );
        assert!(message.contains(" 408 "), "{program:?}: {message}");
        assert!(
            message.contains(" 0/0 ") && message.ends_with(" \"<BADREQ>\""),
            "{program:?}: {message}"
        );
    });
}
