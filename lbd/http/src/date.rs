//! Dates as HTTP, logs and cookies write them, from a wall clock that the caller read.
//!
//! It knows no time zones: the offset from UTC is the caller's. Nothing here allocates.

use lbd_core::WallTime;
use lbd_core::bits::{count32, held32, low8};

const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
const DAYS: &[u8; 21] = b"SunMonTueWedThuFriSat";

/// A date and time of the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year, 1970 to 9999.
    pub year: u32,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Second, 0 to 59.
    pub second: u32,
    /// Day of the week, 0 is Sunday.
    pub weekday: u32,
}

/// The last second that has a four-digit year.
const LAST_SECOND: u64 = 253_402_300_799;

impl Civil {
    /// The calendar's view of a time, `offset` seconds east of UTC; clamped to 1970 to 9999.
    pub fn of(at: WallTime, offset: i32) -> Self {
        let local = at
            .secs()
            .saturating_add_signed(i64::from(offset))
            .min(LAST_SECOND);
        let (days, secs) = (local / 86_400, (local % 86_400) as u32);
        // Days since 0000-03-01, so that the leap day is a year's last (Hinnant, civil_from_days).
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let of_era = shifted % 146_097;
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month_shifted + 2) / 5 + 1;
        let month = if month_shifted < 10 {
            month_shifted + 3
        } else {
            month_shifted - 9
        };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Self {
            // Years of 64 bits of microseconds end with the year 586,524.
            year: held32(year),
            month: held32(month),
            day: held32(day),
            hour: secs / 3_600,
            minute: secs / 60 % 60,
            second: secs % 60,
            weekday: ((days + 4) % 7) as u32,
        }
    }

    /// Seconds since the epoch, taken as UTC; `None` when no such date exists.
    fn to_secs(self) -> Option<u64> {
        let leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let last = match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        // A leap second is accepted and counts as the next minute's first (RFC 9110 5.6.7).
        if self.day == 0
            || self.day > last
            || self.hour > 23
            || self.minute > 59
            || self.second > 60
        {
            return None;
        }
        let year = u64::from(self.year) - u64::from(self.month <= 2);
        let (era, of_era) = (year / 400, year % 400);
        let month = u64::from(if self.month > 2 {
            self.month - 3
        } else {
            self.month + 9
        });
        let of_year = (153 * month + 2) / 5 + u64::from(self.day) - 1;
        let days = (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year)
            .checked_sub(719_468)?;
        let clock = self.hour * 3_600 + self.minute * 60 + self.second;
        Some(days * 86_400 + u64::from(clock))
    }

    fn month_name(&self) -> &'static [u8] {
        name(MONTHS, self.month.saturating_sub(1))
    }

    fn day_name(&self) -> &'static [u8] {
        name(DAYS, self.weekday)
    }
}

