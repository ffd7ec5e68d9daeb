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
    let word = words.say(said("k", Some("v")), "a").unwrap().clone();
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
        a.say(said("k", Some("old")), "a");
    }
    let word = all(&a).remove(0);
    assert!(b.hear(word.clone()));
    // The wall clock of B may be years behind.
    let newer = b.say(said("k", None), "b").unwrap().clone();
    assert!(a.hear(newer.clone()));
    assert!(!a.hear(word));
    assert!(!a.hear(newer));
    assert_eq!(values(&a), values(&b));
    assert_eq!(values(&a)["k"], None);
}

#[test]
fn any_order_of_arrival_ends_in_the_same_words() {
    let mut nodes = [Words::default(), Words::default(), Words::default()];
    for round in 0..4 {
        for (at, node) in nodes.iter_mut().enumerate() {
            let value = format!("{round}{at}");
            node.say(said("same", Some(&value)), &format!("n{at}"));
            node.say(said(&format!("own{at}"), Some(&value)), &format!("n{at}"));
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
                node.hear(word);
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
    a.say(said("old", Some("1")), "a");
    let old = all(&a);
    for word in &old {
        b.hear(word.clone());
    }
    // B has not heard of it.
    let meanwhile = b.say(said("late", Some("1")), "b").unwrap().clone();
    a.say(clear(), "a");
    a.say(said("new", Some("2")), "a");
    // Equal clocks: B has the greater name.
    assert!(a.hear(meanwhile));
    let mut c = Words::default();
    let told = all(&a).into_iter().rev().chain(old);
    for word in told.collect::<Vec<_>>() {
        c.hear(word.clone());
        b.hear(word);
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
    let mut word = words.say(said("k", Some("v")), "a").unwrap().clone();
    word.clock = u64::MAX;
    assert!(!words.hear(word.clone()));
    word.clock = 3;
    for n in 0..MAX_WORDS + 5 {
        word.thing.key = n.to_string();
        words.hear(word.clone());
    }
    assert_eq!(all(&words).len(), MAX_WORDS);
    assert_eq!(words.refused, 7);
    assert!(
        words
            .say(said(&"x".repeat(MAX_TEXT + 1), None), "a")
            .is_none()
    );
    assert!(words.say(said("two\nlines", None), "a").is_none());
}
