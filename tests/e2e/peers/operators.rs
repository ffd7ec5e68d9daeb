//! What operators set on one node of lbd holds on the other, also after it was away.

use super::*;

fn start(name: &str, ports: &[(&str, u16)]) -> Proxy {
    let more = "backend web\n    server s1 127.0.0.1:1\n    server s2 127.0.0.1:2 weight 10\nfrontend \
                mapped\n    bind <mapped>\n    http-request return status 200 content-type \
                text/plain lf-string %[path,map(m.txt,none)] if !{ path -f a.txt }\n    http-request \
                return status 403\nfrontend changed\n    bind <changed>\n    http-request \
                set-map(m.txt) %[req.hdr(key)] %[req.hdr(value)] if METH_PUT\n    http-request \
                del-map(m.txt) %[req.hdr(key)] if METH_DELETE\n    http-request add-acl(a.txt) \
                %[req.hdr(key)] if METH_POST\n    http-request del-acl(a.txt) %[req.hdr(key)] if \
                METH_OPTIONS\n    http-request return status 200\n";
    let lines: String = ports
        .iter()
        .map(|(peer, port)| format!("    peer {peer} 127.0.0.1:{port}\n"))
        .collect();
    let text = format!(
        "global\n    stats socket <runtime> level admin\ndefaults\n    mode http\n    timeout client \
         5s\n    timeout connect 1s\n    timeout server 1s\npeers P\n{lines}{more}"
    );
    Proxy::of(Program::Lbd, text)
        .args(&["-db", "-L", name])
        .listener("mapped")
        .listener("changed")
        .file("m.txt", "/old known\n")
        .file("a.txt", "/forbidden\n")
        .start()
}

/// Administrative state and weight of a server of backend `web`.
fn server(proxy: &Proxy, name: &str) -> (String, String) {
    let states = proxy.runtime("show servers state web");
    let line = states
        .lines()
        .find(|line| line.contains(&format!(" {name} ")));
    let fields: Vec<_> = line.expect("the server").split(' ').collect();
    // srv_admin_state, srv_uweight
    (fields[6].to_owned(), fields[7].to_owned())
}

fn body(proxy: &Proxy, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let response = Client::exchange(proxy.address("mapped"), &head);
    String::from_utf8_lossy(&response.body).into_owned()
}

#[test]
fn states_and_weights_of_servers_hold_on_both_nodes() {
    let ports = [("A", free_port()), ("B", free_port())];
    let a = start("A", &ports);
    let b = start("B", &ports);
    connected(&a, 1);
    a.runtime("set server web/s1 state maint");
    b.runtime("set server web/s2 weight 5");
    a.runtime("set server web/s2 addr 127.0.0.9 port 99");
    for proxy in [&a, &b] {
        eventually("both words are obeyed", PATIENCE, || {
            server(proxy, "s1").0 == "1" && server(proxy, "s2").1 == "5"
        });
        eventually("the address is", PATIENCE, || {
            proxy
                .runtime("show servers state web")
                .contains(" 127.0.0.9 ")
        });
        let shown = proxy.runtime("show cluster");
        assert!(
            shown.contains("server-state web/s1: maint (by uid "),
            "{shown}"
        );
        assert!(shown.contains(" on A at "), "{shown}");
    }
    // Who was away learns it, and what either node takes back is taken back on both.
    drop(b);
    a.runtime("set server web/s2 state drain");
    let b = start("B", &ports);
    eventually("B has learned", PATIENCE, || {
        server(&b, "s1").0 == "1" && server(&b, "s2").0 == "8"
    });
    b.runtime("set server web/s1 state ready");
    eventually("A is ready again", PATIENCE, || server(&a, "s1").0 == "0");
    drop(a);
    let a = start("A", &ports);
    eventually("A has learned", PATIENCE, || server(&a, "s2").0 == "8");
    assert_eq!(server(&a, "s1").0, "0");
}

#[test]
fn entries_of_maps_and_acls_hold_on_both_nodes() {
    let ports = [("A", free_port()), ("B", free_port())];
    let a = start("A", &ports);
    let b = start("B", &ports);
    connected(&a, 1);
    a.runtime("add map m.txt /new here");
    b.runtime("set map m.txt /old changed");
    b.runtime("add acl a.txt /secret");
    a.runtime("del acl a.txt /forbidden");
    for proxy in [&a, &b] {
        eventually("all are obeyed", PATIENCE, || {
            body(proxy, "/new") == "here"
                && body(proxy, "/old") == "changed"
                && body(proxy, "/secret").is_empty()
                && body(proxy, "/forbidden") == "none"
        });
    }
    // Whole lists, and versions of them.
    b.runtime("clear map m.txt");
    b.runtime("add map m.txt /new again");
    let version = a.runtime("prepare acl a.txt");
    let version = version.trim().rsplit(' ').next().expect("a version");
    a.runtime(&format!("add acl @{version} a.txt /other"));
    a.runtime(&format!("commit acl @{version} a.txt"));
    for proxy in [&a, &b] {
        eventually("lists are what was made of them", PATIENCE, || {
            body(proxy, "/new") == "again"
                && body(proxy, "/old") == "none"
                && body(proxy, "/secret") == "none"
                && body(proxy, "/other").is_empty()
        });
        assert!(
            proxy
                .runtime("show cluster")
                .contains("map m.txt: (cleared)")
        );
    }
    // A node that was away has its files' entries until it hears.
    drop(a);
    let a = start("A", &ports);
    eventually("A has learned", PATIENCE, || {
        body(&a, "/new") == "again" && body(&a, "/old") == "none" && body(&a, "/other").is_empty()
    });
}

