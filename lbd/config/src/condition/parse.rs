//! The grammar of conditions: `||` of `&&` of terms.
//!
//! It evaluates nothing: a part that cannot be read is a fault even where it would not count.

use super::predicate::Predicate;
use super::{All, Any, ConditionError, Kind, MAX_DEPTH, Term, unknown_predicate_hint};
use crate::lex::shown;

pub(super) struct Parser<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
}

type Parsed<T> = Result<T, ConditionError>;

impl Parser<'_> {
    pub(super) fn parse(mut self) -> Parsed<Any> {
        let any = self.any(0)?;
        self.spaces();
        match self.peek() {
            None => Ok(any),
            Some(byte) => Err(self.error(
                format!(
                    "unexpected character '{}' at the end of conditional expression '{}'",
                    char::from(byte),
                    self.rest(0)
                ),
                self.at,
            )),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self, from: usize) -> String {
        shown(self.text.get(from..).unwrap_or_default())
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn error(&self, message: String, offset: usize) -> ConditionError {
        ConditionError {
            message,
            offset,
            hint: String::new(),
        }
    }

    fn unparsable(&self, from: usize) -> ConditionError {
        ConditionError {
            message: format!("unparsable conditional expression '{}'", self.rest(from)),
            offset: from,
            hint: unknown_predicate_hint(self.text.get(from..).unwrap_or_default()),
        }
    }

    /// Skips an operator; a missing right side is a fault that shows `shown`.
    fn operator(&mut self, operator: &[u8], shown: usize) -> Parsed<bool> {
        let at = self.at;
        if self.text.get(at..at + 2) != Some(operator) {
            return Ok(false);
        }
        self.at += 2;
        self.spaces();
        match self.peek() {
            Some(_) => Ok(true),
            None => Err(ConditionError {
                message: format!("unparsable conditional expression '{}'", self.rest(shown)),
                offset: at,
                hint: "The right side of the operator is missing.".to_owned(),
            }),
        }
    }

    fn any(&mut self, depth: usize) -> Parsed<Any> {
        let mut alternatives = Vec::new();
        loop {
            alternatives.push(self.all(depth)?);
            if !self.operator(b"||", 0)? {
                return Ok(Any(alternatives));
            }
        }
    }

    fn all(&mut self, depth: usize) -> Parsed<All> {
        let mut terms = Vec::new();
        loop {
            terms.push(self.term(depth)?);
            self.spaces();
            if !self.operator(b"&&", self.at)? {
                return Ok(All(terms));
            }
        }
    }

    fn term(&mut self, depth: usize) -> Parsed<Term> {
        self.spaces();
        let start = self.at;
        let mut negated = false;
        while self.peek() == Some(b'!') {
            negated = !negated;
            self.at += 1;
            self.spaces();
        }
        let kind = if let Some(value) = self.integer() {
            Kind::Constant(value)
        } else if self.peek() == Some(b'(') {
            if depth >= MAX_DEPTH {
                return Err(self.unparsable(start));
            }
            self.group(start, depth)?
        } else {
            self.predicate(start)?
        };
        Ok(Term {
            negated,
            offset: start,
            kind,
        })
    }

    fn group(&mut self, start: usize, depth: usize) -> Parsed<Kind> {
        self.at += 1;
        self.spaces();
        if self.peek().is_none() {
            return Err(self.unparsable(start));
        }
        let any = self.any(depth + 1)?;
        self.spaces();
        if self.peek() != Some(b')') {
            return Err(self.error(
                format!(
                    "expected ')' after conditional expression '{}'",
                    self.rest(start)
                ),
                start,
            ));
        }
        self.at += 1;
        Ok(Kind::Group(any))
    }

    /// An integer as C writes one; gives whether it is not zero.
    fn integer(&mut self) -> Option<bool> {
        let mut at = self.at + usize::from(matches!(self.peek(), Some(b'+' | b'-')));
        let digit = |at: usize, base: u32| {
            let byte = *self.text.get(at)?;
            char::from(byte).to_digit(base)
        };
        let mut base = 10;
        if digit(at, 10) == Some(0) {
            base = 8;
            if matches!(self.text.get(at + 1), Some(b'x' | b'X')) && digit(at + 2, 16).is_some() {
                base = 16;
                at += 2;
            }
        }
        let mut value = digit(at, base)?;
        at += 1;
        while let Some(next) = digit(at, base) {
            value |= next;
            at += 1;
        }
        self.at = at;
        Some(value != 0)
    }

    fn predicate(&mut self, start: usize) -> Parsed<Kind> {
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .position(|b| matches!(b, b' ' | b'('))
            .unwrap_or(rest.len());
        let known = Predicate::ALL
            .iter()
            .find(|(name, _)| name.as_bytes() == &rest[..length]);
        let Some((name, predicate)) = known else {
            return Err(self.unparsable(start));
        };
        self.at += length;
        let arguments = self
            .arguments(predicate.arity())
            .map_err(|(message, number)| {
                self.error(
                    format!(
                        "{message} in argument {number} of predicate '{name}' used in conditional \
                         expression"
                    ),
                    self.at,
                )
            })?;
        Ok(Kind::Predicate(*predicate, arguments))
    }

    /// `arity` strings in parentheses. No parentheses are one empty string. The fault is the
    /// text and the number of the argument.
    fn arguments(&mut self, arity: usize) -> Result<Vec<Vec<u8>>, (String, usize)> {
        let open = self.peek() == Some(b'(');
        let mut arguments = Vec::new();
        if open {
            self.at += 1;
            loop {
                arguments.push(self.argument());
                if arguments.len() == arity || self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        } else {
            arguments.push(Vec::new());
        }
        let found = arguments.len();
        if found < arity {
            return Err((
                format!("missing arguments (got {found}/{arity}), type 'string' expected"),
                found,
            ));
        }
        if open {
            if self.peek() != Some(b')') {
                let rest = self.rest(self.at);
                let message = match rest.is_empty() {
                    true => "expected ')'".to_owned(),
                    false => format!("expected ')' before '{rest}'"),
                };
                return Err((message, if found > 1 { found - 1 } else { found }));
            }
            self.at += 1;
        }
        Ok(arguments)
    }

    /// One argument, up to a comma or parenthesis outside of quotes: the second level of quoting.
    fn argument(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut quote = None;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' | b'\'' if quote == Some(byte) => quote = None,
                b'"' | b'\'' if quote.is_none() => quote = Some(byte),
                b'\\' if quote != Some(b'\'') => {
                    let (byte, escaped) = match self.text.get(self.at + 1) {
                        Some(&byte @ (b'\\' | b' ' | b'"' | b'\'')) => (byte, true),
                        Some(b'r') => (b'\r', true),
                        Some(b'n') => (b'\n', true),
                        Some(b't') => (b'\t', true),
                        _ => (b'\\', false),
                    };
                    out.push(byte);
                    self.at += usize::from(escaped);
                }
                b',' | b')' if quote.is_none() => break,
                other => out.push(other),
            }
            self.at += 1;
        }
        out
    }
}
