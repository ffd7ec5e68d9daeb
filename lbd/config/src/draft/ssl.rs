//! What `bind`, `server`, crt-list lines and `ssl-default-*` say about TLS.
//!
//! Files are named, not read.

use std::sync::Arc;

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

    /// As written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Sslv3 => "SSLv3",
            Self::Tlsv10 => "TLSv1.0",
            Self::Tlsv11 => "TLSv1.1",
            Self::Tlsv12 => "TLSv1.2",
            Self::Tlsv13 => "TLSv1.3",
        }
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

impl Verify {
    /// As written.
    pub fn text(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
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
    /// `allow-0rtt`.
    pub early: bool,
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
            early: self.early || base.early,
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

/// A `crt-store` section as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct StoreDraft {
    /// Its name; empty for the one without.
    pub name: String,
    /// `crt-base`.
    pub crt_base: Option<String>,
    /// `key-base`.
    pub key_base: Option<String>,
}

/// Files and options of a certificate: a `load` line, and what crt-list lines and `ssl-f-use` may
/// say beside the options of `bind`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadDraft {
    /// The name under which it is known.
    pub name: String,
    /// The certificate as written, and its path.
    pub crt: Option<(String, Named)>,
    /// `key`, its path.
    pub key: Option<Named>,
    /// `key` as written.
    pub key_said: Option<String>,
    /// `ocsp`.
    pub ocsp: Option<Named>,
    /// `issuer`.
    pub issuer: Option<Named>,
    /// `sctl`.
    pub sctl: Option<Named>,
    /// `alias`.
    pub alias: Option<String>,
    /// `ocsp-update`.
    pub ocsp_update: Option<bool>,
    /// Where it stands.
    pub span: Option<lbd_core::Span>,
}

/// A line of a crt-list.
#[derive(Debug, Clone)]
pub struct CrtLine {
    /// Its number in the list, from 1.
    pub number: u32,
    /// The certificate, `crt-base` applied.
    pub file: Named,
    /// Files and options of the certificate itself.
    pub load: Option<Box<LoadDraft>>,
    /// Options of its own, those of the `bind` line where it says none.
    pub settings: Option<Box<SslDraft>>,
    /// Names; a leading `!` excludes.
    pub filters: Vec<Box<str>>,
}

impl CrtLine {
    /// The options as they are shown, in the reference's order; empty for none.
    pub fn options(&self) -> String {
        let none = SslDraft::default();
        let ssl = self.settings.as_deref().unwrap_or(&none);
        let mut words: Vec<String> = Vec::new();
        if let Some((list, _)) = &ssl.alpn {
            let names: Vec<_> = list
                .iter()
                .map(|name| String::from_utf8_lossy(name))
                .collect();
            words.push(match names.is_empty() {
                true => "no-alpn".to_owned(),
                false => format!("alpn {}", names.join(",")),
            });
        }
        if let Some(verify) = ssl.verify {
            words.push(format!("verify {}", verify.text()));
        }
        if ssl.no_ca_names {
            words.push("no-ca-names".to_owned());
        }
        if ssl.early {
            words.push("allow-0rtt".to_owned());
        }
        for (keyword, said) in [
            ("ca-file", &ssl.ca_file),
            ("ca-verify-file", &ssl.ca_verify_file),
            ("crl-file", &ssl.crl_file),
            ("ciphers", &ssl.ciphers),
            ("ciphersuites", &ssl.ciphersuites),
            ("curves", &ssl.curves),
            ("ecdhe", &ssl.ecdhe),
            ("client-sigalgs", &ssl.client_sigalgs),
            ("sigalgs", &ssl.sigalgs),
        ] {
            words.extend(said.as_ref().map(|said| format!("{keyword} {}", said.name)));
        }
        for (keyword, said) in [("ssl-min-ver", ssl.min), ("ssl-max-ver", ssl.max)] {
            words.extend(said.map(|(version, _)| format!("{keyword} {}", version.text())));
        }
        let updates = self.load.as_ref().and_then(|load| load.ocsp_update);
        words.extend(updates.map(|on| format!("ocsp-update {}", if on { "on" } else { "off" })));
        words.join(" ")
    }
}

/// TLS of a `bind` line.
#[derive(Debug, Clone, Default)]
pub struct BindSslDraft {
    /// `ssl`.
    pub on: bool,
    /// `ssl-default-bind-*` as they were where `ssl` stands: a later `global` changes them for
    /// later lines only.
    pub defaults: Option<Arc<Self>>,
    /// Certificates in order, `crt-base` applied.
    pub crts: Vec<(CrtSource, Named)>,
    /// `strict-sni`.
    pub strict_sni: Option<bool>,
    /// `tls-ticket-keys`.
    pub ticket_keys: Option<Named>,
    /// `generate-certificates`.
    pub generates: bool,
    /// `ca-sign-file`, `ca-base` applied.
    pub ca_sign_file: Option<Named>,
    /// `ca-sign-pass`.
    pub ca_sign_pass: Option<String>,
    /// The rest.
    pub settings: SslDraft,
}

/// TLS of a `server` line.
#[derive(Debug, Clone, Default)]
pub struct ServerSslDraft {
    /// `ssl`, `no-ssl`.
    pub on: bool,
    /// `ssl-default-server-*` as they were where `ssl` stands.
    pub defaults: Option<Arc<SslDraft>>,
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
