use std::fs;

use super::TempDir;

#[test]
fn a_directory_holds_files_until_it_is_dropped() {
    let directory = TempDir::new();
    let file = directory.write("errors/503.http", "HTTP/1.0 503 No\r\n\r\n");
    assert!(
        fs::read(&file)
            .expect("the file is there")
            .starts_with(b"HTTP/1.0 503")
    );
    drop(directory);
    assert!(!file.exists());
}
