use super::*;

#[test]
fn words_are_understood_and_others_refused() {
    let wish = |text: &str| {
        parse(
            &text
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(wish(""), Some(Wish::default()));
    assert_eq!(
        wish("--check --port 81"),
        Some(Wish {
            check: true,
            port: Some(81)
        })
    );
    assert_eq!(wish("--port"), None);
    assert_eq!(wish("--wrong"), None);
}
