//! Fields that lbd adds to a request by itself: who the client is, ids, what the connection does.
//!
//! It does not touch framing fields: those say what the codec found.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use lbd_config::config::{ConnectionMode, ForwardFor, ForwardedNode, ForwardedSpec};
use lbd_core::Value;
use lbd_http::Framing;
use lbd_http::h1::{connection_add, frame_request};
use lbd_rules::facts::Endpoint;
use lbd_rules::view::View;

use crate::session::Session;
use crate::stream::{Halt, Stream};
use crate::term::StreamError;

/// Edits the request for the server, after all rules.
pub(super) fn prepare_request(session: &Session, stream: &mut Stream) -> Result<(), Halt> {
    let bound = Rc::clone(&session.bound);
    let proxies = &bound.generation.config.proxies;
    let frontend = &proxies[session.frontend.index()];
    let backend = stream.backend.map_or(frontend, |id| &proxies[id.index()]);
    let full = |_| Halt::Error(StreamError::ClientFault(431));
    let source = stream.facts.src.unwrap_or_else(|| session.facts.src()).ip();
    let destination = stream.facts.dst.unwrap_or_else(|| session.facts.dst()).ip();
    if let Some(ip) = source {
        let specs = [&frontend.options.forwardfor, &backend.options.forwardfor];
        add_address(stream, specs, ip).map_err(full)?;
    }
    if let Some(ip) = destination {
        let specs = [&frontend.options.originalto, &backend.options.originalto];
        add_address(stream, specs, ip).map_err(full)?;
    }
    if let Some(spec) = &backend.options.forwarded {
        let mut value = session.worker.take_bytes();
        let arena = session.worker.take_arena();
        forwarded(spec, &session.view(Some(stream), &arena), &mut value);
        session.worker.give_arena(arena);
        let added = stream.request.add(b"forwarded", &value);
        session.worker.give_bytes(value);
        added.map_err(full)?;
    }
    // RFC 8470 5.1: whoever passes on what may be a replay says so.
    let tls = session.facts.tls.as_ref();
    if tls.is_some_and(|tls| tls.has_early()) && stream.request.first(b"early-data").is_none() {
        stream.request.add(b"early-data", b"1").map_err(full)?;
    }
    if let (Some(name), Some(id)) = (&frontend.frontend.unique_id_header, &stream.facts.unique_id) {
        stream.request.add(name, id).map_err(full)?;
    }
    if !stream.parsed.connect {
        frame_request(&mut stream.request, stream.parsed.framing).map_err(full)?;
    }
    if !stream.parsed.upgrade && !stream.parsed.connect {
        let closes = server_closes(session, stream);
        let pretends = backend.options.pretend_keepalive;
        if closes && !pretends {
            // The older version closes without being told.
            if stream.parsed.version_11 {
                connection_add(&mut stream.request, b"close").map_err(full)?;
            }
        } else if !stream.parsed.version_11 && stream.parsed.framing != Framing::Chunked {
            connection_add(&mut stream.request, b"keep-alive").map_err(full)?;
        }
    }
    Ok(())
}

/// Whether the server's connection ends after the response (`http-server-close`, `httpclose`).
pub(super) fn server_closes(session: &Session, stream: &Stream) -> bool {
    let proxies = &session.bound.generation.config.proxies;
    let mode = |id: lbd_core::ProxyId| proxies[id.index()].options.connection;
    // A frontend's `httpclose` is about its clients only.
    mode(session.frontend) == ConnectionMode::ServerClose
        || stream
            .backend
            .is_some_and(|id| mode(id) != ConnectionMode::KeepAlive)
}

fn add_address(
    stream: &mut Stream,
    specs: [&Option<ForwardFor>; 2],
    ip: IpAddr,
) -> Result<(), lbd_http::HeadFull> {
    // The backend's header name wins; an exception of either side holds.
    let mut given = specs.into_iter().flatten();
    let Some(first) = given.next() else {
        return Ok(());
    };
    let spec = given.next().unwrap_or(first);
    let is_exempt = specs
        .into_iter()
        .flatten()
        .any(|spec| spec.except.is_some_and(|(net, bits)| in_net(ip, net, bits)));
    let only_new = specs.into_iter().flatten().any(|spec| spec.if_none);
    if is_exempt || (only_new && stream.request.first(&spec.header).is_some()) {
        return Ok(());
    }
    let mut text = AddressText { bytes: [0; 48] };
    stream.request.add(&spec.header, text.format(ip))
}

/// Whether an address lies in a network of that many bits.
pub(super) fn in_net(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(bits.min(32)))
                .unwrap_or(0);
            u32::from(ip) & mask == u32::from(net) & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(bits.min(128)))
                .unwrap_or(0);
            u128::from(ip) & mask == u128::from(net) & mask
        }
        _ => false,
    }
}

