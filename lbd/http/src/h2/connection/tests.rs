use std::io::IoSlice;

use super::*;
use crate::h2::Scheme;
use crate::h2::frame::{put_header, put_settings};

mod conformance;
mod limits;
mod malformed;

/// A server's end after the greeting, and what it has said since.
struct Server {
    machine: Connection,
}

/// A frame that our end sent: kind, flags, stream, payload.
type Frame = (u8, u8, u32, Vec<u8>);

impl Server {
    fn new() -> Self {
        Self::with(Config::new(Role::Server))
    }

    fn with(config: Config) -> Self {
        let mut machine = Connection::new(config);
        let mut input = PREFACE.to_vec();
        put_settings(&mut input, &[]);
        put_header(&mut input, 0, kind::SETTINGS, flag::ACK, 0);
        assert_eq!(machine.receive(&input, usize::MAX), input.len());
        let mut server = Self { machine };
        let said = server.said();
        assert_eq!(
            said.iter()
                .filter(|frame| frame.0 == kind::SETTINGS)
                .count(),
            2
        );
        server
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut input = Vec::new();
        put_header(&mut input, payload.len(), kind, flags, stream);
        input.extend_from_slice(payload);
        self.machine.receive(&input, usize::MAX);
    }

    fn request(&mut self, stream: u32, is_end: bool, fields: &[(&str, &str)]) {
        let end = if is_end { flag::END_STREAM } else { 0 };
        self.send(
            kind::HEADERS,
            flag::END_HEADERS | end,
            stream,
            &block(fields),
        );
    }

    fn said(&mut self) -> Vec<Frame> {
        let frames = split(self.machine.output());
        self.machine.advance(usize::MAX);
        frames
    }

    /// The connection's end, if that is what was said last.
    fn goaway(&mut self) -> Option<u32> {
        let said = self.said();
        let (kind, _, _, payload) = said.last()?;
        (*kind == kind::GOAWAY).then(|| u32::from_be_bytes(payload[4..8].try_into().unwrap()))
    }

    /// The reset of a stream, if one was said.
    fn reset(&mut self, stream: u32) -> Option<u32> {
        let said = self.said();
        let (_, _, _, payload) = said
            .iter()
            .find(|(kind, _, id, _)| *kind == kind::RST_STREAM && *id == stream)?;
        Some(u32::from_be_bytes(payload[..4].try_into().unwrap()))
    }
}

fn split(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(header) = FrameHeader::decode(bytes) {
        let payload = &bytes[HEADER_LEN..HEADER_LEN + header.len];
        frames.push((header.kind, header.flags, header.stream, payload.to_vec()));
        bytes = &bytes[HEADER_LEN + header.len..];
    }
    assert!(bytes.is_empty());
    frames
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        hpack::encode(name.as_bytes(), value.as_bytes(), &mut out);
    }
    out
}

const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "a.example"),
    (":path", "/x?y"),
];

const POST: [(&str, &str); 4] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "a.example"),
    (":path", "/up"),
];

/// A client's and a server's end, joined.
fn join(client: &mut Connection, server: &mut Connection) {
    for _ in 0..10 {
        let bytes = client.output().to_vec();
        client.advance(bytes.len());
        server.receive(&bytes, usize::MAX);
        let bytes = server.output().to_vec();
        server.advance(bytes.len());
        client.receive(&bytes, usize::MAX);
    }
}

fn pair() -> (Connection, Connection) {
    let mut client = Connection::new(Config::new(Role::Client));
    let mut server = Connection::new(Config::new(Role::Server));
    join(&mut client, &mut server);
    (client, server)
}

fn head(fields: &[(&[u8], &[u8])], start: impl FnOnce(&mut Head)) -> Head {
    let mut head = Head::new();
    start(&mut head);
    for (name, value) in fields {
        head.add(name, value).unwrap();
    }
    head
}

fn text(head: &Head) -> String {
    let mut out = Vec::new();
    crate::h1::encode_head(head, &mut out, &crate::h1::EncodeOptions::default());
    String::from_utf8(out).unwrap()
}

