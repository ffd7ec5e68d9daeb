use proptest::prelude::*;

use super::*;

fn ms(text: &str) -> Result<u64, TimeError> {
    parse_time(text, TimeUnit::Millisecond)
        .map(|time| u64::try_from(time.value.as_millis()).unwrap())
}

#[test]
fn times_are_rounded_up_to_the_unit_asked_for() {
    for (text, expected) in [
        ("0", 0),
        ("0us", 0),
        ("1", 1),
        ("1us", 1),
        ("1500us", 2),
        ("1ms", 1),
        ("1s", 1000),
        ("1m", 60_000),
        ("1h", 3_600_000),
        ("24d", 2_073_600_000),
        ("2147483647", 2_147_483_647),
    ] {
        assert_eq!(ms(text), Ok(expected), "{text}");
    }
    for (text, unit, seconds) in [
        ("5", TimeUnit::Second, 5),
        ("5", TimeUnit::Day, 432_000),
        ("1ms", TimeUnit::Second, 1),
        ("90s", TimeUnit::Minute, 120),
    ] {
        let time = parse_time(text, unit).unwrap();
        assert_eq!(time.value, Duration::from_secs(seconds), "{text}");
    }
}

#[test]
fn time_faults_are_told_in_the_words_of_the_reference() {
    for (text, message) in [
        (
            "25d",
            "timer overflow in argument '25d' to 'timeout connect' (maximum value is 2147483647 \
             ms or ~24.8 days)",
        ),
        ("1.5s", "unexpected character '.' in 'timeout connect'"),
        ("s", "unexpected character 's' in 'timeout connect'"),
        ("1x", "unexpected character 'x' in 'timeout connect'"),
        ("1u", "unexpected character 'u' in 'timeout connect'"),
        ("1S", "unexpected character 'S' in 'timeout connect'"),
        ("-1", "unexpected character '-' in 'timeout connect'"),
        (
            "",
            "'timeout connect' expects an integer value (in milliseconds)",
        ),
    ] {
        let error = ms(text).unwrap_err();
        assert_eq!(error.message(text, "timeout connect"), message);
    }
    for text in ["2147483648", "99999999999999999999", "18446744073709551617"] {
        assert_eq!(
            ms(text),
            Err(TimeError::Overflow(TimeUnit::Millisecond)),
            "{text}"
        );
    }
}

#[test]
fn a_longer_unit_is_accepted_and_marked() {
    let time = parse_time("5min", TimeUnit::Millisecond).unwrap();
    assert_eq!(
        (time.value, time.trailing),
        (Duration::from_secs(300), Some('i'))
    );
    assert!(parse_time("5", TimeUnit::Millisecond).unwrap().bare);
}

#[test]
fn sizes_are_those_of_the_reference() {
    let size = |text: &str| parse_size(text, u64::from(u32::MAX));
    for (text, expected) in [
        ("16384", 16_384),
        ("16k", 16_384),
        ("16K", 16_384),
        ("1m", 1 << 20),
        ("3G", 3 << 30),
        ("0", 0),
    ] {
        assert_eq!(size(text), Ok(expected), "{text}");
    }
    for (text, rest) in [
        ("1x", "x"),
        ("1kb", "b"),
        ("-1", "-1"),
        ("1.5k", ".5k"),
        ("4g", "g"),
        ("4294967296", "6"),
        ("99999999999999999999", "99999999999"),
        ("", ""),
    ] {
        assert_eq!(size(text), Err(SizeError(rest.into())), "{text}");
    }
    assert_eq!(
        size("1x").unwrap_err().message("tune.bufsize"),
        "unexpected 'x' after size passed to 'tune.bufsize'"
    );
}

