//! What every keyword must keep: documented, sorted, unique, compiling where it says so, giving the
//! type it says, and together with the refused ones the reference's list.

#[path = "support/bench.rs"]
mod support;

use std::collections::BTreeSet;

use lbd_core::{Checkpoint, Type};
use lbd_rules::expr::{Expr, Sampled};
use lbd_rules::registry::{Example, Fetch, converters, fetches, find_fetch};
use lbd_rules::unsupported::{self, Class};
use lbd_rules::word::Word;
use lbd_rules::{acl, listing};
use support::{Bench, SPAN, Scene};

const FETCH_LIST: &str = include_str!("data/keywords-fetch.txt");
const CONVERTER_LIST: &str = include_str!("data/keywords-converter.txt");
const ACL_LIST: &str = include_str!("data/keywords-acl.txt");

fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn compile(text: &str, point: Checkpoint) -> Result<Expr, String> {
    let mut bench = Bench::default();
    Expr::parse(Word::new(text, SPAN), &mut bench.ctx(point)).map_err(|diag| diag.message)
}

#[test]
fn names_are_unique_and_sorted_within_a_family_and_documented() {
    for family in lbd_rules::fetch::FAMILIES {
        assert!(
            family.windows(2).all(|two| two[0].name < two[1].name),
            "{}",
            family[0].name
        );
    }
    for family in lbd_rules::convert::FAMILIES {
        assert!(
            family.windows(2).all(|two| two[0].name < two[1].name),
            "{}",
            family[0].name
        );
    }
    let mut seen = BTreeSet::new();
    for fetch in fetches() {
        assert!(seen.insert(fetch.name), "{} twice", fetch.name);
        assert!(
            fetch.doc.len() > 10 && !fetch.examples.is_empty(),
            "{}",
            fetch.name
        );
    }
    let mut seen = BTreeSet::new();
    for converter in converters() {
        assert!(seen.insert(converter.name), "{} twice", converter.name);
        assert!(
            converter.doc.len() > 10 && !converter.examples.is_empty(),
            "{}",
            converter.name
        );
    }
}

#[test]
fn every_example_compiles_in_each_place_where_its_fetch_is_valid_and_nowhere_else() {
    for fetch in fetches() {
        for example in fetch.examples {
            match example {
                Example::Ok(text) => {
                    for point in Checkpoint::ALL {
                        let result = compile(text, point);
                        assert_eq!(
                            result.is_ok(),
                            fetch.valid.contains(point),
                            "{text} in {}: {result:?}",
                            point.describe()
                        );
                    }
                }
                Example::Fail(text, message) => refuses(fetch, text, message),
            }
        }
    }
}

fn refuses(fetch: &Fetch, text: &str, message: &str) {
    let point = Checkpoint::ALL
        .into_iter()
        .find(|point| fetch.valid.contains(*point))
        .expect("valid in this test");
    let error = compile(text, point).expect_err(text);
    assert!(error.contains(message), "{text}: {error}");
}

#[test]
fn every_example_of_a_converter_compiles_or_is_refused_as_it_says() {
    for converter in converters() {
        for example in converter.examples {
            match example {
                Example::Ok(text) => {
                    let place = Checkpoint::FeHrqHdr;
                    let expr = compile(text, place).unwrap_or_else(|why| panic!("{text}: {why}"));
                    assert!(
                        expr.converters().any(|name| name == converter.name),
                        "{text}"
                    );
                }
                Example::Fail(text, message) => {
                    let error = compile(text, Checkpoint::FeHrqHdr).expect_err(text);
                    assert!(error.contains(message), "{text}: {error}");
                }
            }
        }
    }
}

fn is_of(value: Type, declared: Type) -> bool {
    match declared {
        Type::Any | Type::Same => true,
        Type::Addr => matches!(value, Type::Ipv4 | Type::Ipv6),
        declared => value == declared,
    }
}

