//! Text in a page: escaped, and the addresses of its links.
//!
//! It knows nothing of statistics.

use std::fmt::{self, Write};

use lbd_config::config::StatsSpec;

use crate::stats::ask::Ask;

/// Text that is no markup, whatever it holds; also between quotes.
pub(super) struct Escaped<'t>(pub(super) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The address of the page with what is asked for, and with more words.
pub(super) fn link(page: &StatsSpec, ask: &Ask, words: &[&str]) -> String {
    let mut address = String::from_utf8_lossy(&page.uri).into_owned();
    let filters = [
        (ask.only_up, "up"),
        (ask.no_maint, "no-maint"),
        (ask.no_refresh && page.refresh.is_some(), "norefresh"),
    ];
    let filters = filters.iter().filter(|(is_set, _)| *is_set);
    let filters = filters.map(|(_, word)| word);
    for word in words.iter().chain(filters) {
        // Writing to a string cannot fail.
        let _ = write!(address, ";{word}");
    }
    if !ask.scope.is_empty() {
        let _ = write!(address, ";scope={}", ask.scope);
    }
    address
}

/// Seconds as people read them, in two units at most.
pub(super) fn duration(seconds: u32) -> String {
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let first = units.iter().position(|(size, _)| seconds >= *size);
    let Some(first) = first else {
        return "0s".to_owned();
    };
    let mut text = String::new();
    let mut rest = seconds;
    for (size, letter) in units.iter().skip(first).take(2) {
        if rest / size > 0 {
            let _ = write!(text, "{}{letter}", rest / size);
        }
        rest %= size;
    }
    text
}
