//! The page's own parts.

use super::cells;
use super::text::{Escaped, duration};

#[test]
fn every_cell_names_columns_that_exist() {
    assert_eq!(cells::unknown_columns(), Vec::<&str>::new());
}

#[test]
fn nothing_that_is_shown_can_be_markup() {
    let text = format!("{}", Escaped("<a href=\"x\" id='y'>&"));
    assert_eq!(text, "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
}

#[test]
fn times_have_two_units_at_most() {
    let cases = [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3_725, "1h2m"),
        (86_400, "1d"),
        (90_061, "1d1h"),
    ];
    for (seconds, text) in cases {
        assert_eq!(duration(seconds), text);
    }
}
