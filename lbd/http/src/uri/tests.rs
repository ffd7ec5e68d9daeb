use super::normalize::MalformedCoding;
use super::param::{form_params, param, percent_encode, url_decode, url_params};
use super::*;

fn text(part: Option<&[u8]>) -> Option<String> {
    part.map(|part| String::from_utf8_lossy(part).into_owned())
}

#[test]
fn targets_are_split_by_form() {
    for (target, want_path, want_pathq, want_query) in [
        (
            "/p/a?a=1&b=2",
            Some("/p/a"),
            Some("/p/a?a=1&b=2"),
            Some("a=1&b=2"),
        ),
        ("/p", Some("/p"), Some("/p"), None),
        ("/p?", Some("/p"), Some("/p?"), Some("")),
        ("/p?a?b", Some("/p"), Some("/p?a?b"), Some("a?b")),
        ("/p#f?a=1", Some("/p#f"), Some("/p#f?a=1"), Some("a=1")),
        ("http://h:81/p?a=1", Some("/p"), Some("/p?a=1"), Some("a=1")),
        ("http://h", None, None, None),
        ("http://h?q", None, None, Some("q")),
        ("*", None, None, None),
        ("h:80", None, None, None),
        ("", None, None, None),
        ("//h/p", Some("//h/p"), Some("//h/p"), None),
    ] {
        assert_eq!(
            text(path(target.as_bytes())).as_deref(),
            want_path,
            "{target}"
        );
        assert_eq!(
            text(pathq(target.as_bytes())).as_deref(),
            want_pathq,
            "{target}"
        );
        assert_eq!(
            text(query(target.as_bytes())).as_deref(),
            want_query,
            "{target}"
        );
    }
    let parts = Target::split(b"http://u@h:1/p", false);
    assert_eq!(
        (parts.form, parts.scheme, parts.authority),
        (Form::Absolute, 0..4, 7..12)
    );
    assert_eq!(Target::split(b"h:80", true).form, Form::Authority);
    assert_eq!(Target::split(b"h:80", false).form, Form::Invalid);
}

#[test]
fn hosts_and_ports_are_told_apart() {
    for (authority, host, port) in [
        ("a:80", "a", Some("80")),
        ("a", "a", None),
        ("a:", "a", Some("")),
        ("[::1]:80", "[::1]", Some("80")),
        ("[::1]", "[::1]", None),
        ("[::1", "[::1", None),
        ("u:p@a:1", "u:p@a", Some("1")),
    ] {
        let (found, found_port) = split_port(authority.as_bytes());
        assert_eq!(
            (found, found_port),
            (host.as_bytes(), port.map(str::as_bytes)),
            "{authority}"
        );
    }
    assert_eq!(host_only(b"u:p@a:1"), b"a");
    assert_eq!(strip_default_port(b"a:443", b"HTTPS"), b"a");
    assert_eq!(strip_default_port(b"a:443", b"http"), b"a:443");
    for (target, ip, port) in [
        ("http://1.2.3.4/p", Some("1.2.3.4"), Some(80)),
        ("http://1.2.3.4:99", Some("1.2.3.4"), Some(99)),
        ("http://[::1]:8080/p", Some("::1"), Some(8080)),
        ("http://h:81/p", None, None),
        ("/1.2.3.4", None, None),
        ("1.2.3.4:70000", Some("1.2.3.4"), None),
    ] {
        assert_eq!(
            url_ip(target.as_bytes()),
            ip.map(|ip| ip.parse().unwrap()),
            "{target}"
        );
        assert_eq!(url_port(target.as_bytes()), port, "{target}");
    }
}

