//! Certificates of version 1, which have no extensions: `openssl x509 -req` makes them unless it is
//! told otherwise, and private authorities are full of them. webpki reads none of them.
//!
//! Their own link to an authority is verified here (RFC 5280 6.1); all other chains are webpki's.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use webpki::EndEntityCert;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer;

use super::{Authorities, Failure, code, crl, in_time};

#[cfg(test)]
mod tests;

/// Certificates between a leaf and an authority.
const DEPTH: usize = 6;
/// Signatures that are verified for one chain.
const SIGNATURES: usize = 32;

/// Whether a certificate is of version 1.
pub(super) fn is(leaf: &CertificateDer<'_>) -> bool {
    matches!(
        EndEntityCert::try_from(leaf),
        Err(webpki::Error::UnsupportedCertVersion)
    )
}

/// Verifies the chain of a leaf of version 1.
///
/// # Errors
/// The first failure.
pub(super) fn chain(
    authorities: &Authorities,
    algorithms: WebPkiSupportedAlgorithms,
    leaf: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), Failure> {
    let mut walk = Walk {
        authorities,
        algorithms,
        others,
        now,
        budget: SIGNATURES,
    };
    walk.link(leaf, 0)
}

struct Walk<'a> {
    authorities: &'a Authorities,
    algorithms: WebPkiSupportedAlgorithms,
    others: &'a [CertificateDer<'a>],
    now: UnixTime,
    budget: usize,
}

impl Walk<'_> {
    /// From a certificate at `depth` on to an authority.
    fn link(&mut self, der: &CertificateDer<'_>, depth: usize) -> Result<(), Failure> {
        let fail = |code| Failure {
            code,
            is_authority: depth > 0,
        };
        let Ok((rest, cert)) = X509Certificate::from_der(der) else {
            return Err(fail(code::UNSPECIFIED));
        };
        // RFC 5280 4.1.1.2: what is signed names the algorithm of the signature as well.
        let is_sound = rest.is_empty()
            && has_name_of_algorithm(der, cert.tbs_certificate.as_ref().len())
            && cert.tbs_certificate.signature == cert.signature_algorithm
            && cert.signature_value.unused_bits == 0;
        if !is_sound {
            return Err(fail(code::BAD_SIGNATURE));
        }
        if depth > 0 {
            may_sign(&cert, depth).map_err(fail)?;
        }
        let authorities = self.authorities;
        for anchor in &authorities.certificates {
            if authorities.is_end(anchor) && self.issued(anchor, &cert) {
                in_time(der, self.now).map_err(fail)?;
                return self.revocation(&cert, anchor).map_err(fail);
            }
        }
        let unknown = Failure {
            code: code::NO_LOCAL_ISSUER,
            is_authority: !self.others.is_empty(),
        };
        if depth >= DEPTH {
            return Err(fail(code::CHAIN_TOO_LONG));
        }
        for other in self.others.iter().chain(&authorities.links) {
            if self.issued(other, &cert) && other != der {
                self.link(other, depth + 1)?;
                in_time(der, self.now).map_err(fail)?;
                return self.revocation(&cert, other).map_err(fail);
            }
        }
        Err(match cert.subject() == cert.issuer() {
            true if depth == 0 => fail(code::SELF_SIGNED_LEAF),
            true => fail(code::SELF_SIGNED_IN_CHAIN),
            false => unknown,
        })
    }

    fn issued(&mut self, issuer: &CertificateDer<'_>, cert: &X509Certificate<'_>) -> bool {
        let Ok((_, issuer)) = X509Certificate::from_der(issuer) else {
            return false;
        };
        if issuer.subject().as_raw() != cert.issuer().as_raw() || self.budget == 0 {
            return false;
        }
        self.budget -= 1;
        is_signed(
            &self.algorithms,
            &issuer,
            &cert.signature_algorithm.algorithm,
            cert.tbs_certificate.as_ref(),
            &cert.signature_value.data,
        )
    }

    /// Asks the lists of the issuer; without any list nothing is asked.
    fn revocation(
        &self,
        cert: &X509Certificate<'_>,
        issuer: &CertificateDer<'_>,
    ) -> Result<(), u32> {
        let crls = &self.authorities.crls;
        if crls.is_empty() {
            return Ok(());
        }
        let (_, issuer) = X509Certificate::from_der(issuer).map_err(|_| code::UNSPECIFIED)?;
        let name = crl::content(cert.issuer().as_raw()).unwrap_or_default();
        let now = i64::try_from(self.now.as_secs()).unwrap_or(i64::MAX);
        crl::ask(
            crls,
            (name, cert.raw_serial()),
            issuer.public_key().raw,
            now,
        )
    }
}

