//! A configuration as it was read, for a report (`-dC`): comments gone, words as they came out of
//! quotes and variables.
//!
//! With a key, names and addresses are hashed and what may be confidential is left out, so that
//! two dumps with the same key can be compared and neither tells who they are of (haproxy 3.4
//! management 3).

mod hide;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

pub use hide::{hash, host_address};

use crate::host::Environment;
use crate::lex::{self, SECTIONS, Variables};
use crate::loader::{Source, Sources};

/// How to dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Form {
    /// Hides what is not for others; 0 hides nothing.
    pub key: u32,
    /// Puts each line's number before it.
    pub is_numbered: bool,
}

impl Form {
    /// Reads what stands behind `-dC`: `[key][,line]`. As in the reference what is no number is
    /// no key.
    pub fn parse(text: &str) -> Self {
        let (key, rest) = text.split_once(',').unwrap_or((text, ""));
        let digits = key.bytes().take_while(u8::is_ascii_digit).count();
        Self {
            key: key[..digits].parse().unwrap_or(0),
            is_numbered: rest.starts_with("line"),
        }
    }
}

/// All files, each line as it was read. Lines that cannot be read are left out.
pub fn dump(sources: &Sources, environment: &Environment<'_>, form: Form) -> String {
    let mut out = String::new();
    for source in sources.iter() {
        let lines = source.text.strip_suffix(b"\n").unwrap_or(&source.text);
        if lines.is_empty() {
            continue;
        }
        for (number, line) in (1u32..).zip(lines.split(|byte| *byte == b'\n')) {
            let scope = Scope {
                environment,
                source,
                number,
            };
            let Ok(pieces) = lex::split(line, &scope) else {
                continue;
            };
            let words: Vec<String> = pieces
                .iter()
                .map(|piece| String::from_utf8_lossy(&piece.text).into_owned())
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            one(&mut out, &words, number, form);
        }
    }
    out
}

fn one(out: &mut String, words: &[&str], number: u32, form: Form) {
    // Writing to a String cannot fail.
    if form.is_numbered {
        let _ = write!(out, "{number}\t");
    }
    let starts_section = words.first().is_some_and(|word| {
        // A section that the reference no longer has.
        SECTIONS.contains(word) && *word != "program"
    });
    if !starts_section {
        out.push('\t');
    }
    match form.key {
        0 => words.iter().for_each(|word| {
            let _ = write!(out, "{word} ");
        }),
        key => out.push_str(&hide::line(words, starts_section, key)),
    }
    out.push('\n');
}

/// Variables as seen from a line.
struct Scope<'a> {
    environment: &'a Environment<'a>,
    source: &'a Source,
    number: u32,
}

impl Variables for Scope<'_> {
    fn value(&self, name: &str) -> Option<String> {
        match name {
            ".FILE" => Some(self.source.name.clone()),
            ".LINE" => Some(self.number.to_string()),
            ".SECTION" => None,
            _ => self.environment.value(name),
        }
    }

    fn is_pseudo(&self, name: &str) -> bool {
        matches!(name, ".FILE" | ".LINE" | ".SECTION")
    }
}
