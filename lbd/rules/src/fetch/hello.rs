//! Fetches of a TLS hello in the buffered bytes, which nobody decrypts (manual 7.3.5).
//!
//! TLS that lbd itself ends is not looked at here.

use super::{Built, CLIENT, NO_ARGS, REQUEST, RESPONSE, eval};
use crate::registry::{Example, Fetch, Outcome};
use crate::view::Buffered;
use crate::view::View;
use lbd_core::{Type, Value};
use lbd_tls::hello::{GROUPS, Hello, KEY_SHARE, Reader, SESSION_TICKET, SIGNATURE_ALGORITHMS};

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "rep_ssl_hello_type",
        args: NO_ARGS,
        out: Type::Int,
        valid: RESPONSE,
        doc: "The same as res.ssl_hello_type (manual 7.3.5).",
        examples: &[Example::Ok("rep_ssl_hello_type")],
        build: |_, _| hello_type(|v| v.response_body),
    },
    Fetch {
        name: "req.ssl_alpn",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "First protocol of the ALPN list in the TLS client hello (manual 7.3.5).",
        examples: &[Example::Ok("req.ssl_alpn")],
        build: |_, _| client(|h| h.first_protocol().map(Value::Str)),
    },
    Fetch {
        name: "req.ssl_cipherlist",
        args: NO_ARGS,
        out: Type::Bin,
        valid: CLIENT,
        doc: "Cipher suites of the TLS client hello, two bytes each (manual 7.3.5).",
        examples: &[Example::Ok("req.ssl_cipherlist")],
        build: |_, _| client(|h| Some(Value::Bin(h.suites))),
    },
    Fetch {
        name: "req.ssl_ec_ext",
        args: NO_ARGS,
        out: Type::Bool,
        valid: REQUEST,
        doc: "Whether the TLS client hello names elliptic curves (manual 7.3.5).",
        examples: &[Example::Ok("req.ssl_ec_ext")],
        build: |_, _| client(|h| Some(Value::Bool(h.extension(GROUPS).is_some()))),
    },
    Fetch {
        name: "req.ssl_hello_type",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "Type of the TLS hello that the client sent: 1 (manual 7.3.5).",
        examples: &[Example::Ok("req.ssl_hello_type")],
        build: |_, _| hello_type(|v| v.request_body),
    },
    Fetch {
        name: "req.ssl_keyshare_groups",
        args: NO_ARGS,
        out: Type::Bin,
        valid: CLIENT,
        doc: "Groups of the key shares in the TLS client hello, two bytes each (manual 7.3.5).",
        examples: &[Example::Ok("req.ssl_keyshare_groups")],
        build: |_, _| key_shares(),
    },
    Fetch {
        name: "req.ssl_sigalgs",
        args: NO_ARGS,
        out: Type::Bin,
        valid: CLIENT,
        doc: "Signature algorithms of the TLS client hello, two bytes each (manual 7.3.5).",
        examples: &[Example::Ok("req.ssl_sigalgs")],
        build: |_, _| client(|h| h.list16(SIGNATURE_ALGORITHMS).map(Value::Bin)),
    },
    Fetch {
        name: "req.ssl_sni",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "Server name in the TLS client hello, not decrypted (manual 7.3.5).",
        examples: &[Example::Ok("req.ssl_sni")],
        build: |_, _| client(|h| h.server_name().map(Value::Str)),
    },
    Fetch {
        name: "req.ssl_st_ext",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "Session ticket of the TLS client hello: 0 none, 1 empty, 2 given (manual 7.3.5).",
        examples: &[Example::Ok("req.ssl_st_ext")],
        build: |_, _| {
            client(|h| {
                Some(Value::Int(match h.extension(SESSION_TICKET) {
                    None => 0,
                    Some([]) => 1,
                    Some(_) => 2,
                }))
            })
        },
    },
    Fetch {
        name: "req.ssl_supported_groups",
        args: NO_ARGS,
        out: Type::Bin,
        valid: CLIENT,
        doc: "Groups of the TLS client hello, two bytes each (manual 7.3.5).",
        examples: &[Example::Ok("req.ssl_supported_groups")],
        build: |_, _| client(|h| h.list16(GROUPS).map(Value::Bin)),
    },
    Fetch {
        name: "req.ssl_ver",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "Version of the TLS client hello: major << 16 | minor (manual 7.3.5).",
        examples: &[Example::Ok("req.ssl_ver")],
        build: |_, _| client(|h| Some(Value::Int(version(h)))),
    },
    Fetch {
        name: "req_ssl_hello_type",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "The same as req.ssl_hello_type (manual 7.3.5).",
        examples: &[Example::Ok("req_ssl_hello_type")],
        build: |_, _| hello_type(|v| v.request_body),
    },
    Fetch {
        name: "req_ssl_sni",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "The same as req.ssl_sni (manual 7.3.5).",
        examples: &[Example::Ok("req_ssl_sni")],
        build: |_, _| client(|h| h.server_name().map(Value::Str)),
    },
    Fetch {
        name: "req_ssl_ver",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "The same as req.ssl_ver (manual 7.3.5).",
        examples: &[Example::Ok("req_ssl_ver")],
        build: |_, _| client(|h| Some(Value::Int(version(h)))),
    },
    Fetch {
        name: "res.ssl_hello_type",
        args: NO_ARGS,
        out: Type::Int,
        valid: RESPONSE,
        doc: "Type of the TLS hello that the server sent: 2 (manual 7.3.5).",
        examples: &[Example::Ok("res.ssl_hello_type")],
        build: |_, _| hello_type(|v| v.response_body),
    },
];

