//! Options of servers about TLS (5.2).
//!
//! What they share with `bind` is in [`super::ssl`].

use std::sync::Arc;

use lbd_core::Diag;

use super::server_option::option;
use super::ssl::{self, OLD, crt_path, named};
use crate::registry::{Effect, ServerOption};

/// A word of [`ssl::set`].
const fn setting(
    name: &'static str,
    args: i8,
    doc: &'static str,
    example: &'static str,
) -> ServerOption {
    option(name, args, doc, example, |site, draft, words| {
        ssl::set(site, &mut draft.ssl.settings, words)
    })
}

const fn inert(name: &'static str, reason: &'static str, doc: &'static str) -> ServerOption {
    ServerOption {
        effect: Effect::NoEffect(reason),
        ..option(name, 0, doc, name, |_, _, _| Ok(()))
    }
}

const fn refused(name: &'static str, doc: &'static str) -> ServerOption {
    option(name, 0, doc, "", |_, _, words| Err(ssl::too_old(words)))
}

/// Options.
pub const OPTIONS: &[ServerOption] = &[
    setting(
        "allow-0rtt",
        0,
        "Requests that came as early data, or may be sent again, go as early data.",
        "allow-0rtt",
    ),
    setting(
        "alpn",
        1,
        "Protocols offered to the server, such as h2,http/1.1.",
        "alpn http/1.1",
    ),
    setting(
        "ca-file",
        1,
        "File or directory of the authorities of the server, or @system-ca.",
        "ca-file ca.pem",
    ),
    option(
        "check-alpn",
        1,
        "Protocols offered by checks.",
        "check-alpn http/1.1",
        |_, s, words| {
            s.ssl.check_alpn = Some(ssl::protocols(words, "check-alpn")?);
            Ok(())
        },
    ),
    option(
        "check-sni",
        1,
        "Name that checks ask for.",
        "check-sni www.example.com",
        |_, s, words| {
            s.ssl.check_sni = Some(named(words, "check-sni", "missing SNI value")?.name);
            Ok(())
        },
    ),
    option(
        "check-ssl",
        0,
        "Checks speak TLS even when traffic does not.",
        "check-ssl verify none",
        |_, s, _| {
            s.ssl.check = Some(true);
            Ok(())
        },
    ),
    setting(
        "ciphers",
        1,
        "Cipher suites of TLS 1.2 in OpenSSL's language.",
        "ciphers ECDHE+AESGCM",
    ),
    setting(
        "ciphersuites",
        1,
        "Cipher suites of TLS 1.3.",
        "ciphersuites TLS_AES_128_GCM_SHA256",
    ),
    setting(
        "client-sigalgs",
        1,
        "Signature algorithms of our own certificate.",
        "client-sigalgs RSA-PSS+SHA256",
    ),
    setting(
        "crl-file",
        1,
        "Revocation lists of the server's authorities.",
        "crl-file crl.pem",
    ),
    option(
        "crt",
        1,
        "Our own certificate, shown to servers that ask for one.",
        "crt client.pem",
        |site, s, words| {
            s.ssl.crt = Some(crt_path(
                site,
                words,
                "crt",
                "missing certificate file path",
            )?);
            Ok(())
        },
    ),
    setting(
        "curves",
        1,
        "Groups of the key exchange.",
        "curves X25519:P-256",
    ),
    refused("force-sslv3", "Refused: SSL 3.0 is not spoken."),
    refused("force-tlsv10", "Refused: TLS 1.0 is not spoken."),
    refused("force-tlsv11", "Refused: TLS 1.1 is not spoken."),
    setting("force-tlsv12", 0, "TLS 1.2 only.", "force-tlsv12"),
    setting("force-tlsv13", 0, "TLS 1.3 only.", "force-tlsv13"),
    option(
        "no-check-ssl",
        0,
        "Checks do not speak TLS.",
        "no-check-ssl",
        |_, s, _| {
            s.ssl.check = Some(false);
            Ok(())
        },
    ),
    inert(
        "no-renegotiate",
        "renegotiation is never done",
        "Forbids renegotiation.",
    ),
    option(
        "no-sni-auto",
        0,
        "No name is asked for unless 'sni' says one.",
        "no-sni-auto",
        |_, s, _| {
            s.ssl.sni_auto = Some(false);
            Ok(())
        },
    ),
    option("no-ssl", 0, "Cancels 'ssl'.", "no-ssl", |_, s, _| {
        s.ssl.on = false;
        Ok(())
    }),
    option(
        "no-ssl-reuse",
        0,
        "Sessions are not resumed.",
        "no-ssl-reuse",
        |_, s, _| {
            s.ssl.reuse = Some(false);
            Ok(())
        },
    ),
    inert("no-sslv3", OLD, "Without SSL 3.0."),
    setting("no-tls-tickets", 0, "Takes no tickets.", "no-tls-tickets"),
    inert("no-tlsv10", OLD, "Without TLS 1.0."),
    inert("no-tlsv11", OLD, "Without TLS 1.1."),
    setting("no-tlsv12", 0, "Without TLS 1.2.", "no-tlsv12"),
    setting("no-tlsv13", 0, "Without TLS 1.3.", "no-tlsv13"),
    setting(
        "sigalgs",
        1,
        "Signature algorithms that the server may use.",
        "sigalgs ECDSA+SHA256:RSA-PSS+SHA256",
    ),
    option(
        "sni",
        1,
        "Expression of the name to ask for.",
        "sni str(www.example.com)",
        |_, s, words| {
            let here = words.here();
            let word = words
                .take()
                .ok_or_else(|| Diag::alert(here, "'sni' : missing sni expression."))?;
            s.ssl.sni = Some(word.clone());
            Ok(())
        },
    ),
    option(
        "sni-auto",
        0,
        "Asks for the host of the request.",
        "sni-auto",
        |_, s, _| {
            s.ssl.sni_auto = Some(true);
            Ok(())
        },
    ),
    option(
        "ssl",
        0,
        "Speaks TLS to the server.",
        "ssl verify none",
        |site, s, _| {
            s.ssl.on = true;
            s.ssl.defaults = Some(Arc::new(site.draft.global.ssl_server.clone()));
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
        "ssl-reuse",
        0,
        "Cancels 'no-ssl-reuse'.",
        "ssl-reuse",
        |_, s, _| {
            s.ssl.reuse = Some(true);
            Ok(())
        },
    ),
    setting("tls-tickets", 0, "Cancels 'no-tls-tickets'.", "tls-tickets"),
    option(
        "verify",
        1,
        "The server's certificate: none or required.",
        "verify none",
        |_, s, words| ssl::verify(&mut s.ssl.settings, words, false),
    ),
    option(
        "verifyhost",
        1,
        "Name that the server's certificate must have.",
        "verifyhost www.example.com",
        |_, s, words| {
            s.ssl.verifyhost = Some(named(words, "verifyhost", "missing hostname")?.name);
            Ok(())
        },
    ),
];
