//! OCSP answers by certificate: files, the runtime API, automatic updates.
//!
//! One place holds the answer for all certificates of one key; nothing is asked here, the answers
//! come from who asks.

use std::collections::HashSet;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::{CertView, Inner, Options, Store};
use crate::certificate::Certificate;
use crate::facts::CertFacts;
use crate::material::Material;
use crate::ocsp::{Answer, Reply, Staple, key_of};

/// When answers are updated (`ocsp-update.*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdatePolicy {
    /// `ocsp-update.mode`.
    pub is_default: bool,
    /// `ocsp-update.disable`.
    pub is_disabled: bool,
    /// `ocsp-update.mindelay`, seconds.
    pub min: i64,
    /// `ocsp-update.maxdelay`, seconds.
    pub max: i64,
}

impl Default for UpdatePolicy {
    fn default() -> Self {
        Self {
            is_default: false,
            is_disabled: false,
            min: 300,
            max: 3600,
        }
    }
}

/// How the last update went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpdateStatus {
    /// None yet.
    #[default]
    Unknown = 0,
    /// The answer is in use.
    Success = 1,
    /// The responder could not be asked.
    Http = 2,
    /// It answered with something else.
    Header = 3,
    /// The answer is not the issuer's, or does not hold.
    Check = 4,
    /// It is about another certificate.
    Insertion = 5,
}

impl UpdateStatus {
    /// As it is shown.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Success => "Update successful",
            Self::Http => "HTTP error",
            Self::Header => "Missing \"ocsp-response\" header",
            Self::Check => "OCSP response check failure",
            Self::Insertion => "Error during insertion",
        }
    }
}

/// The answer about a certificate, and its updates.
#[derive(Debug, Clone)]
pub struct OcspView {
    /// Its key.
    pub key: Box<[u8]>,
    /// The first certificate that it is for.
    pub path: Arc<str>,
    /// The answer.
    pub reply: Option<Arc<Reply>>,
    /// Hashes of the issuer's name and key, and the serial number, as far as the key has them.
    pub issuer: CertificateDer<'static>,
    /// Where to ask.
    pub uri: Option<Box<str>>,
    /// Whether it is updated by itself.
    pub updates: bool,
    /// When it is asked for next, seconds since 1970.
    pub next: Option<i64>,
    /// When it was updated last.
    pub last: Option<i64>,
    /// Updates that went well.
    pub successes: u32,
    /// Updates that did not.
    pub failures: u32,
    /// How the last one went.
    pub status: UpdateStatus,
    /// Failures since the last success.
    pub in_a_row: u32,
}

/// The same with the place that handshakes look at.
#[derive(Debug)]
pub(super) struct OcspSlot {
    view: OcspView,
    staple: Arc<Staple>,
}

/// Seconds after a first failed update; doubled with each further one.
const RETRY: i64 = 10;
/// Seconds before its end at which an answer is replaced.
const MARGIN: i64 = 60;

impl OcspSlot {
    fn put(&mut self, reply: Reply) {
        self.staple.set(Some(Answer {
            der: Arc::clone(&reply.der),
            next_update: reply.next_update,
        }));
        self.view.reply = Some(Arc::new(reply));
    }

    /// When an answer is asked for next.
    fn schedule(&mut self, now: i64, policy: UpdatePolicy) {
        let view = &mut self.view;
        let end = view.reply.as_ref().and_then(|reply| reply.next_update);
        view.next = view.updates.then(|| match (view.in_a_row, end) {
            (0, None) if view.last.is_none() => now,
            (0, None) => now.saturating_add(policy.min),
            (0, Some(end)) => {
                let wanted = end.saturating_sub(MARGIN).saturating_sub(now);
                now.saturating_add(wanted.clamp(policy.min, policy.max.max(policy.min)))
            }
            (failures, _) => {
                let wait = RETRY.saturating_mul(1 << failures.min(16));
                now.saturating_add(wait.min(policy.max))
            }
        });
    }
}

