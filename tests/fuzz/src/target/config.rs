//! Configuration text: lines, words, conditions, addresses, units, and findings about them.
//!
//! What must hold: it ends, stays within its limits, and every finding names a place in the text.

use lbd_config::address::{self, AddressRules};
use lbd_config::condition;
use lbd_config::host::{Environment, MemoryHost};
use lbd_config::lex::{MAX_WORDS, Reader};
use lbd_config::loader::Sources;
use lbd_config::render::{render, verdict};
use lbd_config::units::{TimeUnit, parse_size, parse_time};

use super::core::Diags;

pub(super) const WORDS: &[&[u8]] = &[
    b"\n",
    b"    ",
    b"global\n",
    b"defaults\n",
    b"defaults d from e\n",
    b"frontend f\n",
    b"backend b\n",
    b"listen l\n",
    b"bind :80\n",
    b"bind ipv6@:::8000-8010,unix@/s\n",
    b"server s 192.0.2.1:80 check\n",
    b"timeout client 10s\n",
    b"no option ",
    b"default ",
    b".if ",
    b".elif ",
    b".else\n",
    b".endif\n",
    b"defined(HOME)",
    b"version_atleast(2.4)",
    b"streq(\"a\",b)",
    b"strstr(a,b)",
    b"!",
    b"&&",
    b"||",
    b"(",
    b")",
    b".notice x\n",
    b".alert ",
    b"setenv A b\n",
    b"\"",
    b"'",
    b"\\",
    b"\\x41",
    b"\\n",
    b"\\\n",
    b"# ",
    b"${HOME}",
    b"${X-default}",
    b"\"${LIST[*]}\"",
    b"$",
    b"${",
    b"acl a path -i /x\n",
    b"use_backend b if { path /x } || !a\n",
    b"\0",
];

fn host() -> MemoryHost {
    MemoryHost::new()
        .var("HOME", "/root")
        .var("LIST", "a b  c")
        .var("EMPTY", "")
}

pub(super) fn text(input: &[u8]) {
    let host = host();
    let environment = Environment::new(&host);
    let sources = Sources::from_text("fuzz.cfg", input);
    let lines = input.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let mut diags = Diags::default();
    let mut reader = Reader::new(&sources);
    let mut statements = 0;
    while let Some(line) = reader.next_line(&environment, &mut diags) {
        statements += 1;
        assert!(statements <= lines, "more statements than lines");
        assert!(
            (1..=MAX_WORDS).contains(&line.words.len()),
            "{} words",
            line.words.len()
        );
        super::assert_span(line.span, lines);
        for word in &line.words {
            assert!(!word.text.contains(&0), "a NUL in a word");
            super::assert_span(word.span, lines);
            if let Ok(text) = word.str() {
                values(text, &environment);
            }
        }
    }
    for diag in &diags.0 {
        assert!(!diag.message.is_empty(), "{diag:?}");
        if let Some(span) = diag.span {
            super::assert_span(span, lines);
        }
    }
    let printed = render(&diags, &sources, 1, true);
    assert!(diags.0.is_empty() || !printed.is_empty());
    assert_eq!(diags.has_alert(), !verdict(&diags, &sources).0.is_empty());
}

/// A word as each kind of value: any answer will do.
fn values(text: &str, environment: &Environment<'_>) {
    let _ = address::parse(text, &AddressRules::BIND, environment);
    let _ = parse_time(text, TimeUnit::Millisecond);
    let _ = parse_size(text, u64::MAX);
    let _ = address::parse_network(text);
}

pub(super) fn condition(input: &[u8]) {
    let host = host();
    let environment = Environment::new(&host);
    let _ = condition::evaluate(input, &environment);
    if let Ok(text) = std::str::from_utf8(input) {
        let code = condition::check(text, &environment).exit_code();
        assert!(code <= 2, "exit code {code}");
    }
}
