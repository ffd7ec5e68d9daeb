//! Conditions of `.if` and `-cc` (haproxy 3.4 configuration 2.4).
//!
//! It does not split lines into words or know about blocks: see [`crate::lex`].

mod parse;
mod predicate;
#[cfg(test)]
mod tests;
mod version;

use crate::host::Environment;
use crate::lex::{Variables, split};
use crate::suggest;
use predicate::Predicate;

/// Parentheses within each other; the reference stops at about as many.
const MAX_DEPTH: usize = 340;

/// Why a condition has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    /// What is wrong, in the reference's words.
    pub message: String,
    /// Offset of the place in the condition's text.
    pub offset: usize,
    /// How to mend it, or empty.
    pub hint: String,
}

/// What `-cc` found out; the exit codes are the reference's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The condition holds: exit code 0.
    True,
    /// It does not: exit code 1.
    False,
    /// It cannot be read: exit code 2, with the text that follows `Failed to evaluate condition: `.
    Unreadable(String),
}

impl Verdict {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::True => 0,
            Self::False => 1,
            Self::Unreadable(_) => 2,
        }
    }
}

/// Evaluates the argument of `-cc`, which is split into words first like a line of the file.
pub fn check(text: &str, environment: &Environment<'_>) -> Verdict {
    let pieces = match split(text.as_bytes(), &Process(environment)) {
        Ok(pieces) => pieces,
        Err(error) => return Verdict::Unreadable(error.to_string()),
    };
    let words: Vec<&[u8]> = pieces.iter().map(|piece| piece.text.as_slice()).collect();
    match evaluate(&words.join(&b' '), environment) {
        Ok(true) => Verdict::True,
        Ok(false) => Verdict::False,
        Err(error) => Verdict::Unreadable(error.message),
    }
}

/// Evaluates a condition whose words were joined by single spaces; an empty one is false.
///
/// # Errors
/// When it cannot be read, whatever the parts that can say.
pub fn evaluate(text: &[u8], environment: &Environment<'_>) -> Result<bool, ConditionError> {
    if text.is_empty() {
        return Ok(false);
    }
    let expression = parse::Parser { text, at: 0 }.parse()?;
    expression.eval(environment)
}

/// Variables outside of any file.
struct Process<'a>(&'a Environment<'a>);

impl Variables for Process<'_> {
    fn value(&self, name: &str) -> Option<String> {
        self.0.value(name)
    }

    fn is_pseudo(&self, _name: &str) -> bool {
        false
    }
}

/// Alternatives, of which one must hold.
struct Any(Vec<All>);

/// Terms, of which all must hold.
struct All(Vec<Term>);

struct Term {
    negated: bool,
    offset: usize,
    kind: Kind,
}

enum Kind {
    Constant(bool),
    Group(Any),
    Predicate(Predicate, Vec<Vec<u8>>),
}

impl Any {
    fn eval(&self, environment: &Environment<'_>) -> Result<bool, ConditionError> {
        for all in &self.0 {
            if all.eval(environment)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl All {
    fn eval(&self, environment: &Environment<'_>) -> Result<bool, ConditionError> {
        for term in &self.0 {
            if !term.eval(environment)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Term {
    fn eval(&self, environment: &Environment<'_>) -> Result<bool, ConditionError> {
        let value = match &self.kind {
            Kind::Constant(value) => *value,
            Kind::Group(any) => any.eval(environment)?,
            Kind::Predicate(predicate, arguments) => predicate
                .eval(arguments, environment)
                .map_err(|message| ConditionError {
                    message,
                    offset: self.offset,
                    hint: String::new(),
                })?,
        };
        Ok(value != self.negated)
    }
}

fn unknown_predicate_hint(text: &[u8]) -> String {
    let name: Vec<u8> = text
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .copied()
        .collect();
    let hint = suggest::hint(
        &String::from_utf8_lossy(&name),
        Predicate::ALL.iter().map(|(name, _)| *name),
    );
    if hint.is_empty() {
        "A condition is an integer or a predicate such as defined(NAME), streq(a,b), feature(NAME), \
         version_atleast(3.4), combined by !, &&, || and parentheses."
            .to_owned()
    } else {
        hint
    }
}
