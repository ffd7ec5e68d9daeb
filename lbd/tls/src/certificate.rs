//! A certificate with its key and chain, checked to belong together, ready to be served.
//!
//! It reads no file; which file each part came from is the caller's knowledge.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, SignatureAlgorithm};

use crate::facts::CertFacts;
use crate::pem;

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

/// The parts of a certificate as files give them.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// The PEM text of the certificate, its chain, often its key.
    pub pem: Vec<u8>,
    /// A key in a file of its own.
    pub key: Option<Vec<u8>>,
    /// The issuer in a file of its own, to check OCSP answers with.
    pub issuer: Option<Vec<u8>>,
    /// An OCSP answer (DER).
    pub ocsp: Option<Vec<u8>>,
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
    /// The private key itself, for `dump ssl cert`.
    pub key: Arc<PrivateKeyDer<'static>>,
}

impl Certificate {
    /// Puts the parts together and checks that they fit.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn load(parts: &Parts) -> Result<Self, Fault> {
        let found = pem::sections(&parts.pem).map_err(|_| Fault::Unreadable)?;
        let mut is_encrypted = found.has_encrypted_key;
        let mut key = found.key;
        if let Some(text) = &parts.key {
            let own = pem::sections(text).map_err(|_| Fault::NoKey)?;
            is_encrypted |= own.has_encrypted_key;
            key = key.or(own.key);
        }
        if is_encrypted {
            return Err(Fault::EncryptedKey);
        }
        let chain = found.certificates;
        let leaf = chain.first().ok_or(Fault::NoCertificate)?;
        let facts = CertFacts::of(leaf).ok_or(Fault::Unreadable)?;
        let key = key.ok_or(Fault::NoKey)?;
        let signing = any_supported_type(&key).map_err(|_| Fault::UnsupportedKey)?;
        let kind = match signing.algorithm() {
            SignatureAlgorithm::RSA => KeyKind::Rsa,
            _ => KeyKind::Ecdsa,
        };
        let issuer = issuer(&chain, parts.issuer.as_deref(), &facts);
        let mut certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            // Not every certificate lets its key be compared; that is no mismatch.
            Ok(())
            | Err(Error::InconsistentKeys(rustls::InconsistentKeys::Unknown))
            | Err(Error::InvalidCertificate(_)) => {}
            Err(_) => return Err(Fault::Mismatch),
        }
        certified.ocsp = parts.ocsp.clone();
        Ok(Self {
            certified: Arc::new(certified),
            facts: Arc::new(facts),
            kind,
            issuer,
            key: Arc::new(key),
        })
    }

    /// The same with another staple, or none.
    pub fn with_ocsp(&self, ocsp: Option<Vec<u8>>) -> Self {
        let mut certified =
            CertifiedKey::new(self.certified.cert.clone(), Arc::clone(&self.certified.key));
        certified.ocsp = ocsp;
        Self {
            certified: Arc::new(certified),
            ..self.clone()
        }
    }

    /// The same with a longer chain (`issuers-chain-path`).
    pub fn with_chain(&self, more: &[CertificateDer<'static>]) -> Self {
        let mut chain = self.certified.cert.clone();
        chain.extend_from_slice(more);
        let mut certified = CertifiedKey::new(chain, Arc::clone(&self.certified.key));
        certified.ocsp.clone_from(&self.certified.ocsp);
        Self {
            certified: Arc::new(certified),
            issuer: self.issuer.clone().or_else(|| more.first().cloned()),
            ..self.clone()
        }
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

fn issuer(
    chain: &[CertificateDer<'static>],
    companion: Option<&[u8]>,
    leaf: &CertFacts,
) -> Option<CertificateDer<'static>> {
    let own = companion.and_then(|text| pem::sections(text).ok());
    let own = own
        .map(|sections| sections.certificates)
        .unwrap_or_default();
    let all = chain.iter().skip(1).chain(&own);
    for candidate in all {
        if CertFacts::of(candidate).is_some_and(|facts| leaf.may_be_issued_by(&facts)) {
            return Some(candidate.clone());
        }
    }
    leaf.is_self_issued
        .then(|| chain.first().cloned())
        .flatten()
}
