//! Words about TLS that `bind` and `server` lines share (5.1, 5.2).
//!
//! They are read here; [`super::ssl_bind`] and [`super::ssl_server`] list them.

use lbd_core::Diag;
use lbd_tls::verify::{Ignored, code};

use crate::draft::{Named, SslDraft, SslVersion, Verify};
use crate::section::Site;
use crate::words::Words;

/// Why words about old versions change nothing.
pub(super) const OLD: &str = "versions before TLS 1.2 are never spoken";

/// A word that asks for an old version.
pub(super) fn too_old(words: &Words<'_>) -> Diag {
    Diag::alert(
        words.last(),
        "this version of the protocol is not supported anymore: TLS 1.2 is the lowest",
    )
    .hint("Remove the word, or write ssl-min-ver TLSv1.2.")
}

/// A word that both kinds of lines have and that stands for the same in both: the one that was
/// taken last. Which of them a line has, and what is said of them there, stands in its own list.
pub(super) fn set(
    site: &mut Site<'_>,
    ssl: &mut SslDraft,
    words: &mut Words<'_>,
) -> Result<(), Diag> {
    const ALGORITHMS: &str = "missing signature algorithm list";
    const SUITE: &str = "missing cipher suite";
    match words.taken() {
        "allow-0rtt" => ssl.early = true,
        "alpn" => ssl.alpn = Some((protocols(words, "alpn")?, words.last())),
        "ca-file" => ssl.ca_file = Some(ca_path(site, words, "ca-file", "missing CAfile path")?),
        "ciphers" => ssl.ciphers = Some(named(words, "ciphers", SUITE)?),
        "ciphersuites" => ssl.ciphersuites = Some(named(words, "ciphersuites", SUITE)?),
        "client-sigalgs" => ssl.client_sigalgs = Some(named(words, "client-sigalgs", ALGORITHMS)?),
        "crl-file" => {
            ssl.crl_file = Some(ca_path(site, words, "crl-file", "missing CRLfile path")?);
        }
        "curves" => ssl.curves = Some(named(words, "curves", "missing curve suite")?),
        "force-tlsv12" => force(ssl, words, SslVersion::Tlsv12)?,
        "force-tlsv13" => force(ssl, words, SslVersion::Tlsv13)?,
        "no-tls-tickets" => ssl.tickets = Some(false),
        "no-tlsv12" => ssl.no_tlsv12 = true,
        "no-tlsv13" => ssl.no_tlsv13 = true,
        "sigalgs" => ssl.sigalgs = Some(named(words, "sigalgs", ALGORITHMS)?),
        "ssl-max-ver" => max_version(ssl, words)?,
        "ssl-min-ver" => min_version(ssl, words)?,
        "tls-tickets" => ssl.tickets = Some(true),
        // Only listed words come here.
        other => {
            return Err(Diag::alert(
                words.last(),
                format!("unknown keyword '{other}'"),
            ));
        }
    }
    Ok(())
}

/// A word that must be there, with its place.
pub(super) fn named(words: &mut Words<'_>, keyword: &str, missing: &str) -> Result<Named, Diag> {
    let here = words.here();
    let name = words
        .text()?
        .ok_or_else(|| Diag::alert(here, format!("'{keyword}' : {missing}")))?
        .to_owned();
    Ok(Named {
        name,
        span: words.last(),
    })
}

/// A file below a base directory, unless it is absolute or a name of the process (`@…`).
pub(super) fn below(site: &Site<'_>, base: Option<&str>, mut file: Named) -> Named {
    if !file.name.starts_with(['/', '@']) {
        file.name = match base {
            Some(base) => format!("{}/{}", base.trim_end_matches('/'), file.name),
            None => site.path(&file.name),
        };
    }
    file
}

pub(super) fn ca_path(
    site: &Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    missing: &str,
) -> Result<Named, Diag> {
    let file = named(words, keyword, missing)?;
    Ok(below(site, site.draft.global.ca_base.as_deref(), file))
}

pub(super) fn crt_path(
    site: &Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    missing: &str,
) -> Result<Named, Diag> {
    let file = named(words, keyword, missing)?;
    Ok(below(site, site.draft.global.crt_base.as_deref(), file))
}

