//! Findings as text: `(file: Line N) message` as keepalived has it, then the place and a hint.

use std::fmt::Write as _;

use lbd_core::{Diag, Level};

use crate::Reading;

/// All findings of a reading. Lines that follow the first of each are indented.
pub fn render(reading: &Reading) -> String {
    let mut out = String::new();
    for diag in &reading.diags.0 {
        one(&mut out, diag, reading);
    }
    out
}

fn one(out: &mut String, diag: &Diag, reading: &Reading) {
    // Writing to a String does not fail.
    let level = match diag.level {
        Level::Alert => "error",
        Level::Warning => "warning",
        Level::Notice | Level::Diag => "note",
    };
    let Some(span) = diag.span else {
        let _ = writeln!(out, "{level}: {}", diag.message);
        return hint(out, diag);
    };
    let source = usize::try_from(span.file.0)
        .ok()
        .and_then(|at| reading.sources.get(at));
    let name = source.map_or("", |source| source.name.as_str());
    let column = span.column.max(1);
    let _ = writeln!(
        out,
        "({name}: Line {}) {level}: {} [{name}:{}:{column}]",
        span.line, diag.message, span.line
    );
    let line = source.and_then(|s| s.text.lines().nth(span.line.saturating_sub(1) as usize));
    if let (Some(line), true) = (line, span.column > 0) {
        let shown: String = line.chars().take(EXCERPT_WIDTH).collect();
        let _ = writeln!(out, "    | {}", shown.replace('\t', " "));
        let before = (span.column - 1) as usize;
        if before < EXCERPT_WIDTH {
            let carets = (span.len.max(1) as usize).min(EXCERPT_WIDTH - before);
            let _ = writeln!(out, "    | {}{}", " ".repeat(before), "^".repeat(carets));
        }
    }
    hint(out, diag);
}

fn hint(out: &mut String, diag: &Diag) {
    if !diag.hint.is_empty() {
        let _ = writeln!(out, "    hint: {}", diag.hint);
    }
}

/// Widest part of a source line that is shown, in characters.
const EXCERPT_WIDTH: usize = 120;
