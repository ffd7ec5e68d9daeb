use rcgen::{CertificateParams, DnType, KeyPair, SanType};

use super::*;

fn name(parts: &[(&str, &str)]) -> Vec<(Box<str>, Box<[u8]>)> {
    parts
        .iter()
        .map(|(kind, value)| ((*kind).into(), value.as_bytes().into()))
        .collect()
}

#[test]
fn names_are_written_as_openssl_and_rfc_2253_do() {
    let dn = name(&[
        ("C", "FR"),
        ("O", "A, B"),
        ("OU", "x"),
        ("OU", "y"),
        ("CN", "#h"),
    ]);
    assert_eq!(one_line(&dn), b"/C=FR/O=A, B/OU=x/OU=y/CN=#h");
    assert_eq!(rfc2253(&dn), b"CN=\\#h,OU=y,OU=x,O=A\\, B,C=FR");
    assert_eq!(entry(&dn, "OU", 0), Some(&b"x"[..]));
    assert_eq!(entry(&dn, "ou", 2), Some(&b"y"[..]));
    assert_eq!(entry(&dn, "OU", -1), Some(&b"y"[..]));
    assert_eq!(entry(&dn, "OU", 3), None);
    assert_eq!(entry(&dn, "OU", -3), None);
    assert_eq!(entry(&dn, "OU", i64::MIN), None);
}

#[test]
fn the_fields_of_a_certificate_are_read() {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, "host");
    params
        .subject_alt_names
        .push(SanType::IpAddress("192.0.2.1".parse().expect("an address")));
    params.not_after = rcgen::date_time_ymd(2030, 1, 2);
    let cert = params.self_signed(&key).expect("a certificate");
    let facts = CertFacts::of(cert.der()).expect("read");
    assert_eq!(
        facts.common_names().collect::<Vec<_>>(),
        ["rcgen self signed cert", "host"][1..]
    );
    assert_eq!(&*facts.dns_names[0], "a.test");
    assert_eq!(&*facts.alternative_names[1], "IP Address:192.0.2.1");
    assert_eq!(
        (facts.key_algorithm, facts.key_bits),
        ("id-ecPublicKey", 256)
    );
    assert_eq!(&*facts.signature_algorithm, "ecdsa-with-SHA256");
    assert_eq!((facts.version, facts.not_after), (3, 1_893_542_400));
    assert!(facts.is_self_issued);
}

#[test]
fn what_is_no_certificate_has_no_facts() {
    for bytes in [&b""[..], b"x", &[0x30, 0x82, 0xff, 0xff], &[0x30; 100]] {
        assert_eq!(CertFacts::of(&CertificateDer::from(bytes.to_vec())), None);
    }
}
