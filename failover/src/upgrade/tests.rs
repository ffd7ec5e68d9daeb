use super::*;

fn parcel() -> Parcel {
    Parcel {
        state: State::Backup,
        master: Some(("10.0.0.1".parse().unwrap(), Priority(150))),
        master_interval: Centisecs(10),
        is_holding: true,
        due: Duration::from_millis(300),
        sequence: u64::MAX,
        senders: vec![("fe80::1".parse().unwrap(), 7)],
        trackers: vec![
            ("a".to_owned(), Status::Up),
            ("b".to_owned(), Status::Down),
            ("c".to_owned(), Status::Unknown),
            ("d".to_owned(), Status::Value(-5)),
        ],
    }
}

#[test]
fn what_is_left_arrives_with_its_timers_moved_by_the_time_that_passed() {
    let legacy = Legacy {
        handed: Handed {
            instances: vec![("V".to_owned(), parcel())],
            ..Handed::default()
        },
        launcher: None,
        guardian: Some(42),
    };
    let text = encode(&legacy, 1_000_000_000).to_string();
    let value = serde_json::from_str(&text).unwrap();
    let arrived = decode(&value, 1_100_000_000).unwrap();
    let mut wanted = parcel();
    wanted.due = Duration::from_millis(200);
    assert_eq!(arrived.handed.instances, [("V".to_owned(), wanted)]);
    assert_eq!(arrived.guardian, Some(42));
    // Later than that it is due at once.
    let late = decode(&value, 9_000_000_000).unwrap();
    assert_eq!(late.handed.instances[0].1.due, Duration::ZERO);
}

#[test]
fn a_text_of_another_version_or_cut_short_is_nobodys() {
    let mut value = encode(&Legacy::default(), 0);
    assert!(decode(&value, 0).is_some());
    value["version"] = json!(2);
    assert!(decode(&value, 0).is_none());
    assert!(decode(&json!({"version": 1}), 0).is_none());
}

#[test]
fn descriptors_that_are_not_open_are_not_taken() {
    assert!(adopt(1_000_000).is_none());
    assert!(adopt(0).is_none());
    assert!(adopt(-1).is_none());
}
