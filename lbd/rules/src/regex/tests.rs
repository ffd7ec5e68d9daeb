use super::*;

fn replaced(pattern: &str, text: &str, with: &str, all: bool) -> String {
    let regex = Regex::new(pattern.as_bytes(), false).expect("valid");
    let mut out = Vec::new();
    regex.replace(text.as_bytes(), with.as_bytes(), all, 1000, &mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn literal_brackets_and_braces_are_taken_as_pcre_takes_them() {
    for (pattern, text) in [
        ("[[]x", "[x"),
        ("[]a]+", "]a"),
        ("[^]]", "a"),
        ("a{b", "a{b"),
        ("{", "{"),
        ("[a&&b]", "&"),
        ("\\<a\\>", "<a>"),
        ("[[:digit:]]{2}", "12"),
        ("a{2,3}", "aa"),
        ("\\/x\\-y", "/x-y"),
    ] {
        let regex = Regex::new(pattern.as_bytes(), false).expect(pattern);
        assert!(regex.is_match(text.as_bytes()), "{pattern} on {text}");
    }
}

#[test]
fn look_around_and_back_references_work() {
    assert!(
        Regex::new(b"^(?!/admin)", false)
            .expect("valid")
            .is_match(b"/x")
    );
    assert!(
        !Regex::new(b"^(?!/admin)", false)
            .expect("valid")
            .is_match(b"/admin/1")
    );
    assert!(
        Regex::new(b"(a)\\1", false)
            .expect("valid")
            .is_match(b"xaay")
    );
    assert!(Regex::new(b"(?=A)a", true).expect("valid").is_match(b"a"));
}

#[test]
fn catastrophic_backtracking_is_given_up() {
    let regex = Regex::new(b"^(?=(a+)+$)\\1b", false).expect("valid");
    assert!(!regex.is_match(&[b'a'; 4000]));
}

#[test]
fn an_invalid_expression_is_named() {
    let error = Regex::new(b"(", false).expect_err("unclosed");
    assert!(error.starts_with("regex '(' is invalid (error="), "{error}");
}

#[test]
fn groups_escapes_and_all_matches_are_replaced() {
    assert_eq!(replaced("(a)(b)", "xabab", "\\2\\1", false), "xbaab");
    assert_eq!(replaced("(a)(b)", "xabab", "\\2\\1", true), "xbaba");
    assert_eq!(replaced("b", "abc", "[\\0\\x41\\\\]", false), "a[bA\\]c");
    assert_eq!(replaced("x*", "ab", "-", true), "-a-b-");
    assert_eq!(replaced(".*", "abc", "[\\0]", true), "[abc][]");
    assert_eq!(replaced("z", "ab", "-", true), "ab");
}

#[test]
fn bytes_beyond_ascii_match_as_bytes() {
    assert!(
        Regex::new("é".as_bytes(), false)
            .expect("valid")
            .is_match("café".as_bytes())
    );
    assert!(
        Regex::new(b"^.\xff$", false)
            .expect("valid")
            .is_match(b"\xfe\xff")
    );
}
