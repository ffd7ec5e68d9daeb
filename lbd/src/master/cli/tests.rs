use super::*;

#[test]
fn semicolons_part_commands_unless_they_are_escaped() {
    let parted = |line: &str| commands(line).join("|");
    assert_eq!(
        parted(r"@1 add acl f a\;b;@1 show acl f"),
        r"@1 add acl f a\;b|@1 show acl f"
    );
    assert_eq!(parted(r"a\\;b"), r"a\\|b");
    assert_eq!(parted("show proc"), "show proc");
}
