use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::bind::{Entry, Policy, Resumption, Wire};
use crate::material::{Material, Parts};
use crate::pem;
use crate::settings::Settings;
use crate::tickets::Part;

fn bundle(name: &str) -> String {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let cert = params.self_signed(&key).expect("a certificate");
    let cert = pem::encode("CERTIFICATE", cert.der());
    format!("{cert}{}", pem::encode("PRIVATE KEY", key.serialized_der()))
}

/// A store with one certificate `a.pem` on one line.
fn store() -> (Store, Arc<BindTls>) {
    let parts = Parts {
        pem: bundle("a.test").into_bytes(),
        ..Parts::default()
    };
    let material = Material::read(&parts).expect("it is good");
    let certificate = Arc::new(Certificate::of(&material).expect("it fits"));
    let sessions = rustls::server::NoServerSessionStorage {};
    let resumption = Resumption {
        store: Arc::new(Part::new(Arc::new(sessions))),
        ticketer: None,
        early: None,
    };
    let policy =
        Policy::new(Settings::default(), None, &resumption, Wire::default()).expect("a policy");
    let entry = Entry {
        name: "a.pem".into(),
        certificate: Arc::clone(&certificate),
        policy: Arc::new(policy),
        filters: Arc::default(),
        is_default: true,
        origin: None,
    };
    let tls = Arc::new(BindTls::new(vec![entry], false, None));
    let store = Store::default();
    let about = (Source::default(), Options::default());
    store.add_certificate("a.pem", material, Some(certificate), about);
    store.add_bind(BindUse {
        frontend: "web".into(),
        place: "lbd.cfg:1".into(),
        tls: Arc::clone(&tls),
    });
    (store, tls)
}

fn served(tls: &BindTls) -> Vec<String> {
    tls.names().into_iter().map(|named| named.name).collect()
}

#[test]
fn a_commit_changes_what_is_served_and_an_abort_does_not() {
    let (store, tls) = store();
    let (_, is_new) = store
        .set_certificate("a.pem", bundle("b.test").as_bytes())
        .expect("it is good");
    assert!(is_new);
    assert!(served(&tls).contains(&"a.test".to_owned()), "not yet");
    store.abort_certificate("a.pem").expect("it is there");
    assert!(store.commit_certificate("a.pem", 0).is_err(), "it is gone");
    let text = bundle("b.test");
    store
        .set_certificate("a.pem", text.as_bytes())
        .expect("good");
    assert_eq!(store.commit_certificate("a.pem", 0), Ok(1));
    assert!(served(&tls).contains(&"b.test".to_owned()));
}

#[test]
fn parts_are_told_by_the_end_of_the_name() {
    let (store, tls) = store();
    let (cert, key) = {
        let text = bundle("b.test");
        let at = text.find("-----BEGIN PRIVATE").expect("a key");
        (text[..at].to_owned(), text[at..].to_owned())
    };
    store
        .set_certificate("a.pem", cert.as_bytes())
        .expect("good");
    let (name, is_new) = store
        .set_certificate("a.pem.key", key.as_bytes())
        .expect("good");
    assert_eq!((&*name, is_new), ("a.pem", false));
    assert!(store.set_certificate("a.pem.key", b"none").is_err());
    assert!(store.set_certificate("a.pem.other", b"none").is_err());
    assert_eq!(store.commit_certificate("a.pem", 0), Ok(1));
    assert!(served(&tls).contains(&"b.test".to_owned()));
    // With `ssl-load-extra-del-ext` the certificate's own end is left out.
    store.new_certificate("site.crt").expect("a new name");
    assert!(store.set_certificate("site.key", key.as_bytes()).is_err());
    store.set_drops_crt(true);
    let found = store.set_certificate("site.key", key.as_bytes());
    assert_eq!(
        found.map(|(name, _)| name.to_string()),
        Ok("site.crt".to_owned())
    );
}

#[test]
fn a_certificate_in_use_stays() {
    let (store, _) = store();
    assert!(store.delete_certificate("a.pem").is_err());
    store.new_certificate("b.pem").expect("a new name");
    assert!(store.new_certificate("b.pem").is_err());
    assert_eq!(store.delete_certificate("b.pem"), Ok(()));
    let view = store.view_certificate("a.pem", false).expect("it is there");
    assert_eq!(view.status, Status::Used);
    assert!(store.view_certificate("a.pem", true).is_none());
}
