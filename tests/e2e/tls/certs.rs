//! Certificates made for a test: authorities, leaves, bundles in PEM.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    RevokedCertParams, SerialNumber, SignatureAlgorithm,
};
use rustls::pki_types::CertificateDer;

/// An authority that signs leaves.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

/// A leaf with its key.
pub(crate) struct Leaf {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: KeyPair,
    pub(crate) serial: u64,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert = params.self_signed(&key).expect("a certificate");
        let der = cert.der().clone();
        Self {
            issuer: Issuer::new(params, key),
            der,
        }
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.der.clone()
    }

    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// A leaf for names, valid now.
    pub(crate) fn leaf(&self, names: &[&str]) -> Leaf {
        self.leaf_with(names, &PKCS_ECDSA_P256_SHA256, |_| {})
    }

    /// A leaf with an RSA key.
    pub(crate) fn rsa_leaf(&self, names: &[&str]) -> Leaf {
        self.leaf_with(names, &PKCS_RSA_SHA256, |_| {})
    }

    /// A leaf whose time is over.
    pub(crate) fn expired_leaf(&self, names: &[&str]) -> Leaf {
        self.leaf_with(names, &PKCS_ECDSA_P256_SHA256, |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        })
    }

    fn leaf_with(
        &self,
        names: &[&str],
        algorithm: &'static SignatureAlgorithm,
        change: impl Fn(&mut CertificateParams),
    ) -> Leaf {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let list: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(list).expect("names");
        params
            .distinguished_name
            .push(DnType::CommonName, names.first().copied().unwrap_or("leaf"));
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Tests");
        let serial = 4096 + names.first().map_or(0, |name| name.len() as u64);
        params.serial_number = Some(SerialNumber::from(serial));
        change(&mut params);
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        Leaf {
            der: cert.der().clone(),
            key,
            serial,
        }
    }

    /// A list that revokes leaves.
    pub(crate) fn crl(&self, revoked: &[&Leaf]) -> String {
        let revoked = revoked.iter().map(|leaf| RevokedCertParams {
            serial_number: SerialNumber::from(leaf.serial),
            revocation_time: rcgen::date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2024, 1, 1),
            next_update: rcgen::date_time_ymd(2124, 1, 1),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let crl = params.signed_by(&self.issuer).expect("a list");
        pem("X509 CRL", crl.der())
    }
}

impl Leaf {
    /// Certificate and key in one text.
    pub(crate) fn bundle(&self) -> String {
        format!("{}{}", self.cert_pem(), self.key_pem())
    }

    pub(crate) fn cert_pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    pub(crate) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", self.key.serialized_der())
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    lbd_tls::pem::encode(label, der)
}
