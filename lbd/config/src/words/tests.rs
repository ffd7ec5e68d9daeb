use lbd_core::Diags;

use super::*;
use crate::host::{Environment, MemoryHost};
use crate::lex::Reader;
use crate::loader::Sources;

fn line(text: &str) -> Line {
    let sources = Sources::from_text("t.cfg", format!("global\n{text}\n"));
    let host = MemoryHost::new();
    let mut diags = Diags::default();
    let mut reader = Reader::new(&sources);
    let environment = Environment::new(&host);
    reader.next_line(&environment, &mut diags).unwrap();
    let line = reader.next_line(&environment, &mut diags).unwrap();
    assert!(diags.0.is_empty(), "{diags:?}");
    line
}

#[test]
fn words_come_one_after_the_other_with_their_places() {
    let line = line("  maxconn  10 \"x y\"");
    let mut words = Words::new(&line);
    assert!(words.take_if("maxconn") && !words.take_if("maxconn"));
    assert_eq!(words.last().column, 3);
    assert_eq!(words.here().column, 12);
    assert_eq!(words.int("maxconn", 0..=100).unwrap(), 10);
    let extra = words.end("maxconn").unwrap_err();
    assert_eq!(
        extra.message,
        "'maxconn' cannot handle unexpected argument 'x y'."
    );
    let span = extra.span.unwrap();
    assert_eq!((span.column, span.len), (15, 5));
    assert_eq!(words.rest().len(), 1);
    assert_eq!(words.left(), 0);
    assert!(words.end("maxconn").is_ok());
    let missing = words.expect("maxconn", "a number").unwrap_err();
    assert_eq!(missing.message, "'maxconn' expects a number");
}

#[test]
fn values_are_refused_in_the_words_of_the_reference() {
    let line = line("k 1x 2kb 99 3min 7");
    let mut words = Words::new(&line);
    words.take();
    assert_eq!(
        words
            .time("timeout connect", TimeUnit::Millisecond)
            .unwrap_err()
            .message,
        "unexpected character 'x' in 'timeout connect'"
    );
    assert_eq!(
        words.size("tune.bufsize", 1 << 30).unwrap_err().message,
        "unexpected 'b' after size passed to 'tune.bufsize'"
    );
    assert_eq!(
        words.int("nbthread", 1..=64).unwrap_err().message,
        "'nbthread' expects an integer from 1 to 64, got '99'"
    );
    let minutes = words
        .time("timeout connect", TimeUnit::Millisecond)
        .unwrap();
    assert_eq!(minutes, Duration::from_secs(180));
    assert_eq!(words.warnings.len(), 1);
    assert_eq!(
        words.time("timeout connect", TimeUnit::Second).unwrap(),
        Duration::from_secs(7)
    );
}

#[test]
fn no_and_default_are_taken_off() {
    for (text, modifier) in [
        ("no option x", Modifier::No),
        ("default option x", Modifier::Default),
        ("option x", Modifier::Plain),
    ] {
        let line = line(text);
        let mut words = Words::new(&line);
        assert_eq!(words.modifier(), modifier);
        assert!(words.take_if("option"));
    }
}

#[test]
fn a_number_with_something_behind_it_is_a_warning_and_nothing_is_zero() {
    let line = line("retries 5x x -3% 7x");
    let mut words = Words::new(&line);
    assert!(words.take_if("retries"));
    assert_eq!(words.int("retries", 0..=9).unwrap(), 5);
    assert_eq!(
        words.warnings[0].message,
        "'retries' takes 5 from '5x', the rest is ignored."
    );
    assert_eq!(words.int("retries", 0..=9).unwrap(), 0);
    assert!(words.int("retries", 0..=9).is_err());
    assert_eq!(words.warnings.len(), 2);
    assert!(words.exact_int("nbthread", 0..=9).is_err());
}
