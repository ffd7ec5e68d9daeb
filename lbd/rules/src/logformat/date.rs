//! Dates as log lines write them, from seconds since 1970 and an offset.
//!
//! It knows no time zones: the offset of the local time comes from the world.

use super::encode::Out;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Writes `26/Apr/2024:09:39:58` for the time `offset` seconds east of GMT.
pub(super) fn write_date(secs: u64, offset: i32, out: &mut impl Out) {
    let local = secs.saturating_add_signed(i64::from(offset));
    let (year, month, day) = civil((local / 86_400) as i64);
    let second = (local % 86_400) as u32;
    let mut text = *b"00/Jan/0000:00:00:00";
    put2(&mut text, 0, day);
    text[3..6].copy_from_slice(MONTHS[month as usize % 12]);
    put2(&mut text, 7, year / 100 % 100);
    put2(&mut text, 9, year % 100);
    put2(&mut text, 12, second / 3600);
    put2(&mut text, 15, second / 60 % 60);
    put2(&mut text, 18, second % 60);
    out.bytes(&text);
}

/// Writes `.mmm`.
pub(super) fn write_millis(micros: u32, out: &mut impl Out) {
    let millis = micros / 1000 % 1000;
    let digit = |n: u32| b'0' + (n % 10) as u8;
    out.bytes(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis)]);
}

/// Writes ` +hhmm`.
pub(super) fn write_offset(offset: i32, out: &mut impl Out) {
    let minutes = offset.unsigned_abs() / 60;
    let mut text = *b" +0000";
    if offset < 0 {
        text[1] = b'-';
    }
    put2(&mut text, 2, minutes / 60);
    put2(&mut text, 4, minutes % 60);
    out.bytes(&text);
}

fn put2(text: &mut [u8], at: usize, number: u32) {
    text[at] = b'0' + (number / 10 % 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

/// Year, month from 0 and day of the month for days since 1970-01-01, in the Gregorian calendar.
fn civil(days: i64) -> (u32, u32, u32) {
    // Days since 0000-03-01, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 2
    } else {
        march_month - 10
    };
    let year = year_of_era + era * 400 + i64::from(month < 2);
    let narrow = |number: i64| u32::try_from(number).unwrap_or_default();
    (narrow(year), narrow(month), narrow(day))
}
