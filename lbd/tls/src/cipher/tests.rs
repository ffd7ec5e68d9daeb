use super::*;

fn names(list: &str) -> Vec<&'static str> {
    let kept = ciphers(list).kept;
    kept.iter().map(|suite| suite_name(suite.suite())).collect()
}

#[test]
fn words_select_suites_in_their_order() {
    assert_eq!(
        names("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"),
        [
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-ECDSA-AES256-GCM-SHA384"
        ]
    );
    assert_eq!(names("ALL").len(), 6);
    assert_eq!(names("ECDHE+AESGCM").len(), 4);
    assert_eq!(
        names("ECDH+CHACHA20:aECDSA+AES128"),
        [
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "ECDHE-RSA-CHACHA20-POLY1305",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
        ]
    );
}

#[test]
fn operators_remove_move_and_forbid() {
    assert_eq!(names("ALL:!AES").len(), 2);
    assert_eq!(names("ALL:-AES:AES128").len(), 4, "- may be taken back");
    assert_eq!(names("ALL:!AES:AES128").len(), 2, "! may not");
    let moved = names("AESGCM:+AES256");
    assert!(moved[0].contains("AES128") && moved[3].contains("AES256"));
    assert_eq!(names("!aNULL:!MD5:HIGH:@STRENGTH").len(), 6);
}

#[test]
fn what_is_not_there_is_told() {
    let chosen = ciphers("ECDHE+AESGCM:DHE-RSA-AES256-SHA:DH+AES:!aNULL:RSA");
    assert_eq!(chosen.kept.len(), 4);
    assert_eq!(chosen.dropped, ["DHE-RSA-AES256-SHA", "DH+AES", "RSA"]);
    assert!(ciphers("DHE-RSA-AES256-SHA").kept.is_empty());
    assert!(ciphersuites("TLS_AES_128_CCM_SHA256").kept.is_empty());
}

#[test]
fn curves_and_signatures_have_all_their_names() {
    assert_eq!(curves("X25519:P-256:secp384r1:prime256v1").kept.len(), 4);
    assert_eq!(curves("P-521:X448").dropped, ["X448"]);
    let list = sigalgs("RSA+SHA256:ecdsa_secp256r1_sha256:RSA-PSS+SHA512:ed25519:RSA+SHA1");
    assert_eq!(list.kept.len(), 4);
    assert_eq!(list.dropped, ["RSA+SHA1"]);
}

#[test]
fn no_list_is_too_odd() {
    for list in [
        "",
        ":::",
        "!",
        "+",
        "-",
        "@",
        "+++",
        "ALL:!ALL",
        "\u{fffd}:é",
    ] {
        let _ = (
            ciphers(list),
            ciphersuites(list),
            curves(list),
            sigalgs(list),
        );
    }
}
