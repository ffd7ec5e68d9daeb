//! Lines of Prometheus's text format (its "exposition formats", version 0.0.4).
//!
//! It chooses no metric.

use std::fmt::Write;

use lbd_backend::health::{CheckStatus, Which};
use lbd_proxy::metric::exposed::{Form, Kind, Only};
use lbd_proxy::metric::row::states::{SERVER_STATES, check_states};
use lbd_proxy::metric::{Column, Exposed, Field, Object, Row};

/// The label that names a module.
const MODULE: &str = "mod";

/// `HELP` and `TYPE` of a metric.
pub(super) fn head(name: &str, kind: Kind, help: &str, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {}", kind.word());
}

/// A line that is being written, up to its value.
pub(super) struct Labels<'o> {
    out: &'o mut String,
    has_labels: bool,
}

impl<'o> Labels<'o> {
    pub(super) fn new(name: &str, out: &'o mut String) -> Self {
        out.push_str(name);
        Self {
            out,
            has_labels: false,
        }
    }

    /// A label; the value may hold anything (the reference does not escape it).
    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.out.push(match self.has_labels {
            true => ',',
            false => '{',
        });
        self.has_labels = true;
        self.out.push_str(name);
        self.out.push_str("=\"");
        for letter in value.chars() {
            match letter {
                '\\' => self.out.push_str("\\\\"),
                '"' => self.out.push_str("\\\""),
                '\n' => self.out.push_str("\\n"),
                letter => self.out.push(letter),
            }
        }
        self.out.push('"');
    }

    /// The value; what is not there is not a number.
    pub(super) fn end(self, value: &Field) {
        self.out.push_str(match self.has_labels {
            true => "} ",
            false => " ",
        });
        let _ = match value {
            Field::Empty | Field::Str(_) => writeln!(self.out, "NaN"),
            number => writeln!(self.out, "{number}"),
        };
    }

    /// Milliseconds as seconds, of a line with labels.
    fn end_millis(self, value: &Field) {
        self.out.push_str("} ");
        let millis = match value {
            Field::U32(millis) => u64::from(*millis),
            Field::U64(millis) => *millis,
            _ => 0,
        };
        let _ = writeln!(self.out, "{}.{:03}000", millis / 1000, millis % 1000);
    }
}

/// Where series of a metric go.
pub(super) struct Series<'s> {
    /// The metric's name.
    pub(super) name: &'s str,
    /// Whether its HELP and TYPE are written.
    pub(super) is_headed: &'s mut bool,
    /// Whether descriptions are labels.
    pub(super) with_description: bool,
    /// The text.
    pub(super) out: &'s mut String,
}

impl Series<'_> {
    /// A metric of a row, where the row has it.
    pub(super) fn exposed(mut self, row: &Row<'_>, metric: &Exposed) {
        let (Some(column), true) = (metric.column(), is_there(row, metric.only)) else {
            return;
        };
        self.head(metric.kind(), metric.help.unwrap_or(column.describe));
        match metric.form {
            Form::AllChecks => self.all_checks(row),
            Form::AllStates => {
                let counts = row.servers_by_state();
                for (state, count) in SERVER_STATES.iter().zip(counts) {
                    self.one(row, Some(("state", state)), &Field::U32(count));
                }
            }
            Form::Check => self.check(row, metric.only),
            Form::Code(code) => self.one(row, Some(("code", code)), &(column.read)(row)),
            Form::Millis => {
                let value = (column.read)(row);
                self.begin(row, None).end_millis(&value);
            }
            Form::Number => self.one(row, None, &(column.read)(row)),
            Form::OrZero => {
                let value = match (column.read)(row) {
                    Field::Empty => Field::U32(0),
                    value => value,
                };
                self.one(row, None, &value);
            }
            Form::State => {
                let present = row.state();
                for state in row.states() {
                    let is_it = u32::from(*state == present);
                    self.one(row, Some(("state", state)), &Field::U32(is_it));
                }
            }
        }
    }

    /// A column of a module, which the reference calls a counter whatever it is.
    pub(super) fn module(mut self, row: &Row<'_>, column: &Column) {
        let value = (column.read)(row);
        if value == Field::Empty {
            return;
        }
        self.head(Kind::Counter, column.describe);
        let module = column.name.split('_').next().unwrap_or_default();
        self.one(row, Some((MODULE, module)), &value);
    }

    fn head(&mut self, kind: Kind, help: &str) {
        if !std::mem::replace(self.is_headed, true) {
            head(self.name, kind, help, self.out);
        }
    }

    fn all_checks(&mut self, row: &Row<'_>) {
        for status in check_states() {
            let count = Field::U32(row.servers_with(*status));
            self.one(row, Some(("state", status.name())), &count);
        }
    }

    fn check(&mut self, row: &Row<'_>, only: Only) {
        let which = match only {
            Only::Agent => Which::Agent,
            _ => Which::Health,
        };
        let present: Option<CheckStatus> = row.check_status(which);
        for status in check_states() {
            let is_it = u32::from(present == Some(*status));
            self.one(row, Some(("state", status.name())), &Field::U32(is_it));
        }
    }

    fn one(&mut self, row: &Row<'_>, label: Option<(&str, &str)>, value: &Field) {
        self.begin(row, label).end(value);
    }

    /// A line with its labels.
    fn begin(&mut self, row: &Row<'_>, label: Option<(&str, &str)>) -> Labels<'_> {
        let mut labels = Labels::new(self.name, self.out);
        labels.add("proxy", &row.proxy.name);
        match &row.object {
            Object::Listener(..) => labels.add("listener", &row.object_name()),
            Object::Server(_, state, _) => labels.add("server", &state.name),
            Object::Backend(_) | Object::Frontend => {}
        }
        let module = label.filter(|(name, _)| *name == MODULE);
        if let Some((name, value)) = module {
            labels.add(name, value);
        }
        if let Some(description) = &row.spec.description
            && self.with_description
        {
            labels.add("desc", description);
        }
        if let Some((name, value)) = label.filter(|_| module.is_none()) {
            labels.add(name, value);
        }
        labels
    }
}

fn is_there(row: &Row<'_>, only: Only) -> bool {
    match only {
        Only::Always => true,
        Only::Agent => row.check_status(Which::Agent).is_some(),
        Only::Check => row.check_status(Which::Health).is_some(),
        Only::Http => row.is_http(),
        Only::Servers => row.has_servers(),
    }
}
