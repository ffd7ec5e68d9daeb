//! Bytes of a configuration file to lines of words: quoting, escapes, comments, variables, `.if`.
//!
//! It knows no keyword but the names of sections, which it needs for `.SECTION` and to tell text
//! that stands outside of any.

mod block;
mod reader;
mod split;
#[cfg(test)]
mod tests;

use lbd_core::{Diag, Span};

pub use reader::Reader;
pub use split::{Piece, SplitError, SplitFault, Variables, split};

/// Most words on a line, as in the reference.
pub const MAX_WORDS: usize = 64;
/// Most bytes of a line, as written and after variables were put in.
pub const MAX_LINE_BYTES: usize = 1 << 20;
/// Alerts in one file after which the rest of it is not looked at, as in the reference.
pub const MAX_FATAL_ERRORS: usize = 50;
/// `.if` blocks within each other, as in the reference.
pub const MAX_NESTED_CONDITIONS: usize = 100;

/// Most bytes of a word or an expression that a message repeats.
const MAX_SHOWN: usize = 512;

/// Words that start a section, sorted (haproxy 3.4 configuration 3, 4, 6, 10 to 12).
pub const SECTIONS: &[&str] = &[
    "acme",
    "backend",
    "cache",
    "crt-store",
    "defaults",
    "fcgi-app",
    "frontend",
    "global",
    "healthcheck",
    "http-errors",
    "listen",
    "log-forward",
    "log-profile",
    "mailers",
    "namespace_list",
    "peers",
    "program",
    "resolvers",
    "ring",
    "traces",
    "userlist",
];

/// Keywords before which `no` and `default` may stand.
const MODIFIABLE: &[&str] = &[
    "option",
    "log",
    "busy-polling",
    "set-dumpable",
    "strict-limits",
    "insecure-fork-wanted",
    "numa-cpu-mapping",
];

/// One argument, with quotes and escapes removed and variables put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Its bytes; never a NUL among them.
    pub text: Vec<u8>,
    /// Where it is written.
    pub span: Span,
}

impl Word {
    /// The word as text.
    ///
    /// # Errors
    /// When it is not valid UTF-8.
    pub fn str(&self) -> Result<&str, Diag> {
        std::str::from_utf8(&self.text).map_err(|_| {
            Diag::alert(
                self.span,
                format!("'{}' is not valid UTF-8", self.text.escape_ascii()),
            )
        })
    }
}

impl PartialEq<str> for Word {
    fn eq(&self, other: &str) -> bool {
        self.text == other.as_bytes()
    }
}

impl PartialEq<&str> for Word {
    fn eq(&self, other: &&str) -> bool {
        self.text == other.as_bytes()
    }
}

/// What stood before the keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Modifier {
    /// `default`.
    Default,
    /// `no`.
    No,
    /// Nothing.
    #[default]
    Plain,
}

/// A statement: at least one word, none of them empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The keyword and its arguments, without `no` and `default`.
    pub words: Vec<Word>,
    /// Whether `no` or `default` stood before.
    pub modifier: Modifier,
    /// Whether the first word starts a section.
    pub starts_section: bool,
    /// The line.
    pub span: Span,
}

/// Text for a message: what is not UTF-8 is replaced, what is long is cut.
pub(crate) fn shown(text: &[u8]) -> String {
    match text.get(..MAX_SHOWN) {
        Some(start) if text.len() > MAX_SHOWN => {
            format!("{}...", String::from_utf8_lossy(start))
        }
        _ => String::from_utf8_lossy(text).into_owned(),
    }
}
