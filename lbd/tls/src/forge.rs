//! Certificates made up for names that no certificate is for (`generate-certificates`).
//!
//! An authority of the operator's signs them; their key is that of the certificate that would have
//! been shown instead. What they say is what the reference's say (haproxy 3.4 configuration 5.1).

use std::sync::Arc;

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{encoding, rand};
use der::asn1::{
    Any, BitString, Ia5String, Null, ObjectIdentifier, OctetString, SetOfVec, Utf8StringRef,
};
use der::{Decode, Encode};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha1::{Digest as _, Sha1};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{CertificateInner, TbsCertificateInner};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::ext::{AsExtension, Extension};
use x509_cert::name::{Name, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};
use x509_cert::{TbsCertificate, Version};

use crate::certificate::Certificate;
use crate::facts::CertFacts;
use crate::locked;
use crate::pem;

#[cfg(test)]
mod tests;

const DAY: u64 = 86_400;

/// How long one is valid, in seconds; it begins a day ago, for clients whose clocks lag.
const LIFE: u64 = 365 * DAY;

/// Bytes of a serial number (RFC 5280 4.1.2.2 allows 20).
const SERIAL: usize = 16;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Why an authority cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No certificate, or none that can be read.
    NoCertificate,
    /// No private key, or of a kind that does not sign.
    NoKey,
    /// The key is protected, and the passphrase is not its own; or it is in the form that OpenSSL
    /// wrote before version 1.0.
    Passphrase,
    /// Key and certificate do not belong together.
    Mismatch,
}

impl Fault {
    /// What an operator is told.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoCertificate => "no certificate found",
            Self::NoKey => "no private key found that can sign",
            Self::Passphrase => {
                "the private key cannot be decrypted by 'ca-sign-pass' (PKCS #8 is read)"
            }
            Self::Mismatch => "inconsistencies between private key and certificate",
        }
    }
}

enum Key {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    P521(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    fn read(key: &PrivateKeyDer<'_>) -> Option<Self> {
        let der = key.secret_der();
        let ecdsa = |algorithm| EcdsaKeyPair::from_private_key_der(algorithm, der).ok();
        if let Some(key) = ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING) {
            return Some(Self::P256(key));
        }
        if let Some(key) = ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING) {
            return Some(Self::P384(key));
        }
        if let Some(key) = ecdsa(&ECDSA_P521_SHA256_ASN1_SIGNING) {
            return Some(Self::P521(key));
        }
        if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Some(Self::Ed25519(key));
        }
        let rsa = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der));
        rsa.ok().map(Self::Rsa)
    }

    /// As in the reference SHA-256, whatever the size of the key.
    fn algorithm(&self) -> AlgorithmIdentifierOwned {
        let (oid, parameters) = match self {
            Self::Rsa(_) => (RSA_SHA256, Any::encode_from(&Null).ok()),
            Self::P256(_) | Self::P384(_) | Self::P521(_) => (ECDSA_SHA256, None),
            Self::Ed25519(_) => (ED25519, None),
        };
        AlgorithmIdentifierOwned { oid, parameters }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = rand::SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let padding = &RSA_PKCS1_SHA256;
                key.sign(padding, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Self::P256(key) | Self::P521(key) => {
                let signature = key.sign(&random, message).ok()?;
                Some(signature.as_ref().to_vec())
            }
            Self::P384(key) => {
                // aws-lc-rs signs by this curve with longer digests only. A digest is a number to
                // ECDSA (FIPS 186-5 6.4.1): zeros before it change nothing.
                let short = digest::digest(&digest::SHA256, message);
                let mut long = vec![0; digest::SHA384.output_len() - short.as_ref().len()];
                long.extend_from_slice(short.as_ref());
                let digest = Digest::import_less_safe(&long, &digest::SHA384).ok()?;
                let signature = key.sign_digest(&digest).ok()?;
                Some(signature.as_ref().to_vec())
            }
            Self::Ed25519(key) => Some(key.sign(message).as_ref().to_vec()),
        }
    }

    fn public(&self) -> Option<Vec<u8>> {
        use aws_lc_rs::encoding::AsDer as _;
        use aws_lc_rs::signature::KeyPair as _;
        type Info = encoding::PublicKeyX509Der<'static>;
        let info: Info = match self {
            Self::Rsa(key) => key.public_key().as_der().ok()?,
            Self::P256(key) | Self::P384(key) | Self::P521(key) => {
                key.public_key().as_der().ok()?
            }
            Self::Ed25519(key) => key.public_key().as_der().ok()?,
        };
        Some(info.as_ref().to_vec())
    }
}

/// An authority that makes certificates up.
pub struct Forger {
    der: CertificateDer<'static>,
    subject: Name,
    key_id: Option<OctetString>,
    key: Key,
}

