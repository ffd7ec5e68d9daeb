use std::process::Command;

use super::bash;

/// What bash offers for `line`, whose last word is being written.
fn offered(script: &str, function: &str, line: &[&str]) -> String {
    let words: Vec<_> = line.iter().map(|word| format!("'{word}'")).collect();
    let body = format!(
        "{script}\ncompopt() {{ :; }}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n{function}\necho \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        line.len() - 1
    );
    let output = Command::new("bash")
        .args(["-c", &body])
        .output()
        .expect("bash starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn bash_completes_flags_and_files() {
    let programs = crate::layout::programs();
    let lbd = programs
        .iter()
        .find(|program| program.name == "lbd")
        .expect("lbd is packaged");
    let script = bash(lbd);
    assert_eq!(offered(&script, "_lbd", &["lbd", "-vq"]), "-vq -vqs -vqb");
    assert_eq!(
        offered(&script, "_lbd", &["lbd", "-f", "Cargo.t"]),
        "Cargo.toml"
    );
    assert_eq!(offered(&script, "_lbd", &["lbd", "-n", ""]), "");
}
