//! HTTP/2: frames and header blocks in any pieces, from both ends, and what becomes of them.

use lbd_http::Head;
use lbd_http::h2::connection::MAX_BACKLOG;
use lbd_http::h2::{Config, Connection, Key, PREFACE, Read, Role, Scheme, hpack};

use super::cuts;

pub(crate) const WORDS: &[&[u8]] = &[
    PREFACE,
    // SETTINGS, its answer, PING, GOAWAY, credit, RST_STREAM.
    b"\0\0\0\x04\0\0\0\0\0",
    b"\0\0\0\x04\x01\0\0\0\0",
    b"\0\0\x08\x06\0\0\0\0\0mutation",
    b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0",
    b"\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff",
    b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08",
    // Windows and frame sizes.
    b"\0\x04\0\0\0\0",
    b"\0\x05\0\0\x40\0",
    // GET and POST, whole; a response; content; a continuation.
    b"\0\0\x04\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a",
    b"\0\0\x06\x01\x04\0\0\0\x01\x83\x86\x84\x41\x01a",
    b"\0\0\x01\x01\x04\0\0\0\x01\x88",
    b"\0\0\x05\0\x01\0\0\0\x01hello",
    b"\0\0\x01\x09\x04\0\0\0\x01\x84",
    // HPACK: indexed literal, size update, Huffman.
    b"\x40\x01a\x01b",
    b"\x3f\xe1\x1f",
    b"\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
    b"\xbe",
];

/// What a server's end makes of an input: heads, content, what is said, and how it ends.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    heads: Vec<Vec<u8>>,
    content: Vec<u8>,
    said: usize,
    fault: Option<u32>,
}

pub(crate) fn server(input: &[u8]) {
    let whole = serve(&[input]);
    for at in cuts(input.len()) {
        let (a, b) = input.split_at(at);
        assert_eq!(serve(&[a, b]), whole, "cut at {at}");
    }
}

fn serve(pieces: &[&[u8]]) -> Seen {
    let mut machine = Connection::new(Config::new(Role::Server));
    let mut seen = Seen::default();
    let mut keys: Vec<Key> = Vec::new();
    let mut pending = Vec::new();
    for piece in pieces {
        pending.extend_from_slice(piece);
        let used = machine.receive(&pending, usize::MAX);
        assert!(used <= pending.len());
        pending.drain(..used);
    }
    while let Some(key) = machine.accept() {
        let mut head = Head::new();
        if machine.take_head(key, &mut head).is_some() {
            let mut text = Vec::new();
            lbd_http::h1::encode_head(&head, &mut text, &Default::default());
            seen.heads.push(text);
        }
        keys.push(key);
    }
    assert!(machine.stream_count() <= 100);
    let mut buf = [0; 100];
    for key in &keys {
        while let Read::Data(len) = machine.read(*key, &mut buf) {
            assert!(len > 0);
            seen.content.extend_from_slice(&buf[..len]);
        }
    }
    // Answers to one input are bounded by it: a few bytes a frame.
    seen.said = machine.output().len();
    assert!(seen.said < MAX_BACKLOG + pieces.iter().map(|p| p.len()).sum::<usize>() * 4);
    seen.fault = machine.fault().map(|code| code.0);
    keys.iter().for_each(|key| machine.release(*key));
    machine.abandon();
    seen
}

pub(crate) fn client(input: &[u8]) {
    let mut machine = Connection::new(Config::new(Role::Client));
    let mut request = Head::new();
    request
        .start_request(b"GET", b"/", b"HTTP/1.1")
        .expect("a short line fits");
    let keys: Vec<_> = (0..3)
        .filter_map(|_| machine.open(&request, Scheme::Http, None, true))
        .collect();
    let mut at = 0;
    while at < input.len() {
        let used = machine.receive(&input[at..], 1);
        if used == 0 {
            break;
        }
        at += used;
    }
    let mut head = Head::new();
    let mut buf = [0; 100];
    for key in keys {
        while machine.take_head(key, &mut head).is_some() {}
        while let Read::Data(len) = machine.read(key, &mut buf) {
            assert!(len > 0);
        }
        let _ = machine.take_trailers(key);
        machine.release(key);
    }
}

pub(crate) fn block(input: &[u8]) {
    const LIMIT: usize = 10_000;
    let mut decoder = hpack::Decoder::new(4096);
    let (mut bytes, mut largest) = (0, 0);
    let decoded = decoder.decode(input, LIMIT, |name, value| {
        let len = name.len() + value.len();
        bytes += len;
        largest = largest.max(len);
    });
    // The field that goes beyond the limit is the last one.
    assert!(bytes <= LIMIT + largest);
    if decoded.is_ok() {
        // The tables are still sound.
        let _ = decoder.decode(b"\xbe\xbf\xc0", LIMIT, |_, _| {});
    }
}
