//! Certificates by name: `new|set|commit|abort|del|show|dump ssl cert`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{NO_TRANSACTION, Refused, Status, Store, abort, other_transaction};
use crate::certificate::{Certificate, Fault};
use crate::material::{Material, Parts, first_certificate};
use crate::ocsp::Reply;
use crate::pem;

/// Files that a certificate was read from, as far as they were looked for.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The certificate.
    pub crt: Option<Arc<str>>,
    /// Its key.
    pub key: Option<Arc<str>>,
    /// The OCSP answer.
    pub ocsp: Option<Arc<str>>,
    /// The issuer.
    pub issuer: Option<Arc<str>>,
    /// Timestamps of logs.
    pub sctl: Option<Arc<str>>,
}

/// Options of `load` and crt-list lines that belong to the certificate itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// `ocsp-update`; `None` when it is not said.
    pub ocsp_update: Option<bool>,
    /// A line of a crt-list said them: other lines must say the same.
    pub is_of_line: bool,
    /// `new ssl cert` made it, and no line has said anything of it yet.
    pub is_new: bool,
}

/// A certificate of the store.
#[derive(Debug, Clone, Default)]
pub(super) struct CertSlot {
    pub(super) source: Source,
    pub(super) options: Options,
    /// `None` right after `new ssl cert`.
    pub(super) material: Option<Material>,
    /// What can be served; `None` as long as something is missing.
    pub(super) certificate: Option<Arc<Certificate>>,
}

/// What is shown of a certificate.
#[derive(Debug, Clone)]
pub struct CertView {
    /// Its name.
    pub name: Arc<str>,
    /// Where it comes from.
    pub source: Source,
    /// Its options.
    pub options: Options,
    /// Its state.
    pub status: Status,
    /// What it holds.
    pub material: Option<Material>,
}

/// Which part of a certificate a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The certificate, its chain, its key: what was there before goes.
    Pem,
    /// The key alone.
    Key,
    /// The issuer alone.
    Issuer,
    /// The OCSP answer alone.
    Ocsp,
    /// Timestamps of logs, which are not sent.
    Sctl,
}

/// Ends of names of parts.
const PARTS: &[(&str, Part)] = &[
    (".key", Part::Key),
    (".issuer", Part::Issuer),
    (".ocsp", Part::Ocsp),
    (".sctl", Part::Sctl),
];

impl Store {
    /// The certificate of this name, when it can be served.
    pub fn certificate(&self, name: &str) -> Option<Arc<Certificate>> {
        let inner = self.inner.lock();
        inner.certs.get(name)?.certificate.clone()
    }

    /// Whether there is a certificate of this name, be it empty.
    pub fn has_certificate(&self, name: &str) -> bool {
        self.inner.lock().certs.contains_key(name)
    }

    /// A line of a list was the first to name a certificate: as in the reference only its own file
    /// is shown as its source then, whatever companions were read.
    pub fn is_named_by_line(&self, name: &str) {
        if let Some(slot) = self.inner.lock().certs.get_mut(name) {
            slot.source = Source {
                crt: slot.source.crt.take(),
                ..Source::default()
            };
        }
    }

    /// The options of a certificate that is there.
    pub fn options(&self, name: &str) -> Option<Options> {
        self.inner.lock().certs.get(name).map(|slot| slot.options)
    }

    /// A line says how a certificate that `new ssl cert` made is to be kept; `false` when that was
    /// said before. `now` in seconds since 1970.
    pub fn say_options(&self, name: &str, ocsp_update: Option<bool>, now: i64) -> bool {
        let mut inner = self.inner.lock();
        let slot = inner.certs.get(name).cloned();
        let Some(mut slot) = slot.filter(|slot| slot.options.is_new) else {
            return false;
        };
        slot.options = Options {
            ocsp_update,
            is_of_line: true,
            is_new: false,
        };
        if let (Some(material), Some(certificate)) = (&slot.material, &slot.certificate) {
            let mut certificate = Certificate::clone(certificate);
            // What cannot be updated is served all the same, as at the start.
            let _ = inner.attach(name, material, slot.options, &mut certificate, now);
            slot.certificate = Some(Arc::new(certificate));
        }
        inner.certs.insert(name.into(), slot);
        true
    }

