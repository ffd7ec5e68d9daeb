use super::*;

#[test]
fn a_uri_counts_up_to_query_length_or_depth() {
    let uri = b"/a/b/c?x=/y";
    for (whole, len, depth, wanted) in [
        (false, 0, 0, &b"/a/b/c"[..]),
        (true, 0, 0, b"/a/b/c?x=/y"),
        (false, 3, 0, b"/a/"),
        (false, 0, 1, b"/a"),
        (false, 0, 2, b"/a/b"),
        (true, 9, 0, b"/a/b/c?x="),
        (false, 100, 9, b"/a/b/c"),
    ] {
        assert_eq!(
            uri_key(uri, whole, len, depth),
            wanted,
            "{whole} {len} {depth}"
        );
    }
}

#[test]
fn a_parameter_is_found_by_its_whole_name() {
    assert_eq!(url_param(b"/x?aid=1&id=2&id=3", b"id"), Some(&b"2"[..]));
    assert_eq!(url_param(b"/x?id=", b"id"), Some(&b""[..]));
    assert_eq!(url_param(b"/x?id", b"id"), None);
    assert_eq!(url_param(b"/id=4", b"id"), None);
}

#[test]
fn a_body_of_foreign_bytes_has_no_parameters() {
    assert_eq!(body_param(b"a=1&id=5%20&z=", b"id"), Some(&b"5%20"[..]));
    assert_eq!(body_param(b"id=5\r\n", b"id"), Some(&b"5"[..]));
    assert_eq!(body_param(b"id=\x00\x01", b"id"), None);
}

#[test]
fn only_the_label_before_the_last_dot_of_a_domain_counts() {
    for (value, wanted) in [
        (&b"www.example.com"[..], &b"example"[..]),
        (b"example.com", b"example"),
        (b"localhost", b"localhost"),
        (b".com", b".com"),
        (b"", b""),
        (b"a..c", b"a."),
    ] {
        assert_eq!(
            domain_only(value),
            wanted,
            "{:?}",
            String::from_utf8_lossy(value)
        );
    }
}
