//! The tables of the page: which columns of the registry stand in which cell, and what colour a
//! row has.
//!
//! It computes no number.

use std::fmt::Write;
use std::sync::LazyLock;

use lbd_config::config::StatsSpec;
use lbd_proxy::metric::{COLUMNS, Column, Field, MODULE_COLUMNS, Object, Row};

use super::text::{Escaped, duration};

/// A state as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Up,
    Falling,
    Rising,
    Down,
    Drain,
    Maint,
    Unchecked,
}

impl Look {
    pub(super) const ALL: [Self; 7] = [
        Self::Up,
        Self::Falling,
        Self::Rising,
        Self::Down,
        Self::Drain,
        Self::Maint,
        Self::Unchecked,
    ];

    /// What a row's status says.
    pub(super) fn of(row: &Row<'_>) -> Self {
        let status = row.status();
        let is_counted = status.contains('/');
        match status.split([' ', '(']).next().unwrap_or_default() {
            "UP" if is_counted && !matches!(row.object, Object::Backend(_)) => Self::Falling,
            "UP" | "OPEN" => Self::Up,
            "DOWN" if is_counted && !matches!(row.object, Object::Backend(_)) => Self::Rising,
            "DOWN" | "STOP" => Self::Down,
            "FULL" => Self::Falling,
            "NOLB" | "DRAIN" => Self::Drain,
            "MAINT" | "PAUSED" => Self::Maint,
            _ => Self::Unchecked,
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Falling => "falling",
            Self::Rising => "rising",
            Self::Down => "down",
            Self::Drain => "drain",
            Self::Maint => "maint",
            Self::Unchecked => "unchecked",
        }
    }

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Falling => "up, going down or full",
            Self::Rising => "down, coming up",
            Self::Down => "down",
            Self::Drain => "draining or not balanced",
            Self::Maint => "maintenance or paused",
            Self::Unchecked => "not checked",
        }
    }
}

/// A heading and the columns in its cells, for the tables.
type Cell = (&'static str, &'static str, &'static [&'static str]);

/// The cells behind name and status: heading, what it means, columns.
const CELLS: &[Cell] = &[
    ("Sessions", "now / most / limit", &["scur", "smax", "slim"]),
    ("Total", "sessions in all", &["stot"]),
    (
        "Rate",
        "sessions per second: now / most / limit",
        &["rate", "rate_max", "rate_lim"],
    ),
    ("Queue", "now / most / limit", &["qcur", "qmax", "qlimit"]),
    ("Bytes in", "request bytes", &["bin"]),
    ("Bytes out", "response bytes", &["bout"]),
    ("Denied", "requests / responses", &["dreq", "dresp"]),
    (
        "Errors",
        "requests / connections / responses",
        &["ereq", "econ", "eresp"],
    ),
    ("Again", "retries / redispatches", &["wretr", "wredis"]),
    (
        "1xx/2xx/3xx/4xx/5xx",
        "responses by status",
        &["hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx"],
    ),
    (
        "Time (ms)",
        "queue / connect / response / total",
        &["qtime", "ctime", "rtime", "ttime"],
    ),
    ("Weight", "effective / set", &["weight", "uweight"]),
    ("Servers", "active / backup", &["act", "bck"]),
    ("Checks", "failed / times down", &["chkfail", "chkdown"]),
];

/// What unfolds behind them, where it is not 0.
const MORE: &[&str] = &[
    "check_status",
    "check_code",
    "check_duration",
    "check_desc",
    "last_chk",
    "agent_status",
    "agent_code",
    "agent_duration",
    "agent_desc",
    "last_agt",
    "downtime",
    "throttle",
    "tracked",
    "hanafail",
    "lbtot",
    "lastsess",
    "req_tot",
    "req_rate",
    "req_rate_max",
    "hrsp_other",
    "conn_tot",
    "conn_rate",
    "conn_rate_max",
    "intercepted",
    "h1sess",
    "h2sess",
    "sess_other",
    "dcon",
    "dses",
    "cli_abrt",
    "srv_abrt",
    "wrew",
    "eint",
    "connect",
    "reuse",
    "srv_icur",
    "src_ilim",
    "safe_conn_cur",
    "used_conn_cur",
    "need_conn_est",
    "qtime_max",
    "ctime_max",
    "rtime_max",
    "ttime_max",
    "comp_in",
    "comp_out",
    "comp_byp",
    "comp_rsp",
    "cache_lookups",
    "cache_hits",
];

/// Details that only `stats show-legends` gives.
const LEGENDS: &[&str] = &["addr", "cookie", "algo", "mode", "proto", "sid"];

