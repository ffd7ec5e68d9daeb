//! PEM files with what stands beside a certificate: its chain, its key, its DH parameters.
//!
//! Text to sections only; whether they belong together is said by [`crate::certificate`].

#[cfg(test)]
mod tests;

use rustls::pki_types::pem::{self, SectionKind};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs1KeyDer,
    PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};

/// Most sections of one file: far above any chain or store of authorities.
pub const MAX_SECTIONS: usize = 65_536;

/// The sections of a PEM text that concern TLS.
#[derive(Debug, Default)]
pub struct Sections {
    /// Certificates in the order of the text.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The first private key.
    pub key: Option<PrivateKeyDer<'static>>,
    /// Revocation lists.
    pub crls: Vec<CertificateRevocationListDer<'static>>,
    /// A private key is there that is protected by a passphrase.
    pub has_encrypted_key: bool,
}

/// Reads the sections of a text; what is none is skipped, as comments are.
///
/// # Errors
/// A sentence about the first section that cannot be read.
pub fn sections(text: &[u8]) -> Result<Sections, String> {
    let mut found = Sections::default();
    let mut rest = text;
    found.has_encrypted_key = crate::locked::is_locked(text);
    if found.has_encrypted_key {
        return Ok(found);
    }
    for _ in 0..MAX_SECTIONS {
        let section = pem::from_buf(&mut rest).map_err(|error| describe(&error))?;
        let Some((kind, der)) = section else {
            return Ok(found);
        };
        match kind {
            SectionKind::Certificate => found.certificates.push(der.into()),
            SectionKind::Crl => found.crls.push(der.into()),
            SectionKind::PrivateKey => {
                found
                    .key
                    .get_or_insert_with(|| PrivatePkcs8KeyDer::from(der).into());
            }
            SectionKind::RsaPrivateKey => {
                found
                    .key
                    .get_or_insert_with(|| PrivatePkcs1KeyDer::from(der).into());
            }
            SectionKind::EcPrivateKey => {
                found
                    .key
                    .get_or_insert_with(|| PrivateSec1KeyDer::from(der).into());
            }
            _ => {}
        }
    }
    Err(format!("more than {MAX_SECTIONS} sections"))
}

fn describe(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no end".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "a section begins with no valid line".to_owned(),
        pem::Error::Base64Decode(_) => "a section is not base64".to_owned(),
        other => other.to_string(),
    }
}

/// A DER value as a PEM section.
pub fn encode(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = base64(der);
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).unwrap_or_default());
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let value = group
            .iter()
            .fold(0u32, |value, byte| value << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for at in 0..4 {
            if at > group.len() {
                text.push('=');
            } else {
                let index = (value >> (18 - 6 * at) & 63) as usize;
                text.push(char::from(ALPHABET[index]));
            }
        }
    }
    text
}
