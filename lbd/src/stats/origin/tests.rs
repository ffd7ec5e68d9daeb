//! Who may send changes.

use super::is_own;
use lbd_http::Head;

fn head(fields: &[(&str, &str)]) -> Head {
    let mut head = Head::new();
    head.start_request(b"POST", b"/", b"HTTP/1.1")
        .expect("room");
    for (name, value) in fields {
        head.add(name.as_bytes(), value.as_bytes()).expect("room");
    }
    head
}

#[test]
fn pages_of_the_same_host_may_change_servers_and_others_may_not() {
    let cases: &[(&[(&str, &str)], bool)] = &[
        (&[("host", "lb:81")], true),
        (&[("host", "lb:81"), ("origin", "http://lb:81")], true),
        (&[("host", "LB:81"), ("origin", "https://lb:81")], true),
        (&[("host", "lb"), ("origin", "http://lb:80")], true),
        (&[("host", "lb:443"), ("origin", "https://lb")], true),
        (&[("host", "lb:81"), ("origin", "http://lb")], false),
        (&[("host", "lb:81"), ("origin", "null")], false),
        (&[("host", "lb:81"), ("origin", "http://evil")], false),
        (&[("host", "lb"), ("origin", "http://lb.evil")], false),
        (&[("host", "lb"), ("origin", "http://lb@evil/")], false),
        (&[("host", ""), ("origin", "http://")], false),
        (&[("origin", "http://lb")], false),
        (
            &[("host", "lb"), ("referer", "http://lb/stats?x=http://lb")],
            true,
        ),
        (
            &[("host", "lb"), ("referer", "http://evil/?http://lb/")],
            false,
        ),
        (&[("host", "lb"), ("sec-fetch-site", "same-origin")], true),
        (&[("host", "lb"), ("sec-fetch-site", "none")], true),
        (&[("host", "lb"), ("sec-fetch-site", "same-site")], false),
        (
            &[
                ("host", "lb"),
                ("origin", "http://lb"),
                ("sec-fetch-site", "cross-site"),
            ],
            false,
        ),
    ];
    for (fields, wanted) in cases {
        assert_eq!(is_own(&head(fields)), *wanted, "{fields:?}");
    }
}
