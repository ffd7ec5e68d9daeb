//! Stick tables of a configuration, and what their entries count of answers.
//!
//! Which entries are tracked is the rules' business; see `lbd_rules::track`.

use std::hash::BuildHasher;
use std::sync::Arc;

use lbd_config::config::Config;
use lbd_table::Table;

/// Empty tables for a configuration, by `TableId`.
pub(crate) fn tables(config: &Config) -> Vec<Arc<Table>> {
    let random = std::collections::hash_map::RandomState::new();
    let tables = config.tables.iter();
    tables
        .map(|spec| {
            let seed = random.hash_one(&*spec.name);
            Arc::new(Table::new(&spec.name, spec.schema.clone(), seed))
        })
        .collect()
}

/// Statuses that count as errors of clients and as failures of servers (`http-err-codes`,
/// `http-fail-codes`).
#[derive(Debug)]
pub struct StatusCodes {
    errors: Set,
    failures: Set,
}

type Set = [u64; 10];

impl StatusCodes {
    pub(super) fn new(config: &Config) -> Self {
        let set = |ranges: &[(u16, u16)]| {
            let mut set = Set::default();
            for &(low, high) in ranges {
                for status in low..=high.min(639) {
                    set[usize::from(status / 64)] |= 1 << (status % 64);
                }
            }
            set
        };
        Self {
            errors: set(&config.global.http_err_codes),
            failures: set(&config.global.http_fail_codes),
        }
    }

    /// Whether a status is an error, and whether it is a failure.
    #[inline]
    pub fn of(&self, status: u16) -> (bool, bool) {
        let has = |set: &Set| {
            let word = set.get(usize::from(status / 64));
            word.is_some_and(|word| word & 1 << (status % 64) != 0)
        };
        (has(&self.errors), has(&self.failures))
    }
}
