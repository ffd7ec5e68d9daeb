//! Fetches of what was said in a handshake: lists of the client hello, randoms, secrets (manual
//! 7.3.4).
//!
//! Lists are there with `tune.ssl.capture-buffer-size`, secrets of TLS 1.3 with `tune.ssl.keylog`.

use lbd_core::{Type, Value};
use lbd_tls::cipher::offered_name;
use lbd_tls::hello::Capture;
use lbd_tls::keylog::Secret;

use super::tls::{SESSION, bc, fc};
use super::{ANSWERED, Built, NO_ARGS, OPT_INT, int, one};
use crate::arg::Arg;
use crate::facts::{TlsFacts, WireFacts};
use crate::registry::{Example, Fetch};
use crate::view::View;

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "ssl_bc_client_early_traffic_secret",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "CLIENT_EARLY_TRAFFIC_SECRET of a TLS 1.3 session with the server, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_client_early_traffic_secret")],
        build: |_, _| secret(bc, Secret::ClientEarly),
    },
    Fetch {
        name: "ssl_bc_client_handshake_traffic_secret",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "CLIENT_HANDSHAKE_TRAFFIC_SECRET of a TLS 1.3 session with the server, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_client_handshake_traffic_secret")],
        build: |_, _| secret(bc, Secret::ClientHandshake),
    },
    Fetch {
        name: "ssl_bc_client_random",
        args: NO_ARGS,
        out: Type::Bin,
        valid: ANSWERED,
        doc: "The client's random of the session with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_client_random")],
        build: |_, _| wire(bc, |w| Some(w.client_random.as_ref()?)),
    },
    Fetch {
        name: "ssl_bc_client_traffic_secret_0",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "CLIENT_TRAFFIC_SECRET_0 of a TLS 1.3 session with the server, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_client_traffic_secret_0")],
        build: |_, _| secret(bc, Secret::ClientTraffic),
    },
    Fetch {
        name: "ssl_bc_exporter_secret",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "EXPORTER_SECRET of a TLS 1.3 session with the server, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_exporter_secret")],
        build: |_, _| secret(bc, Secret::Exporter),
    },
    Fetch {
        name: "ssl_bc_server_handshake_traffic_secret",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "SERVER_HANDSHAKE_TRAFFIC_SECRET of a TLS 1.3 session with the server, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_server_handshake_traffic_secret")],
        build: |_, _| secret(bc, Secret::ServerHandshake),
    },
    Fetch {
        name: "ssl_bc_server_random",
        args: NO_ARGS,
        out: Type::Bin,
        valid: ANSWERED,
        doc: "The server's random of the session with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_server_random")],
        build: |_, _| wire(bc, |w| Some(w.server_random.as_ref()?)),
    },
    Fetch {
        name: "ssl_bc_server_traffic_secret_0",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "SERVER_TRAFFIC_SECRET_0 of a TLS 1.3 session with the server, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_server_traffic_secret_0")],
        build: |_, _| secret(bc, Secret::ServerTraffic),
    },
    Fetch {
        name: "ssl_bc_session_id",
        args: NO_ARGS,
        out: Type::Bin,
        valid: ANSWERED,
        doc: "Identifier of the TLS 1.2 session with the server; tickets and TLS 1.3 have none (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_session_id")],
        build: |_, _| wire(bc, |w| Some(&*w.session_id).filter(|id| !id.is_empty())),
    },
    Fetch {
        name: "ssl_bc_session_key",
        args: NO_ARGS,
        out: Type::Bin,
        valid: ANSWERED,
        doc: "Master secret of the TLS 1.2 session with the server; TLS 1.3 has none (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_session_key")],
        build: |_, _| wire(bc, |w| w.secrets.as_deref()?.get(Secret::Master)),
    },
    Fetch {
        name: "ssl_fc_cipherlist_bin",
        args: OPT_INT,
        out: Type::Str,
        valid: SESSION,
        doc: "Cipher suites of the client hello, two bytes each; with 1 without GREASE values (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_fc_cipherlist_bin"),
            Example::Ok("ssl_fc_cipherlist_bin(1)"),
        ],
        build: |_, args| list(&args, Capture::suites, Shape::Bytes),
    },
    Fetch {
        name: "ssl_fc_cipherlist_hex",
        args: OPT_INT,
        out: Type::Bin,
        valid: SESSION,
        doc: "Cipher suites of the client hello in hexadecimal; with 1 without GREASE values (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_cipherlist_hex(1)")],
        build: |_, args| list(&args, Capture::suites, Shape::Hex),
    },
    Fetch {
        name: "ssl_fc_cipherlist_str",
        args: OPT_INT,
        out: Type::Str,
        valid: SESSION,
        doc: "Cipher suites of the client hello in OpenSSL's names; with 1 without GREASE values (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_cipherlist_str(1)")],
        build: |_, args| list(&args, Capture::suites, Shape::Names),
    },
    Fetch {
        name: "ssl_fc_cipherlist_xxh",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "XXH64 of all cipher suites of the client hello (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_cipherlist_xxh")],
        build: |_, _| int(|v| Some(capture(v)?.suites_hash.cast_signed())),
    },
    Fetch {
        name: "ssl_fc_client_early_traffic_secret",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "CLIENT_EARLY_TRAFFIC_SECRET of a TLS 1.3 session with the client, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_client_early_traffic_secret")],
        build: |_, _| secret(fc, Secret::ClientEarly),
    },
    Fetch {
        name: "ssl_fc_client_handshake_traffic_secret",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "CLIENT_HANDSHAKE_TRAFFIC_SECRET of a TLS 1.3 session with the client, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_client_handshake_traffic_secret")],
        build: |_, _| secret(fc, Secret::ClientHandshake),
    },
    Fetch {
        name: "ssl_fc_client_random",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "The client's random of the session with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_client_random")],
        build: |_, _| wire(fc, |w| Some(w.client_random.as_ref()?)),
    },
    Fetch {
        name: "ssl_fc_client_traffic_secret_0",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "CLIENT_TRAFFIC_SECRET_0 of a TLS 1.3 session with the client, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_client_traffic_secret_0")],
        build: |_, _| secret(fc, Secret::ClientTraffic),
    },
    Fetch {
        name: "ssl_fc_ecformats_bin",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Point formats of the client hello, a byte each (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_ecformats_bin")],
        build: |_, _| one(|v| kept(capture(v)?.formats()).map(Value::Bin)),
    },
    Fetch {
        name: "ssl_fc_eclist_bin",
        args: OPT_INT,
        out: Type::Str,
        valid: SESSION,
        doc: "Groups of the client hello, two bytes each; with 1 without GREASE values (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_fc_eclist_bin"),
            Example::Ok("ssl_fc_eclist_bin(1)"),
        ],
        build: |_, args| list(&args, Capture::groups, Shape::Bytes),
    },
    Fetch {
        name: "ssl_fc_exporter_secret",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "EXPORTER_SECRET of a TLS 1.3 session with the client, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_exporter_secret")],
        build: |_, _| secret(fc, Secret::Exporter),
    },
    Fetch {
        name: "ssl_fc_extlist_bin",
        args: OPT_INT,
        out: Type::Str,
        valid: SESSION,
        doc: "Types of extensions of the client hello, two bytes each; with 1 without GREASE values (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_fc_extlist_bin"),
            Example::Ok("ssl_fc_extlist_bin(1)"),
        ],
        build: |_, args| list(&args, Capture::extensions, Shape::Bytes),
    },
    Fetch {
        name: "ssl_fc_protocol_hello_id",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "Version that the client hello begins with (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_protocol_hello_id")],
        build: |_, _| int(|v| Some(i64::from(capture(v)?.version))),
    },
    Fetch {
        name: "ssl_fc_server_handshake_traffic_secret",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "SERVER_HANDSHAKE_TRAFFIC_SECRET of a TLS 1.3 session with the client, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_server_handshake_traffic_secret")],
        build: |_, _| secret(fc, Secret::ServerHandshake),
    },
    Fetch {
        name: "ssl_fc_server_random",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "The server's random of the session with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_server_random")],
        build: |_, _| wire(fc, |w| Some(w.server_random.as_ref()?)),
    },
    Fetch {
        name: "ssl_fc_server_traffic_secret_0",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "SERVER_TRAFFIC_SECRET_0 of a TLS 1.3 session with the client, in hexadecimal, with tune.ssl.keylog (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_server_traffic_secret_0")],
        build: |_, _| secret(fc, Secret::ServerTraffic),
    },
    Fetch {
        name: "ssl_fc_session_id",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "Identifier of the TLS 1.2 session with the client; tickets and TLS 1.3 have none (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_session_id")],
        build: |_, _| wire(fc, |w| Some(&*w.session_id).filter(|id| !id.is_empty())),
    },
    Fetch {
        name: "ssl_fc_session_key",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "Master secret of the TLS 1.2 session with the client; TLS 1.3 has none (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_session_key")],
        build: |_, _| wire(fc, |w| w.secrets.as_deref()?.get(Secret::Master)),
    },
    Fetch {
        name: "ssl_fc_sigalgs_bin",
        args: OPT_INT,
        out: Type::Bin,
        valid: SESSION,
        doc: "Signature algorithms of the client hello, two bytes each; with 1 without GREASE values (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_fc_sigalgs_bin"),
            Example::Ok("ssl_fc_sigalgs_bin(1)"),
        ],
        build: |_, args| list(&args, Capture::sigalgs, Shape::Bytes),
    },
    Fetch {
        name: "ssl_fc_supported_versions_bin",
        args: OPT_INT,
        out: Type::Bin,
        valid: SESSION,
        doc: "Versions of the client hello, two bytes each; with 1 without GREASE values (manual 7.3.4).",
        examples: &[
            Example::Ok("ssl_fc_supported_versions_bin"),
            Example::Ok("ssl_fc_supported_versions_bin(1)"),
        ],
        build: |_, args| list(&args, Capture::versions, Shape::Bytes),
    },
];

