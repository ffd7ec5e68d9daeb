use super::*;

fn ask_shell(script: &str, patience: Duration) -> Result<Vec<u8>, String> {
    let words = ["sh".to_owned(), "-c".to_owned(), script.to_owned()];
    // 'sh PATH -c …' would run the path: the shell's own words stand in its place here.
    let command = [words[0].clone(), words[2].clone()];
    ask(&command, "-c", patience)
}

#[test]
fn what_the_command_prints_is_taken_as_it_is() {
    let long = Duration::from_secs(30);
    assert_eq!(ask_shell("printf secret", long), Ok(b"secret".to_vec()));
    assert_eq!(ask_shell("echo secret", long), Ok(b"secret\n".to_vec()));
}

#[test]
fn one_that_fails_hangs_or_talks_too_much_says_nothing() {
    let long = Duration::from_secs(30);
    let said = |result: Result<Vec<u8>, String>| result.expect_err("an error");
    assert!(said(ask_shell("echo x; exit 3", long)).contains("exit status: 3"));
    // It ends when nobody listens any more.
    assert!(ask_shell("yes", long).is_err());
    let hanging = ask_shell("exec sleep 60", Duration::from_millis(50));
    assert!(said(hanging).contains("has not ended"));
    let none = ask(&["/none/such".to_owned()], "x", long);
    assert!(said(none).contains("No such file or directory"));
}
