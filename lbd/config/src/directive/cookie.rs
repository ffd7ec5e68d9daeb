//! `cookie`, `dynamic-cookie-key` and `persist`: how sessions stay on a server.
//!
//! What is done with messages is in `lbd-backend`.

use lbd_core::Diag;

use super::{directive, end};
use crate::draft::{CookieDraft, DynamicCookie};
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "cookie",
        Sections::BACK,
        "Persistence by a cookie (4.2).",
        &[
            Example::Ok("cookie SRV insert indirect nocache"),
            Example::Ok("cookie JSESSIONID prefix"),
            Example::Ok(
                "cookie SRV insert maxidle 30m maxlife 8h httponly secure domain .example.com attr SameSite=Lax",
            ),
            Example::Fail("cookie", "expects <cookie_name> as argument"),
            Example::Fail("cookie SRV insert rewrite", "modes are incompatible"),
            Example::Fail("cookie SRV inser", "supports 'rewrite'"),
            Example::Fail(
                "cookie SRV preserve",
                "requires at least 'insert' or 'indirect'",
            ),
        ],
        cookie,
    ),
    directive(
        "dynamic-cookie-key",
        Sections::BACK,
        "Secret of cookie values made from addresses (4.2).",
        &[
            Example::Ok("dynamic-cookie-key secret"),
            Example::Fail("dynamic-cookie-key", "expects"),
        ],
        |site, words| {
            let key = words.expect("dynamic-cookie-key", "the secret key to be used")?;
            site.proxy.settings.dynamic_key = Some(key.as_bytes().to_vec());
            end(words, "dynamic-cookie-key")
        },
    ),
];

fn cookie(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let line = words.last();
    let name = words.expect("cookie", "<cookie_name> as argument.")?;
    let mut draft = CookieDraft {
        name: name.as_bytes().to_vec(),
        ..CookieDraft::default()
    };
    while let Some(word) = words.text()? {
        match word {
            "rewrite" => draft.rewrite = true,
            "indirect" => draft.indirect = true,
            "insert" => draft.insert = true,
            "nocache" => draft.nocache = true,
            "postonly" => draft.postonly = true,
            "preserve" => draft.preserve = true,
            "prefix" => draft.prefix = true,
            "httponly" => draft.httponly = true,
            "secure" => draft.secure = true,
            "dynamic" => draft.dynamic = DynamicCookie::Dynamic,
            "domain" => domain(site, &mut draft, words)?,
            "maxidle" => draft.maxidle = Some(words.time("maxidle", TimeUnit::Second)?),
            "maxlife" => draft.maxlife = Some(words.time("maxlife", TimeUnit::Second)?),
            "attr" => attribute(&mut draft, words)?,
            other => {
                let known = [
                    "rewrite", "indirect", "insert", "nocache", "postonly", "preserve", "prefix",
                    "httponly", "secure", "dynamic", "domain", "maxidle", "maxlife", "attr",
                ];
                return Err(Diag::alert(
                    words.last(),
                    "'cookie' supports 'rewrite', 'insert', 'prefix', 'indirect', 'nocache', \
                     'postonly', 'domain', 'maxidle', 'dynamic', 'maxlife' and 'attr' options.",
                )
                .hint(crate::suggest::hint(other, known)));
            }
        }
    }
    check(&draft, line)?;
    site.proxy.settings.cookie = Some(draft);
    Ok(())
}

fn check(draft: &CookieDraft, line: lbd_core::Span) -> Result<(), Diag> {
    let fault = |text: &str| Err(Diag::alert(line, format!("cookie {text}")));
    if draft.rewrite && draft.indirect {
        return fault("'rewrite' and 'indirect' modes are incompatible.");
    }
    if [draft.rewrite, draft.insert, draft.prefix]
        .into_iter()
        .filter(|on| *on)
        .count()
        > 1
    {
        return fault("'rewrite', 'insert' and 'prefix' modes are incompatible.");
    }
    if draft.preserve && !draft.insert && !draft.indirect {
        return fault("'preserve' requires at least 'insert' or 'indirect'.");
    }
    Ok(())
}

fn domain(site: &mut Site<'_>, draft: &mut CookieDraft, words: &mut Words<'_>) -> Result<(), Diag> {
    let domain = words.expect("domain", "<domain> as argument.")?;
    let span = words.last();
    if !domain.contains('.') {
        site.warn(
            span,
            format!(
                "domain '{domain}' contains no embedded dot, this configuration may not work \
                 properly (see RFC6265#5.2.3)."
            ),
        );
    }
    let invalid = domain
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.' | '_'));
    if let Some(c) = invalid {
        return Err(Diag::alert(
            span,
            format!("character '{c}' is not permitted in domain name '{domain}'."),
        ));
    }
    draft.domains.push(domain.as_bytes().to_vec());
    Ok(())
}

fn attribute(draft: &mut CookieDraft, words: &mut Words<'_>) -> Result<(), Diag> {
    let value = words.expect("attr", "<value> as argument.")?;
    if let Some(byte) = value.bytes().find(|b| b.is_ascii_control() || *b == b';') {
        return Err(Diag::alert(
            words.last(),
            format!("character '%x{byte:02X}' is not permitted in attribute value."),
        ));
    }
    draft.attrs.push(value.as_bytes().to_vec());
    Ok(())
}
