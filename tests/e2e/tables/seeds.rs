//! Seeds 003 and 004: rate limits and tables of abusers, as their pages have them.

use std::net::SocketAddr;

use super::*;

/// A seed's text with pieces replaced, each of which must be there.
fn seed(name: &str, replacements: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data/seeds")
        .join(name);
    let mut text = std::fs::read_to_string(&path).expect("a seed");
    for (from, to) in replacements {
        assert!(text.contains(from), "{name} has no '{from}'");
        text = text.replace(from, to);
    }
    text
}

fn run(program: &Program, text: &str, origin: &Origin) -> Proxy {
    let text = format!("global\n    stats socket <runtime> level admin\n{text}");
    Proxy::of(program.clone(), text)
        .listener("front")
        .with("s1", origin.address())
        .start()
}

fn statuses(proxy: &Proxy, target: &str, count: usize) -> Vec<u16> {
    let mut client = Client::connect(proxy.address("front"));
    (0..count)
        .map(|_| {
            let status = client.request(&get(target)).status;
            if status != 200 {
                client = Client::connect(proxy.address("front"));
            }
            status
        })
        .collect()
}

#[test]
fn a_client_above_the_limit_of_requests_is_refused() {
    // The period is so long that the test's own speed cannot matter.
    let text = seed(
        "003-15-rate-limit.cfg",
        &[
            ("*:443 ssl crt /etc/haproxy/certs/site.pem", "<front>"),
            ("10.0.9.1:8080", "<s1>"),
            ("expire 30s", "expire 1h"),
            ("http_req_rate(10s)", "http_req_rate(1h)"),
        ],
    );
    let mut results = Vec::new();
    for program in [Program::Haproxy, Program::Lbd] {
        let origin = origin();
        let proxy = run(&program, &text, &origin);
        let statuses = statuses(&proxy, "/", 120);
        assert_eq!(statuses[..100], [200; 100], "{program:?}");
        assert_eq!(statuses[100..], [429; 20], "{program:?}");
        let fields = entries(&proxy, "http_front")
            .remove("127.0.0.1")
            .expect("tracked");
        results.push(fields["http_req_rate(3600000)"].clone());
    }
    assert_eq!(results[0], results[1]);
}

#[test]
fn limits_of_two_layers_hold_each_for_itself() {
    let text = seed(
        "003-16-rate-limit-multi.cfg",
        &[
            (
                "*:443 ssl crt /etc/haproxy/certs/site.pem",
                "<front>\n    default_backend web",
            ),
            ("10.0.9.1:8080", "<s1>"),
            // What no HAProxy takes: a second table of one section, and `path` as a converter.
            (
                "stick-table type binary len 40 size 100k expire 30s store \
                 http_req_rate(10s)\nhttp-request track-sc1 src,path ",
                "http-request track-sc1 base32+src ",
            ),
            ("expire 60s", "expire 1h"),
            ("expire 30s", "expire 1h"),
            ("http_req_rate(10s)", "http_req_rate(1h)"),
        ],
    );
    let mut results = Vec::new();
    for program in [Program::Haproxy, Program::Lbd] {
        let origin = origin();
        let proxy = run(&program, &text, &origin);
        let api = statuses(&proxy, "/api/a", 60);
        let other = statuses(&proxy, "/x", 150);
        assert_eq!(
            api.iter().filter(|status| **status == 429).count(),
            10,
            "{program:?}"
        );
        results.push((
            api,
            other,
            entries(&proxy, "per_ip_rate"),
            entries(&proxy, "per_path_rate"),
        ));
    }
    // The keys of two programs are compared, too: address and path of one client.
    assert_eq!(results[0].0, results[1].0);
    assert_eq!(results[0].1, results[1].1);
    assert_eq!(results[0].3.keys().count(), results[1].3.keys().count());
}

#[test]
fn a_source_that_connects_too_often_is_cut_off() {
    let text = seed(
        "004-3-stick-table-example.cfg",
        &[
            ("*:80", "<front>"),
            ("10.0.9.1:8080", "<s1>"),
            ("expire 5m", "expire 1h"),
            ("conn_rate(30s)", "conn_rate(1h)"),
        ],
    );
    let mut results = Vec::new();
    for program in [Program::Haproxy, Program::Lbd] {
        let origin = origin();
        let proxy = run(&program, &text, &origin);
        let served = |_: &usize| {
            let Ok(mut client) = Client::try_connect(proxy.address("front")) else {
                return false;
            };
            client.try_send(get("/")).is_ok() && client.try_response("GET").is_ok()
        };
        results.push((0..110).filter(served).count());
    }
    assert_eq!(results, [100, 100]);
}

#[test]
fn who_floods_a_backend_is_marked_in_the_table_of_the_frontend() {
    // The rules of seed 004 around its tables, with a limit that a test can reach.
    let text = "defaults\n    mode http\n    timeout connect 2s\n    timeout client 5s\n    timeout \
        server 5s\nfrontend http-in\n    bind <front> accept-proxy\n    stick-table type ip size \
        1000k expire 5m store gpc0,conn_rate(1h)\n    tcp-request connection track-sc1 src\n    acl \
        source_is_serious_abuse src_conn_rate(http-in) gt 20\n    acl source_is_abuser \
        src_get_gpc0(http-in) gt 0\n    tcp-request connection reject if source_is_serious_abuse\n    \
        use_backend ease-up if source_is_abuser\n    default_backend static\nbackend static\n    \
        stick-table type ip size 1000k expire 2m store conn_rate(1h)\n    tcp-request content \
        track-sc2 src\n    acl conn_rate_abuse sc2_conn_rate gt 5\n    acl mark_as_abuser \
        sc1_inc_gpc0 gt 0\n    tcp-request content reject if conn_rate_abuse mark_as_abuser\n    \
        server s1 <s1>\nbackend ease-up\n    http-request return status 503\n";
    let mut results = Vec::new();
    for program in [Program::Haproxy, Program::Lbd] {
        let origin = origin();
        let proxy = run(&program, text, &origin);
        let source: SocketAddr = "192.0.2.7:4000".parse().expect("an address");
        let to: SocketAddr = "192.0.2.1:80".parse().expect("an address");
        let mut seen = Vec::new();
        for _ in 0..8 {
            let mut client = Client::connect(proxy.address("front"));
            client.send_proxy_v1(source, to);
            let status = match client.try_send(get("/")) {
                Ok(()) => client.try_response("GET").map_or(0, |reply| reply.status),
                Err(_) => 0,
            };
            seen.push(status);
        }
        let both = || (entries(&proxy, "http-in"), entries(&proxy, "static"));
        eventually("nobody tracks any more", Duration::from_secs(10), || {
            let (front, back) = both();
            is_settled(&front) && is_settled(&back)
        });
        let tables = both();
        results.push((seen, tables));
    }
    assert_eq!(results[1], results[0]);
}
