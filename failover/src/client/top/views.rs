//! The four views and their columns.
//!
//! It draws nothing.

use super::sample::Row;

/// What is looked at, with hatop's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// States, checks, queues, sessions.
    Status,
    /// Rates and bytes.
    Traffic,
    /// Requests and the classes of their answers.
    Http,
    /// Failed checks, connections, requests and answers.
    Errors,
}

/// A column of a view.
pub(super) struct Column {
    /// What stands above it.
    pub(super) title: &'static str,
    /// In cells of the terminal, the space before it not counted.
    pub(super) width: u16,
    /// What stands in it.
    pub(super) cell: fn(&Row) -> String,
}

impl View {
    pub(super) const ALL: [Self; 4] = [Self::Status, Self::Traffic, Self::Http, Self::Errors];

    /// The view of a key `1` to `4`.
    pub(super) fn of(letter: char) -> Option<Self> {
        let at = letter.to_digit(10)?.checked_sub(1)?;
        Self::ALL.get(usize::try_from(at).ok()?).copied()
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Status => "STATUS",
            Self::Traffic => "TRAFFIC",
            Self::Http => "HTTP",
            Self::Errors => "ERRORS",
        }
    }

    /// The view so many further on, round and round.
    pub(super) fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|view| *view == self);
        Self::ALL[(at.unwrap_or(0) + by) % Self::ALL.len()]
    }

    /// Its columns behind the name.
    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Status => STATUS,
            Self::Traffic => TRAFFIC,
            Self::Http => HTTP,
            Self::Errors => ERRORS,
        }
    }
}

const STATUS: &[Column] = &[
    column("STATUS", 10, |row| row.get("status").to_owned()),
    column("WGHT", 4, |row| row.get("weight").to_owned()),
    column("CHECK", 7, |row| row.get("check_status").to_owned()),
    column("ACT", 4, |row| row.get("act").to_owned()),
    column("BCK", 4, |row| row.get("bck").to_owned()),
    column("QCUR", 5, |row| short(row, "qcur")),
    column("QMAX", 5, |row| short(row, "qmax")),
    column("SCUR", 6, |row| short(row, "scur")),
    column("SMAX", 6, |row| short(row, "smax")),
    column("SLIM", 6, |row| short(row, "slim")),
    column("STOT", 7, |row| short(row, "stot")),
];

const TRAFFIC: &[Column] = &[
    column("LBTOT", 7, |row| short(row, "lbtot")),
    column("RATE", 6, |row| short(row, "rate")),
    column("RMAX", 6, |row| short(row, "rate_max")),
    column("RLIM", 6, |row| short(row, "rate_lim")),
    column("SCUR", 6, |row| short(row, "scur")),
    column("STOT", 7, |row| short(row, "stot")),
    column("BIN", 8, |row| bytes(row, "bin")),
    column("BOUT", 8, |row| bytes(row, "bout")),
];

const HTTP: &[Column] = &[
    column("RATE", 6, |row| short(row, "req_rate")),
    column("RTOT", 7, |row| short(row, "req_tot")),
    column("1xx", 7, |row| short(row, "hrsp_1xx")),
    column("2xx", 7, |row| short(row, "hrsp_2xx")),
    column("3xx", 7, |row| short(row, "hrsp_3xx")),
    column("4xx", 7, |row| short(row, "hrsp_4xx")),
    column("5xx", 7, |row| short(row, "hrsp_5xx")),
    column("?xx", 7, |row| short(row, "hrsp_other")),
];

const ERRORS: &[Column] = &[
    column("CF", 6, |row| short(row, "chkfail")),
    column("CD", 6, |row| short(row, "chkdown")),
    column("CL", 7, |row| age(row, "lastchg")),
    column("ECON", 6, |row| short(row, "econ")),
    column("EREQ", 6, |row| short(row, "ereq")),
    column("ERSP", 6, |row| short(row, "eresp")),
    column("DREQ", 6, |row| short(row, "dreq")),
    column("DRSP", 6, |row| short(row, "dresp")),
    column("RETR", 6, |row| short(row, "wretr")),
    column("REDI", 6, |row| short(row, "wredis")),
    column("CABR", 6, |row| short(row, "cli_abrt")),
    column("SABR", 6, |row| short(row, "srv_abrt")),
    column("DOWN", 7, |row| age(row, "downtime")),
    column("LAST", 12, |row| row.get("last_chk").to_owned()),
];

const fn column(title: &'static str, width: u16, cell: fn(&Row) -> String) -> Column {
    Column { title, width, cell }
}

/// A count; thousands above five digits.
fn short(row: &Row, name: &str) -> String {
    row.number(name).map_or_else(String::new, |number| {
        if number < 100_000 {
            number.to_string()
        } else {
            scaled(number, 1000)
        }
    })
}

/// Bytes, in units of 1024.
fn bytes(row: &Row, name: &str) -> String {
    let number = row.number(name);
    number.map_or_else(String::new, |number| scaled(number, 1024))
}

/// A number with one digit behind the point and the letter of its unit.
pub(super) fn scaled(number: u64, base: u64) -> String {
    let (mut whole, mut rest, mut unit) = (number, 0, 0);
    while whole >= base && unit + 1 < UNITS.len() {
        rest = whole % base * 10 / base;
        whole /= base;
        unit += 1;
    }
    match unit {
        0 => whole.to_string(),
        _ => format!("{whole}.{rest}{}", UNITS[unit]),
    }
}

/// Seconds as the two largest units.
fn age(row: &Row, name: &str) -> String {
    row.number(name).map_or_else(String::new, duration)
}

/// Seconds as the two largest units: `3d4h`, `4h5m`, `5m6s`.
pub(super) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{}s", seconds % 60),
        (0, _, _) => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

/// None, then thousands, millions, …
const UNITS: [&str; 6] = ["", "K", "M", "G", "T", "P"];
