use std::time::Duration;

use super::{Client, proxy_v2};
use crate::{Origin, Reply};

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    let origin = Origin::http("s1");
    let mut client = Client::connect(origin.address());
    client.send("GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET /b HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(client.response().server(), "s1");
    assert_eq!(client.response().status, 200);
    assert_eq!(client.get("/c").status, 200);
    let targets: Vec<_> = origin
        .requests()
        .into_iter()
        .map(|r| (r.target, r.sequence))
        .collect();
    assert_eq!(
        targets,
        [("/a".into(), 0), ("/b".into(), 1), ("/c".into(), 2)]
    );
}

#[test]
fn an_open_connection_is_not_taken_for_a_closed_one() {
    let origin = Origin::http("s1");
    let mut client = Client::connect(origin.address());
    assert!(!client.is_closed_within(Duration::from_millis(50)));
    assert_eq!(client.get("/").status, 200);
    origin.stop();
    assert!(client.is_closed_within(Duration::from_secs(5)));
    assert!(Client::try_connect(origin.address()).is_err());
}

#[test]
fn a_reset_is_read_as_the_end() {
    let origin = Origin::answering("s1", |_, _| Reply::raw("HTTP/1.1 200").then_reset());
    let mut client = Client::connect(origin.address());
    client.send("GET / HTTP/1.1\r\n\r\n");
    let bytes = client.read_to_end();
    assert!(b"HTTP/1.1 200".starts_with(&bytes), "{bytes:?}");
}

#[test]
fn a_proxy_v2_header_has_the_form_of_the_specification() {
    let from = "192.0.2.1:1000".parse().expect("an address");
    let to = "192.0.2.2:80".parse().expect("an address");
    let header = proxy_v2(from, to, &[]);
    assert_eq!(header.len(), 28);
    assert_eq!(header[12..16], [0x21, 0x11, 0, 12]);
    assert_eq!(header[16..], [192, 0, 2, 1, 192, 0, 2, 2, 3, 232, 0, 80]);
}
