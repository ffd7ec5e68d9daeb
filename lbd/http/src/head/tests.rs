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
