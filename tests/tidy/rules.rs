//! Rules about sources and about the tree.
//!
//! What a compiler lint can find is a lint in the root's Cargo.toml, not a rule here.

use crate::source::Source;

/// A file longer than this holds two things.
const MAX_LINES: usize = 800;

/// Longer files, each with the reason why it is one thing.
const LONG_FILES: &[(&str, &str)] = &[];

/// The top level is the owner's choice; dot-files are for tools.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "failover",
    "lbd",
    "packaging",
    "peers",
    "tests",
    "vrrp",
];

/// Roots of directories that exist on build machines only, without their slashes.
const MACHINE_ROOTS: &[&str] = &["work", "opt"];

/// Words in a comment that say that something is not finished.
const UNFINISHED: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

/// Pieces of code that are never wanted, and what to do instead.
const UNWANTED: &[(&str, &str)] = &[
    (
        "mod tests {",
        "put tests into `foo/tests.rs` beside `foo.rs`",
    ),
    (
        "mod test {",
        "put tests into `foo/tests.rs` beside `foo.rs`",
    ),
    ("#[ignore", "a test runs or goes"),
    ("todo!(", "finish it, or refuse it with a reason"),
    ("unimplemented!(", "finish it, or refuse it with a reason"),
    (
        "fn test_",
        "name a test after the behaviour it shows, without `test_`",
    ),
];

pub(crate) fn source(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let path = &source.path;
    if path.ends_with("/mod.rs") {
        findings.push(format!(
            "{path}: name it `foo.rs` beside the directory `foo`"
        ));
    }
    if source.code.len() > MAX_LINES && !LONG_FILES.iter().any(|(long, _)| long == path) {
        findings.push(format!(
            "{path}: {} lines, more than {MAX_LINES}; part the two things that live in it, or list it \
             with a reason in LONG_FILES of tests/tidy/rules.rs",
            source.code.len()
        ));
    }
    for (index, code) in source.code.iter().enumerate() {
        let line = index + 1;
        for (unwanted, instead) in UNWANTED {
            if has_word(code, unwanted) {
                findings.push(format!("{path}:{line}: `{unwanted}`: {instead}"));
            }
        }
        if allows_unsafe(code) && !is_explained(source, index) {
            findings.push(format!(
                "{path}:{line}: say in `reason = \"…\"` or in a comment above why unsafe code is \
                 needed and sound"
            ));
        }
    }
    for (index, comment) in source.comments.iter().enumerate() {
        for word in UNFINISHED.iter().filter(|word| has_word(comment, word)) {
            findings.push(format!(
                "{path}:{}: {word}: do it now, or file it as an issue",
                index + 1
            ));
        }
    }
    findings
}

/// Exceptions whose file is gone or short enough by now.
pub(crate) fn stale_exceptions(sources: &[Source]) -> Vec<String> {
    stale(LONG_FILES, sources)
}

fn stale(exceptions: &[(&str, &str)], sources: &[Source]) -> Vec<String> {
    let is_long = |path: &str| {
        sources
            .iter()
            .any(|source| source.path == path && source.code.len() > MAX_LINES)
    };
    let stale = exceptions
        .iter()
        .filter(|(path, reason)| !is_long(path) || reason.is_empty());
    stale
        .map(|(path, _)| format!("{path}: take it off LONG_FILES, or give a reason"))
        .collect()
}

/// Whether `part` occurs with no letter, digit or underscore before it.
fn has_word(line: &str, part: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let ends_in_word = part.ends_with(is_word) && part.chars().all(|c| c.is_ascii_uppercase());
    line.match_indices(part).any(|(at, _)| {
        let after = line[at + part.len()..].chars().next();
        !(line[..at].ends_with(is_word) || ends_in_word && after.is_some_and(is_word))
    })
}

fn allows_unsafe(code: &str) -> bool {
    (code.contains("allow(") || code.contains("expect(")) && code.contains("unsafe_code")
}

/// A reason in the attribute, or a comment on its line or the line above.
fn is_explained(source: &Source, index: usize) -> bool {
    let above = index.saturating_sub(1);
    let comment = [above, index].iter().any(|&i| {
        let text = source.comments[i].trim();
        text.starts_with("//")
            && !text.starts_with("///")
            && !text.starts_with("//!")
            && text.len() > 10
    });
    comment || source.code[index].contains("reason =")
}

/// Absolute paths of build machines.
pub(crate) fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for root in MACHINE_ROOTS {
            let part = format!("/{root}/");
            let is_absolute = |at: usize| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || "/._-}>".contains(c))
            };
            if line.match_indices(&part).any(|(at, _)| is_absolute(at)) {
                findings.push(format!(
                    "{path}:{}: {part} is a directory of a build machine; use a relative path or an \
                     environment variable",
                    index + 1
                ));
            }
        }
    }
    findings
}

pub(crate) fn top_level(entries: &[String]) -> Vec<String> {
    entries
        .iter()
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()))
        .map(|name| format!("{name}: the top level is fixed; put it below one of its directories"))
        .collect()
}

#[cfg(test)]
mod tests;
