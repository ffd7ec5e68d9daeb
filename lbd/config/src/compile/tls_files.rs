//! Files of certificates, authorities, revocation lists and ticket keys, each read once.
//!
//! What they hold is judged by `lbd-tls`.

use std::collections::HashMap;
use std::sync::Arc;

use lbd_core::Diag;
use lbd_tls::certificate::Fault;
use lbd_tls::material::{Material, Parts, first_certificate};
use lbd_tls::store::{Options, Source};
use lbd_tls::tickets::{KEYS, Tickets};
use lbd_tls::verify::Authorities;
use lbd_tls::{CertFacts, Certificate};

use super::tls::{Maker, Place};
use crate::draft::{LoadDraft, Named};

/// Why a certificate cannot be used with other options than before.
fn incompatible(name: &str, before: Option<bool>, now: Option<bool>) -> String {
    let word = |said: Option<bool>| match said {
        Some(true) => "on",
        Some(false) => "off",
        None => "default",
    };
    format!(
        "Can't load '{name}', is already defined with incompatible parameters: different parameter \
         'ocsp-update' : previously '{}' vs '{}'.",
        word(before),
        word(now)
    )
}

/// Files that were named, for who looks at a certificate.
fn named_files(load: &LoadDraft) -> Source {
    let name = |file: &Option<Named>| file.as_ref().map(|file| Arc::from(file.name.as_str()));
    Source {
        crt: None,
        key: load.key_said.as_deref().map(Into::into),
        ocsp: name(&load.ocsp),
        issuer: name(&load.issuer),
        sctl: name(&load.sctl),
    }
}

/// What was made of several files together.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) authorities: HashMap<Vec<Arc<str>>, Arc<Authorities>>,
}

/// A certificate with the name under which it is known.
pub(super) type Found = (Arc<str>, Arc<Certificate>);

/// Ends of names of companion files, which a directory's listing skips.
const COMPANIONS: &[&str] = &[".issuer", ".ocsp", ".sctl", ".key"];
/// Ends of names of the parts of a bundle.
const BUNDLE: &[&str] = &[".rsa", ".ecdsa", ".dsa"];

