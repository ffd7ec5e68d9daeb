//! `timeout` of proxies, and the words it had before.
//!
//! Timers of servers and checks are options of servers.

use lbd_core::Diag;

use super::directive;
use crate::registry::{self, Directive, Example, Sections, Side, TIMEOUTS, TimeoutName};
use crate::section::Site;
use crate::suggest;
use crate::units::{self, TimeUnit};
use crate::words::Words;

/// Below this a number without unit was probably meant in seconds, in milliseconds.
const SUSPICIOUS_MS: u128 = 100;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[directive(
    "timeout",
    Sections::PROXY,
    "Times that connections, requests and servers may take (4.2).",
    &[
        Example::Ok("timeout client 30s"),
        Example::Ok("timeout tunnel 1h"),
        Example::Fail(
            "timeout client",
            "expects an integer value (in milliseconds)",
        ),
        Example::Fail("timeout clinet 3s", "'timeout' supports"),
    ],
    timeout,
)];

/// Words behind `timeout`.
pub const TIMEOUTS_TABLE: &[TimeoutName] = &[
    TimeoutName {
        name: "check",
        side: Side::Back,
        field: |t| &mut t.check,
        doc: "Time of a check's answer, once connected.",
    },
    TimeoutName {
        name: "client",
        side: Side::Front,
        field: |t| &mut t.client,
        doc: "Time that a client may be silent.",
    },
    TimeoutName {
        name: "client-fin",
        side: Side::Front,
        field: |t| &mut t.client_fin,
        doc: "The same for a half-closed connection.",
    },
    TimeoutName {
        name: "client-hs",
        side: Side::Front,
        field: |t| &mut t.client_hs,
        doc: "Time of a client's handshake.",
    },
    TimeoutName {
        name: "connect",
        side: Side::Back,
        field: |t| &mut t.connect,
        doc: "Time of a connection to a server.",
    },
    TimeoutName {
        name: "http-keep-alive",
        side: Side::Both,
        field: |t| &mut t.http_keep_alive,
        doc: "Time until the next request begins.",
    },
    TimeoutName {
        name: "http-request",
        side: Side::Both,
        field: |t| &mut t.http_request,
        doc: "Time of a whole request head.",
    },
    TimeoutName {
        name: "queue",
        side: Side::Back,
        field: |t| &mut t.queue,
        doc: "Time in the queue.",
    },
    TimeoutName {
        name: "server",
        side: Side::Back,
        field: |t| &mut t.server,
        doc: "Time that a server may be silent.",
    },
    TimeoutName {
        name: "server-fin",
        side: Side::Back,
        field: |t| &mut t.server_fin,
        doc: "The same for a half-closed connection.",
    },
    TimeoutName {
        name: "tarpit",
        side: Side::Both,
        field: |t| &mut t.tarpit,
        doc: "Time that a tarpitted request is held.",
    },
    TimeoutName {
        name: "tunnel",
        side: Side::Back,
        field: |t| &mut t.tunnel,
        doc: "Time of silence in both directions of a tunnel.",
    },
];

fn timeout(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    let name = words.text()?.unwrap_or("");
    let Some(entry) = registry::timeout(name) else {
        return Err(Diag::alert(
            here,
            format!(
                "'timeout' supports 'client', 'server', 'connect', 'check', 'queue', 'handshake', \
                 'http-keep-alive', 'http-request', 'tunnel', 'tarpit', 'client-fin' and \
                 'server-fin' (got '{name}')"
            ),
        )
        .hint(suggest::hint(
            name,
            TIMEOUTS.iter().map(|timeout| timeout.name),
        )));
    };
    let bare = words
        .peek()
        .and_then(|word| word.str().ok())
        .and_then(|text| units::parse_time(text, TimeUnit::Millisecond).ok())
        .is_some_and(|time| time.bare);
    let time = words.time(&format!("timeout {name}"), TimeUnit::Millisecond)?;
    let span = words.last();
    let title = site.proxy.title();
    if bare && !time.is_zero() && time.as_millis() < SUSPICIOUS_MS {
        let ms = time.as_millis();
        site.warn(
            span,
            format!(
                "'timeout {name} {ms}' in {title} is suspiciously small for a value in \
                 milliseconds. Please use an explicit unit ('{ms}ms') if that was the intent."
            ),
        );
    }
    let lacks = match entry.side {
        Side::Front if site.section == crate::section::Section::Backend => Some("frontend"),
        Side::Back if site.section == crate::section::Section::Frontend => Some("backend"),
        _ => None,
    };
    if let Some(lacks) = lacks {
        site.warn(
            span,
            format!("'timeout {name}' will be ignored because {title} has no {lacks} capability"),
        );
    }
    *(entry.field)(&mut site.proxy.settings.timeouts) = Some(time).filter(|time| !time.is_zero());
    words.end("timeout")
}
