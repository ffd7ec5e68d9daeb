use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::pem;

fn made(name: &str) -> (String, String, Vec<u8>) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let cert = params.self_signed(&key).expect("a certificate");
    let pem = pem::encode("CERTIFICATE", cert.der());
    let key = pem::encode("PRIVATE KEY", key.serialized_der());
    (pem, key, cert.der().to_vec())
}

fn load(pem: &str, key: Option<&str>) -> Result<Certificate, Fault> {
    Certificate::load(&Parts {
        pem: pem.as_bytes().to_vec(),
        key: key.map(|key| key.as_bytes().to_vec()),
        ..Parts::default()
    })
}

#[test]
fn certificate_and_key_may_come_in_either_order_or_apart() {
    let (cert, key, der) = made("a.test");
    for (pem, apart) in [
        (format!("{cert}{key}"), None),
        (format!("{key}{cert}"), None),
        (cert.clone(), Some(key.as_str())),
    ] {
        let certificate = load(&pem, apart).expect("it fits");
        assert_eq!(certificate.certified.cert[0].as_ref(), der);
        assert_eq!(certificate.kind, KeyKind::Ecdsa);
        assert!(certificate.names().iter().any(|name| &**name == "a.test"));
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let (cert, key, _) = made("a.test");
    let (_, other, _) = made("b.test");
    let fault = |pem: &str, key| load(pem, key).err();
    assert_eq!(
        fault(&format!("{cert}{other}"), None),
        Some(Fault::Mismatch)
    );
    assert_eq!(fault(&cert, Some(&other)), Some(Fault::Mismatch));
    assert_eq!(fault(&cert, None), Some(Fault::NoKey));
    assert_eq!(fault(&key, None), Some(Fault::NoCertificate));
    assert_eq!(fault("", None), Some(Fault::NoCertificate));
    let locked = pem::encode("ENCRYPTED PRIVATE KEY", &[0; 8]);
    assert_eq!(
        fault(&format!("{cert}{locked}"), None),
        Some(Fault::EncryptedKey)
    );
    let junk = pem::encode("CERTIFICATE", &[9; 30]);
    assert_eq!(
        fault(&format!("{junk}{key}"), None),
        Some(Fault::Unreadable)
    );
}

#[test]
fn no_cut_of_a_file_is_too_odd() {
    let (cert, key, _) = made("a.test");
    let text = format!("{cert}{key}");
    for at in 0..text.len() {
        let _ = load(&text[..at], None);
        let _ = load(&text[at..], None);
    }
}
