//! Keywords of `global` about TLS (3.1, 3.2).
//!
//! Defaults of lines are merged with the lines when they are compiled.

use std::path::PathBuf;

use lbd_core::Diag;

use super::ssl::{self, named};
use super::{directive, end, inert, one_of};
use crate::draft::{Named, SslDraft, Verify};
use crate::registry::{Directive, Example, Sections};
use crate::section::{Section, Site};
use crate::words::Words;

const GLOBAL: Sections = Sections::GLOBAL;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "ca-base",
        GLOBAL,
        "Directory of relative ca-file, ca-verify-file and crl-file names (3.1).",
        &[
            Example::Ok("ca-base /etc/ssl/ca"),
            Example::Fail("ca-base", "expects"),
        ],
        |site, words| base(site, words, "ca-base", |g| &mut g.ca_base),
    ),
    directive(
        "crt-base",
        GLOBAL.with(Sections::CRT_STORE),
        "Directory of relative crt names (3.1, 12.7).",
        &[
            Example::Ok("crt-base /etc/ssl/private"),
            Example::Fail("crt-base", "expects"),
        ],
        |site, words| match site.section {
            Section::CrtStore => {
                site.store.crt_base = Some(words.expect("crt-base", "a directory.")?.to_owned());
                end(words, "crt-base")
            }
            _ => base(site, words, "crt-base", |g| &mut g.crt_base),
        },
    ),
    directive(
        "key-base",
        GLOBAL.with(Sections::CRT_STORE),
        "Directory of relative key names of 'load' lines (3.1, 12.7).",
        &[
            Example::Ok("key-base /etc/ssl/private"),
            Example::Fail("key-base", "expects"),
        ],
        |site, words| match site.section {
            Section::CrtStore => {
                site.store.key_base = Some(words.expect("key-base", "a directory.")?.to_owned());
                end(words, "key-base")
            }
            _ => base(site, words, "key-base", |g| &mut g.key_base),
        },
    ),
    directive(
        "issuers-chain-path",
        GLOBAL,
        "Directory of chains for certificates that bring none (3.1).",
        &[
            Example::Ok("issuers-chain-path /etc/ssl/issuers"),
            Example::Fail("issuers-chain-path", "expects"),
        ],
        |site, words| {
            let path = words.expect("issuers-chain-path", "a directory path as an argument.")?;
            let file = Named {
                name: site.path(path),
                span: words.last(),
            };
            site.draft.global.issuers = Some(file);
            end(words, "issuers-chain-path")
        },
    ),
    directive(
        "maxsslconn",
        GLOBAL,
        "TLS connections of clients at once (3.2).",
        &[Example::Ok("maxsslconn 1000")],
        |site, words| {
            super::process::count(site, words, "maxsslconn", |g, n| {
                g.ssl.maxsslconn = u32::try_from(n).unwrap_or(0);
            })
        },
    ),
    directive(
        "maxsslrate",
        GLOBAL,
        "TLS sessions of clients per second (3.2).",
        &[Example::Ok("maxsslrate 1000")],
        |site, words| {
            super::process::count(site, words, "maxsslrate", |g, n| {
                g.ssl.maxsslrate = u32::try_from(n).unwrap_or(0);
            })
        },
    ),
    inert(
        "noktls",
        GLOBAL,
        "the kernel's TLS is never used",
        "Does without the kernel's TLS (3.1).",
        &[Example::Ok("noktls")],
        |_, words| end(words, "noktls"),
    ),
    list(
        "ssl-default-bind-ciphers",
        "Ciphers of bind lines that say none (3.1).",
        &[
            Example::Ok("ssl-default-bind-ciphers ECDHE+AESGCM:!aNULL"),
            Example::Fail("ssl-default-bind-ciphers", "expects"),
        ],
        |site, words| {
            put(
                words,
                "ssl-default-bind-ciphers",
                &mut site.draft.global.ssl_bind.settings.ciphers,
            )
        },
    ),
    list(
        "ssl-default-bind-ciphersuites",
        "TLS 1.3 suites of bind lines that say none (3.1).",
        &[
            Example::Ok("ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256"),
            Example::Fail("ssl-default-bind-ciphersuites", "expects"),
        ],
        |site, words| {
            put(
                words,
                "ssl-default-bind-ciphersuites",
                &mut site.draft.global.ssl_bind.settings.ciphersuites,
            )
        },
    ),
    list(
        "ssl-default-bind-client-sigalgs",
        "client-sigalgs of bind lines that say none (3.1).",
        &[
            Example::Ok("ssl-default-bind-client-sigalgs ECDSA+SHA256"),
            Example::Fail("ssl-default-bind-client-sigalgs", "expects"),
        ],
        |site, words| {
            put(
                words,
                "ssl-default-bind-client-sigalgs",
                &mut site.draft.global.ssl_bind.settings.client_sigalgs,
            )
        },
    ),
    list(
        "ssl-default-bind-curves",
        "Groups of bind lines that say none (3.1).",
        &[
            Example::Ok("ssl-default-bind-curves X25519:P-256"),
            Example::Fail("ssl-default-bind-curves", "expects"),
        ],
        |site, words| {
            put(
                words,
                "ssl-default-bind-curves",
                &mut site.draft.global.ssl_bind.settings.curves,
            )
        },
    ),
    directive(
        "ssl-default-bind-options",
        GLOBAL,
        "Options of all bind lines: versions, tickets, strict-sni, prefer-client-ciphers (3.1).",
        &[
            Example::Ok("ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets"),
            Example::Ok("ssl-default-bind-options no-sslv3 no-tlsv10 no-tlsv11"),
            Example::Fail("ssl-default-bind-options", "expects"),
            Example::Fail("ssl-default-bind-options bogus", "unknown option 'bogus'"),
        ],
        |site, words| {
            let mut ssl = std::mem::take(&mut site.draft.global.ssl_bind.settings);
            let done = options(site, words, "ssl-default-bind-options", &mut ssl);
            site.draft.global.ssl_bind.settings = ssl;
            done
        },
    ),
    list(
        "ssl-default-bind-sigalgs",
        "sigalgs of bind lines that say none (3.1).",
        &[
            Example::Ok("ssl-default-bind-sigalgs RSA+SHA256"),
            Example::Fail("ssl-default-bind-sigalgs", "expects"),
        ],
        |site, words| {
            put(
                words,
                "ssl-default-bind-sigalgs",
                &mut site.draft.global.ssl_bind.settings.sigalgs,
            )
        },
    ),
    list(
        "ssl-default-server-ciphers",
        "Ciphers of servers that say none (3.1).",
        &[
            Example::Ok("ssl-default-server-ciphers ECDHE+AESGCM"),
            Example::Fail("ssl-default-server-ciphers", "expects"),
        ],
        |site, words| {
            put(
                words,
                "ssl-default-server-ciphers",
                &mut site.draft.global.ssl_server.ciphers,
            )
        },
    ),
    list(
        "ssl-default-server-ciphersuites",
        "TLS 1.3 suites of servers that say none (3.1).",
        &[
            Example::Ok("ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256"),
            Example::Fail("ssl-default-server-ciphersuites", "expects"),
        ],
        |site, words| {
            put(
                words,
                "ssl-default-server-ciphersuites",
                &mut site.draft.global.ssl_server.ciphersuites,
            )
        },
    ),
    list(
        "ssl-default-server-client-sigalgs",
        "client-sigalgs of servers that say none (3.1).",
        &[
            Example::Ok("ssl-default-server-client-sigalgs RSA-PSS+SHA256"),
            Example::Fail("ssl-default-server-client-sigalgs", "expects"),
        ],
        |site, words| {
            put(
                words,
                "ssl-default-server-client-sigalgs",
                &mut site.draft.global.ssl_server.client_sigalgs,
            )
        },
    ),
    list(
        "ssl-default-server-curves",
        "Groups of servers that say none (3.1).",
        &[
            Example::Ok("ssl-default-server-curves X25519"),
            Example::Fail("ssl-default-server-curves", "expects"),
        ],
        |site, words| {
            put(
                words,
                "ssl-default-server-curves",
                &mut site.draft.global.ssl_server.curves,
            )
        },
    ),
    directive(
        "ssl-default-server-options",
        GLOBAL,
        "Options of all servers: versions and tickets (3.1).",
        &[
            Example::Ok("ssl-default-server-options ssl-min-ver TLSv1.2 no-tls-tickets"),
            Example::Fail("ssl-default-server-options", "expects"),
            Example::Fail("ssl-default-server-options bogus", "unknown option 'bogus'"),
        ],
        |site, words| {
            let mut ssl = std::mem::take(&mut site.draft.global.ssl_server);
            let done = options(site, words, "ssl-default-server-options", &mut ssl);
            site.draft.global.ssl_server = ssl;
            done
        },
    ),
    list(
        "ssl-default-server-sigalgs",
        "sigalgs of servers that say none (3.1).",
        &[
            Example::Ok("ssl-default-server-sigalgs RSA+SHA256"),
            Example::Fail("ssl-default-server-sigalgs", "expects"),
        ],
        |site, words| {
            put(
                words,
                "ssl-default-server-sigalgs",
                &mut site.draft.global.ssl_server.sigalgs,
            )
        },
    ),
    inert(
        "ssl-dh-param-file",
        GLOBAL,
        "keys are never exchanged by finite-field Diffie-Hellman",
        "Parameters of Diffie-Hellman (3.1).",
        &[Example::Ok("ssl-dh-param-file /etc/ssl/dh.pem")],
        |_, words| {
            words.expect("ssl-dh-param-file", "a file name as an argument.")?;
            end(words, "ssl-dh-param-file")
        },
    ),
    directive(
        "ssl-load-extra-del-ext",
        GLOBAL,
        "Companion files are named without the certificate's .crt (3.1).",
        &[Example::Ok("ssl-load-extra-del-ext")],
        |site, words| {
            site.draft.global.value.ssl.del_ext = true;
            end(words, "ssl-load-extra-del-ext")
        },
    ),
    directive(
        "ssl-load-extra-files",
        GLOBAL,
        "Companion files that are looked for: none, all, bundle, sctl, ocsp, issuer, key (3.1).",
        &[
            Example::Ok("ssl-load-extra-files ocsp key"),
            Example::Fail("ssl-load-extra-files", "expects"),
            Example::Fail("ssl-load-extra-files x", "expects"),
        ],
        extra_files,
    ),
    directive(
        "ssl-passphrase-cmd",
        GLOBAL,
        "A command that prints the passphrase of a protected private key, whose file is its first argument (3.1).",
        &[Example::Ok(
            "ssl-passphrase-cmd /etc/ssl/passphrase.sh site",
        )],
        passphrase_cmd,
    ),
    inert(
        "ssl-security-level",
        GLOBAL,
        "no weak algorithm is there at any level",
        "OpenSSL's security level (3.1).",
        &[
            Example::Ok("ssl-security-level 2"),
            Example::Fail("ssl-security-level 6", "between 0 and 5"),
        ],
        |_, words| {
            words
                .exact_int("ssl-security-level", 0..=5)
                .map_err(|diag| {
                    Diag::alert(
                        diag.span,
                        "'ssl-security-level' expects a number between 0 and 5",
                    )
                })?;
            end(words, "ssl-security-level")
        },
    ),
    directive(
        "ssl-server-verify",
        GLOBAL,
        "Whether servers that do not say 'verify' are verified: required or none (3.1).",
        &[
            Example::Ok("ssl-server-verify none"),
            Example::Fail("ssl-server-verify x", "expects"),
        ],
        |site, words| {
            let said = one_of(words, &["none", "required"], |_| {
                "'ssl-server-verify' expects 'none' or 'required' as argument.".to_owned()
            })?;
            site.environment
                .switch("SERVER-SSL-VERIFY-NONE", said == "none");
            site.draft.global.ssl_server.verify = Some(match said {
                "none" => Verify::None,
                _ => Verify::Required,
            });
            end(words, "ssl-server-verify")
        },
    ),
    directive(
        "ssl-skip-self-issued-ca",
        GLOBAL,
        "Does not send an authority that issued itself, the last of a chain (3.1).",
        &[Example::Ok("ssl-skip-self-issued-ca")],
        |site, words| {
            site.draft.global.value.ssl.skips_roots = true;
            end(words, "ssl-skip-self-issued-ca")
        },
    ),
];

