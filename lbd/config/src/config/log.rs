//! Where log lines go and what they look like.
//!
//! It sends nothing.

use std::net::SocketAddr;
use std::path::PathBuf;

use lbd_core::Span;
use lbd_rules::logformat::LogFormat;

/// A `log` line.
#[derive(Debug, Clone)]
pub struct LogTarget {
    /// Where to.
    pub address: LogAddress,
    /// `len`, bytes of a line.
    pub len: usize,
    /// `format`.
    pub format: SyslogFormat,
    /// Facility, 0 to 23.
    pub facility: u8,
    /// Highest level sent (0 emerg to 7 debug).
    pub max_level: u8,
    /// Levels below this are raised to it.
    pub min_level: u8,
    /// `sample`: ranges of 1..=size that are sent.
    pub sample: Option<LogSample>,
    /// Where it stands.
    pub span: Span,
}

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LogAddress {
    /// UDP.
    Udp(SocketAddr),
    /// A unix datagram socket.
    Unix(PathBuf),
    /// An abstract one.
    Abstract(Vec<u8>),
    /// A descriptor: `stdout`, `stderr`, `fd@`.
    Fd(i32),
    /// A ring buffer.
    Ring(Box<str>),
}

/// `format` of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyslogFormat {
    /// The default: rfc3164 without the host name.
    Local,
    /// RFC 3164 with it.
    Rfc3164,
    /// RFC 5424.
    Rfc5424,
    /// Level only.
    Priority,
    /// `<level>` and the message.
    Short,
    /// Time stamp and message.
    Timed,
    /// ISO time stamp and message.
    Iso,
    /// Message only.
    Raw,
}

/// `sample ranges:size`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSample {
    /// Inclusive ranges within 1..=`size`.
    pub ranges: Vec<(u32, u32)>,
    /// Length of the cycle.
    pub size: u32,
}

/// Logging of a proxy.
#[derive(Debug)]
pub struct LogSpec {
    /// Targets, `log global` replaced by the global ones.
    pub targets: Vec<LogTarget>,
    /// Format of a line.
    pub format: LogLine,
    /// `error-log-format`.
    pub error_format: Option<LogFormat>,
    /// `log-format-sd` for rfc5424.
    pub sd_format: Option<LogFormat>,
    /// `log-tag`.
    pub tag: Option<Box<str>>,
    /// `option dontlog-normal`.
    pub dontlog_normal: bool,
    /// `option log-separate-errors`.
    pub separate_errors: bool,
    /// `option logasap`.
    pub asap: bool,
    /// `option log-health-checks`.
    pub health_checks: bool,
}

/// What a log line looks like.
#[derive(Debug)]
pub enum LogLine {
    /// The legacy `Connect from …` line.
    Default,
    /// A compiled format (`option httplog`, `tcplog`, `log-format`).
    Format(LogFormat),
}
