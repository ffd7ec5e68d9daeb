use super::*;

fn count(kinds: Kinds) -> usize {
    let mut names: Vec<_> = EXPOSED
        .iter()
        .filter(|metric| metric.kinds.meets(kinds))
        .map(|metric| metric.name)
        .collect();
    names.dedup();
    names.len()
}

#[test]
fn each_kind_of_object_has_the_reference_s_number_of_metrics() {
    assert_eq!(count(Kinds::FRONTENDS), 33);
    assert_eq!(count(Kinds::LISTENERS), 19);
    assert_eq!(count(Kinds::BACKENDS), 55);
    assert_eq!(count(Kinds::SERVERS), 61);
}

#[test]
fn each_metric_has_a_column() {
    for metric in EXPOSED {
        assert!(metric.column().is_some(), "{}", metric.column);
    }
}

#[test]
fn series_of_a_metric_stand_together() {
    for metric in EXPOSED {
        let mut runs = 0;
        let mut before = "";
        for other in EXPOSED {
            runs += usize::from(other.name == metric.name && before != metric.name);
            before = other.name;
        }
        assert_eq!(runs, 1, "{}", metric.name);
    }
}
