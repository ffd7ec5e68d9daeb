//! Connections, frames, streams, flow control: RFC 9113 3 to 7.

use super::say::{Expect::*, Rule, Say::*, rule};
use crate::frames::*;

const PROTOCOL: u32 = 1;
const FLOW: u32 = 3;
const CLOSED: u32 = 5;
const SIZE: u32 = 6;
const COMPRESSION: u32 = 9;

/// GET http://a/ in a block.
const GET: &[u8] = b"\x82\x86\x84\x41\x01a";
/// Status 200 in a block.
const OK: &[u8] = b"\x88";
/// A whole SETTINGS frame without entries, and the acknowledgement of one.
const SETTINGS_ACK: u8 = 1;
const WHOLE: u8 = END_HEADERS | END_STREAM;

/// Of a server.
#[rustfmt::skip]
pub(crate) const SERVER: &[Rule] = &[
    rule("3.4", "The preface is the client's first word", &[Bytes(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")], Goaway(PROTOCOL)).differs(),
    rule("3.4", "SETTINGS follow the preface", &[Bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Frame(PING, 0, 0, &[0; 8])], Goaway(PROTOCOL)).differs(),
    rule("3.4", "The server's first frame is SETTINGS", &[Bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Frame(SETTINGS, 0, 0, &[])], FirstSettings),
    rule("4.1", "Frames of unknown kinds are ignored", &[Frame(0x42, 0xff, 0, b"x"), Frame(0x42, 0, 7, b"x")], Ignored).differs(),
    rule("4.1", "Unknown flags are ignored", &[Frame(PING, 0xfe, 0, b"12345678")], Says(PING, 1, b"12345678")),
    rule("4.1", "The reserved bit is ignored", &[Frame(PING, 0, 0x8000_0000, b"12345678")], Says(PING, 1, b"12345678")),
    rule("4.2", "A DATA frame of the longest size is taken", &[Post(1), Zeros(DATA, END_STREAM, 1, 16_384)], Answer(1, 200)),
    rule("4.2", "A longer DATA frame is an error of size", &[Post(1), Zeros(DATA, 0, 1, 16_385)], Goaway(SIZE)),
    rule("4.2", "A longer HEADERS frame is one of the connection", &[Zeros(HEADERS, WHOLE, 1, 16_385)], Goaway(SIZE)),
    rule("4.2", "A longer SETTINGS frame is one of the connection", &[Zeros(SETTINGS, 0, 0, 16_386)], Goaway(SIZE)),
    rule("4.3", "A block that cannot be decoded ends the connection", &[Frame(HEADERS, WHOLE, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])], Goaway(COMPRESSION)),
    rule("4.3", "A block is not interrupted by another kind", &[Frame(HEADERS, END_STREAM, 1, GET), Frame(PING, 0, 0, &[0; 8])], Goaway(PROTOCOL)),
    rule("4.3", "Nor by another stream's HEADERS", &[Frame(HEADERS, END_STREAM, 1, GET), Frame(HEADERS, WHOLE, 3, GET)], Goaway(PROTOCOL)),
    rule("4.3", "Nor by another stream's CONTINUATION", &[Frame(HEADERS, END_STREAM, 1, GET), Frame(CONTINUATION, END_HEADERS, 3, &[])], Goaway(PROTOCOL)),
    rule("5.5", "Nor by a frame of an unknown kind", &[Frame(HEADERS, END_STREAM, 1, GET), Frame(0x42, 0, 1, &[])], Goaway(PROTOCOL)),
    rule("5.1", "Idle: DATA is an error", &[Frame(DATA, END_STREAM, 1, b"x")], Goaway(PROTOCOL)),
    rule("5.1", "Idle: RST_STREAM is an error", &[Frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])], Goaway(PROTOCOL)),
    rule("5.1", "Idle: WINDOW_UPDATE is an error", &[Frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])], Goaway(PROTOCOL)),
    rule("5.1", "Idle: CONTINUATION is an error", &[Frame(CONTINUATION, END_HEADERS, 1, GET)], Goaway(PROTOCOL)),
    rule("5.1", "Idle: PRIORITY is no error", &[Frame(PRIORITY, 0, 7, &[0, 0, 0, 3, 9])], Ignored),
    rule("5.1", "Half closed: DATA is the stream's error", &[Get(1), Frame(DATA, END_STREAM, 1, b"x")], Reset(1, CLOSED)),
    rule("5.1", "Half closed: PRIORITY and WINDOW_UPDATE are none", &[Get(1), Frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 9]), Frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])], Answer(1, 200)),
    rule("5.1", "Closed by both: DATA is the stream's error", &[Get(1), Wait(1), Frame(DATA, END_STREAM, 1, b"x")], Reset(1, CLOSED)),
    rule("5.1", "Closed by both: HEADERS are the connection's", &[Get(1), Wait(1), Frame(HEADERS, WHOLE, 1, GET)], Goaway(CLOSED)),
    rule("5.1", "Closed by both: PRIORITY, WINDOW_UPDATE, RST_STREAM are none", &[Get(1), Wait(1), Frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 9]), Frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]), Frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])], Ignored),
    rule("5.1", "Reset by the client: DATA is the stream's error", &[Post(1), Frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]), Frame(DATA, END_STREAM, 1, b"x")], Reset(1, CLOSED)),
    rule("5.1", "Reset by the client: HEADERS are the connection's", &[Post(1), Frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]), Frame(HEADERS, WHOLE, 1, GET)], Goaway(CLOSED)),
    rule("5.1", "Reset by the client: WINDOW_UPDATE is none", &[Post(1), Frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]), Frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])], Ignored),
    rule("5.1.1", "A client's streams have odd numbers", &[Frame(HEADERS, WHOLE, 2, GET)], Goaway(PROTOCOL)),
    rule("5.1.1", "Numbers grow: those passed over are closed", &[Get(5), Wait(5), Frame(HEADERS, WHOLE, 3, GET)], Goaway(CLOSED)),
    rule("5.1.2", "Streams beyond the number announced are refused", &[ManyPosts(101)], Reset(201, 7)),
    rule("7540 5.3.1", "A stream does not depend on itself: PRIORITY", &[Frame(PRIORITY, 0, 7, &[0, 0, 0, 7, 9])], Goaway(PROTOCOL)),
    rule("7540 5.3.1", "A stream does not depend on itself: HEADERS", &[Frame(HEADERS, WHOLE | WITH_PRIORITY, 1, b"\0\0\0\x01\x10\x82\x86\x84\x41\x01a")], Goaway(PROTOCOL)),
    rule("5.3.2", "Priorities of HEADERS are read over", &[Frame(HEADERS, WHOLE | WITH_PRIORITY, 1, b"\x80\0\0\x03\x10\x82\x86\x84\x41\x01a")], Answer(1, 200)),
    rule("6.1", "DATA belongs to a stream", &[Frame(DATA, 0, 0, b"x")], Goaway(PROTOCOL)),
    rule("6.1", "Padding of DATA is taken off", &[Post(1), Frame(DATA, END_STREAM | PADDED, 1, b"\x03xy\0\0\0")], Answer(1, 200)),
    rule("6.1", "Padding of DATA is within its payload", &[Post(1), Frame(DATA, END_STREAM | PADDED, 1, b"\x05x\0\0\0")], Goaway(PROTOCOL)),
    rule("6.1", "A padded DATA frame has a length of padding", &[Post(1), Frame(DATA, END_STREAM | PADDED, 1, b"")], Goaway(SIZE)),
    rule("6.2", "HEADERS belong to a stream", &[Frame(HEADERS, WHOLE, 0, GET)], Goaway(PROTOCOL)),
    rule("6.2", "Padding of HEADERS is taken off", &[Frame(HEADERS, WHOLE | PADDED, 1, b"\x02\x82\x86\x84\x41\x01a\0\0")], Answer(1, 200)),
    rule("6.2", "Padding of HEADERS is within their payload", &[Frame(HEADERS, WHOLE | PADDED, 1, b"\x09\x82\x86\x84\x41\x01a")], Goaway(PROTOCOL)),
    rule("6.3", "PRIORITY belongs to a stream", &[Frame(PRIORITY, 0, 0, &[0; 5])], Goaway(PROTOCOL)),
    rule("6.3", "PRIORITY has five bytes", &[Get(1), Wait(1), Frame(PRIORITY, 0, 1, &[0; 4])], Goaway(SIZE)),
    rule("6.4", "RST_STREAM belongs to a stream", &[Frame(RST_STREAM, 0, 0, &[0, 0, 0, 8])], Goaway(PROTOCOL)),
    rule("6.4", "RST_STREAM has four bytes", &[Post(1), Frame(RST_STREAM, 0, 1, &[0; 3])], Goaway(SIZE)),
    rule("6.4", "An unknown code is no error", &[Post(1), Frame(RST_STREAM, 0, 1, &[0xff; 4])], Ignored),
    rule("6.5", "SETTINGS belong to no stream", &[Frame(SETTINGS, 0, 1, &[])], Goaway(PROTOCOL)),
    rule("6.5", "SETTINGS have entries of six bytes", &[Frame(SETTINGS, 0, 0, &[0; 5])], Goaway(SIZE)),
    rule("6.5", "An acknowledgement has no entries", &[Frame(SETTINGS, SETTINGS_ACK, 0, &[0; 6])], Goaway(SIZE)),
    rule("6.5.2", "ENABLE_PUSH is 0 or 1", &[Frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2])], Goaway(PROTOCOL)),
    rule("6.5.2", "INITIAL_WINDOW_SIZE is at most 2^31-1", &[Frame(SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0])], Goaway(FLOW)),
    rule("6.5.2", "MAX_FRAME_SIZE is at least 2^14", &[Frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0x3f, 0xff])], Goaway(PROTOCOL)),
    rule("6.5.2", "MAX_FRAME_SIZE is at most 2^24-1", &[Frame(SETTINGS, 0, 0, &[0, 5, 1, 0, 0, 0])], Goaway(PROTOCOL)),
    rule("6.5.2", "Unknown settings are ignored", &[Frame(SETTINGS, 0, 0, &[0, 0x77, 1, 2, 3, 4])], Ignored),
    rule("8441 3", "ENABLE_CONNECT_PROTOCOL is 0 or 1", &[Frame(SETTINGS, 0, 0, &[0, 8, 0, 0, 0, 2])], Goaway(PROTOCOL)).differs(),
    rule("6.5.3", "SETTINGS are acknowledged", &[Frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])], Says(SETTINGS, SETTINGS_ACK, &[])),
    rule("6.5.3", "The last of equal entries counts", &[Frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0, 0, 4, 0, 0, 0xff, 0xff]), Get(1)], Answer(1, 200)),
    rule("6.6", "A client promises nothing", &[Frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02\x82\x86\x84\x41\x01a")], Goaway(PROTOCOL)),
    rule("6.7", "PING is answered", &[Frame(PING, 0, 0, b"12345678")], Says(PING, 1, b"12345678")),
    rule("6.7", "An acknowledgement nobody waits for is not answered", &[Frame(PING, 1, 0, b"12345678")], Ignored),
    rule("6.7", "PING belongs to no stream", &[Frame(PING, 0, 1, &[0; 8])], Goaway(PROTOCOL)),
    rule("6.7", "PING has eight bytes", &[Frame(PING, 0, 0, &[0; 7])], Goaway(SIZE)),
    rule("6.8", "GOAWAY belongs to no stream", &[Frame(GOAWAY, 0, 1, &[0; 8])], Goaway(PROTOCOL)),
    rule("6.8", "GOAWAY has eight bytes at least", &[Frame(GOAWAY, 0, 0, &[0; 7])], Goaway(SIZE)),
    rule("6.9", "WINDOW_UPDATE has four bytes", &[Frame(WINDOW_UPDATE, 0, 0, &[0; 3])], Goaway(SIZE)),
    rule("6.9", "A credit of nothing is an error of the connection", &[Frame(WINDOW_UPDATE, 0, 0, &[0; 4])], Goaway(PROTOCOL)),
    rule("6.9", "A credit of nothing is an error of the stream", &[Post(1), Frame(WINDOW_UPDATE, 0, 1, &[0; 4])], Reset(1, PROTOCOL)),
    rule("6.9", "The reserved bit of a credit is ignored", &[Frame(WINDOW_UPDATE, 0, 0, &[0x80, 0, 0, 1])], Ignored),
    rule("6.9.1", "The connection's window is at most 2^31-1", &[Frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])], Goaway(FLOW)),
    rule("6.9.1", "A stream's window is at most 2^31-1", &[Post(1), Frame(WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff])], Reset(1, FLOW)),
    rule("6.9.1", "A frame without content needs no window", &[Frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), Get(1)], Answer(1, 200)),
    rule("6.9.2", "A change of INITIAL_WINDOW_SIZE is one of windows that are there", &[Post(1), Frame(WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0, 0]), Frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff])], Goaway(FLOW)).differs(),
    rule("6.10", "CONTINUATION goes on with HEADERS", &[Frame(HEADERS, END_STREAM, 1, b"\x82\x86"), Frame(CONTINUATION, 0, 1, b"\x84"), Frame(CONTINUATION, END_HEADERS, 1, b"\x41\x01a")], Answer(1, 200)),
    rule("6.10", "CONTINUATION belongs to a stream", &[Frame(HEADERS, END_STREAM, 1, GET), Frame(CONTINUATION, END_HEADERS, 0, &[])], Goaway(PROTOCOL)),
    rule("6.10", "CONTINUATION follows a frame without END_HEADERS", &[Get(1), Frame(CONTINUATION, END_HEADERS, 1, GET)], Goaway(PROTOCOL)),
];

