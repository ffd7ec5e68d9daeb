use super::*;

fn said(key: &str, value: Option<&str>) -> Said {
    Said {
        thing: Thing {
            subject: Subject::Map,
            scope: "m".to_owned(),
            key: key.to_owned(),
        },
        value: value.map(str::to_owned),
        who: "uid 0".to_owned(),
        wall_ms: 5,
    }
}

fn all(words: &Words) -> Vec<Word> {
    words.since(0).map(|(_, word)| word.clone()).collect()
}

fn values(words: &Words) -> BTreeMap<String, Option<String>> {
    let words = all(words).into_iter();
    words.map(|word| (word.thing.key, word.value)).collect()
}

#[test]
fn a_word_travels_whole() {
    let mut words = Words::default();
    let word = words
        .say(said("k", Some("v")), "a", Time::ZERO)
        .unwrap()
        .clone();
    let mut body = Vec::new();
    word.put(&mut body);
    assert_eq!(Word::take(&body), Ok(Some(word)));
    for len in 0..body.len() {
        assert!(Word::take(&body[..len]).is_err(), "{len}");
    }
}

#[test]
fn who_speaks_knowing_of_a_word_wins_over_it() {
    let (mut a, mut b) = (Words::default(), Words::default());
    for _ in 0..5 {
        a.say(said("k", Some("old")), "a", Time::ZERO);
    }
    let word = all(&a).remove(0);
    assert!(b.hear(word.clone(), Time::ZERO));
    // The wall clock of B may be years behind.
    let newer = b.say(said("k", None), "b", Time::ZERO).unwrap().clone();
    assert!(a.hear(newer.clone(), Time::ZERO));
    assert!(!a.hear(word, Time::ZERO));
    assert!(!a.hear(newer, Time::ZERO));
    assert_eq!(values(&a), values(&b));
    assert_eq!(values(&a)["k"], None);
}

#[test]
fn of_one_nodes_words_of_two_lives_the_later_said_wins() {
    let mut b = Words::default();
    let mut lives = [(5, "old"), (9, "new")].map(|(wall_ms, value)| {
        let said = Said {
            wall_ms,
            ..said("k", Some(value))
        };
        let mut life = Words::default();
        let word = life.say(said, "a", Time::ZERO).unwrap().clone();
        (life, word)
    });
    let (old, new) = (lives[0].1.clone(), lives[1].1.clone());
    assert_eq!(old.clock, new.clock);
    assert!(b.hear(old.clone(), Time::ZERO) && b.hear(new.clone(), Time::ZERO));
    assert!(!b.hear(old.clone(), Time::ZERO) && !lives[1].0.hear(old, Time::ZERO));
    assert!(lives[0].0.hear(new, Time::ZERO));
    assert_eq!(values(&b)["k"].as_deref(), Some("new"));
}

#[test]
fn any_order_of_arrival_ends_in_the_same_words() {
    let mut nodes = [Words::default(), Words::default(), Words::default()];
    for round in 0..4 {
        for (at, node) in nodes.iter_mut().enumerate() {
            let value = format!("{round}{at}");
            let name = format!("n{at}");
            node.say(said("same", Some(&value)), &name, Time::ZERO);
            node.say(said(&format!("own{at}"), Some(&value)), &name, Time::ZERO);
        }
    }
    let told: Vec<_> = nodes.iter().map(all).collect();
    for (at, node) in nodes.iter_mut().enumerate() {
        for turn in 0..3 {
            let mut words = told[(at + turn) % 3].clone();
            if turn == 1 {
                words.reverse();
            }
            for word in words {
                node.hear(word, Time::ZERO);
            }
        }
    }
    assert_eq!(values(&nodes[0]), values(&nodes[1]));
    assert_eq!(values(&nodes[0]), values(&nodes[2]));
}

fn clear() -> Said {
    let mut said = said("", None);
    said.thing.subject = Subject::WholeMap;
    said
}