/// Room for the text of an address, without an allocation.
struct AddressText {
    bytes: [u8; 48],
}

impl AddressText {
    fn format(&mut self, ip: IpAddr) -> &[u8] {
        use std::io::Write;
        let mut rest = &mut self.bytes[..];
        // The longest text of an address has 45 bytes.
        let _ = write!(rest, "{ip}");
        let left = rest.len();
        &self.bytes[..48 - left]
    }
}

/// The value of `forwarded` (RFC 7239).
fn forwarded(spec: &ForwardedSpec, view: &View<'_>, out: &mut Vec<u8>) {
    if spec.proto {
        out.extend_from_slice(b"proto=http");
    }
    if let Some(host) = &spec.host {
        separate(out);
        out.extend_from_slice(b"host=");
        let value = match host {
            ForwardedNode::Default => view.request.and_then(|head| head.first(b"host")),
            ForwardedNode::Expr(expr) => expr.bytes(view).filter(|text| is_host(text)),
        };
        quoted(value.unwrap_or_default(), out);
    }
    node(
        b"by=",
        spec.by.as_ref(),
        spec.by_port.as_ref(),
        view.dst(),
        view,
        out,
    );
    node(
        b"for=",
        spec.for_.as_ref(),
        spec.for_port.as_ref(),
        view.src(),
        view,
        out,
    );
}

fn separate(out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(b';');
    }
}

fn node(
    name: &[u8],
    address: Option<&ForwardedNode>,
    port: Option<&ForwardedNode>,
    natural: Endpoint,
    view: &View<'_>,
    out: &mut Vec<u8>,
) {
    if address.is_none() && port.is_none() {
        return;
    }
    separate(out);
    out.extend_from_slice(name);
    let mut text = Vec::new();
    let mut is_plain = true;
    match address {
        None => text.extend_from_slice(b"unknown"),
        Some(ForwardedNode::Default) => match natural.ip() {
            Some(IpAddr::V4(ip)) => text.extend_from_slice(ip.to_string().as_bytes()),
            Some(IpAddr::V6(ip)) => {
                is_plain = false;
                text.extend_from_slice(format!("[{ip}]").as_bytes());
            }
            None => text.extend_from_slice(b"unknown"),
        },
        Some(ForwardedNode::Expr(expr)) => {
            is_plain = expr_name(expr.value(view).value(), &mut text);
        }
    }
    match port {
        None => {}
        Some(ForwardedNode::Default) => {
            is_plain = false;
            text.push(b':');
            text.extend_from_slice(natural.port().unwrap_or(0).to_string().as_bytes());
        }
        Some(ForwardedNode::Expr(expr)) => {
            let value = expr.bytes(view).unwrap_or_default();
            let is_port = std::str::from_utf8(value).is_ok_and(|text| text.parse::<u16>().is_ok());
            if is_port || is_obfuscation(value) {
                is_plain = false;
                text.push(b':');
                obfuscate(value, is_port, &mut text);
            }
        }
    }
    if is_plain
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    {
        out.extend_from_slice(&text);
    } else {
        quoted(&text, out);
    }
}

/// A node's name from an expression: an address, `unknown`, or a name made an obfuscated one
/// (RFC 7239 6.3). False when it needs quotes.
fn expr_name(value: Option<Value<'_>>, out: &mut Vec<u8>) -> bool {
    match value {
        Some(Value::Ipv6(ip)) => {
            out.extend_from_slice(format!("[{ip}]").as_bytes());
            return false;
        }
        Some(Value::Ipv4(ip)) => out.extend_from_slice(ip.to_string().as_bytes()),
        Some(Value::Int(number)) => {
            obfuscate(number.to_string().as_bytes(), false, out);
        }
        Some(Value::Bool(flag)) => obfuscate(if flag { b"1" } else { b"0" }, false, out),
        Some(Value::Str(text) | Value::Bin(text) | Value::Method(text)) if is_obfuscation(text) => {
            let is_v4 = std::str::from_utf8(text).is_ok_and(|t| t.parse::<Ipv4Addr>().is_ok());
            obfuscate(text, is_v4 || text == b"unknown", out);
        }
        _ => out.extend_from_slice(b"unknown"),
    }
    true
}

fn obfuscate(text: &[u8], as_it_is: bool, out: &mut Vec<u8>) {
    if !as_it_is && !text.starts_with(b"_") {
        out.push(b'_');
    }
    out.extend_from_slice(text);
}

/// Whether an obfuscated identifier can be made of `text` (RFC 7239 6.3).
fn is_obfuscation(text: &[u8]) -> bool {
    let is_allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !text.is_empty() && text.iter().all(is_allowed)
}

/// Whether `text` can stand as a host and port, as far as its characters say.
fn is_host(text: &[u8]) -> bool {
    let is_allowed =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'[' | b']');
    text.iter().all(is_allowed)
}

fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
