//! OCSP answers that are stapled (RFC 6066 8, RFC 6960).
//!
//! An answer is sent as long as it holds; the time is what rustls's provider says.

mod reply;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;

pub use reply::{Reply, Responder, Verdict, key_of, request};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// DER of the whole response.
    pub der: Arc<[u8]>,
    /// Seconds since 1970 after which it says nothing; `None` when it does not say.
    pub next_update: Option<i64>,
}

/// The place of an answer, shared by all certificates that it is about.
#[derive(Debug, Default)]
pub struct Staple(RwLock<Option<Arc<Answer>>>);

impl Staple {
    /// What is there.
    pub fn get(&self) -> Option<Arc<Answer>> {
        self.0.read().clone()
    }

    /// Puts another one.
    pub fn set(&self, answer: Option<Answer>) {
        *self.0.write() = answer.map(Arc::new);
    }
}

impl Answer {
    /// Whether it may be sent at a time, in seconds since 1970.
    pub fn holds(&self, now: u64) -> bool {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        self.next_update.is_none_or(|end| now < end)
    }
}

/// Gives rustls a certificate, with the answer of the moment.
#[derive(Debug)]
pub(crate) struct Stapling {
    plain: Arc<CertifiedKey>,
    staple: Arc<Staple>,
    time: Arc<dyn TimeProvider>,
    /// The certificate with the answer that was there last.
    made: RwLock<Option<(Arc<Answer>, Arc<CertifiedKey>)>>,
}

impl Stapling {
    pub(crate) fn new(
        plain: Arc<CertifiedKey>,
        staple: Arc<Staple>,
        time: Arc<dyn TimeProvider>,
    ) -> Self {
        Self {
            plain,
            staple,
            time,
            made: RwLock::new(None),
        }
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let Some(answer) = self.staple.get() else {
            return Arc::clone(&self.plain);
        };
        let now = self.time.current_time();
        if !now.is_some_and(|now| answer.holds(now.as_secs())) {
            return Arc::clone(&self.plain);
        }
        if let Some((for_answer, certified)) = &*self.made.read()
            && Arc::ptr_eq(for_answer, &answer)
        {
            return Arc::clone(certified);
        }
        let mut certified = CertifiedKey::new(self.plain.cert.clone(), Arc::clone(&self.plain.key));
        certified.ocsp = Some(answer.der.to_vec());
        let certified = Arc::new(certified);
        *self.made.write() = Some((answer, Arc::clone(&certified)));
        certified
    }
}

impl rustls::server::ResolvesServerCert for Stapling {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}
