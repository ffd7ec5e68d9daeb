//! Every keyword in one place: name, sections, documentation, examples, and what reads it.
//!
//! The registries that list these families are in [`crate::registry`].

pub mod backend;
pub mod balance;
pub mod bind;
pub mod bind_option;
pub mod bind_unix;
pub mod capture;
pub mod check;
pub mod cookie;
pub mod crt_list;
pub mod crt_store;
pub mod environment;
pub mod errors;
pub mod frontend;
pub mod global;
pub mod global_idle;
mod guid;
pub mod healthcheck;
mod idle_value;
pub mod keepalive;
pub mod log;
pub mod ocsp;
pub mod options;
pub mod options_http;
pub mod peers;
pub mod process;
pub mod proxy;
pub mod removed;
pub mod rules;
pub mod runtime;
pub mod server;
pub mod server_check;
pub mod server_option;
pub mod server_runtime;
pub mod server_socket;
pub mod snapshot;
pub mod ssl;
pub mod ssl_bind;
pub mod ssl_global;
pub mod ssl_server;
pub mod ssl_tune;
pub mod stats;
pub mod stick;
pub mod timeouts;
pub mod tune;
pub mod tune_h2;
pub mod tune_idle;
pub mod userlist;

use lbd_core::{Diag, Level, Span};

use crate::registry::{Directive, Effect, Example, Sections};
use crate::section::Site;
use crate::words::Words;

pub(crate) use guid::MAX_GUID;

/// A supported keyword.
const fn directive(
    name: &'static str,
    sections: Sections,
    doc: &'static str,
    examples: &'static [Example],
    apply: fn(&mut Site<'_>, &mut Words<'_>) -> Result<(), Diag>,
) -> Directive {
    Directive {
        name,
        sections,
        effect: Effect::Supported,
        doc,
        examples,
        apply,
    }
}

/// A keyword that is read and cannot change anything.
const fn inert(
    name: &'static str,
    sections: Sections,
    reason: &'static str,
    doc: &'static str,
    examples: &'static [Example],
    apply: fn(&mut Site<'_>, &mut Words<'_>) -> Result<(), Diag>,
) -> Directive {
    Directive {
        name,
        sections,
        effect: Effect::NoEffect(reason),
        doc,
        examples,
        apply,
    }
}

/// Refuses words behind a complete statement.
fn end(words: &Words<'_>, keyword: &str) -> Result<(), Diag> {
    words.end(keyword)
}

/// Tells with `-dD` that a keyword takes the place of an earlier line's.
fn suspect_again(site: &mut Site<'_>, name: &'static str, span: Span) {
    if !site.draft.global.said.insert(name) {
        let message = format!("'{name}' was said before; only this line counts");
        site.diags.push(Diag::new(Level::Diag, span, message));
    }
}

/// Takes one of `known`; `expects` completes the reference's message.
fn one_of(
    words: &mut Words<'_>,
    known: &'static [&'static str],
    message: impl FnOnce(&str) -> String,
) -> Result<&'static str, Diag> {
    let here = words.here();
    let given = words.text()?.unwrap_or("");
    match known.iter().find(|word| **word == given) {
        Some(word) => Ok(word),
        None => Err(Diag::alert(here, message(given))
            .hint(crate::suggest::hint(given, known.iter().copied()))),
    }
}

/// A number with the reference's message when there is none.
fn number(words: &mut Words<'_>, keyword: &str, low: i64, high: i64) -> Result<i64, Diag> {
    words.int(keyword, low..=high)
}