impl Maker<'_> {
    /// The certificates of a file, of a bundle or of all files of a directory.
    pub(super) fn certificates(&mut self, file: &Named, place: Place<'_>) -> Vec<Found> {
        if self.host.is_dir(&file.name) {
            return self.directory(file, place);
        }
        match self.certificate(&file.name) {
            Ok(Some(certificate)) => vec![(file.name.as_str().into(), certificate)],
            Ok(None) => {
                let parts = self.bundle(file, place);
                if parts.is_empty() {
                    let error = self.host.read(&file.name).err();
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

    /// Reads the certificates of `crt-store` sections.
    pub(super) fn stores(&mut self, loads: &[LoadDraft]) {
        for load in loads {
            let Some((said, file)) = &load.crt else {
                continue;
            };
            if let Err(text) = self.store(load, said, &file.name) {
                self.fault(Diag::alert(load.span.unwrap_or(file.span), text));
            }
        }
    }

    /// One certificate of a `crt-store`: companions are not looked for.
    fn store(&mut self, load: &LoadDraft, said: &str, path: &str) -> Result<(), String> {
        if self.tls.store.has_certificate(&load.name) {
            return Err(format!(
                "'load' in section 'crt-store': store '{}' was already defined.",
                load.name
            ));
        }
        let pem = self.host.read(path).map_err(|_| {
            format!("cannot open the file '{path}'. '{said}' cannot be read or parsed.")
        })?;
        let parts = Parts {
            pem: self.unlocked(path, pem),
            ..Parts::default()
        };
        let unreadable =
            |fault: Fault| format!("'{said}' cannot be read or parsed: {}.", fault.text());
        let mut material = Material::read(&parts).map_err(unreadable)?;
        self.explicit(&mut material, load)?;
        let source = Source {
            crt: Some(said.into()),
            ..named_files(load)
        };
        let options = Options {
            ocsp_update: load.ocsp_update,
            is_of_line: false,
            is_new: false,
        };
        self.keep(&load.name, material, source, options)
            .map_err(unreadable)
            .map(|_| ())
    }

    /// The files that are named beside a certificate.
    fn explicit(&mut self, material: &mut Material, load: &LoadDraft) -> Result<(), String> {
        let host = self.host;
        let read = |file: &Option<Named>| {
            let read = file.as_ref().map(|file| {
                let text = host.read(&file.name);
                text.map_err(|_| format!("'{}' cannot be read or parsed.", file.name))
            });
            read.transpose()
        };
        if let (Some(text), Some(file)) = (read(&load.key)?, &load.key) {
            let text = self.unlocked(&file.name, text);
            let sections = lbd_tls::pem::sections(&text);
            let key = sections.ok().and_then(|found| found.key);
            let key = key.ok_or_else(|| format!("'{}' cannot be read or parsed.", file.name))?;
            material.key = Some(Arc::new(key));
        }
        if let (Some(text), Some(file)) = (read(&load.issuer)?, &load.issuer) {
            let issuer = first_certificate(&text);
            let issuer =
                issuer.ok_or_else(|| format!("'{}' cannot be read or parsed.", file.name))?;
            material.issuer = Some(issuer);
        }
        if let Some(text) = read(&load.ocsp)? {
            material.ocsp = Some(text.into());
        }
        if let Some(file) = &load.sctl {
            read(&load.sctl)?;
            self.fault(Diag::warning(
                file.span,
                format!(
                    "'{}' is left out: timestamps of logs are not sent.",
                    file.name
                ),
            ));
        }
        Ok(())
    }

    /// Makes what can be served and puts it into the store.
    fn keep(
        &mut self,
        name: &str,
        mut material: Material,
        source: Source,
        options: Options,
    ) -> Result<Arc<Certificate>, Fault> {
        material.skips_roots = self.tune.skips_roots;
        self.tls.store.complete(&mut material);
        let mut certificate = Certificate::of(&material)?;
        self.caution(name, &certificate.facts, &source);
        let now = self.host.unix_time().unwrap_or_default();
        let store = Arc::clone(&self.tls.store);
        match store.attach_ocsp(name, &material, options, &mut certificate, now) {
            Ok(None) => {}
            Ok(Some(why)) => self.fault(Diag::warning(
                None,
                format!("'{name}' : {why} Its OCSP response is ignored."),
            )),
            Err(why) => self.fault(Diag::alert(None, why)),
        }
        let certificate = Arc::new(certificate);
        let made = Some(Arc::clone(&certificate));
        let about = (source, options);
        self.tls.store.add_certificate(name, material, made, about);
        Ok(certificate)
    }

    /// Writes down what an operator should know of a certificate that is used all the same.
    fn caution(&mut self, name: &str, facts: &CertFacts, source: &Source) {
        let mut say = |text: &str| self.tls.cautions.push(format!("'{name}' : {text}"));
        if let Some(now) = self.host.unix_time() {
            if facts.not_after < now {
                say("the certificate has expired; it is served all the same.");
            }
            if now < facts.not_before {
                say("the certificate is not valid yet; it is served all the same.");
            }
        }
        let key = source.key.as_deref().or(source.crt.as_deref());
        if key.is_some_and(|path| self.host.is_world_readable(path)) {
            say("its private key may be read by everybody on this machine.");
        }
    }

    /// The certificate of a crt-list line that says more about it.
    pub(super) fn loaded(
        &mut self,
        file: &Named,
        load: &LoadDraft,
        place: Place<'_>,
    ) -> Vec<Found> {
        let now = self.host.unix_time().unwrap_or_default();
        let store = &self.tls.store;
        let says_first = || store.say_options(&file.name, load.ocsp_update, now);
        let read = match store.options(&file.name) {
            Some(known) if known.ocsp_update == load.ocsp_update || says_first() => {
                self.certificate_with(&file.name, None)
            }
            Some(known) => Err(incompatible(
                &file.name,
                known.ocsp_update,
                load.ocsp_update,
            )),
            None => self.certificate_with(&file.name, Some(load)),
        };
        match read {
            Ok(Some(certificate)) => vec![(file.name.as_str().into(), certificate)],
            Ok(None) => self.certificates(file, place),
            Err(text) => {
                let text = format!("'{}' : {text}", place.title);
                self.fault(Diag::alert(file.span, text));
                Vec::new()
            }
        }
    }

    /// Reads the chains of `issuers-chain-path`.
    pub(super) fn issuers(&mut self, directory: Option<&Named>) {
        let Some(directory) = directory else { return };
        let host = self.host;
        let mut names = match host.list(&directory.name) {
            Ok(names) => names,
            Err(error) => {
                let text = format!(
                    "'issuers-chain-path' : unable to scan directory '{}' : {error}.",
                    directory.name
                );
                return self.fault(Diag::alert(directory.span, text));
            }
        };
        names.sort();
        for name in names {
            let path = format!("{}/{name}", directory.name.trim_end_matches('/'));
            if name.starts_with('.') || host.is_dir(&path) {
                continue;
            }
            let chain = host
                .read(&path)
                .and_then(|text| lbd_tls::pem::sections(&text));
            match chain {
                Ok(found) if !found.certificates.is_empty() => {
                    self.tls.store.add_issuers(&path, found.certificates);
                }
                _ => self.fault(Diag::warning(
                    directory.span,
                    format!("'{path}' is left out: no certificate in it."),
                )),
            }
        }
    }

    /// Parts of a bundle: `site.pem.rsa` and `site.pem.ecdsa` for `site.pem`.
    fn bundle(&mut self, file: &Named, place: Place<'_>) -> Vec<Found> {
        let mut parts = Vec::new();
        if !self.tune.extra.bundle {
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
        let mut names = match self.host.list(&file.name) {
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
            if is_companion || name.starts_with('.') || self.host.is_dir(&path) {
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
        if let Some(known) = self.tls.store.options(path)
            && known.is_of_line
            && known
                .ocsp_update
                .is_some_and(|on| on != self.tune.ocsp.is_default)
        {
            return Err(incompatible(path, known.ocsp_update, None));
        }
        self.certificate_with(path, None)
    }

    fn certificate_with(
        &mut self,
        path: &str,
        load: Option<&LoadDraft>,
    ) -> Result<Option<Arc<Certificate>>, String> {
        if let Some(known) = self.tls.store.certificate(path) {
            return Ok(Some(known));
        }
        if self.tls.store.has_certificate(path) {
            return Err(format!("certificate '{path}' is empty!"));
        }
        let Ok(pem) = self.host.read(path) else {
            return Ok(None);
        };
        let pem = self.unlocked(path, pem);
        let (parts, source) = self.parts(path, pem);
        self.tell_of_companions(path);
        let read = Material::read(&parts);
        let mut extra = Ok(());
        let made = read.and_then(|mut material| {
            let mut source = source;
            if let Some(load) = load {
                extra = self.explicit(&mut material, load);
                source = Source {
                    crt: source.crt,
                    ..named_files(load)
                };
            }
            let options = Options {
                ocsp_update: load.and_then(|load| load.ocsp_update),
                is_of_line: load.is_some(),
                is_new: false,
            };
            self.keep(path, material, source, options)
        });
        extra?;
        let certificate = made.map_err(|fault| match fault {
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
        Ok(Some(certificate))
    }

    /// The name of a companion file.
    fn companion(&self, path: &str, end: &str) -> String {
        let base = match self.tune.del_ext {
            true => path.strip_suffix(".crt").unwrap_or(path),
            false => path,
        };
        format!("{base}{end}")
    }

    /// Companions that are not used are told: a staple or a list of logs that is not sent would be
    /// missed by somebody.
    fn tell_of_companions(&mut self, path: &str) {
        let extra = self.tune.extra;
        let name = self.companion(path, ".sctl");
        if extra.sctl && self.host.read(&name).is_ok() {
            self.fault(Diag::warning(
                None,
                format!("'{name}' is left out: timestamps of logs are not sent."),
            ));
        }
    }

    /// The content of a certificate's files, and which were asked for.
    fn parts(&mut self, path: &str, pem: Vec<u8>) -> (Parts, Source) {
        let extra = self.tune.extra;
        let read = |wanted: bool, end: &str| {
            let name = wanted.then(|| self.companion(path, end))?;
            let text = self.host.read(&name).ok()?;
            Some((name, text))
        };
        let named = |name: &str| -> Option<Arc<str>> { Some(name.into()) };
        let has_key = lbd_tls::pem::sections(&pem).is_ok_and(|found| found.key.is_some());
        let key = read(extra.key && !has_key, ".key");
        let issuer = read(extra.issuer, ".issuer");
        let ocsp = read(extra.ocsp, ".ocsp");
        let companion =
            |wanted: bool, end: &str| wanted.then(|| Arc::from(self.companion(path, end).as_str()));
        let source = Source {
            crt: named(path),
            key: match &key {
                Some((name, _)) => named(name),
                None => named(path),
            },
            ocsp: companion(extra.ocsp, ".ocsp"),
            issuer: issuer.as_ref().and_then(|(name, _)| named(name)),
            sctl: companion(extra.sctl, ".sctl"),
        };
        let parts = Parts {
            key: key.map(|(name, text)| self.unlocked(&name, text)),
            issuer: issuer.map(|(_, text)| text),
            ocsp: ocsp.map(|(_, text)| text),
            pem,
        };
        (parts, source)
    }

    /// The keys of `tls-ticket-keys`: lines of base64, at least three, the last ones used.
    pub(super) fn ticket_keys(&mut self, file: &Named, lifetime: u32) -> Option<Arc<Tickets>> {
        if let Some(known) = self.tls.store.tickets(&file.name) {
            return Some(known);
        }
        match self.read_ticket_keys(&file.name, lifetime) {
            Ok(tickets) => {
                let tickets = Arc::new(tickets);
                self.tls.store.add_tickets(&file.name, Arc::clone(&tickets));
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
            .host
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
