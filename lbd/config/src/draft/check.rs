//! Health checks of a backend as they were said.
//!
//! Their scripts are compiled later.

use lbd_core::Span;

use super::Sentence;

/// Which `option …chk` was said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// `option external-check`.
    External,
    /// `option httpchk [<method>] [<uri>] [<version> [host]]`.
    Http {
        /// Method; `OPTIONS` unless given.
        method: Option<String>,
        /// URI; `/` unless given.
        uri: Option<String>,
        /// Version as written.
        version: Option<String>,
        /// Host.
        host: Option<String>,
    },
    /// `option ldap-check`.
    Ldap,
    /// `option mysql-check [user <name> [post-41|pre-41|post-80]]`.
    Mysql {
        /// User.
        user: Option<String>,
        /// `post-41`, `pre-41`, `post-80`.
        version: &'static str,
    },
    /// `option pgsql-check user <name>`.
    Pgsql {
        /// User.
        user: String,
    },
    /// `option redis-check`.
    Redis,
    /// `option smtpchk [<hello> <domain>]`.
    Smtp {
        /// `HELO` or `EHLO`.
        hello: String,
        /// Domain.
        domain: String,
    },
    /// `option spop-check`.
    Spop,
    /// `option ssl-hello-chk`.
    SslHello,
    /// `option tcp-check`.
    Tcp,
}

impl CheckKind {
    /// How messages about sections call it.
    pub fn title(&self) -> &'static str {
        match self {
            Self::External => "EXTERNAL",
            Self::Http { .. } => "HTTP",
            Self::Ldap => "LDAP",
            Self::Mysql { .. } => "MYSQL",
            Self::Pgsql { .. } => "PGSQL",
            Self::Redis => "REDIS",
            Self::Smtp { .. } => "SMTP",
            Self::Spop => "SPOP",
            Self::SslHello => "SSL",
            Self::Tcp => "TCP",
        }
    }

    /// The option's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::External => "external-check",
            Self::Http { .. } => "httpchk",
            Self::Ldap => "ldap-check",
            Self::Mysql { .. } => "mysql-check",
            Self::Pgsql { .. } => "pgsql-check",
            Self::Redis => "redis-check",
            Self::Smtp { .. } => "smtpchk",
            Self::Spop => "spop-check",
            Self::SslHello => "ssl-hello-chk",
            Self::Tcp => "tcp-check",
        }
    }
}

/// Health checks of a backend.
#[derive(Debug, Clone, Default)]
pub struct CheckDraft {
    /// The option said last, and where.
    pub kind: Option<(CheckKind, Span)>,
    /// `http-check` rules (`connect send expect comment set-var unset-var`).
    pub http: Vec<Sentence>,
    /// `tcp-check` rules.
    pub tcp: Vec<Sentence>,
    /// Whether `http` are those of the defaults section, which own ones replace.
    pub http_inherited: bool,
    /// Whether `tcp` are those of the defaults section.
    pub tcp_inherited: bool,
    /// Rules of `http` were said where nothing had asked for HTTP checks.
    pub http_unused: bool,
    /// Rules of `tcp` were said where nothing had asked for TCP checks.
    pub tcp_unused: bool,
    /// `http-check disable-on-404`.
    pub disable_on_404: bool,
    /// `external-check command`.
    pub command: Option<String>,
    /// `external-check path`.
    pub path: Option<String>,
    /// `http-check send-state`.
    pub send_state: bool,
}

impl CheckDraft {
    /// Whether a `connect` step speaks TLS, so that servers need its settings.
    pub fn speaks_tls(&self) -> bool {
        self.http.iter().chain(&self.tcp).any(|rule| {
            let mut words = rule.words.iter();
            if words.next().is_none_or(|word| word != "connect") {
                return false;
            }
            while let Some(word) = words.next() {
                match word.text.as_slice() {
                    b"ssl" => return true,
                    b"addr" | b"alpn" | b"comment" | b"port" | b"proto" | b"sni" => {
                        words.next();
                    }
                    _ => {}
                }
            }
            false
        })
    }
}
