use proptest::prelude::*;

use super::*;

fn text(make: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    make(&mut out);
    String::from_utf8(out).unwrap()
}

const AT: WallTime = WallTime(784_111_777_123_456);

#[test]
fn one_moment_is_written_in_every_form() {
    assert_eq!(
        text(|out| push_http_date(out, AT)),
        "Sun, 06 Nov 1994 08:49:37 GMT"
    );
    assert_eq!(
        text(|out| push_cookie_date(out, AT)),
        "Sun, 06-Nov-1994 08:49:37 GMT"
    );
    assert_eq!(
        text(|out| push_log_date(out, AT, 0)),
        "06/Nov/1994:08:49:37.123"
    );
    assert_eq!(
        text(|out| push_log_date(out, AT, 7_200)),
        "06/Nov/1994:10:49:37.123"
    );
    assert_eq!(
        text(|out| push_clf_date(out, AT, 0)),
        "06/Nov/1994:08:49:37 +0000"
    );
    assert_eq!(
        text(|out| push_clf_date(out, AT, -12_600)),
        "06/Nov/1994:05:19:37 -0330"
    );
    assert_eq!(text(|out| push_syslog_date(out, AT, 0)), "Nov  6 08:49:37");
    assert_eq!(
        text(|out| push_iso_date(out, AT, 7_200, true)),
        "1994-11-06T10:49:37.123456+02:00"
    );
    assert_eq!(
        text(|out| push_iso_date(out, AT, 0, false)),
        "1994-11-06T08:49:37+00:00"
    );
}

#[test]
fn the_three_forms_of_http_dates_are_read() {
    for form in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 GMT ",
    ] {
        assert_eq!(
            parse_http_date(form.as_bytes()),
            Some(784_111_777),
            "{form}"
        );
    }
    for bad in [
        "",
        "Sun",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Xxx 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun Nov  6 08:49:37 199",
        "Sun, 06 Nov 1994 0849:37 GMT",
    ] {
        assert_eq!(parse_http_date(bad.as_bytes()), None, "{bad}");
    }
    assert!(parse_http_date(b"Thu, 29 Feb 2024 00:00:00 GMT").is_some());
    assert!(parse_http_date(b"Thu, 29 Feb 2100 00:00:00 GMT").is_none());
}

#[test]
fn the_cache_writes_the_same_and_notices_a_new_second_and_offset() {
    let mut cache = DateCache::new();
    for (micros, offset) in [
        (0, 0),
        (999_999, 0),
        (1_000_000, 0),
        (1_000_000, 3_600),
        (5, 0),
    ] {
        let at = WallTime(AT.0 + micros);
        assert_eq!(
            text(|out| cache.push_log_date(out, at, offset)),
            text(|out| push_log_date(out, at, offset))
        );
        assert_eq!(
            text(|out| cache.push_http_date(out, at)),
            text(|out| push_http_date(out, at))
        );
    }
}

#[test]
fn no_time_and_offset_writes_more_than_four_digits_of_a_year() {
    for (at, offset) in [
        (0, -50_000),
        (u64::MAX, i32::MAX),
        (253_402_300_799_999_999, 1),
    ] {
        assert_eq!(text(|out| push_http_date(out, WallTime(at))).len(), 29);
        assert_eq!(
            text(|out| push_log_date(out, WallTime(at), offset)).len(),
            24
        );
    }
}

proptest! {
    #[test]
    fn a_written_date_is_read_back(secs in 0_u64..253_402_300_800) {
        let written = text(|out| push_http_date(out, WallTime(secs * 1_000_000)));
        prop_assert_eq!(parse_http_date(written.as_bytes()), Some(secs));
    }

    #[test]
    fn any_text_is_read_without_panic(text in "[A-Za-z0-9:, -]{0,40}") {
        let _ = parse_http_date(text.as_bytes());
    }
}