/// Whether what follows the signed part begins with a sequence of a name: the parser does not look.
fn has_name_of_algorithm(der: &[u8], signed: usize) -> bool {
    let header = match der.get(1) {
        Some(0x81) => 3,
        Some(0x82) => 4,
        _ => 2,
    };
    let algorithm = der.get(header + signed..).unwrap_or_default();
    matches!(algorithm, [0x30, _, 0x06, ..])
}

/// Whether a certificate between may sign others (RFC 5280 6.1.4, k to n).
fn may_sign(cert: &X509Certificate<'_>, depth: usize) -> Result<(), u32> {
    let constraints = cert.basic_constraints().ok().flatten();
    let constraints = constraints.map(|found| found.value);
    if !constraints.is_some_and(|found| found.ca) {
        return Err(code::INVALID_CA);
    }
    let most = constraints.and_then(|found| found.path_len_constraint);
    if most.is_some_and(|most| usize::try_from(most).is_ok_and(|most| depth > most + 1)) {
        return Err(code::PATH_LENGTH);
    }
    let usage = cert.key_usage().ok().flatten();
    match usage.is_none_or(|usage| usage.value.key_cert_sign()) {
        true => Ok(()),
        false => Err(code::INVALID_CA),
    }
}

/// Whether an issuer's key made a signature.
fn is_signed(
    algorithms: &WebPkiSupportedAlgorithms,
    issuer: &X509Certificate<'_>,
    algorithm: &Oid<'_>,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let known = algorithms.all.iter();
    let mut fitting = known.filter(|known| names(known.signature_alg_id().as_ref(), algorithm));
    fitting.any(|known| verifies(*known, issuer, message, signature))
}

fn verifies(
    algorithm: &dyn SignatureVerificationAlgorithm,
    signer: &X509Certificate<'_>,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let key = signer.public_key();
    names(
        algorithm.public_key_alg_id().as_ref(),
        &key.algorithm.algorithm,
    ) && algorithm
        .verify_signature(&key.subject_public_key.data, message, signature)
        .is_ok()
}

/// Whether the content of an algorithm identifier begins with this name.
fn names(identifier: &[u8], oid: &Oid<'_>) -> bool {
    match identifier {
        [0x06, len, rest @ ..] => rest.get(..usize::from(*len)) == Some(oid.as_bytes()),
        _ => false,
    }
}

/// Verifies what a peer signed in a handshake with the key of a certificate of version 1.
///
/// # Errors
/// When it did not.
pub(super) fn handshake(
    message: &[u8],
    cert: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    is_tls13: bool,
) -> Result<HandshakeSignatureValid, Error> {
    use SignatureScheme as S;
    // RFC 8446 4.4.3: not with PKCS #1 v1.5.
    let is_old = matches!(
        signed.scheme,
        S::RSA_PKCS1_SHA256 | S::RSA_PKCS1_SHA384 | S::RSA_PKCS1_SHA512
    );
    if is_tls13 && is_old {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    }
    let (_, cert) = X509Certificate::from_der(cert)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let mapping = algorithms.mapping.iter();
    let mut fitting = mapping
        .filter(|(scheme, _)| *scheme == signed.scheme)
        // The first is the one of TLS 1.3, where a scheme names its curve.
        .flat_map(|(_, list)| list.iter().take(if is_tls13 { 1 } else { list.len() }));
    match fitting.any(|known| verifies(*known, &cert, message, signed.signature())) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(Error::InvalidCertificate(CertificateError::BadSignature)),
    }
}
