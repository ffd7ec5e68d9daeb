//! Every keyword runs: the example of each registry's entry, in each section and mode that it is
//! for, becomes a whole configuration, which lbd loads and compiles, and HAProxy 3.4 beside it where
//! `$HAPROXY` names one.
//!
//! It shows that lines are accepted; what they do is shown by the tests beside the code.

mod files;
mod judge;
mod lines;
mod places;
mod rules;
mod sections;
mod trial;

use trial::Trial;

#[test]
fn every_first_word_of_a_line_runs_wherever_it_is_for() {
    judge::judge(&lines::directives());
}

#[test]
fn every_option_and_timeout_runs_wherever_it_is_for() {
    judge::judge(&lines::options());
}

#[test]
fn every_word_of_a_bind_line_runs_in_each_section_and_mode() {
    judge::judge(&lines::bind_words());
}

#[test]
fn every_word_of_a_server_line_runs_in_each_section_and_mode() {
    judge::judge(&lines::server_words());
}

#[test]
fn every_fetch_runs_at_each_point_where_it_is_valid_and_at_no_other() {
    judge::judge(&rules::fetches());
}

#[test]
fn every_converter_runs_wherever_its_input_is_valid() {
    judge::judge(&rules::converters());
}

#[test]
fn every_action_runs_in_each_ruleset_section_and_mode() {
    judge::judge(&rules::actions());
}

#[test]
fn every_word_of_an_acl_runs_in_each_section_and_mode() {
    judge::judge(&rules::acls());
}

#[test]
fn every_alias_of_a_log_format_runs_in_each_format_and_mode() {
    judge::judge(&rules::aliases());
}

#[test]
fn sections_that_stand_by_themselves_are_judged_as_wholes() {
    judge::judge(&sections::trials());
}

/// All of a kind, for a count that is worth a word.
fn collect(trials: impl IntoIterator<Item = Trial>) -> Vec<Trial> {
    let trials: Vec<Trial> = trials.into_iter().collect();
    assert!(!trials.is_empty());
    trials
}
