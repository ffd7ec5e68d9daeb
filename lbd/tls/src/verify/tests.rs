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
fn a_chain_ends_with_an_authority_that_is_its_own_issuer() {
    let root = ca("root");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params
        .distinguished_name
        .push(DnType::CommonName, "between");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let signed = params.signed_by(&key, &root.issuer).expect("a certificate");
    let between = Ca {
        der: signed.der().clone(),
        issuer: Issuer::new(params, key),
    };
    let leaf = leaf(&between, "a.test", 2030);
    let judge_of = |known: &[&Ca]| {
        let mut authorities = Authorities::default();
        for ca in known {
            assert!(authorities.add(ca.der.clone()));
        }
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        Judge::new(Arc::new(authorities), algorithms)
    };
    let sent = [between.der.clone()];
    let verdict = |known: &[&Ca], others: &[CertificateDer<'_>]| {
        let verdict = judge_of(known).chain(&leaf, others, now(), Peer::Client);
        verdict.map_err(|failure| (failure.code, failure.is_authority))
    };
    assert_eq!(verdict(&[&root], &sent), Ok(()));
    assert_eq!(verdict(&[&root, &between], &[]), Ok(()), "a known link");
    assert_eq!(verdict(&[&between], &sent), Err((code::NO_ISSUER, true)));
    assert_eq!(verdict(&[&between], &[]), Err((code::NO_ISSUER, true)));
    let itself = judge_of(&[&between]).chain(&between.der, &[], now(), Peer::Client);
    assert!(itself.is_err(), "known, but not its own issuer");
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

/// A list of version 1, which webpki does not read (RFC 5280 5.1.2.1).
fn old_list(ca: &Ca, key: &KeyPair, revoked: Option<u8>) -> TrustFile {
    use rcgen::SigningKey as _;
    let der = |tag: u8, content: &[u8]| {
        let mut der = vec![tag];
        match u8::try_from(content.len()) {
            Ok(len @ ..0x80) => der.push(len),
            Ok(len) => der.extend([0x81, len]),
            Err(_) => {
                der.push(0x82);
                der.extend(u16::try_from(content.len()).expect("short").to_be_bytes());
            }
        }
        der.extend_from_slice(content);
        der
    };
    let algorithm = der(0x30, &der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));
    let facts = CertFacts::of(&ca.der).expect("an authority");
    let mut list = algorithm.clone();
    list.extend_from_slice(&facts.subject_der);
    list.extend(der(0x17, b"240101000000Z"));
    list.extend(der(0x17, b"400101000000Z"));
    if let Some(serial) = revoked {
        let one = [der(2, &[serial]), der(0x17, b"240101000000Z")].concat();
        list.extend(der(0x30, &der(0x30, &one)));
    }
    let list = der(0x30, &list);
    let signature = key.sign(&list).expect("a signature");
    let signature = der(3, &[&[0], &signature[..]].concat());
    let whole = der(0x30, &[list, algorithm, signature].concat());
    let text = crate::pem::encode("X509 CRL", &whole);
    TrustFile::read(text.as_bytes()).expect("it is PEM")
}

#[test]
fn lists_of_version_1_revoke_and_those_of_others_do_not() {
    let authority = ca("good");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
    params.serial_number = Some(rcgen::SerialNumber::from(9u64));
    let leaf = params.signed_by(&key, &authority.issuer).expect("a leaf");
    let verdict = |list: TrustFile| {
        let authorities = TrustFile {
            certificates: vec![authority.der.clone()],
            crls: Vec::new(),
        };
        let authorities = Authorities::of([&authorities, &list]);
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        let judge = Judge::new(Arc::new(authorities), algorithms);
        let verdict = judge.chain(leaf.der(), &[], now(), Peer::Client);
        verdict.map_err(|failure| (failure.code, failure.is_authority))
    };
    let own = authority.issuer.key();
    assert_eq!(verdict(TrustFile::default()), Ok(()));
    assert_eq!(verdict(old_list(&authority, own, None)), Ok(()));
    assert_eq!(verdict(old_list(&authority, own, Some(8))), Ok(()));
    assert_eq!(
        verdict(old_list(&authority, own, Some(9))),
        Err((code::REVOKED, false))
    );
    assert_eq!(
        verdict(old_list(&authority, &key, Some(9))),
        Err((code::CRL_BAD_SIGNATURE, false)),
        "signed by somebody else"
    );
    assert_eq!(
        verdict(old_list(&ca("other"), own, None)),
        Err((code::NO_CRL, false)),
        "of another authority"
    );
}
