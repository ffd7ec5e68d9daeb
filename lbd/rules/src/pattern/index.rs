//! The patterns of one matcher, indexed by what its method allows: a hash for whole strings, for
//! prefixes by their length and for networks by theirs; a list in order for all else.
//!
//! It knows nothing of versions or of locks.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use lbd_core::Value;

use super::networks::{Networks, match_network};
use super::parse::{MatchKind, MatchOptions, Test, is_dir_delimiter, is_dom_delimiter, parse};
use crate::cast;
use crate::regex::Regex;

/// Up to this many patterns a list is searched from its start; above, hashes are used.
const LIST_LIMIT: usize = 8;
/// Longest value that is looked up without regard to case through a copy on the stack.
const FOLD_ON_STACK: usize = 256;

/// What a map's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Strings.
    Str,
    /// Integers.
    Int,
    /// Addresses.
    Ip,
}

/// A map's value in the form in which it is returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapValue {
    /// String.
    Str(Arc<[u8]>),
    /// Integer.
    Int(i64),
    /// Address.
    Ip(IpAddr),
}

impl MapValue {
    /// Reads a value.
    ///
    /// # Errors
    /// When it is not of this kind.
    pub fn parse(kind: ValueKind, text: &Arc<[u8]>) -> Result<Self, String> {
        let shown = || String::from_utf8_lossy(text).into_owned();
        match kind {
            ValueKind::Str => Ok(Self::Str(Arc::clone(text))),
            ValueKind::Int => cast::whole_int(text)
                .map(Self::Int)
                .ok_or_else(|| format!("'{}' is not a number", shown())),
            ValueKind::Ip => cast::parse_addr(text)
                .map(Self::Ip)
                .ok_or_else(|| format!("'{}' is not a valid IPv4 or IPv6 address", shown())),
        }
    }
}

/// A pattern that matched: its entry and value, and its expression when it has one.
#[derive(Debug, Clone, Copy)]
pub struct Hit<'i> {
    /// The entry's id in the set.
    pub entry: u64,
    /// The map's value.
    pub value: Option<&'i MapValue>,
    /// The expression that matched (`map_regm`).
    pub regex: Option<&'i Regex>,
}

#[derive(Debug, Clone)]
pub(super) struct Held {
    entry: u64,
    value: Option<MapValue>,
}

impl Held {
    pub(super) fn hit(&self) -> Hit<'_> {
        Hit {
            entry: self.entry,
            value: self.value.as_ref(),
            regex: None,
        }
    }
}

/// Patterns of equal key, in order; nearly always one.
#[derive(Debug, Clone)]
pub(super) enum Bucket {
    One(Held),
    Many(Vec<Held>),
}

