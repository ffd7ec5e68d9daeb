//! Changes of servers by POST, and who may make them.

use super::*;

const ADMIN: &str = "    stats uri /s\n    stats admin if TRUE";
const DRAIN: &str = "s=s1&action=drain&b=app";

fn location(answer: &Response) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location").unwrap_or_default().to_owned()
}

#[test]
fn a_form_changes_servers_and_leads_back_to_the_page() {
    let site = Site::start(ADMIN);
    let cases = [
        ("drain", "8"),
        ("ready", "0"),
        ("maint", "1"),
        ("enable", "0"),
        ("stop", "8"),
        ("start", "0"),
        ("disable", "1"),
        ("ready", "0"),
    ];
    for (action, state) in cases {
        let form = format!("s=s1&action={action}&b=app");
        assert_eq!(
            location(&site.post("/s", "", &form)),
            "/s;st=DONE",
            "{action}"
        );
        assert_eq!(site.admin_state(), state, "{action}");
    }
    let back = site.get("/s;st=DONE").text();
    assert!(back.contains("Action processed."), "{back}");
}

#[test]
fn forms_of_any_shape_are_understood_or_refused() {
    let site = Site::start(ADMIN);
    let chunked = format!("{:x}\r\n{DRAIN}\r\n0\r\n\r\n", DRAIN.len());
    let address = site.proxy.address("pages");
    let head = format!("POST /s HTTP/1.1\r\nhost: {address}\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut client = Client::connect(&address);
    client.send(head + &chunked);
    assert_eq!(location(&client.response()), "/s;st=DONE");
    assert_eq!(site.admin_state(), "8");
    let long = "s=s1&".repeat(4000) + "action=ready&b=app";
    assert_eq!(location(&site.post("/s", "", &long)), "/s;st=EXCD");
    assert_eq!(
        site.admin_state(),
        "8",
        "a form that does not fit does nothing"
    );
    for odd in [
        "%",
        "s=%zz&action=ready&b=app",
        "&&&",
        "=",
        "\u{0}=\u{0}",
        "s=s1&action=ready&b=#x",
    ] {
        let place = location(&site.post("/s", "", odd));
        assert!(
            matches!(place.as_str(), "/s;st=NONE" | "/s;st=ERRP"),
            "{odd}: {place}"
        );
    }
    assert_eq!(site.admin_state(), "8");
}

#[test]
fn who_is_no_administrator_changes_nothing() {
    for lines in [
        "    stats uri /s",
        "    stats uri /s\n    stats admin if FALSE",
        "    stats uri /s\n    stats admin unless { src 127.0.0.0/8 }",
    ] {
        let site = Site::start(lines);
        assert_eq!(
            location(&site.post("/s", "", DRAIN)),
            "/s;st=DENY",
            "{lines}"
        );
        assert_eq!(site.admin_state(), "0", "{lines}");
        let html = site.get("/s").text();
        assert!(
            !html.contains("<select") && !html.contains("checkbox\" name"),
            "{html}"
        );
    }
    let site =
        Site::start("    stats uri /s\n    stats admin if FALSE\n    stats admin if LOCALHOST");
    assert_eq!(location(&site.post("/s", "", DRAIN)), "/s;st=DONE");
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let site = Site::start(ADMIN);
    let own = site.proxy.address("pages").to_string();
    let forged = [
        "origin: http://evil.example\r\n".to_owned(),
        "origin: null\r\n".to_owned(),
        "referer: http://evil.example/?http://x/\r\n".to_owned(),
        "sec-fetch-site: cross-site\r\n".to_owned(),
        format!("origin: http://{own}\r\nsec-fetch-site: same-site\r\n"),
        format!("origin: http://{own}.evil.example\r\n"),
    ];
    for fields in forged {
        assert_eq!(
            location(&site.post("/s", &fields, DRAIN)),
            "/s;st=DENY",
            "{fields}"
        );
        assert_eq!(site.admin_state(), "0", "{fields}");
    }
    let fields = format!("origin: http://{own}\r\nsec-fetch-site: same-origin\r\n");
    assert_eq!(location(&site.post("/s", &fields, DRAIN)), "/s;st=DONE");
    assert_eq!(site.admin_state(), "8");
}

#[test]
fn a_form_that_never_comes_whole_is_given_up() {
    let text = configuration(ADMIN).replace("timeout client 30s", "timeout client 300ms");
    let site = Site::of(&text);
    let address = site.proxy.address("pages");
    let mut client = Client::connect(&address);
    client.send(format!(
        "POST /s HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100\r\n\r\n{DRAIN}"
    ));
    assert_eq!(client.response().status, 408);
    assert_eq!(site.admin_state(), "0");
}

#[test]
fn sessions_of_a_server_are_ended() {
    let site = Site::start(ADMIN);
    let answer = site.post("/s", "", "s=s1&s=s2&action=shutdown&b=app");
    assert_eq!(location(&answer), "/s;st=DONE");
}
