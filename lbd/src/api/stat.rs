//! `show stat` in its four forms, over the one registry of columns.
//!
//! It computes no number.

use std::fmt::Write;

use lbd_proxy::metric::{COLUMNS, Column, Field, MODULE_COLUMNS, Row};

/// Which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// Lines of comma-separated values.
    #[default]
    Csv,
    /// JSON.
    Json,
    /// A value a line.
    Typed,
}

/// What to show.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Request {
    /// Form.
    pub(crate) form: Form,
    /// `desc`.
    pub(crate) with_description: bool,
    /// `up`: no servers that are down.
    pub(crate) only_up: bool,
    /// `no-maint`: no servers in maintenance.
    pub(crate) no_maint: bool,
    /// `iid type sid`: -1 for all; `type` is a sum of 1 frontend, 2 backend, 4 server.
    pub(crate) filter: Option<(i64, i64, i64)>,
}

impl Request {
    fn wants(&self, row: &Row<'_>) -> bool {
        if row.server_id().is_some() {
            let hidden = (self.only_up && !row.is_up()) || (self.no_maint && row.is_maint());
            if hidden {
                return false;
            }
        }
        let Some((proxy, kinds, object)) = self.filter else {
            return true;
        };
        let bit = 1 << row.object.number();
        (proxy < 0 || proxy == i64::from(row.spec.uid))
            && (kinds < 0 || kinds & bit != 0)
            && (object < 0 || object == i64::from(row.object_uid()))
    }
}

/// Appends the rows that are asked for.
pub(crate) fn render(request: &Request, rows: &[Row<'_>], out: &mut String) {
    let rows = rows.iter().filter(|row| request.wants(row));
    match request.form {
        Form::Csv => {
            csv_header(out);
            rows.for_each(|row| csv_row(row, out));
        }
        Form::Typed => rows.for_each(|row| typed_row(row, request.with_description, out)),
        Form::Json => json(rows, out),
    }
}

fn csv_header(out: &mut String) {
    out.push_str("# ");
    for column in COLUMNS {
        out.push_str(column.name);
        out.push(',');
    }
    // Behind the mark come columns of modules.
    out.push_str("-,");
    for column in MODULE_COLUMNS {
        out.push_str(column.name);
        out.push(',');
    }
    out.push('\n');
}

fn csv_row(row: &Row<'_>, out: &mut String) {
    for column in COLUMNS {
        csv_field(&(column.read)(row), out);
        out.push(',');
    }
    out.push_str("-,");
    for column in MODULE_COLUMNS {
        csv_field(&(column.read)(row), out);
        out.push(',');
    }
    out.push('\n');
}

/// Only a field that holds a comma or a quote is quoted.
fn csv_field(field: &Field, out: &mut String) {
    match field {
        Field::Str(text) if text.contains([',', '"', '\n']) => {
            let _ = write!(out, "\"{}\"", text.replace('"', "\"\""));
        }
        field => {
            // Writing to a string cannot fail.
            let _ = write!(out, "{field}");
        }
    }
}

fn values<'a>(row: &'a Row<'a>) -> impl Iterator<Item = (usize, &'static Column, Field)> + 'a {
    // The mark takes a position, too.
    let modules = MODULE_COLUMNS.iter().zip(COLUMNS.len() + 1..);
    let all = COLUMNS.iter().zip(0..).chain(modules);
    all.map(|(column, at)| (at, column))
        .map(|(at, column)| (at, column, (column.read)(row)))
        .filter(|(_, _, field)| *field != Field::Empty)
}

fn typed_row(row: &Row<'_>, with_description: bool, out: &mut String) {
    let (letter, proxy, object) = (row.object.letter(), row.spec.uid, row.object_uid());
    for (at, column, field) in values(row) {
        let (name, tags, kind) = (column.name, column.tags, field.kind());
        let _ = write!(
            out,
            "{letter}.{proxy}.{object}.{at}.{name}.1:{tags}:{kind}:{field}"
        );
        if with_description {
            let _ = write!(out, ":\"{}\"", column.describe);
        }
        out.push('\n');
    }
}

fn json<'a>(rows: impl Iterator<Item = &'a Row<'a>>, out: &mut String) {
    out.push('[');
    for (n, row) in rows.enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push('[');
        for (m, (at, column, field)) in values(row).enumerate() {
            if m > 0 {
                out.push(',');
            }
            let _ = write!(
                out,
                "{{\"objType\":\"{}\",\"proxyId\":{},\"id\":{},\"field\":{{\"pos\":{at},\"name\":\
                 \"{}\"}},\"processNum\":1,",
                row.object.word(),
                row.spec.uid,
                row.object_uid(),
                column.name
            );
            json_value(column.tags, &field, out);
            out.push('}');
        }
        out.push(']');
    }
    out.push_str("]\n");
}

/// `"tags":{…},"value":{…}`, which `show stat` and `show info` have in common.
pub(super) fn json_value(tags: &str, field: &Field, out: &mut String) {
    let mut letters = tags.chars();
    let mut next = || letters.next().unwrap_or(' ');
    let (origin, nature, scope) = (origin(next()), nature(next()), scope(next()));
    let _ = write!(
        out,
        "\"tags\":{{\"origin\":\"{origin}\",\"nature\":\"{nature}\",\"scope\":\"{scope}\"}},\
         \"value\":{{\"type\":\"{}\",\"value\":",
        field.kind()
    );
    match field {
        Field::Str(text) => json_string(text, out),
        field => {
            let _ = write!(out, "{field}");
        }
    }
    out.push('}');
}

/// A JSON string literal.
pub(super) fn json_string(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

fn origin(letter: char) -> &'static str {
    match letter {
        'M' => "Metric",
        'S' => "Status",
        'K' => "Key",
        'C' => "Config",
        _ => "Product",
    }
}

fn nature(letter: char) -> &'static str {
    match letter {
        'A' => "Age",
        'a' => "Avg",
        'C' => "Counter",
        'D' => "Duration",
        'G' => "Gauge",
        'L' => "Limit",
        'M' => "Max",
        'm' => "Min",
        'N' => "Name",
        'R' => "Rate",
        'T' => "Time",
        _ => "Output",
    }
}

fn scope(letter: char) -> &'static str {
    match letter {
        'C' => "Cluster",
        'P' => "Process",
        's' => "System",
        _ => "Service",
    }
}