#[test]
fn integers_ranges_percentages_and_modes_have_bounds() {
    assert_eq!(parse_int("5", 1..=10), Ok(5));
    assert_eq!(parse_int("-5", -10..=10), Ok(-5));
    for text in ["0", "11", "x", "", "1x", "99999999999999999999"] {
        assert!(parse_int(text, 1..=10).is_err(), "{text}");
    }
    assert_eq!(parse_range("2-4", 1..=10), Ok((2, 4)));
    assert_eq!(parse_range("3", 1..=10), Ok((3, 3)));
    assert!(parse_range("4-2", 1..=10).is_err());
    assert!(parse_range("2-11", 1..=10).is_err());
    assert_eq!(parse_percent("50%"), Ok(50));
    assert_eq!(parse_percent("100"), Ok(100));
    assert!(parse_percent("101").is_err() && parse_percent("%").is_err());
    assert_eq!(parse_mode("600"), Ok(0o600));
    for text in ["888", "abc", "", "+7", "17777"] {
        assert!(parse_mode(text).is_err(), "{text}");
    }
}

#[test]
fn sets_of_numbers_are_those_of_the_reference() {
    for (text, expected) in [
        ("1", 1),
        ("2-4", 0b1110),
        ("4-2", 0b1110),
        ("7-", 0b1100_0000),
        ("all", 0xff),
        ("odd", 0x55),
        ("even", 0xaa),
    ] {
        assert_eq!(numbers(text, 8), Ok(expected), "{text}");
    }
    for (text, message) in [
        (
            "",
            "'' is not a valid number/range. It supports numbers from 1 to 8.",
        ),
        (
            "0",
            "'0' is not a valid number/range. It supports numbers from 1 to 8.",
        ),
        (
            "9",
            "'9' is not a valid number/range. It supports numbers from 1 to 8.",
        ),
        ("a", "'a' is not a valid number/range."),
        ("1-a", "'1-a' is not a valid number/range."),
        ("1-2-3", "'1-2-3' is not a valid number/range."),
    ] {
        assert_eq!(numbers(text, 8), Err(message.into()));
    }
    assert_eq!(numbers("all", 64), Ok(u64::MAX));
    assert_eq!(cpu_map_sets("auto:1/1-4"), Ok((true, 1, 0xf)));
    assert_eq!(cpu_map_sets("1-2"), Ok((false, 3, u64::MAX)));
    assert!(cpu_map_sets("1/65").is_err());
    let sets = thread_sets("2/1-3,4/all,5", 64).unwrap();
    assert_eq!(
        (
            sets[0].group,
            sets[0].threads,
            sets[1].threads,
            sets[2].group
        ),
        (Some(2), 0b111, u64::MAX, None)
    );
    assert!(sets[0].contains(3) && !sets[0].contains(4) && !sets[0].contains(0));
    assert!(thread_sets("0/1", 64).is_err() && thread_sets("65/1", 64).is_err());
}

#[test]
fn cpu_lists_are_those_of_the_reference() {
    let list = |text: &str| cpus(text).map(|set| set.into_iter().collect::<Vec<_>>());
    assert_eq!(list("0"), Ok(vec![0]));
    assert_eq!(list("0,2-3"), Ok(vec![0, 2, 3]));
    assert_eq!(list("3-1"), Ok(vec![1, 2, 3]));
    assert_eq!(list("1022-"), Ok(vec![1022, 1023]));
    assert_eq!(list("a"), Err("'a' is not a CPU range.".into()));
    assert_eq!(list("-"), Err("'-' is not a CPU range.".into()));
    assert_eq!(
        list("9999"),
        Err("supports CPU numbers from 0 to 1023.".into())
    );
}

proptest! {
    #[test]
    fn no_word_makes_it_panic(text in "\\PC{0,30}", short in "[0-9a-z/,%:-]{0,12}") {
        for text in [&text, &short] {
            for unit in [TimeUnit::Microsecond, TimeUnit::Millisecond, TimeUnit::Day] {
                if let Err(error) = parse_time(text, unit) {
                    error.message(text, "x");
                }
            }
            let _ = parse_size(text, u64::MAX);
            let _ = parse_range(text, i64::MIN..=i64::MAX);
            let _ = (parse_percent(text), parse_mode(text), numbers(text, 64));
            let _ = (thread_sets(text, 64), cpu_map_sets(text), cpus(text));
        }
    }
}
