//! The table.

use std::collections::BTreeMap;

use crate::events::Outcome;
use crate::rows::{Column, Limit, Row};
use crate::system::{Cpu, Kind};

/// What was measured: by the row's place and the system.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) outcomes: BTreeMap<(usize, Kind), Vec<Outcome>>,
    /// Microseconds of processor time in a second, of the master and of the backup.
    pub(crate) cpu: BTreeMap<Kind, [Cpu; 2]>,
    /// The longest gaps without a fault.
    pub(crate) floors: Vec<u64>,
    /// What did not do as it should.
    pub(crate) faults: Vec<String>,
}

impl Results {
    pub(crate) fn print(&self, rows: &[Row]) {
        let titles = Column::ALL.map(|column| format!("{} median/worst", column.title()));
        println!("| event | system | runs | {} | bound |", titles.join(" | "));
        println!("|{}", "---|".repeat(4 + titles.len()));
        for ((at, kind), outcomes) in &self.outcomes {
            let row = &rows[*at];
            let cells = Column::ALL.map(|column| {
                let values = sorted(outcomes, column);
                format!("{}/{}", middle(&values), values[values.len() - 1])
            });
            println!(
                "| {} | {} | {} | {} | {} |",
                row.name,
                kind.name(),
                outcomes.len(),
                cells.join(" | "),
                if *kind == Kind::Keepalived {
                    String::new()
                } else {
                    verdicts(row.limits, outcomes)
                }
            );
        }
        for (kind, [master, backup]) in &self.cpu {
            println!(
                "| idle-cpu-10ms | {} | 1 | {} ms of a second on the master, {} on the backup; \
                 its scripts {} and {} more |",
                kind.name(),
                tenths(master.own),
                tenths(backup.own),
                tenths(master.scripts),
                tenths(backup.scripts)
            );
        }
        let mut floors = self.floors.clone();
        floors.sort_unstable();
        if !floors.is_empty() {
            println!(
                "noise floor (longest gap without a fault): median {} ms, p90 {} ms",
                middle(&floors),
                floors[floors.len() * 9 / 10]
            );
        }
        for fault in &self.faults {
            println!("fault: {fault}");
        }
    }
}

fn sorted(outcomes: &[Outcome], column: Column) -> Vec<u64> {
    let mut values: Vec<u64> = outcomes.iter().map(|o| column.of(o)).collect();
    values.sort_unstable();
    values
}

fn middle(sorted: &[u64]) -> u64 {
    sorted[sorted.len() / 2]
}

/// Microseconds as milliseconds with one decimal.
fn tenths(micros: u64) -> String {
    format!("{}.{}", micros / 1000, micros % 1000 / 100)
}

/// Each bound with whether it is kept.
fn verdicts(limits: &[Limit], outcomes: &[Outcome]) -> String {
    let one = |limit: &Limit| {
        let values = sorted(outcomes, limit.column);
        let (value, word) = if limit.is_worst {
            (values[values.len() - 1], "worst ")
        } else {
            (middle(&values), "")
        };
        let verdict = if value <= limit.most {
            "kept"
        } else {
            "MISSED"
        };
        format!("{word}{} {} {verdict}", limit.column.title(), limit.most)
    };
    limits.iter().map(one).collect::<Vec<_>>().join(", ")
}
