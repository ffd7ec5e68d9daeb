use super::*;

fn response_with(
    input: &[u8],
    info: &RequestInfo,
    options: &ParseOptions,
) -> Result<(String, Parsed), Reason> {
    let mut head = Head::new();
    match parse_response(input, &mut head, info, options) {
        Ok(Status::Complete(parsed)) => Ok((text_of(&head), parsed)),
        Ok(Status::Partial) => panic!("partial: {:?}", String::from_utf8_lossy(input)),
        Err(error) => Err(error.reason),
    }
}

fn response(input: &[u8]) -> Result<(String, Parsed), Reason> {
    response_with(input, &RequestInfo::default(), &ParseOptions::default())
}

#[track_caller]
fn check(input: &[u8], strict: Result<&str, Reason>, lenient: Result<&str, Reason>) {
    for (options, wanted) in [(ParseOptions::default(), strict), (relaxed(), lenient)] {
        let found = response_with(input, &RequestInfo::default(), &options).map(|(text, _)| text);
        assert_eq!(
            found.as_deref().map_err(|reason| *reason),
            wanted,
            "{:?}, relaxed {}",
            String::from_utf8_lossy(input),
            options.accept_unsafe_violations
        );
    }
}

fn with_line(line: &[u8]) -> Vec<u8> {
    [line, b"\r\nContent-Length: 2\r\n\r\nok"].concat()
}

fn with_fields(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{}\r\n\r\n", fields.replace('|', "\r\n")).into_bytes()
}

#[test]
fn the_status_line_takes_what_the_reference_takes() {
    use Reason::{InvalidStatus, InvalidVersion};
    let plain = Ok("HTTP/1.1 200 OK|content-length: 2||");
    for line in [
        &b"HTTP/1.1 200 OK"[..],
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1 200  OK",
        b"HTTP/1.1\t200\tOK",
        b"HTTP/1.2 200 OK",
        b"HTTP/2.0 200 OK",
        b"\r\nHTTP/1.1 200 OK",
        b"\nHTTP/1.1 200 OK",
    ] {
        let outcome = response(&with_line(line)).map(|(text, _)| text);
        // Without a reason the encoder gives the known one, which the kept length does not count.
        assert_eq!(
            outcome.as_deref(),
            plain.as_deref(),
            "{}",
            String::from_utf8_lossy(line)
        );
    }
    let same = |line: &[u8], outcome| check(&with_line(line), outcome, outcome);
    same(
        b"HTTP/1.0 200 OK",
        Ok("HTTP/1.0 200 OK|content-length: 2||"),
    );
    same(
        b"HTTP/0.9 200 OK",
        Ok("HTTP/0.9 200 OK|content-length: 2||"),
    );
    same(
        b"HTTP/1.1 099 OK",
        Ok("HTTP/1.1 099 OK|content-length: 2||"),
    );
    same(
        b"HTTP/1.1 999 x y ",
        Ok("HTTP/1.1 999 x y |content-length: 2||"),
    );
    same(
        b"HTTP/1.1 200 O\x80K",
        Ok("HTTP/1.1 200 O\u{80}K|content-length: 2||"),
    );
    same(
        b"HTTP/1.1 200 O\x01K",
        Ok("HTTP/1.1 200 O\u{1}K|content-length: 2||"),
    );
    same(b"HTTP/1.1 200 O\rK", Err(Reason::BareCr));
    for line in [
        &b"HTTP/1.1 2x0 OK"[..],
        b"HTTP/1.1 200OK",
        b"HTTP/1.1 +200 OK",
        b"HTTP/1.1 70000 OK",
        b"HTTP/1.1 20 OK",
    ] {
        same(line, Err(InvalidStatus));
    }
    for line in [
        &b"HTTP/1.1"[..],
        b"200 OK",
        b" HTTP/1.1 200 OK",
        b"http/1.1 200 OK",
    ] {
        assert!(response(&with_line(line)).is_err());
    }
    check(
        &with_line(b"HTTP/1.1 2000 OK"),
        Err(InvalidStatus),
        Ok("HTTP/1.1 2000 OK|content-length: 2||"),
    );
    for (line, seen) in [
        (
            &b"HTTP/1.10 200 OK"[..],
            "HTTP/1.10 200 OK|content-length: 2||",
        ),
        (b"HTTP/1 200 OK", "HTTP/1 200 OK|content-length: 2||"),
        (b"RTSP/1.0 200 OK", "RTSP/1.0 200 OK|content-length: 2||"),
        (b"ICY 200 OK", "ICY 200 OK|content-length: 2||"),
    ] {
        check(&with_line(line), Err(InvalidVersion), Ok(seen));
    }
}

#[test]
fn fields_of_a_response_are_checked_alike_but_for_request_fields() {
    for (fields, seen) in [
        ("Connection: close|Content-Length: 2", "content-length: 2|"),
        (
            "Connection: keep-alive, foo|Content-Length: 2",
            "connection: foo|content-length: 2|",
        ),
        (
            "Upgrade: foo|Content-Length: 2",
            "upgrade: foo|content-length: 2|",
        ),
        (
            "Host: b|Host: c|Content-Length: 2",
            "host: b|host: c|content-length: 2|",
        ),
        ("TE: x|Content-Length: 2", "content-length: 2|"),
        (
            "X: a| b|Content-Length: 2, 2",
            "x: a   b|content-length: 2|",
        ),
    ] {
        let seen = format!("HTTP/1.1 200 OK|{seen}|");
        check(&with_fields(fields), Ok(&seen), Ok(&seen));
    }
    check(
        &with_fields("X :1|Content-Length: 2"),
        Err(Reason::InvalidName),
        Ok("HTTP/1.1 200 OK|content-length: 2||"),
    );
    let fault = Err(Reason::ContentLength);
    check(
        &with_fields("Content-Length: 2|Content-Length: 3"),
        fault,
        fault,
    );
}

