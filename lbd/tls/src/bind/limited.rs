//! A key that signs by some algorithms only (`sigalgs`).

use std::sync::Arc;

use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

#[derive(Debug)]
struct Limited {
    key: Arc<dyn SigningKey>,
    allowed: Arc<[SignatureScheme]>,
}

impl SigningKey for Limited {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        // In the operator's order.
        self.allowed
            .iter()
            .filter(|scheme| offered.contains(scheme))
            .find_map(|scheme| self.key.choose_scheme(&[*scheme]))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.key.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

/// The same certificate with a key that keeps to the list.
pub(super) fn certified(
    full: &CertifiedKey,
    allowed: &Arc<[SignatureScheme]>,
) -> Arc<CertifiedKey> {
    let key = Arc::new(Limited {
        key: Arc::clone(&full.key),
        allowed: Arc::clone(allowed),
    });
    let mut limited = CertifiedKey::new(full.cert.clone(), key);
    limited.ocsp.clone_from(&full.ocsp);
    Arc::new(limited)
}
