//! One line to words: quotes, escapes, comments, variables (haproxy 3.4 configuration 2.2, 2.3).
//!
//! It does not know where the line stands; offsets count from its first byte.

use std::fmt;

use super::{MAX_LINE_BYTES, MAX_WORDS, shown};

/// Values of variables.
pub trait Variables {
    /// Value of the variable, or of the pseudo-variable when `name` starts with a dot.
    fn value(&self, name: &str) -> Option<String>;
    /// Whether a pseudo-variable of this name exists.
    fn is_pseudo(&self, name: &str) -> bool;
}

/// One word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub text: Vec<u8>,
    /// Offset of its first byte as written, an opening quote included.
    pub start: usize,
    /// Offset behind its last byte as written.
    pub end: usize,
    /// Offset to point at when the word is empty: the name of the variable that is not set, else
    /// the closing quote.
    pub mark: usize,
    /// Whether `mark` is the name of a variable.
    pub unset_variable: bool,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitFault {
    /// `${` without `}`.
    Brace,
    /// Carriage return other than before the line feed.
    CarriageReturn,
    /// `${name[` not followed by `*]`.
    Expansion,
    /// `\x` without two hexadecimal digits.
    Hex,
    /// More than [`MAX_LINE_BYTES`] once variables were put in.
    Long,
    /// `\x00`.
    Nul,
    /// A quote that does not end.
    Quote,
    /// More than [`MAX_WORDS`] words.
    TooMany {
        /// Position of the last word that fits, in the text without quotes, from 1.
        position: usize,
        /// That word.
        last: Vec<u8>,
    },
    /// A variable's name that starts with a character that is not allowed, or an unknown
    /// pseudo-variable.
    VariableName,
}

/// A fault and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitError {
    /// What.
    pub fault: SplitFault,
    /// Offset from the first byte of the line.
    pub offset: usize,
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.fault {
            SplitFault::Brace => "unmatched brace in environment variable name",
            SplitFault::CarriageReturn => "stray carriage return",
            SplitFault::Expansion => "truncated or invalid word expansion sequence",
            SplitFault::Hex => "truncated or invalid hexadecimal sequence",
            SplitFault::Long => {
                return write!(f, "line too long, limited to {MAX_LINE_BYTES} bytes");
            }
            SplitFault::Nul => "NUL character in an argument",
            SplitFault::Quote => "unmatched quote",
            SplitFault::TooMany { position, last } => {
                return write!(
                    f,
                    "too many words, truncating after word {MAX_WORDS}, position {position}: <{}>",
                    shown(last)
                );
            }
            SplitFault::VariableName => "forbidden first char in environment variable name",
        };
        write!(f, "{text} at position {}", self.offset + 1)
    }
}

impl SplitError {
    /// How to mend it.
    pub fn hint(&self) -> &'static str {
        match self.fault {
            SplitFault::Brace => "Close the variable's name with '}', or write '\\$' for a dollar.",
            SplitFault::CarriageReturn => "Save the file with LF or CRLF line ends.",
            SplitFault::Expansion => "Write \"${NAME[*]}\" to expand a variable to several words.",
            SplitFault::Hex => "Write '\\\\x' for a backslash before an x, or use single quotes.",
            SplitFault::Long => "Put long lists into a file (-f of an ACL, a map).",
            SplitFault::Nul => "An argument ends at a NUL: use the binary form of the keyword.",
            SplitFault::Quote => "Close the quote on the same line, or escape it with a backslash.",
            SplitFault::TooMany { .. } => "Split the line, or put a long list into a file.",
            SplitFault::VariableName => {
                "Inside double quotes a dollar starts a variable; write '\\$' for a dollar."
            }
        }
    }
}

/// Splits a line (without its line feed) into words.
///
/// # Errors
/// The first fault, as the reference judges it.
pub fn split(line: &[u8], variables: &dyn Variables) -> Result<Vec<Piece>, SplitError> {
    Splitter {
        line,
        variables,
        at: 0,
        words: Vec::new(),
        current: Vec::new(),
        in_word: false,
        start: None,
        mark: 0,
        unset: None,
        quote: None,
        quote_is_empty: false,
        too_many: false,
        bytes: 0,
    }
    .run()
}

struct Splitter<'a> {
    line: &'a [u8],
    variables: &'a dyn Variables,
    at: usize,
    words: Vec<Piece>,
    current: Vec<u8>,
    /// Whether `current` is a word, even if empty.
    in_word: bool,
    start: Option<usize>,
    mark: usize,
    unset: Option<usize>,
    /// The open quote and its offset.
    quote: Option<(u8, usize)>,
    /// Nothing came out of the quotes since the last one opened.
    quote_is_empty: bool,
    too_many: bool,
    bytes: usize,
}

