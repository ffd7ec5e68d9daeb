//! Files of authorities and revocation lists, each read once.

use std::sync::Arc;

use lbd_core::Diag;
use lbd_tls::store::TrustKind;
use lbd_tls::verify::{Authorities, TrustFile, TrustNames};

use super::tls::{Maker, Place};
use crate::draft::{Named, SslDraft};

impl Maker<'_> {
    /// Reads the files of authorities and revocation lists that a line names.
    pub(super) fn trust(&mut self, ssl: &SslDraft, place: Place<'_>) -> Option<TrustNames> {
        let mut read = |keyword, file: &Option<Named>, kind| match file {
            None => Some(None),
            Some(file) => self.trust_file(keyword, file, kind, place).map(Some),
        };
        Some(TrustNames {
            ca_file: read("ca-file", &ssl.ca_file, TrustKind::Ca)?,
            ca_verify_file: read("ca-verify-file", &ssl.ca_verify_file, TrustKind::Ca)?,
            crl_file: read("crl-file", &ssl.crl_file, TrustKind::Crl)?,
        })
    }

    fn trust_file(
        &mut self,
        keyword: &str,
        file: &Named,
        kind: TrustKind,
        place: Place<'_>,
    ) -> Option<Arc<str>> {
        let store = &self.tls.store;
        let is_known = [TrustKind::Ca, TrustKind::Crl]
            .into_iter()
            .any(|kind| store.trust_file(kind, &file.name).is_some());
        if is_known {
            return Some(file.name.as_str().into());
        }
        let read = self.read_trust(&file.name).and_then(|read| {
            let is_empty = match kind {
                TrustKind::Ca => read.certificates.is_empty(),
                TrustKind::Crl => read.crls.is_empty(),
            };
            match (is_empty, kind) {
                (false, _) => Ok(read),
                (true, TrustKind::Ca) => Err("no certificate in it".to_owned()),
                (true, TrustKind::Crl) => Err("no list in it".to_owned()),
            }
        });
        match read {
            Ok(read) => {
                self.tls.store.add_trust_file(kind, &file.name, read);
                Some(file.name.as_str().into())
            }
            Err(error) => {
                self.fault(Diag::alert(
                    file.span,
                    format!(
                        "'{}' : '{keyword}' : unable to load {} ({error}).",
                        place.title, file.name
                    ),
                ));
                None
            }
        }
    }

    /// The authorities of files that were read.
    pub(super) fn authorities(&mut self, files: &TrustNames) -> Option<Arc<Authorities>> {
        let key: Vec<Arc<str>> = files.iter().cloned().collect();
        if let Some(known) = self.tls.seen.authorities.get(&key) {
            return Some(Arc::clone(known));
        }
        let authorities = Arc::new(self.tls.store.authorities(files)?);
        let known = &mut self.tls.seen.authorities;
        known.insert(key, Arc::clone(&authorities));
        Some(authorities)
    }

    fn read_trust(&self, path: &str) -> Result<TrustFile, String> {
        let mut into = TrustFile::default();
        if path == "@system-ca" {
            for file in SYSTEM_ROOTS {
                if let Ok(text) = self.host.read(file) {
                    into.add_pem(&text)?;
                    return Ok(into);
                }
            }
            return Err("the system has none".to_owned());
        }
        if !self.host.is_dir(path) {
            into.add_pem(&self.host.read(path)?)?;
            return Ok(into);
        }
        let mut names = self.host.list(path)?;
        names.sort();
        for name in names {
            let file = format!("{}/{name}", path.trim_end_matches('/'));
            // As in the reference, what is no certificate is passed over.
            let is_cert = [".pem", ".crt", ".cer"]
                .iter()
                .any(|end| name.ends_with(end));
            if is_cert && let Ok(text) = self.host.read(&file) {
                let _ = into.add_pem(&text);
            }
        }
        Ok(into)
    }
}

/// Where systems keep the authorities that they trust.
const SYSTEM_ROOTS: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
