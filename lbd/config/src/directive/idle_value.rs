//! What arguments of keywords without effect must look like: a word that could not mean anything
//! is a mistake, whoever would heed it.
//!
//! The keywords are in [`super::tune_idle`].

use lbd_core::Diag;

use crate::section::Site;
use crate::suggest;
use crate::units;
use crate::words::Words;

/// Largest number where the reference has no bound of its own.
pub(super) const MAX: i64 = 0x7fff_ffff;

/// A switch.
pub(super) const ON_OFF: &[&str] = &["on", "off"];

/// Most groups, and most threads, that the reference can have.
const MAX_GROUPS: i64 = 32;
const MAX_THREADS: i64 = 1024;

/// The form of the one argument.
pub(super) enum Value {
    /// Words of these, parted by commas.
    ListOf(&'static [&'static str]),
    /// A number from the first to the second.
    Number(i64, i64),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// 0, or 100 and more.
    Percentage,
    /// Bytes, with a unit or without, at least so many.
    Size(u64),
    /// Anything.
    Text,
}

impl Value {
    /// Reads it and nothing behind it.
    ///
    /// # Errors
    /// It is missing, cannot be meant, or more follows.
    pub(super) fn read(&self, keyword: &str, words: &mut Words<'_>) -> Result<(), Diag> {
        let here = words.here();
        let given = words.text()?.unwrap_or("");
        let refused = |what: &str| {
            let message = format!("'{keyword}' expects {what} but got '{given}'.");
            Err(Diag::alert(here, message))
        };
        match self {
            Self::ListOf(known) => {
                if let Some(other) = given.split(',').find(|word| !known.contains(word)) {
                    let list = quoted(known, "and");
                    let message = format!(
                        "'{keyword}' expects a comma-delimited list of {list} but got '{other}'."
                    );
                    let hint = suggest::hint(other, known.iter().copied());
                    return Err(Diag::alert(here, message).hint(hint));
                }
            }
            Self::Number(low, high) if units::parse_int(given, *low..=*high).is_err() => {
                return refused(&match *high {
                    MAX.. => format!("a number of at least {low}"),
                    high => format!("a number between {low} and {high}"),
                });
            }
            Self::OneOf(known) if !known.contains(&given) => {
                return refused(&quoted(known, "or"))
                    .map_err(|diag: Diag| diag.hint(suggest::hint(given, known.iter().copied())));
            }
            Self::Percentage => {
                let number = units::parse_int(given, 0..=i64::MAX);
                if !number.is_ok_and(|number| number == 0 || number >= 100) {
                    return refused("0 or a positive percentage value of 100 or above");
                }
            }
            Self::Size(least) => {
                let limit = MAX.unsigned_abs();
                let size = units::parse_size(given, limit);
                if given.is_empty() || !size.is_ok_and(|size| size >= *least) {
                    return refused(&format!("a size in bytes from {least} to {limit}"));
                }
            }
            Self::Text if given.is_empty() => return refused("a value as argument"),
            Self::Number(..) | Self::OneOf(_) | Self::Text => {}
        }
        words.end(keyword)
    }
}

