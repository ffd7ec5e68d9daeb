use super::*;

#[test]
fn time_down_is_summed_over_all_times_down() {
    let at = |seconds: u64| Time::from_millis(seconds * 1000);
    let history = Availability::new(true, at(0));
    history.note(false, at(10));
    history.note(false, at(12));
    assert_eq!(history.downtime(at(15)), 5);
    history.note(true, at(20));
    history.note(false, at(30));
    assert_eq!((history.downs(), history.downtime(at(33))), (2, 13));
    assert_eq!(history.seconds_since_change(at(33)), 3);
}
