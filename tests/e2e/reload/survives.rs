//! What goes on over a reload.

use super::*;

#[test]
fn a_connection_goes_on_under_the_new_rules() {
    let origin = Origin::http("s1");
    let proxy = start(&simple("one"), &origin);
    let mut client = Client::connect(proxy.address("front"));
    assert_eq!(client.get("/").header("x-generation"), Some("one"));
    for generation in ["two", "three"] {
        reload(&proxy, &simple(generation));
        assert_eq!(client.get("/").header("x-generation"), Some(generation));
    }
    assert_eq!(origin.accepted(), 1, "and so does that to the server");
    counts(&proxy, ("web", "FRONTEND"), "conn_tot", "1");
    counts(&proxy, ("web", "FRONTEND"), "req_tot", "3");
    counts(&proxy, ("app", "s1"), "stot", "3");
    counts(&proxy, ("app", "s1"), "reuse", "2");
}

#[test]
fn the_signal_reloads_too() {
    let origin = Origin::http("s1");
    let proxy = start(&simple("one"), &origin);
    proxy.rewrite(&simple("two"));
    proxy.signal(Signal::SIGUSR2);
    proxy.wait_stderr("The new configuration runs.");
    let answer = Client::fetch(proxy.address("front"), "/");
    assert_eq!(answer.header("x-generation"), Some("two"));
}

#[test]
fn a_request_under_way_ends_under_the_old_rules() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::answering("s1", move |_, _| {
        let _ = wait.lock().expect("one").recv();
        Reply::ok("late")
    });
    let proxy = start(&simple("one"), &origin);
    let mut client = Client::connect(proxy.address("front"));
    client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    origin.wait_requests(1);
    reload(&proxy, &simple("two"));
    let sessions = proxy.runtime("show sess");
    assert!(sessions.contains("fe=web be=app srv=s1"), "{sessions}");
    go.send(()).expect("the origin waits");
    let answer = client.response();
    assert_eq!(answer.header("x-generation"), Some("one"));
    go.send(()).expect("the origin will wait");
    assert_eq!(client.get("/").header("x-generation"), Some("two"));
}

/// Two servers, of which the second may differ.
fn two_servers(second: &str) -> String {
    format!(
        "{HEAD}frontend web
    bind <front>
    default_backend app
backend app
    server s1 <s1> check inter 100ms
    {second}
"
    )
}

#[test]
fn what_operators_have_set_holds() {
    let origin = Origin::http("s1");
    let text = two_servers("server s2 <s1> weight 10 maxconn 5");
    let proxy = start(&text, &origin);
    for command in [
        "set server app/s1 state drain",
        "set weight app/s2 7",
        "set maxconn server app/s2 3",
        "set maxconn frontend web 77",
    ] {
        proxy.runtime(command);
    }
    reload(&proxy, &text);
    let check = || {
        assert!(stat(&proxy, ("app", "s1"), "status").starts_with("DRAIN"));
        assert_eq!(stat(&proxy, ("app", "s2"), "weight"), "7");
        assert_eq!(stat(&proxy, ("app", "s2"), "slim"), "3");
        assert_eq!(stat(&proxy, ("web", "FRONTEND"), "slim"), "77");
    };
    check();
    let moved = reload(
        &proxy,
        &text.replace("    server s1", "    # a line more\n    server s1"),
    );
    assert!(!moved.contains("s1"), "nothing has changed: {moved}");
    check();
    // What the text changes goes before.
    reload(&proxy, &two_servers("server s2 <s1> weight 20 maxconn 6"));
    assert!(stat(&proxy, ("app", "s1"), "status").starts_with("DRAIN"));
    assert_eq!(stat(&proxy, ("app", "s2"), "weight"), "20");
    assert_eq!(stat(&proxy, ("app", "s2"), "slim"), "6");
    proxy.runtime("set server app/s1 state ready");
    eventually("s1 is back", || {
        stat(&proxy, ("app", "s1"), "status") == "UP"
    });
}

#[test]
fn a_server_that_is_down_stays_down_and_its_counts_stay() {
    let (origin, other) = (Origin::http("s1"), Origin::http("s2"));
    other.stop();
    let text = two_servers("server s2 <s2> check inter 100ms fall 1");
    let proxy = Proxy::lbd(&*text)
        .listener("front")
        .with("s1", origin.address())
        .with("s2", other.address())
        .start();
    let is_down = || stat(&proxy, ("app", "s2"), "status").starts_with("DOWN");
    eventually("s2 is down", is_down);
    let downs = stat(&proxy, ("app", "s2"), "chkdown");
    for turn in 0..20 {
        // The other line too, so that the machine is a new one every second time.
        let fall = 1 + turn % 2;
        reload(&proxy, &text.replace("fall 1", &format!("fall {fall}")));
        assert!(is_down(), "at turn {turn}");
        for _ in 0..3 {
            let answer = Client::fetch(proxy.address("front"), "/");
            assert_eq!(answer.server(), "s1");
        }
    }
    reload(&proxy, &text);
    assert_eq!(downs, "1");
    other.restart();
    eventually("s2 is up", || stat(&proxy, ("app", "s2"), "status") == "UP");
}

