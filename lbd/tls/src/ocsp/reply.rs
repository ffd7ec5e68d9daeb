//! OCSP answers as responders send them (RFC 6960 4.2): what they say, about which certificate, and
//! whether the issuer said it.
//!
//! Times are arguments; nothing is asked over a network.

use std::sync::Arc;

use der::{Decode, Encode};
use rustls::pki_types::CertificateDer;
use sha1::{Digest, Sha1};
use x509_ocsp::{
    BasicOcspResponse, CertStatus, OcspResponse, OcspResponseStatus, ResponderId, SingleResponse,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::verify::verify_signature;
use x509_parser::x509::{AlgorithmIdentifier, X509Name};

use crate::facts::{self, Attribute, CertFacts};

/// Seconds by which clocks may differ.
const SKEW: i64 = 300;

/// What an answer says about its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Good,
    /// It was revoked: seconds since 1970, and the reason's number.
    Revoked(i64, Option<u32>),
    /// The responder does not know it.
    Unknown,
}

/// Who made an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Responder {
    /// A name, and the same as DER.
    Name(Vec<Attribute>, Box<[u8]>),
    /// SHA-1 of its key.
    Key(Box<[u8]>),
}

/// An answer that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// DER of the whole.
    pub der: Arc<[u8]>,
    /// Which certificate it is about: see [`key_of`].
    pub key: Box<[u8]>,
    /// Hash of the issuer's name.
    pub name_hash: Box<[u8]>,
    /// Hash of the issuer's key.
    pub key_hash: Box<[u8]>,
    /// Serial number of the certificate.
    pub serial: Box<[u8]>,
    /// What it says.
    pub verdict: Verdict,
    /// Seconds since 1970.
    pub produced_at: i64,
    /// Seconds since 1970.
    pub this_update: i64,
    /// Seconds since 1970.
    pub next_update: Option<i64>,
    /// Who made it.
    pub responder: Responder,
    /// OpenSSL's long name of the signature's algorithm.
    pub signature_algorithm: Box<str>,
    /// The signature.
    pub signature: Box<[u8]>,
    /// Certificates that came with it.
    pub certificates: Vec<CertificateDer<'static>>,
    algorithm: Box<[u8]>,
    signed: Box<[u8]>,
}

/// The key of a certificate in lists of answers: its CertID (RFC 6960 4.1.1) with SHA-1 as DER.
/// `None` when the issuer cannot be read.
pub fn key_of(leaf: &CertFacts, issuer: &CertificateDer<'_>) -> Option<Box<[u8]>> {
    let (_, issuer) = X509Certificate::from_der(issuer).ok()?;
    let name = Sha1::digest(&leaf.issuer_der);
    let key = Sha1::digest(&issuer.public_key().subject_public_key.data);
    Some(key_from(&name, &key, &leaf.serial))
}

fn key_from(name: &[u8], key: &[u8], serial: &[u8]) -> Box<[u8]> {
    // SEQUENCE { OID 1.3.14.3.2.26 (SHA-1), NULL }
    let mut id = vec![0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0];
    for (tag, part) in [(4, name), (4, key), (2, serial)] {
        tlv(&mut id, tag, part);
    }
    let mut whole = Vec::new();
    tlv(&mut whole, 0x30, &id);
    whole.into()
}

/// The request about a certificate (RFC 6960 4.1), unsigned and without a nonce, so that answers
/// may come from caches.
pub fn request(key: &[u8]) -> Vec<u8> {
    let mut request = key.to_vec();
    for _ in 0..4 {
        let mut outer = Vec::new();
        tlv(&mut outer, 0x30, &request);
        request = outer;
    }
    request
}

fn tlv(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(len @ ..0x80) => out.push(len),
        _ => {
            let len = content.len().to_be_bytes();
            let zeros = len.iter().take_while(|byte| **byte == 0).count();
            // At most eight bytes of a length.
            out.push(0x80 | u8::try_from(len.len() - zeros).unwrap_or(8));
            out.extend_from_slice(&len[zeros..]);
        }
    }
    out.extend_from_slice(content);
}

/// The first DER value inside a SEQUENCE, with its header: the bytes that were signed.
fn first_inside(sequence: &[u8]) -> Option<&[u8]> {
    let (start, _) = span(sequence)?;
    let inner = sequence.get(start..)?;
    let (_, end) = span(inner)?;
    inner.get(..end)
}

/// Where the content of a DER value begins and ends.
fn span(der: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*der.get(1)?);
    let (start, len) = match first {
        ..0x80 => (2, first),
        _ => {
            let count = first & 0x7f;
            let bytes = der.get(2..2 + count).filter(|_| count <= 4)?;
            let len = bytes
                .iter()
                .fold(0, |len, byte| len << 8 | usize::from(*byte));
            (2 + count, len)
        }
    };
    Some((start, start.checked_add(len)?))
}

