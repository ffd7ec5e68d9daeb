//! `show errors`: the last message of each proxy that could not be understood, with its bytes.
//!
//! Workers keep them; nothing here changes them.

use std::fmt::Write;

use lbd_config::config::AccessLevel;
use lbd_http::date;
use lbd_proxy::state::{BadMessage, Generation};
use lbd_rules::facts::Endpoint;

use super::command::{ApiCommand, Call};

pub(super) const COMMANDS: &[ApiCommand] = &[ApiCommand {
    words: &["show", "errors"],
    usage: "show errors [<px>] [request|response]",
    describe: "last invalid request and response of each proxy",
    level: AccessLevel::Operator,
    run: show_errors,
}];

fn show_errors(call: &mut Call<'_>) {
    let side = call
        .args
        .iter()
        .map(String::as_str)
        .find(|a| matches!(*a, "request" | "response"));
    let wanted = call
        .args
        .iter()
        .find(|arg| !matches!(arg.as_str(), "request" | "response"));
    let generation = call.daemon.shared.current();
    if let Some(name) = wanted
        && !generation.proxies.iter().any(|proxy| *proxy.name == **name)
        && name != "-1"
    {
        return call.fail("No such proxy.");
    }
    let events = call
        .daemon
        .shared
        .process()
        .bad_messages
        .load(std::sync::atomic::Ordering::Relaxed);
    let mut now = Vec::new();
    date::push_log_date(&mut now, call.daemon.wall(), call.daemon.utc_offset);
    let _ = writeln!(
        call.out,
        "Total events captured on [{}] : {events}",
        String::from_utf8_lossy(&now)
    );
    for proxy in &generation.proxies {
        if wanted.is_some_and(|name| *proxy.name != **name && name != "-1") {
            continue;
        }
        for (word, slot) in [
            ("request", &proxy.bad_request),
            ("response", &proxy.bad_response),
        ] {
            if side.is_some_and(|side| side != word) {
                continue;
            }
            if let Some(message) = slot.lock().clone() {
                render(&message, word, &proxy.name, &generation, call);
            }
        }
    }
}

fn render(
    message: &BadMessage,
    side: &str,
    proxy: &str,
    generation: &Generation,
    call: &mut Call<'_>,
) {
    let mut when = Vec::new();
    date::push_log_date(&mut when, message.wall, call.daemon.utc_offset);
    let name = |id: lbd_core::ProxyId| generation.proxy(id).name.to_string();
    let uid = |id: lbd_core::ProxyId| generation.config.proxies[id.index()].uid.to_string();
    let kind = if side == "request" {
        "frontend"
    } else {
        "backend"
    };
    let id = if side == "request" {
        Some(message.frontend)
    } else {
        message.backend
    };
    let backend = message.backend.map_or_else(|| "<NONE>".to_owned(), name);
    let backend_id = message.backend.map_or_else(|| "-1".to_owned(), uid);
    let server = message
        .backend
        .zip(message.server)
        .and_then(|(b, s)| generation.server(b, s));
    let server_name = server.map_or("<NONE>", |server| &server.name);
    let server_id = message.server.map_or(-1, |server| i64::from(server.0) + 1);
    let source = match message.source {
        Endpoint::Inet(address) => address.to_string(),
        Endpoint::Unix | Endpoint::Unknown => "unix".to_owned(),
    };
    // Writing to a string cannot fail.
    let _ = write!(
        call.out,
        "\n[{}] {kind} {proxy} (#{}): invalid {side}\n  backend {backend} (#{backend_id}), server \
         {server_name} (#{server_id}), event #{}, src {source}\n  buffer starts at 0 (including 0 \
         out), {} free,\n  len {}, wraps at {}, error at position {}\n  session #{:#x}, streams \
         {}\n  reason: {}\n\n",
        String::from_utf8_lossy(&when),
        id.map_or_else(|| "-1".to_owned(), uid),
        message.event,
        lbd_proxy::state::proxy::MAX_CAPTURE.saturating_sub(message.bytes.len()),
        message.total,
        lbd_proxy::state::proxy::MAX_CAPTURE,
        message.offset,
        message.session,
        message.streams,
        message.reason,
    );
    dump(&message.bytes, call.out);
}

/// Bytes as the reference shows them: a line for each 48 or up to a line feed, escapes for what
/// does not print, `+` where a line goes on.
fn dump(bytes: &[u8], out: &mut String) {
    let mut at = 0;
    let mut goes_on = false;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let line = rest
            .iter()
            .take(LINE)
            .position(|&b| b == b'\n')
            .map_or(LINE, |end| end + 1);
        let line = &rest[..line.min(rest.len())];
        let _ = write!(out, "  {at:05}{} ", if goes_on { '+' } else { ' ' });
        for &byte in line {
            match byte {
                b'\n' => out.push_str("\\n"),
                b'\r' => out.push_str("\\r"),
                b'\t' => out.push_str("\\t"),
                b'\\' => out.push_str("\\\\"),
                0x20..=0x7e => out.push(char::from(byte)),
                _ => {
                    let _ = write!(out, "\\x{byte:02X}");
                }
            }
        }
        out.push('\n');
        goes_on = line.last() != Some(&b'\n');
        at += line.len();
    }
}

/// Bytes of one line of the dump.
const LINE: usize = 64;
