use super::*;

const MAPS: &str = "\
55d000-55e000 r--p 00000000 fe:00 1 /usr/sbin/lbd
55e000-56f000 r-xp 00001000 fe:00 1 /usr/sbin/lbd
570000-571000 rw-p 00000000 00:00 0 [heap]
600000-601000 r--p 00000000 fe:00 2 /usr/lib/locale/C.utf8/LC_CTYPE
700000-701000 r-xp 00000000 fe:00 3 /usr/lib/x86_64-linux-gnu/libc.so.6
701000-703000 rw-p 00000000 fe:00 3 /usr/lib/x86_64-linux-gnu/libc.so.6
7ff000-7ff100 r-xp 00000000 00:00 0 [vdso]
";

#[test]
fn files_with_code_are_listed_once_with_their_whole_range() {
    let objects = parse(MAPS);
    assert_eq!(
        list(&objects, false),
        "/usr/sbin/lbd\n/usr/lib/x86_64-linux-gnu/libc.so.6\n"
    );
    assert_eq!(
        list(&objects, true).lines().next(),
        Some("0x00000055d000-0x00000056efff (0x0012000) /usr/sbin/lbd")
    );
}

#[test]
fn long_names_are_split_at_a_slash() {
    let long = format!("core-1/{}/{}", "a".repeat(90), "b".repeat(90));
    let (prefix, name) = split_name(&long).unwrap();
    assert_eq!(format!("{prefix}/{name}"), long);
    assert!(name.len() <= NAME && prefix.len() <= PREFIX);
    assert_eq!(split_name(&"x".repeat(101)), None);
    assert_eq!(split_name("short"), Some(("", "short")));
}

#[test]
fn the_program_itself_is_the_first() {
    let objects = loaded().unwrap();
    let program = std::env::current_exe().unwrap();
    assert_eq!(Path::new(&objects[0].path), program);
}
