//! `show|new|set|commit|abort|del|dump ssl cert`.

use std::fmt::Write;
use std::sync::Arc;

use lbd_config::config::AccessLevel;
use lbd_tls::ocsp::Reply;
use lbd_tls::store::{CertView, Status};

use super::{command, committed, now, ocsp, shown, text};
use crate::api::command::{ApiCommand, Call};

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["abort", "ssl", "cert"],
        "abort ssl cert <certfile>",
        "abort a transaction for a certificate file",
        AccessLevel::Admin,
        abort,
    ),
    command(
        &["commit", "ssl", "cert"],
        "commit ssl cert <certfile>",
        "commit a certificate file",
        AccessLevel::Admin,
        commit,
    ),
    command(
        &["del", "ssl", "cert"],
        "del ssl cert <certfile>",
        "delete an unused certificate file",
        AccessLevel::Admin,
        delete,
    ),
    command(
        &["dump", "ssl", "cert"],
        "dump ssl cert <certfile>",
        "dump the SSL certificates in PEM format",
        AccessLevel::Admin,
        dump,
    ),
    command(
        &["new", "ssl", "cert"],
        "new ssl cert <certfile>",
        "create a new certificate file to be used in a crt-list or a directory",
        AccessLevel::Admin,
        new,
    ),
    command(
        &["set", "ssl", "cert"],
        "set ssl cert <certfile> <payload>",
        "replace a certificate file",
        AccessLevel::Admin,
        set,
    ),
    command(
        &["show", "ssl", "cert"],
        "show ssl cert [<certfile>]",
        "display the SSL certificates used in memory, or the details of a file",
        AccessLevel::Operator,
        show,
    ),
];

/// Said of a name that shows nothing.
const NOT_FOUND: &str = "Can't display the certificate: Not found or the certificate is a bundle!";

fn new(call: &mut Call<'_>) {
    let Some(name) = call.args.first() else {
        return call.fail("'new ssl cert' expects a filename");
    };
    match call.daemon.config().tls.store.new_certificate(name) {
        Ok(()) => {
            let _ = writeln!(call.out, "New empty certificate store '{name}'!");
        }
        Err(text) => call.fail(&text),
    }
}

fn set(call: &mut Call<'_>) {
    let Some(name) = call.args.first().filter(|_| !call.payload.is_empty()) else {
        return call.fail("'set ssl cert' expects a filename and a certificate as a payload");
    };
    let store = &call.daemon.config().tls.store;
    match store.set_certificate(name, call.payload.as_bytes()) {
        Ok((name, is_new)) => {
            let what = if is_new { "created" } else { "updated" };
            let _ = writeln!(call.out, "Transaction {what} for certificate {name}!");
        }
        Err(text) => call.fail(&format!("{text}\nCan't update {name}!")),
    }
}

fn commit(call: &mut Call<'_>) {
    let Some(name) = call.args.first() else {
        return call.fail("'commit ssl cert' expects a filename");
    };
    let now = now(call);
    let store = &call.daemon.config().tls.store;
    let done = store.commit_certificate(name, now);
    committed(call, name, done);
}

fn abort(call: &mut Call<'_>) {
    let Some(name) = call.args.first() else {
        return call.fail("'abort ssl cert' expects a filename");
    };
    match call.daemon.config().tls.store.abort_certificate(name) {
        Ok(()) => {
            let _ = writeln!(call.out, "Transaction aborted for certificate '{name}'!");
        }
        Err(text) => call.fail(&text),
    }
}

fn delete(call: &mut Call<'_>) {
    let Some(name) = call.args.first() else {
        return call.fail("'del ssl cert' expects a certificate name");
    };
    match call.daemon.config().tls.store.delete_certificate(name) {
        Ok(()) => {
            let _ = writeln!(call.out, "Certificate '{name}' deleted!");
        }
        Err(text) => call.fail(&format!("Can't remove the certificate: {text}")),
    }
}

fn view(call: &Call<'_>, name: &str) -> Option<CertView> {
    let (name, in_change) = shown(name);
    let store = &call.daemon.config().tls.store;
    store.view_certificate(name, in_change)
}

fn dump(call: &mut Call<'_>) {
    let found = view(call, call.arg(0));
    match found {
        None => call.fail(NOT_FOUND),
        Some(view) => {
            let text = view.material.map(|material| material.to_pem());
            call.out.push_str(&text.unwrap_or_default());
        }
    }
}

fn show(call: &mut Call<'_>) {
    let Some(name) = call.args.first() else {
        return list(call);
    };
    if let Some(found) = view(call, name) {
        let key = match found.status {
            Status::Uncommitted => None,
            _ => call.daemon.config().tls.store.answer_key(&found),
        };
        return one(call.out, &found, key.as_deref());
    }
    // The answer about a certificate is shown by the name of its file.
    let stem = name.strip_suffix(".ocsp");
    let found = stem.and_then(|stem| view(call, stem));
    let Some(found) = found else {
        return call.fail(NOT_FOUND);
    };
    let reply = match found.status {
        Status::Uncommitted => {
            let der = found.material.and_then(|material| material.ocsp);
            der.and_then(|der| Reply::read(&der).ok()).map(Arc::new)
        }
        _ => {
            let answer = call.daemon.config().tls.store.answer(&found.name);
            answer.and_then(|answer| answer.reply)
        }
    };
    if let Some(reply) = reply {
        ocsp::reply(call.out, &reply);
    }
}

fn list(call: &mut Call<'_>) {
    let (names, change) = call.daemon.config().tls.store.certificate_names();
    if let Some(change) = change {
        let _ = writeln!(call.out, "# transaction\n*{change}");
    }
    if !names.is_empty() {
        call.out.push_str("# filename\n");
    }
    for name in names {
        let _ = writeln!(call.out, "{name}");
    }
}

fn one(out: &mut String, view: &CertView, key: Option<&[u8]>) {
    let mark = match view.status {
        Status::Uncommitted => "*",
        _ => "",
    };
    let _ = writeln!(out, "Filename: {mark}{}", view.name);
    let source = &view.source;
    for (what, file) in [
        ("Crt", &source.crt),
        ("Key", &source.key),
        ("OCSP", &source.ocsp),
        ("OCSP Issuer", &source.issuer),
        ("SCTL", &source.sctl),
    ] {
        if let Some(file) = file {
            let _ = writeln!(out, "{what} filename: {file}");
        }
    }
    let updates = match view.options.ocsp_update {
        Some(true) => "on",
        _ => "off",
    };
    let _ = write!(
        out,
        "Option: ocsp-update {updates}\nOption: jwt off\nStatus: {}\n",
        view.status.text()
    );
    if let Some(material) = &view.material {
        if let Some(file) = &material.chain_file {
            let _ = writeln!(out, "Chain Filename: {file}");
        }
        if let Some(leaf) = &material.leaf {
            text::certificate(out, leaf);
        }
        for der in &material.chain {
            text::chain_link(out, der);
        }
    }
    let key = text::hex(key.unwrap_or_default()).to_ascii_lowercase();
    let _ = writeln!(out, "OCSP Response Key: {key}");
}