#[test]
fn a_request_and_its_response_pass_with_their_content_and_trailers() {
    let (mut client, mut server) = pair();
    let request = head(&[(b"host", b"a.example"), (b"cookie", b"a=1")], |head| {
        head.start_request(b"POST", b"/x", b"HTTP/1.1").unwrap();
    });
    let own = client.open(&request, Scheme::Http, None, false).unwrap();
    assert_eq!(
        client.write(own, &[IoSlice::new(b"hel"), IoSlice::new(b"lo")]),
        Sent::Taken(5)
    );
    client.finish(own);
    join(&mut client, &mut server);
    let key = server.accept().unwrap();
    let mut got = Head::new();
    let incoming = server.take_head(key, &mut got).unwrap();
    assert_eq!(incoming.parsed.framing, crate::Framing::Chunked);
    assert_eq!(
        text(&got),
        "POST /x HTTP/1.1\r\nhost: a.example\r\ncookie: a=1\r\n\r\n"
    );
    let mut buf = [0; 10];
    assert_eq!(server.read(key, &mut buf), Read::Data(5));
    assert_eq!(&buf[..5], b"hello");
    assert_eq!(server.read(key, &mut buf), Read::End);
    let response = head(
        &[(b"content-length", b"2"), (b"connection", b"close")],
        |head| {
            head.start_response(b"HTTP/1.1", 200, b"OK").unwrap();
        },
    );
    server.send_response(key, &response, false);
    assert_eq!(server.write(key, &[IoSlice::new(b"ok")]), Sent::Taken(2));
    let trailers = head(&[(b"x-sum", b"1")], Head::start_trailers);
    server.send_trailers(key, &trailers);
    join(&mut client, &mut server);
    let mut got = Head::new();
    let incoming = client.take_head(own, &mut got).unwrap();
    assert_eq!(incoming.parsed.framing, crate::Framing::ContentLength(2));
    assert_eq!(text(&got), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
    assert_eq!(client.read(own, &mut buf), Read::Data(2));
    assert_eq!(client.read(own, &mut buf), Read::End);
    assert_eq!(
        text(&client.take_trailers(own).unwrap()),
        "x-sum: 1\r\n\r\n"
    );
    client.release(own);
    server.release(key);
    assert!(client.is_idle() && server.is_idle());
}

#[test]
fn the_end_of_a_stream_travels_in_its_last_frame() {
    let mut server = Server::new();
    server.request(1, true, &GET);
    let key = server.machine.accept().unwrap();
    let response = head(&[], |head| {
        head.start_response(b"HTTP/1.1", 200, b"").unwrap()
    });
    server.machine.send_response(key, &response, false);
    server.machine.write(key, &[IoSlice::new(b"ok")]);
    server.machine.finish(key);
    let said = server.said();
    assert_eq!(said.len(), 2);
    assert_eq!((said[1].0, said[1].1), (kind::DATA, flag::END_STREAM));
    // After it has left, an empty frame says it.
    server.request(3, true, &GET);
    let key = server.machine.accept().unwrap();
    server.machine.send_response(key, &response, false);
    server.said();
    server.machine.finish(key);
    assert_eq!(server.said(), [(kind::DATA, flag::END_STREAM, 3, vec![])]);
}

#[test]
fn content_stops_at_the_peers_windows_and_goes_on_with_credit() {
    let mut server = Server::new();
    server.request(1, true, &GET);
    let key = server.machine.accept().unwrap();
    let body = vec![b'x'; 100_000];
    assert_eq!(
        server.machine.write(key, &[IoSlice::new(&body)]),
        Sent::Taken(65_535)
    );
    let sizes: Vec<_> = server.said().iter().map(|frame| frame.3.len()).collect();
    assert_eq!(sizes, [16_384, 16_384, 16_384, 16_383]);
    assert_eq!(
        server.machine.write(key, &[IoSlice::new(&body)]),
        Sent::Full
    );
    server.machine.take_touched();
    server.send(kind::WINDOW_UPDATE, 0, 0, &1000_u32.to_be_bytes());
    assert_eq!(server.machine.take_touched(), [key.slot]);
    assert_eq!(
        server.machine.write(key, &[IoSlice::new(&body)]),
        Sent::Full
    );
    server.send(kind::WINDOW_UPDATE, 0, 1, &500_u32.to_be_bytes());
    assert_eq!(
        server.machine.write(key, &[IoSlice::new(&body)]),
        Sent::Taken(500)
    );
}

#[test]
fn a_reader_that_goes_on_is_given_credit() {
    let mut server = Server::new();
    server.request(1, false, &POST);
    let key = server.machine.accept().unwrap();
    // Its share of the buffer, at once.
    let said = server.said();
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].0, said[0].2), (kind::WINDOW_UPDATE, 1));
    let mut buf = vec![0; 20_000];
    for _ in 0..1000 {
        server.send(kind::DATA, 0, 1, &[b'x'; 16_384]);
        assert_eq!(server.machine.read(key, &mut buf), Read::Data(16_384));
    }
    assert_eq!(server.machine.fault(), None);
}

