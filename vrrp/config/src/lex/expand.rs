//! Parameters (`$NAME=value`), `~SEQ` and `~LST`.

use std::collections::HashMap;

use crate::Host;

/// The parameters that are defined, and the directory of the file that is read.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    values: HashMap<String, String>,
    directory: String,
}

impl Parameters {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn directory(&self) -> &str {
        &self.directory
    }

    /// Begins a file; gives the directory of the one around it.
    pub(super) fn enter(&mut self, directory: &str) -> String {
        std::mem::replace(&mut self.directory, directory.to_owned())
    }

    pub(super) fn leave(&mut self, outer: String) {
        self.directory = outer;
    }

    /// Replaces `${NAME}`, and `$NAME` before a blank or the end; what is not defined stays.
    pub(super) fn substitute(&self, text: &str, host: &dyn Host) -> (String, bool) {
        let mut out = String::with_capacity(text.len());
        let mut is_changed = false;
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let (name, after) = match reference(rest) {
                Some(found) => found,
                None => ("", &rest[1..]),
            };
            match self.value(name, host) {
                Some(value) if !name.is_empty() && out.len() + value.len() < MAX_TEXT => {
                    out.push_str(&value);
                    is_changed = true;
                }
                _ => out.push_str(&rest[..rest.len() - after.len()]),
            }
            rest = after;
        }
        out.push_str(rest);
        (out, is_changed)
    }

    fn value(&self, name: &str, host: &dyn Host) -> Option<String> {
        let mut words = name.split_whitespace();
        match words.next()? {
            "_PWD" => Some(self.directory.clone()),
            "_INSTANCE" => Some(host.config_id()),
            // Within quotes they begin no comment, and comments are gone by now.
            "_HASH" => Some("#".to_owned()),
            "_BANG" => Some("!".to_owned()),
            "_ENV" => Some(host.variable(words.next()?).unwrap_or_default()),
            "_RANDOM" => {
                let low = words.next().map_or(Some(0), |w| w.parse().ok())?;
                let high = words.next().map_or(Some(RANDOM_MAX), |w| w.parse().ok())?;
                (low <= high).then(|| host.random(low, high).to_string())
            }
            name => self.values.get(name).cloned(),
        }
    }
}

/// The name in `$NAME` or `${NAME …}` at the start of `text`, and what follows.
fn reference(text: &str) -> Option<(&str, &str)> {
    let body = text.strip_prefix('$')?;
    if let Some(body) = body.strip_prefix('{') {
        let end = body.find('}')?;
        return Some((&body[..end], &body[end + 1..]));
    }
    let end = body.find(|c| !is_name(c)).unwrap_or(body.len());
    let after = &body[end..];
    let is_whole = after.chars().next().is_none_or(char::is_whitespace);
    (end > 0 && is_whole).then(|| (&body[..end], after))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// `$NAME=value`.
pub(super) fn definition(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.strip_prefix('$')?.split_once('=')?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (starts_well && name.chars().all(is_name)).then_some((name, value))
}

type Values = Vec<(String, String)>;

/// The values of each round of `~SEQ(…)` or `~LST(…)`, and what follows the bracket.
pub(super) fn block(text: &str) -> Result<(Vec<Values>, &str), String> {
    let wrong = || format!("'{text}' is no ~SEQ(var, start, step, end) or ~LST(var, values)");
    let (head, rest) = text.split_once('(').ok_or_else(wrong)?;
    let (inner, rest) = rest.split_once(')').ok_or_else(wrong)?;
    let arguments = arguments(inner);
    let rounds = match head.trim() {
        "~SEQ" => sequence(&arguments, false),
        "~SEQx" => sequence(&arguments, true),
        "~LST" => list(&arguments),
        _ => None,
    };
    Ok((rounds.ok_or_else(wrong)?, rest.trim()))
}

/// At commas outside braces.
fn arguments(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut depth) = (0, 0usize);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

fn sequence(arguments: &[&str], is_hex: bool) -> Option<Vec<Values>> {
    let numbers: Option<Vec<i64>> = arguments[1..].iter().map(|text| integer(text)).collect();
    let (start, step, end) = match numbers?.as_slice() {
        [end] if *end > 0 => (1, 1, *end),
        [end] => (-1, -1, *end),
        [start, end] => (*start, if end >= start { 1 } else { -1 }, *end),
        [start, step, end] => (*start, *step, *end),
        _ => return None,
    };
    let count = if step == 0 {
        return None;
    } else {
        (end.checked_sub(start)? / step).max(-1) + 1
    };
    if usize::try_from(count).ok()? > MAX_ROUNDS {
        return None;
    }
    let value = |index: i64| {
        let number = start + index * step;
        let text = if is_hex {
            format!("{number:x}")
        } else {
            number.to_string()
        };
        vec![(arguments[0].to_owned(), text)]
    };
    Some((0..count).map(value).collect())
}

fn integer(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = match digits.strip_prefix("0x") {
        Some(hex) => i64::from(u32::from_str_radix(hex, 16).ok()?),
        None => i64::from(digits.parse::<u32>().ok()?),
    };
    Some(if is_negative { -value } else { value })
}

fn list(arguments: &[&str]) -> Option<Vec<Values>> {
    let members = |text: &str| -> Vec<String> {
        match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            Some(inner) => inner.split(',').map(|t| t.trim().to_owned()).collect(),
            None => vec![text.to_owned()],
        }
    };
    let names = members(arguments.first()?);
    let round = |text: &&str| -> Option<Values> {
        let values = members(text);
        (values.len() == names.len()).then(|| names.iter().cloned().zip(values).collect())
    };
    arguments[1..].iter().map(round).collect()
}

/// The longest line that substitution makes.
const MAX_TEXT: usize = 1 << 20;
/// Rounds of one `~SEQ`.
const MAX_ROUNDS: usize = 100_000;
/// keepalived's default end of `${_RANDOM}`.
const RANDOM_MAX: u64 = 32_767;
