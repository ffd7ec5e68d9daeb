//! Settings of the kernel that guides recommend, beside what this machine has.
//!
//! The list and its explanations are the example that the package brings.

use std::collections::BTreeMap;

const EXAMPLE: &str = include_str!("../../../../packaging/files/examples/sysctl.conf");

/// A recommended setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advice {
    pub(super) name: &'static str,
    pub(super) value: &'static str,
    /// What it does.
    why: String,
}

/// Every line `# name = value`, with the remarks above it.
pub(super) fn advice() -> Vec<Advice> {
    let mut advice = Vec::new();
    let mut why = String::new();
    let mut was_advice = false;
    for line in EXAMPLE.lines() {
        let text = line.trim_start_matches('#').trim();
        let setting = text
            .split_once(" = ")
            .filter(|(name, _)| name.contains('.') && !name.contains(' '));
        if text.is_empty() {
            why.clear();
        } else if let Some((name, value)) = setting {
            advice.push(Advice {
                name,
                value,
                why: why.clone(),
            });
        } else {
            if was_advice {
                why.clear();
            }
            if !why.is_empty() {
                why.push(' ');
            }
            why.push_str(text);
        }
        was_advice = setting.is_some();
    }
    advice
}

/// What differs here, as text; empty when nothing does or nothing is known.
pub(super) fn comparison(settings: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for Advice { name, value, why } in advice() {
        let Some(here) = settings.get(name) else {
            continue;
        };
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        if words(here) == words(value) || is_enough(here, value) {
            continue;
        }
        let here = if here.is_empty() { "empty" } else { here };
        text.push_str(&format!(
            "  {name} is {here}, busy machines have {value}\n    {why}\n"
        ));
    }
    if !text.is_empty() {
        text.insert_str(
            0,
            "settings of the kernel that differ from /usr/share/doc/lbd/examples/sysctl.conf:\n",
        );
    }
    text
}

/// Sizes: more than is recommended is enough.
fn is_enough(here: &str, value: &str) -> bool {
    match (here.parse::<u64>(), value.parse::<u64>()) {
        (Ok(here), Ok(value)) => value >= LEAST_SIZE && here >= value,
        _ => false,
    }
}

/// From here on a number is a size, not a switch or a time.
const LEAST_SIZE: u64 = 1024;