/// Longest record that is taken for a hello.
const MAX_RECORD: usize = 16_384 + 2048;

/// The handshake message in the first record, as far as received: its type and its content.
fn handshake<'a>(buffer: &Buffered<'a>) -> Result<(u8, &'a [u8]), Outcome> {
    let more = if buffer.complete || buffer.full {
        Outcome::Absent
    } else {
        Outcome::NotYet
    };
    let data = buffer.data;
    match data.first() {
        None => return Err(more),
        Some(0x16) => {}
        Some(_) => return Err(Outcome::Absent),
    }
    let Some(header) = data.get(..5) else {
        return Err(more);
    };
    let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if header[1] < 3 || !(4..=MAX_RECORD).contains(&len) {
        return Err(Outcome::Absent);
    }
    let Some(record) = data.get(5..5 + len) else {
        return Err(more);
    };
    let said = usize::from(record[1]) << 16 | usize::from(record[2]) << 8 | usize::from(record[3]);
    // A hello that goes on in further records is read as far as the first one has it.
    let content = &record[4..];
    Ok((record[0], content.get(..said).unwrap_or(content)))
}

fn version(hello: &Hello<'_>) -> i64 {
    i64::from(hello.version[0]) << 16 | i64::from(hello.version[1])
}

fn client(of: for<'a> fn(&Hello<'a>) -> Option<Value<'a>>) -> Built {
    eval(move |view, sink| {
        let hello = match handshake(&view.request_body) {
            Ok((1, content)) => Hello::parse(content),
            Ok(_) => None,
            Err(outcome) => return outcome,
        };
        match hello.as_ref().and_then(of) {
            Some(value) => {
                let _ = sink(value);
                Outcome::Done
            }
            None => Outcome::Absent,
        }
    })
}

fn hello_type(of: for<'a> fn(&View<'a>) -> Buffered<'a>) -> Built {
    eval(move |view, sink| match handshake(&of(view)) {
        Ok((kind, _)) => {
            let _ = sink(Value::Int(i64::from(kind)));
            Outcome::Done
        }
        Err(outcome) => outcome,
    })
}

fn key_shares() -> Built {
    eval(|view, sink| {
        let hello = match handshake(&view.request_body) {
            Ok((1, content)) => Hello::parse(content),
            Ok(_) => None,
            Err(outcome) => return outcome,
        };
        let Some(shares) = hello.and_then(|hello| hello.list16(KEY_SHARE)) else {
            return Outcome::Absent;
        };
        let mut groups = bumpalo::collections::Vec::new_in(view.arena);
        let mut reader = Reader(shares);
        while let Some(group) = reader.u16() {
            if reader.block16().is_none() {
                break;
            }
            groups.extend_from_slice(&group.to_be_bytes());
        }
        let _ = sink(Value::Bin(groups.into_bump_slice()));
        Outcome::Done
    })
}
