//! Certificates by name: `load` of `crt-store` sections (12.7) and `ssl-f-use` (4.2).
//!
//! Files are named here and read when the configuration compiles.

use lbd_core::{Diag, Span};

use super::{crt_list, directive, ssl};
use crate::draft::{LoadDraft, Named};
use crate::registry::{Directive, Example, Sections};
use crate::section::{Section, Site};
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "load",
        Sections::CRT_STORE,
        "A certificate with its files and options: crt, key, ocsp, issuer, alias, ocsp-update \
         (12.7.1).",
        &[
            Example::Ok("load crt site.crt key site.key alias site ocsp-update off"),
            Example::Ok("load crt site.pem issuer ca.pem ocsp site.ocsp"),
            Example::Fail("load key site.key", "mandatory 'crt' parameter not found"),
            Example::Fail("load crt", "expects"),
            Example::Fail("load crt a.pem bogus x", "unknown keyword 'bogus'"),
            Example::Fail("load crt a.pem acme LE", "not supported"),
            Example::Fail(
                "load crt a.pem ocsp-update maybe",
                "'on' or 'off' is expected",
            ),
        ],
        load,
    ),
    directive(
        "ssl-f-use",
        Sections::OWN_FRONT,
        "A certificate for all 'bind' lines of the frontend that speak TLS, with options (4.2).",
        &[
            Example::Ok("ssl-f-use crt site.pem alpn h2"),
            Example::Fail("ssl-f-use alpn h2", "'crt'"),
            Example::Fail("ssl-f-use crt site.pem bogus", "bogus"),
        ],
        frontend_use,
    ),
];

/// Options of the reference that are refused by name.
const REFUSED: &[(&str, &str)] = &[
    ("acme", "certificates are not asked for by ACME"),
    ("generate-dummy", "no certificate is made up"),
    ("keytype", "no certificate is made up"),
    ("bits", "no certificate is made up"),
    ("curves", "no certificate is made up"),
];

fn load(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let mut load = LoadDraft {
        span: Some(words.line()),
        ..LoadDraft::default()
    };
    while let Some(word) = words.text()? {
        if !option(site, &mut load, word, words)? {
            return Err(Diag::alert(
                words.last(),
                format!("'load {word}' in section 'crt-store': unknown keyword '{word}'."),
            ));
        }
    }
    let Some((said, file)) = &load.crt else {
        return Err(Diag::alert(
            words.line(),
            "'load' in section 'crt-store': mandatory 'crt' parameter not found.",
        ));
    };
    let store = &site.store.name;
    load.name = match (&load.alias, store.is_empty()) {
        (Some(alias), _) => format!("@{store}/{alias}"),
        (None, false) => format!("@{store}/{said}"),
        (None, true) => file.name.clone(),
    };
    site.draft.loads.push(load);
    Ok(())
}

/// Reads an option of a certificate; `false` when it is none.
pub(super) fn option(
    site: &mut Site<'_>,
    load: &mut LoadDraft,
    word: &str,
    words: &mut Words<'_>,
) -> Result<bool, Diag> {
    let here = words.last();
    if let Some((name, reason)) = REFUSED.iter().find(|(name, _)| *name == word) {
        // `curves` is an option of `bind`, too.
        if site.section != Section::CrtStore && *name == "curves" {
            return Ok(false);
        }
        return Err(Diag::alert(
            here,
            format!("'{name}' is not supported: {reason}."),
        ));
    }
    match word {
        "crt" => {
            let said = ssl::named(words, word, "expects a file name.")?;
            if load.crt.is_some() {
                site.warn(here, "'crt' already specified, overwriting.");
            }
            let base = match site.section {
                Section::CrtStore => site.store.crt_base.clone(),
                _ => None,
            };
            let base = base.or_else(|| site.draft.global.crt_base.clone());
            let file = ssl::below(site, base.as_deref(), said.clone());
            load.crt = Some((said.name, file));
        }
        "key" => {
            let said = ssl::named(words, word, "expects a file name.")?;
            let base = match site.section {
                Section::CrtStore => site.store.key_base.clone(),
                _ => None,
            };
            let base = base.or_else(|| site.draft.global.key_base.clone());
            load.key_said = Some(said.name.clone());
            load.key = Some(ssl::below(site, base.as_deref(), said));
        }
        "ocsp" => load.ocsp = Some(companion(site, words, word)?),
        "issuer" => load.issuer = Some(companion(site, words, word)?),
        "sctl" => load.sctl = Some(companion(site, words, word)?),
        "alias" => load.alias = Some(ssl::named(words, word, "expects a name.")?.name),
        "ocsp-update" => load.ocsp_update = Some(on_off(words, word)?),
        "jwt" => {
            if on_off(words, word)? {
                return Err(Diag::alert(
                    here,
                    "'jwt' is not supported: certificates of the store check no tokens.",
                ));
            }
        }
        "domains" | "ips" => {
            ssl::named(words, word, "expects a list.")?;
            const REASON: &str = "certificates are not asked for by ACME";
            site.no_effect("domains, ips", here, REASON);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn companion(site: &Site<'_>, words: &mut Words<'_>, keyword: &str) -> Result<Named, Diag> {
    let said = ssl::named(words, keyword, "expects a file name.")?;
    Ok(ssl::below(site, None, said))
}

fn on_off(words: &mut Words<'_>, keyword: &str) -> Result<bool, Diag> {
    let said = ssl::named(words, keyword, "expects 'on' or 'off'.")?;
    match said.name.as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(Diag::alert(
            said.span,
            format!("cannot parse '{keyword}' value '{other}', 'on' or 'off' is expected."),
        )),
    }
}

fn frontend_use(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let span: Span = words.line();
    let line = crt_list::options(site, words, span, "'ssl-f-use'")?;
    match line.file.name.is_empty() {
        false => {
            site.proxy.crt_uses.push(line);
            Ok(())
        }
        true => Err(Diag::alert(
            span,
            "'ssl-f-use' expects 'crt' with a certificate.",
        )),
    }
}
