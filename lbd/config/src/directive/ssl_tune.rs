//! `tune.ssl.*` of `global` (3.2).
//!
//! Other keywords about TLS are in [`super::ssl_global`].

use lbd_core::Diag;

use super::{directive, end, inert, one_of};
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;

const GLOBAL: Sections = Sections::GLOBAL;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "tune.ssl.cachesize",
        GLOBAL,
        "Sessions of clients that are remembered for resumption (3.2).",
        &[Example::Ok("tune.ssl.cachesize 20000")],
        |site, words| {
            let n = words.int("tune.ssl.cachesize", 0..=i64::from(i32::MAX))?;
            site.draft.global.value.ssl.cachesize = usize::try_from(n).unwrap_or_default();
            end(words, "tune.ssl.cachesize")
        },
    ),
    directive(
        "tune.ssl.capture-buffer-size",
        GLOBAL,
        "Bytes of each client hello that are kept for rules, at most 65535; 0 for none (3.2).",
        &[
            Example::Ok("tune.ssl.capture-buffer-size 96"),
            Example::Fail(
                "tune.ssl.capture-buffer-size -1",
                "expects a positive numeric value",
            ),
        ],
        |site, words| capture(site, words, "tune.ssl.capture-buffer-size"),
    ),
    directive(
        "tune.ssl.capture-cipherlist-size",
        GLOBAL,
        "The old name of tune.ssl.capture-buffer-size (3.2).",
        &[Example::Ok("tune.ssl.capture-cipherlist-size 96")],
        |site, words| {
            let here = words.last();
            site.warn(
                here,
                "'tune.ssl.capture-cipherlist-size' is deprecated and will be removed in version \
                 2.7. Please use 'tune.ssl.capture-buffer-size' instead.",
            );
            capture(site, words, "tune.ssl.capture-cipherlist-size")
        },
    ),
    inert(
        "tune.ssl.certificate-compression",
        GLOBAL,
        "certificates are never sent or taken compressed",
        "Compression of certificates, RFC 8879 (3.2).",
        &[
            Example::Ok("tune.ssl.certificate-compression off"),
            Example::Fail("tune.ssl.certificate-compression on", "expects"),
        ],
        |_, words| {
            one_of(words, &["auto", "off"], |got| {
                format!(
                    "'tune.ssl.certificate-compression' expects either 'auto' or 'off' but got '{got}'."
                )
            })?;
            end(words, "tune.ssl.certificate-compression")
        },
    ),
    inert(
        "tune.ssl.default-dh-param",
        GLOBAL,
        "keys are never exchanged by finite-field Diffie-Hellman",
        "Size of Diffie-Hellman parameters (3.2).",
        &[
            Example::Ok("tune.ssl.default-dh-param 2048"),
            Example::Fail("tune.ssl.default-dh-param 512", "1024"),
        ],
        |_, words| {
            let n = words.int("tune.ssl.default-dh-param", 0..=i64::from(i32::MAX))?;
            if n < 1024 {
                return Err(Diag::alert(
                    words.last(),
                    "'tune.ssl.default-dh-param' expects a value >= 1024.",
                ));
            }
            end(words, "tune.ssl.default-dh-param")
        },
    ),
    inert(
        "tune.ssl.force-private-cache",
        GLOBAL,
        "all workers are of one process and share the cache",
        "A session cache for each process (3.2).",
        &[Example::Ok("tune.ssl.force-private-cache")],
        |_, words| end(words, "tune.ssl.force-private-cache"),
    ),
    directive(
        "tune.ssl.keylog",
        GLOBAL,
        "Whether the secrets of sessions are kept for rules and logs (3.2).",
        &[
            Example::Ok("tune.ssl.keylog on"),
            Example::Fail("tune.ssl.keylog maybe", "expects either 'on' or 'off'"),
        ],
        |site, words| {
            let word = words.text()?.unwrap_or_default();
            site.draft.global.value.ssl.keylog = match word {
                "on" => true,
                "off" => false,
                other => {
                    let text = format!(
                        "'tune.ssl.keylog' expects either 'on' or 'off' but got '{other}'."
                    );
                    return Err(Diag::alert(words.last(), text));
                }
            };
            end(words, "tune.ssl.keylog")
        },
    ),
    directive(
        "tune.ssl.lifetime",
        GLOBAL,
        "How long a session of a client may be resumed, in seconds without unit (3.2).",
        &[Example::Ok("tune.ssl.lifetime 300")],
        |site, words| {
            let time = words.time("tune.ssl.lifetime", TimeUnit::Second)?;
            site.draft.global.value.ssl.lifetime = time;
            end(words, "tune.ssl.lifetime")
        },
    ),
    directive(
        "tune.ssl.maxrecord",
        GLOBAL,
        "Most bytes of one record, the whole of it counted; 0 for the protocol's limit (3.2).",
        &[Example::Ok("tune.ssl.maxrecord 2859")],
        |site, words| record(site, words, "tune.ssl.maxrecord"),
    ),
    directive(
        "tune.ssl.hard-maxrecord",
        GLOBAL,
        "As tune.ssl.maxrecord, under all conditions (3.2).",
        &[Example::Ok("tune.ssl.hard-maxrecord 4000")],
        |site, words| record(site, words, "tune.ssl.hard-maxrecord"),
    ),
    directive(
        "tune.ssl.ssl-ctx-cache-size",
        GLOBAL,
        "Generated certificates that are remembered, the last ones used (3.2).",
        &[Example::Ok("tune.ssl.ssl-ctx-cache-size 1000")],
        |site, words| {
            let n = words.int("tune.ssl.ssl-ctx-cache-size", 0..=i64::from(i32::MAX))?;
            site.draft.global.value.ssl.forged = usize::try_from(n).unwrap_or_default();
            end(words, "tune.ssl.ssl-ctx-cache-size")
        },
    ),
];

fn capture(site: &mut Site<'_>, words: &mut Words<'_>, keyword: &str) -> Result<(), Diag> {
    let n = words.int(keyword, i64::MIN..=i64::MAX)?;
    let n = usize::try_from(n).map_err(|_| {
        let text = format!("'{keyword}' expects a positive numeric value.");
        Diag::alert(words.last(), text)
    })?;
    site.draft.global.value.ssl.capture = n.min(usize::from(u16::MAX));
    end(words, keyword)
}

fn record(site: &mut Site<'_>, words: &mut Words<'_>, keyword: &str) -> Result<(), Diag> {
    let n = words.int(keyword, 0..=i64::from(i32::MAX))?;
    let n = usize::try_from(n).unwrap_or_default();
    site.draft.global.value.ssl.maxrecord = Some(n).filter(|n| *n > 0);
    end(words, keyword)
}
