use super::*;

#[test]
fn every_class_lists_what_its_registry_has() {
    let all = dump("all").unwrap();
    for line in [
        "path_beg = path -m beg",
        "\ttimeout",
        "\thttp-request set-header",
        "show stat [WORKER] ",
        "lower: str => str",
        "] src: addr",
    ] {
        assert!(all.contains(line), "{line} is missing");
    }
    assert!(all.contains("set var [WORKER] [EXPERIM] "));
    assert_eq!(dump("help"), Err(CLASSES));
}

#[test]
fn the_reference_of_keywords_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/doc/keywords.md");
    let found = reference();
    if std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1") {
        return std::fs::write(path, found).unwrap();
    }
    let wanted = std::fs::read_to_string(path).unwrap();
    assert!(wanted == found, "{path} differs; UPDATE_EXPECT=1 writes it");
}
