use super::*;

fn head(values: &[&str]) -> Head {
    let mut head = Head::new();
    head.start_request(b"GET", b"/", b"HTTP/1.1").unwrap();
    for value in values {
        head.add(b"h", value.as_bytes()).unwrap();
        head.add(b"other", b"x").unwrap();
    }
    head
}

fn list<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    values
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .collect()
}

#[test]
fn elements_end_at_commas_outside_quotes() {
    for (value, wanted) in [
        ("a, b,c", &["a", "b", "c"][..]),
        ("\"a,b\",c", &["\"a,b\"", "c"]),
        ("a\\,b,c", &["a\\", "b", "c"]),
        ("\"a\\\",b\",c", &["\"a\\\",b\"", "c"]),
        ("", &[""]),
        (",", &["", ""]),
        ("a,,b", &["a", "", "b"]),
        (" a , b ", &["a", "b"]),
        ("\"a", &["\"a"]),
        ("a\"b,c\"d,e", &["a\"b,c\"d", "e"]),
        ("'a,b'", &["'a", "b'"]),
    ] {
        assert_eq!(list(hdr(&head(&[value]), b"H")), wanted, "{value}");
        assert_eq!(list(fhdr(&head(&[value]), b"h")), [value]);
    }
    assert_eq!(list(hdr(&head(&["a", "b, c"]), b"h")), ["a", "b", "c"]);
    assert_eq!(list(hdr(&head(&["a,b"]), b"")), ["a", "b", "x"]);
    assert_eq!(list(fhdr(&head(&["a,b"]), b"")), ["a,b", "x"]);
    assert_eq!(list(hdr(&head(&["a"]), b"none")), Vec::<String>::new());
}

#[test]
fn occurrences_count_from_either_end() {
    let head = head(&["a,b", "c"]);
    for (position, wanted) in [
        (1, Some("a")),
        (3, Some("c")),
        (4, None),
        (-1, Some("c")),
        (0, Some("c")),
        (-3, Some("a")),
        (-4, None),
    ] {
        let found = occurrence(hdr(&head, b"h"), position);
        assert_eq!(found, wanted.map(str::as_bytes), "{position}");
    }
    for position in [i64::MIN, i64::MAX] {
        assert_eq!(occurrence(hdr(&head, b"h"), position), None);
    }
}

#[test]
fn fields_are_removed_by_how_their_name_matches() {
    for (method, pattern, left) in [
        (NameMatch::Exact, "X-ab", "x-abc,y-ab,ab"),
        (NameMatch::Begin, "X-", "y-ab,ab"),
        (NameMatch::End, "-AB", "x-abc,ab"),
        (NameMatch::Sub, "Ab", ""),
        (NameMatch::Sub, "longer-than-all", "x-ab,x-abc,y-ab,ab"),
    ] {
        let mut head = Head::new();
        for name in ["x-ab", "x-abc", "y-ab", "ab"] {
            head.add(name.as_bytes(), b"").unwrap();
        }
        method.remove(&mut head, pattern.as_bytes());
        let names = list(head.iter().map(|(name, _)| name)).join(",");
        assert_eq!(names, left, "{method:?} {pattern}");
    }
}
