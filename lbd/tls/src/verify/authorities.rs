//! Authorities and their revocation lists: as files hold them, and as chains are judged by them.
//!
//! It judges no chain.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, TrustAnchor};
use rustls::{DistinguishedName, RootCertStore};

use super::crl::Crl;
use crate::facts::CertFacts;
use crate::pem;

/// What a `ca-file` or a `crl-file` holds.
#[derive(Debug, Clone, Default)]
pub struct TrustFile {
    /// Certificates of authorities, each once.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Revocation lists.
    pub crls: Vec<Arc<Crl>>,
}

impl TrustFile {
    /// Reads PEM; what it cannot understand of it is passed over.
    ///
    /// # Errors
    /// When the text is no PEM.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let mut file = Self::default();
        file.add_pem(text)?;
        Ok(file)
    }

    /// Adds what a text holds; how many certificates and lists were new.
    ///
    /// # Errors
    /// When the text is no PEM.
    pub fn add_pem(&mut self, text: &[u8]) -> Result<usize, String> {
        let sections = pem::sections(text)?;
        let mut added = 0;
        for der in sections.certificates {
            if CertFacts::of(&der).is_some() && !self.certificates.contains(&der) {
                self.certificates.push(der);
                added += 1;
            }
        }
        for der in sections.crls {
            if let Some(crl) = Crl::read(&der) {
                self.crls.push(Arc::new(crl));
                added += 1;
            }
        }
        Ok(added)
    }
}

/// Authorities, and what they revoked.
#[derive(Debug, Default)]
pub struct Authorities {
    /// Those that are their own issuers: the ends of chains, as in the reference.
    pub(super) roots: Vec<TrustAnchor<'static>>,
    /// Those that others certified: links of chains that peers need not send.
    pub(super) links: Vec<CertificateDer<'static>>,
    /// All of them as certificates.
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) subjects: Vec<DistinguishedName>,
    pub(super) crls: Vec<Arc<Crl>>,
}

impl Authorities {
    /// The authorities of some files; what is revoked is looked for when any file has a list.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a TrustFile>) -> Self {
        let mut authorities = Self::default();
        for file in files {
            for der in &file.certificates {
                authorities.add(der.clone());
            }
            authorities.crls.extend(file.crls.iter().cloned());
        }
        authorities
    }

    /// Adds one authority; `false` when it cannot be read or is known already.
    pub fn add(&mut self, der: CertificateDer<'static>) -> bool {
        if self.certificates.contains(&der) {
            return false;
        }
        let Some(facts) = CertFacts::of(&der) else {
            return false;
        };
        let mut store = RootCertStore::empty();
        if store.add(der.clone()).is_ok() {
            self.subjects.extend(store.subjects());
            match facts.is_self_issued {
                true => self.roots.append(&mut store.roots),
                false => self.links.push(der.clone()),
            }
        }
        self.certificates.push(der);
        true
    }

    /// Whether a certificate is one of the authorities and its own issuer: it is trusted as it is.
    pub(super) fn is_end(&self, der: &CertificateDer<'_>) -> bool {
        let is_known = self.certificates.iter().any(|known| known == der);
        is_known && CertFacts::of(der).is_some_and(|facts| facts.is_self_issued)
    }
}
