//! Findings as text: a first line in HAProxy's form, then the place in the source and how to mend
//! it.
//!
//! It prints nothing itself.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use lbd_core::{Diag, Diags, FileId, Level, Span};

use crate::loader::Sources;

/// Widest part of a source line that is shown, in characters.
const EXCERPT_WIDTH: usize = 100;
/// Characters kept before the caret when a line is cut.
const EXCERPT_BEFORE: usize = 60;
/// Longest message that is shown, in characters.
const MAX_MESSAGE: usize = 2000;

/// Renders findings in order. Tools match the first line of each, which is as the reference prints
/// it: `[ALERT]    (PID) : config : parsing [file:line] : message`; lines that follow are
/// indented. Findings of [`Level::Diag`] are shown only with `with_diag` (`-dD`).
pub fn render(diags: &Diags, sources: &Sources, pid: u32, with_diag: bool) -> String {
    let mut out = String::new();
    let mut lines = Lines::default();
    for diag in &diags.0 {
        if diag.level != Level::Diag || with_diag {
            one(&mut out, diag, sources, &mut lines, pid);
        }
    }
    out
}

/// The closing alerts of the reference: one for each file with an alert in it, and one for all;
/// empty when nothing refuses the configuration.
pub fn verdict(diags: &Diags, sources: &Sources) -> Diags {
    let mut files: Vec<FileId> = diags
        .0
        .iter()
        .filter(|diag| diag.level == Level::Alert)
        .filter_map(|diag| Some(diag.span?.file))
        .collect();
    files.sort_unstable();
    files.dedup();
    let mut verdict = Diags::default();
    for file in files {
        verdict.push(Diag::alert(
            None,
            format!(
                "Error(s) found in configuration file : {}",
                sources.name(file)
            ),
        ));
    }
    if diags.has_alert() {
        verdict.push(Diag::alert(None, "Fatal errors found in configuration."));
    }
    verdict
}

/// The label of a level, padded as the reference pads it.
pub fn label(level: Level) -> &'static str {
    match level {
        Level::Alert => "[ALERT]   ",
        Level::Diag => "[DIAG]    ",
        Level::Notice => "[NOTICE]  ",
        Level::Warning => "[WARNING] ",
    }
}

/// Starts of the lines of the file looked at last.
#[derive(Default)]
struct Lines {
    file: Option<FileId>,
    starts: Vec<usize>,
}

impl Lines {
    fn find<'a>(&mut self, sources: &'a Sources, span: Span) -> Option<&'a [u8]> {
        let text = sources.get(span.file)?.text.as_slice();
        if self.file != Some(span.file) {
            self.file = Some(span.file);
            self.starts = std::iter::once(0)
                .chain(memchr::memchr_iter(b'\n', text).map(|at| at + 1))
                .collect();
        }
        let index = usize::try_from(span.line.checked_sub(1)?).ok()?;
        let start = *self.starts.get(index)?;
        let end = self
            .starts
            .get(index + 1)
            .map_or(text.len(), |next| next - 1);
        text.get(start..end)
    }
}

fn one(out: &mut String, diag: &Diag, sources: &Sources, lines: &mut Lines, pid: u32) {
    let label = label(diag.level);
    let message: String = diag
        .message
        .chars()
        .take(MAX_MESSAGE)
        .map(printable)
        .collect();
    // Writing to a String cannot fail.
    let _ = match diag.span {
        Some(span) => writeln!(
            out,
            "{label} ({pid}) : config : parsing [{}:{}] : {message}",
            sources.name(span.file),
            span.line
        ),
        None => writeln!(out, "{label} ({pid}) : config : {message}"),
    };
    if let Some(span) = diag.span
        && let Some(line) = lines.find(sources, span)
        && !line.is_empty()
    {
        excerpt(out, line, span);
    }
    if !diag.hint.is_empty() {
        let hint: String = diag.hint.chars().map(printable).collect();
        let _ = writeln!(out, "  hint: {hint}");
    }
}

fn excerpt(out: &mut String, line: &[u8], span: Span) {
    let number = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
    let column = number(span.column).min(line.len() + 1);
    // One character for each byte keeps the caret under its word.
    let from = match column > EXCERPT_WIDTH {
        true => column - EXCERPT_BEFORE,
        false => 0,
    };
    let to = line.len().min(from + EXCERPT_WIDTH);
    let shown: String = line[from..to].iter().map(|&b| printable_byte(b)).collect();
    let (before, after) = (
        if from > 0 { "..." } else { "" },
        if to < line.len() { "..." } else { "" },
    );
    let place = match column {
        0 => format!("{}", span.line),
        _ => format!("{}:{column}", span.line),
    };
    let _ = writeln!(out, "  {place} | {before}{}{after}", shown.trim_end());
    if column > 0 {
        let pad = " ".repeat(place.len());
        let indent = " ".repeat(before.len() + column - 1 - from);
        let carets = number(span.len).clamp(1, (to + 1).saturating_sub(column).max(1));
        let _ = writeln!(out, "  {pad} | {indent}{}", "^".repeat(carets));
    }
}

fn printable(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        c if c.is_control() => '?',
        c => c,
    }
}

fn printable_byte(byte: u8) -> char {
    match byte {
        b'\t' | b'\r' => ' ',
        0x20..=0x7e => char::from(byte),
        _ => '?',
    }
}