impl Splitter<'_> {
    fn run(mut self) -> Result<Vec<Piece>, SplitError> {
        while let Some(&byte) = self.line.get(self.at) {
            let quote = self.quote.map(|(quote, _)| quote);
            match byte {
                b'\r' if self.line[self.at..].iter().all(|&b| b == b'\r') => break,
                b'\r' => return Err(self.fault(SplitFault::CarriageReturn, self.at)),
                b'#' if quote.is_none() => break,
                b'"' if quote != Some(b'\'') => self.toggle(b'"'),
                b'\'' if quote != Some(b'"') => self.toggle(b'\''),
                b'\\' if quote != Some(b'\'') => self.escape()?,
                b'$' if quote == Some(b'"') => self.variable()?,
                b' ' | b'\t' | 0x0b | 0x0c if quote.is_none() => {
                    self.end_word(self.at);
                    self.start = None;
                    self.at += 1;
                }
                _ => {
                    self.emit(byte)?;
                    self.at += 1;
                }
            }
        }
        self.end_word(self.at);
        if let Some((_, offset)) = self.quote {
            return Err(self.fault(SplitFault::Quote, offset));
        }
        if self.too_many {
            return Err(self.too_many());
        }
        Ok(self.words)
    }

    fn fault(&self, fault: SplitFault, offset: usize) -> SplitError {
        SplitError { fault, offset }
    }

    fn too_many(&mut self) -> SplitError {
        let position = 1 + self
            .words
            .iter()
            .take(MAX_WORDS - 1)
            .map(|word| word.text.len() + 1)
            .sum::<usize>();
        let last = self.words.pop();
        SplitError {
            offset: last.as_ref().map_or(0, |word| word.start),
            fault: SplitFault::TooMany {
                position,
                last: last.map(|word| word.text).unwrap_or_default(),
            },
        }
    }

    fn begin(&mut self) {
        if !self.in_word {
            self.in_word = true;
            self.mark = self.at;
        }
        self.start.get_or_insert(self.at);
    }

    fn emit(&mut self, byte: u8) -> Result<(), SplitError> {
        self.bytes += 1;
        if self.bytes > MAX_LINE_BYTES {
            return Err(self.fault(SplitFault::Long, self.at));
        }
        self.begin();
        self.quote_is_empty = false;
        self.current.push(byte);
        Ok(())
    }

    fn end_word(&mut self, end: usize) {
        if !self.in_word {
            return;
        }
        self.in_word = false;
        let text = std::mem::take(&mut self.current);
        let unset = self.unset.take();
        if self.words.len() == MAX_WORDS {
            self.too_many = true;
            return;
        }
        self.words.push(Piece {
            text,
            start: self.start.unwrap_or(self.mark),
            end,
            mark: unset.unwrap_or(self.mark),
            unset_variable: unset.is_some(),
        });
    }

    fn toggle(&mut self, quote: u8) {
        if self.quote.is_some() {
            self.quote = None;
            if self.quote_is_empty {
                self.begin();
            }
        } else {
            self.quote = Some((quote, self.at));
            self.quote_is_empty = true;
            self.start.get_or_insert(self.at);
        }
        self.at += 1;
    }

    /// A backslash outside of single quotes; one that escapes nothing stands for itself.
    fn escape(&mut self) -> Result<(), SplitError> {
        let weak = self.quote.is_some();
        let (byte, length) = match self.line.get(self.at + 1) {
            Some(&byte @ (b' ' | b'\\' | b'#' | b'\'' | b'"')) => (byte, 2),
            Some(b't') => (b'\t', 2),
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b'$') if weak => (b'$', 2),
            Some(b'x') => (self.hex()?, 4),
            _ => (b'\\', 1),
        };
        self.emit(byte)?;
        self.at += length;
        Ok(())
    }

    fn hex(&self) -> Result<u8, SplitError> {
        let digit = |offset: usize| {
            let byte = *self.line.get(self.at + offset)?;
            char::from(byte).to_digit(16)
        };
        let (Some(high), Some(low)) = (digit(2), digit(3)) else {
            return Err(self.fault(SplitFault::Hex, self.at));
        };
        match u8::try_from(high * 16 + low) {
            Ok(byte) if byte != 0 => Ok(byte),
            _ => Err(self.fault(SplitFault::Nul, self.at)),
        }
    }

    /// A dollar inside of double quotes.
    fn variable(&mut self) -> Result<(), SplitError> {
        let peek = |at: usize| self.line.get(at).copied();
        let dollar = self.at;
        let mut at = dollar + 1;
        let brace = (peek(at) == Some(b'{')).then_some(at);
        at += usize::from(brace.is_some());
        let name_at = at;
        if !peek(at).is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'.') {
            return Err(self.fault(SplitFault::VariableName, at));
        }
        at += 1;
        while peek(at).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
            at += 1;
        }
        let name = String::from_utf8_lossy(&self.line[name_at..at]);
        if name.starts_with('.') && !self.variables.is_pseudo(&name) {
            return Err(self.fault(SplitFault::VariableName, name_at));
        }
        let mut value = self.variables.value(&name).map(String::into_bytes);
        let mut expand = false;
        if let Some(brace) = brace {
            if peek(at) == Some(b'[') {
                if self.line.get(at..at + 3) != Some(b"[*]") {
                    return Err(self.fault(SplitFault::Expansion, at));
                }
                expand = true;
                at += 3;
            }
            if peek(at) == Some(b'-') {
                let rest = &self.line[at + 1..];
                let Some(length) = memchr::memchr(b'}', rest) else {
                    return Err(self.fault(SplitFault::Brace, brace));
                };
                value.get_or_insert_with(|| rest[..length].to_vec());
                at += 1 + length;
            }
            if peek(at) != Some(b'}') {
                return Err(self.fault(SplitFault::Brace, brace));
            }
            at += 1;
        }
        self.put(value, expand, name_at, at)
    }

    fn put(
        &mut self,
        value: Option<Vec<u8>>,
        expand: bool,
        name_at: usize,
        end: usize,
    ) -> Result<(), SplitError> {
        if expand {
            // An empty list gives no word, not an empty one.
            self.quote_is_empty = false;
        }
        match value {
            None if expand => {}
            None => {
                self.begin();
                self.unset.get_or_insert(name_at);
            }
            Some(value) => {
                for byte in value {
                    if expand && byte.is_ascii_whitespace() {
                        self.end_word(end);
                    } else if byte == 0 {
                        return Err(self.fault(SplitFault::Nul, name_at));
                    } else {
                        self.emit(byte)?;
                    }
                }
            }
        }
        self.at = end;
        Ok(())
    }
}
