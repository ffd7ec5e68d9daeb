//! What a certificate says of itself, for rules, logs and the runtime API.
//!
//! It judges nothing.

use rustls::pki_types::CertificateDer;
use sha1::{Digest, Sha1};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

#[cfg(test)]
mod tests;

/// An attribute of a distinguished name: short name in OpenSSL's words, and value.
pub type Attribute = (Box<str>, Box<[u8]>);

/// The fields of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertFacts {
    /// Subject, one entry for each attribute: short name and value.
    pub subject: Vec<Attribute>,
    /// Issuer likewise.
    pub issuer: Vec<Attribute>,
    /// The subject as DER, to find it as an issuer.
    pub subject_der: Box<[u8]>,
    /// The issuer as DER.
    pub issuer_der: Box<[u8]>,
    /// Serial number, big endian, as in the certificate.
    pub serial: Box<[u8]>,
    /// Seconds since 1970 from which it holds.
    pub not_before: i64,
    /// Seconds since 1970 until which it holds.
    pub not_after: i64,
    /// SHA-1 of the DER.
    pub sha1: [u8; 20],
    /// Algorithm of the key in OpenSSL's words: `rsaEncryption`, `id-ecPublicKey`, `ED25519`.
    pub key_algorithm: &'static str,
    /// Bits of the key; 0 when not known.
    pub key_bits: u32,
    /// Algorithm of the signature in OpenSSL's words: `RSA-SHA256`, `ecdsa-with-SHA256`.
    pub signature_algorithm: Box<str>,
    /// Version, 1 to 3.
    pub version: u32,
    /// DNS names of the subject alternative names.
    pub dns_names: Vec<Box<str>>,
    /// All subject alternative names in OpenSSL's words (`DNS:…`, `IP Address:…`, `email:…`).
    pub alternative_names: Vec<Box<str>>,
    /// Identifier of the authority's key (RFC 5280 4.2.1.1), when it is there.
    pub authority_key: Option<Box<[u8]>>,
    /// Identifier of the own key.
    pub subject_key: Option<Box<[u8]>>,
    /// Addresses of OCSP responders.
    pub ocsp_urls: Vec<Box<str>>,
    /// Subject and issuer are the same.
    pub is_self_issued: bool,
}

