//! `show|new|set|add|commit|abort|del ssl ca-file`, and of `crl-file` all but `add`.

use std::fmt::Write;

use lbd_config::config::AccessLevel;
use lbd_tls::store::{Status, TrustKind, TrustView};

use super::{command, committed, shown, text};
use crate::api::command::{ApiCommand, Call};

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["abort", "ssl", "ca-file"],
        "abort ssl ca-file <cafile>",
        "abort a transaction for a CA file",
        AccessLevel::Admin,
        |call| abort(call, TrustKind::Ca),
    ),
    command(
        &["abort", "ssl", "crl-file"],
        "abort ssl crl-file <crlfile>",
        "abort a transaction for a CRL file",
        AccessLevel::Admin,
        |call| abort(call, TrustKind::Crl),
    ),
    command(
        &["add", "ssl", "ca-file"],
        "add ssl ca-file <cafile> <payload>",
        "add a certificate into the CA file",
        AccessLevel::Admin,
        |call| set(call, TrustKind::Ca, true),
    ),
    command(
        &["commit", "ssl", "ca-file"],
        "commit ssl ca-file <cafile>",
        "commit a CA file",
        AccessLevel::Admin,
        |call| commit(call, TrustKind::Ca),
    ),
    command(
        &["commit", "ssl", "crl-file"],
        "commit ssl crl-file <crlfile>",
        "commit a CRL file",
        AccessLevel::Admin,
        |call| commit(call, TrustKind::Crl),
    ),
    command(
        &["del", "ssl", "ca-file"],
        "del ssl ca-file <cafile>",
        "delete an unused CA file",
        AccessLevel::Admin,
        |call| delete(call, TrustKind::Ca),
    ),
    command(
        &["del", "ssl", "crl-file"],
        "del ssl crl-file <crlfile>",
        "delete an unused CRL file",
        AccessLevel::Admin,
        |call| delete(call, TrustKind::Crl),
    ),
    command(
        &["new", "ssl", "ca-file"],
        "new ssl ca-file <cafile>",
        "create a new CA file to be used in a crt-list",
        AccessLevel::Admin,
        |call| new(call, TrustKind::Ca),
    ),
    command(
        &["new", "ssl", "crl-file"],
        "new ssl crl-file <crlfile>",
        "create a new CRL file to be used in a crt-list",
        AccessLevel::Admin,
        |call| new(call, TrustKind::Crl),
    ),
    command(
        &["set", "ssl", "ca-file"],
        "set ssl ca-file <cafile> <payload>",
        "replace a CA file",
        AccessLevel::Admin,
        |call| set(call, TrustKind::Ca, false),
    ),
    command(
        &["set", "ssl", "crl-file"],
        "set ssl crl-file <crlfile> <payload>",
        "replace a CRL file",
        AccessLevel::Admin,
        |call| set(call, TrustKind::Crl, false),
    ),
    command(
        &["show", "ssl", "ca-file"],
        "show ssl ca-file [<cafile>[:<index>]]",
        "display the SSL CA files used in memory, or the details of a <cafile>, or a single \
         certificate of index <index> of a CA file <cafile>",
        AccessLevel::Operator,
        |call| show(call, TrustKind::Ca),
    ),
    command(
        &["show", "ssl", "crl-file"],
        "show ssl crl-file [<crlfile[:<index>>]]",
        "display the SSL CRL files used in memory, or the details of a <crlfile>, or a single CRL \
         of index <index> of CRL file <crlfile>",
        AccessLevel::Operator,
        |call| show(call, TrustKind::Crl),
    ),
];

/// The word of commands.
fn word(kind: TrustKind) -> &'static str {
    match kind {
        TrustKind::Ca => "ca-file",
        TrustKind::Crl => "crl-file",
    }
}

/// The name that a command needs; a missing one is said.
fn named(call: &mut Call<'_>, kind: TrustKind, verb: &str) -> Option<String> {
    let name = call.args.first().cloned();
    if name.is_none() {
        // The reference's words, of which one is not changed from the other command.
        let word = match (verb, kind) {
            ("commit", TrustKind::Crl) => word(TrustKind::Ca),
            _ => word(kind),
        };
        call.fail(&format!("'{verb} ssl {word}' expects a filename"));
    }
    name
}

fn new(call: &mut Call<'_>, kind: TrustKind) {
    let Some(name) = named(call, kind, "new") else {
        return;
    };
    match call.daemon.config().tls.store.new_trust(kind, &name) {
        Ok(()) => {
            let _ = writeln!(call.out, "New {} file created '{name}'!", kind.title());
        }
        Err(text) => call.fail(&text),
    }
}