impl Bucket {
    pub(super) fn first(&self) -> Option<&Held> {
        match self {
            Self::One(held) => Some(held),
            Self::Many(all) => all.first(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) test: Test,
    pub(super) held: Held,
}

pub(super) type Map<K> = HashMap<K, Bucket, ahash::RandomState>;

pub(super) fn put<K: Eq + Hash>(map: &mut Map<K>, key: K, held: Held) {
    use std::collections::hash_map::Entry;
    match map.entry(key) {
        Entry::Vacant(free) => {
            free.insert(Bucket::One(held));
        }
        Entry::Occupied(mut taken) => match taken.get_mut() {
            Bucket::Many(all) => all.push(held),
            Bucket::One(first) => {
                let both = vec![first.clone(), held];
                *taken.get_mut() = Bucket::Many(both);
            }
        },
    }
}

/// Takes an entry out of the bucket at `key`; returns whether it was there.
pub(super) fn drop_from<K, Q>(map: &mut Map<K>, key: &Q, entry: u64) -> bool
where
    K: Eq + Hash + std::borrow::Borrow<Q>,
    Q: Eq + Hash + ?Sized,
{
    let Some(bucket) = map.get_mut(key) else {
        return false;
    };
    let (found, is_empty) = match bucket {
        Bucket::One(held) => (held.entry == entry, held.entry == entry),
        Bucket::Many(all) => {
            let before = all.len();
            all.retain(|held| held.entry != entry);
            (all.len() < before, all.is_empty())
        }
    };
    if is_empty {
        map.remove(key);
    }
    found
}

#[derive(Debug, Clone)]
enum Shape {
    /// Patterns in order.
    List(Vec<Pattern>),
    /// Whole strings (`str`, `bin`, `meth`); folded to lower case with `-i`.
    Exact(Map<Box<[u8]>>),
    /// Prefixes with the number of patterns of each length; the longest wins.
    Prefix(Map<Box<[u8]>>, BTreeMap<usize, usize>),
    /// Networks by prefix length, the longest wins; masks with holes stand in the list.
    Networks(Box<Networks>),
    /// Single integers by value, ranges in the list; the first in order wins.
    Numbers(Map<i64>, Vec<Pattern>),
}

/// The patterns of one matcher.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    kind: MatchKind,
    options: MatchOptions,
    shape: Shape,
    len: usize,
}

impl Index {
    pub(crate) fn new(kind: MatchKind, options: MatchOptions) -> Self {
        Self {
            kind,
            options,
            shape: Shape::List(Vec::new()),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether large sets are hashed (`idx=tree` in the runtime API) or searched in order.
    pub(crate) fn is_hashed(&self) -> bool {
        !matches!(self.empty_fast(), Shape::List(_))
    }

    pub(crate) fn insert(
        &mut self,
        entry: u64,
        key: &[u8],
        value: Option<MapValue>,
    ) -> Result<(), String> {
        let test = parse(self.kind, self.options, key)?;
        let pattern = Pattern {
            test,
            held: Held { entry, value },
        };
        self.len += 1;
        let is_full = matches!(&self.shape, Shape::List(all) if all.len() >= LIST_LIMIT);
        if is_full && let Shape::List(_) = self.shape {
            let fast = self.empty_fast();
            if !matches!(fast, Shape::List(_))
                && let Shape::List(old) = std::mem::replace(&mut self.shape, fast)
            {
                old.into_iter().for_each(|pattern| self.place(pattern));
            }
        }
        self.place(pattern);
        Ok(())
    }

    pub(crate) fn remove(&mut self, entry: u64, key: &[u8]) {
        let Ok(test) = parse(self.kind, self.options, key) else {
            return;
        };
        let folded = |bytes: &[u8]| -> Box<[u8]> {
            if self.options.ignore_case {
                bytes.to_ascii_lowercase().into()
            } else {
                bytes.into()
            }
        };
        let found = match (&mut self.shape, test) {
            (Shape::List(all), _) => drop_pattern(all, entry),
            (Shape::Exact(map), Test::Bytes(bytes)) => drop_from(map, &*folded(&bytes), entry),
            (Shape::Prefix(map, lengths), Test::Bytes(bytes)) => {
                let found = drop_from(map, &*bytes, entry);
                if found {
                    uncount(lengths, bytes.len());
                }
                found
            }
            (Shape::Numbers(map, ranges), Test::Range(low, high)) => match (low, high) {
                (Some(low), Some(high)) if low == high => drop_from(map, &low, entry),
                _ => drop_pattern(ranges, entry),
            },
            (Shape::Networks(nets), test) => nets.remove(&test, entry),
            _ => false,
        };
        self.len -= usize::from(found);
    }

    fn empty_fast(&self) -> Shape {
        match self.kind {
            MatchKind::Str | MatchKind::Bin | MatchKind::Method => Shape::Exact(Map::default()),
            MatchKind::Beg if !self.options.ignore_case => {
                Shape::Prefix(Map::default(), BTreeMap::new())
            }
            MatchKind::Ip => Shape::Networks(Box::default()),
            MatchKind::Int | MatchKind::Len => Shape::Numbers(Map::default(), Vec::new()),
            _ => Shape::List(Vec::new()),
        }
    }

    fn place(&mut self, pattern: Pattern) {
        let ignore_case = self.options.ignore_case;
        match (&mut self.shape, pattern) {
            (
                Shape::Exact(map),
                Pattern {
                    test: Test::Bytes(mut bytes),
                    held,
                },
            ) => {
                if ignore_case {
                    bytes.make_ascii_lowercase();
                }
                put(map, bytes, held);
            }
            (
                Shape::Prefix(map, lengths),
                Pattern {
                    test: Test::Bytes(bytes),
                    held,
                },
            ) => {
                *lengths.entry(bytes.len()).or_default() += 1;
                put(map, bytes, held);
            }
            (
                Shape::Numbers(map, _),
                Pattern {
                    test: Test::Range(Some(low), Some(high)),
                    held,
                },
            ) if low == high => put(map, low, held),
            (Shape::Numbers(_, ranges), pattern) => ranges.push(pattern),
            (Shape::Networks(nets), pattern) => nets.place(pattern),
            (Shape::List(all), pattern) => all.push(pattern),
            // A kind has one form of test, so that the other pairs do not occur.
            (Shape::Exact(_) | Shape::Prefix(..), _) => {}
        }
    }

    /// The pattern that matches `value`, which is of the kind's input type.
    pub(crate) fn find(&self, value: Value<'_>) -> Option<Hit<'_>> {
        match (&self.shape, value) {
            (Shape::List(all), value) => self.find_in_list(all, value),
            (Shape::Exact(map), Value::Str(v) | Value::Bin(v) | Value::Method(v)) => {
                self.find_exact(map, v)
            }
            (Shape::Prefix(map, lengths), Value::Str(v) | Value::Bin(v)) => lengths
                .range(..=v.len())
                .rev()
                .find_map(|(len, _)| map.get(v.get(..*len)?)?.first())
                .map(Held::hit),
            (Shape::Networks(nets), Value::Ipv4(v)) => nets.find(IpAddr::V4(v)),
            (Shape::Networks(nets), Value::Ipv6(v)) => nets.find(IpAddr::V6(v)),
            (Shape::Numbers(map, ranges), value) => {
                let number = self.number(value)?;
                let single = map.get(&number).and_then(Bucket::first);
                let range = ranges
                    .iter()
                    .find(|p| in_range(&p.test, number))
                    .map(|p| &p.held);
                match (single, range) {
                    (Some(a), Some(b)) => Some(if a.entry < b.entry { a } else { b }.hit()),
                    (a, b) => a.or(b).map(Held::hit),
                }
            }
            _ => None,
        }
    }

    fn find_exact<'i>(&'i self, map: &'i Map<Box<[u8]>>, text: &[u8]) -> Option<Hit<'i>> {
        let bucket = if !self.options.ignore_case {
            map.get(text)?
        } else if text.len() <= FOLD_ON_STACK {
            let mut folded = [0; FOLD_ON_STACK];
            let folded = &mut folded[..text.len()];
            folded.copy_from_slice(text);
            folded.make_ascii_lowercase();
            map.get(&*folded)?
        } else {
            map.get(text.to_ascii_lowercase().as_slice())?
        };
        bucket.first().map(Held::hit)
    }

    fn find_in_list<'i>(&'i self, all: &'i [Pattern], value: Value<'_>) -> Option<Hit<'i>> {
        // Where a larger set would be a tree, the most specific pattern wins here, too.
        let found = match self.kind {
            MatchKind::Ip => best(all, |pattern| match value {
                Value::Ipv4(v) => match_network(&pattern.test, IpAddr::V4(v)),
                Value::Ipv6(v) => match_network(&pattern.test, IpAddr::V6(v)),
                _ => None,
            }),
            MatchKind::Beg if !self.options.ignore_case => {
                best(all, |pattern| match (&pattern.test, value) {
                    (Test::Bytes(b), Value::Str(v) | Value::Bin(v)) => {
                        v.starts_with(b).then_some(b.len())
                    }
                    _ => None,
                })
            }
            _ => all
                .iter()
                .find(|pattern| self.matches(&pattern.test, value)),
        }?;
        let regex = match &found.test {
            Test::Regex(regex) => Some(&**regex),
            _ => None,
        };
        Some(Hit {
            regex,
            ..found.held.hit()
        })
    }

    fn number(&self, value: Value<'_>) -> Option<i64> {
        match (self.kind, value) {
            (MatchKind::Len, Value::Str(v) | Value::Bin(v)) => i64::try_from(v.len()).ok(),
            (MatchKind::Int, Value::Int(v)) => Some(v),
            _ => None,
        }
    }

    fn matches(&self, test: &Test, value: Value<'_>) -> bool {
        match (test, value) {
            (Test::Always, Value::Bool(v)) if self.kind == MatchKind::Bool => v,
            (Test::Always, _) => true,
            (Test::Range(..), value) => self.number(value).is_some_and(|n| in_range(test, n)),
            (Test::Regex(regex), Value::Str(v) | Value::Bin(v)) => regex.is_match(v),
            (Test::Bytes(pattern), Value::Str(v) | Value::Bin(v) | Value::Method(v)) => {
                self.match_bytes(pattern, v)
            }
            _ => false,
        }
    }

    fn match_bytes(&self, pattern: &[u8], text: &[u8]) -> bool {
        let fold = self.options.ignore_case;
        let same = |a: &[u8], b: &[u8]| {
            if fold {
                a.eq_ignore_ascii_case(b)
            } else {
                a == b
            }
        };
        match self.kind {
            MatchKind::Str | MatchKind::Bin | MatchKind::Method => same(pattern, text),
            MatchKind::Beg => text
                .get(..pattern.len())
                .is_some_and(|head| same(head, pattern)),
            MatchKind::End => text
                .len()
                .checked_sub(pattern.len())
                .is_some_and(|start| same(&text[start..], pattern)),
            MatchKind::Sub if !fold => memchr::memmem::find(text, pattern).is_some(),
            MatchKind::Sub => {
                pattern.is_empty() || text.windows(pattern.len()).any(|part| same(part, pattern))
            }
            MatchKind::Dir => match_part(text, pattern, is_dir_delimiter, same),
            MatchKind::Dom => match_part(text, pattern, is_dom_delimiter, same),
            _ => false,
        }
    }
}

/// The pattern with the highest rank, the first of equals.
fn best(all: &[Pattern], rank: impl Fn(&Pattern) -> Option<usize>) -> Option<&Pattern> {
    let mut found: Option<(usize, &Pattern)> = None;
    for pattern in all {
        if let Some(rank) = rank(pattern)
            && found.is_none_or(|(known, _)| rank > known)
        {
            found = Some((rank, pattern));
        }
    }
    found.map(|(_, pattern)| pattern)
}

fn in_range(test: &Test, number: i64) -> bool {
    match test {
        Test::Range(low, high) => {
            low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high)
        }
        _ => false,
    }
}

/// Whether `pattern` stands in `text` between delimiters or ends.
fn match_part(
    text: &[u8],
    pattern: &[u8],
    is_delimiter: fn(u8) -> bool,
    same: impl Fn(&[u8], &[u8]) -> bool,
) -> bool {
    if pattern.len() > text.len() || pattern.is_empty() {
        return false;
    }
    (0..=text.len() - pattern.len()).any(|at| {
        let end = at + pattern.len();
        (at == 0 || is_delimiter(text[at - 1]))
            && text.get(end).is_none_or(|byte| is_delimiter(*byte))
            && same(&text[at..end], pattern)
    })
}

pub(super) fn drop_pattern(all: &mut Vec<Pattern>, entry: u64) -> bool {
    let before = all.len();
    all.retain(|pattern| pattern.held.entry != entry);
    all.len() < before
}

pub(super) fn uncount<K: Ord + Copy>(lengths: &mut BTreeMap<K, usize>, length: K) {
    if let Some(count) = lengths.get_mut(&length) {
        *count -= 1;
        if *count == 0 {
            lengths.remove(&length);
        }
    }
}
