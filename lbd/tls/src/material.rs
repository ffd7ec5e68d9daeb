//! What the files of a certificate hold: leaf, chain, key, issuer, OCSP answer.
//!
//! Not all of it need be there, nor fit together: that is asked when it is to be served, by
//! [`crate::certificate`].

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificate::Fault;
use crate::facts::CertFacts;
use crate::pem;

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

/// What is known of a certificate.
#[derive(Debug, Clone, Default)]
pub struct Material {
    /// The certificate itself.
    pub leaf: Option<CertificateDer<'static>>,
    /// Its chain, the next issuer first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Where the chain comes from when it is not the certificate's own (`issuers-chain-path`).
    pub chain_file: Option<Arc<str>>,
    /// The chain is sent without its last one when that issued itself.
    pub skips_roots: bool,
    /// The private key.
    pub key: Option<Arc<PrivateKeyDer<'static>>>,
    /// The issuer from a file of its own.
    pub issuer: Option<CertificateDer<'static>>,
    /// An OCSP answer (DER).
    pub ocsp: Option<Arc<[u8]>>,
}

impl Material {
    /// Reads the parts. A key of its own file serves when the certificate's has none.
    ///
    /// # Errors
    /// What cannot be read, and a missing leaf.
    pub fn read(parts: &Parts) -> Result<Self, Fault> {
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
        let mut certificates = found.certificates.into_iter();
        let leaf = certificates.next().ok_or(Fault::NoCertificate)?;
        CertFacts::of(&leaf).ok_or(Fault::Unreadable)?;
        let issuer = parts.issuer.as_deref().and_then(first_certificate);
        Ok(Self {
            leaf: Some(leaf),
            chain: certificates.collect(),
            chain_file: None,
            skips_roots: false,
            key: key.map(Arc::new),
            issuer,
            ocsp: parts.ocsp.clone().map(Into::into),
        })
    }

    /// What the leaf says.
    pub fn facts(&self) -> Option<CertFacts> {
        self.leaf.as_ref().and_then(CertFacts::of)
    }

    /// The chain as it is sent.
    pub(crate) fn sent(&self) -> &[CertificateDer<'static>] {
        match self.chain.split_last() {
            Some((last, rest))
                if self.skips_roots
                    && CertFacts::of(last).is_some_and(|facts| facts.is_self_issued) =>
            {
                rest
            }
            _ => &self.chain,
        }
    }

    /// The issuer's certificate, from the chain or its own file; a self-issued one is its own.
    pub(crate) fn issuer_of(&self, leaf: &CertFacts) -> Option<CertificateDer<'static>> {
        let mut all = self.chain.iter().chain(&self.issuer);
        let issued = |der: &&CertificateDer<'_>| {
            CertFacts::of(der).is_some_and(|facts| leaf.may_be_issued_by(&facts))
        };
        let found = all.find(issued).cloned();
        found.or_else(|| self.leaf.clone().filter(|_| leaf.is_self_issued))
    }

    /// Key, leaf and chain as PEM (`dump ssl cert`).
    pub fn to_pem(&self) -> String {
        let mut text = String::new();
        if let Some(key) = &self.key {
            let label = match &**key {
                PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
                PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
                _ => "PRIVATE KEY",
            };
            text.push_str(&pem::encode(label, key.secret_der()));
        }
        for der in self.leaf.iter().chain(&self.chain) {
            text.push_str(&pem::encode("CERTIFICATE", der));
        }
        text
    }
}

/// The first certificate of a PEM text.
pub fn first_certificate(text: &[u8]) -> Option<CertificateDer<'static>> {
    let sections = pem::sections(text).ok()?;
    let der = sections.certificates.into_iter().next()?;
    CertFacts::of(&der).map(|_| der)
}
