//! Keywords of the configuration that HAProxy has and lbd does not have yet: each is refused by
//! name, with the capability that it waits for.
//!
//! Fetches, converters and actions are in `lbd_rules::unsupported`; keywords that HAProxy itself
//! removed in [`crate::directive::removed`].

mod list;
#[cfg(test)]
mod tests;

use lbd_core::{Diag, Span};

use crate::section::Section;

pub use list::{BIND_OPTIONS, GLOBAL, OPTIONS, PROXY, SECTIONS, SERVER_OPTIONS};

/// What lbd cannot do yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Missing {
    /// ACME.
    Acme,
    /// The HTTP cache.
    Cache,
    /// Setting capabilities.
    Capabilities,
    /// Compression.
    Compression,
    /// Choosing CPUs by rules.
    CpuSets,
    /// Developer settings.
    Debugging,
    /// FastCGI.
    FastCgi,
    /// Filters.
    Filters,
    /// Closing connections by glitches.
    Glitches,
    /// The internal HTTP client.
    HttpClient,
    /// TLS records made by the kernel.
    KernelTls,
    /// Lax reading of HTTP/1.
    LaxHttp,
    /// Log servers as backends.
    LogBackends,
    /// Forwarding of logs.
    LogForward,
    /// Log profiles.
    LogProfiles,
    /// Lua.
    Lua,
    /// E-mail alerts.
    Mailers,
    /// Checks over pooled connections.
    NamedPools,
    /// Network namespaces named by PROXY headers.
    Namespaces,
    /// The predecessor of ALPN.
    Npn,
    /// Peers.
    Peers,
    /// Refusing privileged source ports.
    PortHardening,
    /// The process priority.
    Priority,
    /// Programs beside the worker.
    Programs,
    /// QUIC.
    Quic,
    /// RDP cookie persistence.
    RdpCookie,
    /// Reloads.
    Reload,
    /// Second handshakes on a connection.
    Renegotiation,
    /// Resolvers.
    Resolvers,
    /// Reverse HTTP.
    ReverseHttp,
    /// Rings.
    Rings,
    /// Payloads on the runtime socket.
    RuntimePayload,
    /// Counters in memory that processes share.
    SharedStatistics,
    /// SPOE.
    Spoe,
    /// Stick tables.
    StickTables,
    /// Saved packets of TCP.
    TcpOptions,
    /// TLS.
    Tls,
    /// Traces.
    Traces,
    /// A limit of all variables together.
    VariableBudget,
}

