//! Responses that a client gets: RFC 9113 8.

use super::say::{Expect::*, Rule, Say::*, rule};
use crate::frames::*;

const WHOLE: u8 = END_HEADERS | END_STREAM;
const BAD: super::say::Expect = Reset(1, 1);
const OK: (&str, &str) = (":status", "200");

/// Of messages to a client.
#[rustfmt::skip]
pub(crate) const RULES: &[Rule] = &[
    rule("8.1", "A response has a head before its content", &[Frame(DATA, END_STREAM, 1, b"x")], BAD),
    rule("8.1", "Interim responses come before the final one", &[Fields(1, 0, &[(":status", "103")]), Frame(HEADERS, WHOLE, 1, b"\x88")], Answer(1, 200)),
    rule("8.1", "An interim response does not end the stream", &[Fields(1, END_STREAM, &[(":status", "103")])], BAD),
    rule("8.1", "Trailers end the stream", &[Fields(1, 0, &[OK]), Fields(1, END_STREAM, &[("x-sum", "1")])], Answer(1, 200)),
    rule("8.1", "A whole response may come before the request's end", &[Fields(1, END_STREAM, &[OK]), Frame(RST_STREAM, 0, 1, &[0; 4])], Answer(1, 200)),
    rule("8.1.1", "Announced content comes", &[Fields(1, END_STREAM, &[OK, ("content-length", "1")])], BAD).differs(),
    rule("8.1.1", "Lengths agree", &[Fields(1, END_STREAM, &[OK, ("content-length", "0"), ("content-length", "1")])], BAD),
    rule("8.2", "Names are in lower case", &[Fields(1, END_STREAM, &[OK, ("X-Up", "1")])], BAD),
    rule("8.2.1", "Names have no blanks", &[Fields(1, END_STREAM, &[OK, ("x y", "1")])], BAD),
    rule("8.2.1", "Values have no line feed", &[Fields(1, END_STREAM, &[OK, ("x", "a\nb")])], BAD),
    rule("8.2.1", "Values have no NUL", &[Fields(1, END_STREAM, &[OK, ("x", "a\0b")])], BAD),
    rule("8.2.2", "No fields of the connection: connection", &[Fields(1, END_STREAM, &[OK, ("connection", "close")])], BAD),
    rule("8.2.2", "No fields of the connection: transfer-encoding", &[Fields(1, END_STREAM, &[OK, ("transfer-encoding", "chunked")])], BAD),
    rule("8.2.2", "No fields of the connection: upgrade", &[Fields(1, END_STREAM, &[OK, ("upgrade", "x")])], BAD),
    rule("8.3", "Pseudo-fields are those that are known", &[Fields(1, END_STREAM, &[OK, (":foo", "1")])], BAD),
    rule("8.3", "Pseudo-fields of a request are none of a response", &[Fields(1, END_STREAM, &[OK, (":path", "/")])], BAD),
    rule("8.3", "Pseudo-fields come first", &[Fields(1, END_STREAM, &[("x", "1"), OK])], BAD),
    rule("8.3", "Pseudo-fields come once", &[Fields(1, END_STREAM, &[OK, OK])], BAD),
    rule("8.3.2", "A response has a status", &[Fields(1, END_STREAM, &[("x", "1")])], BAD),
    rule("8.3.2", "The status has three digits", &[Fields(1, END_STREAM, &[(":status", "20")])], BAD),
    rule("8.6", "There is no 101", &[Fields(1, 0, &[(":status", "101")])], BAD),
    rule("8.7", "A refused request was not looked at", &[Frame(RST_STREAM, 0, 1, &[0, 0, 0, 7])], Answer(1, 502)),
];
