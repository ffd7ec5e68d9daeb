//! Seed 001: persistence by an inserted cookie, `indirect nocache`.

use super::*;

fn sticky(program: &Program) -> (Proxy, Origin, Origin) {
    let page = |name: &'static str| {
        Origin::answering(name, move |_, _| {
            Reply::ok(name).header("cache-control", "max-age=60")
        })
    };
    let (one, two) = (page("server1"), page("server2"));
    let text = seed(
        "001-4-cookie-persistence.cfg",
        &[
            ("*:80", "<front>"),
            ("10.1.1.1:80", "<one>"),
            ("10.1.1.2:80", "<two>"),
        ],
    );
    let proxy = start(program, text, &[("one", &one), ("two", &two)]).start();
    (proxy, one, two)
}

#[test]
fn a_first_answer_sets_the_cookie_and_may_not_be_cached() {
    on_both(|program| {
        let (proxy, _one, _two) = sticky(program);
        let response = Client::fetch(proxy.address("front"), "/");
        let number = response.server().trim_start_matches("server").to_owned();
        let wanted = format!("SERVERID=server0{number}; path=/");
        assert_eq!(
            response.header_values("set-cookie"),
            [wanted.as_str()],
            "{program:?}"
        );
        let caching = response.header_values("cache-control");
        assert!(caching.contains(&"private"), "{program:?}: {caching:?}");
    });
}

#[test]
fn the_cookie_keeps_its_server_and_is_hidden_from_it() {
    on_both(|program| {
        let (proxy, one, two) = sticky(program);
        for (value, origin) in [("server02", &two), ("server01", &one)] {
            for _ in 0..3 {
                let head = format!(
                    "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1; SERVERID={value}; b=2\r\n\r\n"
                );
                let response = Client::exchange(proxy.address("front"), &head);
                assert_eq!(
                    format!("server0{}", &response.server()[6..]),
                    value,
                    "{program:?}"
                );
                assert!(response.header("set-cookie").is_none(), "{program:?}");
                let seen = origin.last_request();
                let cookies = seen.header("cookie").unwrap_or_default();
                assert!(!cookies.contains("SERVERID"), "{program:?}: {cookies}");
                assert!(
                    cookies.contains("a=1") && cookies.contains("b=2"),
                    "{cookies}"
                );
            }
        }
    });
}

#[test]
fn a_cookie_of_an_unknown_server_is_replaced() {
    on_both(|program| {
        let (proxy, _one, _two) = sticky(program);
        let head = "GET / HTTP/1.1\r\nHost: a\r\nCookie: SERVERID=gone\r\n\r\n";
        let response = Client::exchange(proxy.address("front"), head);
        assert_eq!(response.status, 200);
        assert!(
            response
                .header("set-cookie")
                .unwrap_or_default()
                .starts_with("SERVERID=server0")
        );
    });
}