/// `'a', 'b' or 'c'`.
fn quoted(known: &[&str], link: &str) -> String {
    let words: Vec<String> = known.iter().map(|word| format!("'{word}'")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {link} {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// No argument.
pub(super) fn flag(_: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    match words.peek() {
        None => Ok(()),
        Some(word) => Err(Diag::alert(
            word.span,
            format!(
                "cannot handle unexpected argument '{}'.",
                String::from_utf8_lossy(&word.text)
            ),
        )),
    }
}

/// `cpu-affinity`, which may say how groups are filled.
pub(super) fn cpu_affinity(_: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    const KNOWN: &[&str] = &["per-core", "per-group", "per-thread", "per-ccx", "auto"];
    let here = words.here();
    let given = words.text()?.unwrap_or("");
    if !KNOWN.contains(&given) {
        let message = format!(
            "'cpu-affinity' parsed an unknown directive '{given}'. Known values are : {}",
            KNOWN.join(" ")
        );
        let hint = suggest::hint(given, KNOWN.iter().copied());
        return Err(Diag::alert(here, message).hint(hint));
    }
    let here = words.here();
    match (given, words.text()?) {
        (_, None) | ("per-group", Some("auto" | "loose")) => words.end("cpu-affinity"),
        (_, Some(other)) => {
            let message = format!("'{given}' provided with unknown optional argument '{other}'.");
            Err(Diag::alert(here, message))
        }
    }
}

/// `cpu-policy <policy> [threads-per-core 1|auto]`.
pub(super) fn cpu_policy(_: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    const KNOWN: &[&str] = &[
        "none",
        "performance",
        "group-by-ccx",
        "group-by-2-ccx",
        "group-by-3-ccx",
        "group-by-4-ccx",
        "group-by-cluster",
        "group-by-2-clusters",
        "group-by-3-clusters",
        "group-by-4-clusters",
        "resource",
        "efficiency",
        "first-usable-node",
    ];
    let here = words.here();
    let given = words.text()?.unwrap_or("");
    if !KNOWN.contains(&given) {
        let message = format!(
            "'cpu-policy' passed an unknown CPU policy '{given}'. Supported values are: {}.",
            quoted(KNOWN, "and")
        );
        let hint = suggest::hint(given, KNOWN.iter().copied());
        return Err(Diag::alert(here, message).hint(hint));
    }
    let here = words.here();
    match words.text()? {
        None => return Ok(()),
        Some("threads-per-core") => {}
        Some(other) => {
            let message = format!(
                "'cpu-policy' passed an unknown keyword '{other}', the only known values are \
                 threads-per-core"
            );
            return Err(Diag::alert(here, message));
        }
    }
    let here = words.here();
    match words.text()?.unwrap_or("") {
        "1" | "auto" => words.end("cpu-policy"),
        other => {
            let message = format!(
                "'cpu-policy' passed an unknown value '{other}' to keyword 'threads-per-core', \
                 known values are 1 or auto"
            );
            Err(Diag::alert(here, message))
        }
    }
}

/// `thread-group <group> [<thread>[-<thread>] …]`.
pub(super) fn thread_group(_: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    let given = words.text()?.unwrap_or("");
    let Ok(group) = units::parse_int(given, i64::MIN..=i64::MAX) else {
        return Err(unparsable("thread-group", given, here));
    };
    if !(1..=MAX_GROUPS).contains(&group) {
        let message = format!(
            "'thread-group' thread-group number must be between 1 and {MAX_GROUPS} (was {group})"
        );
        return Err(Diag::alert(here, message));
    }
    loop {
        let here = words.here();
        let Some(given) = words.text()? else {
            return Ok(());
        };
        if units::parse_range(given, 1..=MAX_THREADS).is_err() {
            let message = format!(
                "'thread-group {group}' passed an unparsable or invalid thread number '{given}' \
                 (valid range is 1 to {MAX_THREADS})"
            );
            return Err(Diag::alert(here, message));
        }
    }
}

/// `thread-groups <number>`.
pub(super) fn thread_groups(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    super::suspect_again(site, "thread-groups", words.last());
    let here = words.here();
    let given = words.text()?.unwrap_or("");
    let Ok(groups) = units::parse_int(given, i64::MIN..=i64::MAX) else {
        return Err(unparsable("thread-groups", given, here));
    };
    if !(1..=MAX_GROUPS).contains(&groups) {
        let message =
            format!("'thread-groups' value must be between 1 and {MAX_GROUPS} (was {groups})");
        return Err(Diag::alert(here, message));
    }
    words.end("thread-groups")
}

fn unparsable(keyword: &str, given: &str, here: lbd_core::Span) -> Diag {
    let message = format!("'{keyword}' passed a missing or unparsable integer value in '{given}'");
    Diag::alert(here, message)
}
