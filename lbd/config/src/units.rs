//! Values of words: times, sizes, integers, ranges, percentages, file modes, sets of threads and
//! CPUs (haproxy 3.4 configuration 2.5, 2.6, 3.1).
//!
//! It knows no keyword: messages take its name.

mod set;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::time::Duration;

pub use set::{CpuSet, MAX_CPU, ThreadSet, cpu_map_sets, cpus, numbers, thread_sets};

/// Largest time in its unit, as in the reference.
pub const MAX_TIME: u64 = 0x7fff_ffff;

/// Units of time; the caller's choice is that of a number without one, and what is rounded up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeUnit {
    /// `us`.
    Microsecond,
    /// `ms`, the usual one.
    Millisecond,
    /// `s`.
    Second,
    /// `m`.
    Minute,
    /// `h`.
    Hour,
    /// `d`.
    Day,
}

impl TimeUnit {
    fn micros(self) -> u64 {
        match self {
            Self::Microsecond => 1,
            Self::Millisecond => 1_000,
            Self::Second => 1_000_000,
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
            Self::Day => 86_400_000_000,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Microsecond => "us",
            Self::Millisecond => "ms",
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "d",
        }
    }
}

/// A time, and what the reference warns of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsedTime {
    /// The time, rounded up to the caller's unit.
    pub value: Duration,
    /// The first character behind the unit (`5min`), which the reference still accepts.
    pub trailing: Option<char>,
    /// The number had no unit.
    pub bare: bool,
}

/// Why a word is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeError {
    /// More than [`MAX_TIME`] of the caller's unit.
    Overflow(TimeUnit),
    /// This character should not be there; `None` at the end of the word.
    Unexpected(Option<char>),
}

impl TimeError {
    /// The reference's text for the argument `text` of `keyword`.
    pub fn message(&self, text: &str, keyword: &str) -> String {
        match self {
            Self::Overflow(unit) => {
                let tenths = MAX_TIME * unit.micros() / 8_640_000_000;
                format!(
                    "timer overflow in argument '{text}' to '{keyword}' (maximum value is \
                     {MAX_TIME} {} or ~{}.{} days)",
                    unit.name(),
                    tenths / 10,
                    tenths % 10
                )
            }
            Self::Unexpected(Some(c)) => format!("unexpected character '{c}' in '{keyword}'"),
            Self::Unexpected(None) => {
                format!("'{keyword}' expects an integer value (in milliseconds)")
            }
        }
    }
}

/// A time: digits, then `us`, `ms`, `s`, `m`, `h`, `d` or nothing. A value that is not zero never
/// rounds to zero, so that there is no underflow.
///
/// # Errors
/// When it is none, or too large; the reference lets numbers beyond 64 bits wrap, this does not.
pub fn parse_time(text: &str, unit: TimeUnit) -> Result<ParsedTime, TimeError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = text.split_at(digits);
    if number.is_empty() {
        return Err(TimeError::Unexpected(suffix.chars().next()));
    }
    let (given, length) = match suffix.as_bytes() {
        [] => (unit, 0),
        [b'u', b's', ..] => (TimeUnit::Microsecond, 2),
        [b'm', b's', ..] => (TimeUnit::Millisecond, 2),
        [b's', ..] => (TimeUnit::Second, 1),
        [b'm', ..] => (TimeUnit::Minute, 1),
        [b'h', ..] => (TimeUnit::Hour, 1),
        [b'd', ..] => (TimeUnit::Day, 1),
        _ => return Err(TimeError::Unexpected(suffix.chars().next())),
    };
    let overflow = TimeError::Overflow(unit);
    let micros = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(given.micros()))
        .ok_or(overflow)?;
    let units = micros.div_ceil(unit.micros());
    if units > MAX_TIME {
        return Err(overflow);
    }
    Ok(ParsedTime {
        value: Duration::from_micros(units * unit.micros()),
        trailing: suffix[length..].chars().next(),
        bare: suffix.is_empty(),
    })
}

/// Why a word is no size: what is left of it from the first character that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeError(pub String);

impl SizeError {
    /// The reference's text for an argument of `keyword`.
    pub fn message(&self, keyword: &str) -> String {
        format!("unexpected '{}' after size passed to '{keyword}'", self.0)
    }
}

/// A size in bytes: digits, then `k`, `m` or `g` (1024 and its powers, either case) or nothing; at
/// most `max`.
///
/// # Errors
/// When it is none, or larger.
pub fn parse_size(text: &str, max: u64) -> Result<u64, SizeError> {
    let fail = |at: usize| SizeError(text.get(at..).unwrap_or_default().to_owned());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(fail(0));
    }
    let mut value = 0_u64;
    for (at, byte) in text.bytes().take(digits).enumerate() {
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(byte - b'0')))
            .filter(|value| *value <= max)
            .ok_or_else(|| fail(at))?;
    }
    let shift = match text.as_bytes().get(digits) {
        None => return Ok(value),
        Some(b'k' | b'K') => 10,
        Some(b'm' | b'M') => 20,
        Some(b'g' | b'G') => 30,
        Some(_) => return Err(fail(digits)),
    };
    if value > max >> shift {
        return Err(fail(digits));
    }
    match text.len() == digits + 1 {
        true => Ok(value << shift),
        false => Err(fail(digits + 1)),
    }
}

/// A decimal integer within `range`, with an optional sign.
///
/// # Errors
/// The text that follows the keyword's name: `expects an integer from 1 to 10, got 'x'`.
pub fn parse_int(text: &str, range: RangeInclusive<i64>) -> Result<i64, String> {
    match text.parse::<i64>() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(format!(
            "expects an integer from {} to {}, got '{text}'",
            range.start(),
            range.end()
        )),
    }
}

/// The decimal number that a text begins with, its sign included ("0" for none), and the rest.
pub fn leading_int(text: &str) -> (&str, &str) {
    let sign = usize::from(text.starts_with(['-', '+']));
    let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    match digits {
        0 => ("0", text),
        _ => text.split_at(sign + digits),
    }
}

/// `a` or `a-b`, both within `range`, the second not below the first.
///
/// # Errors
/// The text that follows the keyword's name.
pub fn parse_range(text: &str, range: RangeInclusive<i64>) -> Result<(i64, i64), String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (parse_int(low, range.clone())?, parse_int(high, range)?);
    if low > high {
        return Err(format!("invalid range '{low}-{high}'"));
    }
    Ok((low, high))
}

/// `50%` or `50`: an integer from 0 to 100.
///
/// # Errors
/// The text that follows the keyword's name.
pub fn parse_percent(text: &str) -> Result<u8, String> {
    text.strip_suffix('%')
        .unwrap_or(text)
        .parse()
        .ok()
        .filter(|value| *value <= 100)
        .ok_or_else(|| format!("expects a percentage from 0 to 100, got '{text}'"))
}

/// File permissions in octal, at most 7777.
///
/// # Errors
/// The reference's text.
pub fn parse_mode(text: &str) -> Result<u32, String> {
    let digits_only = text.bytes().all(|b| b.is_ascii_digit());
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| digits_only && *mode <= 0o7777)
        .ok_or_else(|| format!("missing or invalid mode '{text}' (octal integer expected)"))
}
