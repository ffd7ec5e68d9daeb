use lbd_http::h2::{Config, PREFACE, Role};

use super::*;

/// Moments in milliseconds.
fn at(ms: u64) -> Time {
    Time::ZERO + Duration::from_millis(ms)
}

/// A greeted connection whose first words are sent.
fn machine() -> Connection {
    let mut machine = Connection::new(Config::new(Role::Server));
    let mut input = PREFACE.to_vec();
    input.extend_from_slice(b"\0\0\0\x04\0\0\0\0\0");
    machine.receive(&input, usize::MAX);
    machine.advance(usize::MAX);
    machine
}

fn answer(machine: &mut Connection) {
    let ping = machine.output().to_vec();
    assert_eq!(
        ping,
        b"\0\0\x08\x06\0\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07"
    );
    machine.advance(usize::MAX);
    let mut pong = ping;
    pong[4] = 1;
    machine.receive(&pong, usize::MAX);
}

#[test]
fn idle_peers_are_pinged_as_long_as_they_answer() {
    let mut probe = Probe::new(Some(Duration::from_millis(400)));
    let mut machine = machine();
    assert_eq!(probe.look(at(0), true, &mut machine), Ok(Some(at(400))));
    assert_eq!(probe.look(at(399), true, &mut machine), Ok(Some(at(400))));
    assert!(machine.output().is_empty());
    for n in 1..5 {
        let now = at(400 * n);
        let next = at(400 * (n + 1));
        assert_eq!(probe.look(now, true, &mut machine), Ok(Some(next)));
        answer(&mut machine);
        assert_eq!(probe.look(now, true, &mut machine), Ok(Some(next)));
        assert_eq!(probe.answered, Some(now));
    }
    assert_eq!(probe.look(at(2000), true, &mut machine), Ok(Some(at(2400))));
    assert_eq!(probe.look(at(2400), true, &mut machine), Err(Dead));
}

#[test]
fn streams_put_pings_off() {
    let mut probe = Probe::new(Some(Duration::from_millis(400)));
    let mut machine = machine();
    assert_eq!(probe.look(at(0), true, &mut machine), Ok(Some(at(400))));
    assert_eq!(probe.look(at(100), false, &mut machine), Ok(None));
    assert_eq!(probe.look(at(900), false, &mut machine), Ok(None));
    assert_eq!(probe.look(at(1000), true, &mut machine), Ok(Some(at(1400))));
    assert!(machine.output().is_empty());
}

#[test]
fn nothing_is_said_without_the_word_or_with_a_delay_of_zero() {
    for interval in [None, Some(Duration::ZERO)] {
        let mut probe = Probe::new(interval);
        let mut machine = machine();
        assert_eq!(probe.look(at(0), true, &mut machine), Ok(None));
        assert_eq!(probe.look(at(99_999), true, &mut machine), Ok(None));
        assert!(machine.output().is_empty());
    }
}
