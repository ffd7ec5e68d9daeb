//! `show tls-keys`, `set ssl tls-key`: keys of session tickets that files gave.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lbd_config::config::AccessLevel;
use lbd_tls::store::TicketFile;
use peers::proto::words::{Subject, Thing};

use super::command;
use crate::api::command::{ApiCommand, Call};

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["set", "ssl", "tls-key"],
        "set ssl tls-key [id|file] <key>",
        "set the next TLS key for the <id> or <file> listener to <key>",
        AccessLevel::Admin,
        set,
    ),
    command(
        &["show", "tls-keys"],
        "show tls-keys [id|*]",
        "show tls keys references or dump tls ticket keys when id specified",
        AccessLevel::Admin,
        show,
    ),
];

/// The file of `#<id>` or of a name, with its number.
fn find(files: &[TicketFile], name: &str) -> Option<usize> {
    match name.strip_prefix('#') {
        Some(id) => id.parse().ok().filter(|id| *id < files.len()),
        None => files.iter().position(|file| &*file.name == name),
    }
}

fn show(call: &mut Call<'_>) {
    let files = call.daemon.config().tls.store.ticket_files();
    let listed: Vec<usize> = match call.args.first().map(String::as_str) {
        None => {
            call.out.push_str("# id (file)\n");
            for (at, file) in files.iter().enumerate() {
                let _ = writeln!(call.out, "{at} ({})", file.name);
            }
            return;
        }
        Some("*") => (0..files.len()).collect(),
        Some(name) => match find(&files, name) {
            Some(at) => vec![at],
            None => return call.fail("'show tls-keys' unable to locate referenced filename"),
        },
    };
    call.out.push_str("# id secret\n");
    for at in listed {
        let file = &files[at];
        let _ = writeln!(call.out, "# {at} ({})", file.name);
        for (number, secret) in file.tickets.secrets().iter().enumerate() {
            let _ = writeln!(call.out, "{at}.{number} {}", STANDARD.encode(secret));
        }
    }
}

fn set(call: &mut Call<'_>) {
    let (Some(name), Some(key)) = (call.args.first(), call.args.get(1)) else {
        return call
            .fail("'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.");
    };
    let files = call.daemon.config().tls.store.ticket_files();
    let Some(at) = find(&files, name) else {
        return call.fail("'set ssl tls-key' unable to locate referenced filename");
    };
    let Ok(secret) = STANDARD.decode(key) else {
        return call.fail("'set ssl tls-key' received invalid base64 encoded TLS key.");
    };
    if !files[at].tickets.push(&secret) {
        return call.fail("'set ssl tls-key' received a key of wrong size.");
    }
    call.out.push_str("TLS ticket key updated!\n");
    let all = files[at].tickets.secrets();
    let all: Vec<_> = all.iter().map(|secret| STANDARD.encode(secret)).collect();
    let thing = Thing {
        subject: Subject::TicketKeys,
        scope: files[at].name.to_string(),
        key: String::new(),
    };
    call.announce(thing, Some(&all.join(",")));
}
