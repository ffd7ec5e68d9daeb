use super::*;

fn tracker(effect: Effect, is_reversed: bool, status: Status) -> Tracker {
    Tracker::new(TrackSpec {
        name: "t".to_owned(),
        effect,
        is_reversed,
        delays: Delays::default(),
        initial: status,
    })
}

fn sum(base: u8, trackers: &[(Effect, bool, Status)]) -> Standing {
    let trackers: Vec<_> = trackers
        .iter()
        .map(|(e, r, s)| tracker(*e, *r, *s))
        .collect();
    standing(Priority(base), &trackers)
}

#[test]
fn weights_follow_keepalived() {
    use Status::{Down, Unknown, Up};
    let cases = [
        (10, false, Up, 110),
        (10, false, Down, 100),
        (-10, false, Up, 100),
        (-10, false, Down, 90),
        (10, true, Up, 90),
        (10, true, Down, 100),
        (-10, true, Up, 100),
        (-10, true, Down, 110),
        (10, false, Unknown, 100),
        (-10, false, Unknown, 100),
        (253, false, Up, 254),
        (-253, false, Down, 1),
    ];
    for (weight, reversed, status, expected) in cases {
        let standing = sum(100, &[(Effect::Weight(weight), reversed, status)]);
        assert_eq!(
            standing.priority,
            Priority(expected),
            "{weight} {reversed} {status:?}"
        );
        assert!(!standing.is_fault && standing.is_known);
    }
    let several = [
        (Effect::Weight(200), false, Up),
        (Effect::Weight(-150), false, Down),
    ];
    assert_eq!(sum(100, &several).priority, Priority(150));
}

#[test]
fn an_owners_priority_is_never_changed_but_it_can_have_a_fault() {
    let standing = sum(255, &[(Effect::Weight(-10), false, Status::Down)]);
    assert_eq!(standing.priority, Priority::OWNER);
    assert!(sum(255, &[(Effect::Fault, false, Status::Down)]).is_fault);
}

#[test]
fn a_weight_of_zero_is_a_fault() {
    assert!(sum(100, &[(Effect::Fault, false, Status::Down)]).is_fault);
    assert!(!sum(100, &[(Effect::Fault, false, Status::Up)]).is_fault);
    assert!(sum(100, &[(Effect::Fault, true, Status::Up)]).is_fault);
    assert!(!sum(100, &[(Effect::Fault, true, Status::Down)]).is_fault);
    let unknown = sum(100, &[(Effect::Fault, false, Status::Unknown)]);
    assert!(!unknown.is_fault && !unknown.is_known);
}

#[test]
fn a_files_value_is_a_weight_and_far_below_zero_a_fault() {
    let file = |weight, reversed, value| {
        sum(
            100,
            &[(Effect::Weight(weight), reversed, Status::Value(value))],
        )
    };
    assert_eq!(file(1, false, 20).priority, Priority(120));
    assert_eq!(file(2, false, -20).priority, Priority(60));
    assert_eq!(file(1, true, 20).priority, Priority(80));
    assert_eq!(file(1, false, i32::MAX).priority, Priority(254));
    assert!(!file(1, false, -253).is_fault);
    assert!(file(1, false, -254).is_fault);
    assert!(file(1, true, 254).is_fault);
    let zero =
        |reversed, value| sum(100, &[(Effect::Fault, reversed, Status::Value(value))]).is_fault;
    assert!(zero(false, 1));
    assert!(!zero(false, 0));
    assert!(zero(true, 0));
}

#[test]
fn yielding_leaves_the_lowest_priority() {
    let standing = sum(200, &[(Effect::Yield, false, Status::Down)]);
    assert!(standing.is_yielding && !standing.is_fault);
    assert_eq!(standing.priority, Priority::LOWEST);
}

#[test]
fn a_change_counts_after_its_delay_unless_it_is_taken_back() {
    let mut tracker = tracker(Effect::Fault, false, Status::Up);
    tracker.spec.delays = Delays {
        up: Duration::from_secs(2),
        down: Duration::from_secs(1),
    };
    let at = Time::from_millis;
    tracker.report(at(0), Status::Down);
    assert_eq!(
        (tracker.status, tracker.deadline()),
        (Status::Up, Some(at(1000)))
    );
    tracker.report(at(500), Status::Up);
    assert_eq!(tracker.deadline(), None);
    tracker.report(at(600), Status::Down);
    tracker.tick(at(1599));
    assert_eq!(tracker.status, Status::Up);
    tracker.tick(at(1600));
    assert_eq!(tracker.status, Status::Down);
    tracker.report(at(1700), Status::Up);
    assert_eq!(tracker.deadline(), Some(at(3700)));
}

#[test]
fn scripts_need_their_rise_and_fall_but_not_for_the_first_result() {
    let mut runs = Runs::new(2, 3, false);
    assert_eq!(runs.status(), Status::Unknown);
    assert_eq!(runs.result(true), Some(Status::Up));
    assert_eq!(runs.result(false), None);
    assert_eq!(runs.result(false), None);
    assert_eq!(runs.result(true), None);
    assert_eq!(runs.result(false), None);
    assert_eq!(runs.result(false), None);
    assert_eq!(runs.result(false), Some(Status::Down));
    assert_eq!(runs.result(true), None);
    assert_eq!(runs.result(true), Some(Status::Up));
    let mut failed = Runs::new(2, 1, true);
    assert_eq!(failed.result(true), None);
    assert_eq!(failed.result(true), Some(Status::Up));
}
