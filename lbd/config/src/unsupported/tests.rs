use lbd_core::{FileId, Span};

use super::*;

#[test]
fn a_keyword_is_refused_with_its_name_and_what_it_waits_for() {
    let span = Span::line(FileId(0), 1);
    let entry = keyword("filter", Section::Backend).unwrap();
    let diag = entry.diag(span, "filter");
    assert_eq!(diag.message, "'filter' is not supported yet (filters).");
    assert!(!diag.hint.is_empty());
    assert!(keyword("filter", Section::Global).is_none());
    assert!(keyword("server", Section::Backend).is_none());
}

#[test]
fn every_section_of_the_lexer_is_known_or_refused() {
    for name in crate::lex::SECTIONS {
        let known = [
            "global",
            "defaults",
            "frontend",
            "backend",
            "listen",
            "userlist",
            "http-errors",
            "peers",
            "crt-store",
            "healthcheck",
        ];
        assert_eq!(known.contains(name), section(name).is_none(), "{name}");
    }
}