impl Inner {
    /// Gives a certificate the place of its answer, and the answer that came with it.
    ///
    /// `Ok(None)` when all is well, `Ok(Some(…))` with why an answer was left out.
    pub(super) fn attach(
        &mut self,
        name: &str,
        material: &Material,
        options: Options,
        certificate: &mut Certificate,
        now: i64,
    ) -> Result<Option<String>, String> {
        let policy = self.ocsp_policy;
        let facts = &certificate.facts;
        let uri = facts.ocsp_urls.first().cloned();
        let wants = options.ocsp_update.unwrap_or(policy.is_default);
        let updates = wants && !policy.is_disabled && uri.is_some();
        let said = material.ocsp.as_deref();
        if said.is_none() && !updates {
            return Ok(None);
        }
        let issuer = certificate.issuer.clone();
        let issuer = issuer.or_else(|| self.issuer_in_chains(facts));
        let key = issuer.as_ref().and_then(|issuer| key_of(facts, issuer));
        let (Some(issuer), Some(key)) = (issuer, key) else {
            return match said {
                Some(_) => Err(format!(
                    "'{name}.ocsp' is present and activates OCSP but it is impossible to compute \
                     the OCSP certificate ID (maybe the issuer could not be found)'."
                )),
                None => Ok(None),
            };
        };
        let read = match said {
            Some(der) if !der.is_empty() => {
                let read = Reply::read(der).and_then(|reply| reply.check(now).map(|()| reply));
                Some(read.and_then(|reply| {
                    match reply.key == key {
                        true => Ok(reply),
                        false => Err(
                            "OCSP single response: Certificate ID does not match certificate \
                                  and issuer"
                                .to_owned(),
                        ),
                    }
                }))
            }
            _ => None,
        };
        let slot = self.ocsp.entry(key.clone()).or_insert_with(|| OcspSlot {
            view: OcspView {
                key,
                path: name.into(),
                reply: None,
                issuer,
                uri: None,
                updates: false,
                next: None,
                last: None,
                successes: 0,
                failures: 0,
                status: UpdateStatus::default(),
                in_a_row: 0,
            },
            staple: Arc::default(),
        });
        slot.view.uri = slot.view.uri.take().or(uri);
        slot.view.updates |= updates;
        certificate.staple = Some(Arc::clone(&slot.staple));
        let left_out = match read {
            Some(Ok(reply)) => {
                slot.put(reply);
                None
            }
            Some(Err(why)) => Some(why),
            None => None,
        };
        if slot.view.next.is_none() || said.is_some() {
            slot.schedule(now, policy);
        }
        Ok(left_out)
    }

    fn issuer_in_chains(&self, leaf: &CertFacts) -> Option<CertificateDer<'static>> {
        let mut firsts = self.issuers.iter().filter_map(|(_, chain)| chain.first());
        let fits = |der: &&CertificateDer<'_>| {
            CertFacts::of(der).is_some_and(|issuer| leaf.may_be_issued_by(&issuer))
        };
        firsts.find(fits).cloned()
    }

    /// Places of the answers of certificates that a line serves; the others are not updated.
    fn served(&self) -> HashSet<*const Staple> {
        let mut places = HashSet::new();
        for bind in &self.binds {
            bind.tls.each(|entry| {
                places.extend(entry.certificate.staple.as_ref().map(Arc::as_ptr));
            });
        }
        places
    }

    /// The key of the answer of a certificate in use.
    fn key_of_name(&self, name: &str) -> Option<Box<[u8]>> {
        let certificate = self.certs.get(name)?.certificate.as_ref()?;
        let staple = certificate.staple.as_ref()?;
        let mut all = self.ocsp.iter();
        all.find(|(_, slot)| Arc::ptr_eq(&slot.staple, staple))
            .map(|(key, _)| key.clone())
    }

    /// Forgets answers that no certificate has a place for any more.
    pub(super) fn drop_unused_answers(&mut self) {
        let certs = &self.certs;
        self.ocsp.retain(|_, slot| {
            let mut made = certs.values().filter_map(|slot| slot.certificate.as_ref());
            made.any(|made| {
                let staple = made.staple.as_ref();
                staple.is_some_and(|staple| Arc::ptr_eq(staple, &slot.staple))
            })
        });
    }
}

impl Store {
    /// When answers are updated.
    pub fn set_ocsp_policy(&self, policy: UpdatePolicy) {
        self.inner.lock().ocsp_policy = policy;
    }

    /// Gives a certificate that is not yet in the store its place for an answer.
    ///
    /// # Errors
    /// When there is an answer and no issuer; `Ok(Some(…))` says why an answer was left out.
    pub fn attach_ocsp(
        &self,
        name: &str,
        material: &Material,
        options: Options,
        certificate: &mut Certificate,
        now: i64,
    ) -> Result<Option<String>, String> {
        let mut inner = self.inner.lock();
        inner.attach(name, material, options, certificate, now)
    }

