#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
use super::{Row, Side, Verdict, median, summarize, table};

fn row(haproxy: f64, lbd: f64, bound: f64) -> Row {
    let side = |figure| Side {
        figure,
        range: (figure, figure),
        ..Side::default()
    };
    let (haproxy, lbd) = (side(haproxy), side(lbd));
    Row {
        work: "small".into(),
        unit: "us",
        haproxy,
        lbd,
        bound,
        note: String::new(),
    }
}

#[test]
fn a_ratio_is_judged_against_its_bound() {
    assert_eq!(row(20.0, 15.0, 0.75).verdict(), Verdict::Pass);
    assert_eq!(row(20.0, 15.1, 0.75).verdict(), Verdict::Fail);
    assert_eq!(row(20.0, 21.0, 1.0).verdict(), Verdict::Tie);
    assert_eq!(row(20.0, 22.1, 1.0).verdict(), Verdict::Fail);
    assert_eq!(row(0.0, 0.0, 1.0).verdict(), Verdict::Fail);
}

#[test]
fn rounds_are_summed_up_by_their_middle() {
    let rounds: Vec<Side> = [5.0, 1.0, 3.0]
        .map(|figure| Side {
            figure,
            errors: 1,
            resident_bytes: figure as u64,
            ..Side::default()
        })
        .into();
    let sum = summarize(&rounds);
    assert_eq!(
        (sum.figure, sum.range, sum.errors, sum.resident_bytes),
        (3.0, (1.0, 5.0), 3, 5)
    );
    assert_eq!(median([4.0, 1.0]), 2.5);
    assert_eq!(median([]), 0.0);
}

#[test]
fn the_table_has_a_line_for_each_row() {
    let text = table(&[row(20.0, 15.0, 0.75), row(2.0, 3.0, 1.0)]);
    assert_eq!(text.lines().count(), 4);
    assert!(
        text.contains("| **0.75** | 0.75 | pass |") && text.contains("| **1.50** | 1.00 | fail |")
    );
}
