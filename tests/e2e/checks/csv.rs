//! The table that `show stat` prints.

use std::collections::BTreeMap;

/// A line by column names.
pub(crate) type Row = BTreeMap<String, String>;

/// All lines of a table whose first line names the columns.
pub(crate) fn rows(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let head = fields(lines.next().unwrap_or_default().trim_start_matches("# "));
    lines
        .filter(|line| !line.is_empty())
        .map(|line| head.iter().cloned().zip(fields(line)).collect())
        .collect()
}

/// Fields of a line; quotes protect commas, and stand doubled for themselves.
fn fields(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        // There is always a last field.
        let last = out.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                out[last].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(String::new()),
            c => out[last].push(c),
        }
    }
    out
}
