//! Verification of a peer's chain by webpki, with the reference's numbers for what fails and its
//! ways to overlook failures (`ca-ignore-err`, `crt-ignore-err`).
//!
//! Verdicts need the time, which rustls brings along.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, ServerName, TrustAnchor, UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, KeyUsage,
    OwnedCertRevocationList, RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use crate::facts::CertFacts;
use crate::pem;

pub mod code;
#[cfg(test)]
mod tests;

/// Authorities, and what they revoked.
#[derive(Debug, Default)]
pub struct Authorities {
    roots: Vec<TrustAnchor<'static>>,
    /// The same as certificates: a peer that presents one of them is trusted as it is.
    certificates: Vec<CertificateDer<'static>>,
    subjects: Vec<DistinguishedName>,
    crls: Vec<CertRevocationList<'static>>,
}

impl Authorities {
    /// Reads authorities from PEM; how many were found.
    ///
    /// # Errors
    /// When the text cannot be read.
    pub fn add_pem(&mut self, text: &[u8]) -> Result<usize, String> {
        let sections = pem::sections(text)?;
        self.add_crls(sections.crls);
        let mut added = 0;
        for der in sections.certificates {
            added += usize::from(self.add(der));
        }
        Ok(added)
    }

    /// Adds one authority; `false` when it cannot be read or is known already.
    pub fn add(&mut self, der: CertificateDer<'static>) -> bool {
        if self.certificates.contains(&der) {
            return false;
        }
        let mut store = RootCertStore::empty();
        if store.add(der.clone()).is_ok() {
            self.subjects.extend(store.subjects());
            self.roots.append(&mut store.roots);
        } else if CertFacts::of(&der).is_none() {
            return false;
        }
        self.certificates.push(der);
        true
    }

    fn add_crls(&mut self, crls: Vec<CertificateRevocationListDer<'static>>) -> usize {
        let mut added = 0;
        for der in crls {
            let read =
                BorrowedCertRevocationList::from_der(&der).and_then(|borrowed| borrowed.to_owned());
            if let Ok(owned) = read {
                let owned: OwnedCertRevocationList = owned;
                self.crls.push(owned.into());
                added += 1;
            }
        }
        added
    }

    /// Reads revocation lists from PEM; how many were found.
    ///
    /// # Errors
    /// When the text cannot be read.
    pub fn add_crl_pem(&mut self, text: &[u8]) -> Result<usize, String> {
        let sections = pem::sections(text)?;
        Ok(self.add_crls(sections.crls))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// The authorities themselves.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

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

/// Judges chains against authorities.
#[derive(Debug)]
pub struct Judge {
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

/// Which side a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// It connected to us.
    Client,
    /// We connected to it.
    Server,
}

impl Judge {
    /// A judge.
    pub fn new(authorities: Arc<Authorities>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self {
            authorities,
            algorithms,
            ignored_leaf: Ignored::default(),
            ignored_authority: Ignored::default(),
        }
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
        if self
            .authorities
            .certificates
            .iter()
            .any(|known| known == leaf)
        {
            return in_time(leaf, now).map_err(own);
        }
        let end = EndEntityCert::try_from(leaf).map_err(|error| own(code::of(&error)))?;
        let usage = match peer {
            Peer::Client => KeyUsage::client_auth(),
            Peer::Server => KeyUsage::server_auth(),
        };
        let crls: Vec<&CertRevocationList<'_>> = self.authorities.crls.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&crls).ok().map(|builder| {
            builder
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Deny)
                .build()
        });
        end.verify_for_usage(
            self.algorithms.all,
            &self.authorities.roots,
            others,
            now,
            usage,
            revocation,
            None,
        )
        .map(|_| ())
        .map_err(|error| self.classify(&error, leaf, others, now))
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
        Failure {
            code: code::NO_LOCAL_ISSUER,
            is_authority: !others.is_empty(),
        }
    }

    /// Whether a failure is overlooked.
    pub fn overlooks(&self, failure: Failure) -> bool {
        match failure.is_authority {
            true => self.ignored_authority.has(failure.code),
            false => self.ignored_leaf.has(failure.code),
        }
    }

    fn verdict(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
        peer: Peer,
    ) -> Result<(), Error> {
        match self.chain(leaf, others, now, peer) {
            Ok(()) => Ok(()),
            Err(failure) if self.overlooks(failure) => Ok(()),
            Err(failure) => Err(Error::InvalidCertificate(code::to_rustls(failure.code))),
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

/// Verifies clients (`verify optional|required`).
#[derive(Debug)]
pub struct ClientVerifier {
    /// Who decides.
    pub judge: Judge,
    /// Without a certificate the handshake fails.
    pub is_required: bool,
    /// Names of the authorities told to clients; empty with `no-ca-names`.
    pub names: Vec<DistinguishedName>,
}

impl ClientVerifier {
    /// The names of the authorities of a judge.
    pub fn names_of(authorities: &Authorities) -> Vec<DistinguishedName> {
        authorities.subjects.clone()
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
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms.supported_schemes()
    }
}

/// Verifies servers (`verify required|none`, `verifyhost`).
#[derive(Debug)]
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
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
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
