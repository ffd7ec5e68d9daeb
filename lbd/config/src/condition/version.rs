//! Versions as HAProxy writes them: `2.4-dev19-abcdef-12`, `3.4.0`.
//!
//! It compares, and gives no meaning to the numbers.

use std::cmp::Ordering;

/// Four numbers, then kind (1 development, 2 candidate, 3 release), its number, commits since.
type Version = [u64; 7];

/// Order of two versions, `None` when one cannot be read.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(parse(a)?.cmp(&parse(b)?))
}

fn parse(text: &str) -> Option<Version> {
    if text.is_empty() {
        return None;
    }
    let mut version: Version = [0, 0, 0, 0, 3, 0, 0];
    let (numbers, tag) = match text.split_once('-') {
        Some((numbers, tag)) => (numbers, Some(tag)),
        None => (text, None),
    };
    for (index, number) in numbers.split('.').enumerate() {
        if index == 4 {
            return None;
        }
        version[index] = match number {
            "" => 0,
            number => number.parse().ok()?,
        };
    }
    let Some(mut tag) = tag else {
        return Some(version);
    };
    for (name, kind) in [("dev", 1), ("rc", 2), ("pre", 2)] {
        if let Some(rest) = tag.strip_prefix(name) {
            let (number, commits) = rest.split_once('-').unwrap_or((rest, ""));
            version[4] = kind;
            version[5] = match number {
                "" => 0,
                number => number.parse().ok()?,
            };
            tag = commits;
            break;
        }
    }
    let commits = tag.rsplit('-').next().unwrap_or(tag);
    version[6] = commits.parse().unwrap_or(0);
    Some(version)
}
