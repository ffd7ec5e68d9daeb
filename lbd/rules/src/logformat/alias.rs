//! The registry of log-format aliases (haproxy 3.4 configuration 8.2.6).
//!
//! It does not render them.

/// What an alias stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "each is described once, by its entry in ALIASES"
)]
pub enum Alias {
    ActiveConns,
    BackendConns,
    BackendIp,
    BackendName,
    BackendPort,
    BackendQueue,
    BytesDown,
    BytesUp,
    CapturedRequest,
    CapturedRequestList,
    CapturedResponse,
    CapturedResponseList,
    ClientCookie,
    ClientIp,
    ClientPort,
    Counter,
    Date,
    DateGmt,
    DateLocal,
    FrontendConns,
    FrontendIp,
    FrontendName,
    FrontendPort,
    FrontendTransport,
    Global,
    Hostname,
    LogCounter,
    Method,
    Millis,
    Origin,
    Path,
    PathOnly,
    Pid,
    Query,
    Request,
    RequestDate,
    RequestDateGmt,
    RequestDateLocal,
    Retries,
    ServerConns,
    ServerCookie,
    ServerIp,
    ServerName,
    ServerPort,
    ServerQueue,
    Status,
    Term,
    TermCookie,
    TimeActive,
    TimeConnect,
    TimeData,
    TimeHandshake,
    TimeIdle,
    TimeQueue,
    TimeRequest,
    TimeRequestTotal,
    TimeResponse,
    TimeTotal,
    TimeUser,
    Timestamp,
    TlsCipher,
    TlsVersion,
    UniqueId,
    Uri,
    Version,
}

/// An alias.
#[derive(Debug)]
pub struct LogAlias {
    /// Name after the `%`.
    pub name: &'static str,
    /// What it stands for.
    pub alias: Alias,
    /// Whether it depends on HTTP mode.
    pub is_http: bool,
    /// What it says.
    pub doc: &'static str,
}

/// The alias of this name.
pub fn find(name: &[u8]) -> Option<&'static LogAlias> {
    ALIASES.iter().find(|alias| alias.name.as_bytes() == name)
}

const fn tcp(name: &'static str, alias: Alias, doc: &'static str) -> LogAlias {
    LogAlias {
        name,
        alias,
        is_http: false,
        doc,
    }
}

const fn http(name: &'static str, alias: Alias, doc: &'static str) -> LogAlias {
    LogAlias {
        name,
        alias,
        is_http: true,
        doc,
    }
}

