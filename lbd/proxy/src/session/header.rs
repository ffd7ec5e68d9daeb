//! Headers that another proxy sends before everything else: PROXY and NetScaler's.
//!
//! What they say is read by `lbd_http::proxy_protocol`.

use lbd_core::Time;
use lbd_http::Status;
use lbd_http::proxy_protocol::{self, Addresses, Command, ProxyError};
use lbd_rules::facts::{Endpoint, ProxyHeader};

use super::Session;
use crate::term::StreamError;

/// Reads more of a header that comes before everything else.
async fn fill(session: &mut Session, begun: Time) -> Result<(), &'static str> {
    let spec = session.spec();
    let limit = spec.timeouts.client_hs.or(spec.timeouts.client);
    match session.fill(limit.map(|limit| begun + limit)).await {
        Ok(0) if session.input.is_empty() => {
            Err("Connection closed while waiting for PROXY protocol header")
        }
        Ok(0) => Err("Truncated PROXY protocol header received"),
        Ok(_) => Ok(()),
        Err(StreamError::ClientTimeout) => Err("Timeout during PROXY protocol header reception"),
        Err(StreamError::Ended(_)) => Err("Connection killed"),
        Err(_) => Err("Connection error while waiting for PROXY protocol header"),
    }
}

pub(super) async fn read_proxy(session: &mut Session) -> Result<(), &'static str> {
    let begun = session.now();
    loop {
        fill(session, begun).await?;
        let (addresses, command, tlvs, consumed) =
            match proxy_protocol::decode(session.input.data()) {
                Ok(Status::Complete(header)) => {
                    let addresses = match header.addresses {
                        Addresses::Inet {
                            source,
                            destination,
                        } => Some((Endpoint::Inet(source), Endpoint::Inet(destination))),
                        Addresses::Unix { .. } => Some((Endpoint::Unix, Endpoint::Unix)),
                        Addresses::Unspecified => None,
                    };
                    let mut tlvs = Vec::new();
                    for tlv in header.tlvs.clone() {
                        tlvs.push(tlv.kind.0);
                        let len = u16::try_from(tlv.value.len()).unwrap_or(0);
                        tlvs.extend_from_slice(&len.to_be_bytes());
                        tlvs.extend_from_slice(tlv.value);
                    }
                    (addresses, header.command, tlvs, header.consumed)
                }
                Ok(Status::Partial) if !session.input.is_full() => continue,
                Ok(Status::Partial) => return Err("Invalid PROXY protocol header"),
                Err(ProxyError::Signature | ProxyError::Version) => {
                    return Err(
                        "Received something which does not look like a PROXY protocol header",
                    );
                }
                Err(ProxyError::Family) => {
                    return Err("Received an unhandled protocol in the PROXY protocol header");
                }
                Err(_) => return Err("Received an invalid PROXY protocol header"),
            };
        session.input.eat(consumed);
        if command == Command::Proxy
            && let Some((source, destination)) = addresses
        {
            session.facts.src = Some(Box::new(source));
            session.facts.dst = Some(Box::new(destination));
            session.live.source.set(source);
        }
        session.facts.proxy_header = Some(Box::new(ProxyHeader { tlvs: tlvs.into() }));
        session.facts.handshake = session.now().since(begun);
        return Ok(());
    }
}

/// NetScaler's header: magic, length, then the client's IP and TCP headers, of which addresses and
/// ports are taken (haproxy 3.4 configuration 5.1, `accept-netscaler-cip`).
pub(super) async fn read_cip(session: &mut Session) -> Result<(), &'static str> {
    const FAULT: &str = "Received an invalid NetScaler Client IP header";
    let begun = session.now();
    let binds = &session.spec().frontend.binds;
    let magic = binds
        .get(session.facts.bind.index())
        .and_then(|bind| bind.options.netscaler_cip)
        .unwrap_or(CIP_MAGIC);
    loop {
        fill(session, begun).await?;
        match crate::cip::decode(session.input.data(), magic) {
            Ok(None) if session.input.is_full() => return Err(FAULT),
            Ok(None) => {}
            Err(()) => return Err(FAULT),
            Ok(Some((source, destination, consumed))) => {
                session.input.eat(consumed);
                session.facts.src = Some(Box::new(Endpoint::Inet(source)));
                session.facts.dst = Some(Box::new(Endpoint::Inet(destination)));
                session.live.source.set(session.facts.src());
                session.facts.handshake = session.now().since(begun);
                return Ok(());
            }
        }
    }
}

/// Magic of NetScaler's header unless the `bind` line gives another one.
const CIP_MAGIC: u32 = 0xcafe_f00d;
