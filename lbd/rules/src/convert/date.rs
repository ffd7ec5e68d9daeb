//! Converters of dates (manual 7.3.1), strftime(3) included.
//!
//! The zone of the local time is the world's.

use super::{Built, NO_ARGS, build, bytes, number, text};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::cast;
use crate::registry::{Converter, Example};
use lbd_core::WallTime;
use lbd_core::{Type, Value};
use lbd_http::date::{self, Civil};
use std::fmt::Write;

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "date",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Int,
        doc: "An HTTP date as seconds since 1970 (manual 7.3.1).",
        examples: &[Example::Ok("str(x),date")],
        build: |_, _| {
            bytes(|_, text| {
                i64::try_from(date::parse_http_date(text)?)
                    .ok()
                    .map(Value::Int)
            })
        },
    },
    Converter {
        name: "http_date",
        args: &[
            ArgSpec::optional(ArgKind::Int),
            ArgSpec::optional(ArgKind::Str),
        ],
        from: Type::Int,
        to: Type::Str,
        doc: "A date as HTTP writes it, shifted by an offset, from s, ms or us (manual 7.3.1).",
        examples: &[
            Example::Ok("date,http_date"),
            Example::Ok("date,http_date(3600)"),
            Example::Ok("date(0,ms),http_date(0,ms)"),
            Example::Fail("date,http_date(0,x)", "expects 's', 'ms' or 'us'"),
        ],
        build: |_, args| http_date(&args),
    },
    Converter {
        name: "ltime",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Int,
        to: Type::Str,
        doc: "A date of seconds in local time by a strftime format (manual 7.3.1).",
        examples: &[Example::Ok("date,ltime(%Y%m%d)")],
        build: |_, args| formatted(&args, 1_000_000, false),
    },
    Converter {
        name: "ms_ltime",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Int,
        to: Type::Str,
        doc: "A date of milliseconds in local time, %N included (manual 7.3.1).",
        examples: &[Example::Ok("date(0,ms),ms_ltime(%T.%3N)")],
        build: |_, args| formatted(&args, 1000, false),
    },
    Converter {
        name: "ms_utime",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Int,
        to: Type::Str,
        doc: "A date of milliseconds in UTC, %N included (manual 7.3.1).",
        examples: &[Example::Ok("date(0,ms),ms_utime(%T.%3N)")],
        build: |_, args| formatted(&args, 1000, true),
    },
    Converter {
        name: "us_ltime",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Int,
        to: Type::Str,
        doc: "A date of microseconds in local time, %N included (manual 7.3.1).",
        examples: &[Example::Ok("date(0,us),us_ltime(%T.%6N)")],
        build: |_, args| formatted(&args, 1, false),
    },
    Converter {
        name: "us_utime",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Int,
        to: Type::Str,
        doc: "A date of microseconds in UTC, %N included (manual 7.3.1).",
        examples: &[Example::Ok("date(0,us),us_utime(%T.%6N)")],
        build: |_, args| formatted(&args, 1, true),
    },
    Converter {
        name: "utime",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::optional(ArgKind::Int),
        ],
        from: Type::Int,
        to: Type::Str,
        doc: "A date of seconds in UTC by a strftime format (manual 7.3.1).",
        examples: &[
            Example::Ok("date,utime(%Y%m%d)"),
            Example::Ok("date,utime(%H,3600)"),
        ],
        build: |_, args| formatted(&args, 1_000_000, true),
    },
];

/// Bytes of a formatted date.
const MAX_DATE: usize = 4096;

/// `micros` in one unit of the input; the offset is in the same unit.
fn formatted(args: &[Arg], micros: i64, is_utc: bool) -> Built {
    let format = text(args, 0);
    let offset = number(args, 1).unwrap_or(0);
    build(move |view, value| {
        let units = cast::to_int(value)?.saturating_add(offset);
        let at = WallTime(u64::try_from(units.saturating_mul(micros)).ok()?);
        let zone = if is_utc { 0 } else { view.world.utc_offset(at) };
        let clock = Clock {
            at,
            zone,
            civil: Civil::of(at, zone),
            is_utc,
            has_fraction: micros < 1_000_000,
        };
        let mut out = bumpalo::collections::String::new_in(view.arena);
        clock.render(&format, &mut out)?;
        Some(Value::Str(out.into_bump_str().as_bytes()))
    })
}

fn http_date(args: &[Arg]) -> Built {
    let offset = number(args, 0).unwrap_or(0);
    let unit = text(args, 1);
    let (micros, digits): (i64, usize) = match &*unit {
        b"" | b"s" => (1_000_000, 0),
        b"ms" => (1000, 3),
        b"us" => (1, 6),
        other => {
            return Err(ArgError::new(format!(
                "expects 's', 'ms' or 'us', got '{}'",
                String::from_utf8_lossy(other)
            )));
        }
    };
    build(move |view, value| {
        let units = cast::to_int(value)?.saturating_add(offset);
        let at = WallTime(u64::try_from(units.saturating_mul(micros)).ok()?);
        let mut out = Vec::new();
        date::push_http_date(&mut out, at);
        if digits > 0 {
            // The fraction stands before the zone.
            let fraction = format!(".{:06}", at.subsec_micros());
            let zone = out.len() - b" GMT".len();
            out.splice(zone..zone, fraction.bytes().take(1 + digits));
        }
        Some(Value::Str(view.keep(&out)))
    })
}

/// A moment in the parts that strftime(3) names.
struct Clock {
    at: WallTime,
    zone: i32,
    civil: Civil,
    is_utc: bool,
    has_fraction: bool,
}

