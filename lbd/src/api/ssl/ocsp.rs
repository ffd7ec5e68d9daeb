//! `show ssl ocsp-response`, `show ssl ocsp-updates`, `set ssl ocsp-response`, `update ssl
//! ocsp-response`.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lbd_config::config::AccessLevel;
use lbd_core::WallTime;
use lbd_tls::ocsp::{Reply, Responder, Verdict};
use lbd_tls::pem;

use super::{command, now, text};
use crate::api::command::{ApiCommand, Call};

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["set", "ssl", "ocsp-response"],
        "set ssl ocsp-response <resp|payload>",
        "update a certificate's OCSP Response from a base64-encode DER",
        AccessLevel::Admin,
        set,
    ),
    command(
        &["show", "ssl", "ocsp-response"],
        "show ssl ocsp-response [[text|base64] id]",
        "display the IDs of the OCSP responses used in memory, or the details of a single OCSP \
         response (in text or base64 format)",
        AccessLevel::Admin,
        show,
    ),
    command(
        &["show", "ssl", "ocsp-updates"],
        "show ssl ocsp-updates",
        "display information about the next 'nb' ocsp responses that will be updated automatically",
        AccessLevel::Admin,
        updates,
    ),
    command(
        &["update", "ssl", "ocsp-response"],
        "update ssl ocsp-response <certfile>",
        "send ocsp request and update stored ocsp response",
        AccessLevel::Admin,
        update,
    ),
];

fn set(call: &mut Call<'_>) {
    let said = match (call.payload.is_empty(), call.args.first()) {
        (false, _) => call.payload.to_owned(),
        (true, Some(word)) => word.clone(),
        (true, None) => {
            return call.fail("'set ssl ocsp-response' expects response in base64 encoding.");
        }
    };
    let bare: String = said.split_whitespace().collect();
    let Ok(der) = STANDARD.decode(bare) else {
        return call.fail("'set ssl ocsp-response' received invalid base64 encoded response.");
    };
    let now = now(call);
    match call.daemon.config().tls.store.set_answer(&der, now) {
        Ok(()) => call.out.push_str("OCSP Response updated!\n"),
        Err(text) => call.fail(&format!("{}.", text.trim_end_matches('.'))),
    }
}

fn show(call: &mut Call<'_>) {
    let (is_text, name) = match call.args {
        [] => return list(call),
        [word] if word != "text" && word != "base64" => (true, Some(word)),
        [word, rest @ ..] if word == "text" => (true, rest.first()),
        [word, rest @ ..] if word == "base64" => (false, rest.first()),
        [word, ..] => (true, Some(word)),
    };
    let Some(name) = name else {
        return call.fail("'show ssl ocsp-response' expects a valid certid or certificate path.");
    };
    let Some(found) = call.daemon.config().tls.store.answer(name) else {
        return call.fail("'show ssl ocsp-response' expects a valid certid or certificate path.");
    };
    let Some(found) = found.reply else {
        return;
    };
    match is_text {
        true => reply(call.out, &found),
        false => {
            let _ = writeln!(call.out, "{}", STANDARD.encode(&found.der));
        }
    }
}

fn list(call: &mut Call<'_>) {
    let answers = call.daemon.config().tls.store.answers();
    if !answers.is_empty() {
        call.out.push_str("# Certificate IDs\n");
    }
    for view in answers {
        let key = text::hex(&view.key);
        let _ = write!(
            call.out,
            "Certificate ID key : {}\nCertificate path : {}\n Certificate ID:\n",
            key.to_ascii_lowercase(),
            view.path
        );
        if let Some((name, issuer, serial)) = parts(&view.key) {
            let _ = write!(
                call.out,
                "   Issuer Name Hash: {}\n   Issuer Key Hash: {}\n   Serial Number: {}\n",
                text::hex(name),
                text::hex(issuer),
                text::serial(serial)
            );
        }
    }
}

/// Hashes and number in a key, which has the form that [`lbd_tls::ocsp::key_of`] gives it.
fn parts(key: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let rest = key.get(2 + 11..)?;
    let name = rest.get(2..22)?;
    let issuer = rest.get(24..44)?;
    let serial = rest.get(46..)?;
    Some((name, issuer, serial))
}

