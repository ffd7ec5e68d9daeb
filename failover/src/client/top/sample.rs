//! What a runtime socket answers, as rows and facts.
//!
//! It opens no socket. Columns are found by their names, never by their places.

use std::collections::HashMap;

/// What is asked at once, each part's answer ended by an empty line.
pub(super) const QUESTION: &str = "show info;show cli level;show stat";

/// The columns that some view shows.
const WANTED: &[&str] = &[
    "pxname",
    "svname",
    "act",
    "bck",
    "bin",
    "bout",
    "check_status",
    "chkdown",
    "chkfail",
    "cli_abrt",
    "downtime",
    "dreq",
    "dresp",
    "econ",
    "ereq",
    "eresp",
    "hrsp_1xx",
    "hrsp_2xx",
    "hrsp_3xx",
    "hrsp_4xx",
    "hrsp_5xx",
    "hrsp_other",
    "last_chk",
    "lastchg",
    "lbtot",
    "qcur",
    "qmax",
    "rate",
    "rate_lim",
    "rate_max",
    "req_rate",
    "req_tot",
    "scur",
    "slim",
    "smax",
    "srv_abrt",
    "status",
    "stot",
    "type",
    "uweight",
    "weight",
    "wredis",
    "wretr",
];

/// One answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sample {
    /// `show info`, by key.
    pub(super) info: HashMap<String, String>,
    /// `show cli level`: user, operator or admin.
    pub(super) level: String,
    /// `show stat`, in its order.
    pub(super) rows: Vec<Row>,
}

/// A frontend, listener, server or backend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// In the order of [`WANTED`].
    fields: Box<[Box<str>]>,
}

impl Row {
    /// A field by the name of its column; empty when the object does not have it.
    pub(super) fn get(&self, name: &str) -> &str {
        let at = WANTED.iter().position(|wanted| *wanted == name);
        at.map_or("", |at| &self.fields[at])
    }

    /// A number; none when the object does not have it.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }

    /// Its proxy.
    pub(super) fn proxy(&self) -> &str {
        self.get("pxname")
    }

    /// Its own name; `FRONTEND` and `BACKEND` for those.
    pub(super) fn service(&self) -> &str {
        self.get("svname")
    }

    /// Whether it is a server: `type` is 0 frontend, 1 backend, 2 server, 3 listener.
    pub(super) fn is_server(&self) -> bool {
        self.get("type") == "2"
    }
}

impl Sample {
    /// Reads the answer to [`QUESTION`].
    ///
    /// # Errors
    /// When it is something else; the text says what came instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let strange = || {
            let line = text.trim().lines().next().unwrap_or("nothing");
            format!("this is no runtime socket: {line}")
        };
        let mut parts = text.splitn(3, "\n\n");
        let info = parts.next().unwrap_or_default();
        let level = parts.next().ok_or_else(strange)?;
        let stat = parts.next().ok_or_else(strange)?;
        let info: HashMap<_, _> = info
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        if !info.contains_key("Version") {
            return Err(strange());
        }
        Ok(Self {
            info,
            level: level.trim().to_owned(),
            rows: rows(stat).ok_or_else(strange)?,
        })
    }

    /// A fact; a dash when it is not told.
    pub(super) fn fact(&self, key: &str) -> &str {
        self.info.get(key).map_or("-", String::as_str)
    }

    /// How many servers there are, and how many of them are down.
    pub(super) fn servers(&self) -> (usize, usize) {
        let servers = self.rows.iter().filter(|row| row.is_server());
        let down = servers.clone().filter(|row| {
            let status = row.get("status");
            status.starts_with("DOWN") || status == "NOLB"
        });
        (servers.count(), down.count())
    }
}

/// The rows below a header line that begins with `#`.
fn rows(text: &str) -> Option<Vec<Row>> {
    let text = text.trim_start().strip_prefix("# ")?;
    let mut records = Records { rest: text };
    let header = records.next()?;
    let places: Vec<Option<usize>> = WANTED
        .iter()
        .map(|wanted| header.iter().position(|name| name == wanted))
        .collect();
    // Without a name nothing can be shown.
    places[..2].iter().all(Option::is_some).then_some(())?;
    let rows = records.filter(|record| record.len() > 1).map(|record| {
        let field = |place: &Option<usize>| place.and_then(|at| record.get(at));
        let fields = places
            .iter()
            .map(|place| field(place).map_or_else(Box::default, |text| text.as_str().into()));
        Row {
            fields: fields.collect(),
        }
    });
    Some(rows.collect())
}

/// Lines of comma-separated values. A field in quotes may hold commas and ends of lines; a quote in
/// it is doubled.
struct Records<'a> {
    rest: &'a str,
}

impl Iterator for Records<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let mut fields = vec![String::new()];
        let mut is_quoted = false;
        for (at, letter) in self.rest.char_indices() {
            match letter {
                // Two in a row leave and enter again, but for the quote that is meant.
                '"' => {
                    if !is_quoted && self.rest[..at].ends_with('"') {
                        push(&mut fields, '"');
                    }
                    is_quoted = !is_quoted;
                }
                ',' if !is_quoted => fields.push(String::new()),
                '\n' if !is_quoted => {
                    self.rest = &self.rest[at + 1..];
                    return Some(fields);
                }
                letter => push(&mut fields, letter),
            }
        }
        self.rest = "";
        Some(fields)
    }
}

fn push(fields: &mut [String], letter: char) {
    if let Some(field) = fields.last_mut() {
        field.push(letter);
    }
}