fn set(call: &mut Call<'_>, kind: TrustKind, adds: bool) {
    let title = kind.title();
    let Some(name) = call.args.first().filter(|_| !call.payload.is_empty()) else {
        let word = word(kind);
        return call.fail(&format!(
            "'set ssl {word}' expects a filename and {title}s as a payload"
        ));
    };
    let store = &call.daemon.config().tls.store;
    match store.set_trust(kind, name, call.payload.as_bytes(), adds) {
        Ok(is_new) => {
            let what = if is_new { "created" } else { "updated" };
            let _ = writeln!(call.out, "transaction {what} for {title} {name}!");
        }
        Err(text) => call.fail(&format!("{text}\nCan't update {name}!")),
    }
}

fn commit(call: &mut Call<'_>, kind: TrustKind) {
    let Some(name) = named(call, kind, "commit") else {
        return;
    };
    let done = call.daemon.config().tls.store.commit_trust(kind, &name);
    committed(call, &name, done);
}

fn abort(call: &mut Call<'_>, kind: TrustKind) {
    let Some(name) = named(call, kind, "abort") else {
        return;
    };
    match call.daemon.config().tls.store.abort_trust(kind, &name) {
        Ok(()) => {
            let _ = writeln!(call.out, "Transaction aborted for certificate '{name}'!");
        }
        Err(text) => call.fail(&text),
    }
}

fn delete(call: &mut Call<'_>, kind: TrustKind) {
    let title = kind.title();
    let Some(name) = call.args.first() else {
        let word = word(kind);
        return call.fail(&format!("'del ssl {word}' expects a {title} file name"));
    };
    match call.daemon.config().tls.store.delete_trust(kind, name) {
        Ok(()) => {
            let _ = writeln!(call.out, "{title} file '{name}' deleted!");
        }
        Err(text) => call.fail(&format!("Can't remove the {title} file: {text}")),
    }
}

fn show(call: &mut Call<'_>, kind: TrustKind) {
    let (files, change) = call.daemon.config().tls.store.trust_files(kind);
    let Some(asked) = call.args.first() else {
        if let Some(change) = &change {
            call.out.push_str("# transaction\n*");
            list_line(call.out, kind, change);
        }
        if !files.is_empty() {
            call.out.push_str("# filename\n");
        }
        for file in &files {
            list_line(call.out, kind, file);
        }
        return;
    };
    let (asked, in_change) = shown(asked);
    let find = |name: &str| match in_change {
        true => change.iter().find(|view| &*view.name == name),
        false => files.iter().find(|view| &*view.name == name),
    };
    let found = match (find(asked), asked.rsplit_once(':')) {
        (Some(view), _) => Some((view, None)),
        (None, None) => None,
        (None, Some((name, index))) => match index.parse() {
            Ok(index @ 1..) => find(name).map(|view| (view, Some(index))),
            _ => {
                let title = kind.title();
                let text = format!("wrong {title} index after colons in '{asked}'!");
                return call.fail(&text);
            }
        },
    };
    match found {
        Some((view, index)) => one(call.out, kind, view, index),
        None => call.fail(&format!(
            "Can't display the {} file : Not found!",
            kind.title()
        )),
    }
}

fn list_line(out: &mut String, kind: TrustKind, view: &TrustView) {
    let name = &view.name;
    let _ = match kind {
        TrustKind::Ca => {
            let count = view.file.certificates.len();
            writeln!(out, "{name} - {count} certificate(s)")
        }
        TrustKind::Crl => writeln!(out, "{name}"),
    };
}

fn one(out: &mut String, kind: TrustKind, view: &TrustView, index: Option<usize>) {
    let count = match kind {
        TrustKind::Ca => view.file.certificates.len(),
        TrustKind::Crl => view.file.crls.len(),
    };
    let is_listed = |at: usize| index.is_none_or(|index| index == at + 1);
    // As in the reference nothing is said of a file of authorities without the one asked for.
    if !(0..count).any(is_listed) && kind == TrustKind::Ca {
        return;
    }
    let mark = match view.status {
        Status::Uncommitted => "*",
        _ => "",
    };
    let _ = writeln!(
        out,
        "Filename: {mark}{}\nStatus: {}",
        view.name,
        view.status.text()
    );
    for at in (0..count).filter(|at| is_listed(*at)) {
        let number = at + 1;
        match kind {
            TrustKind::Ca => {
                let _ = writeln!(out, " \nCertificate #{number}:");
                text::certificate(out, &view.file.certificates[at]);
            }
            TrustKind::Crl => {
                let _ = writeln!(out, " \nCertificate Revocation List #{number}:");
                text::crl(out, &view.file.crls[at]);
            }
        }
    }
}