/// Of a client.
#[rustfmt::skip]
pub(crate) const CLIENT: &[Rule] = &[
    rule("3.4", "The server's first frame is SETTINGS", &[Bytes(b"\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0")], Goaway(PROTOCOL)).differs(),
    rule("3.4", "A server that speaks HTTP/1 is none of HTTP/2", &[Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")], Closed),
    rule("4.1", "Frames of unknown kinds are ignored", &[Frame(0x42, 0xff, 1, b"x"), Frame(HEADERS, WHOLE, 1, OK)], Answer(1, 200)),
    rule("4.2", "A longer frame than announced is an error of size", &[Zeros(DATA, 0, 1, 262_144)], Goaway(SIZE)),
    rule("4.3", "A block that cannot be decoded ends the connection", &[Frame(HEADERS, WHOLE, 1, &[0xbe])], Goaway(COMPRESSION)),
    rule("4.3", "A block is not interrupted", &[Frame(HEADERS, END_STREAM, 1, OK), Frame(PING, 0, 0, &[0; 8])], Goaway(PROTOCOL)),
    rule("5.1", "Idle: DATA is an error", &[Frame(DATA, 0, 3, b"x")], Goaway(PROTOCOL)),
    rule("5.1", "Idle: HEADERS are an error", &[Frame(HEADERS, WHOLE, 3, OK)], Goaway(PROTOCOL)),
    rule("5.1", "Idle: RST_STREAM is an error", &[Frame(RST_STREAM, 0, 3, &[0, 0, 0, 8])], Goaway(PROTOCOL)),
    rule("5.1", "Idle: WINDOW_UPDATE is an error", &[Frame(WINDOW_UPDATE, 0, 3, &[0, 0, 0, 1])], Goaway(PROTOCOL)),
    rule("5.1.1", "A server begins no stream without a promise", &[Frame(HEADERS, WHOLE, 2, OK)], Goaway(PROTOCOL)),
    rule("6.1", "DATA belongs to a stream", &[Frame(DATA, 0, 0, b"x")], Goaway(PROTOCOL)),
    rule("6.1", "Padding of DATA is within its payload", &[Frame(HEADERS, END_HEADERS, 1, OK), Frame(DATA, END_STREAM | PADDED, 1, b"\x05x\0\0\0")], Goaway(PROTOCOL)),
    rule("6.2", "HEADERS belong to a stream", &[Frame(HEADERS, WHOLE, 0, OK)], Goaway(PROTOCOL)),
    rule("6.2", "Padding of HEADERS is within their payload", &[Frame(HEADERS, WHOLE | PADDED, 1, b"\x09\x88")], Goaway(PROTOCOL)),
    rule("6.4", "RST_STREAM belongs to a stream", &[Frame(RST_STREAM, 0, 0, &[0, 0, 0, 8])], Goaway(PROTOCOL)),
    rule("6.4", "RST_STREAM has four bytes", &[Frame(RST_STREAM, 0, 1, &[0; 3])], Goaway(SIZE)),
    rule("6.4", "A reset request has failed", &[Frame(RST_STREAM, 0, 1, &[0, 0, 0, 2])], Answer(1, 502)),
    rule("6.5", "SETTINGS belong to no stream", &[Frame(SETTINGS, 0, 1, &[])], Goaway(PROTOCOL)),
    rule("6.5", "SETTINGS have entries of six bytes", &[Frame(SETTINGS, 0, 0, &[0; 5])], Goaway(SIZE)),
    rule("6.5.2", "A server does not enable pushes", &[Frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 1])], Goaway(PROTOCOL)).differs(),
    rule("6.5.2", "INITIAL_WINDOW_SIZE is at most 2^31-1", &[Frame(SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0])], Goaway(FLOW)),
    rule("6.5.2", "MAX_FRAME_SIZE is at least 2^14", &[Frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0x3f, 0xff])], Goaway(PROTOCOL)),
    rule("6.5.3", "SETTINGS are acknowledged", &[Frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])], Says(SETTINGS, SETTINGS_ACK, &[])),
    rule("8.4", "Nothing is promised to who wants no pushes", &[Frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02\x82\x86\x84\x41\x01a")], Goaway(PROTOCOL)),
    rule("6.7", "PING is answered", &[Frame(PING, 0, 0, b"12345678")], Says(PING, 1, b"12345678")),
    rule("6.7", "PING has eight bytes", &[Frame(PING, 0, 0, &[0; 7])], Goaway(SIZE)),
    rule("6.7", "PING belongs to no stream", &[Frame(PING, 0, 1, &[0; 8])], Goaway(PROTOCOL)),
    rule("6.8", "GOAWAY has eight bytes at least", &[Frame(GOAWAY, 0, 0, &[0; 7])], Goaway(SIZE)),
    rule("6.8", "What was begun before GOAWAY goes on", &[Frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]), Frame(HEADERS, WHOLE, 1, OK)], Answer(1, 200)),
    rule("6.9", "WINDOW_UPDATE has four bytes", &[Frame(WINDOW_UPDATE, 0, 0, &[0; 3])], Goaway(SIZE)),
    rule("6.9", "A credit of nothing is an error of the connection", &[Frame(WINDOW_UPDATE, 0, 0, &[0; 4])], Goaway(PROTOCOL)),
    rule("6.9", "A credit of nothing is an error of the stream", &[Frame(WINDOW_UPDATE, 0, 1, &[0; 4])], Reset(1, PROTOCOL)),
    rule("6.9.1", "The connection's window is at most 2^31-1", &[Frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])], Goaway(FLOW)),
    rule("6.10", "CONTINUATION goes on with HEADERS", &[Frame(HEADERS, END_STREAM, 1, b""), Frame(CONTINUATION, END_HEADERS, 1, OK)], Answer(1, 200)).differs(),
    rule("6.10", "CONTINUATION follows a frame without END_HEADERS", &[Frame(CONTINUATION, END_HEADERS, 1, OK)], Goaway(PROTOCOL)),
];
