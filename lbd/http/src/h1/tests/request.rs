use super::*;

const S: ParseOptions = ParseOptions {
    max_headers: DEFAULT_MAX_HEADERS,
    max_head_len: DEFAULT_MAX_HEAD_LEN,
    accept_unsafe_violations: false,
    accept_payload_with_any_method: false,
};

/// `Ok` gives the head as it is seen afterwards, `Err` the fault.
type Outcome = Result<&'static str, Reason>;

#[track_caller]
fn check(input: &[u8], strict: Outcome, lenient: Outcome) {
    for (options, wanted) in [(S, strict), (relaxed(), lenient)] {
        let found = request_with(input, &options).map(|(text, _)| text);
        assert_eq!(
            found.as_deref().map_err(|reason| *reason),
            wanted,
            "{:?}, relaxed {}",
            String::from_utf8_lossy(input),
            options.accept_unsafe_violations
        );
    }
}

fn with_target(target: &[u8]) -> Vec<u8> {
    [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat()
}

fn with_line(line: &[u8]) -> Vec<u8> {
    [line, b"\r\nHost: a\r\n\r\n"].concat()
}

fn with_fields(fields: &[u8]) -> Vec<u8> {
    [b"POST / HTTP/1.1\r\n", fields, b"\r\n\r\n"].concat()
}

#[test]
fn a_request_is_seen_with_lower_case_names_in_order() {
    let (text, parsed) =
        request(b"GET /a?b HTTP/1.1\r\nHost: A\r\nX-Two:  2 \t\r\nx-One:1\r\n\r\nrest").unwrap();
    assert_eq!(text, "GET /a?b HTTP/1.1|host: A|x-two: 2|x-one: 1||");
    assert!(parsed.keep_alive && parsed.has_host && parsed.version_11);
    assert_eq!((parsed.consumed, parsed.framing), (52, Framing::None));
}

#[test]
fn lines_may_end_with_a_line_feed_alone_and_begin_after_empty_ones() {
    for input in [
        &b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    ] {
        check(
            input,
            Ok("GET / HTTP/1.1|host: a||"),
            Ok("GET / HTTP/1.1|host: a||"),
        );
    }
    for input in [
        &b"\rGET / HTTP/1.1\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\n\rX",
    ] {
        check(input, Err(Reason::BareCr), Err(Reason::BareCr));
    }
}

#[test]
fn the_request_line_takes_what_the_reference_takes() {
    use Reason::{InvalidMethod, InvalidTarget, InvalidVersion};
    let plain = Ok("GET / HTTP/1.1|host: a||");
    for line in [
        &b"GET /  HTTP/1.1"[..],
        b"GET  / HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET /\tHTTP/1.1",
        b"GET / HTTP/1.2",
        b"GET / HTTP/1.9",
        b"GET / HTTP/2.0",
        b"GET / HTTP/3.0",
    ] {
        check(&with_line(line), plain, plain);
    }
    let same = |line: &[u8], outcome: Outcome| check(&with_line(line), outcome, outcome);
    same(b"get / HTTP/1.1", Ok("get / HTTP/1.1|host: a||"));
    same(b"1 / HTTP/1.1", Ok("1 / HTTP/1.1|host: a||"));
    same(
        b"A!#$%&'*+-.^_`|~9 / HTTP/1.1",
        Ok("A!#$%&'*+-.^_`|~9 / HTTP/1.1|host: a||"),
    );
    same(b"GET / HTTP/0.9", Ok("GET / HTTP/0.9|host: a||"));
    same(b"POST / HTTP/0.9", Ok("POST / HTTP/0.9|host: a||"));
    for line in [
        &b" GET / HTTP/1.1"[..],
        b"G@T / HTTP/1.1",
        b"G:T / HTTP/1.1",
        b"\x80 / HTTP/1.1",
        b"GET",
    ] {
        same(line, Err(InvalidMethod));
    }
    for line in [
        &b"GET / HTTP/1.1 "[..],
        b"GET / http/1.1",
        b"GET / HTTP/a.b",
        b"GET / HTTP/1.1\0",
        b"GET / ",
    ] {
        same(line, Err(InvalidVersion));
    }
    same(b"GET / HTTP/1.1\r", Err(Reason::BareCr));
    same(b"PRI * HTTP/2.0", Err(InvalidTarget));
    same(b"POST * HTTP/1.1", Err(InvalidTarget));
    same(b"NOTIFY * HTTP/1.1", Ok("NOTIFY * HTTP/1.1|host: a||"));
    for (line, seen) in [
        (&b"GET / HTTP/1.10"[..], "GET / HTTP/1.10|host: a||"),
        (b"GET / HTTP/11.1", "GET / HTTP/11.1|host: a||"),
        (b"GET / HTTP/1", "GET / HTTP/1|host: a||"),
        (b"GET / HTTP/1.", "GET / HTTP/1.|host: a||"),
        (b"GET / HTTP1.1", "GET / HTTP1.1|host: a||"),
        (b"GET / RTSP/1.0", "GET / RTSP/1.0|host: a||"),
        (b"GET / X", "GET / X|host: a||"),
    ] {
        check(&with_line(line), Err(InvalidVersion), Ok(seen));
        assert!(
            !request_with(&with_line(line), &relaxed())
                .unwrap()
                .1
                .keep_alive
        );
    }
    check(b"GET /\r\n", Err(InvalidVersion), Ok("GET / HTTP/1.0||"));
    check(b"GET /\n", Err(InvalidVersion), Ok("GET / HTTP/1.0||"));
    check(b"POST /\r\n", Err(InvalidVersion), Err(InvalidVersion));
}

#[test]
fn a_violation_that_is_let_pass_is_reported() {
    let (_, parsed) = request_with(&with_target(b"/a#b"), &relaxed()).unwrap();
    assert_eq!(
        parsed.violation,
        Some(ParseError::new(6, Reason::InvalidTarget))
    );
    assert_eq!(
        request_with(&with_target(b"/a"), &relaxed())
            .unwrap()
            .1
            .violation,
        None
    );
}

#[test]
fn the_target_must_have_a_form_that_fits_the_method_and_the_host() {
    use Reason::{HostMismatch, InvalidTarget};
    for (target, strict, lenient) in [
        (&b"http://a/x"[..], Ok("http://a/x"), Ok("http://a/x")),
        (b"HTTP://a/x", Ok("HTTP://a/x"), Ok("HTTP://a/x")),
        (b"http://A/x", Ok("http://A/x"), Ok("http://A/x")),
        (b"http://u@a/x", Ok("http://u@a/x"), Ok("http://u@a/x")),
        (b"https://a/", Ok("https://a/"), Ok("https://a/")),
        (b"ftp://a/", Ok("ftp://a/"), Ok("ftp://a/")),
        // Scheme-based normalization: the default port goes, an empty path becomes a slash.
        (b"http://a:80/x", Ok("http://a/x"), Ok("http://a/x")),
        (b"http://a:/x", Ok("http://a/x"), Ok("http://a/x")),
        (b"https://a:443/x", Ok("https://a/x"), Ok("https://a/x")),
        (b"http://a", Ok("http://a/"), Ok("http://a/")),
        (b"ftp://a", Ok("ftp://a/"), Ok("ftp://a/")),
        (b"http://u:p@a:80", Ok("http://u:p@a/"), Ok("http://u:p@a/")),
        (b"//a//b", Ok("//a//b"), Ok("//a//b")),
        (b"/\"<>^`{|}\\", Ok("/\"<>^`{|}\\"), Ok("/\"<>^`{|}\\")),
        (b"http://b/x", Err(HostMismatch), Ok("http://b/x")),
        (b"http://a:8080/x", Err(HostMismatch), Ok("http://a:8080/x")),
        (b"http://a:443/", Err(HostMismatch), Ok("http://a:443/")),
        (b"https://a:80/", Err(HostMismatch), Ok("https://a:80/")),
        (b"http:///x", Err(HostMismatch), Ok("http:///x")),
        (b"http://[::1]/", Err(HostMismatch), Ok("http://[::1]/")),
        (b"/\x80", Err(InvalidTarget), Ok("/\u{80}")),
        (b"/a#f", Err(InvalidTarget), Ok("/a#f")),
        (b"http://a?x", Err(InvalidTarget), Ok("http://a/?x")),
        (b"http://a#x", Err(InvalidTarget), Ok("http://a/#x")),
        (b"*", Err(InvalidTarget), Err(InvalidTarget)),
        (b"a:80", Err(InvalidTarget), Err(InvalidTarget)),
        (b"foo", Err(InvalidTarget), Err(InvalidTarget)),
        (b"?x", Err(InvalidTarget), Err(InvalidTarget)),
        (b"urn:x:y", Err(InvalidTarget), Err(InvalidTarget)),
        (b"h*p://a/", Err(InvalidTarget), Err(InvalidTarget)),
        (b"1ttp://a/", Err(InvalidTarget), Err(InvalidTarget)),
        (b"/\x01", Err(InvalidTarget), Err(InvalidTarget)),
        (b"/\x7f", Err(InvalidTarget), Err(InvalidTarget)),
    ] {
        for (options, wanted) in [(S, strict), (relaxed(), lenient)] {
            let mut head = Head::new();
            let found = match parse_request(&with_target(target), &mut head, &options) {
                Ok(_) => Ok(head
                    .target()
                    .iter()
                    .map(|&b| char::from(b))
                    .collect::<String>()),
                Err(error) => Err(error.reason),
            };
            assert_eq!(
                found,
                wanted.map(str::to_owned),
                "{}",
                String::from_utf8_lossy(target)
            );
        }
    }
    for target in [&b"/a b"[..], b"/a\tb", b"http://a b/"] {
        assert_eq!(request(&with_target(target)), Err(Reason::InvalidVersion));
    }
}

#[test]
fn host_follows_a_target_that_is_normalized() {
    let same = |input: &[u8], seen| check(input, Ok(seen), Ok(seen));
    same(
        b"GET http://a:80/x HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "GET http://a/x HTTP/1.1|host: a||",
    );
    same(
        b"GET http://a/x HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "GET http://a/x HTTP/1.1|host: a:80||",
    );
    same(
        b"GET ftp://a:21 HTTP/1.1\r\nHost: a:21\r\n\r\n",
        "GET ftp://a:21/ HTTP/1.1|host: a:21||",
    );
    same(
        b"GET http://[::1]:80/x HTTP/1.1\r\nHost: [::1]\r\n\r\n",
        "GET http://[::1]/x HTTP/1.1|host: [::1]||",
    );
    same(
        b"GET http://a:80/x HTTP/1.1\r\nX: y\r\n\r\n",
        "GET http://a/x HTTP/1.1|x: y||",
    );
    same(
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1|host: a||",
    );
    same(
        b"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS http://a HTTP/1.1|host: a||",
    );
    check(
        b"GET http://A/x HTTP/1.1\r\nHost:\r\n\r\n",
        Err(Reason::HostMismatch),
        Ok("GET http://A/x HTTP/1.1|host: ||"),
    );
}

#[test]
fn connect_takes_an_authority_with_a_port() {
    use Reason::{HostMismatch, InvalidTarget};
    let connect = |target: &str, host: &str| {
        format!("CONNECT {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
    };
    for (target, host, strict, lenient) in [
        ("a:80", "a:80", Ok("a"), Ok("a")),
        ("a:80", "a", Ok("a"), Ok("a")),
        ("a:443", "a", Ok("a"), Ok("a")),
        ("a:443", "a:443", Ok("a"), Ok("a")),
        ("[::1]:80", "[::1]", Ok("[::1]"), Ok("[::1]")),
        ("u@a:80", "a:80", Ok("a"), Ok("a")),
        ("a:0", "a:0", Ok("a:0"), Ok("a:0")),
        ("a:8080", "a", Err(HostMismatch), Ok("a")),
        ("a:443", "a:80", Err(HostMismatch), Ok("a:80")),
        ("a:80", "b", Err(HostMismatch), Ok("b")),
        ("a:8080", "", Err(HostMismatch), Ok("")),
        ("a", "a", Err(InvalidTarget), Ok("a")),
        ("a:x", "a", Err(InvalidTarget), Ok("a")),
        (":80", "a", Err(InvalidTarget), Ok("a")),
        ("/x", "a", Err(InvalidTarget), Err(InvalidTarget)),
        ("*", "a", Err(InvalidTarget), Err(InvalidTarget)),
        ("http://a/", "a", Err(InvalidTarget), Err(InvalidTarget)),
    ] {
        for (options, wanted) in [(S, strict), (relaxed(), lenient)] {
            let mut head = Head::new();
            let found = match parse_request(&connect(target, host), &mut head, &options) {
                Ok(_) => {
                    assert_eq!(head.target(), target.as_bytes());
                    Ok(String::from_utf8_lossy(head.first(b"host").unwrap()).into_owned())
                }
                Err(error) => Err(error.reason),
            };
            assert_eq!(found, wanted.map(str::to_owned), "{target} {host}");
        }
    }
    let (text, parsed) =
        request(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap();
    assert_eq!(text, "CONNECT a:1 HTTP/1.1|host: a:1||");
    assert!(parsed.connect && !parsed.keep_alive && parsed.framing == Framing::None);
    assert_eq!(
        request(b"CONNECT a:1 HTTP/1.1\r\nContent-Length: 3\r\n\r\n"),
        Err(Reason::ConnectWithContent)
    );
}

#[test]
fn host_is_one_and_holds_no_byte_that_ends_an_authority() {
    for good in [
        "a", "", "a:", "a:80", "a:80x", "a:99999", "[::1]", "[::1]:80", "::1", "a_b", "a%20b",
        "a\"b", "a<b", "a:b:80", "*", "a'b", "a|b", "a;b", ".", "A.B", "[]", "[x]", ":80", "a^b",
        "a{b}",
    ] {
        let input = with_fields(format!("Host: {good}").as_bytes());
        assert!(request(&input).is_ok(), "{good}");
    }
    for bad in [
        &b"a b"[..],
        b"a,b",
        b"a/b",
        b"a@b",
        b"u@a:80",
        b"a\x80",
        b"a?b",
        b"a#b",
        b"[::1",
        b"a\\b",
        b"http://a",
        b"a\tb",
        b"a[b",
        b"a]b",
        b"a\x01b",
        b"a\x7fb",
        b"[::1]x",
    ] {
        let input = with_fields(&[b"Host: ", bad].concat());
        check(&input, Err(Reason::InvalidHost), Err(Reason::InvalidHost));
    }
    let seen = Ok("POST / HTTP/1.1|host: a|x: y||");
    check(&with_fields(b"Host: a\r\nX: y\r\nhost: A"), seen, seen);
    for two in [&b"Host: a\r\nHost: b"[..], b"Host: a\r\nHost: a:80"] {
        check(
            &with_fields(two),
            Err(Reason::HostMismatch),
            Err(Reason::HostMismatch),
        );
    }
}

#[test]
fn field_lines_take_what_the_reference_takes() {
    use Reason::{BareCr, InvalidName, MissingColon, NulInValue};
    for (line, value) in [
        (&b"X:1"[..], "1"),
        (b"X:", ""),
        (b"X: ", ""),
        (b"X:\t a \t ", "a"),
        (b"X: a\r\n b", "a   b"),
        (b"X: a\r\n\tb", "a  \tb"),
        (b"X: a\r\n ", "a"),
        (b"X:\r\n b", "b"),
        (b"X: a \r\n \r\n  b", "a        b"),
        (b"X: a\n b", "a  b"),
        (b"X: a\x01b", "a\u{1}b"),
        (b"X: a\x7fb", "a\u{7f}b"),
        (b"X: a\x80b", "a\u{80}b"),
        (b"X: \x0bv\x0b", "\u{b}v\u{b}"),
    ] {
        let seen = format!("POST / HTTP/1.1|x: {value}||");
        for options in [S, relaxed()] {
            assert_eq!(request_with(&with_fields(line), &options).unwrap().0, seen);
        }
    }
    let same = |line: &[u8], reason| check(&with_fields(line), Err(reason), Err(reason));
    same(b"X", MissingColon);
    same(b":v", InvalidName);
    same(b"X: a\rb", BareCr);
    same(b"X: a\r\r", BareCr);
    for line in [
        &b"X :1"[..],
        b"X\t:1",
        b"X\0: a",
        b"X\x80: a",
        b"X(: a",
        b"X@y: a",
        b"X y: a",
        b"\"X\": a",
        b" b: c",
    ] {
        check(
            &with_fields(line),
            Err(InvalidName),
            Ok("POST / HTTP/1.1||"),
        );
    }
    check(
        &with_fields(b"X: a\0b"),
        Err(NulInValue),
        Ok("POST / HTTP/1.1|x: a\0b||"),
    );
    let name = [b'x'; 256];
    let long = |len: usize| [&name[..len], b": v"].concat();
    assert!(request(&with_fields(&long(255))).is_ok());
    same(&long(256), InvalidName);
}

#[test]
fn content_length_is_one_number() {
    for (field, len) in [
        ("3", 3),
        ("3, 3", 3),
        ("3,3,3", 3),
        ("3 , 3", 3),
        ("3\r\nContent-Length: 3", 3),
        ("3\r\nContent-Length: 03", 3),
        ("03", 3),
        ("00000000000000000000003", 3),
        ("18446744073709551615", u64::MAX),
    ] {
        let input = with_fields(format!("Content-Length: {field}").as_bytes());
        let (text, parsed) = request(&input).unwrap();
        assert_eq!(
            text,
            format!("POST / HTTP/1.1|content-length: {len}||"),
            "{field}"
        );
        assert_eq!(parsed.framing, Framing::ContentLength(len));
    }
    assert_eq!(
        request(&with_fields(b"Content-Length: 0"))
            .unwrap()
            .1
            .framing,
        Framing::None
    );
    for field in [
        "3\r\nContent-Length: 4",
        "3, 4",
        "+3",
        "-3",
        "3x",
        "",
        ",3",
        "3,",
        "0x3",
        "3 3",
        "\"3\"",
        "18446744073709551616",
    ] {
        let input = with_fields(format!("Content-Length: {field}").as_bytes());
        check(
            &input,
            Err(Reason::ContentLength),
            Err(Reason::ContentLength),
        );
    }
}

#[test]
fn transfer_encoding_is_chunked_and_nothing_else() {
    for field in ["chunked", "Chunked", "chunked\r\nX: y"] {
        let (text, parsed) = request(&with_fields(
            format!("Transfer-Encoding: {field}").as_bytes(),
        ))
        .unwrap();
        assert!(text.contains("transfer-encoding: chunked|"), "{text}");
        assert!(parsed.framing == Framing::Chunked && parsed.keep_alive);
    }
    for field in [
        "gzip",
        "chunked, gzip",
        "chunked, chunked",
        "identity",
        "",
        ",chunked",
        "chunked,",
        "chunked;q=1",
        "xchunked",
        "\"chunked\"",
        "chunked\r\nTransfer-Encoding:",
        "chunked\x0b",
        "chunked\r\nTransfer-Encoding: chunked",
        "trailers",
        "chunked foo",
        "gzip;a=\"b,chunked\"",
    ] {
        let input = with_fields(format!("Transfer-Encoding: {field}").as_bytes());
        check(
            &input,
            Err(Reason::TransferEncoding),
            Err(Reason::TransferEncoding),
        );
    }
    for field in [
        "gzip, chunked",
        "gzip\r\nTransfer-Encoding: chunked",
        "identity, chunked",
        "a, b, chunked",
    ] {
        let input = with_fields(format!("Transfer-Encoding: {field}").as_bytes());
        check(
            &input,
            Err(Reason::UnsupportedCoding),
            Err(Reason::UnsupportedCoding),
        );
        assert_eq!(Reason::UnsupportedCoding.status(), 422);
    }
}

#[test]
fn transfer_encoding_wins_over_content_length_and_ends_the_connection() {
    for fields in [
        &b"Content-Length: 3\r\nTransfer-Encoding: Chunked"[..],
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
    ] {
        let (text, parsed) = request(&with_fields(fields)).unwrap();
        assert_eq!(text, "POST / HTTP/1.1|transfer-encoding: chunked||");
        assert_eq!(
            (parsed.framing, parsed.keep_alive),
            (Framing::Chunked, false)
        );
    }
    let old = b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (_, parsed) = request(old).unwrap();
    assert_eq!(
        (parsed.framing, parsed.keep_alive),
        (Framing::Chunked, false)
    );
}

#[test]
fn old_versions_have_no_content_with_methods_that_need_none() {
    for method in ["GET", "HEAD", "DELETE"] {
        for fields in ["Content-Length: 3", "Transfer-Encoding: chunked"] {
            let input = format!("{method} / HTTP/1.0\r\n{fields}\r\n\r\n");
            assert_eq!(request(input.as_bytes()), Err(Reason::PayloadNotAllowed));
            let any = ParseOptions {
                accept_payload_with_any_method: true,
                ..S
            };
            assert!(request_with(input.as_bytes(), &any).is_ok());
            assert!(request(input.replace("1.0", "1.1").as_bytes()).is_ok());
        }
        assert!(
            request(format!("{method} / HTTP/1.0\r\nContent-Length: 0\r\n\r\n").as_bytes()).is_ok()
        );
    }
    assert!(request(b"PUT / HTTP/1.0\r\nContent-Length: 3\r\n\r\n").is_ok());
    assert_eq!(Reason::PayloadNotAllowed.status(), 413);
}

#[test]
fn connection_loses_its_tokens_and_says_whether_it_stays() {
    for (field, seen, kept_11, kept_10) in [
        ("close", "", false, false),
        ("Close", "", false, false),
        ("keep-alive", "", true, true),
        ("close, keep-alive", "", false, false),
        ("keep-alive\r\nConnection: close", "", false, false),
        ("foo, close", "connection: foo|", false, false),
        ("a,close,b", "connection: a,b|", false, false),
        ("close,a ,  b", "connection: a,b|", false, false),
        ("a , b", "connection: a , b|", true, false),
        ("x-y\r\nX-y: 1", "connection: x-y|x-y: 1|", true, false),
        ("\"close\"", "connection: \"close\"|", true, false),
        ("close;x", "connection: close;x|", true, false),
        ("", "", true, false),
        ("upgrade, , close ,", "", false, false),
    ] {
        for (version, kept) in [("1.1", kept_11), ("1.0", kept_10)] {
            let input = format!("GET / HTTP/{version}\r\nConnection: {field}\r\n\r\n");
            let (text, parsed) = request(input.as_bytes()).unwrap();
            assert_eq!(text, format!("GET / HTTP/{version}|{seen}|"), "{field}");
            assert_eq!(parsed.keep_alive, kept, "{version} {field}");
        }
    }
}

#[test]
fn an_upgrade_needs_both_fields_and_is_never_to_h2c() {
    for (fields, seen, upgrade) in [
        (
            "Connection: upgrade|Upgrade: foo",
            "connection: upgrade|upgrade: foo|",
            true,
        ),
        (
            "Connection: close|Upgrade: foo|Connection: upgrade",
            "upgrade: foo|connection: upgrade|",
            true,
        ),
        (
            "Connection: keep-alive, Upgrade|Upgrade: foo",
            "connection: Upgrade|upgrade: foo|",
            true,
        ),
        (
            "Upgrade: foo, h2c|Connection: upgrade",
            "upgrade: foo|connection: upgrade|",
            true,
        ),
        (
            "Upgrade: h2c, foo|Connection: upgrade",
            "upgrade: foo|connection: upgrade|",
            true,
        ),
        ("Upgrade: foo", "", false),
        ("Connection: upgrade", "", false),
        ("Upgrade: |Connection: upgrade", "", false),
        (
            "Connection: http2-settings, upgrade|Upgrade: h2c|HTTP2-Settings: x",
            "connection: http2-settings|http2-settings: x|",
            false,
        ),
    ] {
        let input = format!("GET / HTTP/1.1\r\n{}\r\n\r\n", fields.replace('|', "\r\n"));
        let (text, parsed) = request(input.as_bytes()).unwrap();
        assert_eq!(text, format!("GET / HTTP/1.1|{seen}|"), "{fields}");
        assert_eq!(parsed.upgrade, upgrade, "{fields}");
    }
}

#[test]
fn a_websocket_upgrade_needs_a_key() {
    let input = |key: &str| {
        format!("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n{key}\r\n")
            .into_bytes()
    };
    let good = input("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    let (_, parsed) = request(&good).unwrap();
    assert!(parsed.websocket && !parsed.websocket_key_missing);
    for bad in ["", "Sec-WebSocket-Key: short\r\n", "Sec-WebSocket-Key:\r\n"] {
        assert_eq!(request(&input(bad)), Err(Reason::WebsocketKey));
        assert!(
            request_with(&input(bad), &relaxed())
                .unwrap()
                .1
                .websocket_key_missing
        );
    }
}

#[test]
fn only_trailers_may_be_asked_of_the_next_hop() {
    for (field, seen) in [
        ("trailers", "te: trailers|"),
        ("trailers, gzip", "te: trailers|"),
        ("gzip ,  trailers , x", "te: trailers|"),
        ("gzip", ""),
        ("trailers;q=1", ""),
        ("trailers\r\nTE: gzip", "te: trailers|"),
    ] {
        let (text, _) = request(&with_fields(format!("TE: {field}").as_bytes())).unwrap();
        assert_eq!(text, format!("POST / HTTP/1.1|{seen}|"), "{field}");
    }
}

#[test]
fn expectations_are_seen_and_kept() {
    let (text, parsed) = request(&with_fields(b"Expect: 100-Continue")).unwrap();
    assert!(parsed.expect_continue && text.contains("expect: 100-Continue|"));
    assert!(
        !request(&with_fields(b"Expect: 200-ok"))
            .unwrap()
            .1
            .expect_continue
    );
}

#[test]
fn the_number_and_size_of_fields_is_limited() {
    let many = |count: usize| {
        let fields: String = (0..count).map(|n| format!("x{n}: 1\r\n")).collect();
        format!("GET / HTTP/1.1\r\n{fields}\r\n").into_bytes()
    };
    assert!(request(&many(100)).is_ok());
    assert_eq!(request(&many(101)), Err(Reason::TooManyHeaders));
    let wide = ParseOptions {
        max_headers: 200,
        ..S
    };
    assert!(request_with(&many(199), &wide).is_ok());
    assert_eq!(request_with(&many(200), &wide), Err(Reason::TooManyHeaders));

    let big = with_fields(&[b"X: ", &[b'x'; 15_360][..]].concat());
    assert_eq!(request(&big), Err(Reason::HeadTooLong));
    assert_eq!(request(&big[..15_360]), Err(Reason::HeadTooLong));
    assert_eq!(
        request(&[b"GET /", &[b'x'; 16_000][..]].concat()),
        Err(Reason::TargetTooLong)
    );
    assert_eq!(
        (Reason::HeadTooLong.status(), Reason::TargetTooLong.status()),
        (431, 414)
    );
}

#[test]
fn a_fault_is_reported_with_its_offset_before_the_head_is_complete() {
    let mut head = Head::new();
    let error = parse_request(b"\x16\x03\x01\x02\0\x01", &mut head, &S).unwrap_err();
    assert_eq!(error, ParseError::new(0, Reason::InvalidMethod));
    let error = parse_request(b"GET / HTTP/1.1\r\nX y: z\r\n", &mut head, &S).unwrap_err();
    assert_eq!(error, ParseError::new(17, Reason::InvalidName));
    assert_eq!(error.to_string(), "invalid header name at byte 17");
    assert_eq!(error.status(), 400);
}

#[test]
fn a_head_is_worth_parsing_again_when_a_line_or_the_limit_is_reached() {
    let input = b"GET / HTTP/1.1\r\nHost: a";
    assert!(worth_parsing(input, 0, &S));
    assert!(worth_parsing(input, 15, &S));
    assert!(!worth_parsing(input, 16, &S));
    assert!(worth_parsing(
        input,
        20,
        &ParseOptions {
            max_head_len: input.len(),
            ..S
        }
    ));
}
