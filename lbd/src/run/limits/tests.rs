use super::*;

#[test]
fn more_workers_than_cpus_are_told() {
    let map = |of: &[(u16, &[u16])]| of.iter().map(|(n, cpus)| (*n, cpus.to_vec())).collect();
    let none: BTreeMap<u16, Vec<u16>> = BTreeMap::new();
    assert_eq!(crowded(2, &none, 2), None);
    assert!(
        crowded(4, &none, 2)
            .unwrap()
            .contains("binds 4 threads to a total of 2 CPUs")
    );
    let apart: BTreeMap<_, _> = map(&[(1, &[0]), (2, &[1])]);
    assert_eq!(crowded(2, &apart, 1), None);
    let shared: BTreeMap<_, _> = map(&[(1, &[0]), (2, &[0]), (3, &[0])]);
    assert!(
        crowded(2, &shared, 8)
            .unwrap()
            .contains("binds 2 threads to a total of 1 CPUs")
    );
}