struct Tables {
    cells: Vec<Vec<&'static Column>>,
    more: Vec<&'static Column>,
    legends: Vec<&'static Column>,
    last_change: Option<&'static Column>,
    check: Option<&'static Column>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    cells: CELLS.iter().map(|(_, _, names)| columns(names)).collect(),
    more: columns(MORE),
    legends: columns(LEGENDS),
    last_change: columns(&["lastchg"]).pop(),
    check: columns(&["check_status"]).pop(),
});

fn columns(names: &[&str]) -> Vec<&'static Column> {
    let find = |name: &&str| COLUMNS.iter().find(|column| column.name == *name);
    names.iter().filter_map(find).collect()
}

/// The headings.
pub(super) fn head(html: &mut String) {
    html.push_str("<th scope=\"col\">Name</th><th scope=\"col\">Status</th>");
    for (heading, meaning, _) in CELLS {
        let _ = write!(html, "<th scope=\"col\" title=\"{meaning}\">{heading}</th>");
    }
    html.push_str("<th scope=\"col\">More</th>");
}

/// A row.
pub(super) fn row(page: &StatsSpec, row: &Row<'_>, is_admin: bool, html: &mut String) {
    let look = Look::of(row).class();
    let _ = write!(
        html,
        "<tr class=\"{} {look}\"><th scope=\"row\">",
        kind(row)
    );
    let name = row.object_name();
    if is_admin && matches!(row.object, Object::Server(..)) {
        let name = Escaped(&name);
        let _ = write!(
            html,
            "<label><input type=\"checkbox\" name=\"s\" value=\"{name}\">{name}</label>"
        );
    } else {
        let _ = write!(html, "{}", Escaped(&name));
    }
    if page.shows_legends {
        legends(row, html);
    }
    html.push_str("</th>");
    status(row, look, html);
    for columns in &TABLES.cells {
        html.push_str("<td>");
        let mut is_first = true;
        for column in columns {
            let field = (column.read)(row);
            if !std::mem::take(&mut is_first) {
                html.push_str(" / ");
            }
            match field {
                Field::Empty => html.push('–'),
                field => number(&field, html),
            }
        }
        html.push_str("</td>");
    }
    more(page, row, html);
    html.push_str("</tr>\n");
}

fn kind(row: &Row<'_>) -> &'static str {
    match row.object {
        Object::Backend(_) => "backend",
        Object::Frontend => "frontend",
        Object::Listener(..) => "listener",
        Object::Server(spec, ..) if spec.roster.backup => "server spare",
        Object::Server(..) => "server",
    }
}

fn legends(row: &Row<'_>, html: &mut String) {
    html.push_str("<small>");
    for column in &TABLES.legends {
        let field = (column.read)(row);
        if field != Field::Empty {
            let text = field.to_string();
            let _ = write!(html, " {} {}", column.name, Escaped(&text));
        }
    }
    html.push_str("</small>");
}

/// The status, how long it lasts, and what the last check said.
fn status(row: &Row<'_>, look: &str, html: &mut String) {
    let status = row.status();
    let _ = write!(
        html,
        "<td><span class=\"state {look}\">{}</span>",
        Escaped(&status)
    );
    if let Some(column) = TABLES.last_change
        && let Field::U32(seconds) = (column.read)(row)
    {
        let _ = write!(html, " <small>{}</small>", duration(seconds));
    }
    if let Some(column) = TABLES.check
        && let Field::Str(check) = (column.read)(row)
    {
        let _ = write!(html, " <small>{}</small>", Escaped(&check));
    }
    html.push_str("</td>");
}

/// A number with its digits in groups; text as it is.
fn number(field: &Field, html: &mut String) {
    let digits = match field {
        Field::U32(number) => number.to_string(),
        Field::U64(number) => number.to_string(),
        other => {
            let _ = write!(html, "{}", Escaped(&other.to_string()));
            return;
        }
    };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            // A space that does not break and is no part of the number where it is copied.
            html.push('\u{202f}');
        }
        html.push(digit);
    }
}

fn more(page: &StatsSpec, row: &Row<'_>, html: &mut String) {
    html.push_str("<td><details><summary>more</summary><ul>");
    let modules = if page.shows_modules {
        MODULE_COLUMNS
    } else {
        &[]
    };
    for column in TABLES.more.iter().copied().chain(modules) {
        let field = (column.read)(row);
        if matches!(
            field,
            Field::Empty | Field::U32(0) | Field::U64(0) | Field::S32(..=-1)
        ) {
            continue;
        }
        let _ = write!(html, "<li>{}: ", column.describe);
        number(&field, html);
        html.push_str("</li>");
    }
    html.push_str("</ul></details></td>");
}

#[cfg(test)]
pub(super) fn unknown_columns() -> Vec<&'static str> {
    let named = CELLS.iter().flat_map(|(_, _, names)| names.iter());
    let named = named.chain(MORE).chain(LEGENDS);
    let is_unknown = |name: &&&str| !COLUMNS.iter().any(|column| column.name == **name);
    named.filter(is_unknown).copied().collect()
}
