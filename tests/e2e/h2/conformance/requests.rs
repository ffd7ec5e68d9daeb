//! Requests, and compression of fields: RFC 9113 8, RFC 7541, RFC 8441.

use super::say::{Expect::*, Rule, Say::*, rule};
use crate::frames::*;

const PROTOCOL: u32 = 1;
const CLOSED: u32 = 5;
const WHOLE: u8 = END_HEADERS | END_STREAM;
const BAD: super::say::Expect = Reset(1, PROTOCOL);

const M: (&str, &str) = (":method", "GET");
const S: (&str, &str) = (":scheme", "http");
const A: (&str, &str) = (":authority", "a.example");
const P: (&str, &str) = (":path", "/x");

/// Of messages to a server.
#[rustfmt::skip]
pub(crate) const RULES: &[Rule] = &[
    rule("8.1", "Fields behind the content are trailers", &[Post(1), Frame(DATA, 0, 1, b"x"), Fields(1, END_STREAM, &[("x-sum", "1")])], Answer(1, 200)),
    rule("8.1", "Trailers end the stream", &[Post(1), Frame(DATA, 0, 1, b"x"), Fields(1, 0, &[("x-sum", "1")])], BAD).differs(),
    rule("8.1", "Nothing follows the end: fields", &[Get(1), Fields(1, END_STREAM, &[("x-sum", "1")])], Reset(1, CLOSED)).differs(),
    rule("8.1", "Trailers have no pseudo-fields", &[Post(1), Frame(DATA, 0, 1, b"x"), Fields(1, END_STREAM, &[(":path", "/")])], BAD),
    rule("8.1.1", "Content is as long as announced: not longer", &[Fields(1, 0, &[(":method", "POST"), S, A, P, ("content-length", "1")]), Frame(DATA, END_STREAM, 1, b"xy")], BAD),
    rule("8.1.1", "Content is as long as announced: not shorter", &[Fields(1, 0, &[(":method", "POST"), S, A, P, ("content-length", "3")]), Frame(DATA, 0, 1, b"x"), Frame(DATA, END_STREAM, 1, b"y")], BAD),
    rule("8.1.1", "Announced content comes", &[GetWith(1, &[("content-length", "1")])], BAD),
    rule("8.1.1", "Lengths agree", &[GetWith(1, &[("content-length", "0"), ("content-length", "1")])], BAD),
    rule("8.2", "Names are in lower case", &[GetWith(1, &[("X-Up", "1")])], BAD),
    rule("8.2.1", "Names have no blanks", &[GetWith(1, &[("x y", "1")])], BAD),
    rule("8.2.1", "Names are not empty", &[GetWith(1, &[("", "1")])], BAD).differs(),
    rule("8.2.1", "Names have no bytes beyond ASCII", &[GetWith(1, &[("x\u{e9}", "1")])], BAD),
    rule("8.2.1", "Names have no colon but in front", &[GetWith(1, &[("x:y", "1")])], BAD),
    rule("8.2.1", "Values have no NUL", &[GetWith(1, &[("x", "a\0b")])], BAD),
    rule("8.2.1", "Values have no line feed", &[GetWith(1, &[("x", "a\nb")])], BAD),
    rule("8.2.1", "Values have no carriage return", &[GetWith(1, &[("x", "a\rb")])], BAD),
    rule("8.2.2", "No fields of the connection: connection", &[GetWith(1, &[("connection", "close")])], BAD),
    rule("8.2.2", "No fields of the connection: keep-alive", &[GetWith(1, &[("keep-alive", "1")])], BAD),
    rule("8.2.2", "No fields of the connection: proxy-connection", &[GetWith(1, &[("proxy-connection", "close")])], BAD),
    rule("8.2.2", "No fields of the connection: transfer-encoding", &[GetWith(1, &[("transfer-encoding", "chunked")])], BAD),
    rule("8.2.2", "No fields of the connection: upgrade", &[GetWith(1, &[("upgrade", "websocket")])], BAD),
    rule("8.2.2", "TE says nothing but trailers", &[GetWith(1, &[("te", "gzip")])], BAD),
    rule("8.2.2", "TE may say trailers", &[GetWith(1, &[("te", "trailers")])], Answer(1, 200)),
    rule("8.2.3", "Cookies may come in pieces", &[GetWith(1, &[("cookie", "a=1"), ("cookie", "b=2")])], Answer(1, 200)),
    rule("8.3", "Pseudo-fields are those that are known", &[Fields(1, END_STREAM, &[M, S, A, P, (":foo", "1")])], BAD),
    rule("8.3", "Pseudo-fields of a response are none of a request", &[Fields(1, END_STREAM, &[M, S, A, P, (":status", "200")])], BAD),
    rule("8.3", "Pseudo-fields come first", &[Fields(1, END_STREAM, &[M, S, A, ("x", "1"), P])], BAD),
    rule("8.3", "Pseudo-fields come once: :path", &[Fields(1, END_STREAM, &[M, S, A, P, P])], BAD),
    rule("8.3", "Pseudo-fields come once: :method", &[Fields(1, END_STREAM, &[M, M, S, A, P])], BAD),
    rule("8.3", "Pseudo-fields come once: :scheme", &[Fields(1, END_STREAM, &[M, S, S, A, P])], BAD),
    rule("8.3", "Pseudo-fields come once: :authority", &[Fields(1, END_STREAM, &[M, S, A, A, P])], BAD),
    rule("8.3.1", "A request has a method", &[Fields(1, END_STREAM, &[S, A, P])], BAD),
    rule("8.3.1", "A request has a scheme", &[Fields(1, END_STREAM, &[M, A, P])], BAD),
    rule("8.3.1", "A request has a path", &[Fields(1, END_STREAM, &[M, S, A])], BAD),
    rule("8.3.1", "The path is not empty", &[Fields(1, END_STREAM, &[M, S, A, (":path", "")])], BAD),
    rule("8.3.1", "The path begins with a slash", &[Fields(1, END_STREAM, &[M, S, A, (":path", "x")])], BAD),
    rule("8.3.1", "The asterisk is for OPTIONS", &[Fields(1, END_STREAM, &[(":method", "OPTIONS"), S, A, (":path", "*")])], Answer(1, 200)),
    rule("8.3.1", "The asterisk is for nothing else", &[Fields(1, END_STREAM, &[M, S, A, (":path", "*")])], BAD).differs(),
    rule("8.3.1", "The authority names no user", &[Fields(1, END_STREAM, &[M, S, (":authority", "u@a"), P])], BAD),
    rule("8.3.1", "A Host field stands for the authority", &[Fields(1, END_STREAM, &[M, S, P, ("host", "a.example")])], Answer(1, 200)),
    rule("8.5", "CONNECT has no path and no scheme", &[Fields(1, END_STREAM, &[(":method", "CONNECT"), S, A, P])], BAD),
    rule("8441 4", "The protocol is for CONNECT", &[Fields(1, END_STREAM, &[M, S, A, P, (":protocol", "websocket")])], BAD),
];