#[test]
fn bytes_that_come_one_by_one_are_read_alike() {
    let mut input = PREFACE.to_vec();
    put_settings(&mut input, &[(setting::INITIAL_WINDOW_SIZE, 100)]);
    let block = block(&POST);
    put_header(
        &mut input,
        block.len() + 5,
        kind::HEADERS,
        flag::PADDED | flag::END_HEADERS,
        1,
    );
    input.push(4);
    input.extend_from_slice(&block);
    input.extend_from_slice(&[0; 4]);
    put_header(
        &mut input,
        10,
        kind::DATA,
        flag::PADDED | flag::END_STREAM,
        1,
    );
    input.extend_from_slice(b"\x04hello\0\0\0\0");
    let mut machine = Connection::new(Config::new(Role::Server));
    let mut kept = Vec::new();
    for byte in input {
        kept.push(byte);
        let used = machine.receive(&kept, usize::MAX);
        kept.drain(..used);
    }
    assert_eq!(machine.fault(), None);
    let key = machine.accept().unwrap();
    let mut buf = [0; 10];
    assert_eq!(machine.read(key, &mut buf), Read::Data(5));
    assert_eq!(machine.read(key, &mut buf), Read::End);
}

#[test]
fn long_heads_are_cut_into_continuations() {
    let (mut client, mut server) = pair();
    let mut request = Head::with_max_len(1 << 20);
    request.start_request(b"GET", b"/", b"HTTP/1.1").unwrap();
    request.add(b"host", b"a").unwrap();
    request.add(b"x-long", &[b'v'; 14_000]).unwrap();
    request.add(b"x-more", &[b'v'; 1000]).unwrap();
    client.peer.max_frame_size = 6000;
    client.open(&request, Scheme::Http, None, true).unwrap();
    let kinds: Vec<_> = split(client.output())
        .iter()
        .map(|f| (f.0, f.1, f.3.len()))
        .collect();
    assert_eq!(kinds[0], (kind::HEADERS, flag::END_STREAM, 6000));
    assert_eq!(kinds[1], (kind::CONTINUATION, 0, 6000));
    assert_eq!(
        (kinds[2].0, kinds[2].1),
        (kind::CONTINUATION, flag::END_HEADERS)
    );
    join(&mut client, &mut server);
    let key = server.accept().unwrap();
    let mut got = Head::new();
    server.take_head(key, &mut got).unwrap();
    assert_eq!(got.first(b"x-long").map(<[u8]>::len), Some(14_000));
}

#[test]
fn streams_that_the_servers_goodbye_leaves_out_may_be_tried_again() {
    let (mut client, mut server) = pair();
    let request = head(&[(b"host", b"a")], |head| {
        head.start_request(b"GET", b"/", b"HTTP/1.1").unwrap();
    });
    let first = client.open(&request, Scheme::Http, None, true).unwrap();
    join(&mut client, &mut server);
    server.say_goodbye();
    let second = client.open(&request, Scheme::Http, None, true).unwrap();
    join(&mut client, &mut server);
    assert_eq!(client.reset_code(first), None);
    assert_eq!(
        client.reset_code(second),
        Some(Some(ErrorCode::REFUSED_STREAM))
    );
    assert_eq!(client.room(), 0);
}

#[test]
fn a_websocket_is_an_upgrade_on_the_other_side() {
    let (mut client, mut server) = pair();
    assert!(client.takes_extended_connect());
    let request = head(
        &[
            (b"host", b"a"),
            (b"upgrade", b"websocket"),
            (b"connection", b"upgrade"),
            (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ],
        |head| head.start_request(b"GET", b"/chat", b"HTTP/1.1").unwrap(),
    );
    let own = client
        .open(&request, Scheme::Http, Some(b"websocket"), false)
        .unwrap();
    join(&mut client, &mut server);
    let key = server.accept().unwrap();
    let mut got = Head::new();
    let incoming = server.take_head(key, &mut got).unwrap();
    assert!(incoming.parsed.websocket && incoming.parsed.upgrade);
    assert_eq!(
        text(&got),
        "GET http://a/chat HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
    );
    let response = head(
        &[(b"sec-websocket-accept", b"x"), (b"upgrade", b"websocket")],
        |head| {
            head.start_response(b"HTTP/1.1", 101, b"").unwrap();
        },
    );
    server.send_response(key, &response, false);
    join(&mut client, &mut server);
    let incoming = client.take_head(own, &mut got).unwrap();
    assert!(incoming.parsed.tunnel && incoming.parsed.upgrade);
    assert_eq!(got.status(), 101);
}
