//! Listening sockets over a reload.

use support::free_port;

use super::*;

#[test]
fn addresses_come_and_go() {
    let origin = Origin::http("s1");
    let added = format!("127.0.0.1:{}", free_port());
    let proxy = Proxy::lbd(simple("one"))
        .listener("front")
        .with("s1", origin.address())
        .with("added", &added)
        .start();
    assert!(Client::try_connect(&added).is_err());
    let both = simple("two").replace(
        "bind <front>",
        "bind <front>\n    bind <added>\n    bind <dir>/own.sock",
    );
    reload(&proxy, &both);
    let path = proxy.directory().join("own.sock");
    assert!(path.exists());
    for address in [added.clone(), path.display().to_string()] {
        let answer = Client::exchange(&address, "GET / HTTP/1.1\r\nhost: x");
        assert_eq!(answer.header("x-generation"), Some("two"), "{address}");
    }
    reload(&proxy, &simple("three"));
    eventually("the address is released", || {
        Client::try_connect(&added).is_err()
    });
    assert!(!path.exists(), "the file is removed");
    let answer = Client::fetch(proxy.address("front"), "/");
    assert_eq!(answer.header("x-generation"), Some("three"));
}

#[test]
fn an_address_moves_to_another_frontend() {
    let origin = Origin::http("s1");
    let proxy = start(&simple("one"), &origin);
    let mut client = Client::connect(proxy.address("front"));
    client.get("/");
    reload(
        &proxy,
        &simple("two").replace("frontend web", "frontend other"),
    );
    assert!(
        client.is_closed_within(Duration::from_secs(20)),
        "its frontend is gone"
    );
    let answer = Client::fetch(proxy.address("front"), "/");
    assert_eq!(answer.header("x-generation"), Some("two"));
    counts(&proxy, ("other", "FRONTEND"), "req_tot", "1");
}

#[test]
fn a_socket_is_made_anew_when_its_options_change() {
    let origin = Origin::http("s1");
    let proxy = start(&simple("one"), &origin);
    let mut client = Client::connect(proxy.address("front"));
    client.get("/");
    for (turn, options) in ["backlog 100", "defer-accept", ""].iter().enumerate() {
        let text =
            simple(&turn.to_string()).replace("bind <front>", &format!("bind <front> {options}"));
        reload(&proxy, &text);
        let mut fresh = Client::connect(proxy.address("front"));
        assert_eq!(
            fresh.get("/").header("x-generation"),
            Some(&*turn.to_string())
        );
        assert_eq!(
            client.get("/").header("x-generation"),
            Some(&*turn.to_string())
        );
    }
}

#[test]
fn sockets_of_the_runtime_api_come_and_go() {
    let origin = Origin::http("s1");
    let proxy = start(&simple("one"), &origin);
    let second = proxy.directory().join("second.sock");
    let lines = "stats socket <runtime> level admin\n    stats socket <dir>/second.sock level user";
    let both = simple("two").replace("stats socket <runtime> level admin", lines);
    reload(&proxy, &both);
    let ask = |path: &std::path::Path, command: &str| {
        use std::io::{Read, Write};
        let mut stream = std::os::unix::net::UnixStream::connect(path).ok()?;
        stream.write_all(format!("{command}\n").as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    };
    let told = ask(&second, "show errors").expect("it answers");
    assert_eq!(told.trim(), "Permission denied");
    // The same socket at another level.
    reload(&proxy, &both.replace("level user", "level operator"));
    let told = ask(&second, "show errors").expect("it answers");
    assert!(told.starts_with("Total events captured"), "{told}");
    reload(&proxy, &simple("three"));
    eventually("it is gone", || {
        !second.exists() && ask(&second, "help").is_none()
    });
}

#[test]
fn a_paused_frontend_stays_paused() {
    let origin = Origin::http("s1");
    let proxy = start(&simple("one"), &origin);
    proxy.runtime("disable frontend web");
    reload(&proxy, &simple("two"));
    eventually("nobody listens", || {
        Client::try_connect(proxy.address("front")).is_err()
    });
    proxy.runtime("enable frontend web");
    eventually("it listens", || {
        Client::try_connect(proxy.address("front")).is_ok()
    });
    let answer = Client::fetch(proxy.address("front"), "/");
    assert_eq!(answer.header("x-generation"), Some("two"));
}