/// Of compression.
#[rustfmt::skip]
pub(crate) const COMPRESSION: &[Rule] = &[
    rule("7541 2.3.3", "An index beyond the tables is an error", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x41\x01a\xff\x00")], LOST),
    rule("7541 2.3.3", "A name's index beyond the tables is an error", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x7f\x40\x01x")], LOST),
    rule("7541 2.3.2", "What was entered is found", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x41\x01a"), Wait(1), Frame(HEADERS, WHOLE, 3, b"\x82\x86\x84\xbe")], Answer(3, 200)),
    rule("7541 2.3.2", "What was not entered is not found", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x01\x01a"), Frame(HEADERS, WHOLE, 3, b"\x82\x86\x84\xbe")], LOST),
    rule("7541 4.2", "The size of the table changes at a block's beginning", &[Frame(HEADERS, WHOLE, 1, b"\x20\x82\x86\x84\x41\x01a")], Answer(1, 200)),
    rule("7541 4.2", "Not at its end", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x41\x01a\x20")], LOST),
    rule("7541 4.4", "An entry larger than the table empties it", &[Frame(HEADERS, WHOLE, 1, b"\x20\x82\x86\x84\x41\x01a"), Wait(1), Frame(HEADERS, WHOLE, 3, b"\x82\x86\x84\xbe")], LOST).differs(),
    rule("7541 5.1", "A number is not without end", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x41\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")], LOST),
    rule("7541 5.1", "A number is not cut off", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\xff\x80")], LOST),
    rule("7541 5.2", "A text is not longer than its block", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x41\x09a")], LOST),
    rule("7541 5.2", "Huffman's code is read", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x41\x81\x1f")], Answer(1, 200)),
    rule("7541 5.2", "Padding is shorter than a byte", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x41\x82\x1f\xff")], LOST),
    rule("7541 5.2", "Padding is of ones", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x41\x81\x18")], LOST),
    rule("7541 5.2", "The end of Huffman's code is not sent", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x41\x84\xff\xff\xff\xff")], LOST),
    rule("7541 6.1", "Index 0 is an error", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x80")], LOST),
    rule("7541 6.2.3", "A field that is never to be entered is taken", &[Frame(HEADERS, WHOLE, 1, b"\x82\x86\x84\x11\x01a")], Answer(1, 200)),
    rule("7541 6.3", "The table is not larger than allowed", &[Frame(HEADERS, WHOLE, 1, b"\x3f\xe1\xff\x03\x82\x86\x84\x41\x01a")], LOST),
];

const LOST: super::say::Expect = Goaway(9);
