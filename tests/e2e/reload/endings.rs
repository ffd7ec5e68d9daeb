//! What ends with a reload, and how.

use super::*;

/// Two frontends, or one.
fn frontends(names: &[&str]) -> String {
    let mut text = HEAD.to_owned();
    for name in names {
        text.push_str(&format!(
            "frontend {name}\n    bind <{name}>\n    default_backend app\n"
        ));
    }
    text + "backend app\n    server s1 <s1>\n"
}

#[test]
fn a_frontend_that_is_gone_closes_idle_connections_and_lets_requests_end() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::answering("s1", move |request, _| {
        if request.target == "/slow" {
            let _ = wait.lock().expect("one").recv();
        }
        Reply::ok("fine")
    });
    let proxy = Proxy::lbd(frontends(&["web", "other"]))
        .listener("web")
        .listener("other")
        .with("s1", origin.address())
        .start();
    let mut idle = Client::connect(proxy.address("other"));
    assert_eq!(idle.get("/").status, 200);
    let mut busy = Client::connect(proxy.address("other"));
    busy.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n");
    origin.wait_requests(2);
    let told = reload(&proxy, &frontends(&["web"]));
    assert!(told.contains("proxy other is gone"), "{told}");
    assert!(idle.is_closed_within(Duration::from_secs(20)));
    eventually("nobody listens", || {
        Client::try_connect(proxy.address("other")).is_err()
    });
    go.send(()).expect("the origin waits");
    let answer = busy.response();
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    assert!(busy.is_closed_within(Duration::from_secs(20)));
    assert_eq!(Client::fetch(proxy.address("web"), "/").status, 200);
}

#[test]
fn streams_to_a_server_that_is_gone_end_by_themselves() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let old = Origin::answering("old", move |_, _| {
        let _ = wait.lock().expect("one").recv();
        Reply::ok("old")
    });
    let new = Origin::http("new");
    let proxy = Proxy::lbd(simple("one"))
        .listener("front")
        .with("s1", old.address())
        .with("s2", new.address())
        .start();
    let mut busy = Client::connect(proxy.address("front"));
    busy.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    old.wait_requests(1);
    let told = reload(
        &proxy,
        &simple("two").replace("server s1 <s1>", "server s2 <s2>"),
    );
    assert!(told.contains("server app/s1 is gone"), "{told}");
    assert_eq!(Client::fetch(proxy.address("front"), "/").server(), "new");
    go.send(()).expect("the origin waits");
    assert_eq!(busy.response().status, 200);
    assert_eq!(busy.get("/").server(), "new");
    eventually("its connections are closed", || old.open_connections() == 0);
}

#[test]
fn a_tunnel_outlives_its_configuration_until_hard_stop_after() {
    let origin = Origin::raw("echo", |mut stream, _| {
        use std::io::{Read, Write};
        let mut bytes = [0; 64];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            if stream.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
    });
    let text = |more: &str| {
        format!(
            "{}listen relay\n    mode tcp\n    bind <front>\n    server s1 <s1>\n",
            HEAD.replace("global\n", &format!("global\n    {more}\n"))
        )
    };
    let proxy = start(&text(""), &origin);
    let mut tunnel = Client::connect(proxy.address("front"));
    tunnel.send("one");
    assert_eq!(tunnel.read_bytes(3), b"one");
    for _ in 0..3 {
        reload(&proxy, &text(""));
        tunnel.send("two");
        assert_eq!(tunnel.read_bytes(3), b"two");
    }
    reload(&proxy, &text("hard-stop-after 1s"));
    assert!(tunnel.is_closed_within(Duration::from_secs(20)));
}
