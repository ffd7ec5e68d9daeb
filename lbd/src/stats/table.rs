//! Rows of the statistics in the forms that programs read, over the one registry of columns.
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

/// A table that is written row by row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Table {
    /// Form.
    pub(crate) form: Form,
    /// `desc`: what each value means behind it, in typed form.
    pub(crate) with_description: bool,
    has_rows: bool,
}

impl Table {
    /// A table in this form.
    pub(crate) fn new(form: Form) -> Self {
        Self {
            form,
            ..Self::default()
        }
    }

    /// What stands before the rows.
    pub(crate) fn begin(&self, out: &mut String) {
        match self.form {
            Form::Csv => csv_header(out),
            Form::Json => out.push('['),
            Form::Typed => {}
        }
    }

    /// A row.
    pub(crate) fn row(&mut self, row: &Row<'_>, out: &mut String) {
        let is_first = !std::mem::replace(&mut self.has_rows, true);
        match self.form {
            Form::Csv => csv_row(row, out),
            Form::Json => {
                if !is_first {
                    out.push(',');
                }
                json_row(row, out);
            }
            Form::Typed => typed_row(row, self.with_description, out),
        }
    }

    /// What stands behind the rows.
    pub(crate) fn end(&self, out: &mut String) {
        if self.form == Form::Json {
            out.push_str("]\n");
        }
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
    // The mark between them takes no position.
    let modules = MODULE_COLUMNS.iter().zip(COLUMNS.len()..);
    let all = COLUMNS.iter().zip(0..).chain(modules);
    all.map(|(column, at)| (at, column))
        .map(|(at, column)| (at, column, (column.read)(row)))
        .filter(|(_, _, field)| *field != Field::Empty)
}

fn typed_row(row: &Row<'_>, with_description: bool, out: &mut String) {
    let (letter, proxy, object) = (row.object.letter(), row.spec.uid, row.object_uid());
    for (at, column, field) in values(row) {
        let (name, tags, kind) = (column.name, column.tags_on(row), field.kind());
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

fn json_row(row: &Row<'_>, out: &mut String) {
    out.push('[');
    for (n, (at, column, field)) in values(row).enumerate() {
        if n > 0 {
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
        json_value(column.tags_on(row), &field, out);
        out.push('}');
    }
    out.push(']');
}

/// `"tags":{…},"value":{…}`, which `show stat` and `show info` have in common.
pub(crate) fn json_value(tags: &str, field: &Field, out: &mut String) {
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
fn json_string(text: &str, out: &mut String) {
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
