//! Servers that come and go while the balancer runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use support::program;

use super::runtime::column;
use super::*;

const LONG: Duration = Duration::from_secs(60);

/// Backends of several kinds; `app` has the server s1.
fn site(origin: &Origin) -> Proxy {
    start(&Program::Lbd, &text(), origin)
}

fn text() -> String {
    format!(
        "global
    stats socket <runtime> level admin
{TIMEOUTS}
frontend web
    bind <front>
    default_backend app
backend app
    balance roundrobin
    cookie SRV insert indirect
    server s1 <s1> disabled
    server named <s1> disabled
    server leader <s1> check inter 100s disabled
    server follower <s1> track leader disabled
    use-server named if FALSE
backend raw
    mode tcp
    balance leastconn
backend fixed
    balance static-rr
backend hashed
    balance source
"
    )
}

/// What the reference says to these orders, in their order.
const ORDERS: &[(&str, &str)] = &[
    ("add server", "Require 'backend/server'."),
    ("add server app", "Require 'backend/server'."),
    ("add server nope/x 127.0.0.1:1", "No such backend."),
    ("add server web/x 127.0.0.1:1", "No such backend."),
    (
        "add server app/x",
        "'server' expects <name> and <addr>[:<port>] as arguments.",
    ),
    (
        "add server fixed/x 127.0.0.1:1",
        "Backend does not support dynamic servers : backend 'fixed' uses a non dynamic load \
         balancing method.",
    ),
    (
        "add server hashed/x 127.0.0.1:1",
        "Backend does not support dynamic servers : backend 'hashed' uses a non dynamic load \
         balancing method.",
    ),
    (
        "add server app/s1 127.0.0.1:1",
        "Already exists a server with the same name in backend.",
    ),
    (
        "add server app/x 127.0.0.1:1 redir http://x",
        "'redir' option is not accepted for dynamic server",
    ),
    (
        "add server app/x 127.0.0.1:1 init-addr none",
        "'init-addr' option is not accepted for dynamic server",
    ),
    (
        "add server app/x/y 127.0.0.1:1",
        "character '/' is not permitted in server name 'x/y'.",
    ),
    (
        "add server app/x 127.0.0.1:1 track app/nope",
        "unable to find required server 'nope' for tracking.",
    ),
    (
        "add server app/x 127.0.0.1:1 check track leader",
        "unable to enable checks and tracking at the same time!",
    ),
    (
        "add server app/x 127.0.0.1:1 agent-check",
        "server x does not have agent port. Agent check has been disabled.",
    ),
    (
        "add server raw/x 127.0.0.1:1 proto h2",
        "MUX protocol is not usable for server.",
    ),
    (
        "add server app/x 127.0.0.1:1 ssl",
        "verify is enabled by default but no CA file specified. If you're running on a LAN where \
         you're certain to trust the server's certificate, please set an explicit 'verify none' \
         statement on the 'server' line, or use 'ssl-server-verify none' in the global section to \
         disable server-side verifications by default.",
    ),
    (
        "add server app/t 127.0.0.1:1 track leader",
        "New server registered.",
    ),
    (
        "add server app/x 127.0.0.1:1 track t",
        "unable to use app/t for tracking as it is a dynamic server.",
    ),
    (
        "add server app/g 127.0.0.1:1 guid one",
        "New server registered.",
    ),
    (
        "add server app/x 127.0.0.1:1 guid one",
        "'guid': duplicate entry with server app/g.",
    ),
    (
        "add server app/named.host nosuchhost.invalid:80",
        "New server registered.",
    ),
    (
        "add server app/id 127.0.0.1:1 id 77",
        "New server registered.",
    ),
    ("add server raw/unix /tmp/no.sock", "New server registered."),
    ("del server", "Require 'backend/server'."),
    ("del server nope/x", "No such backend."),
    ("del server app/x", "No such server."),
    (
        "del server app/named",
        "This server cannot be removed at runtime due to other configuration elements pointing to \
         it.",
    ),
    (
        "del server app/leader",
        "This server cannot be removed at runtime due to other configuration elements pointing to \
         it.",
    ),
    ("enable server app/g", ""),
    (
        "del server app/g",
        "Only servers in maintenance mode can be deleted.",
    ),
    (
        "wait 1 srv-removable app/g",
        "Failed. Only servers in maintenance mode can be deleted.",
    ),
    ("disable server app/g", ""),
    ("wait 10s srv-removable app/g", "Done."),
    ("del server app/g", "Server deleted."),
    ("del server app/g", "No such server."),
    (
        "add server app/g 127.0.0.1:1 guid one",
        "New server registered.",
    ),
    ("del server app/s1", "Server deleted."),
    ("del server app/follower", "Server deleted."),
    ("wait", "Expects a duration in milliseconds."),
    ("wait 10x", "Invalid duration."),
    (
        "wait 1 srv-removable",
        "Missing server name (<backend>/<server>).",
    ),
    ("wait 1 srv-removable app", "Require 'backend/server'."),
    ("wait 1 srv-removable app/nope", "Failed. No such server."),
];

#[test]
fn orders_are_refused_in_the_reference_s_words() {
    let origin = Origin::http("s1");
    let mut programs = vec![Program::Lbd];
    if !program::haproxy_is_old() {
        programs.push(Program::Haproxy);
    }
    for program in programs {
        let proxy = start(&program, &text(), &origin);
        for (order, answer) in ORDERS {
            let said = proxy.runtime(order);
            assert_eq!(said.trim_end_matches('\n'), *answer, "{program:?} {order}");
        }
        let states = proxy.runtime("show servers state app");
        let ids: Vec<_> = states
            .lines()
            .filter_map(|line| {
                let words: Vec<_> = line.split(' ').collect();
                (words.len() > 20 && words[0] != "#").then(|| format!("{} {}", words[2], words[3]))
            })
            .collect();
        assert_eq!(
            ids,
            ["2 named", "3 leader", "5 t", "7 named.host", "77 id", "6 g"],
            "{program:?}"
        );
    }
}

