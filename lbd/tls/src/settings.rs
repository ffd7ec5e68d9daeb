//! What a `bind` line, a line of a crt-list or a `server` says about TLS, as rustls takes it.
//!
//! It holds no certificate.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};
use rustls::server::ClientHello;
use rustls::{
    CipherSuite, NamedGroup, SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion,
};

use crate::cipher;

/// A version that rustls speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// The versions from a lowest to a highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// Lowest.
    pub min: Version,
    /// Highest.
    pub max: Version,
}

impl Default for VersionRange {
    fn default() -> Self {
        Self {
            min: Version::Tls12,
            max: Version::Tls13,
        }
    }
}

impl VersionRange {
    fn has(self, version: Version) -> bool {
        self.min <= version && version <= self.max
    }

    /// As rustls takes them.
    pub fn list(self) -> Vec<&'static SupportedProtocolVersion> {
        let mut list = Vec::new();
        if self.has(Version::Tls13) {
            list.push(&rustls::version::TLS13);
        }
        if self.has(Version::Tls12) {
            list.push(&rustls::version::TLS12);
        }
        list
    }
}

/// Algorithms and versions of one side of sessions.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Versions.
    pub versions: VersionRange,
    /// `ciphers`; `None` for all.
    pub ciphers: Option<Vec<SupportedCipherSuite>>,
    /// `ciphersuites`; `None` for all.
    pub ciphersuites: Option<Vec<SupportedCipherSuite>>,
    /// `curves`; `None` for OpenSSL's.
    pub curves: Option<Vec<&'static dyn SupportedKxGroup>>,
    /// `sigalgs`: what our key may sign with; `None` for all.
    pub sigalgs: Option<Arc<[SignatureScheme]>>,
    /// `client-sigalgs`: what the peer's key may sign with; `None` for all.
    pub client_sigalgs: Option<Arc<[SignatureScheme]>>,
    /// `alpn`, in the order of preference.
    pub alpn: Vec<Vec<u8>>,
    /// `prefer-client-ciphers`.
    pub prefer_client_ciphers: bool,
}

impl Settings {
    /// The provider of cryptography with these algorithms only.
    pub fn provider(&self) -> Arc<CryptoProvider> {
        let mut provider = aws_lc_rs::default_provider();
        let defaults = cipher::default_suites();
        let is_old = |suite: &SupportedCipherSuite| suite.version() == &rustls::version::TLS12;
        let mut suites: Vec<SupportedCipherSuite> = match &self.ciphersuites {
            Some(list) => list.clone(),
            None => defaults.iter().copied().filter(|s| !is_old(s)).collect(),
        };
        suites.extend(match &self.ciphers {
            Some(list) => list.clone(),
            None => defaults.iter().copied().filter(is_old).collect(),
        });
        // A suite of a version that is not spoken would be offered, and mislead servers about it.
        let versions = self.usable_versions();
        suites.retain(|suite| versions.contains(&suite.version()));
        provider.cipher_suites = suites;
        provider.kx_groups = self.curves.clone().unwrap_or_else(cipher::default_curves);
        if let Some(allowed) = &self.client_sigalgs {
            provider.signature_verification_algorithms = narrowed(allowed);
        }
        Arc::new(provider)
    }

    /// What a client of TLS 1.2 may prove its key by: there `curves` bounds the curves of ECDSA
    /// keys too (RFC 8422 5.1; version 1.3 has signature algorithms for that).
    pub fn old_client_algorithms(&self) -> WebPkiSupportedAlgorithms {
        let all = self.provider().signature_verification_algorithms;
        let Some(curves) = &self.curves else {
            return all;
        };
        let is_allowed = |algorithm: &&dyn SignatureVerificationAlgorithm| {
            let key = algorithm.public_key_alg_id();
            let curve = CURVES.iter().find(|(id, _)| *id == key);
            curve.is_none_or(|(_, group)| curves.iter().any(|kept| kept.name() == *group))
        };
        let mapping: Vec<_> = all
            .mapping
            .iter()
            .map(|(scheme, algorithms)| {
                let kept: Vec<_> = algorithms.iter().copied().filter(is_allowed).collect();
                (*scheme, &*Box::leak(kept.into_boxed_slice()))
            })
            .collect();
        WebPkiSupportedAlgorithms {
            all: all.all,
            // As in `narrowed`.
            mapping: Box::leak(mapping.into_boxed_slice()),
        }
    }

    /// Whether a client that tries again with a lower version (RFC 7507) could have had a higher
    /// one: somebody broke its first attempt. rustls does not look.
    pub fn is_needless_fallback(&self, hello: &ClientHello<'_>) -> bool {
        let offered = hello.cipher_suites();
        offered.contains(&FALLBACK)
            && !cipher::has_tls13(offered)
            && self.usable_versions().contains(&&rustls::version::TLS13)
    }

    /// The versions for which there is a suite.
    pub fn usable_versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let mut list = self.versions.list();
        let none =
            |suites: &Option<Vec<SupportedCipherSuite>>| suites.as_ref().is_some_and(Vec::is_empty);
        if none(&self.ciphers) {
            list.retain(|version| **version != rustls::version::TLS12);
        }
        if none(&self.ciphersuites) {
            list.retain(|version| **version != rustls::version::TLS13);
        }
        list
    }
}

/// Curves of keys, and the groups that are the same curves.
const CURVES: [(AlgorithmIdentifier, NamedGroup); 3] = [
    (alg_id::ECDSA_P256, NamedGroup::secp256r1),
    (alg_id::ECDSA_P384, NamedGroup::secp384r1),
    (alg_id::ECDSA_P521, NamedGroup::secp521r1),
];

/// Stands among the suites of a client that tries again with less (`TLS_FALLBACK_SCSV`).
const FALLBACK: CipherSuite = CipherSuite::Unknown(0x5600);

/// The verification algorithms of the provider without those schemes that are not allowed.
fn narrowed(allowed: &[SignatureScheme]) -> WebPkiSupportedAlgorithms {
    let all = aws_lc_rs::default_provider().signature_verification_algorithms;
    let mapping: Vec<_> = all
        .mapping
        .iter()
        .copied()
        .filter(|(scheme, _)| allowed.contains(scheme))
        .collect();
    WebPkiSupportedAlgorithms {
        all: all.all,
        // Made a few times when a configuration is read, and needed for the life of the process.
        mapping: Box::leak(mapping.into_boxed_slice()),
    }
}