/// All aliases, by name.
pub const ALIASES: &[LogAlias] = &[
    tcp(
        "B",
        Alias::BytesDown,
        "bytes received from the server and sent to the client",
    ),
    http("CC", Alias::ClientCookie, "captured request cookie"),
    http("CS", Alias::ServerCookie, "captured response cookie"),
    tcp("H", Alias::Hostname, "name of this node"),
    http("HM", Alias::Method, "HTTP method"),
    http("HP", Alias::Path, "request target without its query string"),
    http(
        "HPO",
        Alias::PathOnly,
        "path only, without host and query string",
    ),
    http("HQ", Alias::Query, "query string with its question mark"),
    http("HU", Alias::Uri, "request target"),
    http("HV", Alias::Version, "HTTP version"),
    tcp("ID", Alias::UniqueId, "unique id"),
    tcp("OG", Alias::Origin, "what caused the log line"),
    http("ST", Alias::Status, "status sent to the client"),
    tcp("T", Alias::DateGmt, "date of the accept, GMT"),
    http(
        "TR",
        Alias::TimeRequest,
        "ms to receive the request from its first byte",
    ),
    http(
        "Ta",
        Alias::TimeActive,
        "ms from the first byte of the request to the end",
    ),
    tcp("Tc", Alias::TimeConnect, "ms to connect to the server"),
    tcp("Td", Alias::TimeData, "ms to transfer the response"),
    tcp(
        "Th",
        Alias::TimeHandshake,
        "ms of handshakes before the request",
    ),
    http("Ti", Alias::TimeIdle, "ms of idle time before the request"),
    tcp("Tl", Alias::DateLocal, "date of the accept, local"),
    http("Tq", Alias::TimeRequestTotal, "Th + Ti + TR"),
    http("Tr", Alias::TimeResponse, "ms until the server answered"),
    tcp("Ts", Alias::Timestamp, "seconds since 1970 of the accept"),
    tcp("Tt", Alias::TimeTotal, "ms of the whole stream"),
    tcp("Tu", Alias::TimeUser, "ms as the user sees it: Tt - Ti"),
    tcp("Tw", Alias::TimeQueue, "ms in queues"),
    tcp("U", Alias::BytesUp, "bytes received from the client"),
    tcp("ac", Alias::ActiveConns, "connections of the process"),
    tcp("b", Alias::BackendName, "name of the backend"),
    tcp("bc", Alias::BackendConns, "connections of the backend"),
    tcp("bi", Alias::BackendIp, "own address towards the server"),
    tcp("bp", Alias::BackendPort, "own port towards the server"),
    tcp(
        "bq",
        Alias::BackendQueue,
        "requests before this one in the backend's queue",
    ),
    tcp("ci", Alias::ClientIp, "address of the client"),
    tcp("cp", Alias::ClientPort, "port of the client"),
    tcp("f", Alias::FrontendName, "name of the frontend"),
    tcp("fc", Alias::FrontendConns, "connections of the frontend"),
    tcp(
        "fi",
        Alias::FrontendIp,
        "address that accepted the connection",
    ),
    tcp(
        "fp",
        Alias::FrontendPort,
        "port that accepted the connection",
    ),
    tcp(
        "ft",
        Alias::FrontendTransport,
        "name of the frontend, with ~ on TLS",
    ),
    tcp(
        "hr",
        Alias::CapturedRequest,
        "captured request headers in braces",
    ),
    tcp(
        "hrl",
        Alias::CapturedRequestList,
        "captured request headers as a list",
    ),
    tcp(
        "hs",
        Alias::CapturedResponse,
        "captured response headers in braces",
    ),
    tcp(
        "hsl",
        Alias::CapturedResponseList,
        "captured response headers as a list",
    ),
    tcp("lc", Alias::LogCounter, "log lines of the frontend so far"),
    tcp("ms", Alias::Millis, "milliseconds of the accept date"),
    tcp("o", Alias::Global, "flags for all that follows"),
    tcp("pid", Alias::Pid, "process id"),
    http("r", Alias::Request, "request line"),
    tcp("rc", Alias::Retries, "connection retries"),
    http("rt", Alias::Counter, "requests of the process so far"),
    tcp("s", Alias::ServerName, "name of the server"),
    tcp("sc", Alias::ServerConns, "connections of the server"),
    tcp("si", Alias::ServerIp, "address of the server"),
    tcp("sp", Alias::ServerPort, "port of the server"),
    tcp(
        "sq",
        Alias::ServerQueue,
        "requests before this one in the server's queue",
    ),
    tcp("sslc", Alias::TlsCipher, "cipher suite on the client side"),
    tcp("sslv", Alias::TlsVersion, "TLS version on the client side"),
    tcp(
        "t",
        Alias::Date,
        "date of the accept, local, with milliseconds",
    ),
    http(
        "tr",
        Alias::RequestDate,
        "date of the request's start, local, with milliseconds",
    ),
    http(
        "trg",
        Alias::RequestDateGmt,
        "date of the request's start, GMT",
    ),
    http(
        "trl",
        Alias::RequestDateLocal,
        "date of the request's start, local",
    ),
    tcp("ts", Alias::Term, "termination state, two letters"),
    tcp(
        "tsc",
        Alias::TermCookie,
        "termination state with the cookie's, four letters",
    ),
];
