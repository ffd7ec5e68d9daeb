use super::{debian, parse};

const TEXT: &str = "# Changes\n\nAbout.\n\n## 0.2.0 (2026-12-01)\n\n- one,\n  on two lines\n- two\n\n## 0.1.0 (2026-11-28)\n- first\n";

#[test]
fn versions_and_changes_are_read() {
    let versions = parse(TEXT).expect("well formed");
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0].changes, ["one, on two lines", "two"]);
    assert_eq!(versions[1].number, "0.1.0");
    assert_eq!(versions[1].seconds(), 1_795_867_200);
}

#[test]
fn debian_has_its_form() {
    let versions = parse(TEXT).expect("well formed");
    let text = debian(&versions[1..], "lbd", 3);
    assert_eq!(
        text,
        "lbd (0.1.0-3) stable; urgency=medium\n\n  * first\n\n -- lbd developers \
         <packages@lbd.invalid>  Sat, 28 Nov 2026 12:00:00 +0000\n\n"
    );
}

#[test]
fn a_heading_without_a_day_is_told() {
    assert!(parse("## 1.0\n").is_err());
}