    /// Adds a certificate that was read.
    pub fn add_certificate(
        &self,
        name: &str,
        material: Material,
        certificate: Option<Arc<Certificate>>,
        (source, options): (Source, Options),
    ) {
        let slot = CertSlot {
            source,
            options,
            material: Some(material),
            certificate,
        };
        self.inner.lock().certs.insert(name.into(), slot);
    }

    /// All names in their order, and the name of the transaction.
    pub fn certificate_names(&self) -> (Vec<Arc<str>>, Option<Arc<str>>) {
        let inner = self.inner.lock();
        let change = inner.cert_change.as_ref();
        let change = change.map(|(name, _)| Arc::clone(name));
        (inner.certs.keys().cloned().collect(), change)
    }

    /// A certificate, or the transaction about it.
    pub fn view_certificate(&self, name: &str, in_change: bool) -> Option<CertView> {
        let inner = self.inner.lock();
        let (name, slot, status) = if in_change {
            let (ongoing, slot) = inner.cert_change.as_ref()?;
            (&**ongoing == name).then_some((ongoing, slot, Status::Uncommitted))?
        } else {
            let (name, slot) = inner.certs.get_key_value(name)?;
            let status = match (&slot.material, inner.uses(name)) {
                (None, _) => Status::Empty,
                (Some(_), 0) => Status::Unused,
                (Some(_), _) => Status::Used,
            };
            (name, slot, status)
        };
        Some(CertView {
            name: Arc::clone(name),
            source: slot.source.clone(),
            options: slot.options,
            status,
            material: slot.material.clone(),
        })
    }

    /// `new ssl cert`.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn new_certificate(&self, name: &str) -> Result<(), String> {
        let mut inner = self.inner.lock();
        if inner.certs.contains_key(name) {
            return Err(format!("Certificate '{name}' already exists!"));
        }
        let mut slot = CertSlot::default();
        slot.options.is_new = true;
        inner.certs.insert(name.into(), slot);
        Ok(())
    }

    /// `set ssl cert`: the name of the certificate, and whether a transaction began.
    ///
    /// # Errors
    /// In the reference's words; nothing changed.
    pub fn set_certificate(&self, name: &str, payload: &[u8]) -> Result<(Arc<str>, bool), String> {
        let mut inner = self.inner.lock();
        let mut candidates = vec![(name.to_owned(), Part::Pem)];
        for (end, part) in PARTS {
            if let Some(stem) = name.strip_suffix(end) {
                candidates.insert(0, (stem.to_owned(), *part));
                if inner.drops_crt {
                    candidates.insert(1, (format!("{stem}.crt"), *part));
                }
            }
        }
        let found = candidates
            .into_iter()
            .find(|(name, _)| inner.certs.contains_key(name.as_str()));
        let (stem, part) = found.unwrap_or_else(|| (name.to_owned(), Part::Pem));
        let mut change = match &inner.cert_change {
            Some((ongoing, slot)) if **ongoing == *stem => slot.clone(),
            Some((ongoing, _)) => return Err(other_transaction(ongoing, &stem)),
            None => match inner.certs.get(stem.as_str()) {
                Some(slot) => slot.clone(),
                None => {
                    return Err(
                        "Can't replace a certificate which is not referenced by the \
                                configuration!"
                            .to_owned(),
                    );
                }
            },
        };
        apply(&mut change, part, payload, &stem)
            .map_err(|text| format!("{text}\nCan't load the payload"))?;
        let is_new = inner.cert_change.is_none();
        let stem: Arc<str> = stem.into();
        inner.cert_change = Some((Arc::clone(&stem), change));
        Ok((stem, is_new))
    }

    /// `commit ssl cert`: how many lines and servers took it.
    ///
    /// # Errors
    /// In the reference's words; what is served stays.
    pub fn commit_certificate(&self, name: &str, now: i64) -> Result<usize, Refused> {
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let Some((ongoing, slot)) = &inner.cert_change else {
            return Err(Refused::Before(NO_TRANSACTION.to_owned()));
        };
        if &**ongoing != name {
            return Err(Refused::Before(other_transaction(ongoing, name)));
        }
        let mut slot = slot.clone();
        if let Some(material) = &mut slot.material {
            inner.complete(material);
        }
        let made = slot.material.as_ref().map(Certificate::of);
        slot.certificate = match made {
            Some(Ok(mut certificate)) => {
                let material = slot.material.clone().unwrap_or_default();
                let attached = inner.attach(name, &material, slot.options, &mut certificate, now);
                if let Err(text) | Ok(Some(text)) = attached {
                    return Err(Refused::Before(text));
                }
                Some(Arc::new(certificate))
            }
            Some(Err(Fault::Mismatch)) => {
                return Err(Refused::Before(format!(
                    "{} '{name}'.",
                    Fault::Mismatch.text()
                )));
            }
            Some(Err(_)) | None => None,
        };
        let uses = inner.uses(name);
        if uses > 0 && slot.certificate.is_none() {
            let why = made_why(&slot);
            inner.cert_change = None;
            return Err(Refused::Failed(format!(
                "unable to load SSL private key into SSL Context '{name}': {why}."
            )));
        }
        if let Some(certificate) = &slot.certificate {
            inner.swap(name, certificate);
        }
        inner.certs.insert(name.into(), slot);
        inner.cert_change = None;
        inner.drop_unused_answers();
        Ok(uses)
    }

    /// `abort ssl cert`.
    ///
    /// # Errors
    /// When there is no transaction, or one about another certificate.
    pub fn abort_certificate(&self, name: &str) -> Result<(), String> {
        abort(&mut self.inner.lock().cert_change, name)
    }

    /// `del ssl cert`.
    ///
    /// # Errors
    /// When it is not there or in use.
    pub fn delete_certificate(&self, name: &str) -> Result<(), String> {
        let mut inner = self.inner.lock();
        let ongoing = inner.cert_change.as_ref();
        if ongoing.is_some_and(|(ongoing, _)| &**ongoing == name) {
            return Err(format!("ongoing transaction for the certificate '{name}'"));
        }
        if !inner.certs.contains_key(name) {
            return Err(format!("certificate '{name}' doesn't exist!"));
        }
        if inner.uses(name) > 0 || inner.is_listed(name) {
            return Err(format!("certificate '{name}' in use, can't be deleted!"));
        }
        inner.certs.remove(name);
        inner.drop_unused_answers();
        Ok(())
    }
}

