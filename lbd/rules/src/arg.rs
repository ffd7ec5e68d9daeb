//! Arguments of fetches, converters and ACLs: how they are declared, and their typed values.
//!
//! Splitting the text between parentheses is the work of the expression parser.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lbd_core::{ProxyId, ServerId, Span};

use crate::var::Var;

/// What an argument must be; the names are the reference's in `-dKsmp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// A string.
    Str,
    /// A signed integer.
    Int,
    /// A duration, milliseconds unless it has a unit.
    Time,
    /// A size.
    Size,
    /// An IPv4 address.
    Ipv4,
    /// An IPv4 mask or prefix length.
    Mask4,
    /// An IPv6 address.
    Ipv6,
    /// An IPv6 prefix length or mask.
    Mask6,
    /// A frontend.
    Frontend,
    /// A backend; omitted, the current one.
    Backend,
    /// A server, `backend/server` or `server`.
    Server,
    /// A stick table; omitted, the current proxy's.
    Table,
    /// A user list.
    UserList,
    /// A regular expression.
    Regex,
    /// A variable, `scope.name`.
    Var,
}

impl ArgKind {
    /// The name that the reference prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "string",
            Self::Int => "integer",
            Self::Time => "delay",
            Self::Size => "size",
            Self::Ipv4 => "IPv4 address",
            Self::Mask4 => "IPv4 mask",
            Self::Ipv6 => "IPv6 address",
            Self::Mask6 => "IPv6 mask",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Server => "server",
            Self::Table => "table",
            Self::UserList => "user list",
            Self::Regex => "regex",
            Self::Var => "variable",
        }
    }
}

/// One declared argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgSpec {
    /// What it must be.
    pub kind: ArgKind,
    /// Whether it may be left out (all after it may be, too).
    pub optional: bool,
}

impl ArgSpec {
    /// An argument that must be given.
    pub const fn required(kind: ArgKind) -> Self {
        Self { kind, optional: false }
    }

    /// An argument that may be left out.
    pub const fn optional(kind: ArgKind) -> Self {
        Self { kind, optional: true }
    }
}

/// A typed argument.
#[derive(Debug, Clone)]
pub enum Arg {
    /// A string; also the source text of a `Regex`, which `build` compiles.
    Str(Box<[u8]>),
    /// An integer.
    Int(i64),
    /// A duration.
    Time(Duration),
    /// A size in bytes.
    Size(u64),
    /// An IPv4 address or mask.
    Ipv4(Ipv4Addr),
    /// An IPv6 address or mask.
    Ipv6(Ipv6Addr),
    /// A frontend or backend.
    Proxy(ProxyId),
    /// A server.
    Server(ProxyId, ServerId),
    /// A user list, by its index in the configuration.
    UserList(usize),
    /// A variable.
    Var(Var),
}

/// Why arguments are refused; the message completes the reference's sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgError {
    /// The reason.
    pub message: String,
    /// The word to point at, when it is not the whole expression.
    pub span: Option<Span>,
}

impl ArgError {
    /// A reason without a place of its own.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), span: None }
    }
}
