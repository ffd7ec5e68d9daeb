//! A certificate with its key and chain, checked to belong together, ready to be served.
//!
//! It reads no file; which file each part came from is the caller's knowledge.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{Error, SignatureAlgorithm};

use crate::facts::CertFacts;
use crate::material::Material;
pub use crate::material::Parts;
use crate::ocsp::Staple;

#[cfg(test)]
mod tests;

/// Kind of a key, as clients choose by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// ECDSA or Ed25519.
    Ecdsa,
    /// RSA.
    Rsa,
}

/// Why a certificate cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No certificate in the text.
    NoCertificate,
    /// The text is no PEM or a certificate is no certificate.
    Unreadable,
    /// No private key.
    NoKey,
    /// The private key is protected by a passphrase.
    EncryptedKey,
    /// The key is of a kind that is not served: DSA, Ed448, too short.
    UnsupportedKey,
    /// Key and certificate do not belong together.
    Mismatch,
}

impl Fault {
    /// What an operator is told.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoCertificate => "unable to load certificate from file",
            Self::Unreadable => "unable to load certificate chain from file",
            Self::NoKey => "No Private Key found",
            Self::EncryptedKey => "the private key is encrypted and no passphrase is given",
            Self::UnsupportedKey => "the private key is of a kind that is not supported",
            Self::Mismatch => "inconsistencies between private key and certificate loaded",
        }
    }
}

/// A certificate that can be served.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Chain as sent, leaf first, with key and staple.
    pub certified: Arc<CertifiedKey>,
    /// What the leaf says.
    pub facts: Arc<CertFacts>,
    /// Kind of the key.
    pub kind: KeyKind,
    /// The issuer's certificate, from the chain or a companion.
    pub issuer: Option<CertificateDer<'static>>,
    /// The OCSP answer to send, which is replaced while running.
    pub staple: Option<Arc<Staple>>,
}

impl Certificate {
    /// Puts the parts together and checks that they fit.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn load(parts: &Parts) -> Result<Self, Fault> {
        Self::of(&Material::read(parts)?)
    }

    /// Makes what can be served of what there is.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn of(material: &Material) -> Result<Self, Fault> {
        let leaf = material.leaf.as_ref().ok_or(Fault::NoCertificate)?;
        let facts = CertFacts::of(leaf).ok_or(Fault::Unreadable)?;
        let key = material.key.as_ref().ok_or(Fault::NoKey)?;
        let signing = any_supported_type(key).map_err(|_| Fault::UnsupportedKey)?;
        let kind = match signing.algorithm() {
            SignatureAlgorithm::RSA => KeyKind::Rsa,
            _ => KeyKind::Ecdsa,
        };
        let chain = std::iter::once(leaf).chain(material.sent());
        let certified = CertifiedKey::new(chain.cloned().collect(), signing);
        match certified.keys_match() {
            // Not every certificate lets its key be compared; that is no mismatch.
            Ok(())
            | Err(Error::InconsistentKeys(rustls::InconsistentKeys::Unknown))
            | Err(Error::InvalidCertificate(_)) => {}
            Err(_) => return Err(Fault::Mismatch),
        }
        Ok(Self {
            certified: Arc::new(certified),
            issuer: material.issuer_of(&facts),
            facts: Arc::new(facts),
            kind,
            staple: None,
        })
    }

    /// Names under which it is found when no filter says otherwise: alternative DNS names and the
    /// common names.
    pub fn names(&self) -> Vec<Box<str>> {
        let mut names = self.facts.dns_names.clone();
        for name in self.facts.common_names() {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.into());
            }
        }
        names
    }
}
