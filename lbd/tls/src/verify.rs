//! Verification of a peer's chain by webpki, with the reference's numbers for what fails and its
//! ways to overlook failures (`ca-ignore-err`, `crt-ignore-err`).
//!
//! Verdicts need the time, which rustls brings along.

use std::cell::Cell;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

pub use authorities::{Authorities, TrustFile};
pub use crl::{Crl, CrlFacts};

use crate::facts::CertFacts;

mod authorities;
pub mod code;
mod crl;
#[cfg(test)]
mod tests;
mod version1;

/// Which failures are overlooked, by the reference's numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored {
    /// All of them.
    pub all: bool,
    /// These.
    pub codes: Vec<u32>,
}

impl Ignored {
    fn has(&self, code: u32) -> bool {
        self.all || self.codes.contains(&code)
    }
}

/// Files that a judge's authorities come from, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustNames {
    /// `ca-file`.
    pub ca_file: Option<Arc<str>>,
    /// `ca-verify-file`.
    pub ca_verify_file: Option<Arc<str>>,
    /// `crl-file`.
    pub crl_file: Option<Arc<str>>,
}

impl TrustNames {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        let all = self.ca_file.iter().chain(&self.ca_verify_file);
        all.chain(&self.crl_file)
    }
}

/// Judges chains against authorities.
#[derive(Debug, Clone)]
pub struct Judge {
    /// Where the authorities come from.
    pub files: TrustNames,
    authorities: Arc<Authorities>,
    algorithms: WebPkiSupportedAlgorithms,
    /// `crt-ignore-err`.
    pub ignored_leaf: Ignored,
    /// `ca-ignore-err`.
    pub ignored_authority: Ignored,
}

/// A failure: its number in the reference, and whether an authority rather than the leaf failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Number of OpenSSL's `X509_V_ERR_*`.
    pub code: u32,
    /// At depth 1 or more.
    pub is_authority: bool,
}

/// What webpki asks about a path.
type Accepts<'a> = &'a dyn Fn(&VerifiedPath<'_>) -> Result<(), webpki::Error>;

/// Which side a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// It connected to us.
    Client,
    /// We connected to it.
    Server,
}

thread_local! {
    static LAST_FAILURE: Cell<Option<Failure>> = const { Cell::new(None) };
}

impl Judge {
    /// A judge.
    pub fn new(authorities: Arc<Authorities>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self {
            files: TrustNames::default(),
            authorities,
            algorithms,
            ignored_leaf: Ignored::default(),
            ignored_authority: Ignored::default(),
        }
    }

    /// The same with other authorities.
    #[must_use]
    pub fn with(&self, authorities: Arc<Authorities>) -> Self {
        Self {
            authorities,
            ..self.clone()
        }
    }

    /// Whether there is nothing that it overlooks (`crt-ignore-err`, `ca-ignore-err`).
    pub fn is_strict(&self) -> bool {
        let none = Ignored::default();
        self.ignored_leaf == none && self.ignored_authority == none
    }

