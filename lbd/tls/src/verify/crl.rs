//! Certificate revocation lists (RFC 5280 5), of version 1 too, which webpki does not read.
//!
//! A list counts for a certificate when it is of the certificate's issuer, signed by it, and holds.

use std::collections::HashSet;

use parking_lot::Mutex;
use rustls::pki_types::CertificateRevocationListDer;
use webpki::VerifiedPath;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::code;
use crate::facts::{self, Attribute};

/// A list.
#[derive(Debug)]
pub struct Crl {
    /// DER.
    pub der: CertificateRevocationListDer<'static>,
    /// Content of the issuer's name, without its header.
    issuer: Box<[u8]>,
    last_update: i64,
    next_update: Option<i64>,
    revoked: HashSet<Box<[u8]>>,
    /// The key that was seen to have signed it.
    signer: Mutex<Option<Box<[u8]>>>,
}

/// The fields of a list, for who looks at it.
#[derive(Debug, Clone)]
pub struct CrlFacts {
    /// 1 or 2.
    pub version: u32,
    /// OpenSSL's long name of the algorithm.
    pub signature_algorithm: Box<str>,
    /// Who made it.
    pub issuer: Vec<Attribute>,
    /// Seconds since 1970.
    pub last_update: i64,
    /// Seconds since 1970.
    pub next_update: Option<i64>,
    /// Serial numbers with the seconds since 1970 of their revocation.
    pub revoked: Vec<(Box<[u8]>, i64)>,
}

impl Crl {
    /// Its fields.
    pub fn facts(&self) -> Option<CrlFacts> {
        let (_, list) = CertificateRevocationList::from_der(&self.der).ok()?;
        let id = list.signature_algorithm.algorithm.to_id_string();
        let one = |one: &RevokedCertificate<'_>| {
            (one.raw_serial().into(), one.revocation_date.timestamp())
        };
        Some(CrlFacts {
            version: list
                .version()
                .map_or(1, |version| version.0.saturating_add(1)),
            signature_algorithm: facts::signature_long_name(&id).into(),
            issuer: facts::name(list.issuer()),
            last_update: self.last_update,
            next_update: self.next_update,
            revoked: list.iter_revoked_certificates().map(one).collect(),
        })
    }

    /// Reads a list; `None` when it is none.
    pub fn read(der: &CertificateRevocationListDer<'_>) -> Option<Self> {
        let (_, list) = CertificateRevocationList::from_der(der).ok()?;
        let serial = |raw: &[u8]| -> Box<[u8]> { bare(raw).into() };
        Some(Self {
            issuer: content(list.issuer().as_raw())?.into(),
            last_update: list.last_update().timestamp(),
            next_update: list.next_update().map(|time| time.timestamp()),
            revoked: list
                .iter_revoked_certificates()
                .map(|one| serial(one.raw_serial()))
                .collect(),
            signer: Mutex::new(None),
            der: der.to_vec().into(),
        })
    }

    /// Whether the key `spki` (DER) signed it.
    fn is_signed_by(&self, spki: &[u8]) -> bool {
        if self.signer.lock().as_deref() == Some(spki) {
            return true;
        }
        let signed = || {
            let (_, list) = CertificateRevocationList::from_der(&self.der).ok()?;
            let (_, key) = SubjectPublicKeyInfo::from_der(spki).ok()?;
            list.verify_signature(&key).ok()
        };
        let is_signed = signed().is_some();
        if is_signed {
            *self.signer.lock() = Some(spki.into());
        }
        is_signed
    }

    /// `Ok` when the list holds and does not revoke `serial`; the reference's number otherwise.
    fn judge(&self, serial: &[u8], spki: &[u8], now: i64) -> Result<(), u32> {
        if !self.is_signed_by(spki) {
            return Err(code::CRL_BAD_SIGNATURE);
        }
        if self.last_update > now {
            return Err(code::CRL_NOT_YET_VALID);
        }
        if self.next_update.is_some_and(|end| end < now) {
            return Err(code::CRL_EXPIRED);
        }
        match self.revoked.contains(bare(serial)) {
            true => Err(code::REVOKED),
            false => Ok(()),
        }
    }
}

/// Asks the lists about all certificates of a path below its anchor; the reference's number and the
/// depth of what fails.
pub(super) fn check(
    crls: &[std::sync::Arc<Crl>],
    path: &VerifiedPath<'_>,
    now: i64,
) -> Result<(), (u32, usize)> {
    let leaf = path.end_entity();
    let mut links = vec![(leaf.issuer(), leaf.serial())];
    let mut keys = Vec::new();
    for cert in path.intermediate_certificates() {
        keys.push(cert.subject_public_key_info().to_vec());
        links.push((cert.issuer(), cert.serial()));
    }
    keys.push(sequence(&path.anchor().subject_public_key_info));
    for (depth, ((issuer, serial), key)) in links.into_iter().zip(&keys).enumerate() {
        ask(crls, (issuer, serial), key, now).map_err(|number| (number, depth))?;
    }
    Ok(())
}

/// Asks the lists about the certificate of this issuer (content of its name) and serial number,
/// whose issuer has the key `spki` (DER); the reference's number when it is not to be taken.
pub(super) fn ask(
    crls: &[std::sync::Arc<Crl>],
    (issuer, serial): (&[u8], &[u8]),
    spki: &[u8],
    now: i64,
) -> Result<(), u32> {
    let mut verdict = Err(code::NO_CRL);
    for crl in crls.iter().filter(|crl| &*crl.issuer == issuer) {
        verdict = match (verdict, crl.judge(serial, spki, now)) {
            (_, Err(code::REVOKED)) => return Err(code::REVOKED),
            (Ok(()), _) | (_, Ok(())) => Ok(()),
            (_, failed) => failed,
        };
    }
    verdict
}

/// A number without the zeros that DER may put before it.
fn bare(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The content of a DER value.
pub(super) fn content(der: &[u8]) -> Option<&[u8]> {
    let first = *der.get(1)?;
    let header = match first {
        ..0x80 => 2,
        _ => 2 + usize::from(first & 0x7f),
    };
    der.get(header..)
}

/// A DER SEQUENCE with this content.
fn sequence(content: &[u8]) -> Vec<u8> {
    let mut der = vec![0x30];
    let len = content.len();
    match u8::try_from(len) {
        Ok(short @ ..0x80) => der.push(short),
        _ => {
            let bytes = len.to_be_bytes();
            let bytes = bare(&bytes);
            // At most eight bytes of a length.
            der.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
            der.extend_from_slice(bytes);
        }
    }
    der.extend_from_slice(content);
    der
}
