#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
use super::*;

#[test]
fn names_and_bits_lead_to_their_types() {
    for (bit, data) in DataType::ALL.into_iter().enumerate() {
        assert_eq!(DataType::named(data.name()), Some(data));
        assert_eq!(DataType::of_bit(bit as u32), Some(data));
        assert_eq!(data.bit() as usize, bit);
        assert_eq!(data.has_period(), data.name().ends_with("_rate"));
    }
    assert_eq!(DataType::of_bit(27), None);
    assert_eq!(DataType::ServerKey.bit(), 19);
    assert_eq!(DataType::GlitchRate.bit(), 26);
}

#[test]
fn only_arrays_take_an_index() {
    assert_eq!(DataType::parse("gpc[2]"), Some((DataType::Gpc, 2)));
    assert_eq!(
        DataType::parse("gpc_rate[99]"),
        Some((DataType::GpcRate, 99))
    );
    assert_eq!(DataType::parse("gpt"), Some((DataType::Gpt, 0)));
    assert_eq!(DataType::parse("gpc0"), Some((DataType::Gpc0, 0)));
    for bad in [
        "gpc0[1]",
        "gpc[]",
        "gpc[-1]",
        "gpc[1",
        "gpc[4294967296]",
        "",
        "x",
    ] {
        assert_eq!(DataType::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_rate_two_periods_old_is_stored_as_none() {
    let now = Ticks(100_000);
    let rate = |elapsed_ms| Rate {
        elapsed_ms,
        current: 5,
        previous: 7,
    };
    assert_eq!(rate(2000).counter(now, 1000).current, 5);
    assert_eq!(rate(2001).counter(now, 1000), FreqCounter::default());
    assert_eq!(
        rate(4_294_948_688).counter(now, 1000),
        FreqCounter::default()
    );
    assert_eq!(rate(300).counter(now, 1000).start, Ticks(99_700));
}

#[test]
fn a_rate_that_travels_reads_the_same_there() {
    let mut counter = FreqCounter::default();
    counter.add(Ticks(10_000), 1000, 50);
    counter.add(Ticks(11_200), 1000, 20);
    let there = Rate::of(&counter, Ticks(11_400)).counter(Ticks(77_000), 1000);
    assert_eq!(
        there.read(Ticks(77_000), 1000),
        counter.read(Ticks(11_400), 1000)
    );
}

#[test]
fn a_rate_that_began_in_the_near_future_of_its_sender_begins_now() {
    let rate = Rate {
        elapsed_ms: u32::MAX,
        current: 3,
        previous: 0,
    };
    let counter = rate.counter(Ticks(10_000), 5000);
    assert_eq!(counter.read(Ticks(10_000), 5000), 3);
}
