//! Certificates made for a test: authorities, leaves, bundles in PEM.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
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

    /// An authority that this one has certified.
    pub(crate) fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
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

    pub(crate) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", self.issuer.key().serialized_der())
    }

    /// A leaf that names a responder (RFC 5280 4.2.2.1).
    pub(crate) fn leaf_asking(&self, names: &[&str], uri: &str) -> Leaf {
        let tlv = |tag: u8, content: &[u8]| {
            let len = u8::try_from(content.len()).expect("short");
            [&[tag, len], content].concat()
        };
        let method = [6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1];
        let access = [&method[..], &tlv(0x86, uri.as_bytes())].concat();
        let access = tlv(0x30, &tlv(0x30, &access));
        self.leaf_with(names, &PKCS_ECDSA_P256_SHA256, |params| {
            let id = [1, 3, 6, 1, 5, 5, 7, 1, 1];
            let extension = CustomExtension::from_oid_content(&id, access.clone());
            params.custom_extensions.push(extension);
        })
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

    /// A leaf whose time has not begun.
    pub(crate) fn future_leaf(&self, names: &[&str]) -> Leaf {
        self.leaf_with(names, &PKCS_ECDSA_P256_SHA256, |params| {
            params.not_before = rcgen::date_time_ymd(2120, 1, 1);
            params.not_after = rcgen::date_time_ymd(2121, 1, 1);
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
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(SerialNumber::from(serial));
        change(&mut params);
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        Leaf {
            der: cert.der().clone(),
            key,
            serial,
        }
    }

    /// A certificate of version 1 with its key, as `openssl x509 -req` makes it; `None` without
    /// OpenSSL.
    pub(crate) fn version_1(&self, name: &str) -> Option<String> {
        let directory = support::TempDir::new();
        let path = |file: &str| directory.path().join(file).display().to_string();
        let write = |file: &str, text: &str| std::fs::write(path(file), text).expect("a file");
        write("ca.pem", &self.pem());
        write(
            "ca.key",
            &pem("PRIVATE KEY", self.issuer.key().serialized_der()),
        );
        let key = KeyPair::generate().expect("a key");
        let key = pem("PRIVATE KEY", key.serialized_der());
        write("leaf.key", &key);
        let run = |words: &[&str]| {
            let output = std::process::Command::new("openssl").args(words).output();
            output.ok().filter(|output| output.status.success())
        };
        let subject = format!("/CN={name}");
        let (leaf, request) = (path("leaf.key"), path("leaf.csr"));
        run(&[
            "req", "-new", "-key", &leaf, "-subj", &subject, "-out", &request,
        ])?;
        let (ca, ca_key) = (path("ca.pem"), path("ca.key"));
        let signed = run(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-set_serial",
            "77",
        ])?;
        Some(format!("{}{key}", String::from_utf8_lossy(&signed.stdout)))
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
