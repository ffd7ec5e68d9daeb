use super::{Needs, parse};

const PRINTED: &str = "
Dynamic Section:
  NEEDED               libgcc_s.so.1
  NEEDED               libc.so.6
  INIT                 0x0000000000014000

Version References:
  required from libc.so.6:
    0x069691b4 0x00 02 GLIBC_2.34
    0x09691a75 0x00 03 GLIBC_2.2.5
    0x06969185 0x00 24 GLIBC_2.9
  required from libgcc_s.so.1:
    0x0b792650 0x00 04 GCC_3.0
";

#[test]
fn debian_needs_the_newest_version_by_number() {
    assert_eq!(
        parse(PRINTED).debian().expect("known libraries"),
        ["libc6 (>= 2.34)", "libgcc-s1 (>= 3.0)"]
    );
}

#[test]
fn rpm_needs_each_version() {
    let requires = parse(PRINTED).rpm();
    for needed in [
        "libc.so.6()(64bit)",
        "libc.so.6(GLIBC_2.34)(64bit)",
        "libgcc_s.so.1(GCC_3.0)(64bit)",
    ] {
        assert!(
            requires.iter().any(|r| r == needed),
            "{needed}: {requires:?}"
        );
    }
}

#[test]
fn an_unknown_library_is_told() {
    let needs = parse("  NEEDED libssl.so.3\n");
    assert!(needs.debian().is_err());
    let both = Needs::union([&needs, &parse(PRINTED)]);
    assert_eq!(both.libraries().count(), 3);
}
