//! What `bind`, `server`, crt-list lines and `ssl-default-*` say about TLS.
//!
//! Files are named, not read.

use lbd_tls::verify::Ignored;

use super::Named;
use crate::lex::Word;

/// A version of the protocol as it may be said, old ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslVersion {
    /// SSL 3.0.
    Sslv3,
    /// TLS 1.0.
    Tlsv10,
    /// TLS 1.1.
    Tlsv11,
    /// TLS 1.2.
    Tlsv12,
    /// TLS 1.3.
    Tlsv13,
}

impl SslVersion {
    /// The version of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "SSLv3" => Self::Sslv3,
            "TLSv1.0" => Self::Tlsv10,
            "TLSv1.1" => Self::Tlsv11,
            "TLSv1.2" => Self::Tlsv12,
            "TLSv1.3" => Self::Tlsv13,
            _ => return None,
        })
    }
}

/// `verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// No certificate is asked for, or it is not looked at.
    None,
    /// One is asked for and checked when it comes.
    Optional,
    /// One must come.
    Required,
}

/// Settings that both sides have.
#[derive(Debug, Clone, Default)]
pub struct SslDraft {
    /// `ssl-min-ver`, `force-*`.
    pub min: Option<(SslVersion, lbd_core::Span)>,
    /// `ssl-max-ver`, `force-*`.
    pub max: Option<(SslVersion, lbd_core::Span)>,
    /// `no-tlsv12`.
    pub no_tlsv12: bool,
    /// `no-tlsv13`.
    pub no_tlsv13: bool,
    /// `ciphers`.
    pub ciphers: Option<Named>,
    /// `ciphersuites`.
    pub ciphersuites: Option<Named>,
    /// `curves`.
    pub curves: Option<Named>,
    /// `ecdhe`.
    pub ecdhe: Option<Named>,
    /// `sigalgs`.
    pub sigalgs: Option<Named>,
    /// `client-sigalgs`.
    pub client_sigalgs: Option<Named>,
    /// `alpn`; empty for `no-alpn`.
    pub alpn: Option<(Vec<Vec<u8>>, lbd_core::Span)>,
    /// `verify`.
    pub verify: Option<Verify>,
    /// `ca-file`, `ca-base` applied.
    pub ca_file: Option<Named>,
    /// `ca-verify-file`, `ca-base` applied.
    pub ca_verify_file: Option<Named>,
    /// `crl-file`, `ca-base` applied.
    pub crl_file: Option<Named>,
    /// `ca-ignore-err`.
    pub ca_ignored: Option<Ignored>,
    /// `crt-ignore-err`.
    pub crt_ignored: Option<Ignored>,
    /// `no-ca-names`.
    pub no_ca_names: bool,
    /// `prefer-client-ciphers`.
    pub prefer_client_ciphers: bool,
    /// `tls-tickets`, `no-tls-tickets`.
    pub tickets: Option<bool>,
}

impl SslDraft {
    /// These settings, and `base`'s where these say nothing.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let pick = |own: &Option<Named>, base: &Option<Named>| own.clone().or_else(|| base.clone());
        Self {
            min: self.min.or(base.min),
            max: self.max.or(base.max),
            no_tlsv12: self.no_tlsv12 || base.no_tlsv12,
            no_tlsv13: self.no_tlsv13 || base.no_tlsv13,
            ciphers: pick(&self.ciphers, &base.ciphers),
            ciphersuites: pick(&self.ciphersuites, &base.ciphersuites),
            curves: pick(&self.curves, &base.curves),
            ecdhe: pick(&self.ecdhe, &base.ecdhe),
            sigalgs: pick(&self.sigalgs, &base.sigalgs),
            client_sigalgs: pick(&self.client_sigalgs, &base.client_sigalgs),
            alpn: self.alpn.clone().or_else(|| base.alpn.clone()),
            verify: self.verify.or(base.verify),
            ca_file: pick(&self.ca_file, &base.ca_file),
            ca_verify_file: pick(&self.ca_verify_file, &base.ca_verify_file),
            crl_file: pick(&self.crl_file, &base.crl_file),
            ca_ignored: self.ca_ignored.clone().or_else(|| base.ca_ignored.clone()),
            crt_ignored: self
                .crt_ignored
                .clone()
                .or_else(|| base.crt_ignored.clone()),
            no_ca_names: self.no_ca_names || base.no_ca_names,
            prefer_client_ciphers: self.prefer_client_ciphers || base.prefer_client_ciphers,
            tickets: self.tickets.or(base.tickets),
        }
    }
}

/// Where certificates of a `bind` line come from.
#[derive(Debug, Clone)]
pub enum CrtSource {
    /// `crt`: a file or a directory.
    File,
    /// `crt-list`, with its lines.
    List(Vec<CrtLine>),
    /// `default-crt`.
    Default,
}

/// A line of a crt-list.
#[derive(Debug, Clone)]
pub struct CrtLine {
    /// The certificate, `crt-base` applied.
    pub file: Named,
    /// Options of its own, those of the `bind` line where it says none.
    pub settings: Option<Box<SslDraft>>,
    /// Names; a leading `!` excludes.
    pub filters: Vec<Box<str>>,
}

/// TLS of a `bind` line.
#[derive(Debug, Clone, Default)]
pub struct BindSslDraft {
    /// `ssl`.
    pub on: bool,
    /// Certificates in order, `crt-base` applied.
    pub crts: Vec<(CrtSource, Named)>,
    /// `strict-sni`.
    pub strict_sni: Option<bool>,
    /// `tls-ticket-keys`.
    pub ticket_keys: Option<Named>,
    /// The rest.
    pub settings: SslDraft,
}

/// TLS of a `server` line.
#[derive(Debug, Clone, Default)]
pub struct ServerSslDraft {
    /// `ssl`, `no-ssl`.
    pub on: bool,
    /// `check-ssl`, `no-check-ssl`.
    pub check: Option<bool>,
    /// `crt`, `crt-base` applied.
    pub crt: Option<Named>,
    /// `sni`.
    pub sni: Option<Word>,
    /// `sni-auto`, `no-sni-auto`.
    pub sni_auto: Option<bool>,
    /// `check-sni`.
    pub check_sni: Option<String>,
    /// `check-alpn`.
    pub check_alpn: Option<Vec<Vec<u8>>>,
    /// `verifyhost`.
    pub verifyhost: Option<String>,
    /// `ssl-reuse`, `no-ssl-reuse`.
    pub reuse: Option<bool>,
    /// The rest.
    pub settings: SslDraft,
}
