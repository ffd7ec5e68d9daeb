//! The arguments of one statement, taken one after the other by the keyword that they belong to.
//!
//! It knows no keyword; it makes the messages that all share.

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::time::Duration;

use lbd_core::{Diag, Span};

use crate::lex::{Line, Modifier, Word, shown};
use crate::units::{self, TimeUnit};

/// A cursor over the words of a statement.
#[derive(Debug)]
pub struct Words<'a> {
    words: &'a [Word],
    at: usize,
    line: Span,
    modifier: Modifier,
    /// What does not refuse the statement; the caller reports it.
    pub warnings: Vec<Diag>,
}

impl<'a> Words<'a> {
    /// The words of `line`, its keyword first.
    pub fn new(line: &'a Line) -> Self {
        Self {
            words: &line.words,
            at: 0,
            line: line.span,
            modifier: line.modifier,
            warnings: Vec::new(),
        }
    }

    /// Whether `no` or `default` stood before the keyword.
    pub fn modifier(&self) -> Modifier {
        self.modifier
    }

    /// The line, for faults that no word shows.
    pub fn line(&self) -> Span {
        self.line
    }

    /// Place of the next word, or of the one before at the end, or of the line.
    pub fn here(&self) -> Span {
        self.words
            .get(self.at)
            .or_else(|| self.words.last())
            .map_or(self.line, |word| word.span)
    }

    /// Place of the word taken last, or of the line.
    pub fn last(&self) -> Span {
        self.at
            .checked_sub(1)
            .and_then(|at| self.words.get(at))
            .map_or(self.line, |word| word.span)
    }

    /// The next word, which stays.
    pub fn peek(&self) -> Option<&'a Word> {
        self.words.get(self.at)
    }

    /// Takes the next word.
    pub fn take(&mut self) -> Option<&'a Word> {
        let word = self.words.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// Takes the next word when it is `text`.
    pub fn take_if(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| word == text);
        self.at += usize::from(found);
        found
    }

    /// Takes the next word as text, if there is one.
    ///
    /// # Errors
    /// When it is not valid UTF-8.
    pub fn text(&mut self) -> Result<Option<&'a str>, Diag> {
        self.take().map(Word::str).transpose()
    }

    /// Takes the next word as text; `what` names it in the message: `'maxconn' expects {what}`.
    ///
    /// # Errors
    /// When there is none, or it is not valid UTF-8.
    pub fn expect(&mut self, keyword: &str, what: &str) -> Result<&'a str, Diag> {
        let here = self.here();
        self.text()?
            .ok_or_else(|| Diag::alert(here, format!("'{keyword}' expects {what}")))
    }

    /// All words that are left; they count as taken.
    pub fn rest(&mut self) -> &'a [Word] {
        let rest = self.words.get(self.at..).unwrap_or_default();
        self.at = self.words.len();
        rest
    }

    /// The word that was taken last; empty before the first, and when it is not UTF-8.
    pub fn taken(&self) -> &'a str {
        let last = self.at.checked_sub(1).and_then(|at| self.words.get(at));
        last.and_then(|word| std::str::from_utf8(&word.text).ok())
            .unwrap_or_default()
    }

    /// Number of words that are left.
    pub fn left(&self) -> usize {
        self.words.len().saturating_sub(self.at)
    }

    /// Refuses words that are left.
    ///
    /// # Errors
    /// When there is one.
    pub fn end(&self, keyword: &str) -> Result<(), Diag> {
        match self.peek() {
            None => Ok(()),
            Some(word) => Err(Diag::alert(
                word.span,
                format!(
                    "'{keyword}' cannot handle unexpected argument '{}'.",
                    shown(&word.text)
                ),
            )),
        }
    }

    /// Takes words that are left and warns of them: the reference does not look at them.
    pub fn ignore_rest(&mut self, keyword: &str) {
        if let Err(surplus) = self.end(keyword) {
            let text = format!("{} It is ignored with all behind it.", surplus.message);
            self.warnings.push(Diag::warning(surplus.span, text));
            while self.take().is_some() {}
        }
    }

    /// Takes a time; a number without unit is in `unit`, to which the value is rounded up.
    ///
    /// # Errors
    /// The reference's, for `keyword`.
    pub fn time(&mut self, keyword: &str, unit: TimeUnit) -> Result<Duration, Diag> {
        let text = self.expect(keyword, "an integer value (in milliseconds)")?;
        let span = self.last();
        let time = units::parse_time(text, unit)
            .map_err(|error| Diag::alert(span, error.message(text, keyword)))?;
        if let Some(c) = time.trailing {
            self.warnings.push(
                Diag::warning(
                    span,
                    format!(
                        "unexpected character '{c}' after the timer value '{text}', only \
                         (us=microseconds,ms=milliseconds,s=seconds,m=minutes,h=hours,d=days) are \
                         supported. This will be reported as an error in next versions."
                    ),
                )
                .hint("Remove what follows the unit."),
            );
        }
        Ok(time.value)
    }

    /// Takes a size in bytes of at most `max`.
    ///
    /// # Errors
    /// The reference's, for `keyword`.
    pub fn size(&mut self, keyword: &str, max: u64) -> Result<u64, Diag> {
        let text = self.expect(keyword, "an integer argument")?;
        units::parse_size(text, max)
            .map_err(|error| Diag::alert(self.last(), error.message(keyword)))
    }

    /// Takes the integer that a word begins with, which is what the reference reads of most
    /// keywords; what follows it is a warning, and no digit at all is 0.
    ///
    /// # Errors
    /// When there is no word, or the number lies outside `range`.
    pub fn int(&mut self, keyword: &str, range: RangeInclusive<i64>) -> Result<i64, Diag> {
        let text = self.expect(keyword, "an integer argument")?;
        let (number, rest) = units::leading_int(text);
        let n = units::parse_int(number, range)
            .map_err(|error| Diag::alert(self.last(), format!("'{keyword}' {error}")))?;
        if !rest.is_empty() {
            let text = format!("'{keyword}' takes {n} from '{text}', the rest is ignored.");
            self.warnings.push(Diag::warning(self.last(), text));
        }
        Ok(n)
    }

    /// Takes an integer within `range` and nothing else.
    ///
    /// # Errors
    /// When there is none, or it lies outside.
    pub fn exact_int(&mut self, keyword: &str, range: RangeInclusive<i64>) -> Result<i64, Diag> {
        let text = self.expect(keyword, "an integer argument")?;
        units::parse_int(text, range)
            .map_err(|error| Diag::alert(self.last(), format!("'{keyword}' {error}")))
    }
}
