use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SignatureAlgorithm};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::UnixTime;

use super::*;
use crate::certificate::{KeyKind, Parts};
use crate::verify::{Authorities, Judge, Peer};

/// The middle of 2026.
const NOW: u64 = 1_782_000_000;

/// An authority whose name holds a kind of part twice.
const PROTECTED: &[u8] = include_bytes!("protected.pem");

fn authority(algorithm: &'static SignatureAlgorithm) -> String {
    let key = KeyPair::generate_for(algorithm).expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    let name = &mut params.distinguished_name;
    name.push(DnType::OrganizationName, "Example");
    name.push(DnType::CommonName, "Signer");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let der = params.self_signed(&key).expect("a certificate");
    let key = pem::encode("PRIVATE KEY", key.serialized_der());
    format!("{}{key}", pem::encode("CERTIFICATE", der.der()))
}

fn base() -> Certificate {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["default.test".to_owned()]).expect("a name");
    let der = params.self_signed(&key).expect("a certificate");
    let key = pem::encode("PRIVATE KEY", key.serialized_der());
    let text = format!("{}{key}", pem::encode("CERTIFICATE", der.der()));
    let parts = Parts {
        pem: text.into_bytes(),
        ..Parts::default()
    };
    Certificate::load(&parts).expect("it fits")
}

/// What verifying a forged one comes to, in OpenSSL's numbers; 0 for good.
fn verdict(forged: &Certificate, at: u64) -> u32 {
    let (leaf, others) = forged.certified.cert.split_first().expect("a chain");
    let mut authorities = Authorities::default();
    assert!(authorities.add(others[0].clone()));
    let algorithms = default_provider().signature_verification_algorithms;
    let judge = Judge::new(Arc::new(authorities), algorithms);
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at));
    let verdict = judge.chain(leaf, others, at, Peer::Client);
    verdict.map_or_else(|failure| failure.code, |_| 0)
}

#[test]
fn a_forged_certificate_is_good_for_its_name_and_for_a_year() {
    let base = base();
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let text = authority(algorithm);
        let forger = Forger::read(text.as_bytes(), None).expect("an authority");
        let forged = forger.forge("new.test", &base, NOW).expect("a name");
        assert_eq!(verdict(&forged, NOW), 0, "{algorithm:?}");
        assert_ne!(verdict(&forged, NOW + LIFE + DAY), 0, "{algorithm:?}");
        assert_eq!(forged.kind, KeyKind::Ecdsa, "the key is the other's");
        assert!(forged.certified.keys_match().is_ok(), "{algorithm:?}");
        assert_eq!(&*forged.facts.dns_names, ["new.test".into()]);
        let names: Vec<&str> = forged.facts.common_names().collect();
        assert_eq!(names, ["Signer", "new.test"], "{algorithm:?}");
        assert!(is_fresh(&forged, NOW));
        assert!(!is_fresh(&forged, NOW + LIFE));
        let again = forger.forge("new.test", &base, NOW).expect("a name");
        assert_ne!(forged.facts.serial, again.facts.serial, "{algorithm:?}");
    }
}

#[test]
fn a_protected_key_needs_its_passphrase() {
    let fault = |pass| Forger::read(PROTECTED, pass).err();
    assert_eq!(fault(None), Some(Fault::Passphrase));
    assert_eq!(fault(Some("wrong")), Some(Fault::Passphrase));
    let forger = Forger::read(PROTECTED, Some("secret")).expect("an authority");
    let forged = forger.forge("new.test", &base(), NOW).expect("a name");
    assert_eq!(verdict(&forged, 1_800_000_000), 0, "its name is whole");
}

#[test]
fn what_cannot_sign_is_named() {
    let whole = authority(&rcgen::PKCS_ECDSA_P256_SHA256);
    let other = authority(&rcgen::PKCS_ECDSA_P256_SHA256);
    let at = whole.find("-----BEGIN PRIVATE").expect("a key");
    let (cert, key) = whole.split_at(at);
    let other_key = &other[other.find("-----BEGIN PRIVATE").expect("a key")..];
    let fault = |text: &str| Forger::read(text.as_bytes(), None).err();
    assert_eq!(fault(cert), Some(Fault::NoKey));
    assert_eq!(fault(key), Some(Fault::NoCertificate));
    assert_eq!(fault(&format!("{cert}{other_key}")), Some(Fault::Mismatch));
    assert_eq!(fault(""), Some(Fault::NoCertificate));
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert_eq!(fault(&format!("{cert}{old}")), Some(Fault::Passphrase));
}
