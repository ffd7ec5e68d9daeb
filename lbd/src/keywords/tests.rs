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
    assert_eq!(dump("help"), Err(CLASSES));
}