impl std::fmt::Debug for Forger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forger")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl Forger {
    /// Reads certificate and key of the authority from a PEM text.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn read(text: &[u8], passphrase: Option<&str>) -> Result<Self, Fault> {
        let mut found = pem::sections(text).map_err(|_| Fault::NoCertificate)?;
        if found.has_encrypted_key {
            let clear = passphrase.and_then(|words| locked::unlock(text, words.as_bytes()));
            let clear = clear.ok_or(Fault::Passphrase)?;
            found = pem::sections(&clear).map_err(|_| Fault::NoCertificate)?;
        }
        let der = found.certificates.into_iter().next();
        let der = der.ok_or(Fault::NoCertificate)?;
        let certificate: CertificateInner =
            CertificateInner::from_der(&der).map_err(|_| Fault::NoCertificate)?;
        let key = found.key.as_ref().and_then(Key::read).ok_or(Fault::NoKey)?;
        let info = &certificate.tbs_certificate.subject_public_key_info;
        if info.to_der().ok() != key.public() {
            return Err(Fault::Mismatch);
        }
        let facts = CertFacts::of(&der).ok_or(Fault::NoCertificate)?;
        let key_id = facts.subject_key.as_deref();
        Ok(Self {
            subject: certificate.tbs_certificate.subject,
            key_id: key_id.and_then(|id| OctetString::new(id).ok()),
            key,
            der,
        })
    }

    /// A certificate for `name` with the key of `base`; `now` in seconds since 1970. `None` when
    /// the name or the key do not let themselves be written, or the system gives no random bytes.
    pub fn forge(&self, name: &str, base: &Certificate, now: u64) -> Option<Certificate> {
        let info = base.certified.key.public_key()?;
        let tbs = self.statement(name, &info, now)?;
        let message = tbs.to_der().ok()?;
        let certificate = CertificateInner {
            signature_algorithm: tbs.signature.clone(),
            signature: BitString::from_bytes(&self.key.sign(&message)?).ok()?,
            tbs_certificate: tbs,
        };
        let leaf = CertificateDer::from(certificate.to_der().ok()?);
        let facts = CertFacts::of(&leaf)?;
        let chain = vec![leaf, self.der.clone()];
        let key = Arc::clone(&base.certified.key);
        Some(Certificate {
            certified: Arc::new(CertifiedKey::new(chain, key)),
            facts: Arc::new(facts),
            kind: base.kind,
            issuer: Some(self.der.clone()),
            staple: None,
        })
    }

    fn statement(&self, name: &str, info: &[u8], now: u64) -> Option<TbsCertificate> {
        let info = SubjectPublicKeyInfoOwned::from_der(info).ok()?;
        let mut subject = self.subject.clone();
        let attribute = AttributeTypeAndValue {
            oid: COMMON_NAME,
            value: Any::encode_from(&Utf8StringRef::new(name).ok()?).ok()?,
        };
        let attributes = SetOfVec::try_from(vec![attribute]).ok()?;
        subject.0.push(RelativeDistinguishedName(attributes));
        let mut serial = [0; SERIAL];
        rand::fill(&mut serial).ok()?;
        // Positive, and of its full length.
        serial[0] = (serial[0] & 0x7f) | 0x40;
        let extensions = self.extensions(name, &info, &subject)?;
        Some(TbsCertificateInner {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial).ok()?,
            signature: self.key.algorithm(),
            issuer: self.subject.clone(),
            validity: Validity {
                not_before: time(now.saturating_sub(DAY))?,
                not_after: time(now.saturating_add(LIFE))?,
            },
            subject,
            subject_public_key_info: info,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(extensions),
        })
    }

    fn extensions(
        &self,
        name: &str,
        info: &SubjectPublicKeyInfoOwned,
        subject: &Name,
    ) -> Option<Vec<Extension>> {
        let key_id = Sha1::digest(info.subject_public_key.raw_bytes());
        let usage = KeyUsages::DigitalSignature | KeyUsages::NonRepudiation;
        let usage = KeyUsage(usage | KeyUsages::KeyEncipherment);
        let dns = GeneralName::DnsName(Ia5String::new(name).ok()?);
        let constraints = BasicConstraints {
            ca: false,
            path_len_constraint: None,
        };
        let mut list = Vec::new();
        list.push(constraints.to_extension(subject, &list).ok()?);
        let own = SubjectKeyIdentifier(OctetString::new(key_id.as_slice()).ok()?);
        list.push(own.to_extension(subject, &list).ok()?);
        if let Some(id) = &self.key_id {
            let authority = AuthorityKeyIdentifier {
                key_identifier: Some(id.clone()),
                ..AuthorityKeyIdentifier::default()
            };
            list.push(authority.to_extension(subject, &list).ok()?);
        }
        list.push(usage.to_extension(subject, &list).ok()?);
        let names = SubjectAltName(vec![dns]);
        list.push(names.to_extension(subject, &list).ok()?);
        // Some of them are critical by what the crate thinks; the reference's never are.
        list.iter_mut().for_each(|one| one.critical = false);
        Some(list)
    }
}

/// Whether one that was forged at `not_after` seconds minus its life is still good for a day.
pub(crate) fn is_fresh(certificate: &Certificate, now: u64) -> bool {
    let end = certificate.facts.not_after;
    u64::try_from(end).is_ok_and(|end| end > now.saturating_add(DAY))
}

fn time(seconds: u64) -> Option<Time> {
    let since = std::time::Duration::from_secs(seconds);
    // RFC 5280 4.1.2.5: years from 2050 on have four digits.
    match der::asn1::UtcTime::from_unix_duration(since) {
        Ok(time) => Some(Time::UtcTime(time)),
        Err(_) => der::asn1::GeneralizedTime::from_unix_duration(since)
            .ok()
            .map(Time::GeneralTime),
    }
}
