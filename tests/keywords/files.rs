//! The files that examples name.

use std::process::{Command, Stdio};

use base64::Engine as _;
use rcgen::{
    CertificateParams, CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, SerialNumber,
    date_time_ymd,
};
use support::TempDir;

/// Names and contents. The absolute ones stand for the machine's own, which the reference looks at.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let pair = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["example.com".to_owned()]).expect("a name");
    params.serial_number = Some(SerialNumber::from(vec![0x10]));
    let certificate = params.self_signed(&pair).expect("a certificate");
    let certificate = pem("CERTIFICATE", certificate.der());
    let key = pem("PRIVATE KEY", &pair.serialize_der());
    let revoked = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(2049, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let revoked = revoked.signed_by(&Issuer::from_params(&params, &pair));
    let revoked = pem("X509 CRL", revoked.expect("a revocation list").der());
    let engine = base64::engine::general_purpose::STANDARD;
    let tickets: String = (0..3u8).map(|n| engine.encode([n; 48]) + "\n").collect();
    vec![
        ("site.pem", format!("{certificate}{key}").into_bytes()),
        ("site.crt", certificate.clone().into_bytes()),
        ("site.ocsp", answer(&certificate, &key)),
        ("site.key", key.clone().into_bytes()),
        ("crl.pem", revoked.into_bytes()),
        ("ca.pem", certificate.clone().into_bytes()),
        ("all-ca.pem", certificate.clone().into_bytes()),
        ("fallback.pem", format!("{certificate}{key}").into_bytes()),
        ("tickets.keys", tickets.into_bytes()),
        ("sites.list", b"site.pem\n".to_vec()),
        (
            "open.list",
            b"site.pem [alpn h2] \"a 'b c\\\nsite.pem [alpn h2\n".to_vec(),
        ),
        ("quoted.list", b"\"site.pem\"\n".to_vec()),
        ("words.lst", b"a\nb\n".to_vec()),
        ("words.map", b"a b\n".to_vec()),
        ("/etc/ssl/issuers/ca.pem", certificate.into_bytes()),
        ("/var/run/netns/blue", Vec::new()),
    ]
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// The answer of a responder that the certificate is good, signed by itself.
fn answer(certificate: &str, key: &str) -> Vec<u8> {
    let dir = TempDir::new();
    let cert = dir.write("a.pem", certificate);
    let key = dir.write("a.key", key);
    let index = dir.write("index", "V\t491231235959Z\t\t10\tunknown\t/CN=x\n");
    let out = dir.path().join("a.ocsp");
    let made = Command::new("openssl")
        .args(["ocsp", "-no_nonce", "-ndays", "9", "-index"])
        .arg(index)
        .arg("-CA")
        .arg(&cert)
        .arg("-rsigner")
        .arg(&cert)
        .arg("-rkey")
        .arg(key)
        .arg("-issuer")
        .arg(&cert)
        .arg("-cert")
        .arg(&cert)
        .arg("-respout")
        .arg(&out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("openssl starts");
    assert!(made.success());
    std::fs::read(out).expect("an answer")
}
