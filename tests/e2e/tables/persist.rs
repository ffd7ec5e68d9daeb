//! Persistence: who has an entry goes to its server.

use super::*;

/// Runs `drive` on both programs with three servers and compares what it tells.
fn same<T: PartialEq + std::fmt::Debug>(text: &str, drive: impl Fn(&Proxy) -> T) -> T {
    let mut results = Vec::new();
    for program in [Program::Haproxy, Program::Lbd] {
        let origins: Vec<_> = ["s1", "s2", "s3"].into_iter().map(Origin::http).collect();
        let mut builder = Proxy::of(program.clone(), format!("{HEAD}{text}")).listener("front");
        for (name, origin) in ["s1", "s2", "s3"].iter().zip(&origins) {
            builder = builder.with(name, origin.address());
        }
        let proxy = builder.start();
        results.push(drive(&proxy));
    }
    assert_eq!(results[1], results[0], "lbd, then HAProxy");
    results.remove(1)
}

const SERVERS: &str = "    server s1 <s1>\n    server s2 <s2>\n    server s3 <s3> id 33\n";

fn servers(proxy: &Proxy, count: usize, head: &dyn Fn(usize) -> String) -> Vec<String> {
    (0..count)
        .map(|n| {
            Client::exchange(proxy.address("front"), &head(n))
                .server()
                .to_owned()
        })
        .collect()
}

fn with_user(n: usize) -> String {
    format!("GET / HTTP/1.1\r\nHost: x\r\nX-User: u{}\r\n\r\n", n % 7)
}

#[test]
fn a_user_stays_with_the_first_server() {
    for srvkey in ["name", "addr"] {
        let text = format!(
            "listen l\n    bind <front>\n    balance roundrobin\n    stick-table type string len 20 \
             size 100 expire 1h srvkey {srvkey}\n    stick on req.hdr(x-user)\n{SERVERS}"
        );
        let chosen = same(&text, |proxy| servers(proxy, 40, &with_user));
        for n in 7..40 {
            assert_eq!(chosen[n], chosen[n - 7]);
        }
    }
}

#[test]
fn an_entry_that_was_set_by_hand_leads_to_its_server() {
    let text = format!(
        "listen l\n    bind <front>\n    balance roundrobin\n    stick-table type ip size 100 expire \
         1h\n    stick match src if {{ path_beg /a }}\n{SERVERS}"
    );
    let chosen = same(&text, |proxy| {
        proxy.runtime("set table l key 127.0.0.1 data.server_id 33");
        let by_rule = servers(proxy, 4, &|_| get("/a"));
        (
            by_rule,
            servers(proxy, 3, &|_| get("/b")),
            entries(proxy, "l"),
        )
    });
    assert_eq!(chosen.0, ["s3"; 4]);
}

#[test]
fn answers_teach_keys_and_tables_are_shared() {
    let text = format!(
        "frontend fe\n    bind <front>\n    use_backend b if {{ path_beg /b }}\n    \
         default_backend a\nbackend a\n    balance roundrobin\n    stick-table type string len 10 \
         size 100 expire 1h store gpc0\n    stick store-request path\n    stick store-response \
         server_name_of\n{SERVERS}backend b\n    balance roundrobin\n    stick match \
         path,regsub(^/b,/a) table a\n{SERVERS}"
    )
    .replace("server_name_of", "res.hdr(content-length)");
    same(&text, |proxy| {
        let first = servers(proxy, 5, &|n| get(&format!("/a{n}")));
        let second = servers(proxy, 5, &|n| get(&format!("/b{n}")));
        assert_eq!(first, second);
        (first, entries(proxy, "a"))
    });
}

#[test]
fn a_server_in_maintenance_loses_its_clients() {
    let text = format!(
        "listen l\n    bind <front>\n    balance roundrobin\n    stick-table type ip size 100 expire \
         1h\n    stick on src\n{SERVERS}"
    );
    same(&text, |proxy| {
        let first = servers(proxy, 3, &|_| get("/"));
        proxy.runtime(&format!("set server l/{} state maint", first[0]));
        let second = servers(proxy, 3, &|_| get("/"));
        assert_ne!(first[0], second[0]);
        assert_eq!(second, vec![second[0].clone(); 3]);
        (first, second)
    });
}

#[test]
fn connections_stick_in_tcp_mode() {
    let text = format!(
        "listen l\n    mode tcp\n    bind <front>\n    balance roundrobin\n    stick-table type ip \
         size 100 expire 1h\n    stick on src\n{SERVERS}"
    );
    let chosen = same(&text, |proxy| {
        (servers(proxy, 5, &|_| get("/")), entries(proxy, "l"))
    });
    assert_eq!(chosen.0, ["s1"; 5]);
}
