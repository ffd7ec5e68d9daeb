//! Files of the tests: reading, and comparing with what is expected.
//!
//! `UPDATE_EXPECT=1` writes what came out instead of comparing.
#![expect(clippy::disallowed_methods, reason = "a test's own files")]

use std::path::{Path, PathBuf};

/// The directory of the test data of this crate.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Text of a file.
pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The `.cfg` files of a directory in order.
pub(crate) fn configurations(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cfg"))
        .collect();
    files.sort();
    files
}

/// Compares with the file, or writes it.
pub(crate) fn expect(path: &Path, found: &str) {
    if std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1") {
        std::fs::write(path, found).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        wanted == found,
        "{} differs; UPDATE_EXPECT=1 writes it\n--- found\n{found}",
        path.display()
    );
}

/// A certificate with its key, in PEM.
pub(crate) fn certificate() -> String {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
    let cert = params.self_signed(&key).expect("a certificate");
    let section = lbd_tls::pem::encode;
    format!(
        "{}{}",
        section("CERTIFICATE", cert.der()),
        section("PRIVATE KEY", key.serialized_der())
    )
}
