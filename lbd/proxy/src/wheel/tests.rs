use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn advance(wheel: &mut Wheel, now: u64) -> Vec<u32> {
    let mut given = Vec::new();
    wheel.advance(now, |id| given.push(id));
    given.sort_unstable();
    given
}

#[test]
fn a_timer_is_given_out_once_and_not_before_its_time() {
    let mut wheel = Wheel::default();
    wheel.set(3, 5_000);
    assert_eq!(wheel.due(3), Some(5_000));
    assert_eq!(advance(&mut wheel, 4_999), [0u32; 0]);
    assert_eq!(advance(&mut wheel, 5_000), [3]);
    assert_eq!(wheel.due(3), None);
    assert_eq!(advance(&mut wheel, 50_000), [0u32; 0]);
    assert_eq!(wheel.next(), None);
}

#[test]
fn what_has_passed_is_due_at_once_and_what_is_too_far_comes_early() {
    let mut wheel = Wheel::default();
    advance(&mut wheel, 1_000_003);
    wheel.set(0, 7);
    assert_eq!(wheel.next(), Some(1_000_004));
    wheel.set(1, u64::MAX - 1);
    assert_eq!(advance(&mut wheel, 1_000_004), [0]);
    assert!(wheel.due(1).is_some_and(|at| at <= 1_000_004 + HORIZON));
}

/// What a step of the model does.
#[derive(Debug, Clone)]
enum Step {
    Set(u32, u64),
    Clear(u32),
    Advance(u64),
    Next,
}

fn step() -> impl Strategy<Value = Step> {
    // Distances of every size, so that all levels are used.
    let distance = (0u32..31, any::<u64>()).prop_map(|(bits, n)| n % (1u64 << bits));
    prop_oneof![
        4 => (0u32..20, distance.clone()).prop_map(|(id, n)| Step::Set(id, n)),
        1 => (0u32..20).prop_map(Step::Clear),
        3 => distance.prop_map(Step::Advance),
        2 => Just(Step::Next),
    ]
}

proptest! {
    #[test]
    fn it_gives_out_what_a_sorted_map_would(steps in prop::collection::vec(step(), 1..200)) {
        let (mut wheel, mut model, mut now) = (Wheel::default(), BTreeMap::new(), 0u64);
        for step in steps {
            match step {
                Step::Set(id, after) => {
                    wheel.set(id, now + after);
                    model.insert(id, (now + after).clamp(now + 1, now + HORIZON));
                }
                Step::Clear(id) => {
                    wheel.clear(id);
                    model.remove(&id);
                }
                Step::Advance(after) => {
                    now += after;
                    let due: Vec<u32> =
                        model.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
                    model.retain(|_, at| *at > now);
                    prop_assert_eq!(advance(&mut wheel, now), due);
                }
                Step::Next => {
                    let first = model.values().min().copied();
                    let next = wheel.next();
                    prop_assert_eq!(first.is_some(), next.is_some());
                    prop_assert!(next <= first.or(Some(0)) || first.is_none());
                    prop_assert!(next.is_none_or(|next| next > now));
                }
            }
            for id in 0..20 {
                prop_assert_eq!(wheel.due(id), model.get(&id).copied());
            }
        }
    }
}
