use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;

use super::*;

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

fn ca(name: &str) -> Ca {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let der = params
        .self_signed(&key)
        .expect("a certificate")
        .der()
        .clone();
    Ca {
        issuer: Issuer::new(params, key),
        der,
    }
}

fn leaf(ca: &Ca, name: &str, until: i32) -> CertificateDer<'static> {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let cert = params.signed_by(&key, &ca.issuer).expect("a certificate");
    cert.der().clone()
}

fn judge(ca: &Ca) -> Judge {
    let mut authorities = Authorities::default();
    assert!(authorities.add(ca.der.clone()));
    assert!(!authorities.add(ca.der.clone()), "once");
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    Judge::new(Arc::new(authorities), algorithms)
}

/// The middle of 2025.
fn now() -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_750_000_000))
}

#[test]
fn failures_have_the_numbers_of_openssl() {
    let (good, other) = (ca("good"), ca("other"));
    let judge = judge(&good);
    let verdict = |der: &CertificateDer<'_>| {
        let verdict = judge.chain(der, &[], now(), Peer::Client);
        verdict.map_err(|failure| failure.code)
    };
    assert_eq!(verdict(&leaf(&good, "a.test", 2030)), Ok(()));
    assert_eq!(
        verdict(&leaf(&good, "a.test", 2024)),
        Err(code::HAS_EXPIRED)
    );
    assert_eq!(
        verdict(&leaf(&other, "a.test", 2030)),
        Err(code::NO_LOCAL_ISSUER)
    );
    assert_eq!(verdict(&other.der), Err(code::SELF_SIGNED_LEAF));
    assert_eq!(verdict(&good.der), Ok(()), "it is trusted itself");
    assert_eq!(code::parse("X509_V_ERR_CERT_HAS_EXPIRED"), Some(10));
    assert_eq!(code::parse("19"), Some(19));
    assert_eq!(code::parse("X509_V_ERR_NOPE"), None);
}

#[test]
fn only_what_is_listed_is_overlooked() {
    let good = ca("good");
    let mut judge = judge(&good);
    let old = leaf(&good, "a.test", 2024);
    assert!(judge.verdict(&old, &[], now(), Peer::Client).is_err());
    judge.ignored_leaf.codes = vec![code::HAS_EXPIRED];
    assert!(judge.verdict(&old, &[], now(), Peer::Client).is_ok());
    let unknown = leaf(&ca("other"), "a.test", 2030);
    assert!(judge.verdict(&unknown, &[], now(), Peer::Client).is_err());
    judge.ignored_leaf.all = true;
    assert!(judge.verdict(&unknown, &[], now(), Peer::Client).is_ok());
}

#[test]
fn hosts_are_compared_by_alternative_names_with_wildcards() {
    let ca = ca("good");
    let cert = leaf(&ca, "*.w.test", 2030);
    for (host, is_for) in [
        ("a.w.test", true),
        ("A.W.Test", true),
        ("w.test", false),
        (".w.test", false),
        ("a.b.w.test", false),
        ("", false),
    ] {
        assert_eq!(is_named(&cert, host), is_for, "{host}");
    }
}