#[test]
fn transfer_encoding_of_a_response_may_be_relaxed() {
    let (_, both) = response(&with_fields("Transfer-Encoding: chunked|Content-Length: 2")).unwrap();
    assert!(!both.keep_alive);
    let fault = Err(Reason::TransferEncoding);
    let chunked = Ok("HTTP/1.1 200 OK|transfer-encoding: chunked||");
    check(
        &with_fields("Transfer-Encoding: chunked|Content-Length: 2"),
        chunked,
        chunked,
    );
    for codings in [
        "chunked, chunked",
        "chunked|Transfer-Encoding: chunked",
        ",chunked",
        "chunked,",
    ] {
        check(
            &with_fields(&format!("Transfer-Encoding: {codings}")),
            fault,
            chunked,
        );
    }
    check(
        &with_fields("Transfer-Encoding:"),
        fault,
        Ok("HTTP/1.1 200 OK||"),
    );
    for codings in ["gzip", "identity", "xchunked", "chunked;a", "chunked, gzip"] {
        check(
            &with_fields(&format!("Transfer-Encoding: {codings}")),
            fault,
            fault,
        );
    }
    let other = Err(Reason::UnsupportedCoding);
    check(
        &with_fields("Transfer-Encoding: gzip, chunked"),
        other,
        other,
    );
    let (_, parsed) = response_with(
        &with_fields("Transfer-Encoding:"),
        &RequestInfo::default(),
        &relaxed(),
    )
    .unwrap();
    assert_eq!(
        (parsed.framing, parsed.keep_alive),
        (Framing::UntilClose, false)
    );
}

#[test]
fn framing_depends_on_status_and_request() {
    let head = RequestInfo {
        head: true,
        ..Default::default()
    };
    let connect = RequestInfo {
        connect: true,
        ..Default::default()
    };
    let get = RequestInfo::default();
    for (info, status, fields, seen, framing, kept, tunnel) in [
        (
            get,
            200,
            "Content-Length: 2",
            "content-length: 2|",
            Framing::ContentLength(2),
            true,
            false,
        ),
        (
            get,
            200,
            "Content-Length: 0",
            "content-length: 0|",
            Framing::None,
            true,
            false,
        ),
        (get, 200, "X: y", "x: y|", Framing::UntilClose, false, false),
        (
            get,
            204,
            "Content-Length: 2",
            "",
            Framing::None,
            true,
            false,
        ),
        (
            get,
            204,
            "Transfer-Encoding: chunked",
            "",
            Framing::None,
            true,
            false,
        ),
        (
            get,
            304,
            "Content-Length: 2",
            "content-length: 2|",
            Framing::None,
            true,
            false,
        ),
        (
            get,
            304,
            "Transfer-Encoding: chunked",
            "transfer-encoding: chunked|",
            Framing::None,
            true,
            false,
        ),
        (
            get,
            103,
            "Content-Length: 2",
            "",
            Framing::None,
            true,
            false,
        ),
        (
            head,
            200,
            "Content-Length: 9",
            "content-length: 9|",
            Framing::None,
            true,
            false,
        ),
        (
            head,
            200,
            "Transfer-Encoding: chunked",
            "transfer-encoding: chunked|",
            Framing::None,
            true,
            false,
        ),
        (head, 200, "X: y", "x: y|", Framing::None, true, false),
        (
            connect,
            200,
            "Content-Length: 2",
            "",
            Framing::None,
            true,
            true,
        ),
        (
            connect,
            200,
            "Transfer-Encoding: chunked",
            "",
            Framing::None,
            true,
            true,
        ),
        (
            connect,
            404,
            "Content-Length: 2",
            "content-length: 2|",
            Framing::ContentLength(2),
            true,
            false,
        ),
    ] {
        let input = format!("HTTP/1.1 {status} R\r\n{fields}\r\n\r\n");
        let (text, parsed) =
            response_with(input.as_bytes(), &info, &ParseOptions::default()).unwrap();
        assert_eq!(
            text,
            format!("HTTP/1.1 {status} R|{seen}|"),
            "{status} {fields}"
        );
        assert_eq!(
            (parsed.framing, parsed.keep_alive, parsed.tunnel),
            (framing, kept, tunnel)
        );
        assert_eq!(parsed.informational, status == 103);
    }
    let old = response(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n")
        .unwrap();
    assert!(old.1.keep_alive);
    let old = response(
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n",
    );
    let old = old.unwrap().1;
    assert_eq!((old.framing, old.keep_alive), (Framing::Chunked, false));
}

#[test]
fn protocols_are_switched_only_when_asked() {
    let switch = b"HTTP/1.1 101 SP\r\nConnection: upgrade\r\nUpgrade: foo\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(response(switch), Err(Reason::UnexpectedSwitch));
    let asked = RequestInfo {
        upgrade: true,
        ..Default::default()
    };
    let (text, parsed) = response_with(switch, &asked, &ParseOptions::default()).unwrap();
    assert_eq!(text, "HTTP/1.1 101 SP|connection: upgrade|upgrade: foo||");
    assert!(parsed.tunnel && parsed.upgrade && !parsed.informational);

    let websocket = b"HTTP/1.1 101 SP\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let refused = response_with(websocket, &asked, &ParseOptions::default());
    assert_eq!(refused, Err(Reason::WebsocketKey));
    assert!(
        response_with(websocket, &asked, &relaxed())
            .unwrap()
            .1
            .websocket_key_missing
    );
}