impl Clock {
    fn render(&self, format: &[u8], out: &mut impl Write) -> Option<()> {
        let format = String::from_utf8_lossy(format);
        let mut chars = format.chars();
        let mut written = 0;
        while let Some(c) = chars.next() {
            written += 1;
            if written > MAX_DATE {
                return None;
            }
            if c != '%' {
                out.write_char(c).ok()?;
                continue;
            }
            let mut directive = chars.next()?;
            let mut width = 9;
            if self.has_fraction && directive.is_ascii_digit() {
                width = directive.to_digit(10).unwrap_or(9) as usize;
                directive = chars.next()?;
            }
            self.directive(directive, width, out).ok()?;
        }
        Some(())
    }

    fn day_of_year(&self) -> u32 {
        const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let year = self.civil.year;
        let is_leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let before = BEFORE
            .get(self.civil.month as usize - 1)
            .copied()
            .unwrap_or(0);
        before + self.civil.day - 1 + u32::from(is_leap && self.civil.month > 2)
    }

    /// ISO 8601: the year and number of the week that has this year's Thursday.
    fn iso_week(&self) -> (u32, u32) {
        let weekday = (self.civil.weekday + 6) % 7;
        let thursday = self.day_of_year() as i32 + 3 - weekday as i32;
        let days_in = |year: u32| {
            let is_leap =
                year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
            365 + i32::from(is_leap)
        };
        let year = self.civil.year;
        if thursday < 0 {
            return (
                year - 1,
                ((thursday + days_in(year - 1)) / 7 + 1).unsigned_abs(),
            );
        }
        if thursday >= days_in(year) {
            return (year + 1, 1);
        }
        (year, (thursday / 7 + 1).unsigned_abs())
    }

    fn directive(&self, directive: char, width: usize, out: &mut impl Write) -> std::fmt::Result {
        let c = &self.civil;
        let hour12 = (c.hour + 11) % 12 + 1;
        let yday = self.day_of_year();
        let day = DAYS.get(c.weekday as usize).copied().unwrap_or("");
        let month = MONTHS.get(c.month as usize - 1).copied().unwrap_or("");
        match directive {
            'a' => out.write_str(&day[..3.min(day.len())]),
            'A' => out.write_str(day),
            'b' | 'h' => out.write_str(&month[..3.min(month.len())]),
            'B' => out.write_str(month),
            'c' => write!(
                out,
                "{} {} {:2} {:02}:{:02}:{:02} {}",
                &day[..3.min(day.len())],
                &month[..3.min(month.len())],
                c.day,
                c.hour,
                c.minute,
                c.second,
                c.year
            ),
            'C' => write!(out, "{:02}", c.year / 100),
            'd' => write!(out, "{:02}", c.day),
            'D' | 'x' => write!(out, "{:02}/{:02}/{:02}", c.month, c.day, c.year % 100),
            'e' => write!(out, "{:2}", c.day),
            'F' => write!(out, "{:04}-{:02}-{:02}", c.year, c.month, c.day),
            'g' => write!(out, "{:02}", self.iso_week().0 % 100),
            'G' => write!(out, "{:04}", self.iso_week().0),
            'H' => write!(out, "{:02}", c.hour),
            'I' => write!(out, "{hour12:02}"),
            'j' => write!(out, "{:03}", yday + 1),
            'k' => write!(out, "{:2}", c.hour),
            'l' => write!(out, "{hour12:2}"),
            'm' => write!(out, "{:02}", c.month),
            'M' => write!(out, "{:02}", c.minute),
            'n' => out.write_char('\n'),
            'N' if self.has_fraction => {
                let nanos = format!("{:09}", u64::from(self.at.subsec_micros()) * 1000);
                out.write_str(&nanos[..width.clamp(1, 9)])
            }
            'p' => out.write_str(if c.hour < 12 { "AM" } else { "PM" }),
            'P' => out.write_str(if c.hour < 12 { "am" } else { "pm" }),
            'r' => write!(
                out,
                "{hour12:02}:{:02}:{:02} {}",
                c.minute,
                c.second,
                if c.hour < 12 { "AM" } else { "PM" }
            ),
            'R' => write!(out, "{:02}:{:02}", c.hour, c.minute),
            's' => write!(out, "{}", self.at.secs()),
            'S' => write!(out, "{:02}", c.second),
            't' => out.write_char('\t'),
            'T' | 'X' => write!(out, "{:02}:{:02}:{:02}", c.hour, c.minute, c.second),
            'u' => write!(out, "{}", (c.weekday + 6) % 7 + 1),
            'U' => write!(out, "{:02}", (yday + 7 - c.weekday) / 7),
            'V' => write!(out, "{:02}", self.iso_week().1),
            'w' => write!(out, "{}", c.weekday),
            'W' => write!(out, "{:02}", (yday + 7 - (c.weekday + 6) % 7) / 7),
            'y' => write!(out, "{:02}", c.year % 100),
            'Y' => write!(out, "{}", c.year),
            'z' => {
                let minutes = self.zone.unsigned_abs() / 60;
                let sign = if self.zone < 0 { '-' } else { '+' };
                write!(out, "{sign}{:02}{:02}", minutes / 60, minutes % 60)
            }
            'Z' if self.is_utc || self.zone == 0 => {
                out.write_str(if self.is_utc { "GMT" } else { "UTC" })
            }
            // The world knows offsets, not names of zones.
            'Z' => self.directive('z', width, out),
            '%' => out.write_char('%'),
            other => write!(out, "%{other}"),
        }
    }
}

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
