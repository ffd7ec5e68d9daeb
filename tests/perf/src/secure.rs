//! Certificates made for one run, and what clients of the load say about TLS.
//!
//! Both programs serve the same certificates; clients verify nothing: it is not their time that
//! is measured.

use std::io;
use std::sync::Arc;

use lbd_tls::server::Sessions;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// The name in the certificates, which clients ask for.
pub(crate) const NAME: &str = "www.example.com";

/// Sessions that clients remember.
const SESSIONS: usize = 1024;

/// Key of the proxy's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    P256,
    Rsa2048,
}

impl Key {
    /// Name of the file of certificate and key.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::P256 => "p256.pem",
            Self::Rsa2048 => "rsa.pem",
        }
    }
}

/// What connections of the load do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secure {
    pub key: Key,
    /// Sessions are resumed.
    pub resumes: bool,
}

/// The files of certificates with their keys.
#[derive(Debug)]
pub(crate) struct Certificates(Vec<(&'static str, String)>);

impl Certificates {
    /// Makes them.
    pub(crate) fn new() -> io::Result<Self> {
        let mut files = Vec::new();
        for (key, algorithm) in [
            (Key::P256, &PKCS_ECDSA_P256_SHA256),
            (Key::Rsa2048, &PKCS_RSA_SHA256),
        ] {
            let pair = KeyPair::generate_for(algorithm).map_err(io::Error::other)?;
            let params = CertificateParams::new(vec![NAME.to_owned()]).map_err(io::Error::other)?;
            let certificate = params.self_signed(&pair).map_err(io::Error::other)?;
            let text = [
                lbd_tls::pem::encode("CERTIFICATE", certificate.der()),
                lbd_tls::pem::encode("PRIVATE KEY", pair.serialized_der()),
            ];
            files.push((key.file(), text.concat()));
        }
        Ok(Self(files))
    }

    /// Names and contents.
    pub(crate) fn files(&self) -> &[(&'static str, String)] {
        &self.0
    }
}

/// The client's side: TLS 1.3 by X25519.
pub(crate) fn client(resumes: bool) -> io::Result<Arc<ClientConfig>> {
    let provider = rustls::crypto::CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?;
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything));
    let mut config = builder.with_no_client_auth();
    config.resumption = match resumes {
        true => Resumption::store(Arc::new(Sessions::new(1, SESSIONS))),
        false => Resumption::disabled(),
    };
    Ok(Arc::new(config))
}

/// Looks at no certificate and at no signature.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::RSA_PSS_SHA256,
        ]
    }
}