#[test]
fn a_list_that_was_cleared_has_what_was_said_later() {
    let (mut a, mut b) = (Words::default(), Words::default());
    a.say(said("old", Some("1")), "a", Time::ZERO);
    let old = all(&a);
    for word in &old {
        b.hear(word.clone(), Time::ZERO);
    }
    // B has not heard of it.
    let meanwhile = b
        .say(said("late", Some("1")), "b", Time::ZERO)
        .unwrap()
        .clone();
    a.say(clear(), "a", Time::ZERO);
    a.say(said("new", Some("2")), "a", Time::ZERO);
    // Equal clocks: B has the greater name.
    assert!(a.hear(meanwhile, Time::ZERO));
    let mut c = Words::default();
    let told = all(&a).into_iter().rev().chain(old);
    for word in told.collect::<Vec<_>>() {
        c.hear(word.clone(), Time::ZERO);
        b.hear(word, Time::ZERO);
    }
    for words in [&a, &b, &c] {
        let keys: Vec<_> = values(words).into_keys().collect();
        assert_eq!(keys, ["", "late", "new"]);
        let later = words.after(&clear().thing);
        let keys: Vec<_> = later.into_iter().map(|word| word.thing.key).collect();
        assert_eq!(keys, ["late", "new"]);
    }
}

#[test]
fn lies_about_the_clock_and_floods_are_refused() {
    let mut words = Words::default();
    let mut word = words
        .say(said("k", Some("v")), "a", Time::ZERO)
        .unwrap()
        .clone();
    word.clock = u64::MAX;
    assert!(!words.hear(word.clone(), Time::ZERO));
    word.clock = 3;
    for n in 0..MAX_WORDS + 5 {
        word.thing.key = n.to_string();
        words.hear(word.clone(), Time::ZERO);
    }
    assert_eq!(all(&words).len(), MAX_WORDS);
    assert_eq!(words.refused, 7);
    assert!(
        words
            .say(said(&"x".repeat(MAX_TEXT + 1), None), "a", Time::ZERO)
            .is_none()
    );
    assert!(
        words
            .say(said("two\nlines", None), "a", Time::ZERO)
            .is_none()
    );
}

#[test]
fn deletions_without_end_leave_room_for_what_is_said() {
    let mut words = Words::default();
    words.say(said("kept", Some("v")), "a", Time::ZERO);
    // A rule that adds and deletes entries of keys that never come again.
    for n in 0..3 * MAX_WORDS {
        let (key, now) = (n.to_string(), Time::from_millis(n as u64));
        assert!(
            words.say(of_rule(&key, Some("v")), "a", now).is_some(),
            "{n}"
        );
        assert!(words.say(of_rule(&key, None), "a", now).is_some(), "{n}");
    }
    assert_eq!(words.refused, 0);
    assert!(words.forgotten > 0);
    assert!(all(&words).len() <= MAX_WORDS);
    assert_eq!(values(&words)["kept"].as_deref(), Some("v"));
    // The last ones are still known.
    let last = (3 * MAX_WORDS - 1).to_string();
    assert_eq!(values(&words)[&last], None);
}

#[test]
fn a_deletion_is_forgotten_after_its_time_and_no_other_word_is() {
    let mut words = Words::default();
    let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
    words.say(of_rule("gone", None), "a", at(0));
    words.say(of_rule("back", None), "a", at(0));
    words.say(said("back", Some("v")), "a", at(1));
    words.say(clear_of("other"), "a", at(1));
    words.say(said("by an operator", None), "a", at(1));
    words.say(of_rule("late", None), "a", at(3000));
    words.say(said("now", Some("v")), "a", at(3599));
    assert!(values(&words).contains_key("gone"));
    words.say(said("now", Some("w")), "a", at(3600));
    let keys: Vec<_> = values(&words).into_keys().collect();
    assert_eq!(keys, ["", "back", "by an operator", "late", "now"]);
    words.say(said("now", Some("x")), "a", at(10_000));
    let keys: Vec<_> = values(&words).into_keys().collect();
    assert_eq!(keys, ["", "back", "by an operator", "now"]);
}

#[test]
fn an_entry_that_is_deleted_and_said_in_turn_takes_no_room() {
    let mut words = Words::default();
    for n in 0..5 * MAX_WORDS {
        let value = (n % 2 == 0).then_some("v");
        words.say(of_rule("k", value), "a", Time::ZERO);
    }
    assert_eq!(all(&words).len(), 1);
    assert!(words.deleted.len() <= 2 * MAX_WORDS + 1);
}

fn clear_of(list: &str) -> Said {
    let mut said = clear();
    said.thing.scope = list.to_owned();
    said
}

fn of_rule(key: &str, value: Option<&str>) -> Said {
    Said {
        who: RULES.to_owned(),
        ..said(key, value)
    }
}
