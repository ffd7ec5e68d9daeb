//! TLS of the process and of server lines, compiled.
//!
//! Certificates themselves are in `lbd-tls`.

use std::sync::Arc;
use std::time::Duration;

use lbd_rules::expr::Expr;
use lbd_tls::ServerTls;
use lbd_tls::store::UpdatePolicy;

/// Settings of `global` about TLS.
#[derive(Debug, Clone)]
pub struct SslTune {
    /// `maxsslconn`; 0 for none.
    pub maxsslconn: u32,
    /// `maxsslrate`; 0 for none.
    pub maxsslrate: u32,
    /// `ssl-load-extra-files`.
    pub extra: ExtraFiles,
    /// `ssl-load-extra-del-ext`.
    pub del_ext: bool,
    /// `ssl-passphrase-cmd`, the command and its arguments; empty without.
    pub passphrase_cmd: Vec<String>,
    /// `ocsp-update.*`.
    pub ocsp: UpdatePolicy,
    /// `ocsp-update.httpproxy`, with its port.
    pub ocsp_proxy: Option<String>,
    /// `ssl-skip-self-issued-ca`.
    pub skips_roots: bool,
    /// `tune.ssl.ssl-ctx-cache-size`, generated certificates.
    pub forged: usize,
    /// `tune.ssl.cachesize`, sessions.
    pub cachesize: usize,
    /// `tune.ssl.lifetime`.
    pub lifetime: Duration,
    /// `tune.ssl.maxrecord`; `None` for the protocol's limit.
    pub maxrecord: Option<usize>,
    /// `tune.ssl.capture-buffer-size`, bytes; 0 keeps nothing of client hellos.
    pub capture: usize,
    /// `tune.ssl.keylog`.
    pub keylog: bool,
}

impl Default for SslTune {
    fn default() -> Self {
        Self {
            maxsslconn: 0,
            maxsslrate: 0,
            extra: ExtraFiles::ALL,
            del_ext: false,
            passphrase_cmd: Vec::new(),
            ocsp: UpdatePolicy::default(),
            ocsp_proxy: None,
            skips_roots: false,
            forged: 1000,
            cachesize: 20_000,
            lifetime: Duration::from_secs(300),
            maxrecord: None,
            capture: 0,
            keylog: false,
        }
    }
}

/// Companion files that are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtraFiles {
    /// `.rsa`, `.ecdsa`, `.dsa`.
    pub bundle: bool,
    /// `.ocsp`.
    pub ocsp: bool,
    /// `.issuer`.
    pub issuer: bool,
    /// `.key`.
    pub key: bool,
    /// `.sctl`.
    pub sctl: bool,
}

impl ExtraFiles {
    /// None of them.
    pub const NONE: Self = Self {
        bundle: false,
        ocsp: false,
        issuer: false,
        key: false,
        sctl: false,
    };
    /// All of them.
    pub const ALL: Self = Self {
        bundle: true,
        ocsp: true,
        issuer: true,
        key: true,
        sctl: true,
    };
}

/// TLS of a server line.
#[derive(Debug, Clone)]
pub struct ServerSslSpec {
    /// What a session needs.
    pub tls: Arc<ServerTls>,
    /// Traffic speaks TLS; otherwise checks only.
    pub for_traffic: bool,
    /// Checks speak TLS.
    pub for_checks: bool,
    /// Name to ask for.
    pub sni: Option<Arc<Expr>>,
    /// `check-sni`.
    pub check_sni: Option<Box<str>>,
    /// `check-alpn`.
    pub check_alpn: Option<Arc<[Vec<u8>]>>,
}