impl Missing {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acme => "ACME",
            Self::Cache => "the HTTP cache",
            Self::Capabilities => "setting capabilities",
            Self::Compression => "compression",
            Self::CpuSets => "choosing CPUs by rules",
            Self::Debugging => "developer settings",
            Self::FastCgi => "FastCGI",
            Self::Filters => "filters",
            Self::Glitches => "closing connections by glitches",
            Self::HttpClient => "the internal HTTP client",
            Self::KernelTls => "TLS records made by the kernel",
            Self::LaxHttp => "lax reading of HTTP/1",
            Self::LogBackends => "log servers as backends",
            Self::LogForward => "forwarding of logs",
            Self::LogProfiles => "log profiles",
            Self::Lua => "Lua",
            Self::Mailers => "e-mail alerts",
            Self::NamedPools => "checks over pooled connections",
            Self::Namespaces => "network namespaces named by PROXY headers",
            Self::Npn => "NPN, which no client of today speaks",
            Self::Peers => "peers",
            Self::PortHardening => "refusing privileged source ports",
            Self::Priority => "the process priority",
            Self::Programs => "programs beside the worker",
            Self::Quic => "QUIC",
            Self::RdpCookie => "RDP cookie persistence",
            Self::Reload => "reloads",
            Self::Renegotiation => "second handshakes on a connection",
            Self::Resolvers => "resolvers",
            Self::ReverseHttp => "reverse HTTP",
            Self::Rings => "rings",
            Self::RuntimePayload => "payloads on the runtime socket",
            Self::SharedStatistics => "counters in memory that processes share",
            Self::Spoe => "SPOE",
            Self::StickTables => "stick tables",
            Self::TcpOptions => "saved packets of TCP",
            Self::Tls => "TLS",
            Self::Traces => "traces",
            Self::VariableBudget => "a limit of all variables together",
        }
    }

    /// What to do until it is there.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Acme => "Get certificates by another program for now.",
            Self::Cache => "Remove the section and its cache-use and cache-store rules.",
            Self::Capabilities => "Give the unit what it needs by AmbientCapabilities= for now.",
            Self::Compression => "Remove the line: answers pass as the servers make them.",
            Self::CpuSets => "Use cpu-map.",
            Self::Debugging => "Remove the line.",
            Self::FastCgi => "Put a web server before the application for now.",
            Self::Filters => "Remove the line.",
            Self::Glitches => "Remove the line.",
            Self::HttpClient => "Remove the line.",
            Self::KernelTls => "Remove the word: records are made in the process, as by default.",
            Self::LaxHttp => "Remove the line.",
            Self::LogBackends => "Log to the address directly.",
            Self::LogForward => "Use a syslog server for now.",
            Self::LogProfiles => "Use log-format.",
            Self::Lua => "Remove the line and what the script provides.",
            Self::Mailers => "Alert on logs or metrics for now.",
            Self::NamedPools => "Remove the word.",
            Self::Namespaces => "Name the namespace on bind and server lines.",
            Self::Npn => "Use alpn, with the same list.",
            Self::Peers => "Remove the section and its uses.",
            Self::PortHardening => "Use a firewall for now.",
            Self::Priority => "Set Nice= in the unit.",
            Self::Programs => "Start them by units of their own.",
            Self::Quic => "Remove the word: TCP is served.",
            Self::RdpCookie => "Use balance rdp-cookie.",
            Self::Reload => "Remove the line.",
            Self::Renegotiation => "Remove the word: TLS 1.3 has no renegotiation at all.",
            Self::Resolvers => {
                "Names are resolved once at the start; use init-addr last,libc,none."
            }
            Self::ReverseHttp => "Remove the word.",
            Self::Rings => "Log to an address directly.",
            Self::RuntimePayload => "Remove the line.",
            Self::SharedStatistics => {
                "Remove the line: counters outlive a reload in the process; 'stats-file' loads them \
                 at a start."
            }
            Self::Spoe => "Remove the line.",
            Self::StickTables => "Remove the line and the rules that use the table.",
            Self::TcpOptions => "Remove the word.",
            Self::Tls => {
                "Let another program end TLS before this one, or pass it through in mode tcp."
            }
            Self::Traces => "Remove the section.",
            Self::VariableBudget => "Limit each scope by tune.vars.proc-max-size and its like.",
        }
    }
}

/// A keyword that is refused.
#[derive(Debug)]
pub struct Unsupported {
    /// As written.
    pub name: &'static str,
    /// Arguments, where others may follow on the line.
    pub args: u8,
    /// What it waits for.
    pub missing: Missing,
}

impl Unsupported {
    /// The finding for a keyword or section.
    pub fn diag(&self, span: Span, name: &str) -> Diag {
        self.diag_as(span, &format!("'{name}'"))
    }

    /// The finding for a word on the line of `title`.
    pub fn diag_in(&self, span: Span, name: &str, title: &str) -> Diag {
        let diag = self.diag(span, name);
        Diag {
            message: format!("{title} : {}", diag.message),
            ..diag
        }
    }

    /// The finding for something that is called `what`.
    pub fn diag_as(&self, span: Span, what: &str) -> Diag {
        Diag::alert(
            span,
            format!("{what} is not supported yet ({}).", self.missing.name()),
        )
        .hint(self.missing.hint())
    }
}

/// The first word of a line.
pub fn keyword(name: &str, section: Section) -> Option<&'static Unsupported> {
    find(
        match section {
            Section::Global => GLOBAL,
            section if section.is_proxy() => PROXY,
            _ => return None,
        },
        name,
    )
}

/// A section.
pub fn section(name: &str) -> Option<&'static Unsupported> {
    find(SECTIONS, name)
}

/// A word behind `option`.
pub fn option(name: &str) -> Option<&'static Unsupported> {
    find(OPTIONS, name)
}

/// A word on a `bind` line.
pub fn bind_option(name: &str) -> Option<&'static Unsupported> {
    find(BIND_OPTIONS, name)
}

/// A word on a `server` line.
pub fn server_option(name: &str) -> Option<&'static Unsupported> {
    find(SERVER_OPTIONS, name)
}

fn find(list: &'static [Unsupported], name: &str) -> Option<&'static Unsupported> {
    let at = list.binary_search_by(|entry| entry.name.cmp(name)).ok()?;
    list.get(at)
}
