//! Logging as it was said.
//!
//! Addresses are not resolved yet, formats not compiled.

use lbd_core::Span;

use crate::address::AddressSpec;
use crate::config::{LogSample, SyslogFormat};

/// A `log` line of a proxy.
#[derive(Debug, Clone)]
pub enum LogPlace {
    /// `log global`.
    Global(Span),
    /// An address.
    Target(LogDraft),
}

/// A `log` line with an address.
#[derive(Debug, Clone)]
pub struct LogDraft {
    /// Where to.
    pub address: AddressSpec,
    /// `len`.
    pub len: usize,
    /// `format`.
    pub format: SyslogFormat,
    /// Facility, 0 to 23.
    pub facility: u8,
    /// Highest level.
    pub max_level: u8,
    /// Lowest level.
    pub min_level: u8,
    /// `sample`.
    pub sample: Option<LogSample>,
    /// Place of the address.
    pub span: Span,
}

/// What log lines look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFormatDraft {
    /// `option httplog [clf]`.
    Http {
        /// `clf`.
        clf: bool,
    },
    /// `option httpslog`.
    Https,
    /// `option tcplog [clf]`.
    Tcp {
        /// `clf`.
        clf: bool,
    },
    /// `log-format`.
    Text(String),
}

impl LogFormatDraft {
    /// As the reference names it in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Http { clf: false } => "option httplog",
            Self::Http { clf: true } => "option httplog clf",
            Self::Https => "option httpslog",
            Self::Tcp { clf: false } => "option tcplog",
            Self::Tcp { clf: true } => "option tcplog clf",
            Self::Text(_) => "log-format",
        }
    }
}