/// How a list is written.
#[derive(Clone, Copy)]
enum Shape {
    Bytes,
    Hex,
    Names,
}

type Side = for<'a> fn(&View<'a>) -> Option<&'a TlsFacts>;

fn capture<'a>(view: &View<'a>) -> Option<&'a Capture> {
    fc(view)?.hello.as_deref()
}

fn kept(list: &[u8]) -> Option<&[u8]> {
    (!list.is_empty()).then_some(list)
}

/// A list of numbers of two bytes; an argument other than 0 leaves GREASE values out.
fn list(args: &[Arg], of: for<'a> fn(&'a Capture) -> &'a [u8], shape: Shape) -> Built {
    let filters = matches!(args.first(), Some(Arg::Int(n)) if *n != 0);
    one(move |view| {
        let all = kept(of(capture(view)?))?;
        let numbers = all
            .chunks(2)
            .filter(|number| !filters || !is_grease(number));
        let mut text = bumpalo::collections::Vec::new_in(view.arena);
        match shape {
            Shape::Bytes if !filters => return Some(Value::Bin(all)),
            Shape::Bytes => {
                numbers.for_each(|number| text.extend_from_slice(number));
                return Some(Value::Bin(text.into_bump_slice()));
            }
            // Without a filter a number that was cut off is there as far as it goes.
            Shape::Hex if !filters => hex(all, &mut text),
            Shape::Hex => numbers.for_each(|number| hex(number, &mut text)),
            Shape::Names => {
                for number in numbers.filter(|number| number.len() == 2) {
                    if !text.is_empty() {
                        text.push(b',');
                    }
                    name(number, &mut text);
                }
            }
        }
        Some(Value::Str(text.into_bump_slice()))
    })
}