#[test]
fn parameters_are_found_as_the_reference_finds_them() {
    for (target, a, any_case, any, semicolon) in [
        ("/p/a?a=1&b=2&a=3", Some("1"), Some("1"), Some("1"), None),
        ("/p?A=1&a=2", Some("2"), Some("1"), Some("1"), None),
        ("/p?b=2;a=5", Some("5"), Some("5"), Some("2"), Some("5")),
        ("/p;a=7?a=8", Some("8"), Some("8"), Some("8"), Some("7?a=8")),
        ("/p;a=7", None, None, None, Some("7")),
        ("/p?a", None, None, None, None),
        ("/p?a=", Some(""), Some(""), Some(""), None),
        ("/p?aa=1&a=2", Some("2"), Some("2"), Some("1"), None),
        ("/p?x=1?a=2", Some("2"), Some("2"), Some("1"), None),
        ("/p?=v", None, None, Some("v"), None),
        ("/p?&&a=1", Some("1"), Some("1"), Some("1"), None),
        ("/p?a=1;x&b", Some("1"), Some("1"), Some("1"), None),
        ("/p;a=7;b=8?z=1", None, None, Some("1"), Some("7")),
        ("/p?u=/x?a=9", Some("9"), Some("9"), Some("/x"), None),
    ] {
        let bytes = target.as_bytes();
        let found = |name: &str, delimiter, ignore| {
            text(param(url_params(bytes, delimiter), name.as_bytes(), ignore))
        };
        assert_eq!(found("a", b'?', false).as_deref(), a, "{target}");
        assert_eq!(found("A", b'?', true).as_deref(), any_case, "{target}");
        assert_eq!(found("", b'?', false).as_deref(), any, "{target}");
        assert_eq!(found("a", b';', false).as_deref(), semicolon, "{target}");
    }
    assert_eq!(
        param(form_params(b"x=1;2&a=3?4"), b"a", false),
        Some(&b"3?4"[..])
    );
    assert_eq!(
        param(form_params(b"x=1;2&a=3"), b"x", false),
        Some(&b"1;2"[..])
    );
}

#[test]
fn percent_codings_are_decoded_or_refused() {
    for (input, form, wanted) in [
        ("/a%41+b", false, Some("/aA+b")),
        ("/a+b?c+d", false, Some("/a+b?c d")),
        ("a=%41+b", true, Some("a=A b")),
        ("%zz", false, None),
        ("%4", false, None),
        ("%", false, None),
        ("%00", false, Some("\0")),
    ] {
        let mut out = b"before".to_vec();
        let good = url_decode(input.as_bytes(), form, &mut out);
        assert_eq!(good, wanted.is_some(), "{input}");
        assert_eq!(out, format!("before{}", wanted.unwrap_or("")).into_bytes());
    }
    let mut out = Vec::new();
    percent_encode(b"a b/\xff~", param::is_unreserved, &mut out);
    assert_eq!(out, b"a%20b%2F%FF~");
}

#[track_caller]
fn normal(normalizer: Normalizer, pairs: &[(&str, &str)]) {
    for (target, wanted) in pairs {
        let mut out = Vec::new();
        normalizer.apply(target.as_bytes(), &mut out).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&out),
            *wanted,
            "{normalizer:?} {target}"
        );
    }
}

#[test]
fn fragments_are_encoded_or_stripped() {
    normal(
        Normalizer::FragmentEncode,
        &[
            ("/#foo", "/%23foo"),
            ("/a?b#c#d", "/a?b%23c%23d"),
            ("/a", "/a"),
        ],
    );
    normal(
        Normalizer::FragmentStrip,
        &[
            ("/#foo", "/"),
            ("/a?b#c#d", "/a?b"),
            ("http://a/x#y", "http://a/x"),
        ],
    );
}