fn version(words: &mut Words<'_>, keyword: &str) -> Result<(SslVersion, lbd_core::Span), Diag> {
    let said = named(words, keyword, "missing version")?;
    let version = SslVersion::parse(&said.name).ok_or_else(|| {
        Diag::alert(
            said.span,
            format!("'{}' : unknown ssl/tls version", said.name),
        )
        .hint("The versions are TLSv1.2 and TLSv1.3.")
    })?;
    Ok((version, said.span))
}

fn min_version(ssl: &mut SslDraft, words: &mut Words<'_>) -> Result<(), Diag> {
    ssl.min = Some(version(words, "ssl-min-ver")?);
    Ok(())
}

fn max_version(ssl: &mut SslDraft, words: &mut Words<'_>) -> Result<(), Diag> {
    ssl.max = Some(version(words, "ssl-max-ver")?);
    Ok(())
}

/// `force-tlsv12` and its like.
fn force(ssl: &mut SslDraft, words: &Words<'_>, version: SslVersion) -> Result<(), Diag> {
    ssl.min = Some((version, words.last()));
    ssl.max = Some((version, words.last()));
    Ok(())
}

/// A comma-separated list of protocols, each at most 255 bytes long (RFC 7301).
pub(super) fn protocols(words: &mut Words<'_>, keyword: &str) -> Result<Vec<Vec<u8>>, Diag> {
    let said = named(
        words,
        keyword,
        "missing the comma-delimited ALPN protocol suite",
    )?;
    let (names, is_short) = match said.name.split(',').any(str::is_empty) {
        false => (said.name, false),
        true => {
            let mut names: Vec<&str> = said.name.split(',').collect();
            names.retain(|name| !name.is_empty());
            (names.join(","), true)
        }
    };
    if is_short {
        let text = format!("'{keyword}' : empty names of protocols are left out.");
        words.warnings.push(Diag::warning(said.span, text));
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    split_protocols(&names).map_err(|text| Diag::alert(said.span, format!("'{keyword}' : {text}")))
}

/// The protocols of a list with commas, or what is wrong with it.
pub(crate) fn split_protocols(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let names = text.split(',');
    let list: Vec<Vec<u8>> = names.map(|name| name.as_bytes().to_vec()).collect();
    if list.iter().any(|name| name.is_empty() || name.len() > 255) {
        return Err(format!("invalid length of a protocol name in '{text}'"));
    }
    Ok(list)
}

pub(super) fn ignored(words: &mut Words<'_>, keyword: &str) -> Result<Option<Ignored>, Diag> {
    let said = named(words, keyword, "missing error IDs list")?;
    if said.name == "all" {
        return Ok(Some(Ignored {
            all: true,
            codes: Vec::new(),
        }));
    }
    let mut codes = Vec::new();
    for word in said.name.split(',').filter(|word| !word.is_empty()) {
        let code = code::parse(word).ok_or_else(|| {
            Diag::alert(
                said.span,
                format!(
                    "'{keyword}' : error constant '{word}' unknown in error IDs list '{}'",
                    said.name
                ),
            )
        })?;
        // The numbers that OpenSSL knows.
        if !(1..=94).contains(&code) {
            let text = format!(
                "'{keyword}' : ID '{code}' out of range (1..94) in error IDs list '{}'",
                said.name
            );
            return Err(Diag::alert(said.span, text));
        }
        codes.push(code);
    }
    Ok(Some(Ignored { all: false, codes }))
}

pub(super) fn verify(
    ssl: &mut SslDraft,
    words: &mut Words<'_>,
    knows_optional: bool,
) -> Result<(), Diag> {
    let said = named(words, "verify", "missing verify method")?;
    ssl.verify = Some(match said.name.as_str() {
        "none" => Verify::None,
        "optional" if knows_optional => Verify::Optional,
        "required" => Verify::Required,
        other => {
            let known = match knows_optional {
                true => "only 'none', 'optional', and 'required' are supported",
                false => "only 'none' and 'required' are supported.",
            };
            return Err(Diag::alert(
                said.span,
                format!("'verify' : unknown verify method '{other}', {known}"),
            ));
        }
    });
    Ok(())
}
