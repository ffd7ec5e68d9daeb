//! Error files, error locations and the arguments of answers.

use lbd_core::{Checkpoint, Level};

use super::*;
use crate::rig::{Rig, Stage, show, words};

fn file(content: &[u8]) -> Result<String, MessageFault> {
    let spec = ReplySpec::from_file(503, content, Limits::default())?;
    let reply = spec.build(&Stage::new().view());
    Ok(format!(
        "{} / {}",
        show(&reply.head),
        String::from_utf8_lossy(&reply.body)
    ))
}

#[test]
fn an_error_file_is_an_http_message_with_either_line_end() {
    let crlf = b"HTTP/1.0 503 Down\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n<p>\n";
    let lf = b"HTTP/1.0 503 Down\nCache-Control: no-cache\nConnection: close\n\n<p>\n";
    let wanted = "HTTP/1.0 503 Down | cache-control: no-cache | connection: close | \
                  content-length: 4 / <p>\n";
    assert_eq!(file(crlf).unwrap(), wanted);
    assert_eq!(file(lf).unwrap(), wanted);
}

#[test]
fn an_empty_error_file_answers_nothing() {
    let spec = ReplySpec::from_file(503, b"", Limits::default()).unwrap();
    assert_eq!(spec.build(&Stage::new().view()).head.status(), 0);
}

#[test]
fn what_is_no_message_is_refused_with_the_reason() {
    for (content, message) in [
        (&b"hello\n"[..], "unable to parse headers (error offset: 0)"),
        (
            b"HTTP/1.1 503 Down\r\nNo colon\r\n\r\n",
            "unable to parse headers (error offset: 19)",
        ),
        (
            b"HTTP/1.1 503 Down\r\nA: b\r\n",
            "unable to parse headers (error offset: 25)",
        ),
        (
            b"HTTP/1.1 103 Early\r\n\r\n",
            "invalid http status code for an error message (103)",
        ),
        (b"HTTP/12 503 X\r\n\r\n", "invalid http version (HTTP/12)"),
        (
            b"HTTP/1.1 204 X\r\n\r\nbody",
            "message payload not expected",
        ),
        (
            b"HTTP/1.1 503 X\r\nContent-Length: 3\r\n\r\nbody",
            "payload size does not match the announced content-length (4 != 3)",
        ),
        (
            b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "chunk-encoded payload not supported",
        ),
    ] {
        assert_eq!(file(content).unwrap_err().to_string(), message);
    }
    let large = vec![b'x'; 20_000];
    assert_eq!(
        file(&large).unwrap_err(),
        MessageFault::TooLong(20_000, 16_384)
    );
}

#[test]
fn an_error_location_redirects() {
    let spec = ReplySpec::location(503, 303, b"/sorry");
    let reply = spec.build(&Stage::new().view());
    assert_eq!(
        show(&reply.head),
        "HTTP/1.1 303 See Other | cache-control: no-cache | content-length: 0 | location: /sorry"
    );
}

#[test]
fn errors_are_answered_by_the_proxys_file_or_the_built_in_text() {
    let mut stage = Stage::new();
    let reply = ReplySpec::for_status(503, &stage.view());
    assert!(show(&reply.head).starts_with("HTTP/1.1 503 Service Unavailable"));
    assert!(!reply.body.is_empty());
    let spec = ReplySpec::from_file(503, b"HTTP/1.1 503 Mine\n\n", Limits::default()).unwrap();
    stage.world.errors.insert(503, spec.into());
    let reply = ReplySpec::for_status(503, &stage.view());
    assert!(show(&reply.head).starts_with("HTTP/1.1 503 Mine"));
}

fn parse(rig: &mut Rig, text: &str) -> Result<(ReplySpec, usize), Diag> {
    let words = words(text);
    rig.at(Checkpoint::FeHrqHdr, |ctx| {
        ReplySpec::parse(&words, 200, ctx)
    })
}

#[test]
fn arguments_end_where_a_condition_begins() {
    let mut rig = Rig::default();
    let (spec, taken) = parse(&mut rig, "status 404 hdr X-A %[int(1)] if TRUE").unwrap();
    assert_eq!(taken, 5);
    let reply = spec.build(&Stage::new().view());
    assert_eq!(
        show(&reply.head),
        "HTTP/1.1 404 Not Found | x-a: 1 | content-length: 0"
    );
}

#[test]
fn bodies_come_from_strings_files_and_formats() {
    let mut rig = Rig::default();
    rig.names
        .files
        .insert("a.txt".to_owned(), b"file %[int(1)]".to_vec());
    for (text, wanted) in [
        ("content-type text/plain string %[int(1)]", "%[int(1)]"),
        ("content-type text/plain lf-string %[int(1)]", "1"),
        ("content-type text/plain file a.txt", "file %[int(1)]"),
        ("content-type text/plain lf-file a.txt", "file 1"),
    ] {
        let (spec, _) = parse(&mut rig, text).unwrap();
        let reply = spec.build(&Stage::new().view());
        assert_eq!(String::from_utf8(reply.body).unwrap(), wanted);
        let length = format!(
            "content-length: {} | content-type: text/plain",
            wanted.len()
        );
        assert!(
            show(&reply.head).ends_with(&length),
            "{}",
            show(&reply.head)
        );
    }
}

#[test]
fn faults_of_arguments_are_in_the_references_words() {
    for (text, message) in [
        ("status", "'status' expects <status_code> as argument"),
        ("status 99", "Unexpected status code '99'"),
        (
            "string a file b",
            "unexpected 'file' argument, 'string' already defined",
        ),
        ("file nowhere", "error opening file 'nowhere'"),
        (
            "status 204 content-type a string b",
            "No body expected for 204 responses",
        ),
        (
            "lf-string a",
            "a content type must be defined with a log-format payload",
        ),
        ("hdr a", "'hdr' expects <name> and <value> as arguments"),
        (
            "status 418 default-errorfiles",
            "status code '418' not handled by default with 'default-errorfiles' argument.",
        ),
        (
            "status 404 errorfiles nowhere",
            "unknown http-errors section 'nowhere' referenced by an http reply ",
        ),
    ] {
        let fault = parse(&mut Rig::default(), text).map(|_| ()).unwrap_err();
        assert_eq!(fault.message, message);
    }
}

#[test]
fn what_an_answer_does_not_use_is_a_warning() {
    for text in [
        "hdr Content-Length 3",
        "content-type text/plain",
        "status 404 default-errorfiles content-type text/plain",
        "status 404 default-errorfiles hdr X-A b",
        "status 404 errorfiles site",
    ] {
        let mut rig = Rig::default();
        parse(&mut rig, text).unwrap();
        assert_eq!(
            rig.diags.count(Level::Warning),
            1,
            "{text}: {:?}",
            rig.diags
        );
    }
}

#[test]
fn http_error_wants_a_status_that_has_an_error_answer() {
    let parse = |text: &str| {
        let words = words(text);
        Rig::default().at(Checkpoint::FeHrsHdr, |ctx| {
            ReplySpec::parse_http_error(&words, ctx)
        })
    };
    let fault = |text: &str| parse(text).map(|_| ()).unwrap_err().message;
    assert_eq!(
        fault("hdr X-A b"),
        "http-error : expects at least a <status> as arguments."
    );
    assert_eq!(
        fault("status 418"),
        "http-error: status code '418' not handled."
    );
    assert_eq!(
        fault("status 404 what"),
        "http-error : unknown keyword 'what'."
    );
    assert_eq!(
        parse("status 404 content-type a/b string x")
            .unwrap()
            .status(),
        404
    );
}