#[test]
fn paths_lose_slashes_and_dots() {
    normal(
        Normalizer::PathMergeSlashes,
        &[
            ("//", "/"),
            ("/foo//bar", "/foo/bar"),
            ("///a////b//?c//d", "/a/b/?c//d"),
            ("http://a//x//y", "http://a/x/y"),
            ("*", "*"),
        ],
    );
    normal(
        Normalizer::PathStripDot,
        &[
            ("/.", "/"),
            ("/./bar/", "/bar/"),
            ("/a/./a", "/a/a"),
            ("/.well-known/", "/.well-known/"),
            ("/a/.", "/a/"),
            ("/a/././b/.?x/./y", "/a/b/?x/./y"),
            ("/a/..", "/a/.."),
            ("/./", "/"),
            ("/./.", "/"),
            ("/a/.b/./", "/a/.b/"),
            ("/a./b", "/a./b"),
            ("http://a/./x", "http://a/x"),
            ("/..", "/.."),
            ("/.././x", "/../x"),
        ],
    );
    normal(
        Normalizer::PathStripDotdot { full: false },
        &[
            ("/foo/../", "/"),
            ("/foo/../bar/", "/bar/"),
            ("/foo/bar/../", "/foo/"),
            ("/../bar/", "/../bar/"),
            ("/bar/../../", "/../"),
            ("/foo//../", "/foo/"),
            ("/foo/%2E%2E/", "/foo/%2E%2E/"),
            ("/foo/..", "/"),
            ("/..", "/../"),
            ("/../..", "/../../"),
            ("/a/b/../../..", "/../"),
            ("/a/b/../../../c", "/../c"),
            ("/a/..b/c", "/a/..b/c"),
            ("/a/b../c", "/a/b../c"),
            ("/a/...", "/a/..."),
            ("/a/../?x/../y", "/?x/../y"),
            ("/a/./../b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("//../a", "/a"),
            ("/a//..//b", "/a//b"),
        ],
    );
    normal(
        Normalizer::PathStripDotdot { full: true },
        &[
            ("/../bar/", "/bar/"),
            ("/bar/../../", "/"),
            ("/..", "/"),
            ("/a/b/../../../c", "/c"),
            ("/../../x/..", "/"),
            ("/a/..", "/"),
            ("/../..", "/"),
        ],
    );
}

#[test]
fn codings_are_decoded_or_raised() {
    normal(
        Normalizer::PercentDecodeUnreserved { strict: false },
        &[
            ("/%61dmin", "/admin"),
            ("/foo%3Fbar=baz", "/foo%3Fbar=baz"),
            ("/%%36%36", "/%66"),
            ("/%ZZ", "/%ZZ"),
            ("/%7e%7E%2d%2D%5f%2e?%61=%62%20#%61", "/~~--_.?a=b%20#a"),
            ("/%6", "/%6"),
            ("/%", "/%"),
            ("/%41%2f", "/A%2f"),
            ("http://%61/%61", "http://%61/a"),
        ],
    );
    normal(
        Normalizer::PercentToUppercase { strict: false },
        &[
            ("/%6f", "/%6F"),
            ("/%zz", "/%zz"),
            ("/%2f%aB?%cd", "/%2F%AB?%CD"),
            ("/%6", "/%6"),
            ("/%%6f", "/%%6F"),
        ],
    );
    for (strict, bad) in [
        (
            Normalizer::PercentDecodeUnreserved { strict: true },
            &["/%%36%36", "/%ZZ", "/%6", "/%"][..],
        ),
        (
            Normalizer::PercentToUppercase { strict: true },
            &["/%zz", "/%a", "/a?%zz"],
        ),
    ] {
        for target in bad {
            let refused = strict.apply(target.as_bytes(), &mut Vec::new());
            assert_eq!(refused, Err(MalformedCoding), "{target}");
        }
        normal(strict, &[("/%2F", "/%2F")]);
    }
}

#[test]
fn queries_are_sorted_by_name_alone() {
    normal(
        Normalizer::QuerySortByName,
        &[
            ("/?c=3&a=1&b=2", "/?a=1&b=2&c=3"),
            ("/?aaa=3&a=1&aa=2", "/?a=1&aa=2&aaa=3"),
            ("/?a=3&b=4&a=1&b=5&a=2", "/?a=3&a=1&a=2&b=4&b=5"),
            ("/?b&a&&c=1&", "/?&a&b&c=1"),
            ("/x", "/x"),
            ("/?", "/?"),
            ("/?A=1&a=2&Z=3&%61=4", "/?%61=4&A=1&Z=3&a=2"),
            ("/?a==1&a=0&a", "/?a==1&a=0&a"),
            ("/?a-b=1&a=2&ab=3", "/?a=2&a-b=1&ab=3"),
        ],
    );
}