#[test]
fn a_new_server_serves_once_it_is_enabled() {
    let origin = Origin::http("s1");
    let proxy = site(&origin);
    let front = proxy.address("front");
    assert_eq!(Client::fetch(&front, "/").status, 503);
    let added = proxy.runtime(&format!(
        "add server app/new {} cookie fresh maxconn 7 weight 3",
        origin.address()
    ));
    assert_eq!(added.trim(), "New server registered.");
    assert_eq!(Client::fetch(&front, "/").status, 503);
    assert_eq!(proxy.runtime("enable server app/new").trim(), "");
    let answer = Client::fetch(&front, "/");
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("set-cookie")
            .is_some_and(|value| value.starts_with("SRV=fresh")),
        "{answer:?}"
    );
    // Persistence knows it, and so does everything that shows servers.
    let mut client = Client::connect(&front);
    client.send("GET / HTTP/1.1\r\nhost: h\r\ncookie: SRV=fresh\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert!(proxy.runtime("show stat").contains("\napp,new,"));
    assert_eq!(proxy.runtime("get weight app/new").trim(), "3 (initial 3)");
    assert!(
        proxy
            .runtime("show servers conn app")
            .contains("\napp/new 3/5 ")
    );
    proxy.runtime("set server app/new state maint");
    assert_eq!(
        proxy.runtime("wait 30s srv-removable app/new").trim(),
        "Done."
    );
    assert_eq!(
        proxy.runtime("del server app/new").trim(),
        "Server deleted."
    );
    assert!(!proxy.runtime("show stat").contains("\napp,new,"));
    assert!(!proxy.runtime("show servers state app").contains(" new "));
    assert_eq!(Client::fetch(&front, "/").status, 503);
}

#[test]
fn a_server_with_a_stream_stays_until_the_stream_has_ended() {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let origin = Origin::answering("s1", move |_, _| {
        // Nobody is answered before the test says so.
        let _ = receiver.lock().map(|receiver| receiver.recv());
        Reply::ok("")
    });
    let proxy = site(&origin);
    proxy.runtime(&format!("add server app/new {}", origin.address()));
    proxy.runtime("enable server app/new");
    let mut client = Client::connect(proxy.address("front"));
    client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n");
    origin.wait_requests(1);
    proxy.runtime("disable server app/new");
    assert_eq!(
        proxy.runtime("del server app/new").trim(),
        "Server still has connections attached to it, cannot remove it."
    );
    thread::scope(|scope| {
        let waiting = scope.spawn(|| proxy.runtime("wait 60s srv-removable app/new"));
        sender.send(()).expect("the origin waits");
        assert_eq!(client.response().status, 200);
        assert_eq!(waiting.join().expect("no panic").trim(), "Done.");
    });
    assert_eq!(
        proxy.runtime("del server app/new").trim(),
        "Server deleted."
    );
}

#[test]
fn checks_of_new_servers_are_turned_on_by_an_order() {
    let origin = Origin::http("s1");
    let proxy = site(&origin);
    let status = || column(&proxy, "app,new", "status");
    let add = format!(
        "add server app/new {} check inter 50ms rise 1 fall 1",
        origin.address()
    );
    proxy.runtime(&add);
    assert_eq!(status(), "MAINT");
    proxy.runtime("enable server app/new");
    assert_eq!(status(), "no check");
    proxy.runtime("enable health app/new");
    eventually("a check has passed", LONG, || {
        column(&proxy, "app,new", "check_status") == "L4OK"
    });
    origin.stop();
    eventually("it is down", LONG, || status() == "DOWN");
    // Another one follows a server of the configuration.
    proxy.runtime("add server app/led 127.0.0.1:1 track leader");
    proxy.runtime("enable server app/led");
    assert_eq!(column(&proxy, "app,led", "tracked"), "app/leader");
    assert_eq!(column(&proxy, "app,led", "status"), "DOWN");
    assert!(
        proxy
            .runtime("del server app/leader")
            .starts_with("This server cannot be removed")
    );
    proxy.runtime("disable server app/new");
    eventually("nothing is left of it", LONG, || {
        proxy.runtime("del server app/new").trim() == "Server deleted."
    });
    proxy.runtime(&add);
    assert_eq!(status(), "MAINT");
}

#[test]
fn servers_come_and_go_under_traffic_and_no_request_fails() {
    let origin = Origin::http("s1");
    let proxy = site(&origin);
    proxy.runtime("enable server app/s1");
    let front = proxy.address("front");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        assert_eq!(Client::fetch(&front, "/").status, 200);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        for round in 0..20 {
            let name = format!("app/n{round}");
            let orders = [
                format!("add server {name} {}", origin.address()),
                format!("enable server {name}"),
                format!("disable server {name}"),
                format!("wait 60s srv-removable {name}"),
                format!("del server {name}"),
            ];
            let said = proxy.runtime(&orders.join(";"));
            assert!(said.contains("Server deleted."), "{round}: {said}");
        }
        is_over.store(true, Ordering::Relaxed);
        let counts: Vec<u32> = clients
            .into_iter()
            .map(|client| client.join().expect("no request failed"))
            .collect();
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    });
}
