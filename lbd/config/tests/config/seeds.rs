//! The user's own configurations: the verdict is the reference's, or names what is not there yet.

use lbd_config::host::MemoryHost;
use lbd_config::loader::Sources;
use lbd_config::render;
use lbd_core::Level;

/// A machine that has what the configurations name.
fn host() -> MemoryHost {
    let answer =
        "HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/html\r\n\r\n<p>sorry</p>\n";
    let mut host = MemoryHost::new();
    for user in ["haproxy", "nobody", "www-data"] {
        host.users.insert(user.to_owned(), 99);
        host.groups.insert(user.to_owned(), 99);
    }
    for group in ["haproxy", "nogroup", "nobody", "proxy", "users"] {
        host.groups.insert(group.to_owned(), 99);
    }
    for list in ["whitelist-ips", "api-only-ips", "crawler-ips"] {
        host = host.file(&format!("/etc/haproxy-shared/{list}"), "192.0.2.1\n");
    }
    for status in [400, 403, 408, 500, 502, 503, 504] {
        for dir in ["/etc/haproxy/errors", "/etc/haproxy-shared/errors"] {
            host = host.file(&format!("{dir}/{status}.http"), answer);
        }
    }
    for file in [
        "/etc/haproxy/certs/ca.pem",
        "/etc/haproxy/certs/server.pem",
        "/etc/haproxy/certs/site.pem",
        "/etc/haproxy-shared/ssl/misc.pem",
        "/etc/haproxy-shared/ssl/wc-san.pem",
    ] {
        host = host.file(file, crate::support::certificate());
    }
    host
}

#[test]
fn verdicts_on_the_seeds_are_the_references_or_name_what_is_missing() {
    let dir = crate::support::root().join("tests/data/seeds");
    let verdicts = crate::support::text(&dir.join("verdicts.tsv"));
    let mut compared = 0;
    for path in crate::support::configurations(&dir) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let wanted = verdicts
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(known, _)| *known == name)
            .map(|(_, verdict)| verdict)
            .unwrap();
        let sources = Sources::from_text(&name, crate::support::text(&path));
        let (config, diags) = lbd_config::load(&sources, &host());
        let text = render::render(&diags, &sources, 1, false);
        let missing = diags
            .0
            .iter()
            .filter(|diag| diag.message.contains("not supported yet"))
            .count();
        assert_eq!(config.is_some(), !diags.has_alert(), "{name}");
        if missing > 0 {
            assert!(config.is_none(), "{name}");
            let others = diags
                .0
                .iter()
                .filter(|diag| diag.level == Level::Alert)
                .filter(|diag| !diag.message.contains("not supported yet"))
                .count();
            // What the reference accepts is refused for what is missing only.
            assert!(wanted == "errors" || others == 0, "{name}\n{text}");
            continue;
        }
        compared += 1;
        assert_eq!(config.is_none(), wanted == "errors", "{name}\n{text}");
    }
    assert!(
        compared >= 24,
        "only {compared} seeds need nothing that is missing"
    );
}

#[test]
fn a_second_send_without_connect_is_refused_with_the_way_out() {
    let path = crate::support::root().join("tests/data/seeds/003-06-http-checks-multistep.cfg");
    let text = crate::support::text(&path);
    let (config, diags) = lbd_config::load(&Sources::from_text("a.cfg", text.as_str()), &host());
    assert!(config.is_none());
    let fault = diags
        .0
        .iter()
        .find(|diag| diag.level == Level::Alert)
        .unwrap();
    assert_eq!(
        fault.message,
        "'http-check send' : unable to add http-check send rule at step 3 (missing connect rule)."
    );
    assert!(fault.hint.contains("http-check connect"));
    let second = text.rfind("http-check send").unwrap();
    let mended = format!("{}http-check connect\n{}", &text[..second], &text[second..]);
    let (config, _) = lbd_config::load(&Sources::from_text("a.cfg", mended), &host());
    assert!(config.is_some());
}