#[test]
fn evaluation_gives_the_declared_type() {
    let scene = Scene::new();
    let texts = fetches().map(|f| (f.name, f.examples, f.valid));
    let all = converters().map(|c| {
        (
            c.name,
            c.examples,
            find_fetch("str").expect("valid in this test").valid,
        )
    });
    let mut valued = 0;
    for (name, examples, valid) in texts.chain(all) {
        for example in examples {
            let Example::Ok(text) = example else { continue };
            let points = [
                Checkpoint::FeHrqHdr,
                Checkpoint::BeHrsHdr,
                Checkpoint::FeLogEnd,
            ];
            let point = points
                .into_iter()
                .find(|point| valid.contains(*point))
                .expect("valid in this test");
            let expr = compile(text, point).expect("valid in this test");
            match expr.value(&scene.view()) {
                Sampled::Value(value) => {
                    valued += 1;
                    assert!(
                        is_of(value.kind(), expr.out_type()),
                        "{name} {text}: {value:?}"
                    );
                }
                Sampled::Absent => {}
                Sampled::NotYet => panic!("{text} is not decided by a final view"),
            }
        }
    }
    assert!(valued > 250, "only {valued} examples gave a value");
}

fn key(line: &str) -> &str {
    let line = line
        .rsplit("] ")
        .next()
        .filter(|_| line.starts_with('['))
        .unwrap_or(line);
    line.split(['(', ':'])
        .next()
        .expect("valid in this test")
        .trim()
}

fn fetch_key(line: &str) -> &str {
    line[48..]
        .split(['(', ':'])
        .next()
        .expect("valid in this test")
}

#[test]
fn supported_and_refused_keywords_together_are_the_references_list() {
    let reference: BTreeSet<&str> = lines(FETCH_LIST).map(fetch_key).collect();
    let ours: BTreeSet<&str> = fetches().map(|fetch| fetch.name).collect();
    let refused: BTreeSet<&str> = unsupported::FETCHES
        .iter()
        .flat_map(|entry| entry.names)
        .copied()
        .collect();
    assert!(ours.is_disjoint(&refused));
    assert_eq!(
        ours.union(&refused).copied().collect::<BTreeSet<_>>(),
        reference
    );

    let reference: BTreeSet<&str> = lines(CONVERTER_LIST).map(key).collect();
    let ours: BTreeSet<&str> = converters().map(|converter| converter.name).collect();
    let refused: BTreeSet<&str> = unsupported::CONVERTERS
        .iter()
        .flat_map(|entry| entry.names)
        .copied()
        .collect();
    assert!(ours.is_disjoint(&refused));
    assert_eq!(
        ours.union(&refused).copied().collect::<BTreeSet<_>>(),
        reference
    );

    let reference: BTreeSet<String> = lines(ACL_LIST)
        .map(|line| {
            line.split(' ')
                .next()
                .expect("valid in this test")
                .to_owned()
        })
        .collect();
    let ours: BTreeSet<String> = acl::keywords().into_iter().map(|k| k.name).collect();
    assert_eq!(ours, reference);
}

#[test]
fn listings_have_the_references_lines_in_its_order() {
    for (ours, reference) in [
        (listing::fetch_keywords(), FETCH_LIST),
        (listing::converter_keywords(), CONVERTER_LIST),
        (listing::acl_keywords(), ACL_LIST),
    ] {
        let mut rest = reference.lines();
        for line in ours.lines() {
            assert!(
                rest.any(|known| known == line),
                "not in the reference's place: {line:?}"
            );
        }
    }
}

#[test]
fn refused_keywords_are_named_with_what_they_need() {
    let mut bench = Bench::default();
    let word = Word::new("fc_saved_syn", SPAN);
    let diag = Expr::parse(word, &mut bench.ctx(Checkpoint::FeHrqHdr)).unwrap_err();
    assert_eq!(
        diag.message,
        "fetch method 'fc_saved_syn' is not supported yet"
    );
    assert_eq!(diag.hint, "It needs saved SYN packets.");
    assert!(unsupported::find(Class::Converter, "jwt_verify").is_some());
}
