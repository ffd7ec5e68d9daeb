//! The statistics page where both programs must say the same: who gets it, what orders by it come
//! to, and what is logged. What the page looks like is each program's own matter.

use super::*;
use support::scenario::Step::{End, Finish};

/// A page in the frontend and one in the backend.
fn pages(frontend: &str, backend: &str) -> Group {
    let text = plain(frontend, backend).replacen("global\n", "global\n    nbthread 1\n", 1);
    Group::new(DIRECTORY, "statistics", &text).isolated()
}

fn one(name: &str, bytes: &str) -> Case {
    Case::new(name, vec![send(bytes), response(), Finish, End])
}

fn order(name: &str, place: &str, form: &str) -> Case {
    let length = form.len();
    one(
        name,
        &format!("POST {place} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{form}"),
    )
}

#[test]
fn orders_come_to_the_same() {
    let cases = [
        order("drained", "/stats", "s=s1&action=drain&b=be"),
        order("again", "/stats;st=DONE", "s=s1&action=ready&b=be"),
        order("in another order", "/stats", "b=be&action=maint&s=s1"),
        order("by number", "/stats", "b=%233&action=maint&s=s%31"),
        order("an unknown server", "/stats", "s=nope&action=ready&b=be"),
        order(
            "one unknown server",
            "/stats",
            "s=nope&s=s1&action=ready&b=be",
        ),
        order("an unknown backend", "/stats", "s=s1&action=ready&b=nope"),
        order("a frontend", "/stats", "s=s1&action=ready&b=fe"),
        order("an unknown action", "/stats", "s=s1&action=explode&b=be"),
        order("an empty action", "/stats", "s=s1&action=&b=be"),
        order("no action", "/stats", "s=s1&b=be"),
        order("no backend", "/stats", "s=s1&action=ready"),
        order("no server", "/stats", "action=ready&b=be"),
        order("nothing at all", "/stats", ""),
        order("no form", "/stats", "garbage"),
        order(
            "checks that are not there",
            "/stats",
            "s=s1&action=dhlth&b=be",
        ),
        order(
            "an agent that is not there",
            "/stats",
            "s=s1&action=adown&b=be",
        ),
        order("forced up", "/stats", "s=s1&action=hrunn&b=be"),
        order(
            "filters stay",
            "/stats;up?scope=be",
            "s=s1&action=ready&b=be",
        ),
        order("too long", "/stats", &"x".repeat(17_000)),
        order("a page without rights", "/back", "s=s1&action=drain&b=be"),
        one(
            "another method",
            "DELETE /stats HTTP/1.1\r\nHost: h\r\n\r\n",
        ),
        one("another place", "GET /stat HTTP/1.1\r\nHost: h\r\n\r\n"),
    ];
    pages(
        "    stats uri /stats\n    stats admin if TRUE\n    stats refresh 10s",
        "    stats uri /back",
    )
    .cases(cases)
    .check();
}
