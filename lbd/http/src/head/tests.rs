use proptest::prelude::*;

use super::fill::lower;
use super::*;

fn sample() -> Head {
    let mut head = Head::new();
    head.start_request(b"GET", b"/", b"HTTP/1.1").unwrap();
    for (name, value) in [("Host", "a"), ("X", "1"), ("Y", "2"), ("x", "3")] {
        head.add(name.as_bytes(), value.as_bytes()).unwrap();
    }
    head
}

fn show(head: &Head) -> String {
    head.iter()
        .map(|(name, value)| {
            format!(
                "{}={};",
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value)
            )
        })
        .collect()
}

#[test]
fn set_removes_all_of_the_name_and_appends_one() {
    let mut head = sample();
    head.set(b"X", b"new").unwrap();
    assert_eq!(show(&head), "host=a;y=2;x=new;");
}

#[test]
fn an_edit_beyond_the_limit_changes_nothing() {
    let mut head = sample();
    head.set_max_len(head.encoded_len() + 5);
    assert_eq!(head.add(b"ab", b""), Err(HeadFull));
    assert_eq!(head.set(b"x", &[b'v'; 20]), Err(HeadFull));
    assert_eq!(show(&head), "host=a;x=1;y=2;x=3;");
    head.add(b"z", b"").unwrap();
}

#[test]
fn values_are_cut_and_spliced_in_place() {
    let mut head = sample();
    head.replace_value(1, b"hello world").unwrap();
    head.cut_value(1, 5..6);
    head.splice_value(1, 0..5, b"HELLO, ").unwrap();
    assert_eq!(head.value(1), b"HELLO, world");
    head.splice_target(1..99, b"new?q").unwrap();
    assert_eq!(head.target(), b"/new?q");
}

#[test]
fn endless_edits_keep_the_buffer_bounded() {
    let mut head = sample();
    for round in 0..10_000_u32 {
        head.replace_value(1, &vec![b'v'; 100 + (round as usize % 300)])
            .unwrap();
        head.replace_value(2, &vec![b'w'; 400 - (round as usize % 300)])
            .unwrap();
        head.replace_value(2, b"short").unwrap();
        head.replace_value(1, b"s").unwrap();
    }
    assert!(head.buf.capacity() <= head.max_len * 8);
    assert_eq!(show(&head), "host=a;x=s;y=short;x=3;");
}

#[test]
fn every_byte_at_every_place_is_lower_cased_like_ascii() {
    for byte in 0..=u8::MAX {
        for place in 0..12 {
            let mut name = *b"Ab-Cd.ZzAa@[";
            name[place] = byte;
            let wanted = name.to_ascii_lowercase();
            lower(&mut name);
            assert_eq!(name.as_slice(), wanted);
        }
    }
}

/// An edit of a head, as the model and the head both understand it.
#[derive(Debug, Clone)]
enum Edit {
    Add(String, String),
    AddFirst(String, String),
    Cut(usize, usize, usize),
    Remove(String),
    RemoveAt(usize),
    Replace(usize, String),
    Set(String, String),
    Splice(usize, usize, usize, String),
    Target(String),
}

fn edit() -> impl Strategy<Value = Edit> {
    let name = || "[abX]{1,2}";
    let value = || "[a-z]{0,30}";
    let at = || 0_usize..6;
    prop_oneof![
        (name(), value()).prop_map(|(name, value)| Edit::Add(name, value)),
        (name(), value()).prop_map(|(name, value)| Edit::AddFirst(name, value)),
        (at(), 0_usize..40, 0_usize..40).prop_map(|(at, from, to)| Edit::Cut(at, from, to)),
        name().prop_map(Edit::Remove),
        at().prop_map(Edit::RemoveAt),
        (at(), value()).prop_map(|(at, value)| Edit::Replace(at, value)),
        (name(), value()).prop_map(|(name, value)| Edit::Set(name, value)),
        (at(), 0_usize..40, 0_usize..40, value())
            .prop_map(|(at, from, to, value)| Edit::Splice(at, from, to, value)),
        value().prop_map(Edit::Target),
    ]
}

