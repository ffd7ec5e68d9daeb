use super::*;

fn word(clock: u64, node: &str) -> Word {
    Word {
        thing: Thing {
            subject: Subject::TicketKeys,
            scope: String::new(),
            key: String::new(),
        },
        value: Some(String::new()),
        clock,
        node: node.to_owned(),
        wall_ms: 1,
        who: "a rotation".to_owned(),
    }
}

fn at(time: Duration) -> Time {
    Time::from_millis(1000) + time
}

#[test]
fn who_comes_first_makes_the_first_secrets() {
    for (place, wait) in [(0, TURN), (1, 2 * TURN), (6, 7 * TURN)] {
        let mut keeper = Keeper::new(place, at(Duration::ZERO));
        assert!(!keeper.is_due(at(wait - LOOK), None, "a"), "{place}");
        assert!(keeper.is_due(at(wait), None, "a"), "{place}");
    }
    // Others' were heard of in time.
    let mut keeper = Keeper::new(1, at(Duration::ZERO));
    assert!(!keeper.is_due(at(TURN), Some(&word(1, "b")), "a"));
    assert!(!keeper.is_due(at(10 * TURN), Some(&word(1, "b")), "a"));
}

#[test]
fn who_has_made_secrets_replaces_them_and_others_only_when_it_does_not() {
    let mut own = Keeper::new(1, at(Duration::ZERO));
    let mut other = Keeper::new(0, at(Duration::ZERO));
    let first = word(4, "a");
    for keeper in [(&mut own, "a"), (&mut other, "b")] {
        assert!(!keeper.0.is_due(at(LOOK), Some(&first), keeper.1));
        assert!(!keeper.0.is_due(at(ROTATION), Some(&first), keeper.1));
    }
    let later = LOOK + ROTATION;
    assert!(own.is_due(at(later), Some(&first), "a"));
    assert!(!other.is_due(at(later), Some(&first), "b"));
    // The time begins anew with the next ones.
    let second = word(5, "a");
    assert!(!own.is_due(at(later), Some(&second), "a"));
    assert!(!other.is_due(at(later), Some(&second), "b"));
    assert!(!other.is_due(at(later + ROTATION), Some(&second), "b"));
    assert!(other.is_due(at(later + 2 * ROTATION), Some(&second), "b"));
}

#[test]
fn each_rotation_keeps_what_made_tickets_and_what_will() {
    let secrets = TicketSecrets::default();
    let first = secrets.next().unwrap();
    assert_eq!(first.len(), KEYS);
    let store = Store::default();
    assert!(secrets.set(first.clone(), &store));
    let second = secrets.next().unwrap();
    assert_eq!(second[..KEYS - 1], first[1..]);
    assert!(!first.contains(&second[KEYS - 1]));
}
