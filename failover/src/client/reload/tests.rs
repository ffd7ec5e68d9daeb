use std::os::unix::net::UnixListener;

use super::*;

/// What comes of a master's answer.
fn verdict(answer: &'static str) -> Result<bool, String> {
    let name = format!(
        "lbctl-reload-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("a socket");
    let master = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a question");
        let mut line = [0; 7];
        stream.read_exact(&mut line).expect("a line");
        assert_eq!(&line, b"reload\n");
        stream.write_all(answer.as_bytes()).expect("written");
    });
    let verdict = main(&path.display().to_string());
    master.join().expect("it was asked");
    let _ = std::fs::remove_file(&path);
    verdict
}

#[test]
fn the_masters_word_is_the_exit_code() {
    assert_eq!(verdict("Success=1\n--\n[NOTICE] fine\n\n"), Ok(true));
    assert_eq!(verdict("Success=0\n--\n[ALERT] bad\n\n"), Ok(false));
    assert!(verdict("").is_err_and(|why| why.contains("no answer")));
    assert!(main("/nowhere.sock").is_err_and(|why| why.contains("is lbd running with '-S'?")));
}
