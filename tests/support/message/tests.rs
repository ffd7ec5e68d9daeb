use super::{Input, ReadError};

#[test]
fn two_responses_in_one_stream_are_told_apart() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc\
        HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nT: 1\r\n\r\n";
    let mut from = &bytes[..];
    let mut input = Input::default();
    let one = input.response(&mut from, "GET").expect("first response");
    assert_eq!(
        (one.status, one.text().as_str(), one.complete),
        (200, "abc", true)
    );
    assert_eq!(one.interim, [100]);
    let two = input.response(&mut from, "GET").expect("second response");
    assert_eq!(
        (two.status, two.reason.as_str(), two.text().as_str()),
        (404, "Not Found", "hi")
    );
    assert_eq!(two.trailers, [("T".to_owned(), "1".to_owned())]);
    assert!(matches!(
        input.response(&mut from, "GET"),
        Err(ReadError::Closed)
    ));
}

#[test]
fn a_short_body_is_marked_incomplete() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let response = Input::default()
            .response(&mut text.as_bytes(), "GET")
            .expect("a head");
        assert_eq!(
            (response.text().as_str(), response.complete),
            ("abc", false),
            "{text:?}"
        );
    }
}

#[test]
fn a_response_to_head_has_no_body() {
    let mut from = &b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"[..];
    let response = Input::default()
        .response(&mut from, "HEAD")
        .expect("a response");
    assert!(response.complete && response.body.is_empty());
}

#[test]
fn what_is_not_http_is_said_to_be_so() {
    let mut from = &b"SSH-2.0-x\r\n\r\n"[..];
    let error = Input::default()
        .response(&mut from, "GET")
        .expect_err("not a response");
    assert!(matches!(error, ReadError::Malformed(_)), "{error}");
    let mut cut = &b"HTTP/1.1 200"[..];
    let error = Input::default()
        .response(&mut cut, "GET")
        .expect_err("half a head");
    assert!(matches!(error, ReadError::Truncated(_)), "{error}");
}
