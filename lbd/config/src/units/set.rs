//! Sets of threads, thread groups and CPUs.
//!
//! It does not know how many of them there are.

use std::collections::BTreeSet;

/// Highest CPU number, as in the reference.
pub const MAX_CPU: u32 = 1023;
/// Threads of one group, and groups that may be named.
const MAX_NUMBER: u32 = 64;

/// CPU numbers.
pub type CpuSet = BTreeSet<u32>;

/// Threads of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadSet {
    /// The group, from 1; `None` when numbers count over all groups.
    pub group: Option<u32>,
    /// Bit `n - 1` for thread `n`.
    pub threads: u64,
}

/// Numbers from 1 to `max` (at most 64) as bits, number `n` in bit `n - 1`: `all`, `odd`, `even`,
/// `3`, `2-5` (either way round), `4-`.
///
/// # Errors
/// The reference's text.
pub fn numbers(text: &str, max: u32) -> Result<u64, String> {
    let max = max.clamp(1, MAX_NUMBER);
    let mask = u64::MAX >> (MAX_NUMBER - max);
    match text {
        "all" => return Ok(mask),
        "odd" => return Ok(mask & 0x5555_5555_5555_5555),
        "even" => return Ok(mask & 0xaaaa_aaaa_aaaa_aaaa),
        _ => {}
    }
    let invalid = || format!("'{text}' is not a valid number/range.");
    let outside = || format!("{} It supports numbers from 1 to {max}.", invalid());
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| match text {
        "" => Err(outside()),
        text if !text.bytes().all(|b| b.is_ascii_digit()) => Err(invalid()),
        text => text
            .parse::<u32>()
            .ok()
            .filter(|number| (1..=max).contains(number))
            .ok_or_else(outside),
    };
    let low_number = number(low)?;
    let high_number = match high {
        "" => max,
        high => number(high)?,
    };
    let (low, high) = (low_number.min(high_number), low_number.max(high_number));
    Ok((u64::MAX >> (MAX_NUMBER - high)) & (u64::MAX << (low - 1)))
}

/// The argument of `bind ... thread`: `1-4`, `2/1-3,4/all`, separated by commas.
///
/// # Errors
/// The reference's text.
pub fn thread_sets(text: &str, max: u32) -> Result<Vec<ThreadSet>, String> {
    text.split(',')
        .map(|part| match part.split_once('/') {
            None => Ok(ThreadSet {
                group: None,
                threads: numbers(part, max)?,
            }),
            Some((group, threads)) => Ok(ThreadSet {
                group: Some(
                    group
                        .parse()
                        .ok()
                        .filter(|group| (1..=MAX_NUMBER).contains(group))
                        .ok_or_else(|| format!("invalid thread group '{group}' in '{text}'"))?,
                ),
                threads: numbers(threads, max)?,
            }),
        })
        .collect()
}

/// The first argument of `cpu-map`: `auto:` or not, the bits of thread groups, the bits of threads
/// (all without a slash).
///
/// # Errors
/// The reference's text.
pub fn cpu_map_sets(text: &str) -> Result<(bool, u64, u64), String> {
    let (auto, text) = match text.strip_prefix("auto:") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (groups, threads) = text.split_once('/').unwrap_or((text, "all"));
    Ok((
        auto,
        numbers(groups, MAX_NUMBER)?,
        numbers(threads, MAX_NUMBER)?,
    ))
}

impl ThreadSet {
    /// Whether a thread of the group (from 1) is in the set.
    pub fn contains(&self, thread: u32) -> bool {
        (1..=MAX_NUMBER).contains(&thread) && self.threads >> (thread - 1) & 1 == 1
    }
}

/// CPUs that a list names: `0`, `0-3` (either way round), `4-`, separated by commas.
///
/// # Errors
/// The reference's text.
pub fn cpus(text: &str) -> Result<CpuSet, String> {
    let mut set = CpuSet::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let invalid = || format!("'{part}' is not a CPU range.");
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| {
            if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
                return Err(invalid());
            }
            text.parse::<u32>()
                .ok()
                .filter(|cpu| *cpu <= MAX_CPU)
                .ok_or_else(|| format!("supports CPU numbers from 0 to {MAX_CPU}."))
        };
        let low = number(low)?;
        let high = match high {
            "" => MAX_CPU,
            high => number(high)?,
        };
        set.extend(low.min(high)..=low.max(high));
    }
    Ok(set)
}
