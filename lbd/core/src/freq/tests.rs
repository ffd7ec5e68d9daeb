use super::*;

#[test]
fn a_full_period_later_the_previous_one_fades_linearly() {
    let mut counter = FreqCounter::default();
    counter.add(Ticks(0), 1000, 100);
    assert_eq!(counter.read(Ticks(500), 1000), 100);
    assert_eq!(counter.read(Ticks(1000), 1000), 100);
    assert_eq!(counter.read(Ticks(1250), 1000), 75);
    assert_eq!(counter.read(Ticks(1999), 1000), 0);
    assert_eq!(counter.read(Ticks(5000), 1000), 0);
}

#[test]
fn readings_survive_the_wrap_of_the_clock() {
    let mut counter = FreqCounter::default();
    counter.add(Ticks(u32::MAX - 10), 1000, 1);
    counter.add(Ticks(20), 1000, 1);
    assert_eq!(counter.read(Ticks(30), 1000), 2);
}

#[test]
fn a_lone_event_counts_in_full_until_two_periods_are_over() {
    let mut counter = FreqCounter::default();
    counter.add(Ticks(5000), 1000, 1);
    assert_eq!(counter.read(Ticks(5999), 1000), 1);
    assert_eq!(counter.read(Ticks(6500), 1000), 1);
    assert_eq!(counter.read(Ticks(7000), 1000), 1);
    assert_eq!(counter.read(Ticks(7001), 1000), 0);
}

#[test]
fn a_first_event_starts_its_period_when_it_comes() {
    let mut counter = FreqCounter::default();
    counter.add(Ticks(901), 1000, 10);
    assert_eq!(counter.start, Ticks(900));
    assert_eq!(counter.read(Ticks(1901), 1000), 9);
}

#[test]
fn a_thread_whose_clock_lags_loses_no_event_of_another() {
    let mut counter = FreqCounter::default();
    counter.add(Ticks(10_004), 10_000, 3);
    // Two milliseconds before the period began.
    assert_eq!(counter.read(Ticks(10_002), 10_000), 3);
    counter.add(Ticks(10_002), 10_000, 2);
    assert_eq!(counter.read(Ticks(10_004), 10_000), 5);
}