/// Makes a rule change something.
fn change(proxy: &Proxy, method: &str, key: &str, value: &str) {
    let head = format!(
        "{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nKey: {key}\r\nValue: {value}\r\n\r\n"
    );
    let response = Client::exchange(proxy.address("changed"), &head);
    assert_eq!(response.status, 200);
}

#[test]
fn what_rules_change_in_maps_and_acls_holds_on_both_nodes() {
    let ports = [("A", free_port()), ("B", free_port())];
    let a = start("A", &ports);
    let b = start("B", &ports);
    connected(&a, 1);
    change(&a, "PUT", "/new", "one");
    change(&a, "PUT", "/new", "two");
    change(&a, "PUT", "/gone", "soon");
    change(&a, "DELETE", "/gone", "");
    change(&b, "PUT", "/old", "changed");
    change(&b, "POST", "/secret", "");
    change(&b, "OPTIONS", "/forbidden", "");
    for proxy in [&a, &b] {
        eventually("all changes are there", PATIENCE, || {
            body(proxy, "/new") == "two"
                && body(proxy, "/gone") == "none"
                && body(proxy, "/old") == "changed"
                && body(proxy, "/secret").is_empty()
                && body(proxy, "/forbidden") == "none"
        });
        let shown = proxy.runtime("show cluster");
        assert!(shown.contains("map m.txt /new: two (by a rule"), "{shown}");
    }
    // An entry that each request sets is told as often as it can be, and ends the same on both.
    for n in 0..50 {
        change(&a, "PUT", "/count", &n.to_string());
    }
    eventually("the last value is there", PATIENCE, || {
        body(&b, "/count") == "49" && body(&a, "/count") == "49"
    });
    // Who was away has its files' entries until it hears.
    drop(b);
    let b = start("B", &ports);
    eventually("B has learned", PATIENCE, || {
        body(&b, "/new") == "two" && body(&b, "/old") == "changed" && body(&b, "/count") == "49"
    });
}

/// A node with one server, which it checks so often, by HTTP.
fn checking(name: &str, ports: &[(&str, u16)], server: &str, inter: &str) -> Proxy {
    let lines: String = ports
        .iter()
        .map(|(peer, port)| format!("    peer {peer} 127.0.0.1:{port}\n"))
        .collect();
    let text = format!(
        "global\n    stats socket <runtime> level admin\ndefaults\n    mode http\n    timeout \
         connect 1h\n    timeout server 1h\npeers P\n{lines}backend web\n    option httpchk\n    \
         server s1 {server} check inter {inter} fall 1 rise 1\n"
    );
    Proxy::of(Program::Lbd, text)
        .args(&["-db", "-L", name])
        .unix_listener("runtime")
        .start()
}

/// `srv_op_state` of a server: 0 while it is down, 2 while it is up.
fn is_up(proxy: &Proxy) -> bool {
    let states = proxy.runtime("show servers state web");
    let line = states.lines().find(|line| line.contains(" s1 "));
    line.expect("the server").split(' ').nth(5) == Some("2")
}

fn finds(proxy: &Proxy, node: &str, value: &str) {
    let line = format!("server-health web/s1 {node}: {value} (by a check on {node} at ");
    eventually("the finding is shown", PATIENCE, || {
        proxy.runtime("show cluster").contains(&line)
    });
}

#[test]
fn a_server_begins_as_the_other_node_finds_it_until_a_check_of_its_own_has_ended() {
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().map(|at| at.to_string());
    let silent = silent.expect("an address");
    let ports = [("A", free_port()), ("B", free_port())];
    let a = checking("A", &ports, &silent, "100ms");
    eventually("A finds it down", PATIENCE, || !is_up(&a));
    // The check of B does not end.
    let b = checking("B", &ports, &silent, "1h");
    eventually("B begins so", PATIENCE, || !is_up(&b));
    finds(&b, "A", "down");
}

#[test]
fn what_the_other_node_finds_of_a_server_is_shown_and_not_obeyed() {
    let origin = support::Origin::http("s1");
    let good = origin.address().to_string();
    let ports = [("A", free_port()), ("B", free_port())];
    let b = checking("B", &ports, &good, "100ms");
    finds(&b, "B", "up");
    let nobody = format!("127.0.0.1:{}", free_port());
    let a = checking("A", &ports, &nobody, "100ms");
    for proxy in [&a, &b] {
        finds(proxy, "A", "down");
        finds(proxy, "B", "up");
    }
    assert!(is_up(&b));
    assert!(!is_up(&a));
}
