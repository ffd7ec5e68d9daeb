//! `ssl-passphrase-cmd`: private keys that a passphrase protects.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::*;

/// A key as openssl protects it with the passphrase `secret`.
fn locked(key: &str, form: &[&str]) -> String {
    let dir = support::temp::TempDir::new();
    let clear = dir.write("key.pem", key);
    let output = Command::new("openssl")
        .args(form)
        .args(["-passout", "pass:secret", "-in"])
        .arg(&clear)
        .output()
        .expect("openssl");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("a text")
}

const NEW: &[&str] = &["pkcs8", "-topk8", "-v2", "aes-256-cbc"];
const OLD: &[&str] = &["ec", "-aes256"];

/// A script that notes its arguments and prints what `body` says.
fn script(dir: &support::temp::TempDir, body: &str) -> String {
    let calls = dir.path().join("calls").display().to_string();
    let text = format!("#!/bin/sh\necho \"$@\" >> {calls}\n{body}\n");
    let path = dir.write("say", text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    path.display().to_string()
}

fn calls(dir: &support::temp::TempDir) -> Vec<String> {
    let text = std::fs::read_to_string(dir.path().join("calls")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

const FRONT: &str = "frontend f
    bind <front> ssl crt new.pem crt old.pem crt apart.pem
    http-request return status 200
";

#[test]
fn protected_keys_are_opened_with_one_question_for_each_passphrase() {
    let authority = Authority::new("CA");
    let names = ["new.test", "old.test", "apart.test"];
    let leaves = names.map(|name| authority.leaf(&[name]));
    let dir = support::temp::TempDir::new();
    let say = script(&dir, "printf secret");
    let with = |at: usize, form| {
        let key = locked(&leaves[at].key_pem(), form);
        format!("{}{key}", leaves[at].cert_pem())
    };
    let proxy = program(&Program::Lbd, FRONT)
        .with(
            "global",
            format!("ssl-passphrase-cmd {say} one \"two three\""),
        )
        .file("new.pem", with(0, NEW))
        .file("old.pem", with(1, OLD))
        .file("apart.pem", leaves[2].cert_pem())
        .file("apart.pem.key", locked(&leaves[2].key_pem(), NEW))
        .start();
    let tls = Tls::trusting(&authority);
    for (name, leaf) in names.iter().zip(&leaves) {
        let client = tls.connect(proxy.address("front"), name).expect(name);
        assert_eq!(client.certificate(), leaf.der, "{name}");
    }
    // The configuration is read once; the others are opened by what opened the first.
    assert_eq!(calls(&dir), ["new.pem one two three"]);
}

#[test]
fn what_does_not_open_a_key_is_told() {
    let authority = Authority::new("CA");
    let leaf = authority.leaf(&["a.test"]);
    let pem = format!("{}{}", leaf.cert_pem(), locked(&leaf.key_pem(), NEW));
    let front = "frontend f
    bind <front> ssl crt a.pem
";
    let dir = support::temp::TempDir::new();
    let check = |global: String| {
        let exit = program(&Program::Lbd, front)
            .with("global", global)
            .file("a.pem", pem.as_str())
            .check();
        (exit.code, exit.stderr)
    };
    let refused = |global: String, words: &str| {
        let (code, stderr) = check(global);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(words), "{words}: {stderr}");
        assert!(
            stderr.contains("No Private Key found in 'a.pem.key'"),
            "{stderr}"
        );
    };
    let wrong = script(&dir, "echo wrong");
    refused(
        format!("ssl-passphrase-cmd {wrong}"),
        "does not open the key in 'a.pem'",
    );
    let failing = script(&dir, "echo secret; exit 3");
    refused(format!("ssl-passphrase-cmd {failing}"), "exit status: 3");
    refused(
        "ssl-passphrase-cmd /none/such".to_owned(),
        "No such file or directory",
    );
    refused(
        "ssl-passphrase-cmd".to_owned(),
        "without an 'ssl-passphrase-cmd' defined",
    );
    let line = script(&dir, "echo secret");
    let (code, stderr) = check(format!("ssl-passphrase-cmd {line}"));
    assert_eq!(code, Some(0), "{stderr}");
}
