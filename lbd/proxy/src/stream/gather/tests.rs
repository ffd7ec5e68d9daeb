use lbd_core::Time;

use super::{Gather, PIECE};

const MS: u64 = 1_000_000;

fn at(ms: u64) -> Time {
    Time(ms * MS)
}

/// A stream of `rate` bytes in a millisecond, for `ms` of them.
fn run(gather: &mut Gather, from: u64, ms: u64, rate: u64) -> Vec<(u64, u32)> {
    let turns = from..from + ms;
    let marks = turns.filter_map(|ms| Some((ms, gather.turn(at(ms), rate, false)?)));
    marks.collect()
}

#[test]
fn a_fast_stream_is_woken_for_large_pieces() {
    let mut gather = Gather::default();
    assert_eq!(run(&mut gather, 1, 20, 400_000), [(3, PIECE)]);
}

#[test]
fn a_slow_stream_is_woken_for_every_byte() {
    let mut gather = Gather::default();
    assert_eq!(run(&mut gather, 1, 1000, 100_000), []);
    assert_eq!(gather.until(), None);
}

#[test]
fn a_pause_ends_it_and_speed_begins_it_again() {
    let mut gather = Gather::default();
    run(&mut gather, 1, 10, 400_000);
    assert_eq!(gather.until(), Some(at(12)));
    assert_eq!(gather.turn(at(11), 0, false), None);
    assert_eq!(gather.turn(at(12), 0, false), Some(1));
    assert_eq!(gather.until(), None);
    assert_eq!(run(&mut gather, 20, 5, 400_000), [(22, PIECE)]);
}

#[test]
fn the_last_bytes_of_a_known_length_do_not_wait() {
    let mut gather = Gather::default();
    run(&mut gather, 1, 10, 400_000);
    assert_eq!(gather.turn(at(11), 400_000, true), Some(1));
    assert_eq!(gather.turn(at(11), 9_000_000, true), None);
}
