use super::*;

fn thing(key: usize) -> Thing {
    Thing {
        subject: Subject::Map,
        scope: "m.txt".to_owned(),
        key: key.to_string(),
    }
}

#[test]
fn the_newest_value_of_an_entry_is_told() {
    let mut pending = Pending::default();
    pending.put(thing(1), Some("old".to_owned()));
    pending.put(thing(2), None);
    pending.put(thing(1), Some("new".to_owned()));
    let said: Vec<_> = pending.said(0).map(|said| said.value).collect();
    assert_eq!(said, [Some("new".to_owned()), None]);
}

#[test]
fn more_entries_than_there_is_room_for_are_counted() {
    let mut pending = Pending::default();
    (0..MAX_PENDING + 5).for_each(|key| pending.put(thing(key), None));
    pending.put(thing(3), Some("known".to_owned()));
    assert_eq!(pending.lost, 5);
    assert_eq!(pending.said(0).count(), MAX_PENDING);
}
