//! Fetches of TLS sessions with clients and servers (manual 7.3.4).
//!
//! What certificates say is in [`super::certificate`]; a hello that nobody ends in
//! [`super::hello`].

use lbd_core::{Checkpoints, Type, Value};

use super::{ANSWERED, NO_ARGS, boolean, int, one, string};
use crate::facts::{ConnError, TlsFacts};
use crate::registry::{Example, Fetch};
use crate::view::View;

/// Where there is a session of a client.
pub(super) const SESSION: Checkpoints = Checkpoints::parse(".YYYYYYYYYYYYYYYYYY...");

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "ssl_bc",
        args: NO_ARGS,
        out: Type::Bool,
        valid: ANSWERED,
        doc: "Whether the connection to the server speaks TLS (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc")],
        build: |_, _| boolean(|v| Some(bc(v).is_some())),
    },
    Fetch {
        name: "ssl_bc_alg_keysize",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Bits of the key of the cipher suite with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_alg_keysize")],
        build: |_, _| int(|v| key_bits(bc(v)?)),
    },
    Fetch {
        name: "ssl_bc_alpn",
        args: NO_ARGS,
        out: Type::Str,
        valid: ANSWERED,
        doc: "Protocol agreed on by ALPN with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_alpn")],
        build: |_, _| string(|v| bc(v)?.alpn.as_deref()),
    },
    Fetch {
        name: "ssl_bc_cipher",
        args: NO_ARGS,
        out: Type::Str,
        valid: ANSWERED,
        doc: "Cipher suite in OpenSSL's words of the session with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_cipher")],
        build: |_, _| string(|v| Some(bc(v)?.cipher.as_bytes())),
    },
    Fetch {
        name: "ssl_bc_curve",
        args: NO_ARGS,
        out: Type::Str,
        valid: ANSWERED,
        doc: "Group of the key exchange with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_curve")],
        build: |_, _| string(|v| some(bc(v)?.curve)),
    },
    Fetch {
        name: "ssl_bc_err",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "OpenSSL's number of what failed with the server, 0 without one (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_err")],
        build: |_, _| int(|v| library_code(v.stream?.server_error, bc(v).is_some())),
    },
    Fetch {
        name: "ssl_bc_err_str",
        args: NO_ARGS,
        out: Type::Str,
        valid: ANSWERED,
        doc: "OpenSSL's words for what failed with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_err_str")],
        build: |_, _| string(|v| library_text(v.stream?.server_error)),
    },
    Fetch {
        name: "ssl_bc_is_resumed",
        args: NO_ARGS,
        out: Type::Bool,
        valid: ANSWERED,
        doc: "Whether the session was resumed with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_is_resumed")],
        build: |_, _| boolean(|v| Some(bc(v).is_some_and(|tls| tls.is_resumed))),
    },
    Fetch {
        name: "ssl_bc_protocol",
        args: NO_ARGS,
        out: Type::Str,
        valid: ANSWERED,
        doc: "Version of the protocol with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_protocol")],
        build: |_, _| string(|v| Some(bc(v)?.version.as_bytes())),
    },
    Fetch {
        name: "ssl_bc_sni",
        args: NO_ARGS,
        out: Type::Str,
        valid: ANSWERED,
        doc: "Name that was asked for with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_sni")],
        build: |_, _| string(|v| bc(v)?.sni.as_deref()),
    },
    Fetch {
        name: "ssl_bc_unique_id",
        args: NO_ARGS,
        out: Type::Bin,
        valid: ANSWERED,
        doc: "Value bound to the session, tls-exporter of RFC 9266, with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_unique_id")],
        build: |_, _| one(|v| Some(Value::Bin(bc(v)?.unique_id.as_ref()?))),
    },
    Fetch {
        name: "ssl_bc_use_keysize",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Bits of the key in use with the server (manual 7.3.4).",
        examples: &[Example::Ok("ssl_bc_use_keysize")],
        build: |_, _| int(|v| key_bits(bc(v)?)),
    },
    Fetch {
        name: "ssl_fc",
        args: NO_ARGS,
        out: Type::Bool,
        valid: SESSION,
        doc: "Whether the client speaks TLS to us (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc")],
        build: |_, _| boolean(|v| Some(fc(v).is_some())),
    },
    Fetch {
        name: "ssl_fc_alg_keysize",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "Bits of the key of the cipher suite with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_alg_keysize")],
        build: |_, _| int(|v| key_bits(fc(v)?)),
    },
    Fetch {
        name: "ssl_fc_alpn",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Protocol agreed on by ALPN with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_alpn")],
        build: |_, _| string(|v| fc(v)?.alpn.as_deref()),
    },
    Fetch {
        name: "ssl_fc_cipher",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Cipher suite in OpenSSL's words of the session with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_cipher")],
        build: |_, _| string(|v| Some(fc(v)?.cipher.as_bytes())),
    },
    Fetch {
        name: "ssl_fc_crtname",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Name of the file of the certificate that the client was shown (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_crtname")],
        build: |_, _| string(|v| fc(v)?.own_name.as_deref().map(str::as_bytes)),
    },
    Fetch {
        name: "ssl_fc_curve",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Group of the key exchange with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_curve")],
        build: |_, _| string(|v| some(fc(v)?.curve)),
    },
    Fetch {
        name: "ssl_fc_early_rcvd",
        args: NO_ARGS,
        out: Type::Bool,
        valid: SESSION,
        doc: "Whether the client sent early data, confirmed since or not (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_early_rcvd")],
        build: |_, _| boolean(|v| Some(fc(v)?.early.as_ref().is_some_and(|one| one.is_received()))),
    },
    Fetch {
        name: "ssl_fc_err",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "OpenSSL's number of what failed with the client, 0 without one (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_err")],
        build: |_, _| int(|v| library_code(v.session?.error.as_deref().copied(), fc(v).is_some())),
    },
    Fetch {
        name: "ssl_fc_err_str",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "OpenSSL's words for what failed with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_err_str")],
        build: |_, _| string(|v| library_text(v.session?.error.as_deref().copied())),
    },
    Fetch {
        name: "ssl_fc_has_crt",
        args: NO_ARGS,
        out: Type::Bool,
        valid: SESSION,
        doc: "Whether the client showed a certificate in this session (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_has_crt")],
        build: |_, _| boolean(|v| Some(fc(v)?.peer.is_some() && !fc(v)?.is_resumed)),
    },
    Fetch {
        name: "ssl_fc_has_early",
        args: NO_ARGS,
        out: Type::Bool,
        valid: SESSION,
        doc: "Whether the client sent early data and its handshake is not confirmed yet (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_has_early")],
        build: |_, _| boolean(|v| Some(fc(v)?.has_early())),
    },
    Fetch {
        name: "ssl_fc_has_sni",
        args: NO_ARGS,
        out: Type::Bool,
        valid: SESSION,
        doc: "Whether the client asked for a name (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_has_sni")],
        build: |_, _| boolean(|v| Some(fc(v).is_some_and(|tls| tls.sni.is_some()))),
    },
    Fetch {
        name: "ssl_fc_is_resumed",
        args: NO_ARGS,
        out: Type::Bool,
        valid: SESSION,
        doc: "Whether the session was resumed with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_is_resumed")],
        build: |_, _| boolean(|v| Some(fc(v).is_some_and(|tls| tls.is_resumed))),
    },
    Fetch {
        name: "ssl_fc_protocol",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Version of the protocol with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_protocol")],
        build: |_, _| string(|v| Some(fc(v)?.version.as_bytes())),
    },
    Fetch {
        name: "ssl_fc_sni",
        args: NO_ARGS,
        out: Type::Str,
        valid: SESSION,
        doc: "Name that was asked for with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_sni")],
        build: |_, _| string(|v| fc(v)?.sni.as_deref()),
    },
    Fetch {
        name: "ssl_fc_unique_id",
        args: NO_ARGS,
        out: Type::Bin,
        valid: SESSION,
        doc: "Value bound to the session, tls-exporter of RFC 9266, with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_unique_id")],
        build: |_, _| one(|v| Some(Value::Bin(fc(v)?.unique_id.as_ref()?))),
    },
    Fetch {
        name: "ssl_fc_use_keysize",
        args: NO_ARGS,
        out: Type::Int,
        valid: SESSION,
        doc: "Bits of the key in use with the client (manual 7.3.4).",
        examples: &[Example::Ok("ssl_fc_use_keysize")],
        build: |_, _| int(|v| key_bits(fc(v)?)),
    },
];

/// The session with the client.
pub(super) fn fc<'a>(view: &View<'a>) -> Option<&'a TlsFacts> {
    view.session?.tls.as_deref()
}

/// The session with the server.
pub(super) fn bc<'a>(view: &View<'a>) -> Option<&'a TlsFacts> {
    view.stream?.server_tls.as_deref()
}

/// Bits of the key; nothing while no suite is agreed on.
fn key_bits(tls: &TlsFacts) -> Option<i64> {
    (tls.bits > 0).then_some(i64::from(tls.bits))
}

fn some(text: &'static str) -> Option<&'static [u8]> {
    (!text.is_empty()).then_some(text.as_bytes())
}

/// The library's number of a fault; nothing of a connection in clear.
fn library_code(error: Option<ConnError>, is_tls: bool) -> Option<i64> {
    let code = error.and_then(|error| error.library_code());
    code.or_else(|| is_tls.then_some(0)).map(i64::from)
}

/// The library's words for a fault.
fn library_text(error: Option<ConnError>) -> Option<&'static [u8]> {
    some(error?.library?)
}
