use super::*;

/// Written by another process: what this one has open for writing when it starts a program cannot be
/// executed by anybody.
fn write(path: &Path, content: &str, mode: &str) {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "printf %s \"$2\" >\"$1\" && chmod \"$3\" \"$1\"",
        "sh",
    ]);
    let status = command.arg(path).args([content, mode]).status();
    assert!(status.expect("sh starts").success(), "{}", path.display());
}

#[test]
fn a_replaced_program_is_followed_by_the_one_in_its_place() {
    let shown = |own: &str| without_mark(Path::new(own)).display().to_string();
    assert_eq!(shown("/usr/sbin/lbd (deleted)"), "/usr/sbin/lbd");
    assert_eq!(shown("/usr/sbin/lbd"), "/usr/sbin/lbd");
}

#[test]
fn a_program_that_cannot_go_on_is_refused_with_the_reason() {
    let directory = std::env::temp_dir().join(format!("lbd-upgrade-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let mut verdicts = Vec::new();
    for (name, content, mode) in [
        ("says-yes-to-all", "#!/bin/sh\nexit 0\n", "755"),
        ("older", "#!/bin/sh\nexit 1\n", "755"),
        ("no-program", "text", "755"),
        ("not-executable", "#!/bin/sh\n", "644"),
        (
            "continues",
            "#!/bin/sh\ncat >/dev/null\necho continues\n",
            "755",
        ),
    ] {
        let path = directory.join(name);
        write(&path, content, mode);
        let said = ask(&path, &Image::default()).err().unwrap_or_default();
        let reason = said.split_once("program: ").map_or("", |(_, why)| why);
        verdicts.push(format!("{name}: {reason}"));
    }
    let _ = std::fs::remove_dir_all(&directory);
    assert_eq!(
        verdicts,
        [
            "says-yes-to-all: it is no lbd",
            "older: it does not know how (exit status: 1)",
            "no-program: Exec format error",
            "not-executable: Permission denied",
            "continues: ",
        ]
    );
}
