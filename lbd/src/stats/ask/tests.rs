//! What stands behind the address of a page.

use super::{Ask, Outcome, View};
use crate::stats::Form;

fn view(rest: &str) -> View {
    Ask::parse(rest.as_bytes()).view
}

#[test]
fn the_form_is_chosen_by_a_word_behind_the_address() {
    assert_eq!(view(""), View::Page);
    assert_eq!(view("foo"), View::Page);
    assert_eq!(view(";CSV"), View::Page);
    assert_eq!(view(";csv"), View::Table(Form::Csv));
    assert_eq!(view("?a=b;up;csv"), View::Table(Form::Csv));
    assert_eq!(view(";typed;csv"), View::Table(Form::Typed));
    assert_eq!(view(";json"), View::Table(Form::Json));
    assert_eq!(view(";json;csv"), View::Table(Form::Json));
    assert_eq!(view(";json-schema"), View::Schema);
}

#[test]
fn filters_are_found_wherever_they_stand() {
    let ask = Ask::parse(b";up;no-maint;norefresh?scope=WEB-1;x");
    assert!(ask.only_up && ask.no_maint && ask.no_refresh);
    assert_eq!(ask.scope, "WEB-1");
    assert_eq!(ask.outcome, None);
    let ask = Ask::parse(b"");
    assert!(!ask.only_up && !ask.no_maint && !ask.no_refresh);
}

#[test]
fn a_scope_that_is_no_name_is_not_looked_at() {
    for text in ["scope=<b>", "scope=a%20b", "scope="] {
        assert_eq!(Ask::parse(text.as_bytes()).scope, "", "{text}");
    }
    let long = format!(";scope={}", "a".repeat(4000));
    assert_eq!(Ask::parse(long.as_bytes()).scope.len(), super::MAX_SCOPE);
}

#[test]
fn the_outcome_of_an_order_comes_by_its_code() {
    let outcome = |text: &str| Ask::parse(text.as_bytes()).outcome;
    assert_eq!(outcome(";st=DONE"), Some(Outcome::Done));
    assert_eq!(outcome(";st=PART;up"), Some(Outcome::Partly));
    assert_eq!(outcome(";st=XXXX"), Some(Outcome::Unknown));
    assert_eq!(outcome(";st="), Some(Outcome::Unknown));
    assert_eq!(outcome(";up"), None);
}
