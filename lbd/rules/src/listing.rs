//! The registries as the reference lists its own with `-dKacl`, `-dKcnv` and `-dKsmp`.
//!
//! What is refused is not listed.

use std::fmt::Write;

use lbd_core::Checkpoint;

use crate::acl;
use crate::arg::ArgSpec;
use crate::registry::{converters, fetches, find_fetch};

/// `-dKacl`.
pub fn acl_keywords() -> String {
    let mut out = String::from("# List of registered ACL keywords:\n");
    for keyword in acl::keywords() {
        if find_fetch(keyword.fetch).is_some() {
            let kind = keyword.listed_kind();
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(out, "{} = {} -m {kind}", keyword.name, keyword.fetch);
        }
    }
    out
}

/// `-dKcnv`.
pub fn converter_keywords() -> String {
    let mut lines: Vec<String> = converters()
        .map(|c| {
            format!(
                "{}{}: {} => {}",
                c.name,
                arguments(c.args),
                c.to.name(),
                c.from.name()
            )
        })
        .collect();
    sort_by_name(&mut lines, 0);
    titled("# List of registered sample converter functions:\n", &lines)
}

/// `-dKsmp`.
pub fn fetch_keywords() -> String {
    let mut title = String::from("# List of registered sample fetch functions:\n");
    let columns = Checkpoint::ALL.len();
    for (at, point) in Checkpoint::ALL.into_iter().enumerate() {
        let _ = writeln!(
            title,
            "#{}{}_.{} {}",
            " ".repeat(columns + 1 - at),
            "/ ".repeat(at),
            "-".repeat(columns - at),
            point.describe()
        );
    }
    let _ = writeln!(title, "# {} ", "/ ".repeat(columns));
    let _ = writeln!(title, "# {}", "| ".repeat(columns));
    let mut lines: Vec<String> = fetches()
        .map(|fetch| {
            let place = |point| {
                if fetch.valid.contains(point) {
                    "Y "
                } else {
                    ". "
                }
            };
            let places: String = Checkpoint::ALL.into_iter().map(place).collect();
            let args = arguments(fetch.args);
            format!("[ {places}] {}{args}: {}", fetch.name, fetch.out.name())
        })
        .collect();
    sort_by_name(&mut lines, columns * 2 + 4);
    titled(&title, &lines)
}

/// `(string[,integer])`, nothing without arguments.
fn arguments(specs: &[ArgSpec]) -> String {
    let mut out = String::new();
    for (at, spec) in specs.iter().enumerate() {
        let opens = spec.optional && (at == 0 || !specs[at - 1].optional);
        out.push_str(if at == 0 { "(" } else { "" });
        out.push_str(if opens { "[" } else { "" });
        out.push_str(if at > 0 { "," } else { "" });
        out.push_str(spec.kind.name());
    }
    if specs.last().is_some_and(|spec| spec.optional) {
        out.push(']');
    }
    if !specs.is_empty() {
        out.push(')');
    }
    out
}

fn sort_by_name(lines: &mut [String], start: usize) {
    lines.sort_by(|a, b| name(a, start).cmp(name(b, start)));
}

fn name(line: &str, start: usize) -> &str {
    line[start..].split(['(', ':']).next().unwrap_or_default()
}

fn titled(title: &str, lines: &[String]) -> String {
    let mut out = title.to_owned();
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
    out
}