const fn list(
    name: &'static str,
    doc: &'static str,
    examples: &'static [Example],
    apply: fn(&mut Site<'_>, &mut Words<'_>) -> Result<(), Diag>,
) -> Directive {
    directive(name, GLOBAL, doc, examples, apply)
}

fn put(words: &mut Words<'_>, keyword: &str, slot: &mut Option<Named>) -> Result<(), Diag> {
    let list = named(words, keyword, "expects a list as argument.")?;
    *slot = Some(list);
    end(words, keyword)
}

fn base(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &'static str,
    slot: fn(&mut crate::draft::GlobalDraft) -> &mut Option<String>,
) -> Result<(), Diag> {
    let path = words.expect(keyword, "a directory path as an argument.")?;
    let here = words.last();
    if slot(&mut site.draft.global).is_some() {
        site.warn(here, format!("'{keyword}' already specified. Continuing."));
        return end(words, keyword);
    }
    let path: PathBuf = path.into();
    *slot(&mut site.draft.global) = Some(path.display().to_string());
    end(words, keyword)
}

/// The words of `ssl-default-*-options`.
fn options(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &'static str,
    ssl: &mut SslDraft,
) -> Result<(), Diag> {
    if words.left() == 0 {
        return Err(Diag::alert(
            words.last(),
            format!("'{keyword}' expects an option as argument."),
        ));
    }
    let is_bind = keyword.contains("bind");
    while let Some(word) = words.text()? {
        let here = words.last();
        match word {
            "no-sslv3" | "no-tlsv10" | "no-tlsv11" => {
                site.no_effect("no-sslv3, no-tlsv10, no-tlsv11", here, ssl::OLD);
            }
            "force-tlsv12" | "force-tlsv13" | "no-tls-tickets" | "no-tlsv12" | "no-tlsv13"
            | "ssl-max-ver" | "ssl-min-ver" | "tls-tickets" => ssl::set(site, ssl, words)?,
            "prefer-client-ciphers" if is_bind => ssl.prefer_client_ciphers = true,
            "strict-sni" if is_bind => site.draft.global.ssl_bind.strict_sni = Some(true),
            "force-sslv3" | "force-tlsv10" | "force-tlsv11" => {
                return Err(Diag::alert(
                    here,
                    format!("'{keyword}' : '{word}' : TLS 1.2 is the lowest version"),
                ));
            }
            other => {
                return Err(Diag::alert(
                    here,
                    format!("unknown option '{other}' on global statement '{keyword}'."),
                ));
            }
        }
    }
    Ok(())
}

