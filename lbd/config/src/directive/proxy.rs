//! Keywords of both sides of a proxy: mode, identity, limits.
//!
//! Rules, logs and errors have files of their own.

use lbd_core::Diag;

use super::{directive, end, guid};
use crate::config::Mode;
use crate::lex::Word;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "description",
        Sections::OWN.with(Sections::GLOBAL),
        "A text for the operator (3.1, 4.2).",
        &[
            Example::Ok("description the web site"),
            Example::Fail("description", "expects a string"),
        ],
        |site, words| {
            if words.left() == 0 {
                return Err(Diag::alert(
                    words.last(),
                    "'description' expects a string argument.",
                ));
            }
            let text = join(words.rest());
            match site.section {
                crate::section::Section::Global => {
                    site.draft.global.value.description = Some(text);
                }
                _ => site.proxy.description = Some(text),
            }
            Ok(())
        },
    ),
    directive(
        "disabled",
        Sections::PROXY,
        "The proxy does not start (4.2).",
        &[
            Example::Ok("disabled"),
            Example::Fail("disabled yes", "unexpected argument"),
        ],
        |site, words| {
            site.proxy.settings.disabled = true;
            end(words, "disabled")
        },
    ),
    directive(
        "enabled",
        Sections::PROXY,
        "Cancels 'disabled' of the defaults (4.2).",
        &[Example::Ok("enabled")],
        |site, words| {
            site.proxy.settings.disabled = false;
            end(words, "enabled")
        },
    ),
    directive(
        "guid",
        Sections::OWN,
        "Globally unique identifier: what its counters are called in statistics files (4.2).",
        &[
            Example::Ok("guid fe:web"),
            Example::Fail("guid", "expects"),
            Example::Fail("guid a/b", "invalid character '/'"),
        ],
        |site, words| {
            site.proxy.guid = Some(guid::named(words)?);
            words.ignore_rest("guid");
            Ok(())
        },
    ),
    directive(
        "id",
        Sections::OWN,
        "Numeric id (4.2).",
        &[
            Example::Ok("id 2000"),
            Example::Fail("id 0", "custom id has to be > 0"),
            Example::Fail("id", "expects an integer"),
        ],
        id,
    ),
    directive(
        "mode",
        Sections::PROXY,
        "What is relayed: tcp or http (4.2).",
        &[
            Example::Ok("mode http"),
            Example::Ok("mode tcp"),
            Example::Fail("mode httplog", "unknown proxy mode 'httplog'."),
            Example::Fail("mode health", "doesn't exist anymore"),
        ],
        mode,
    ),
];

/// The words with single spaces between them.
pub(super) fn join(words: &[Word]) -> String {
    let texts: Vec<_> = words
        .iter()
        .map(|word| String::from_utf8_lossy(&word.text))
        .collect();
    texts.join(" ")
}

fn id(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let text = words.expect("id", "an integer argument.")?;
    let span = words.last();
    let number = text
        .parse::<u32>()
        .ok()
        .filter(|n| (1..=i32::MAX as u32).contains(n));
    let number = number.ok_or_else(|| Diag::alert(span, "custom id has to be > 0."))?;
    let other = site
        .draft
        .proxies
        .iter()
        .find(|proxy| proxy.id.is_some_and(|(id, _)| id == number));
    if let Some(other) = other {
        return Err(Diag::alert(
            span,
            format!(
                "{} {} reuses same custom id as {} {} (declared at {}).",
                site.proxy.kind(),
                site.proxy.name,
                other.kind(),
                other.name,
                site.place(other.span)
            ),
        ));
    }
    site.proxy.id = Some((number, span));
    end(words, "id")
}

fn mode(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    let name = words.text()?.unwrap_or("");
    site.proxy.settings.mode = Some(match name {
        "http" => Mode::Http,
        "tcp" => Mode::Tcp,
        "health" => {
            return Err(Diag::alert(
                here,
                "'mode health' doesn't exist anymore. Please use 'http-request return status \
                 200' instead.",
            )
            .hint("Write 'mode http' and 'http-request return status 200'."));
        }
        "haterm" | "log" | "spop" => {
            return Err(
                Diag::alert(here, format!("mode '{name}' is not supported yet"))
                    .hint("Modes known so far are 'tcp' and 'http'."),
            );
        }
        _ => {
            let diag = Diag::alert(here, format!("unknown proxy mode '{name}'."));
            return Err(match name {
                "httplog" | "tcplog" => diag.hint(format!(
                    "Write 'mode {}' and 'option {name}'.",
                    &name[..name.len() - 3]
                )),
                _ => diag.hint("Modes are 'tcp' and 'http'."),
            });
        }
    });
    end(words, "mode")
}
