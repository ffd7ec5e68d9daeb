//! Arguments of fetches, converters and ACLs: how they are declared, and their typed values.
//!
//! Splitting the text between parentheses is the work of the expression parser.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lbd_core::{ProxyId, ServerId, Span, TableId};

use crate::registry::BuildCtx;
use crate::var::{Scope, Var, VarNames};

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
    /// Numbers of nested protocol buffer fields, dotted; typed as a string.
    Protobuf,
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
            Self::Protobuf => "Protocol buffers field number",
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
        Self {
            kind,
            optional: false,
        }
    }

    /// An argument that may be left out.
    pub const fn optional(kind: ArgKind) -> Self {
        Self {
            kind,
            optional: true,
        }
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
    /// A stick table.
    Table(TableId),
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
        Self {
            message: message.into(),
            span: None,
        }
    }
}

/// Why the text of an argument is refused.
pub(crate) enum SpecFault {
    /// The text does not have the form.
    Text(String),
    /// The configuration has no such thing; the sentence goes on with who refers to it.
    Name(String),
    /// The current proxy, meant by leaving the name out, is not one of these.
    Capability(&'static str),
}

/// Turns the text of argument number `position` (from 1) into its type.
pub(crate) fn parse(
    spec: ArgSpec,
    text: &[u8],
    position: usize,
    ctx: &mut BuildCtx<'_>,
) -> Result<Arg, SpecFault> {
    let lossy = String::from_utf8_lossy(text);
    let kind = spec.kind;
    let may_be_empty = matches!(
        kind,
        ArgKind::Str
            | ArgKind::Regex
            | ArgKind::Frontend
            | ArgKind::Backend
            | ArgKind::Server
            | ArgKind::Table
            | ArgKind::UserList
    );
    if text.is_empty() && !may_be_empty {
        return Err(SpecFault::Text(format!(
            "expected type '{}' at position {position}, but got nothing",
            kind.name()
        )));
    }
    let refused = || {
        SpecFault::Text(format!(
            "failed to parse '{lossy}' as type '{}' at position {position}",
            kind.name()
        ))
    };
    match kind {
        ArgKind::Str | ArgKind::Regex => Ok(Arg::Str(text.into())),
        ArgKind::Protobuf => crate::convert::protobuf::path(text)
            .map(|_| Arg::Str(text.into()))
            .ok_or_else(refused),
        ArgKind::Int => crate::cast::whole_int(text)
            .map(Arg::Int)
            .ok_or_else(refused),
        ArgKind::Time => duration(&lossy).map(Arg::Time).ok_or_else(refused),
        ArgKind::Size => size(&lossy).map(Arg::Size).ok_or_else(refused),
        ArgKind::Ipv4 => lossy.parse().map(Arg::Ipv4).map_err(|_| refused()),
        ArgKind::Mask4 => crate::pattern::parse::parse_mask4(&lossy)
            .map(|mask| Arg::Ipv4(mask.into()))
            .ok_or_else(refused),
        ArgKind::Ipv6 => lossy.parse().map(Arg::Ipv6).map_err(|_| refused()),
        ArgKind::Mask6 => mask6(&lossy).map(Arg::Ipv6).ok_or_else(refused),
        ArgKind::Frontend => proxy(&lossy, true, ctx),
        ArgKind::Backend => proxy(&lossy, false, ctx),
        ArgKind::Server => server(&lossy, ctx),
        ArgKind::Table => table(&lossy, ctx),
        ArgKind::UserList => ctx
            .names
            .user_list(&lossy)
            .map(Arg::UserList)
            .ok_or_else(|| SpecFault::Name(format!("unable to find userlist '{lossy}'"))),
        ArgKind::Var => parse_var(text, ctx.vars)
            .map(Arg::Var)
            .map_err(SpecFault::Text),
    }
}

fn proxy(name: &str, is_frontend: bool, ctx: &mut BuildCtx<'_>) -> Result<Arg, SpecFault> {
    let what = if is_frontend { "frontend" } else { "backend" };
    if name.is_empty() {
        let Some(own) = ctx.proxy else {
            return Err(SpecFault::Name(format!("missing {what} name")));
        };
        let (can_front, can_back) = ctx.names.capabilities(own);
        if if is_frontend { can_front } else { can_back } {
            return Ok(Arg::Proxy(own));
        }
        return Err(SpecFault::Capability(what));
    }
    let found = if is_frontend {
        ctx.names.frontend(name)
    } else {
        ctx.names.backend(name)
    };
    found
        .map(Arg::Proxy)
        .ok_or_else(|| SpecFault::Name(format!("unable to find {what} '{name}'")))
}

/// Without a name the table of the current proxy is meant.
fn table(name: &str, ctx: &mut BuildCtx<'_>) -> Result<Arg, SpecFault> {
    if !name.is_empty() {
        let unknown = || SpecFault::Name(format!("unable to find table '{name}'"));
        return ctx.names.table(name).map(Arg::Table).ok_or_else(unknown);
    }
    let Some(proxy) = ctx.proxy else {
        return Err(SpecFault::Name("table name must be set".to_owned()));
    };
    let (name, table) = ctx.names.proxy_table(proxy);
    let unknown = || SpecFault::Name(format!("unable to find table '{name}'"));
    table.map(Arg::Table).ok_or_else(unknown)
}

fn server(name: &str, ctx: &mut BuildCtx<'_>) -> Result<Arg, SpecFault> {
    let (backend, server) = match name.split_once('/') {
        Some((backend, server)) => {
            let found = ctx
                .names
                .backend(backend)
                .ok_or_else(|| SpecFault::Name(format!("unable to find proxy '{backend}'")))?;
            (found, server)
        }
        None => {
            let own = ctx
                .proxy
                .ok_or_else(|| SpecFault::Name(format!("missing backend of server '{name}'")))?;
            (own, name)
        }
    };
    ctx.names
        .server(backend, server)
        .map(|found| Arg::Server(backend, found))
        .ok_or_else(|| SpecFault::Name(format!("unable to find server '{server}',")))
}

/// A duration: an integer and a unit (`us ms s m h d`), milliseconds without one.
pub fn duration(text: &str) -> Option<Duration> {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let micros = match &text[end..] {
        "us" => 1,
        "" | "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    Some(Duration::from_micros(number.checked_mul(micros)?))
}

/// A size: an integer and a unit (`k m g`), bytes without one.
pub fn size(text: &str) -> Option<u64> {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let factor = match text[end..].to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn mask6(text: &str) -> Option<Ipv6Addr> {
    if text.contains(':') {
        return text.parse().ok();
    }
    let bits: u8 = text.parse().ok().filter(|bits| *bits <= 128)?;
    Some(crate::pattern::parse::mask6(bits).into())
}

/// A variable `scope.name` (haproxy 3.4 configuration 2.8), its name numbered in `names`.
///
/// # Errors
/// The reference's sentence.
pub fn parse_var(text: &[u8], names: &mut VarNames) -> Result<Var, String> {
    let shown = String::from_utf8_lossy(text);
    let (scope, name) = text
        .iter()
        .position(|byte| *byte == b'.')
        .map(|dot| (&text[..dot], &text[dot + 1..]))
        .unwrap_or((text, b""));
    let scope = match scope {
        b"proc" => Scope::Proc,
        b"sess" => Scope::Sess,
        b"txn" => Scope::Txn,
        b"req" => Scope::Req,
        b"res" => Scope::Res,
        b"check" => Scope::Check,
        b"psess" | b"ptxn" | b"preq" | b"pres" => {
            return Err(format!(
                "invalid variable name '{shown}'. Scopes of a parent stream need SPOE, which is \
                 not supported yet."
            ));
        }
        _ => {
            return Err(format!(
                "invalid variable name '{shown}'. A variable name must start with its scope. \
                 The scope can be 'proc', '(p)sess', '(p)txn', '(p)req', '(p)res' or 'check'."
            ));
        }
    };
    if name.is_empty() || name.len() > MAX_VAR_NAME {
        return Err(format!(
            "invalid variable name '{shown}'. A name is expected after the scope."
        ));
    }
    let bad = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if let Some(byte) = name.iter().copied().find(bad) {
        return Err(format!(
            "invalid syntax at char '{}' in variable name '{shown}'",
            byte.escape_ascii()
        ));
    }
    let name = String::from_utf8_lossy(name);
    Ok(Var {
        scope,
        id: names.intern(&name),
    })
}

/// Bytes of a variable's name, its scope apart.
pub const MAX_VAR_NAME: usize = 255;
