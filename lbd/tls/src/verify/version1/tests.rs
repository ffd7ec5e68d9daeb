use super::super::*;
use super::*;
use rustls::crypto::aws_lc_rs;

/// Made by OpenSSL's `req`, `x509` and `ca` without a file of extensions.
macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("data/", $name))
    };
}

fn der(pem: &[u8]) -> CertificateDer<'static> {
    let mut sections = crate::pem::sections(pem).expect("PEM");
    sections.certificates.remove(0)
}

/// The beginning of 2030.
fn now() -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_893_456_000))
}

fn judge(list: Option<&[u8]>) -> Judge {
    let mut file = TrustFile::read(data!("ca.pem")).expect("an authority");
    if let Some(list) = list {
        assert_eq!(file.add_pem(list), Ok(1));
    }
    let authorities = Authorities::of([&file]);
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    Judge::new(Arc::new(authorities), algorithms)
}

fn code_of(judge: &Judge, leaf: &[u8], others: &[&[u8]], now: UnixTime) -> Option<(u32, bool)> {
    let others: Vec<_> = others.iter().map(|pem| der(pem)).collect();
    let verdict = judge.chain(&der(leaf), &others, now, Peer::Client);
    let failure = verdict.err()?;
    Some((failure.code, failure.is_authority))
}

#[test]
fn a_leaf_of_version_1_is_verified_up_to_its_authority() {
    let judge = judge(None);
    let inter: &[u8] = data!("inter.pem");
    assert!(is(&der(data!("direct.pem"))) && !is(&der(inter)));
    assert_eq!(code_of(&judge, data!("direct.pem"), &[], now()), None);
    assert_eq!(code_of(&judge, data!("through.pem"), &[inter], now()), None);
}

#[test]
fn what_is_wrong_with_its_chain_has_openssl_s_number() {
    let judge = judge(None);
    let noca: &[u8] = data!("noca.pem");
    let direct: &[u8] = data!("direct.pem");
    let through: &[u8] = data!("through.pem");
    let early = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1));
    let late = UnixTime::since_unix_epoch(std::time::Duration::from_secs(5_000_000_000));
    for (leaf, others, now, expected) in [
        (through, &[][..], now(), (code::NO_LOCAL_ISSUER, false)),
        (through, &[noca][..], now(), (code::NO_LOCAL_ISSUER, true)),
        (
            data!("below.pem"),
            &[noca][..],
            now(),
            (code::INVALID_CA, true),
        ),
        (direct, &[][..], early, (code::NOT_YET_VALID, false)),
        (direct, &[][..], late, (code::HAS_EXPIRED, false)),
    ] {
        assert_eq!(code_of(&judge, leaf, others, now), Some(expected));
    }
}

#[test]
fn a_changed_certificate_is_not_taken() {
    let judge = judge(None);
    let whole = der(data!("direct.pem"));
    let mut taken = Vec::new();
    for at in 0..whole.len() {
        let mut changed = whole.to_vec();
        changed[at] ^= 1;
        let changed = CertificateDer::from(changed);
        if judge.chain(&changed, &[], now(), Peer::Client).is_ok() {
            taken.push((at, whole[at]));
        }
    }
    assert_eq!(taken, []);
}

#[test]
fn lists_of_version_1_revoke() {
    let direct: &[u8] = data!("direct.pem");
    let through: &[u8] = data!("through.pem");
    let inter: &[u8] = data!("inter.pem");
    let revoking = judge(Some(data!("old.crl")));
    let revoked = Some((code::REVOKED, false));
    assert_eq!(code_of(&revoking, direct, &[], now()), revoked);
    let empty = judge(Some(data!("none.crl")));
    assert_eq!(code_of(&empty, direct, &[], now()), None);
    let unknown = Some((code::NO_CRL, false));
    assert_eq!(code_of(&empty, through, &[inter], now()), unknown);
}

#[test]
fn the_root_of_a_chain_is_found_by_names() {
    let judge = judge(None);
    let root = Some(der(data!("ca.pem")));
    let inter = der(data!("inter.pem"));
    assert_eq!(judge.root(&der(data!("direct.pem")), &[]), root);
    assert_eq!(judge.root(&der(data!("through.pem")), &[inter]), root);
    assert_eq!(judge.root(&der(data!("through.pem")), &[]), None);
}
