//! A word of a configuration line as the parsers of this crate take it.
//!
//! It does not split lines: the configuration's lexer made the words, their bytes and places.

use lbd_core::Span;

/// One word: its bytes (quotes and escapes resolved, never a NUL) and where it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'w> {
    /// Bytes.
    pub text: &'w [u8],
    /// Place.
    pub span: Span,
}

impl<'w> Word<'w> {
    /// A word at `span`.
    pub fn new(text: &'w (impl AsRef<[u8]> + ?Sized), span: Span) -> Self {
        Self {
            text: text.as_ref(),
            span,
        }
    }

    /// The word for a message; bytes that are not UTF-8 are replaced.
    pub fn lossy(&self) -> std::borrow::Cow<'w, str> {
        String::from_utf8_lossy(self.text)
    }

    /// Whether the word is exactly `text`.
    pub fn is(&self, text: &str) -> bool {
        self.text == text.as_bytes()
    }
}

impl PartialEq<str> for Word<'_> {
    fn eq(&self, other: &str) -> bool {
        self.is(other)
    }
}
