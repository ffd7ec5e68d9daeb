//! Seed 002: the template with the instances appended, its error files, and no log of good
//! requests.

use super::*;

fn template(program: &Program, servers: &[(&str, &Origin)]) -> (Proxy, SyslogSink) {
    let syslog = SyslogSink::udp();
    let mut text = seed(
        "002-2-asg-no-nbproc.cfg",
        &[
            ("*:80", "<front>"),
            ("log /dev/log    local0", "log <log> local0"),
            ("log /dev/log    local1 notice", "log <log> local1 notice"),
            ("      chroot /var/lib/haproxy\n", ""),
            ("      user haproxy\n", ""),
            ("      group haproxy\n", ""),
            ("      daemon\n", ""),
            ("stats socket /tmp/haproxy", "stats socket <dir>/hatop.sock"),
            ("/etc/haproxy/errors", "<dir>"),
            ("maxconn 2000000", "maxconn 2000"),
            ("mode    http", "mode    http\n      option httplog"),
            ("timeout connect 5000", "timeout connect 500"),
        ],
    );
    // The page's script appends instances the same way.
    let template_end = text.find("\tserver ").unwrap_or(text.len());
    text.truncate(template_end);
    for (name, _) in servers {
        text.push_str(&format!(
            "\tserver {name}.compute.amazonaws.com <{name}> check inter 200ms\n"
        ));
    }
    let mut builder = start(program, text, servers).with("log", syslog.address());
    for status in [400, 403, 408, 500, 502, 503, 504] {
        let body = format!("custom page for {status}\n");
        let page = format!(
            "HTTP/1.0 {status} Custom\r\nCache-Control: no-cache\r\nConnection: close\r\n\
             Content-Type: text/html\r\n\r\n{body}"
        );
        builder = builder.file(&format!("{status}.http"), page);
    }
    (builder.start(), syslog)
}

#[test]
fn appended_instances_share_the_traffic_and_see_the_client() {
    on_both(|program| {
        let (a, b, c) = (Origin::http("a"), Origin::http("b"), Origin::http("c"));
        let (proxy, _syslog) = template(program, &[("a", &a), ("b", &b), ("c", &c)]);
        let by_server = share(&proxy, &|n| get(&format!("/{n}")), 30);
        assert_eq!(
            by_server.values().collect::<Vec<_>>(),
            [&10, &10, &10],
            "{program:?}"
        );
        let seen = b
            .requests()
            .into_iter()
            .rev()
            .find(|r| r.header("x-forwarded-for").is_some());
        assert_eq!(
            seen.expect("a request").header("x-forwarded-for"),
            Some("127.0.0.1")
        );
    });
}

#[test]
fn good_requests_are_not_logged_and_failures_show_the_error_file() {
    on_both(|program| {
        let a = Origin::http("a");
        let (proxy, syslog) = template(program, &[("a", &a)]);
        for _ in 0..5 {
            assert_eq!(Client::fetch(proxy.address("front"), "/good").status, 200);
        }
        // Its own end is logged, so nothing of the good ones can still be on its way.
        a.stop();
        eventually("503 with the custom page", Duration::from_secs(10), || {
            let response = Client::fetch(proxy.address("front"), "/bad");
            response.status == 503 && response.text() == "custom page for 503\n"
        });
        syslog.wait_line(" 503 ");
        let lines = syslog.lines();
        let good = lines
            .iter()
            .filter(|line| line.text().contains(" 200 "))
            .count();
        assert_eq!(good, 0, "{program:?}: {lines:?}");
    });
}

#[test]
fn garbage_gets_the_400_page() {
    on_both(|program| {
        let a = Origin::http("a");
        let (proxy, _syslog) = template(program, &[("a", &a)]);
        let mut client = Client::connect(proxy.address("front"));
        client.send("GET / nonsense\r\n\r\n");
        let response = client.response();
        assert_eq!(response.status, 400, "{program:?}");
        // HAProxy 2.6 shows its own page here, 3.4 the file.
        if *program == Program::Lbd {
            assert_eq!(response.text(), "custom page for 400\n");
        }
    });
}

#[test]
fn connections_to_servers_close_after_each_request_and_the_clients_stay() {
    on_both(|program| {
        let a = Origin::answering("a", |request, _| Reply::ok(request.connection.to_string()));
        let (proxy, _syslog) = template(program, &[("a", &a)]);
        let mut client = Client::connect(proxy.address("front"));
        let first = client.get("/1").text();
        let second = client.get("/2").text();
        assert_ne!(first, second, "{program:?}: http-server-close");
    });
}
