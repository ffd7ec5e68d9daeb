use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{PrivatePkcs8KeyDer, UnixTime};

use super::*;

/// A clock that stands.
#[derive(Debug)]
struct At(Option<u64>);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        let since = std::time::Duration::from_secs(self.0?);
        Some(UnixTime::since_unix_epoch(since))
    }
}

fn certified() -> Arc<CertifiedKey> {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
    let cert = params.self_signed(&key).expect("a certificate");
    let der = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let signing = any_supported_type(&der).expect("a key");
    Arc::new(CertifiedKey::new(vec![cert.der().clone()], signing))
}

fn stapled(next_update: Option<i64>, now: Option<u64>) -> bool {
    let staple = Arc::new(Staple::default());
    staple.set(Some(Answer {
        der: b"answer"[..].into(),
        next_update,
    }));
    let stapling = Stapling::new(certified(), staple, Arc::new(At(now)));
    stapling.current().ocsp.is_some()
}

#[test]
fn an_answer_is_stapled_until_its_end() {
    assert!(stapled(Some(1000), Some(999)));
    assert!(!stapled(Some(1000), Some(1000)));
    assert!(!stapled(Some(1000), Some(2000)));
    assert!(stapled(None, Some(2000)), "it names no end");
    assert!(
        !stapled(Some(1000), None),
        "without a clock nothing is known"
    );
}

#[test]
fn another_answer_takes_its_place_at_once() {
    let staple = Arc::new(Staple::default());
    let stapling = Stapling::new(certified(), Arc::clone(&staple), Arc::new(At(Some(1))));
    assert_eq!(stapling.current().ocsp, None);
    for text in ["one", "two"] {
        staple.set(Some(Answer {
            der: text.as_bytes().into(),
            next_update: Some(10),
        }));
        let both = [stapling.current(), stapling.current()];
        assert_eq!(both[0].ocsp.as_deref(), Some(text.as_bytes()));
        assert!(Arc::ptr_eq(&both[0], &both[1]), "made once");
    }
    staple.set(None);
    assert_eq!(stapling.current().ocsp, None);
}

#[test]
fn what_is_no_answer_is_refused() {
    for bytes in [
        &b""[..],
        b"\x30",
        b"\x30\x00",
        b"\x30\x03\x0a\x01\x06",
        &[0xff; 40],
    ] {
        assert!(Reply::read(bytes).is_err());
    }
    // RFC 6960 4.2.1: tryLater.
    let busy = Reply::read(b"\x30\x03\x0a\x01\x03");
    assert_eq!(busy, Err("OCSP response status not successful".to_owned()));
}