impl CertFacts {
    /// Reads a certificate; `None` when it is none.
    pub fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, cert) = X509Certificate::from_der(der).ok()?;
        let mut facts = Self {
            subject: name(cert.subject()),
            issuer: name(cert.issuer()),
            subject_der: cert.subject().as_raw().into(),
            issuer_der: cert.issuer().as_raw().into(),
            serial: cert.raw_serial().into(),
            not_before: cert.validity().not_before.timestamp(),
            not_after: cert.validity().not_after.timestamp(),
            sha1: Sha1::digest(der).into(),
            key_algorithm: "",
            key_bits: 0,
            signature_algorithm: signature_name(&cert.signature_algorithm.algorithm.to_id_string()),
            version: cert.version().0.saturating_add(1),
            dns_names: Vec::new(),
            alternative_names: Vec::new(),
            authority_key: None,
            subject_key: None,
            ocsp_urls: Vec::new(),
            is_self_issued: cert.subject() == cert.issuer(),
        };
        facts.read_key(&cert);
        facts.read_extensions(&cert);
        Some(facts)
    }

    fn read_key(&mut self, cert: &X509Certificate<'_>) {
        let info = cert.public_key();
        self.key_algorithm = match info.algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.1" => "rsaEncryption",
            "1.2.840.113549.1.1.10" => "rsassaPss",
            "1.2.840.10045.2.1" => "id-ecPublicKey",
            "1.2.840.10040.4.1" => "dsaEncryption",
            "1.3.101.112" => "ED25519",
            "1.3.101.113" => "ED448",
            _ => "",
        };
        let bits = match info.parsed() {
            Ok(PublicKey::RSA(key)) => key.key_size(),
            Ok(PublicKey::EC(point)) => point.key_size(),
            _ => 0,
        };
        self.key_bits = u32::try_from(bits).unwrap_or(0);
        if self.key_algorithm == "ED25519" {
            self.key_bits = 253;
        }
    }

    fn read_extensions(&mut self, cert: &X509Certificate<'_>) {
        use x509_parser::extensions::ParsedExtension as Parsed;
        for extension in cert.extensions() {
            match extension.parsed_extension() {
                Parsed::SubjectAlternativeName(names) => {
                    for name in &names.general_names {
                        if let GeneralName::DNSName(name) = name {
                            self.dns_names.push((*name).into());
                        }
                        self.alternative_names.extend(alternative(name));
                    }
                }
                Parsed::AuthorityKeyIdentifier(id) => {
                    self.authority_key = id.key_identifier.as_ref().map(|id| id.0.into());
                }
                Parsed::SubjectKeyIdentifier(id) => self.subject_key = Some(id.0.into()),
                Parsed::AuthorityInfoAccess(access) => {
                    for description in &access.accessdescs {
                        if description.access_method.to_id_string() == "1.3.6.1.5.5.7.48.1"
                            && let GeneralName::URI(uri) = description.access_location
                        {
                            self.ocsp_urls.push(uri.into());
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Values of the subject's common names.
    pub fn common_names(&self) -> impl Iterator<Item = &str> {
        self.subject
            .iter()
            .filter(|(kind, _)| &**kind == "CN")
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// Whether `issuer` can have signed it, by names and key identifiers.
    pub fn may_be_issued_by(&self, issuer: &Self) -> bool {
        let keys = match (&self.authority_key, &issuer.subject_key) {
            (Some(wanted), Some(has)) => wanted == has,
            _ => true,
        };
        self.issuer_der == issuer.subject_der && keys
    }
}

/// A distinguished name as OpenSSL prints it on one line: `/C=FR/O=Example/CN=host`.
pub fn one_line(name: &[(Box<str>, Box<[u8]>)]) -> Vec<u8> {
    let mut line = Vec::new();
    for (kind, value) in name {
        line.push(b'/');
        line.extend_from_slice(kind.as_bytes());
        line.push(b'=');
        line.extend_from_slice(value);
    }
    line
}

/// A distinguished name as RFC 2253 writes it: last attribute first, special characters escaped.
pub fn rfc2253(name: &[(Box<str>, Box<[u8]>)]) -> Vec<u8> {
    let mut line = Vec::new();
    for (kind, value) in name.iter().rev() {
        if !line.is_empty() {
            line.push(b',');
        }
        line.extend_from_slice(kind.as_bytes());
        line.push(b'=');
        for (at, byte) in value.iter().enumerate() {
            let is_edge = (at == 0 && matches!(byte, b' ' | b'#'))
                || (at + 1 == value.len() && *byte == b' ');
            if is_edge || b",+\"\\<>;".contains(byte) {
                line.push(b'\\');
            }
            line.push(*byte);
        }
    }
    line
}

/// The value of attribute `kind` (short name in OpenSSL's words): the `position`-th, counted from 1,
/// or from the end when negative; 0 for the first.
pub fn entry<'a>(name: &'a [(Box<str>, Box<[u8]>)], kind: &str, position: i64) -> Option<&'a [u8]> {
    let mut all = name
        .iter()
        .filter(|(this, _)| this.eq_ignore_ascii_case(kind))
        .map(|(_, value)| &**value);
    match position {
        0 | 1 => all.next(),
        n if n > 0 => all.nth(usize::try_from(n).ok()? - 1),
        n => {
            let back = usize::try_from(n.unsigned_abs()).ok()?;
            let all: Vec<_> = all.collect();
            all.len().checked_sub(back).map(|at| all[at])
        }
    }
}

/// The attributes of a distinguished name.
pub fn name(name: &X509Name<'_>) -> Vec<Attribute> {
    name.iter_attributes()
        .map(|attribute| {
            let id = attribute.attr_type().to_id_string();
            let kind = match short_name(&id) {
                Some(short) => short.into(),
                None => id.into_boxed_str(),
            };
            (kind, attribute.as_slice().into())
        })
        .collect()
}

/// OpenSSL's short names of attribute types.
fn short_name(id: &str) -> Option<&'static str> {
    Some(match id {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.13" => "description",
        "2.5.4.17" => "postalCode",
        "2.5.4.42" => "GN",
        "2.5.4.43" => "initials",
        "2.5.4.46" => "dnQualifier",
        "2.5.4.65" => "pseudonym",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

/// OpenSSL's names of signature algorithms.
fn signature_name(id: &str) -> Box<str> {
    match id {
        "1.2.840.113549.1.1.4" => "RSA-MD5",
        "1.2.840.113549.1.1.5" => "RSA-SHA1",
        "1.2.840.113549.1.1.10" => "RSASSA-PSS",
        "1.2.840.113549.1.1.11" => "RSA-SHA256",
        "1.2.840.113549.1.1.12" => "RSA-SHA384",
        "1.2.840.113549.1.1.13" => "RSA-SHA512",
        "1.2.840.113549.1.1.14" => "RSA-SHA224",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "ED25519",
        "1.3.101.113" => "ED448",
        other => other,
    }
    .into()
}

/// OpenSSL's long names of signature algorithms.
pub fn signature_long_name(id: &str) -> &str {
    match id {
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "ED25519",
        other => other,
    }
}

fn alternative(name: &GeneralName<'_>) -> Option<Box<str>> {
    let text = match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::RFC822Name(name) => format!("email:{name}"),
        GeneralName::URI(uri) => format!("URI:{uri}"),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(v4) => format!("IP Address:{}", std::net::Ipv4Addr::from(v4)),
            Err(_) => {
                let v6 = <[u8; 16]>::try_from(*bytes).ok()?;
                format!("IP Address:{}", openssl_v6(v6))
            }
        },
        GeneralName::RegisteredID(id) => format!("Registered ID:{}", id.to_id_string()),
        GeneralName::DirectoryName(dn) => {
            format!(
                "DirName:{}",
                String::from_utf8_lossy(&one_line(&name_of(dn)))
            )
        }
        _ => return None,
    };
    Some(text.into())
}

fn name_of(dn: &X509Name<'_>) -> Vec<(Box<str>, Box<[u8]>)> {
    name(dn)
}

/// OpenSSL writes all eight groups.
fn openssl_v6(bytes: [u8; 16]) -> String {
    let groups: Vec<String> = bytes
        .chunks(2)
        .map(|pair| format!("{:X}", u16::from_be_bytes([pair[0], pair[1]])))
        .collect();
    groups.join(":")
}