fn hex(bytes: &[u8], text: &mut bumpalo::collections::Vec<'_, u8>) {
    let digits = bytes.iter().flat_map(|byte| hex_digits(*byte));
    text.extend(digits.map(|digit| digit.to_ascii_uppercase()));
}

/// Values that clients send so that servers learn to bear the unknown (RFC 8701).
fn is_grease(number: &[u8]) -> bool {
    matches!(number, [one, other] if one == other && one & 0x0f == 0x0a)
}

/// A suite in OpenSSL's name; a number that was cut off has none.
fn name(number: &[u8], text: &mut bumpalo::collections::Vec<'_, u8>) {
    let &[high, low] = number else {
        return;
    };
    match offered_name(u16::from_be_bytes([high, low])) {
        Some(name) => text.extend_from_slice(name.as_bytes()),
        None => {
            text.extend_from_slice(b"UNKNOWN(");
            text.extend([high, low].into_iter().flat_map(hex_digits));
            text.push(b')');
        }
    }
}

fn hex_digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 0x0f)],
    ]
}

fn wire(side: Side, of: for<'a> fn(&'a WireFacts) -> Option<&'a [u8]>) -> Built {
    one(move |view| of(side(view)?.wire.as_deref()?).map(Value::Bin))
}

fn secret(side: Side, which: Secret) -> Built {
    one(move |view| {
        let secrets = side(view)?.wire.as_deref()?.secrets.as_deref()?;
        let secret = secrets.get(which)?;
        let mut text = bumpalo::collections::Vec::with_capacity_in(secret.len() * 2, view.arena);
        text.extend(secret.iter().flat_map(|byte| hex_digits(*byte)));
        Some(Value::Str(text.into_bump_slice()))
    })
}
