//! The two lines that have no format: the one of a connection without `log-format`, and the one
//! of a session that failed before it had a stream (haproxy 3.4 configuration 8.2.1 and 8.2.5).
//!
//! The severity and the target of a line are the log's business.

use super::date;
use super::encode::Out;
use crate::facts::Endpoint;
use crate::view::View;

/// `Connect from <ip>:<port> to <ip>:<port> (<frontend>/<MODE>)`.
pub fn connect_line(view: &View<'_>, is_http: bool, out: &mut Vec<u8>) {
    let mode: &[u8] = if is_http { b"HTTP" } else { b"TCP" };
    match view.dst() {
        Endpoint::Inet(dst) => {
            out.bytes(b"Connect from ");
            write_peer(view, out);
            out.bytes(b" to ");
            super::small::write_ip(dst.ip(), out);
            out.byte(b':');
            number(i64::from(dst.port()), out);
        }
        Endpoint::Unix | Endpoint::Unknown => {
            out.bytes(b"Connect to unix listener ");
            number(listener(view), out);
        }
    }
    out.bytes(b" (");
    out.bytes(frontend(view));
    out.byte(b'/');
    out.bytes(mode);
    out.byte(b')');
}

/// `<ip>:<port> [<date>] <frontend>/<bind name or id>: <message>`.
pub fn error_line(view: &View<'_>, message: &str, out: &mut Vec<u8>) {
    write_peer(view, out);
    out.bytes(b" [");
    let accepted = view
        .session
        .map_or(view.wall, |session| session.accepted_wall);
    date::write_date(accepted.secs(), view.world.utc_offset(accepted), out);
    date::write_millis(accepted.subsec_micros(), out);
    out.bytes(b"] ");
    out.bytes(frontend(view));
    out.byte(b'/');
    let name = view
        .session
        .and_then(|session| view.world.bind_name(session.frontend, session.bind));
    match name {
        Some(name) => out.bytes(name.as_bytes()),
        None => number(listener(view), out),
    }
    out.bytes(b": ");
    out.bytes(message.as_bytes());
}

fn write_peer(view: &View<'_>, out: &mut Vec<u8>) {
    match view.src() {
        Endpoint::Inet(src) => {
            super::small::write_ip(src.ip(), out);
            out.byte(b':');
            number(i64::from(src.port()), out);
        }
        Endpoint::Unix | Endpoint::Unknown => {
            out.bytes(b"unix:");
            number(listener(view), out);
        }
    }
}

fn frontend<'a>(view: &View<'a>) -> &'a [u8] {
    let proxy = view.session.map(|session| session.frontend).or(view.proxy);
    proxy.map_or(b"", |proxy| view.world.proxy_name(proxy).as_bytes())
}

fn listener(view: &View<'_>) -> i64 {
    view.session
        .map_or(0, |session| view.world.listener_uid(session.listener))
}

fn number(number: i64, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    out.bytes(buffer.format(number).as_bytes());
}
