//! `table-snapshots` in `global`: stick tables that outlive the process. It is lbd's own keyword.
//!
//! Who reads and writes the files is the daemon.

use std::time::Duration;

use lbd_core::Diag;

use super::directive;
use crate::config::SnapshotSpec;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[directive(
    "table-snapshots",
    Sections::GLOBAL,
    "lbd's own: a directory that keeps the stick tables over restarts: <directory> [every <time>] \
     [rate <bytes per second>]; 1m and 8m unless said, rate 0 for no limit.",
    &[
        Example::Ok("table-snapshots /var/lib/lbd"),
        Example::Ok("table-snapshots /var/lib/lbd every 10s rate 2m"),
        Example::Fail("table-snapshots", "expects a directory"),
        Example::Fail("table-snapshots /x every 1ms", "at least 1s"),
        Example::Fail("table-snapshots /x often", "unknown word 'often'"),
    ],
    snapshots,
)];

/// `every` unless said.
const EVERY: Duration = Duration::from_secs(60);

/// Shortest `every`.
const SHORTEST: Duration = Duration::from_secs(1);

/// `rate` unless said, in bytes per second.
const RATE: u64 = 8 << 20;

fn snapshots(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let directory = words.expect("table-snapshots", "a directory as an argument.")?;
    let mut spec = SnapshotSpec {
        directory: directory.into(),
        every: EVERY,
        rate: RATE,
    };
    while let Some(word) = words.text()? {
        match word {
            "every" => {
                spec.every = words.time("table-snapshots", TimeUnit::Millisecond)?;
                if spec.every < SHORTEST {
                    let text = "'table-snapshots' : 'every' expects at least 1s.";
                    return Err(Diag::alert(words.last(), text));
                }
            }
            "rate" => spec.rate = words.size("table-snapshots", u64::from(u32::MAX))?,
            other => {
                let text = format!(
                    "'table-snapshots' : unknown word '{other}', expects 'every' or 'rate'."
                );
                return Err(Diag::alert(words.last(), text));
            }
        }
    }
    site.draft.global.value.snapshots = Some(spec);
    Ok(())
}