fn seconds(time: x509_ocsp::OcspGeneralizedTime) -> i64 {
    i64::try_from(time.0.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

impl Reply {
    /// Reads an answer about one certificate.
    ///
    /// # Errors
    /// In the reference's words.
    pub fn read(der: &[u8]) -> Result<Self, String> {
        let whole = OcspResponse::from_der(der);
        let whole = whole.map_err(|_| "Unable to parse OCSP response".to_owned())?;
        if whole.response_status != OcspResponseStatus::Successful {
            return Err("OCSP response status not successful".to_owned());
        }
        let no_basic = || "Failed to get basic response from OCSP Response".to_owned();
        let bytes = whole.response_bytes.ok_or_else(no_basic)?;
        let basic = bytes.response.as_bytes();
        let signed = first_inside(basic).ok_or_else(no_basic)?;
        let basic = BasicOcspResponse::from_der(basic).map_err(|_| no_basic())?;
        let data = &basic.tbs_response_data;
        let [single] = &data.responses[..] else {
            return Err(format!(
                "OCSP response ignored because contains multiple single responses ({})",
                data.responses.len()
            ));
        };
        let id = &single.cert_id;
        let serial: Box<[u8]> = id.serial_number.as_bytes().into();
        let (name_hash, key_hash) = (
            id.issuer_name_hash.as_bytes(),
            id.issuer_key_hash.as_bytes(),
        );
        if id.hash_algorithm.oid.to_string() != "1.3.14.3.2.26" {
            return Err(
                "OCSP single response: Certificate ID does not match any certificate or issuer"
                    .to_owned(),
            );
        }
        let algorithm = basic.signature_algorithm.to_der().map_err(|_| no_basic())?;
        let oid = basic.signature_algorithm.oid.to_string();
        let certificates = basic.certs.iter().flatten();
        let certificates = certificates.filter_map(|cert| cert.to_der().ok());
        Ok(Self {
            der: der.into(),
            key: key_from(name_hash, key_hash, &serial),
            name_hash: name_hash.into(),
            key_hash: key_hash.into(),
            verdict: verdict(single),
            serial,
            produced_at: seconds(data.produced_at),
            this_update: seconds(single.this_update),
            next_update: single.next_update.map(seconds),
            responder: responder(&data.responder_id).ok_or_else(no_basic)?,
            signature_algorithm: facts::signature_long_name(&oid).into(),
            signature: basic.signature.raw_bytes().into(),
            certificates: certificates.map(Into::into).collect(),
            algorithm: algorithm.into(),
            signed: signed.into(),
        })
    }

    /// Whether it may be stapled: it says something, and holds.
    ///
    /// # Errors
    /// In the reference's words.
    pub fn check(&self, now: i64) -> Result<(), String> {
        if self.verdict == Verdict::Unknown {
            return Err("OCSP single response: certificate status is unknown".to_owned());
        }
        let Some(next) = self.next_update else {
            return Err("OCSP single response: missing nextupdate".to_owned());
        };
        if self.this_update > now.saturating_add(SKEW) || next < now {
            return Err("OCSP single response: no longer valid.".to_owned());
        }
        Ok(())
    }

    /// Whether the issuer, or a responder that it certified for this, signed it.
    ///
    /// # Errors
    /// When none of them did.
    pub fn verify(&self, issuer: &CertificateDer<'_>, now: i64) -> Result<(), String> {
        let failed = |why: &str| Err(format!("OCSP response check failure ({why})"));
        let Ok((_, authority)) = X509Certificate::from_der(issuer) else {
            return failed("the issuer cannot be read");
        };
        let delegates = self.certificates.iter().filter_map(|der| {
            let (_, cert) = X509Certificate::from_der(der).ok()?;
            let usage = cert.extended_key_usage().ok()??;
            let is_valid = cert.validity().not_before.timestamp() <= now
                && now <= cert.validity().not_after.timestamp();
            let is_ours = cert.issuer() == authority.subject()
                && cert.verify_signature(Some(authority.public_key())).is_ok();
            (usage.value.ocsp_signing && is_valid && is_ours).then_some(cert)
        });
        let is_good = std::iter::once(authority.clone())
            .chain(delegates)
            .any(|signer| self.is_from(&signer) && self.is_signed_by(&signer));
        match is_good {
            true => Ok(()),
            false => failed("no signature of the issuer"),
        }
    }

    fn is_from(&self, signer: &X509Certificate<'_>) -> bool {
        match &self.responder {
            Responder::Name(_, der) => signer.subject().as_raw() == &**der,
            Responder::Key(hash) => {
                let key = Sha1::digest(&signer.public_key().subject_public_key.data);
                key[..] == **hash
            }
        }
    }

    fn is_signed_by(&self, signer: &X509Certificate<'_>) -> bool {
        let Ok((_, algorithm)) = AlgorithmIdentifier::from_der(&self.algorithm) else {
            return false;
        };
        let signature = x509_parser::asn1_rs::BitString::new(0, &self.signature);
        verify_signature(signer.public_key(), &algorithm, &signature, &self.signed).is_ok()
    }
}

fn verdict(single: &SingleResponse) -> Verdict {
    match single.cert_status {
        CertStatus::Good(_) => Verdict::Good,
        CertStatus::Revoked(info) => {
            let reason = info.revocation_reason.map(|reason| reason as u32);
            Verdict::Revoked(seconds(info.revocation_time), reason)
        }
        CertStatus::Unknown(_) => Verdict::Unknown,
    }
}

fn responder(id: &ResponderId) -> Option<Responder> {
    Some(match id {
        ResponderId::ByKey(hash) => Responder::Key(hash.as_bytes().into()),
        ResponderId::ByName(name) => {
            let der = name.to_der().ok()?;
            let (_, parsed) = X509Name::from_der(&der).ok()?;
            Responder::Name(facts::name(&parsed), der.clone().into())
        }
    })
}