    /// All answers in the order of their keys.
    pub fn answers(&self) -> Vec<OcspView> {
        let inner = self.inner.lock();
        inner.ocsp.values().map(|slot| slot.view.clone()).collect()
    }

    /// Answers that are updated by themselves, the one that is asked for first in front.
    pub fn updated_answers(&self) -> Vec<OcspView> {
        let inner = self.inner.lock();
        let served = inner.served();
        let slots = inner.ocsp.values();
        let updated =
            slots.filter(|slot| slot.view.updates && served.contains(&Arc::as_ptr(&slot.staple)));
        let mut views: Vec<OcspView> = updated.map(|slot| slot.view.clone()).collect();
        views.sort_by_key(|view| view.next);
        views
    }

    /// The answer of a key in hexadecimal digits, or of a certificate's name.
    pub fn answer(&self, named: &str) -> Option<OcspView> {
        let inner = self.inner.lock();
        let by_key = decode_hex(named).and_then(|key| inner.ocsp.get(&*key));
        let found = match by_key {
            Some(slot) => slot,
            None => inner.ocsp.get(&inner.key_of_name(named)?)?,
        };
        Some(found.view.clone())
    }

    /// The key of the answer of a certificate.
    pub fn answer_key(&self, view: &CertView) -> Option<Box<[u8]>> {
        self.inner.lock().key_of_name(&view.name)
    }

    /// `set ssl ocsp-response`.
    ///
    /// # Errors
    /// In the reference's words.
    pub fn set_answer(&self, der: &[u8], now: i64) -> Result<(), String> {
        let reply = Reply::read(der)?;
        reply.check(now)?;
        let mut inner = self.inner.lock();
        let policy = inner.ocsp_policy;
        let slot = inner.ocsp.get_mut(&*reply.key).ok_or_else(|| {
            "OCSP single response: Certificate ID does not match any certificate or issuer"
                .to_owned()
        })?;
        slot.put(reply);
        slot.schedule(now, policy);
        Ok(())
    }

    /// Answers that are to be asked for now, the one that waits longest first, and when the next
    /// one is.
    pub fn due_answers(&self, now: i64) -> (Vec<OcspView>, Option<i64>) {
        let timed = self.updated_answers();
        let timed = timed
            .into_iter()
            .filter_map(|view| Some((view.next?, view)));
        let (due, later): (Vec<_>, Vec<_>) = timed.partition(|(next, _)| *next <= now);
        let due = due.into_iter().map(|(_, view)| view).collect();
        (due, later.into_iter().map(|(next, _)| next).min())
    }

    /// What a responder sent for a key, or why it sent nothing; how it went.
    pub fn updated(
        &self,
        key: &[u8],
        answer: Result<&[u8], UpdateStatus>,
        now: i64,
    ) -> Option<(OcspView, Option<String>)> {
        let mut inner = self.inner.lock();
        let policy = inner.ocsp_policy;
        let slot = inner.ocsp.get_mut(key)?;
        let taken = answer.map_err(|status| (status, None)).and_then(|der| {
            let check = |why| (UpdateStatus::Check, Some(why));
            let reply = Reply::read(der).map_err(check)?;
            reply.check(now).map_err(check)?;
            reply.verify(&slot.view.issuer, now).map_err(check)?;
            match *reply.key == *key {
                true => Ok(reply),
                false => Err((UpdateStatus::Insertion, None)),
            }
        });
        let mut why = None;
        match taken {
            Ok(reply) => {
                slot.put(reply);
                let view = &mut slot.view;
                view.last = Some(now);
                view.successes = view.successes.saturating_add(1);
                view.in_a_row = 0;
                view.status = UpdateStatus::Success;
            }
            Err((status, detail)) => {
                let view = &mut slot.view;
                view.failures = view.failures.saturating_add(1);
                view.in_a_row = view.in_a_row.saturating_add(1);
                view.status = status;
                why = detail;
            }
        }
        slot.schedule(now, policy);
        Some((slot.view.clone(), why))
    }
}

fn decode_hex(text: &str) -> Option<Box<[u8]>> {
    let digits = text.as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let pair = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    digits.chunks(2).map(pair).collect()
}
