//! Pattern sets: loading, which pattern wins, and edits at run time.

#[path = "support/bench.rs"]
mod support;

use bumpalo::Bump;
use lbd_core::{Checkpoint, Value};
use lbd_rules::expr::Expr;
use lbd_rules::pattern::{
    Edits, MatchKind, MatchOptions, Matcher, PatternSet, PatternStore, Usage, ValueKind, Which,
};
use lbd_rules::word::Word;
use std::sync::Arc;
use support::{Bench, SPAN, Scene};

const MAP: &str =
    "a b c  \n\n# c\n #x y\nk\nkk\t\tv v\t\nb q\r\na second\n/a 1\n/ab 2\n/abc 3\n/b/ 9\n";

fn set(entries: &[(&str, Option<&str>)]) -> Arc<PatternSet> {
    let usage = Usage {
        what: "test".to_owned(),
        span: None,
    };
    let set = PatternStore::new()
        .add_inline(None, usage)
        .expect("free id");
    for (key, value) in entries {
        set.load(0, key.as_bytes(), value.map(str::as_bytes))
            .expect("room");
    }
    set
}

fn mapped(matcher: &Matcher, key: &str) -> Option<String> {
    let arena = Bump::new();
    match matcher.map(Value::Str(key.as_bytes()), &arena) {
        Some(Value::Str(found)) => Some(String::from_utf8_lossy(found).into_owned()),
        _ => None,
    }
}

fn matcher(set: &Arc<PatternSet>, kind: MatchKind) -> Arc<Matcher> {
    Matcher::new(set, kind, MatchOptions::default(), Some(ValueKind::Str)).expect("valid")
}

#[test]
fn a_map_file_is_read_as_the_reference_reads_it() {
    let mut bench = Bench::default();
    bench
        .names
        .files
        .insert("/m".to_owned(), MAP.as_bytes().to_vec());
    let scene = Scene::new();
    for (text, wanted) in [
        ("str(a),map(/m)", "b c"),
        ("str(b),map(/m)", "q"),
        ("str(k),map(/m)", ""),
        ("str(kk),map(/m)", "v v"),
        ("str(#x),map(/m)", "y"),
        ("str(zz),map(/m,DEF)", "DEF"),
        ("str(/abcd),map_beg(/m)", "3"),
        ("str(/ab),map_beg(/m)", "2"),
        ("str(/b/b),map_beg(/m)", "9"),
        ("str(/abcd),map_beg_key(/m)", "/abc"),
        ("str(/b),map_end(/m)", "q"),
    ] {
        let word = Word::new(text, SPAN);
        let expr = Expr::parse(word, &mut bench.ctx(Checkpoint::FeHrqHdr));
        let expr = expr.unwrap_or_else(|diag| panic!("{text}: {}", diag.message));
        assert_eq!(expr.bytes(&scene.view()), Some(wanted.as_bytes()), "{text}");
    }
    assert_eq!(bench.patterns.sets().len(), 1, "one file is one set");
}

#[test]
fn few_and_many_patterns_choose_alike() {
    let arena = Bump::new();
    let nets: Vec<String> = (0..20)
        .map(|n| format!("10.{n}.0.0/16"))
        .chain(["10.0.0.0/8".to_owned()])
        .collect();
    for count in [3, 20] {
        let set = set(&[]);
        set.load(0, b"10.0.0.0/8", Some(b"wide")).expect("room");
        for net in nets.iter().take(count) {
            set.load(0, net.as_bytes(), Some(b"narrow")).expect("room");
        }
        let matcher = matcher(&set, MatchKind::Ip);
        let found = |text: &'static str| matcher.map(Value::Str(text.as_bytes()), &arena);
        assert_eq!(found("10.2.3.4"), Some(Value::Str(b"narrow")), "{count}");
        assert_eq!(found("10.200.3.4"), Some(Value::Str(b"wide")), "{count}");
        assert_eq!(
            found("::ffff:10.2.3.4"),
            Some(Value::Str(b"narrow")),
            "{count}"
        );
        assert_eq!(found("11.0.0.1"), None, "{count}");
    }
}

