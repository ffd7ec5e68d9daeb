//! Backends at run time: which of them rules may choose, and how their cookies are made.

use super::*;

/// A frontend whose rules name a disabled backend, one, another by name, and a default.
fn site() -> String {
    format!(
        "global
    stats socket <runtime> level admin
{TIMEOUTS}
frontend web
    bind <front>
    use_backend closed if TRUE
    use_backend one if {{ path /one }}
    use_backend %[path,field(3,/)] if {{ path_beg /by/ }}
    default_backend last
frontend forced
    bind <forced>
    force-be-switch if {{ path /forced }}
    use_backend one
    default_backend last
backend closed
    disabled
    http-request return status 200 hdr x-be closed
backend one
    http-request return status 200 hdr x-be one
backend two
    http-request return status 200 hdr x-be two
backend last
    http-request return status 200 hdr x-be last
"
    )
}

#[test]
fn rules_pass_by_backends_that_are_disabled_or_unpublished() {
    on_each(|program| {
        let proxy = Proxy::of(program.clone(), site())
            .listener("front")
            .listener("forced")
            .unix_listener("runtime")
            .start();
        let ask = |name: &str, path: &str| {
            let response = Client::fetch(proxy.address(name), path);
            let header = response.header("x-be").map(str::to_owned);
            header.unwrap_or_else(|| response.status.to_string())
        };
        let front = |path: &str| ask("front", path);
        assert_eq!(front("/"), "last", "{program:?}");
        assert_eq!(front("/one"), "one", "{program:?}");
        assert_eq!(front("/by/two"), "two", "{program:?}");
        judge(
            program,
            &proxy,
            &[
                ("unpublish backend one", "Backend unpublished."),
                ("unpublish backend one", "Backend unpublished."),
                ("unpublish backend two", "Backend unpublished."),
                ("unpublish backend nope", "No such backend."),
                ("unpublish backend web", "No such backend."),
                ("unpublish backend", "No such backend."),
                ("publish backend closed", "No effect on a disabled backend."),
                ("operator;publish backend one", "Permission denied"),
            ],
        );
        assert_eq!(front("/one"), "last", "{program:?}");
        assert_eq!(front("/by/two"), "last", "{program:?}");
        let status = |name| runtime::column(&proxy, name, "status");
        assert_eq!(status("one,BACKEND"), "UP (UNPUB)", "{program:?}");
        assert_eq!(ask("forced", "/"), "last", "{program:?}");
        assert_eq!(ask("forced", "/forced"), "one", "{program:?}");
        judge(
            program,
            &proxy,
            &[
                ("unpublish backend last", "Backend unpublished."),
                ("publish backend one", "Backend published."),
            ],
        );
        assert_eq!(front("/"), "503", "{program:?}");
        assert_eq!(front("/one"), "one", "{program:?}");
        assert_eq!(status("one,BACKEND"), "UP", "{program:?}");
    });
}

#[test]
fn what_is_unpublished_stays_so_over_a_reload() {
    let proxy = Proxy::lbd(site())
        .listener("front")
        .listener("forced")
        .unix_listener("runtime")
        .start();
    proxy.runtime("unpublish backend one");
    assert!(proxy.runtime("reload").contains("Success=1"));
    let response = Client::fetch(proxy.address("front"), "/one");
    assert_eq!(response.header("x-be"), Some("last"));
}

#[test]
fn cookies_are_made_from_addresses_with_the_key_of_the_moment() {
    let origin = Origin::http("s1");
    let text = simple().replace(
        "backend app\n",
        "backend app\n    cookie SRV insert indirect nocache\n",
    );
    let cookie = |proxy: &Proxy| {
        let response = Client::fetch(proxy.address("front"), "/");
        let set = response.header("set-cookie").unwrap_or_default();
        // An empty one takes back what a client may have.
        let value = set.split(';').next().and_then(|set| set.split('=').nth(1));
        value.unwrap_or_default().to_owned()
    };
    let values = std::cell::RefCell::new(Vec::new());
    on_each(|program| {
        let proxy = start(program, &text, &origin);
        assert_eq!(cookie(&proxy), "", "{program:?}");
        judge(
            program,
            &proxy,
            &[
                (
                    "enable dynamic-cookie backend",
                    "A backend name is expected.",
                ),
                ("enable dynamic-cookie backend nope", "No such backend."),
                ("enable dynamic-cookie backend web", "No such backend."),
                (
                    "set dynamic-cookie-key backend app",
                    "String value expected.",
                ),
                (
                    "operator;enable dynamic-cookie backend app",
                    "Permission denied",
                ),
                ("enable dynamic-cookie backend app", ""),
            ],
        );
        // Without a key there is none.
        assert_eq!(cookie(&proxy), "", "{program:?}");
        judge(
            program,
            &proxy,
            &[("set dynamic-cookie-key backend app one", "")],
        );
        let first = cookie(&proxy);
        judge(
            program,
            &proxy,
            &[("set dynamic-cookie-key backend app two", "")],
        );
        let second = cookie(&proxy);
        assert!(!first.is_empty() && !second.is_empty(), "{program:?}");
        assert_ne!(first, second, "{program:?}");
        values.borrow_mut().push((first, second));
        judge(
            program,
            &proxy,
            &[("disable dynamic-cookie backend app", "")],
        );
        assert_eq!(cookie(&proxy), "", "{program:?}");
    });
    // The same values by the same keys.
    let values = values.into_inner();
    assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
}

#[test]
fn what_needs_resolvers_says_that_there_are_none() {
    let origin = Origin::http("s1");
    let proxy = start(&Program::Lbd, &simple(), &origin);
    judge(
        &Program::Lbd,
        &proxy,
        &[
            ("show resolvers", "No resolvers found"),
            ("show resolvers x", "Can't find that resolvers section"),
            (
                "set server app/s1 fqdn",
                "set server <b>/<s> fqdn requires a FQDN.",
            ),
            (
                "set server app/s1 fqdn a.example",
                "set server <b>/<s> fqdn failed because no resolution is configured.",
            ),
            (
                "set rate-limit http-compression global 1",
                "'http-compression' is not supported: nothing is compressed.",
            ),
        ],
    );
}