/// The model: what the edits mean on a plain list.
fn apply(model: &mut Vec<(String, String)>, target: &mut String, edit: &Edit) {
    let clamp = |len: usize, from: usize, to: usize| {
        let from = from.min(len);
        from..to.clamp(from, len.max(from))
    };
    match edit {
        Edit::Add(name, value) => model.push((name.to_lowercase(), value.clone())),
        Edit::AddFirst(name, value) => model.insert(0, (name.to_lowercase(), value.clone())),
        Edit::Cut(at, from, to) => {
            if let Some((_, value)) = model.get_mut(*at) {
                let range = clamp(value.len(), *from, *to);
                value.replace_range(range, "");
            }
        }
        Edit::Remove(name) => model.retain(|(have, _)| *have != name.to_lowercase()),
        Edit::RemoveAt(at) => {
            if *at < model.len() {
                model.remove(*at);
            }
        }
        Edit::Replace(at, new) => {
            if let Some((_, value)) = model.get_mut(*at) {
                value.clone_from(new);
            }
        }
        Edit::Set(name, value) => {
            model.retain(|(have, _)| *have != name.to_lowercase());
            model.push((name.to_lowercase(), value.clone()));
        }
        Edit::Splice(at, from, to, new) => {
            if let Some((_, value)) = model.get_mut(*at) {
                let range = clamp(value.len(), *from, *to);
                value.replace_range(range, new);
            }
        }
        Edit::Target(new) => target.clone_from(new),
    }
}

fn apply_to_head(head: &mut Head, edit: &Edit) -> Result<(), HeadFull> {
    match edit {
        Edit::Add(name, value) => head.add(name.as_bytes(), value.as_bytes())?,
        Edit::AddFirst(name, value) => head.add_first(name.as_bytes(), value.as_bytes())?,
        Edit::Cut(at, from, to) => head.cut_value(*at, *from..*to),
        Edit::Remove(name) => drop(head.remove(name.as_bytes())),
        Edit::RemoveAt(at) => head.remove_at(*at),
        Edit::Replace(at, value) => head.replace_value(*at, value.as_bytes())?,
        Edit::Set(name, value) => head.set(name.as_bytes(), value.as_bytes())?,
        Edit::Splice(at, from, to, value) => {
            head.splice_value(*at, *from..*to, value.as_bytes())?;
        }
        Edit::Target(target) => head.set_target(target.as_bytes())?,
    }
    Ok(())
}

proptest! {
    #[test]
    fn edits_do_what_they_do_to_a_plain_list(
        edits in prop::collection::vec(edit(), 0..60),
        limit in 40_usize..400,
    ) {
        let mut head = Head::with_max_len(limit);
        head.start_request(b"GET", b"/", b"HTTP/1.1").unwrap();
        let (mut model, mut target) = (Vec::new(), "/".to_owned());
        for edit in &edits {
            let before = show(&head);
            match apply_to_head(&mut head, edit) {
                Ok(()) => apply(&mut model, &mut target, edit),
                Err(HeadFull) => prop_assert_eq!(show(&head), before),
            }
            let seen: Vec<(String, String)> = head
                .iter()
                .map(|(name, value)| {
                    (String::from_utf8(name.to_vec()).unwrap(), String::from_utf8(value.to_vec()).unwrap())
                })
                .collect();
            prop_assert_eq!(&seen, &model);
            prop_assert_eq!(head.target(), target.as_bytes());
            let fields: usize = model.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
            prop_assert_eq!(head.encoded_len(), 15 + target.len() + fields);
            prop_assert!(head.encoded_len() <= limit);
            prop_assert!(head.buf.len() <= limit.max(1024) * 4);
        }
    }
}
