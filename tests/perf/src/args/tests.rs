use super::{Args, WORKS, Work};

fn parse(line: &str) -> Result<Option<Args>, String> {
    Args::parse(line.split_whitespace().map(str::to_owned))
}

#[test]
fn works_are_chosen_by_name_and_all_run_otherwise() {
    let args = parse("--work 64k,p99 --rounds 7")
        .expect("valid")
        .expect("not help");
    assert_eq!(
        (args.works, args.rounds),
        (vec![Work::Body64k, Work::P99], 7)
    );
    let all = parse("").expect("valid").expect("not help");
    assert_eq!(all.works.len(), WORKS.len());
}

#[test]
fn wrong_words_are_refused_by_name() {
    assert_eq!(
        parse("--work nosuch").expect_err("refused"),
        "unknown work nosuch"
    );
    assert_eq!(
        parse("--rounds x").expect_err("refused"),
        "x is not a number"
    );
    assert_eq!(
        parse("--rounds").expect_err("refused"),
        "--rounds needs a value"
    );
    assert!(parse("--smoke --record").is_err());
    assert!(parse("--help").expect("valid").is_none());
}