    /// Verifies a chain, nothing overlooked.
    ///
    /// # Errors
    /// The first failure.
    pub fn chain(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
        peer: Peer,
    ) -> Result<(), Failure> {
        let own = |code| Failure {
            code,
            is_authority: false,
        };
        if self.authorities.is_end(leaf) {
            return in_time(leaf, now).map_err(own);
        }
        if version1::is(leaf) {
            return version1::chain(&self.authorities, self.algorithms, leaf, others, now);
        }
        let end = EndEntityCert::try_from(leaf).map_err(|error| own(code::of(&error)))?;
        let usage = match peer {
            Peer::Client => KeyUsage::client_auth(),
            Peer::Server => KeyUsage::server_auth(),
        };
        let crls = &self.authorities.crls;
        let failed = Cell::new(None);
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let is_unrevoked = |path: &VerifiedPath<'_>| match crl::check(crls, path, seconds) {
            Ok(()) => Ok(()),
            Err(why) => {
                failed.set(Some(why));
                Err(webpki::Error::UnknownRevocationStatus)
            }
        };
        let accepts: Option<Accepts<'_>> = match crls.is_empty() {
            true => None,
            false => Some(&is_unrevoked),
        };
        let roots = &self.authorities.roots;
        // Without known links, which is the rule, nothing is copied.
        let (sent, links) = (others, &self.authorities.links);
        let all: Vec<CertificateDer<'_>>;
        let others = match links.is_empty() {
            true => others,
            false => {
                all = others.iter().chain(links).cloned().collect();
                &all
            }
        };
        let verified = end.verify_for_usage(
            self.algorithms.all,
            roots,
            others,
            now,
            usage,
            None,
            accepts,
        );
        match (verified, failed.get()) {
            (Ok(_), _) => Ok(()),
            (Err(_), Some((code, depth))) => Err(Failure {
                code,
                is_authority: depth > 0,
            }),
            (Err(error), None) => Err(self.classify(&error, leaf, sent, now)),
        }
    }

    /// webpki tells what failed but not where: the leaf is asked itself.
    fn classify(
        &self,
        error: &webpki::Error,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Failure {
        let found = code::of(error);
        let is_leaf = match found {
            code::HAS_EXPIRED | code::NOT_YET_VALID => in_time(leaf, now).is_err(),
            _ => true,
        };
        // An authority shown as a leaf fails as such before its own issuer is looked for.
        let shows_root = found == code::INVALID_CA
            && CertFacts::of(leaf).is_some_and(|facts| facts.is_self_issued);
        if found == code::NO_LOCAL_ISSUER || shows_root {
            return self.unknown_issuer(leaf, others);
        }
        Failure {
            code: found,
            is_authority: !is_leaf,
        }
    }

    /// The reference's words for an unknown issuer depend on what the peer sent.
    fn unknown_issuer(&self, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Failure {
        let is_self =
            |der: &CertificateDer<'_>| CertFacts::of(der).is_some_and(|facts| facts.is_self_issued);
        if is_self(leaf) {
            return Failure {
                code: code::SELF_SIGNED_LEAF,
                is_authority: false,
            };
        }
        if others.iter().any(is_self) {
            return Failure {
                code: code::SELF_SIGNED_IN_CHAIN,
                is_authority: true,
            };
        }
        if let Some(depth) = self.end_that_is_none(leaf, others) {
            return Failure {
                code: code::NO_ISSUER,
                is_authority: depth > 0,
            };
        }
        Failure {
            code: code::NO_LOCAL_ISSUER,
            is_authority: !others.is_empty(),
        }
    }

    /// How deep the authority stands, followed by names, with which a chain ends though it is not
    /// its own issuer.
    fn end_that_is_none(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Option<usize> {
        let mut last = leaf;
        let all = || others.iter().chain(&self.authorities.links);
        for depth in 0..=others.len() + self.authorities.links.len() {
            let issuer = CertFacts::of(last)?.issuer_der;
            let is_issuer = |der: &&CertificateDer<'_>| {
                CertFacts::of(der).is_some_and(|facts| facts.subject_der == issuer)
            };
            match all().find(is_issuer) {
                Some(next) => last = next,
                None => {
                    let mut known = self.authorities.certificates.iter();
                    return known.any(|known| known == last).then_some(depth);
                }
            }
        }
        None
    }

    /// The authority at the end of a peer's chain, found by names: for chains that were verified,
    /// or overlooked; `None` when it is not among the authorities.
    pub fn root(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) -> Option<CertificateDer<'static>> {
        let mut issuer = CertFacts::of(leaf)?.issuer_der;
        for _ in 0..=others.len() {
            let known = self.authorities.certificates.iter();
            let mut known = known.filter_map(|der| Some((der, CertFacts::of(der)?)));
            if let Some((der, _)) =
                known.find(|(_, facts)| facts.is_self_issued && facts.subject_der == issuer)
            {
                return Some(der.clone());
            }
            let all = others.iter().chain(&self.authorities.certificates);
            let mut all = all.filter_map(CertFacts::of);
            issuer = all.find(|facts| facts.subject_der == issuer)?.issuer_der;
        }
        None
    }

    /// Whether a failure is overlooked.
    pub fn overlooks(&self, failure: Failure) -> bool {
        match failure.is_authority {
            true => self.ignored_authority.has(failure.code),
            false => self.ignored_leaf.has(failure.code),
        }
    }

    /// Why the chain that was looked at last on this thread was refused, if it was: rustls's errors have no room
    /// for where in a chain it is, and rustls asks within the call that gives it bytes.
    pub fn last_failure() -> Option<Failure> {
        LAST_FAILURE.get()
    }

    fn verdict(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
        peer: Peer,
    ) -> Result<(), Error> {
        LAST_FAILURE.set(None);
        match self.chain(leaf, others, now, peer) {
            Ok(()) => Ok(()),
            Err(failure) if self.overlooks(failure) => Ok(()),
            Err(failure) => {
                LAST_FAILURE.set(Some(failure));
                Err(Error::InvalidCertificate(code::to_rustls(failure.code)))
            }
        }
    }
}

