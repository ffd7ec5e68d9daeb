use super::*;
use crate::host::MemoryHost;

fn messages(diags: &Diags) -> Vec<&str> {
    diags.0.iter().map(|diag| diag.message.as_str()).collect()
}

#[test]
fn files_of_a_directory_come_in_the_order_of_their_bytes() {
    let host = MemoryHost::new()
        .file("d/b.cfg", "b\n")
        .file("d/B.cfg", "B\n")
        .file("d/10.cfg", "10\n")
        .file("d/2.cfg", "2\n")
        .file("d/.hidden.cfg", "h\n")
        .file("d/a.cfg.bak", "x\n")
        .file("d/sub.cfg/x", "x\n")
        .file("z.conf", "z\n");
    let (sources, diags) = load(&["z.conf", "d"], &host);
    assert!(diags.0.is_empty(), "{diags:?}");
    assert_eq!(sources.list(), "z.conf;d/10.cfg;d/2.cfg;d/B.cfg;d/b.cfg");
    assert_eq!(sources.get(FileId(1)).unwrap().text, b"10\n");
}

#[test]
fn what_can_be_read_comes_with_all_faults() {
    let mut host = MemoryHost::new().file("a", "global\n").file("e/x", "");
    host.unreadable
        .insert("secret".into(), "Permission denied".into());
    let (sources, diags) = load(&["missing", "secret", "a", "e"], &host);
    assert_eq!(sources.list(), "a");
    assert_eq!(
        messages(&diags),
        [
            "Cannot open configuration directory e : no configuration file in it",
            "Cannot open configuration file/directory missing : No such file or directory",
            "Could not open configuration file secret : Permission denied",
        ]
    );
}

#[test]
fn the_sum_of_all_files_is_limited() {
    let half = vec![b'\n'; MAX_CONFIG_BYTES / 2 + 1];
    let host = MemoryHost::new().file("a", half.clone()).file("b", half);
    let (sources, diags) = load(&["a", "b"], &host);
    assert_eq!(sources.len(), 1);
    assert_eq!(
        messages(&diags),
        ["Loading b: input is too large 64MB, limited to 64MB"]
    );
}
