//! Files of certificates, authorities, revocation lists and ticket keys, each read once.
//!
//! What they hold is judged by `lbd-tls`.

use std::collections::HashMap;
use std::sync::Arc;

use lbd_core::Diag;
use lbd_tls::Certificate;
use lbd_tls::certificate::{Fault, Parts};
use lbd_tls::tickets::{KEYS, Tickets};
use lbd_tls::verify::Authorities;

use super::context::Compiler;
use super::tls::Place;
use crate::draft::Named;

/// Files that were read.
#[derive(Debug, Default)]
pub(super) struct Files {
    certificates: HashMap<String, Arc<Certificate>>,
    authorities: HashMap<Vec<String>, Arc<Authorities>>,
    tickets: HashMap<String, Arc<Tickets>>,
}

/// A certificate with the name under which it is known.
pub(super) type Found = (Arc<str>, Arc<Certificate>);

/// Ends of names of companion files, which a directory's listing skips.
const COMPANIONS: &[&str] = &[".issuer", ".ocsp", ".sctl", ".key"];
/// Ends of names of the parts of a bundle.
const BUNDLE: &[&str] = &[".rsa", ".ecdsa", ".dsa"];

impl Compiler<'_> {
    /// The certificates of a file, of a bundle or of all files of a directory.
    pub(super) fn certificates(&mut self, file: &Named, place: Place<'_>) -> Vec<Found> {
        if self.environment.host().is_dir(&file.name) {
            return self.directory(file, place);
        }
        match self.certificate(&file.name) {
            Ok(Some(certificate)) => vec![(file.name.as_str().into(), certificate)],
            Ok(None) => {
                let parts = self.bundle(file, place);
                if parts.is_empty() {
                    let error = self.environment.host().read(&file.name).err();
                    self.fault(Diag::alert(
                        file.span,
                        format!(
                            "'{}' : unable to stat SSL certificate from file '{}' : {}.",
                            place.title,
                            file.name,
                            error.unwrap_or_default()
                        ),
                    ));
                }
                parts
            }
            Err(text) => {
                let text = format!("'{}' : {text}", place.title);
                self.fault(Diag::alert(file.span, text));
                Vec::new()
            }
        }
    }

    /// Parts of a bundle: `site.pem.rsa` and `site.pem.ecdsa` for `site.pem`.
    fn bundle(&mut self, file: &Named, place: Place<'_>) -> Vec<Found> {
        let mut parts = Vec::new();
        if !self.draft.global.value.ssl.extra.bundle {
            return parts;
        }
        for end in BUNDLE {
            let path = format!("{}{end}", file.name);
            match self.certificate(&path) {
                Ok(Some(certificate)) => parts.push((path.as_str().into(), certificate)),
                Ok(None) => {}
                Err(text) => {
                    let text = format!("'{}' : {text}", place.title);
                    self.fault(Diag::alert(file.span, text));
                }
            }
        }
        parts
    }

    fn directory(&mut self, file: &Named, place: Place<'_>) -> Vec<Found> {
        let mut names = match self.environment.host().list(&file.name) {
            Ok(names) => names,
            Err(error) => {
                self.fault(Diag::alert(
                    file.span,
                    format!(
                        "'{}' : unable to scan directory '{}' : {error}.",
                        place.title, file.name
                    ),
                ));
                return Vec::new();
            }
        };
        names.sort();
        let mut found = Vec::new();
        for name in names {
            let path = format!("{}/{name}", file.name.trim_end_matches('/'));
            let is_companion = COMPANIONS.iter().any(|end| name.ends_with(end));
            if is_companion || name.starts_with('.') || self.environment.host().is_dir(&path) {
                continue;
            }
            match self.certificate(&path) {
                Ok(Some(certificate)) => found.push((path.as_str().into(), certificate)),
                Ok(None) => {}
                Err(text) => {
                    let text = format!("'{}' : {text}", place.title);
                    self.fault(Diag::alert(file.span, text));
                }
            }
        }
        found
    }

    /// One certificate with its companions; `None` when there is no such file.
    pub(super) fn certificate(&mut self, path: &str) -> Result<Option<Arc<Certificate>>, String> {
        if let Some(known) = self.tls.files.certificates.get(path) {
            return Ok(Some(Arc::clone(known)));
        }
        let host = self.environment.host();
        let Ok(pem) = host.read(path) else {
            return Ok(None);
        };
        let parts = self.parts(path, pem);
        self.tell_of_companions(path);
        let certificate = Certificate::load(&parts).map_err(|fault| match fault {
            Fault::NoKey => format!(
                "No Private Key found in '{}'.",
                self.companion(path, ".key")
            ),
            Fault::NoCertificate => format!("{} '{path}': no start line.", fault.text()),
            Fault::EncryptedKey => format!(
                "No Private Key found in '{}' : it is protected by a passphrase.",
                self.companion(path, ".key")
            ),
            fault => format!("{} '{path}'.", fault.text()),
        })?;
        let certificate = Arc::new(certificate);
        let known = &mut self.tls.files.certificates;
        known.insert(path.to_owned(), Arc::clone(&certificate));
        Ok(Some(certificate))
    }

    /// The name of a companion file.
    fn companion(&self, path: &str, end: &str) -> String {
        let base = match self.draft.global.value.ssl.del_ext {
            true => path.strip_suffix(".crt").unwrap_or(path),
            false => path,
        };
        format!("{base}{end}")
    }

    /// Companions that are not used are told: a staple or a list of logs that is not sent would be
    /// missed by somebody.
    fn tell_of_companions(&mut self, path: &str) {
        let extra = self.draft.global.value.ssl.extra;
        for (wanted, end, what) in [
            (extra.ocsp, ".ocsp", "OCSP answers are not stapled yet"),
            (extra.sctl, ".sctl", "timestamps of logs are not sent"),
        ] {
            let name = self.companion(path, end);
            if wanted && self.environment.host().read(&name).is_ok() {
                self.fault(Diag::warning(
                    None,
                    format!("'{name}' is left out: {what}."),
                ));
            }
        }
    }

    fn parts(&self, path: &str, pem: Vec<u8>) -> Parts {
        let host = self.environment.host();
        let extra = self.draft.global.value.ssl.extra;
        let read = |wanted: bool, end: &str| {
            let name = wanted.then(|| self.companion(path, end))?;
            host.read(&name).ok()
        };
        Parts {
            key: read(extra.key, ".key"),
            issuer: read(extra.issuer, ".issuer"),
            ocsp: None,
            pem,
        }
    }

    /// The authorities of some files with the revocation lists of another.
    pub(super) fn authorities(
        &mut self,
        files: &[(&str, &Named)],
        crl: Option<&Named>,
        place: Place<'_>,
    ) -> Option<Arc<Authorities>> {
        let mut key: Vec<String> = files.iter().map(|(_, file)| file.name.clone()).collect();
        key.push(crl.map_or(String::new(), |crl| crl.name.clone()));
        if let Some(known) = self.tls.files.authorities.get(&key) {
            return Some(Arc::clone(known));
        }
        let mut authorities = Authorities::default();
        for (keyword, file) in files {
            if let Err(error) = self.add_authorities(&mut authorities, &file.name) {
                self.fault(Diag::alert(
                    file.span,
                    format!(
                        "'{}' : '{keyword}' : unable to load {} ({error}).",
                        place.title, file.name
                    ),
                ));
                return None;
            }
        }
        if let Some(crl) = crl {
            let text = self.environment.host().read(&crl.name);
            let added = text.and_then(|text| authorities.add_crl_pem(&text));
            match added {
                Ok(added) if added > 0 => {}
                other => {
                    let error = other.err().unwrap_or_else(|| "no list in it".to_owned());
                    self.fault(Diag::alert(
                        crl.span,
                        format!(
                            "'{}' : 'crl-file' : unable to load {} ({error}).",
                            place.title, crl.name
                        ),
                    ));
                    return None;
                }
            }
        }
        let authorities = Arc::new(authorities);
        let known = &mut self.tls.files.authorities;
        known.insert(key, Arc::clone(&authorities));
        Some(authorities)
    }

    fn add_authorities(&self, into: &mut Authorities, path: &str) -> Result<(), String> {
        let host = self.environment.host();
        if path == "@system-ca" {
            for file in SYSTEM_ROOTS {
                if let Ok(text) = host.read(file) {
                    into.add_pem(&text)?;
                    return Ok(());
                }
            }
            return Err("the system has none".to_owned());
        }
        if host.is_dir(path) {
            let mut names = host.list(path)?;
            names.sort();
            for name in names {
                let file = format!("{}/{name}", path.trim_end_matches('/'));
                // As in the reference, what is no certificate is passed over.
                let is_cert = [".pem", ".crt", ".cer"]
                    .iter()
                    .any(|end| name.ends_with(end));
                if is_cert && let Ok(text) = host.read(&file) {
                    let _ = into.add_pem(&text);
                }
            }
        } else {
            into.add_pem(&host.read(path)?)?;
        }
        match into.is_empty() {
            true => Err("no certificate in it".to_owned()),
            false => Ok(()),
        }
    }

    /// The keys of `tls-ticket-keys`: lines of base64, at least three, the last ones used.
    pub(super) fn ticket_keys(&mut self, file: &Named, lifetime: u32) -> Option<Arc<Tickets>> {
        if let Some(known) = self.tls.files.tickets.get(&file.name) {
            return Some(Arc::clone(known));
        }
        match self.read_ticket_keys(&file.name, lifetime) {
            Ok(tickets) => {
                let tickets = Arc::new(tickets);
                let known = &mut self.tls.files.tickets;
                known.insert(file.name.clone(), Arc::clone(&tickets));
                Some(tickets)
            }
            Err(error) => {
                self.fault(Diag::alert(file.span, format!("'{}' : {error}", file.name)));
                None
            }
        }
    }

    fn read_ticket_keys(&self, path: &str, lifetime: u32) -> Result<Tickets, String> {
        use base64::Engine as _;
        let text = self
            .environment
            .host()
            .read(path)
            .map_err(|_| "unable to load ssl tickets keys file".to_owned())?;
        let mut keys = Vec::new();
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let key = base64::engine::general_purpose::STANDARD.decode(line);
            keys.push(key.map_err(|_| format!("unable to decode base64 key on line {}", at + 1))?);
        }
        if keys.len() < KEYS {
            return Err(format!(
                "please supply at least {KEYS} keys in the tls-tickets-file"
            ));
        }
        let last = keys.split_off(keys.len() - KEYS);
        Tickets::with(&last, lifetime).ok_or_else(|| "bad key size in the file".to_owned())
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