fn name(names: &'static [u8], index: u32) -> &'static [u8] {
    let at = index as usize * 3;
    names.get(at..at + 3).unwrap_or(b"???")
}

fn push2(out: &mut Vec<u8>, number: u32) {
    out.push(b'0' + (number / 10 % 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

fn push4(out: &mut Vec<u8>, number: u32) {
    push2(out, number / 100);
    push2(out, number % 100);
}

fn push_clock(out: &mut Vec<u8>, civil: &Civil) {
    push2(out, civil.hour);
    out.push(b':');
    push2(out, civil.minute);
    out.push(b':');
    push2(out, civil.second);
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7): `date`, `expires`, `last-modified`.
pub fn push_http_date(out: &mut Vec<u8>, at: WallTime) {
    push_gmt(out, &Civil::of(at, 0), b' ');
}

/// `Sun, 06-Nov-1994 08:49:37 GMT`, the form that the reference writes into cookies.
pub fn push_cookie_date(out: &mut Vec<u8>, at: WallTime) {
    push_gmt(out, &Civil::of(at, 0), b'-');
}

fn push_gmt(out: &mut Vec<u8>, civil: &Civil, separator: u8) {
    out.extend_from_slice(civil.day_name());
    out.extend_from_slice(b", ");
    push2(out, civil.day);
    out.push(separator);
    out.extend_from_slice(civil.month_name());
    out.push(separator);
    push4(out, civil.year);
    out.push(b' ');
    push_clock(out, civil);
    out.extend_from_slice(b" GMT");
}

fn push_log_second(out: &mut Vec<u8>, civil: &Civil) {
    push2(out, civil.day);
    out.push(b'/');
    out.extend_from_slice(civil.month_name());
    out.push(b'/');
    push4(out, civil.year);
    out.push(b':');
    push_clock(out, civil);
}

fn push_millis(out: &mut Vec<u8>, at: WallTime) {
    let millis = at.subsec_micros() / 1_000;
    out.push(b'.');
    out.push(b'0' + (millis / 100 % 10) as u8);
    push2(out, millis % 100);
}

/// `06/Nov/1994:08:49:37.123`, local to `offset` (`%t`, `%tr`).
pub fn push_log_date(out: &mut Vec<u8>, at: WallTime, offset: i32) {
    push_log_second(out, &Civil::of(at, offset));
    push_millis(out, at);
}

/// `06/Nov/1994:08:49:37 +0200` (`%Tl`, `%trl`; with offset 0 `%T`, `%trg`).
pub fn push_clf_date(out: &mut Vec<u8>, at: WallTime, offset: i32) {
    push_log_second(out, &Civil::of(at, offset));
    out.push(b' ');
    push_zone(out, offset, false);
}

/// `+0200`, or `+02:00` with `colon`.
pub fn push_zone(out: &mut Vec<u8>, offset: i32, colon: bool) {
    let minutes = offset.unsigned_abs() / 60;
    out.push(if offset < 0 { b'-' } else { b'+' });
    push2(out, minutes / 60 % 100);
    if colon {
        out.push(b':');
    }
    push2(out, minutes % 60);
}

/// `Nov  6 08:49:37`, the date of a syslog line (RFC 3164 4.1.2).
pub fn push_syslog_date(out: &mut Vec<u8>, at: WallTime, offset: i32) {
    let civil = Civil::of(at, offset);
    out.extend_from_slice(civil.month_name());
    out.push(b' ');
    out.push(if civil.day < 10 {
        b' '
    } else {
        b'0' + low8(u64::from(civil.day / 10))
    });
    out.push(b'0' + low8(u64::from(civil.day % 10)));
    out.push(b' ');
    push_clock(out, &civil);
}

/// `1994-11-06T08:49:37.123456+02:00` (RFC 5424 6.2.3); without `micros` to the second.
pub fn push_iso_date(out: &mut Vec<u8>, at: WallTime, offset: i32, micros: bool) {
    let civil = Civil::of(at, offset);
    push4(out, civil.year);
    out.push(b'-');
    push2(out, civil.month);
    out.push(b'-');
    push2(out, civil.day);
    out.push(b'T');
    push_clock(out, &civil);
    if micros {
        let micros = at.subsec_micros();
        out.push(b'.');
        push2(out, micros / 10_000);
        push4(out, micros % 10_000);
    }
    push_zone(out, offset, true);
}

/// Reads any of the three forms of an HTTP date; seconds since the epoch.
///
/// `None` for anything else, and for dates before 1970.
pub fn parse_http_date(text: &[u8]) -> Option<u64> {
    let text = crate::header::trim(text);
    match memchr::memchr(b',', text) {
        Some(3) => parse_fixdate(&text[4..]),
        Some(comma) => parse_rfc850(&text[comma + 1..]),
        None => parse_asctime(text),
    }
}

/// ` 06 Nov 1994 08:49:37 GMT`
fn parse_fixdate(rest: &[u8]) -> Option<u64> {
    let [
        b' ',
        d1,
        d2,
        b' ',
        month @ ..,
        y1,
        y2,
        y3,
        y4,
        b' ',
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        b' ',
        b'G',
        b'M',
        b'T',
    ] = rest
    else {
        return None;
    };
    let month = month.strip_suffix(b" ")?;
    let clock = &rest[rest.len() - 12..rest.len() - 4];
    date(
        number(&[*y1, *y2, *y3, *y4])?,
        month,
        number(&[*d1, *d2])?,
        clock,
    )
}

/// ` 06-Nov-94 08:49:37 GMT`
fn parse_rfc850(rest: &[u8]) -> Option<u64> {
    let [
        b' ',
        d1,
        d2,
        b'-',
        m1,
        m2,
        m3,
        b'-',
        y1,
        y2,
        b' ',
        clock @ ..,
    ] = rest
    else {
        return None;
    };
    let clock = clock.strip_suffix(b" GMT")?;
    // Two digits: the century that the protocol has existed in.
    let year = number(&[*y1, *y2])?;
    let year = if year < 70 {
        year + 2_000
    } else {
        year + 1_900
    };
    date(year, &[*m1, *m2, *m3], number(&[*d1, *d2])?, clock)
}

/// `Sun Nov  6 08:49:37 1994`
fn parse_asctime(text: &[u8]) -> Option<u64> {
    let [_, _, _, b' ', m1, m2, m3, b' ', d1, d2, b' ', rest @ ..] = text else {
        return None;
    };
    let (clock, year) = rest.split_at_checked(8)?;
    let day = if *d1 == b' ' {
        number(&[*d2])?
    } else {
        number(&[*d1, *d2])?
    };
    date(
        number(year.strip_prefix(b" ").filter(|year| year.len() == 4)?)?,
        &[*m1, *m2, *m3],
        day,
        clock,
    )
}

fn date(year: u32, month: &[u8], day: u32, clock: &[u8]) -> Option<u64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = clock else {
        return None;
    };
    let month = MONTHS.chunks_exact(3).position(|name| name == month)?;
    let month = count32(month) + 1;
    Civil {
        year,
        month,
        day,
        hour: number(&[*h1, *h2])?,
        minute: number(&[*m1, *m2])?,
        second: number(&[*s1, *s2])?,
        weekday: 0,
    }
    .to_secs()
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u32::from(byte - b'0'))
    })
}

/// Keeps the text of the current second: a busy worker writes the same one thousands of times.
#[derive(Debug, Clone, Default)]
pub struct DateCache {
    log: Cached,
    http: Cached,
}

#[derive(Debug, Clone, Default)]
struct Cached {
    /// The second and offset that `text` shows.
    key: Option<(u64, i32)>,
    text: Vec<u8>,
}

impl Cached {
    fn text(&mut self, at: WallTime, offset: i32, make: fn(&mut Vec<u8>, &Civil)) -> &[u8] {
        let key = Some((at.secs(), offset));
        if self.key != key {
            self.text.clear();
            make(&mut self.text, &Civil::of(at, offset));
            self.key = key;
        }
        &self.text
    }
}

impl DateCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`push_log_date`].
    pub fn push_log_date(&mut self, out: &mut Vec<u8>, at: WallTime, offset: i32) {
        out.extend_from_slice(self.log.text(at, offset, push_log_second));
        push_millis(out, at);
    }

    /// As [`push_http_date`].
    pub fn push_http_date(&mut self, out: &mut Vec<u8>, at: WallTime) {
        out.extend_from_slice(
            self.http
                .text(at, 0, |out, civil| push_gmt(out, civil, b' ')),
        );
    }
}

#[cfg(test)]
mod tests;
