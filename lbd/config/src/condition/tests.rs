use proptest::prelude::*;

use super::*;
use crate::host::MemoryHost;

fn host() -> MemoryHost {
    let mut host = MemoryHost::new().var("HOME", "/root").var("EMPTY", "");
    host.features = vec!["EPOLL", "THREAD"];
    host.enabled = vec!["EPOLL", "SPLICE"];
    host
}

fn run(text: &str) -> (u8, String) {
    let host = host();
    let verdict = check(text, &Environment::new(&host));
    let code = verdict.exit_code();
    match verdict {
        Verdict::Unreadable(message) => (code, message),
        _ => (code, String::new()),
    }
}

/// Exit codes of the reference's `-cc`.
#[test]
fn values_are_those_of_the_reference() {
    for (text, code) in [
        ("", 1),
        (" ", 1),
        ("0", 1),
        ("1", 0),
        ("-1", 0),
        ("+1", 0),
        ("-0", 1),
        ("0x10", 0),
        ("0x0", 1),
        ("00", 1),
        ("99999999999999999999999", 0),
        ("!1", 1),
        ("!!1", 0),
        ("! 0", 0),
        ("1 && 0", 1),
        ("1||0&&0", 0),
        ("0 && 0 || 1", 0),
        ("(1)", 0),
        ("( 1 ) && !(0)", 0),
        ("0 || (0 && 1) || 1", 0),
        ("defined(HOME)", 0),
        ("defined(EMPTY)", 0),
        ("defined( HOME)", 1),
        ("defined", 1),
        ("defined()", 1),
        ("!defined(NOPE_X)", 0),
        ("streq(a,a)", 0),
        ("streq(,)", 0),
        ("streq(a,b)", 1),
        (r#"streq(\"a,b\",\"a,b\")"#, 0),
        (r#"'streq("a)","a)")'"#, 0),
        (r#"streq("$HOME",/root)"#, 0),
        ("strneq(a,b)", 0),
        ("strstr(haystack,st)", 0),
        ("strstr(haystack,)", 0),
        ("strstr(hay,stack)", 1),
        ("version_atleast(3.4)", 0),
        ("version_atleast(3.4.0)", 0),
        ("version_atleast(3.4.1)", 1),
        ("version_atleast(3.4-dev1)", 0),
        ("version_atleast(2.4-dev19)", 0),
        ("version_atleast(2)", 0),
        ("version_atleast(foo)", 0),
        ("version_atleast()", 0),
        ("version_before(3.5)", 0),
        ("version_before(3.5-dev1)", 0),
        ("version_before(3)", 1),
        ("version_before(3.4)", 1),
        ("version_before(foo)", 1),
        ("feature(THREAD)", 0),
        ("feature(THRE)", 1),
        ("feature(NONE)", 1),
        ("feature(THREAD EPOLL)", 1),
        ("enabled(EPOLL)", 0),
        ("enabled(FOO)", 1),
        ("1&&1", 0),
        ("0||1", 0),
        ("1 || openssl_version_atleast(x)", 0),
    ] {
        let (got, message) = run(text);
        assert_eq!(got, code, "{text}: {message}");
    }
}

/// Texts of the reference.
#[test]
fn faults_are_told_in_the_words_of_the_reference() {
    for (text, message) in [
        ("foo(", "unparsable conditional expression 'foo('"),
        ("a", "unparsable conditional expression 'a'"),
        ("!", "unparsable conditional expression '!'"),
        ("1 &&", "unparsable conditional expression '&&'"),
        ("1 ||", "unparsable conditional expression '1 ||'"),
        ("|| 1", "unparsable conditional expression '|| 1'"),
        ("&& 1", "unparsable conditional expression '&& 1'"),
        ("0 && foo", "unparsable conditional expression 'foo'"),
        ("1 || foo", "unparsable conditional expression 'foo'"),
        ("(1", "expected ')' after conditional expression '(1'"),
        ("((1)", "expected ')' after conditional expression '((1)'"),
        ("1 && (0", "expected ')' after conditional expression '(0'"),
        (
            "1 x",
            "unexpected character 'x' at the end of conditional expression '1 x'",
        ),
        (
            "1)",
            "unexpected character ')' at the end of conditional expression '1)'",
        ),
        (
            "1 & 1",
            "unexpected character '&' at the end of conditional expression '1 & 1'",
        ),
        (
            "1 |",
            "unexpected character '|' at the end of conditional expression '1 |'",
        ),
        (
            "09",
            "unexpected character '9' at the end of conditional expression '09'",
        ),
        (
            "1a",
            "unexpected character 'a' at the end of conditional expression '1a'",
        ),
        (
            "streq(a,a)x",
            "unexpected character 'x' at the end of conditional expression 'streq(a,a)x'",
        ),
        (
            r#"streq("a,b","a,b")"#,
            "expected ')' before ',a,b)' in argument 1 of predicate 'streq' used in conditional \
             expression",
        ),
        (
            "streq(a,b,c)",
            "expected ')' before ',c)' in argument 1 of predicate 'streq' used in conditional \
             expression",
        ),
        (
            "streq(a,b",
            "expected ')' in argument 1 of predicate 'streq' used in conditional expression",
        ),
        (
            "streq(a)",
            "missing arguments (got 1/2), type 'string' expected in argument 1 of predicate \
             'streq' used in conditional expression",
        ),
        (
            "streq()",
            "missing arguments (got 1/2), type 'string' expected in argument 1 of predicate \
             'streq' used in conditional expression",
        ),
        (
            "streq (a,a)",
            "missing arguments (got 1/2), type 'string' expected in argument 1 of predicate \
             'streq' used in conditional expression",
        ),
        (
            "openssl_version_atleast(x)",
            "invalid argument to conditional expression predicate 'openssl_version_atleast': 'x'",
        ),
    ] {
        assert_eq!(run(text), (2, message.to_owned()), "{text}");
    }
}

#[test]
fn the_tls_library_is_not_openssl() {
    for (text, code) in [
        ("ssllib_name_startswith(OpenSSL)", 1),
        ("ssllib_name_startswith(rustls)", 0),
        ("ssllib_name_startswith(AWS)", 0),
        ("openssl_version_atleast(1.1.1)", 1),
        ("openssl_version_before(3.5.0)", 1),
        ("awslc_api_atleast(35)", 1),
        ("awslc_api_before(26)", 1),
    ] {
        assert_eq!(run(text).0, code, "{text}");
    }
}

#[test]
fn an_unknown_predicate_is_answered_with_the_nearest() {
    let host = host();
    let error = evaluate(b"1 && strea(a,b)", &Environment::new(&host)).unwrap_err();
    assert_eq!(error.offset, 5);
    assert_eq!(error.hint, "Maybe you meant 'streq'.");
}

#[test]
fn deep_nesting_is_refused_and_shallow_is_not() {
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(run(&nested(300)).0, 0);
    assert_eq!(run(&nested(100_000)).0, 2);
    assert_eq!(run(&format!("0{}", "||0".repeat(100_000))).0, 1);
    assert_eq!(run(&format!("1{}", "&&1".repeat(100_000))).0, 0);
}

#[test]
fn versions_order_as_in_the_reference() {
    use std::cmp::Ordering::{Equal, Greater, Less};
    for (a, b, order) in [
        ("3.4", "3.4.0", Some(Equal)),
        ("3.4-dev1", "3.4", Some(Less)),
        ("3.4-dev9", "3.4-dev10", Some(Less)),
        ("3.4-rc1", "3.4-dev10", Some(Greater)),
        ("3.4-pre1", "3.4-rc1", Some(Equal)),
        ("3.4.0-12", "3.4.0", Some(Greater)),
        ("2.4-dev19-abcdef-5", "2.4-dev19", Some(Greater)),
        ("1.2.3.4.5", "1", None),
        ("x", "1", None),
        ("", "1", None),
    ] {
        assert_eq!(version::compare(a, b), order, "{a} {b}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[ !&|()a-z0-9,'\"\\\\_$x-]{0,60}") {
        run(&text);
    }

    #[test]
    fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..80)) {
        let host = host();
        let _ = evaluate(&text, &Environment::new(&host));
    }
}
