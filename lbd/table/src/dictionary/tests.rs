use super::*;

#[test]
fn a_string_is_kept_while_it_is_counted() {
    let dictionary = Dictionary::default();
    let one = dictionary.acquire("s1").unwrap();
    assert_eq!(dictionary.acquire("s1"), Some(one));
    let two = dictionary.acquire("s2").unwrap();
    assert_ne!(one, two);
    dictionary.release(one);
    assert_eq!(dictionary.text(one).as_deref(), Some("s1"));
    dictionary.release(one);
    assert_eq!(dictionary.text(one), None);
    assert_eq!(dictionary.len(), 1);
    assert_eq!(dictionary.acquire("s3"), Some(one));
}

#[test]
fn numbers_nobody_has_are_no_strings() {
    let dictionary = Dictionary::default();
    dictionary.release(0);
    dictionary.release(9);
    assert_eq!(dictionary.text(0), None);
}

#[test]
fn strings_beyond_the_limits_are_refused_and_counted() {
    let dictionary = Dictionary::default();
    assert_eq!(dictionary.acquire(&"x".repeat(MAX_NAME_LEN + 1)), None);
    for n in 0..MAX_NAMES {
        assert!(dictionary.acquire(&n.to_string()).is_some());
    }
    assert_eq!(dictionary.acquire("one more"), None);
    assert_eq!(dictionary.refused(), 2);
    assert!(dictionary.acquire("5").is_some());
}

#[test]
fn threads_that_count_one_string_leave_none() {
    let dictionary = Dictionary::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    let number = dictionary.acquire("s").unwrap();
                    assert_eq!(dictionary.text(number).as_deref(), Some("s"));
                    dictionary.release(number);
                }
            });
        }
    });
    assert!(dictionary.is_empty());
}
