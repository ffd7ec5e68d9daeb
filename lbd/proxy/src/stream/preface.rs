//! The PROXY header that a server wants to read before anything else (haproxy 3.4 configuration
//! 5.2, `send-proxy` and its like; proxy-protocol.txt).
//!
//! It sends nothing.

use std::rc::Rc;

use lbd_config::config::{ProxyV2Option, SendProxy, ServerSpec};
use lbd_http::proxy_protocol::encode::{HeaderFull, V2Encoder, encode_v1};
use lbd_http::proxy_protocol::{Addresses, Command, Protocol, TlvType};
use lbd_rules::facts::{Endpoint, TlsFacts};
use lbd_tls::CertFacts;
use lbd_tls::verify::code;

use super::Stream;
use crate::session::Session;

/// Appends the header.
pub(super) fn append(session: &Session, stream: &Stream, server: &ServerSpec, out: &mut Vec<u8>) {
    let Some(send) = &server.send_proxy else {
        return;
    };
    let source = stream.facts.src.unwrap_or_else(|| session.facts.src());
    let destination = stream.facts.dst.unwrap_or_else(|| session.facts.dst());
    let addresses = match (source, destination) {
        (Endpoint::Inet(source), Endpoint::Inet(destination)) => Addresses::Inet {
            source,
            destination,
        },
        _ => Addresses::Unspecified,
    };
    if send.version == 1 {
        encode_v1(&addresses, out);
    } else {
        version_2(session, stream, send, &addresses, out);
    }
}

fn version_2(
    session: &Session,
    stream: &Stream,
    send: &SendProxy,
    addresses: &Addresses<'_>,
    out: &mut Vec<u8>,
) {
    let mut header = V2Encoder::new(out, Command::Proxy, Protocol::Stream, addresses);
    let arena = session.worker.take_arena();
    let view = session.view(Some(stream), &arena);
    let mut text = Vec::new();
    for (kind, format) in &send.tlvs {
        text.clear();
        format.render(&view, &mut text);
        // A header that is full goes without the rest: 64 KiB of additions.
        let _ = header.tlv(TlvType(*kind), &text);
    }
    session.worker.give_arena(arena);
    let has = |option| send.options.contains(&option);
    let tls = session.facts.tls.as_ref().map(Rc::as_ref);
    if let Some(protocol) = tls.and_then(|tls| tls.alpn.as_deref()) {
        let _ = header.tlv(TlvType::ALPN, protocol);
    }
    if has(ProxyV2Option::Authority) {
        let relayed = session.facts.proxy_header.as_ref();
        let relayed = relayed.and_then(|kept| kept.tlv(TlvType::AUTHORITY.0));
        if let Some(name) = relayed.or_else(|| tls?.sni.as_deref()) {
            let _ = header.tlv(TlvType::AUTHORITY, name);
        }
    }
    if has(ProxyV2Option::UniqueId)
        && let Some(id) = &stream.facts.unique_id
    {
        let _ = header.tlv(TlvType::UNIQUE_ID, id);
    }
    if send.options.iter().any(|option| option.is_of_tls()) {
        let _ = tls_facts(&mut header, tls, send);
    }
    let _ = header.finish(has(ProxyV2Option::Crc32c));
}

/// Adds what is known of the client's TLS; in clear the field says that there is none.
fn tls_facts(
    header: &mut V2Encoder<'_>,
    tls: Option<&TlsFacts>,
    send: &SendProxy,
) -> Result<(), HeaderFull> {
    let Some(tls) = tls else {
        return header.ssl(0, 0, &[]);
    };
    let has = |option| send.options.contains(&option);
    let mut client = SSL;
    if tls.peer.is_some() {
        client |= CERT_SESSION;
        if !tls.is_resumed {
            client |= CERT_CONNECTION;
        }
    }
    // The last failure counts, not the first: a leaf whose issuer is not known cannot be verified.
    let verify = match (tls.authority_error, tls.leaf_error) {
        (0, code::NO_LOCAL_ISSUER) => code::UNVERIFIABLE_LEAF,
        (0, error) | (error, _) => error,
    };
    let peer = tls.peer.as_ref().and_then(|peer| peer.facts());
    let own = tls.own.as_ref().and_then(|own| own.facts());
    let key = own.and_then(key_name);
    let name = peer.and_then(|peer| peer.common_names().next());
    let signature = own.map(|own| own.signature_algorithm.as_bytes());
    let optional = [
        (
            ProxyV2Option::CertCn,
            TlvType::SSL_CN,
            name.map(str::as_bytes),
        ),
        (
            ProxyV2Option::CertKey,
            TlvType::SSL_KEY_ALG,
            key.as_deref().map(str::as_bytes),
        ),
        (ProxyV2Option::CertSig, TlvType::SSL_SIG_ALG, signature),
        (
            ProxyV2Option::SslCipher,
            TlvType::SSL_CIPHER,
            Some(tls.cipher.as_bytes()),
        ),
    ];
    let wanted = optional
        .into_iter()
        .filter(|(option, _, _)| has(*option))
        .filter_map(|(_, kind, value)| Some((kind, value?)));
    let version = (TlvType::SSL_VERSION, tls.version.as_bytes());
    let fields: Vec<(TlvType, &[u8])> = std::iter::once(version).chain(wanted).collect();
    header.ssl(client, verify, &fields)
}

/// Kind and bits of a key: `RSA2048`, `EC256`; `None` for other kinds, as in the reference.
fn key_name(own: &CertFacts) -> Option<String> {
    let kind = match own.key_algorithm {
        "rsaEncryption" => "RSA",
        "id-ecPublicKey" => "EC",
        _ => return None,
    };
    Some(format!("{kind}{}", own.key_bits))
}

/// The client speaks TLS (proxy-protocol.txt 2.2.6).
const SSL: u8 = 0x01;
/// It showed a certificate on this connection.
const CERT_CONNECTION: u8 = 0x02;
/// It showed a certificate in this session.
const CERT_SESSION: u8 = 0x04;
