use super::*;

#[test]
fn sections_are_found_among_other_text() {
    let text = format!(
        "subject=/CN=a\n{}junk\n{}",
        encode("CERTIFICATE", &[1; 100]),
        encode("PRIVATE KEY", &[2; 3])
    );
    let found = sections(text.as_bytes()).expect("read");
    assert_eq!(found.certificates.len(), 1);
    assert_eq!(found.certificates[0].as_ref(), [1; 100]);
    assert_eq!(found.key.expect("a key").secret_der(), [2; 3]);
}

#[test]
fn encrypted_keys_are_seen() {
    let new = encode("ENCRYPTED PRIVATE KEY", &[0; 8]);
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    for text in [new.as_str(), old] {
        assert!(sections(text.as_bytes()).expect("read").has_encrypted_key);
    }
}

#[test]
fn no_cut_of_a_text_is_too_odd() {
    let text = encode("CERTIFICATE", &[7; 200]);
    for at in 0..text.len() {
        let _ = sections(&text.as_bytes()[..at]);
        let _ = sections(&text.as_bytes()[at..]);
    }
}