#[test]
fn the_first_of_equal_keys_wins_until_it_is_deleted() {
    for extra in [0, 20] {
        let set = set(&[("k", Some("one")), ("k", Some("two"))]);
        for n in 0..extra {
            set.load(0, format!("x{n}").as_bytes(), Some(b"x"))
                .expect("room");
        }
        let matcher = matcher(&set, MatchKind::Str);
        assert_eq!(mapped(&matcher, "k").as_deref(), Some("one"));
        assert_eq!(set.delete(Which::Id(1)), 1);
        assert_eq!(mapped(&matcher, "k").as_deref(), Some("two"));
        assert_eq!(set.delete(Which::Key(b"k")), 1);
        assert_eq!(mapped(&matcher, "k"), None);
        assert_eq!(matcher.len(), extra);
    }
}

#[test]
fn letters_match_whatever_their_case_with_few_and_many() {
    let options = MatchOptions {
        ignore_case: true,
        is_dotted: false,
    };
    for count in [1, 50] {
        let set = set(&[("Example.COM", None)]);
        for n in 0..count {
            set.load(0, format!("H{n}").as_bytes(), None).expect("room");
        }
        let matcher = Matcher::new(&set, MatchKind::Str, options, None).expect("valid");
        let arena = Bump::new();
        assert!(matcher.is_match(Value::Str(b"eXample.com"), &arena));
        assert!(!matcher.is_match(Value::Str(b"example.org"), &arena));
    }
}

#[test]
fn a_prepared_version_is_seen_only_after_its_commit() {
    let set = set(&[("a", Some("1")), ("b", Some("2"))]);
    let matcher = matcher(&set, MatchKind::Str);
    let version = set.prepare();
    set.add(Some(version), b"a", Some(b"new")).expect("pending");
    assert_eq!(mapped(&matcher, "a").as_deref(), Some("1"));
    set.commit(version).expect("pending");
    assert_eq!(mapped(&matcher, "a").as_deref(), Some("new"));
    assert_eq!(mapped(&matcher, "b"), None);
    assert_eq!(set.versions(), (1, 1));
    assert!(set.commit(9).is_err());
    assert!(set.add(Some(7), b"x", None).is_err());
}

#[test]
fn edits_reach_every_matcher_or_none() {
    let set = set(&[("1", Some("x"))]);
    let text = matcher(&set, MatchKind::Str);
    let number =
        Matcher::new(&set, MatchKind::Int, MatchOptions::default(), None).expect("a number");
    assert_eq!(
        set.add(None, b"zz", Some(b"y")),
        Err("'zz' is not a number".to_owned())
    );
    assert_eq!(mapped(&text, "zz"), None);
    set.add(None, b"5", Some(b"five")).expect("a number");
    let arena = Bump::new();
    assert!(number.is_match(Value::Int(5), &arena));
    assert_eq!(mapped(&text, "5").as_deref(), Some("five"));
    assert_eq!(set.set_value(Which::Key(b"5"), b"V"), Ok(1));
    assert_eq!(mapped(&text, "5").as_deref(), Some("V"));
    set.clear(None);
    assert!(!number.is_match(Value::Int(5), &arena));
    let keys: Vec<u64> = set.page(None, 0, 10).iter().map(|entry| entry.id).collect();
    assert!(keys.is_empty());
}

#[test]
fn pages_follow_the_order_of_entries() {
    let set = set(&[("a", None), ("b", None), ("c", None)]);
    let first = set.page(None, 0, 2);
    assert_eq!(first.len(), 2);
    let rest = set.page(None, first[1].id, 2);
    assert_eq!(&*rest[0].key, b"c");
}

#[test]
fn edits_go_over_to_a_set_of_the_same_file() {
    let file = [("/a", Some("one")), ("/b", Some("two"))];
    let old = set(&file);
    let next = set(&file);
    assert_eq!(next.take_over(&old), Edits::None, "nothing was edited");
    let reader = matcher(&next, MatchKind::Str);
    old.set_value(Which::Key(b"/a"), b"first").expect("a value");
    old.add(None, b"/c", Some(b"three")).expect("an entry");
    old.delete(Which::Key(b"/b"));
    assert_eq!(next.take_over(&old), Edits::Kept);
    let entries: Vec<_> = next
        .page(None, 0, 10)
        .into_iter()
        .map(|entry| String::from_utf8_lossy(&entry.key).into_owned())
        .collect();
    assert_eq!(entries, ["/a", "/c"]);
    assert_eq!(reader.len(), 2, "those who read it know");
    assert_eq!(set(&file).take_over(&next), Edits::Kept, "once more");

    let other = set(&[("/a", Some("one"))]);
    assert_eq!(
        other.take_over(&old),
        Edits::Lost,
        "the file is another one"
    );
    assert_eq!(other.len(), 1);
}
