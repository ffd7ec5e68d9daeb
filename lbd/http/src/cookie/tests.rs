use super::*;

fn head(name: &str, values: &[&str]) -> Head {
    let mut head = Head::new();
    for value in values {
        head.add(name.as_bytes(), value.trim().as_bytes()).unwrap();
    }
    head
}

fn show(part: &[u8]) -> String {
    String::from_utf8_lossy(part).into_owned()
}

fn names(cookies: Cookies<'_>) -> String {
    let head = cookies.head;
    cookies
        .map(|place| show(place.name_in(head)))
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn request_cookies_are_read_as_the_reference_reads_them() {
    for (value, c, all) in [
        ("c=1", Some("1"), "c"),
        ("a=0; c=1; b=2", Some("1"), "a,c,b"),
        ("c=1;c=2", Some("2"), "c,c"),
        ("c =1", Some("1"), "c"),
        ("c= 1 ", Some("1"), "c"),
        ("c=\"a;b\"; d=1", Some("\"a;b\""), "c,d"),
        ("c=\"a", Some("\"a"), "c"),
        ("c=a\"b;c\"d; e=1", Some("a\"b;c\"d"), "c,e"),
        ("c", None, ""),
        ("c;", None, ""),
        ("c=", Some(""), "c"),
        ("=v", None, ""),
        ("; c=1", Some("1"), "c"),
        ("C=1", None, "C"),
        ("cc=1; xc=2", None, "cc,xc"),
        ("c=a=b", Some("a=b"), "c"),
        ("c=a,b", Some("a"), "c"),
        ("c=1, d=2", Some("1"), "c,d"),
        ("$Version=1; c=1; $Path=/", Some("1"), "c"),
        ("a;c=1", Some("1"), "c"),
        ("c=1;;d=2", Some("1"), "c,d"),
        ("a b=1; c=2", Some("2"), "a b,c"),
        ("c\t=\t1\t;\td=2", Some("1"), "c,d"),
        ("c=\" 1 \"", Some("\" 1 \""), "c"),
    ] {
        let head = head("cookie", &[value]);
        let found = last(request_cookies(&head), b"c").map(|place| show(place.value_in(&head)));
        assert_eq!(found.as_deref(), c, "{value}");
        assert_eq!(names(request_cookies(&head)), all, "{value}");
    }
    let head = head("cookie", &["c=1; d=2", "e=3; c=4"]);
    assert_eq!(count(request_cookies(&head), b"c"), 2);
    assert_eq!(count(request_cookies(&head), b""), 4);
    assert_eq!(
        show(last(request_cookies(&head), b"").unwrap().value_in(&head)),
        "1"
    );
    assert_eq!(
        show(first(request_cookies(&head), b"c").unwrap().value_in(&head)),
        "1"
    );
}

#[test]
fn response_cookies_stand_before_their_attributes() {
    for (values, c, n, pairs) in [
        (&["c=1"][..], Some("1"), 1, 1),
        (&["c=1; Path=/"], Some("1"), 1, 2),
        (&["c=1", "c=2"], Some("2"), 2, 2),
        (&["c=1, d=2; path=/"], Some("1"), 1, 3),
        (&["c=\"a;b\"; x"], Some("\"a;b\""), 1, 1),
        (&["c =1 ;Path=/"], Some("1"), 1, 2),
        (&["c"], None, 0, 0),
        (&["c="], Some(""), 1, 1),
        (&["d=1; c=2"], None, 0, 2),
        (&["c=1,c=2"], Some("2"), 2, 2),
        (
            &["c=1; expires=Wed, 01 Jan 2020 00:00:00 GMT; a=b, d=5"],
            Some("1"),
            1,
            4,
        ),
        (&["C=1"], None, 0, 1),
        (&["d=1", "c=2; e=5"], Some("2"), 1, 3),
        (&["c=\"a,b\", d=1"], Some("\"a,b\""), 1, 2),
    ] {
        let head = head("set-cookie", values);
        let found = last(response_cookies(&head), b"c").map(|place| show(place.value_in(&head)));
        assert_eq!(found.as_deref(), c, "{values:?}");
        assert_eq!(count(response_cookies(&head), b"c"), n, "{values:?}");
        assert_eq!(response_pairs(&head).count(), pairs, "{values:?}");
    }
}

#[test]
fn a_removed_cookie_leaves_its_neighbours_joined() {
    for (value, left) in [
        ("SRV=s1", None),
        ("SRV=s1; a=1", Some("a=1")),
        ("a=1; SRV=s1", Some("a=1")),
        ("a=1; SRV=s1; b=2", Some("a=1; b=2")),
        ("a=1;SRV=s1;b=2", Some("a=1; b=2")),
        ("a=1 ; SRV=s1 ; b=2", Some("a=1; b=2")),
        ("SRV=s1;a=1", Some("a=1")),
        ("a=1, SRV=s1, b=2", Some("a=1, b=2")),
        ("SRV = s1", None),
        ("SRV=\"s;1\"; a=1", Some("a=1")),
        ("SRV=s1;", None),
        ("a; SRV=s1; b", Some("a; b")),
        ("$Version=1; SRV=s1; $Path=/; a=1", Some("$Version=1; a=1")),
        ("a=1; SRV=s1; $Path=/; $Domain=x; b=2", Some("a=1; b=2")),
        (";SRV=s1", None),
    ] {
        let mut head = head("cookie", &[value]);
        let place = first(request_cookies(&head), b"SRV").unwrap();
        remove(&mut head, &place);
        assert_eq!(head.first(b"cookie").map(show).as_deref(), left, "{value}");
    }
    let mut head = head("cookie", &["SRV=s1; SRV=s1; a=1"]);
    while let Some(place) = first(request_cookies(&head), b"SRV") {
        remove(&mut head, &place);
    }
    assert_eq!(head.first(b"cookie").map(show).as_deref(), Some("a=1"));
}

#[test]
fn values_are_rewritten_and_cut_in_place() {
    for (value, rewritten) in [
        ("SRV=zz", "SRV=s1"),
        ("SRV=zz; path=/", "SRV=s1; path=/"),
        ("SRV=zz, a=1", "SRV=s1, a=1"),
        ("SRV=\"zz\"; Path=/", "SRV=s1; Path=/"),
        ("SRV = zz ;x", "SRV=s1 ;x"),
        ("SRV=", "SRV=s1"),
    ] {
        let mut head = head("set-cookie", &[value]);
        let place = first(response_cookies(&head), b"SRV").unwrap();
        replace_value(&mut head, &place, b"s1").unwrap();
        assert_eq!(
            head.first(b"set-cookie").map(show).as_deref(),
            Some(rewritten)
        );
    }
    let mut head = head("cookie", &["a=1; SRV=s1~x~y ; b=2"]);
    let place = first(request_cookies(&head), b"SRV").unwrap();
    let prefix = memchr::memchr(b'~', place.value_in(&head)).unwrap() + 1;
    cut_value(&mut head, &place, 0..prefix);
    assert_eq!(
        head.first(b"cookie").map(show).as_deref(),
        Some("a=1; SRV=x~y ; b=2")
    );
}

#[test]
fn captures_match_a_prefix_or_with_an_equals_sign_the_whole_name() {
    let head = head("cookie", &["ASPSESSIONX=7; vgnvisitor=a; vgn=b"]);
    let text = |prefix: &str| {
        by_prefix(request_cookies(&head), prefix.as_bytes()).map(|place| show(place.text_in(&head)))
    };
    assert_eq!(text("ASPSESSION").as_deref(), Some("ASPSESSIONX=7"));
    assert_eq!(text("vgn=").as_deref(), Some("vgn=b"));
    assert_eq!(text("asp"), None);
}
