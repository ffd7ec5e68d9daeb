//! Options of `bind` about TLS (5.1).
//!
//! What they share with servers is in [`super::ssl`].

use std::sync::Arc;

use lbd_core::Diag;

use super::ssl::{self, OLD, ca_path, crt_path, named};
use crate::draft::{BindDraft, CrtSource};
use crate::registry::{BindOption, Effect};
use crate::section::Site;
use crate::words::Words;

const fn option(
    name: &'static str,
    args: u8,
    doc: &'static str,
    example: &'static str,
    apply: fn(&mut Site<'_>, &mut BindDraft, &mut Words<'_>) -> Result<(), Diag>,
) -> BindOption {
    BindOption {
        name,
        args,
        effect: Effect::Supported,
        doc,
        example,
        apply,
    }
}

/// A word of [`ssl::set`].
const fn setting(
    name: &'static str,
    args: u8,
    doc: &'static str,
    example: &'static str,
) -> BindOption {
    option(name, args, doc, example, |site, draft, words| {
        ssl::set(site, &mut draft.ssl.settings, words)
    })
}

const fn inert(name: &'static str, reason: &'static str, doc: &'static str) -> BindOption {
    BindOption {
        effect: Effect::NoEffect(reason),
        ..option(name, 0, doc, name, |_, _, _| Ok(()))
    }
}

const fn refused(name: &'static str, doc: &'static str) -> BindOption {
    // An empty example: the word is always refused.
    option(name, 0, doc, "", |_, _, words| Err(ssl::too_old(words)))
}

