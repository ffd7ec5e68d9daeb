use std::time::Duration;

use super::{eventually, poll_until};

#[test]
fn a_value_that_comes_later_is_returned() {
    let mut calls = 0;
    let found = poll_until(Duration::from_secs(5), || {
        calls += 1;
        (calls == 3).then_some(calls)
    });
    assert_eq!(found, Some(3));
}

#[test]
#[should_panic(expected = "did not happen within 20ms: the moon turns green")]
fn what_never_happens_fails_the_test_by_name() {
    eventually("the moon turns green", Duration::from_millis(20), || false);
}