fn updates(call: &mut Call<'_>) {
    call.out.push_str(
        "OCSP Certid | Path | Next Update | Last Update | Successes | Failures | Last Update Status \
         | Last Update Status (str)\n",
    );
    for view in call.daemon.config().tls.store.updated_answers() {
        let _ = writeln!(
            call.out,
            "{} | {} | {} | {} | {} | {} | {} | {}",
            text::hex(&view.key).to_ascii_lowercase(),
            view.path,
            date(view.next),
            date(view.last),
            view.successes,
            view.failures,
            view.status as u8,
            view.status.text()
        );
    }
}

/// `30/Jan/2023:00:08:09 +0000`, or `-`.
fn date(seconds: Option<i64>) -> String {
    let Some(seconds) = seconds.and_then(|seconds| u64::try_from(seconds).ok()) else {
        return "-".to_owned();
    };
    // `Jan 30 00:08:09 2023 GMT` has the same parts.
    let text = text::time(i64::try_from(WallTime(seconds * 1_000_000).secs()).unwrap_or(0));
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    match words[..] {
        [month, day, clock, year, _] => format!("{day:0>2}/{month}/{year}:{clock} +0000"),
        _ => "-".to_owned(),
    }
}

fn update(call: &mut Call<'_>) {
    let Some(name) = call.args.first().cloned() else {
        return call.fail("'update ssl ocsp-response' expects a filename");
    };
    let store = call.daemon.config().tls.store.clone();
    let refuse = |why: &str| format!("{why}\nCan't send ocsp request for {name}!");
    if !store.has_certificate(&name) {
        return call.fail(&refuse(
            "Unknown certificate! 'update ssl ocsp-response' expects an already known certificate \
             file name.",
        ));
    }
    let Some(view) = store.answer(&name) else {
        return call.fail(&refuse(
            "'update ssl ocsp-response' only works on certificates that already have a known OCSP \
             response.",
        ));
    };
    if view.uri.is_none() {
        return call.fail(&refuse("OCSP URI missing."));
    }
    call.daemon.ocsp.order(view);
}

/// An answer as OpenSSL prints it; certificates that came with it as PEM only.
pub(super) fn reply(out: &mut String, reply: &Reply) {
    let responder = match &reply.responder {
        Responder::Name(name, _) => text::spaced(name),
        Responder::Key(hash) => text::hex(hash),
    };
    let _ = write!(
        out,
        "OCSP Response Data:\n    OCSP Response Status: successful (0x0)\n    Response Type: Basic \
         OCSP Response\n    Version: 1 (0x0)\n    Responder Id: {responder}\n    Produced At: {}\n    \
         Responses:\n    Certificate ID:\n      Hash Algorithm: sha1\n      Issuer Name Hash: {}\n      \
         Issuer Key Hash: {}\n      Serial Number: {}\n",
        text::time(reply.produced_at),
        text::hex(&reply.name_hash),
        text::hex(&reply.key_hash),
        text::serial(&reply.serial),
    );
    let _ = match &reply.verdict {
        Verdict::Good => writeln!(out, "    Cert Status: good"),
        Verdict::Unknown => writeln!(out, "    Cert Status: unknown"),
        Verdict::Revoked(when, reason) => {
            let when = text::time(*when);
            let _ = writeln!(out, "    Cert Status: revoked\n    Revocation Time: {when}");
            match reason {
                Some(reason) => {
                    let name = reason_name(*reason);
                    writeln!(out, "    Revocation Reason: {name} (0x{reason:x})")
                }
                None => Ok(()),
            }
        }
    };
    let _ = writeln!(out, "    This Update: {}", text::time(reply.this_update));
    if let Some(next) = reply.next_update {
        let _ = writeln!(out, "    Next Update: {}", text::time(next));
    }
    let algorithm = &reply.signature_algorithm;
    let _ = write!(
        out,
        " \n    Signature Algorithm: {algorithm}\n    Signature Value:\n"
    );
    let lines: Vec<&[u8]> = reply.signature.chunks(18).collect();
    for (at, line) in lines.iter().enumerate() {
        let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let more = if at + 1 < lines.len() { ":" } else { "" };
        let _ = writeln!(out, "        {}{more}", bytes.join(":"));
    }
    for certificate in &reply.certificates {
        out.push_str(&pem::encode("CERTIFICATE", certificate));
    }
}

/// Names of reasons (RFC 5280 5.3.1), as OpenSSL writes them.
fn reason_name(reason: u32) -> &'static str {
    match reason {
        0 => "unspecified",
        1 => "keyCompromise",
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        8 => "removeFromCRL",
        9 => "privilegeWithdrawn",
        10 => "aACompromise",
        _ => "(UNKNOWN)",
    }
}
