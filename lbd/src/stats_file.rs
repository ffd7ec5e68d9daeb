//! Statistics files: counters that outlive the process, by the names that `guid` gives
//! (haproxy 3.4 management 9.5; the format is that of its 3.4).
//!
//! Which columns are in them is `lbd-proxy`'s matter.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;

use lbd_proxy::metric::persistent::{BACKEND, FRONTEND, take_up};
use lbd_proxy::metric::{COLUMNS, Column, Field, Kinds, Object, Row, Walk};
use lbd_proxy::state::Shared;

use crate::report;

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct StatsFile {
    frontends: Section,
    backends: Section,
}

/// Values by column, of each object.
type Section = HashMap<String, Vec<(String, u64)>>;

/// A kind of rows that a walk goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Frontends and listeners.
    Frontends,
    /// Servers and backends.
    Backends,
}

impl Part {
    /// In the order of the file.
    pub(crate) const ALL: [Self; 2] = [Self::Frontends, Self::Backends];

    fn word(self) -> &'static str {
        match self {
            Self::Frontends => "fe",
            Self::Backends => "be",
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Frontends => FRONTEND,
            Self::Backends => BACKEND,
        }
    }

    fn has(self, object: &Object<'_>) -> bool {
        let is_front = matches!(object, Object::Frontend | Object::Listener(..));
        is_front == matches!(self, Self::Frontends)
    }

    /// The columns themselves.
    pub(crate) fn readers(self) -> Vec<&'static Column> {
        let names = self.columns().iter();
        let found = names.filter_map(|name| COLUMNS.iter().find(|column| column.name == *name));
        found.collect()
    }

    /// The line above its rows.
    pub(crate) fn begin(self, out: &mut String) {
        let _ = write!(out, "#{} guid,", self.word());
        for name in self.columns() {
            let _ = write!(out, "{name},");
        }
        out.push('\n');
    }

    /// A row, when it is of this part and has a name.
    pub(crate) fn row(self, row: &Row<'_>, columns: &[&Column], out: &mut String) {
        let Some(guid) = row.guid().filter(|_| self.has(&row.object)) else {
            return;
        };
        let _ = write!(out, "{guid},");
        for column in columns {
            let _ = match (column.read)(row) {
                // What an object does not have is nought there.
                Field::Empty | Field::Str(_) => write!(out, "0,"),
                Field::S32(number) => write!(out, "{},", number.max(0)),
                number => write!(out, "{number},"),
            };
        }
        out.push('\n');
    }
}

impl StatsFile {
    /// The file of `stats-file`. One that cannot be used is told of and is as good as none.
    pub(crate) fn read(path: &str) -> Self {
        let mut text = Vec::new();
        let opened = File::open(path);
        let read = opened.and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut text));
        if let Err(error) = read {
            let why = crate::bind::plain(&error);
            report::warning(&format!(
                "config: Can't load stats-file '{path}': cannot open file ({why})."
            ));
            return Self::default();
        }
        Self::parse(&text).unwrap_or_else(|why| {
            report::warning(&format!(
                "config: Invalid stats-file format in file '{path}': {why}; nothing of it is used."
            ));
            Self::default()
        })
    }

    /// Reads the text of a file. Sections and columns that are not known are those of another
    /// version, and left out.
    ///
    /// # Errors
    /// What is wrong with it, with the line.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        if text.len() as u64 > MAX_FILE {
            return Err(format!("it has more than {MAX_FILE} bytes"));
        }
        let text = std::str::from_utf8(text).map_err(|_| "it is no text".to_owned())?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("its last line has no end".to_owned());
        }
        let mut file = Self::default();
        let mut header: Option<Header> = None;
        for (line, number) in text.lines().zip(1..) {
            let fault = |why: &str| format!("line {number}: {why}");
            if let Some(title) = line.strip_prefix('#') {
                header = Some(Header::parse(title).ok_or_else(|| fault("this is no header"))?);
                continue;
            }
            if line.is_empty() {
                continue;
            }
            let header = header
                .as_ref()
                .ok_or_else(|| fault("a header is missing"))?;
            let Some(part) = header.part else { continue };
            let (guid, values) = header.values(line).map_err(|why| fault(&why))?;
            let section = match part {
                Part::Frontends => &mut file.frontends,
                Part::Backends => &mut file.backends,
            };
            section.insert(guid, values);
        }
        Ok(file)
    }

    /// Gives the counters of all objects what the file says of them. Before the workers count.
    pub(crate) fn apply(&self, shared: &Shared) {
        let generation = shared.current();
        let mut walk = Walk::over(Kinds::ALL);
        while let Some(row) = walk.next(shared, &generation, |_| true) {
            let section = match Part::Frontends.has(&row.object) {
                true => &self.frontends,
                false => &self.backends,
            };
            let values = row.guid().and_then(|guid| section.get(&*guid));
            for (column, value) in values.into_iter().flatten() {
                take_up(row.shards(), column, *value);
            }
        }
    }
}

/// The line above rows.
struct Header {
    /// None for a section of another version.
    part: Option<Part>,
    columns: Vec<String>,
}

impl Header {
    /// What stands behind `#`: `fe guid,stot,…,`.
    fn parse(title: &str) -> Option<Self> {
        let (word, columns) = title.split_once(' ')?;
        // Each name is ended, not parted, by a comma.
        let columns = columns.strip_prefix("guid,")?;
        if !columns.is_empty() && !columns.ends_with(',') {
            return None;
        }
        Some(Self {
            part: Part::ALL.into_iter().find(|part| part.word() == word),
            columns: columns.split_terminator(',').map(str::to_owned).collect(),
        })
    }

    /// The name and the values of a row.
    fn values(&self, line: &str) -> Result<(String, Vec<(String, u64)>), String> {
        let (guid, rest) = line.split_once(',').ok_or("there is no value")?;
        let fields: Vec<&str> = rest.split_terminator(',').collect();
        if fields.len() != self.columns.len() {
            let (is, wanted) = (fields.len(), self.columns.len());
            return Err(format!("{is} values for {wanted} columns"));
        }
        let pairs = self.columns.iter().zip(fields).map(|(column, field)| {
            let value = field.parse::<u64>();
            value
                .map(|value| (column.clone(), value))
                .map_err(|_| format!("'{field}' is no number"))
        });
        Ok((guid.to_owned(), pairs.collect::<Result<_, _>>()?))
    }
}

/// A hundred thousand servers.
const MAX_FILE: u64 = 64 << 20;

#[cfg(test)]
mod tests;
