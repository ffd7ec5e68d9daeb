//! What counters of `show stat` a case moved.
//!
//! It knows no column but those compared by default.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Counters that say what happened to requests, connections and servers.
pub(super) const COLUMNS: &[&str] = &[
    "stot",
    "dreq",
    "dresp",
    "ereq",
    "econ",
    "eresp",
    "wretr",
    "wredis",
    "hrsp_1xx",
    "hrsp_2xx",
    "hrsp_3xx",
    "hrsp_4xx",
    "hrsp_5xx",
    "hrsp_other",
    "req_tot",
    "cli_abrt",
    "srv_abrt",
    "lbtot",
    "dcon",
    "dses",
];

/// Values by proxy, server and column.
#[derive(Debug, Default)]
pub(super) struct Counters(BTreeMap<(String, String), i64>);

impl Counters {
    /// Those of an answer to `show stat`.
    pub(super) fn of(csv: &str) -> Self {
        let mut lines = csv.lines();
        let header = lines.next().unwrap_or_default().trim_start_matches("# ");
        let names: Vec<_> = header.split(',').collect();
        let mut values = BTreeMap::new();
        for line in lines {
            let fields: Vec<_> = line.split(',').collect();
            let [proxy, server, ..] = fields[..] else {
                continue;
            };
            for (name, field) in names.iter().zip(&fields) {
                if let Ok(value) = field.parse() {
                    values.insert((format!("{proxy}/{server}"), (*name).to_owned()), value);
                }
            }
        }
        Self(values)
    }
}

impl Counters {
    /// Whether a proxy or server has current sessions.
    pub(super) fn has_sessions(&self) -> bool {
        let mut current = self.0.iter().filter(|((_, name), _)| name == "scur");
        current.any(|(_, value)| *value > 0)
    }
}

/// A line for each proxy and server with the counters that moved.
pub(super) fn difference(before: &Counters, after: &Counters, columns: &[String]) -> String {
    let mut rows: BTreeMap<&str, String> = BTreeMap::new();
    let mut known: Vec<_> = after.0.iter().collect();
    let place = |name: &String| columns.iter().position(|c| c == name);
    known.retain(|((_, name), _)| place(name).is_some());
    known.sort_by_key(|((row, name), _)| (row.clone(), place(name)));
    for (key, value) in known {
        let change = value - before.0.get(key).copied().unwrap_or(0);
        // The reference counts some failures of one response twice.
        let change = if key.1 == "eresp" {
            change.min(1)
        } else {
            change
        };
        if change != 0 {
            let row = rows.entry(&key.0).or_default();
            let _ = write!(row, " {}+{change}", key.1);
        }
    }
    let mut text = String::new();
    for (row, changes) in rows {
        let _ = writeln!(text, "counters {row}:{changes}");
    }
    text
}
