//! What expressions give, compared with what HAProxy 3.4 gave for the same text and request.
//!
//! The file holds an expression and its value as a string in each line; nothing for no value.

#[path = "support/bench.rs"]
mod support;

use lbd_core::Checkpoint;
use lbd_rules::arg::parse_var;
use lbd_rules::expr::Expr;
use lbd_rules::var::OwnedValue;
use lbd_rules::word::Word;
use support::{Bench, SPAN, Scene};

const VALUES: &str = include_str!("data/values.tsv");

#[test]
fn expressions_give_what_the_reference_gives() {
    let mut bench = Bench::default();
    let scene = Scene::new();
    for (name, value) in [
        ("txn.v", OwnedValue::Str(b"vvv".as_slice().into())),
        ("txn.seven", OwnedValue::Int(7)),
    ] {
        let var = parse_var(name.as_bytes(), &mut bench.vars).expect("a name");
        scene.store.set(var.id, value, 0);
    }
    let mut faults = Vec::new();
    for line in VALUES.lines() {
        let (text, wanted) = line.split_once('\t').expect("two columns");
        let expr = Expr::parse(Word::new(text, SPAN), &mut bench.ctx(Checkpoint::FeHrqHdr));
        let found = match &expr {
            Ok(expr) => {
                let value = expr.bytes(&scene.view()).unwrap_or_default();
                String::from_utf8_lossy(value).into_owned()
            }
            Err(diag) => diag.message.clone(),
        };
        if found != wanted {
            faults.push(format!("{text}: wanted {wanted:?}, found {found:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