fn in_time(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), u32> {
    let facts = CertFacts::of(leaf).ok_or(code::UNSPECIFIED)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > facts.not_after {
        Err(code::HAS_EXPIRED)
    } else if now < facts.not_before {
        Err(code::NOT_YET_VALID)
    } else {
        Ok(())
    }
}

/// What a handshake fails with where a client's key is of a curve that `curves` lacks.
pub const WRONG_CURVE: &str = "wrong curve";

/// Verifies clients (`verify optional|required`).
#[derive(Debug)]
pub struct ClientVerifier {
    /// Who decides.
    pub judge: Judge,
    /// Without a certificate the handshake fails.
    pub is_required: bool,
    /// Without `no-ca-names`.
    pub tells_names: bool,
    /// Names of the authorities told to clients; empty with `no-ca-names`.
    pub names: Vec<DistinguishedName>,
    /// What a client of TLS 1.2 may prove its key by; see
    /// [`Settings::old_client_algorithms`](crate::Settings::old_client_algorithms).
    pub old_algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    /// The names of the authorities of a judge.
    pub fn names_of(authorities: &Authorities) -> Vec<DistinguishedName> {
        authorities.subjects.clone()
    }

    /// The same with authorities that changed; `named` are those of `ca-file`.
    #[must_use]
    pub fn with(&self, authorities: Arc<Authorities>, named: Option<&Authorities>) -> Self {
        let names = match (self.tells_names, named) {
            (true, Some(named)) => Self::names_of(named),
            _ => Vec::new(),
        };
        Self {
            judge: self.judge.with(authorities),
            is_required: self.is_required,
            tells_names: self.tells_names,
            names,
            old_algorithms: self.old_algorithms,
        }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.names
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge
            .verdict(end_entity, intermediates, now, Peer::Client)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature(message, cert, dss, &self.old_algorithms, false).map_err(|error| {
            // Only a signature that fails is looked at twice, for the reason.
            let all = &self.judge.algorithms;
            match signature(message, cert, dss, all, false) {
                Ok(_) => Error::General(WRONG_CURVE.to_owned()),
                Err(_) => error,
            }
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature(message, cert, dss, &self.judge.algorithms, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms.supported_schemes()
    }
}

/// Verifies servers (`verify required|none`, `verifyhost`).
#[derive(Debug, Clone)]
pub struct ServerVerifier {
    /// Who decides; `None` with `verify none`.
    pub judge: Option<Judge>,
    /// What signatures are understood.
    pub algorithms: WebPkiSupportedAlgorithms,
    /// `verifyhost`, for connections that ask for no name.
    pub host: Option<Box<str>>,
    /// Whether the name that was asked for is compared.
    pub compares_sni: bool,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(judge) = &self.judge else {
            return Ok(ServerCertVerified::assertion());
        };
        judge.verdict(end_entity, intermediates, now, Peer::Server)?;
        let name = match server_name {
            ServerName::DnsName(name) if self.compares_sni => Some(name.as_ref().to_owned()),
            _ => self.host.as_ref().map(ToString::to_string),
        };
        match name {
            Some(name) if !is_named(end_entity, &name) => {
                Err(Error::InvalidCertificate(CertificateError::NotValidForName))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature(message, cert, dss, &self.algorithms, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature(message, cert, dss, &self.algorithms, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Verifies what a peer signed in a handshake.
fn signature(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    is_tls13: bool,
) -> Result<HandshakeSignatureValid, Error> {
    if version1::is(cert) {
        return version1::handshake(message, cert, dss, algorithms, is_tls13);
    }
    match is_tls13 {
        true => rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms),
        false => rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms),
    }
}

/// Whether a certificate is for a host: an alternative name, else the common name, each of which
/// may have a `*` for its first label (haproxy 3.4 configuration 5.2, `verifyhost`).
fn is_named(leaf: &CertificateDer<'_>, host: &str) -> bool {
    if let Ok(name) = ServerName::try_from(host)
        && let Ok(end) = EndEntityCert::try_from(leaf)
        && end.verify_is_valid_for_subject_name(&name).is_ok()
    {
        return true;
    }
    let Some(facts) = CertFacts::of(leaf) else {
        return false;
    };
    let in_names = facts.dns_names.iter().any(|name| covers(name, host));
    in_names || facts.common_names().any(|name| covers(name, host))
}

fn covers(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(suffix), Some(dot)) = (pattern.strip_prefix('*'), host.find('.')) else {
        return false;
    };
    suffix.starts_with('.') && dot > 0 && suffix.eq_ignore_ascii_case(&host[dot..])
}