/// Why what is there cannot be served.
fn made_why(slot: &CertSlot) -> &'static str {
    match slot.material.as_ref().map(Certificate::of) {
        Some(Err(fault)) => fault.text(),
        _ => Fault::NoCertificate.text(),
    }
}

/// Puts a payload into a certificate that is being changed.
fn apply(slot: &mut CertSlot, part: Part, payload: &[u8], name: &str) -> Result<(), String> {
    if part == Part::Pem {
        let pem = Parts {
            pem: payload.to_vec(),
            ..Parts::default()
        };
        let read = Material::read(&pem).map_err(|fault| match fault {
            Fault::NoCertificate => format!("{} '{name}': no start line.", fault.text()),
            fault => format!("{} '{name}'.", fault.text()),
        })?;
        let skips_roots = slot.material.as_ref().is_some_and(|old| old.skips_roots);
        slot.material = Some(Material {
            skips_roots,
            ..read
        });
        return Ok(());
    }
    let material = slot.material.get_or_insert_default();
    match part {
        Part::Key => {
            let sections = pem::sections(payload).map_err(|error| no_key(name, &error))?;
            let key = sections.key.filter(|_| !sections.has_encrypted_key);
            let key = key.ok_or_else(|| no_key(name, "no private key in it"))?;
            material.key = Some(Arc::new(key));
        }
        Part::Issuer => {
            let issuer = first_certificate(payload);
            let issuer = issuer.ok_or_else(|| format!("'{name}' cannot be read or parsed'."))?;
            material.issuer = Some(issuer);
        }
        Part::Ocsp => {
            let text: Vec<u8> = payload
                .iter()
                .copied()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect();
            let der = STANDARD
                .decode(&text)
                .map_err(|_| "Error reading OCSP response in base64 format".to_owned())?;
            Reply::read(&der)?;
            material.ocsp = Some(der.into());
        }
        _ => return Err("timestamps of logs are not sent.".to_owned()),
    }
    Ok(())
}

fn no_key(name: &str, why: &str) -> String {
    format!("unable to load private key from file '{name}' ({why}).")
}
