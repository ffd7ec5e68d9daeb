use super::*;

const KNOWN: [&str; 9] = [
    "backend",
    "balance",
    "bind",
    "default_backend",
    "frontend",
    "maxconn",
    "server",
    "timeout",
    "use_backend",
];

#[test]
fn slips_find_their_keyword() {
    for (word, expected) in [
        ("blance", Some("balance")),
        ("balanec", Some("balance")),
        ("Server", Some("server")),
        ("use-backend", Some("use_backend")),
        ("default-backend", Some("default_backend")),
        ("bnid", Some("bind")),
        ("timeouts", Some("timeout")),
        ("maxcon", Some("maxconn")),
        ("xyzzy", None),
        ("", None),
        ("b", None),
        ("frobnicate", None),
    ] {
        assert_eq!(nearest(word, KNOWN), expected, "{word}");
    }
}

#[test]
fn a_swap_counts_once() {
    assert_eq!(distance(b"ab", b"ba"), 1);
    assert_eq!(distance(b"kitten", b"sitting"), 3);
    assert_eq!(distance(b"", b"abc"), 3);
}

#[test]
fn enormous_words_are_not_compared() {
    let long = "a".repeat(1 << 20);
    assert_eq!(nearest(&long, KNOWN), None);
    assert_eq!(nearest("bind", [long.as_str()]), None);
}
