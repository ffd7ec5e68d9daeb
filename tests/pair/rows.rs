//! The rows of the table: what is broken, at which interval, and the most that is allowed.

use crate::events::{Event, Outcome};
use crate::system::Kind;

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) event: Event,
    /// Seconds between advertisements, as the configuration has it.
    pub(crate) interval: &'static str,
    pub(crate) kinds: &'static [Kind],
    /// For lbd.
    pub(crate) limits: &'static [Limit],
    /// A row that needs many runs to say anything has them in a full measurement.
    pub(crate) runs: usize,
}

/// The most that the median, or the worst, of a column may be.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) column: Column,
    pub(crate) is_worst: bool,
    pub(crate) most: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Broken,
    Dual,
    Failed,
    Flaps,
    Outage,
}

impl Column {
    pub(crate) const ALL: [Self; 5] = [
        Self::Outage,
        Self::Failed,
        Self::Broken,
        Self::Dual,
        Self::Flaps,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Broken => "kept connections broken",
            Self::Dual => "two owners ms",
            Self::Failed => "failed",
            Self::Flaps => "flaps",
            Self::Outage => "outage ms",
        }
    }

    pub(crate) fn of(self, outcome: &Outcome) -> u64 {
        match self {
            Self::Broken => outcome.broken,
            Self::Dual => outcome.dual_ms,
            Self::Failed => outcome.failed,
            Self::Flaps => outcome.flaps,
            Self::Outage => outcome.outage_ms,
        }
    }
}

const fn median(column: Column, most: u64) -> Limit {
    Limit {
        column,
        is_worst: false,
        most,
    }
}

const fn worst(column: Column, most: u64) -> Limit {
    Limit {
        column,
        is_worst: true,
        most,
    }
}

const fn row(name: &'static str, event: Event, limits: &'static [Limit]) -> Row {
    Row {
        name,
        event,
        interval: "0.1",
        kinds: BOTH,
        limits,
        runs: 7,
    }
}

const BOTH: &[Kind] = &[Kind::Lbd, Kind::Keepalived];

pub(crate) const ROWS: &[Row] = &[
    row(
        "kill-balancer",
        Event::KillBalancer,
        &[median(Column::Outage, 30)],
    ),
    Row {
        kinds: &[Kind::Mixed],
        ..row(
            "kill-balancer-mixed",
            Event::KillBalancer,
            &[median(Column::Outage, 76)],
        )
    },
    row(
        "hang-balancer",
        Event::HangBalancer,
        &[median(Column::Outage, 300)],
    ),
    row(
        "kill-daemon",
        Event::KillDaemon,
        &[median(Column::Dual, 400)],
    ),
    row(
        "freeze-daemon",
        Event::FreezeDaemon,
        &[median(Column::Dual, 400)],
    ),
    row("freeze-all", Event::FreezeAll, &[median(Column::Dual, 500)]),
    row(
        "stop",
        Event::Stop,
        &[median(Column::Outage, 20), worst(Column::Failed, 0)],
    ),
    Row {
        kinds: &[Kind::Lbd],
        ..row(
            "switchover",
            Event::Switchover,
            &[worst(Column::Failed, 0), worst(Column::Broken, 0)],
        )
    },
    Row {
        kinds: &[Kind::Lbd],
        interval: "0.01",
        ..row(
            "upgrade-10ms",
            Event::Upgrade,
            &[worst(Column::Failed, 0), worst(Column::Flaps, 0)],
        )
    },
    row("link-down", Event::LinkDown, &[median(Column::Outage, 330)]),
    row("heal", Event::Heal, &[worst(Column::Outage, 200)]),
    row(
        "return",
        Event::Return,
        &[worst(Column::Outage, 50), worst(Column::Failed, 0)],
    ),
    Row {
        interval: "0.01",
        runs: 60,
        ..row(
            "link-down-10ms",
            Event::LinkDown,
            &[median(Column::Outage, 45), worst(Column::Flaps, 0)],
        )
    },
];