fn passphrase_cmd(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let mut command = Vec::new();
    while let Some(word) = words.take() {
        command.push(String::from_utf8_lossy(&word.text).into_owned());
    }
    if command.is_empty() {
        let at = words.last();
        words.warnings.push(Diag::warning(
            at,
            "global statement 'ssl-passphrase-cmd' expects a command line to a \
             passphrase-providing tool (script/binary...) and its arguments.",
        ));
        return Ok(());
    }
    site.draft.global.value.ssl.passphrase_cmd = command;
    Ok(())
}

fn extra_files(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    const KNOWN: &[&str] = &["none", "all", "bundle", "sctl", "ocsp", "issuer", "key"];
    let mut extra = crate::config::ExtraFiles::NONE;
    if words.left() == 0 {
        return Err(Diag::alert(
            words.last(),
            "'ssl-load-extra-files' expects an argument.",
        ));
    }
    while words.left() > 0 {
        let said = one_of(words, KNOWN, |word| {
            format!(
                "'ssl-load-extra-files' expects one of {}, got '{word}'.",
                KNOWN.join(", ")
            )
        })?;
        match said {
            "none" => extra = crate::config::ExtraFiles::NONE,
            "all" => extra = crate::config::ExtraFiles::ALL,
            "bundle" => extra.bundle = true,
            "ocsp" => extra.ocsp = true,
            "issuer" => extra.issuer = true,
            "key" => extra.key = true,
            _ => extra.sctl = true,
        }
    }
    site.draft.global.value.ssl.extra = extra;
    Ok(())
}
