//! `packaging/CHANGELOG.md`, and the changelogs of both formats from it.

use crate::control::{WIDTH, wrap};

use time::{Date, Month, OffsetDateTime};

/// Who stands behind each entry; there is no address that takes mail.
pub(crate) const MAINTAINER: &str = "lbd developers <packages@lbd.invalid>";

/// The changes of one version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) number: String,
    pub(crate) day: Date,
    pub(crate) changes: Vec<String>,
}

impl Version {
    /// Noon of its day, in seconds since 1970.
    pub(crate) fn seconds(&self) -> u32 {
        let noon: OffsetDateTime = self.day.midnight().assume_utc() + time::Duration::HOUR * 12;
        u32::try_from(noon.unix_timestamp()).unwrap_or(0)
    }
}

/// Reads `## VERSION (YEAR-MONTH-DAY)` headings with lists below.
pub(crate) fn parse(text: &str) -> Result<Vec<Version>, String> {
    let mut versions: Vec<Version> = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let (number, day) = heading
                .split_once(" (")
                .and_then(|(number, day)| Some((number, parse_day(day.strip_suffix(')')?)?)))
                .ok_or_else(|| format!("changelog: '{line}' is no heading of a version"))?;
            versions.push(Version {
                number: number.to_owned(),
                day,
                changes: Vec::new(),
            });
        } else if let Some(version) = versions.last_mut() {
            if let Some(change) = line.strip_prefix("- ") {
                version.changes.push(change.to_owned());
            } else if let (Some(last), false) = (version.changes.last_mut(), line.trim().is_empty())
            {
                last.push(' ');
                last.push_str(line.trim());
            }
        }
    }
    Ok(versions)
}

fn parse_day(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let year = parts.next()?.parse().ok()?;
    let month: u8 = parts.next()?.parse().ok()?;
    let day = parts.next()?.parse().ok()?;
    Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()
}

/// Debian's form.
pub(crate) fn debian(versions: &[Version], package: &str, release: u32) -> String {
    let mut text = String::new();
    for version in versions {
        text.push_str(&format!(
            "{package} ({}-{release}) stable; urgency=medium\n\n",
            version.number
        ));
        for change in &version.changes {
            let lines = wrap(change, WIDTH - 4).join("\n    ");
            text.push_str(&format!("  * {lines}\n"));
        }
        let (weekday, month) = (version.day.weekday(), version.day.month());
        text.push_str(&format!(
            "\n -- {MAINTAINER}  {:.3}, {:02} {:.3} {} 12:00:00 +0000\n\n",
            weekday.to_string(),
            version.day.day(),
            month.to_string(),
            version.day.year()
        ));
    }
    text
}

#[cfg(test)]
mod tests;