/// Options.
pub const OPTIONS: &[BindOption] = &[
    setting(
        "allow-0rtt",
        0,
        "Takes early data of clients that resume a session of TLS 1.3 and agree on a protocol by ALPN.",
        "allow-0rtt",
    ),
    setting(
        "alpn",
        1,
        "Protocols offered, the preferred one first; in HTTP without it h2,http/1.1.",
        "alpn h2,http/1.1",
    ),
    setting(
        "ca-file",
        1,
        "File or directory of the authorities of client certificates, or @system-ca.",
        "ca-file ca.pem",
    ),
    option(
        "ca-ignore-err",
        1,
        "Failures of authorities that are overlooked: numbers, names, or all.",
        "ca-ignore-err X509_V_ERR_CERT_HAS_EXPIRED,19",
        |_, draft, words| {
            draft.ssl.settings.ca_ignored = ssl::ignored(words, "ca-ignore-err")?;
            Ok(())
        },
    ),
    option(
        "ca-sign-file",
        1,
        "Certificate and key of the authority that signs generated certificates.",
        "ca-sign-file ca.pem",
        |site, draft, words| {
            let file = ca_path(site, words, "ca-sign-file", "missing CAfile path")?;
            draft.ssl.ca_sign_file = Some(file);
            Ok(())
        },
    ),
    option(
        "ca-sign-pass",
        1,
        "Passphrase of that authority's key.",
        "ca-sign-pass secret",
        |_, draft, words| {
            let pass = named(words, "ca-sign-pass", "missing CAkey password")?;
            draft.ssl.ca_sign_pass = Some(pass.name);
            Ok(())
        },
    ),
    option(
        "ca-verify-file",
        1,
        "Authorities that are trusted but not named to clients.",
        "ca-verify-file all-ca.pem",
        |site, draft, words| {
            let file = ca_path(site, words, "ca-verify-file", "missing CAfile path")?;
            draft.ssl.settings.ca_verify_file = Some(file);
            Ok(())
        },
    ),
    setting(
        "ciphers",
        1,
        "Cipher suites of TLS 1.2 in OpenSSL's language; what rustls lacks is dropped with a warning.",
        "ciphers ECDHE+AESGCM:ECDHE+CHACHA20",
    ),
    setting(
        "ciphersuites",
        1,
        "Cipher suites of TLS 1.3.",
        "ciphersuites TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
    ),
    setting(
        "client-sigalgs",
        1,
        "Signature algorithms that client certificates may use.",
        "client-sigalgs ECDSA+SHA256:RSA-PSS+SHA256",
    ),
    setting(
        "crl-file",
        1,
        "Revocation lists; a client of an authority without one is refused.",
        "crl-file crl.pem",
    ),
    option(
        "crt",
        1,
        "Certificate with key and chain, or a directory of such files.",
        "crt site.pem",
        |site, draft, words| certificate(site, draft, words, "crt", CrtSource::File),
    ),
    option(
        "crt-ignore-err",
        1,
        "Failures of client certificates that are overlooked: numbers, names, or all.",
        "crt-ignore-err all",
        |_, draft, words| {
            draft.ssl.settings.crt_ignored = ssl::ignored(words, "crt-ignore-err")?;
            Ok(())
        },
    ),
    option(
        "crt-list",
        1,
        "File of certificates with options and names.",
        "crt-list sites.list",
        |site, draft, words| {
            let file = named(words, "crt-list", "missing crt-list location")?;
            // A list is no certificate: crt-base is for what stands in it.
            let file = ssl::below(site, None, file);
            let lines = super::crt_list::read(site, &file)?;
            draft.ssl.crts.push((CrtSource::List(lines), file));
            Ok(())
        },
    ),
    setting(
        "curves",
        1,
        "Groups of the key exchange, the preferred one first.",
        "curves X25519:P-256",
    ),
    option(
        "default-crt",
        1,
        "Certificate for names that no other one answers for.",
        "default-crt fallback.pem",
        |site, draft, words| certificate(site, draft, words, "default-crt", CrtSource::Default),
    ),
    option(
        "ecdhe",
        1,
        "The one group of the key exchange.",
        "ecdhe prime256v1",
        |_, draft, words| {
            draft.ssl.settings.ecdhe = Some(named(words, "ecdhe", "missing named curve")?);
            Ok(())
        },
    ),
    refused("force-sslv3", "Refused: SSL 3.0 is not spoken."),
    refused("force-tlsv10", "Refused: TLS 1.0 is not spoken."),
    refused("force-tlsv11", "Refused: TLS 1.1 is not spoken."),
    setting("force-tlsv12", 0, "TLS 1.2 only.", "force-tlsv12"),
    setting("force-tlsv13", 0, "TLS 1.3 only.", "force-tlsv13"),
    option(
        "generate-certificates",
        0,
        "Makes certificates up for names that none is for, signed by the authority of ca-sign-file.",
        "generate-certificates ca-sign-file ca.pem",
        |_, draft, _| {
            draft.ssl.generates = true;
            Ok(())
        },
    ),
    option(
        "no-alpn",
        0,
        "Negotiates no protocol.",
        "no-alpn",
        |_, draft, words| {
            draft.ssl.settings.alpn = Some((Vec::new(), words.last()));
            Ok(())
        },
    ),
    option(
        "no-ca-names",
        0,
        "Does not tell clients the names of the authorities.",
        "no-ca-names",
        |_, draft, _| {
            draft.ssl.settings.no_ca_names = true;
            Ok(())
        },
    ),
    inert("no-sslv3", OLD, "Without SSL 3.0."),
    option(
        "no-strict-sni",
        0,
        "Cancels 'strict-sni' of ssl-default-bind-options.",
        "no-strict-sni",
        |_, draft, _| {
            draft.ssl.strict_sni = Some(false);
            Ok(())
        },
    ),
    setting(
        "no-tls-tickets",
        0,
        "Resumes by the session cache instead of tickets.",
        "no-tls-tickets",
    ),
    inert("no-tlsv10", OLD, "Without TLS 1.0."),
    inert("no-tlsv11", OLD, "Without TLS 1.1."),
    setting("no-tlsv12", 0, "Without TLS 1.2.", "no-tlsv12"),
    setting("no-tlsv13", 0, "Without TLS 1.3.", "no-tlsv13"),
    option(
        "prefer-client-ciphers",
        0,
        "The client's order of cipher suites decides.",
        "prefer-client-ciphers",
        |_, draft, _| {
            draft.ssl.settings.prefer_client_ciphers = true;
            Ok(())
        },
    ),
    setting(
        "sigalgs",
        1,
        "Signature algorithms of our certificates, the preferred one first.",
        "sigalgs ECDSA+SHA256:RSA+SHA256",
    ),
    option(
        "ssl",
        0,
        "Speaks TLS.",
        "ssl crt site.pem",
        |site, draft, _| {
            draft.ssl.on = true;
            draft.ssl.defaults = Some(Arc::new(site.draft.global.ssl_bind.clone()));
            Ok(())
        },
    ),
    setting(
        "ssl-max-ver",
        1,
        "Highest version: TLSv1.2 or TLSv1.3.",
        "ssl-max-ver TLSv1.2",
    ),
    setting(
        "ssl-min-ver",
        1,
        "Lowest version; what is below TLSv1.2 is raised to it.",
        "ssl-min-ver TLSv1.3",
    ),
    option(
        "strict-sni",
        0,
        "Refuses clients whose name no certificate has.",
        "strict-sni",
        |_, draft, _| {
            draft.ssl.strict_sni = Some(true);
            Ok(())
        },
    ),
    setting(
        "tls-tickets",
        0,
        "Cancels 'no-tls-tickets' of ssl-default-bind-options.",
        "tls-tickets",
    ),
    option(
        "tls-ticket-keys",
        1,
        "File of keys of tickets, one a line in base64; the last but one makes tickets.",
        "tls-ticket-keys tickets.keys",
        |site, draft, words| {
            let file = named(
                words,
                "tls-ticket-keys",
                "missing TLS ticket keys file path",
            )?;
            draft.ssl.ticket_keys = Some(ssl::below(site, None, file));
            Ok(())
        },
    ),
    option(
        "verify",
        1,
        "Client certificates: none, optional, or required.",
        "verify none",
        |_, draft, words| ssl::verify(&mut draft.ssl.settings, words, true),
    ),
];

fn certificate(
    site: &mut Site<'_>,
    draft: &mut BindDraft,
    words: &mut Words<'_>,
    keyword: &str,
    source: CrtSource,
) -> Result<(), Diag> {
    let file = crt_path(site, words, keyword, "missing certificate location")?;
    draft.ssl.crts.push((source, file));
    Ok(())
}