#[test]
fn a_server_at_another_address_starts_over_and_keeps_its_administration() {
    let (origin, other) = (Origin::http("s1"), Origin::http("s2"));
    let text = two_servers("server s2 <s1> check inter 100ms");
    let proxy = Proxy::lbd(&*text)
        .listener("front")
        .with("s1", origin.address())
        .with("s2", other.address())
        .start();
    proxy.runtime("set server app/s1 state maint");
    assert_eq!(Client::fetch(proxy.address("front"), "/").server(), "s1");
    let told = reload(&proxy, &two_servers("server s2 <s2> check inter 100ms"));
    assert!(told.contains("server app/s2 has another address"), "{told}");
    assert_eq!(Client::fetch(proxy.address("front"), "/").server(), "s2");
    assert!(stat(&proxy, ("app", "s1"), "status").starts_with("MAINT"));
    counts(&proxy, ("app", "s2"), "stot", "2");
}

#[test]
fn tables_keep_their_entries_unless_they_store_something_else() {
    let origin = Origin::http("s1");
    let text = |store: &str| {
        format!(
            "{HEAD}frontend web
    bind <front>
    stick-table type ip size 10k expire 1h store {store}
    http-request track-sc0 src
    default_backend app
backend app
    server s1 <s1>
"
        )
    };
    let proxy = start(&text("http_req_cnt"), &origin);
    let mut client = Client::connect(proxy.address("front"));
    client.get("/");
    reload(&proxy, &text("http_req_cnt"));
    client.get("/");
    let table = proxy.runtime("show table web");
    assert!(table.contains("http_req_cnt=2"), "{table}");
    let told = reload(&proxy, &text("http_req_cnt,gpc0"));
    assert!(
        told.contains("table web is gone or stores something else: 1 entries"),
        "{told}"
    );
    client.get("/");
    let table = proxy.runtime("show table web");
    assert!(table.contains("http_req_cnt=1"), "{table}");
}

#[test]
fn edits_of_a_map_hold_while_its_file_is_the_same() {
    let origin = Origin::http("s1");
    let text = |more: &str| {
        format!(
            "{HEAD}frontend web
    bind <front>{more}
    http-response set-header x-value %[var(txn.v)]
    http-request set-var(txn.v) path,map(<dir>/paths.map,none)
    default_backend app
backend app
    server s1 <s1>
"
        )
    };
    let proxy = Proxy::lbd(text(""))
        .listener("front")
        .with("s1", origin.address())
        .file("paths.map", "/a one\n")
        .start();
    let value = |path: &str| {
        let answer = Client::fetch(proxy.address("front"), path);
        answer.header("x-value").unwrap_or_default().to_owned()
    };
    let map = proxy.directory().join("paths.map").display().to_string();
    proxy.runtime(&format!("add map {map} /b two"));
    proxy.runtime(&format!("set map {map} /a first"));
    reload(&proxy, &text(" id 7"));
    assert_eq!((value("/a"), value("/b")), ("first".into(), "two".into()));
    std::fs::write(&map, "/a other\n").expect("the map");
    let told = reload(&proxy, &text(""));
    assert!(
        told.contains("the run-time changes of list or map"),
        "{told}"
    );
    assert_eq!((value("/a"), value("/b")), ("other".into(), "none".into()));
}

#[test]
fn variables_and_tracked_counters_of_a_session_go_on() {
    let origin = Origin::http("s1");
    let text = |first: &str| {
        format!(
            "{HEAD}frontend web
    bind <front>
    {first}
    tcp-request connection track-sc1 src table seen
    http-request set-var(sess.kept) str(before) if {{ path /set }}
    http-response set-header x-kept %[var(sess.kept)]
    http-response set-header x-count %[sc1_http_req_cnt(seen)]
    default_backend app
backend app
    server s1 <s1>
backend seen
    stick-table type ip size 100 store http_req_cnt
"
        )
    };
    let proxy = start(&text(""), &origin);
    let mut client = Client::connect(proxy.address("front"));
    client.get("/set");
    // Another variable comes first now.
    reload(&proxy, &text("http-request set-var(sess.new) str(x)"));
    let answer = client.get("/");
    assert_eq!(answer.header("x-kept"), Some("before"));
    assert_eq!(answer.header("x-count"), Some("2"));
}

#[test]
fn a_limit_of_a_server_holds_over_a_reload() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::answering("s1", move |_, _| {
        let _ = wait.lock().expect("one").recv();
        Reply::ok("late")
    });
    let text = |note: &str| {
        simple("x")
            .replace(
                "server s1 <s1>",
                "timeout queue 60s\n    server s1 <s1> maxconn 1",
            )
            .replace(
                "set-header x-generation x",
                &format!("set-header x-note {note}"),
            )
    };
    let proxy = start(&text("a"), &origin);
    let mut first = Client::connect(proxy.address("front"));
    first.send("GET /1 HTTP/1.1\r\nhost: x\r\n\r\n");
    origin.wait_requests(1);
    let mut second = Client::connect(proxy.address("front"));
    second.send("GET /2 HTTP/1.1\r\nhost: x\r\n\r\n");
    eventually("the second waits", || {
        stat(&proxy, ("app", "s1"), "qcur") == "1"
            || stat(&proxy, ("app", "BACKEND"), "qcur") == "1"
    });
    reload(&proxy, &text("b"));
    let mut third = Client::connect(proxy.address("front"));
    third.send("GET /3 HTTP/1.1\r\nhost: x\r\n\r\n");
    eventually("the third waits", || {
        stat(&proxy, ("app", "BACKEND"), "qcur") == "1"
            || stat(&proxy, ("app", "s1"), "qcur") == "1"
    });
    assert_eq!(origin.requests().len(), 1, "the slot is taken");
    for client in [&mut first, &mut second, &mut third] {
        go.send(()).expect("the origin waits");
        assert_eq!(client.response().status, 200);
    }
    assert_eq!(origin.requests().len(), 3);
}
