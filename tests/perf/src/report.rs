//! Figures of both programs, compared with the bounds of the project.
//!
//! It measures nothing.

use std::fmt::Write;

use crate::machine::Machine;

/// Two figures closer than this are a tie: the machine's own noise.
const TIE: f64 = 1.1;

/// What one program needed for one unit of work: medians over the rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    /// In the row's unit; less is better.
    pub figure: f64,
    /// Smallest and largest of the rounds.
    pub range: (f64, f64),
    /// Requests (or megabytes) per second; 0 where the work has none.
    pub rate: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub resident_bytes: u64,
    pub errors: u64,
}

/// One kind of work.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub work: String,
    /// What `figure` counts.
    pub unit: &'static str,
    pub haproxy: Side,
    pub lbd: Side,
    /// The ratio lbd to HAProxy must not be above this.
    pub bound: f64,
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    /// "No worse" is asked for, and the difference is within noise.
    Tie,
    Fail,
}

impl Row {
    pub(crate) fn ratio(&self) -> f64 {
        self.lbd.figure / self.haproxy.figure
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let ratio = self.ratio();
        if ratio <= self.bound {
            Verdict::Pass
        } else if self.bound >= 1.0 && ratio <= self.bound * TIE {
            Verdict::Tie
        } else {
            // Also when nothing was measured: a figure that is no number is no success.
            Verdict::Fail
        }
    }

    pub(crate) fn is_within_bound(&self) -> bool {
        self.verdict() != Verdict::Fail
    }

    /// Whether both programs did the work at all.
    pub(crate) fn is_measured(&self) -> bool {
        [&self.haproxy, &self.lbd]
            .iter()
            .all(|side| side.figure.is_finite())
    }

    pub(crate) fn errors(&self) -> u64 {
        self.haproxy.errors + self.lbd.errors
    }

    /// One line for the terminal while the program runs: HAProxy, then lbd.
    pub(crate) fn line(&self, is_judged: bool) -> String {
        let (haproxy, lbd) = (&self.haproxy, &self.lbd);
        let mut line = format!(
            "{:14} {:>8} {:>8} {}; {:.0} and {:.0} per second; {}",
            self.work,
            short(haproxy.figure),
            short(lbd.figure),
            self.unit,
            haproxy.rate,
            lbd.rate,
            self.note
        );
        if is_judged {
            let _ = write!(line, "; ratio {:.2} of {:.2}", self.ratio(), self.bound);
        }
        line
    }
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// All rows as a table in Markdown; pairs are HAProxy, then lbd.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| work | unit | HAProxy (range) | lbd (range) | ratio | bound | verdict | per second | p50 us \
         | p99 us | RSS MB | errors | note |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let (haproxy, lbd) = (&row.haproxy, &row.lbd);
        let figure = |side: &Side| {
            let (low, high) = side.range;
            format!("{} ({} – {})", short(side.figure), short(low), short(high))
        };
        let megabytes = |side: &Side| side.resident_bytes as f64 / 1e6;
        let verdict = format!("{:?}", row.verdict()).to_lowercase();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | **{:.2}** | {:.2} | {verdict} | {:.0} / {:.0} | {:.0} / {:.0} | {:.0} / \
             {:.0} | {:.1} / {:.1} | {} / {} | {} |",
            row.work,
            row.unit,
            figure(haproxy),
            figure(lbd),
            row.ratio(),
            row.bound,
            haproxy.rate,
            lbd.rate,
            haproxy.p50_us,
            lbd.p50_us,
            haproxy.p99_us,
            lbd.p99_us,
            megabytes(haproxy),
            megabytes(lbd),
            haproxy.errors,
            lbd.errors,
            row.note,
        );
    }
    text
}

/// The file that is kept in the repository.
pub(crate) fn document(machine: &Machine, rows: &[Row]) -> String {
    format!(
        "# lbd beside HAProxy\n\nWritten by `cargo run --release -p lbd-perf -- --record`. Both programs \
         ran the same configuration\nin turn in one run, the proxy on one core, load and origin on \
         another; figures are medians of the\nrounds, less is better. Compare ratios only: levels move \
         between hours and machines.\n\n{machine}\n{}",
        table(rows)
    )
}

/// The middle of the values; 0 for none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// One program's rounds as medians; errors are summed, memory is the largest.
pub(crate) fn summarize(rounds: &[Side]) -> Side {
    let of = |field: fn(&Side) -> f64| median(rounds.iter().map(field));
    let figures = || rounds.iter().map(|round| round.figure);
    Side {
        figure: of(|r| r.figure),
        range: (
            figures().fold(f64::INFINITY, f64::min),
            figures().fold(0.0, f64::max),
        ),
        rate: of(|r| r.rate),
        p50_us: of(|r| r.p50_us),
        p99_us: of(|r| r.p99_us),
        resident_bytes: rounds.iter().map(|r| r.resident_bytes).max().unwrap_or(0),
        errors: rounds.iter().map(|r| r.errors).sum(),
    }
}

#[cfg(test)]
mod tests;
