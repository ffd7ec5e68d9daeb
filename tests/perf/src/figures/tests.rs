use super::*;

#[test]
fn a_record_keeps_the_rows_of_figures_that_were_not_measured() {
    let machine = Machine::read("true".as_ref(), "true".as_ref());
    let line = |name: &str, value: u32| format!("| {name} | {value} | x |");
    let set = Set {
        word: "x",
        title: "X",
        record: "",
        figures: &[],
    };
    let first = set.recorded("", &machine, vec![line("lag", 1), line("memory", 2)]);
    let second = set.recorded(&first, &machine, vec![line("memory", 3), line("kill", 4)]);
    let rows: Vec<_> = second
        .lines()
        .filter(|line| line.ends_with("x |"))
        .collect();
    assert_eq!(rows, [line("lag", 1), line("memory", 3), line("kill", 4)]);
    assert_eq!(second.matches(HEAD).count(), 1);
}
