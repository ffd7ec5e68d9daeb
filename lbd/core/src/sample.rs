//! Sample types and values: what fetches yield and converters transform (haproxy 3.4
//! configuration, chapter 7).

use std::net::{Ipv4Addr, Ipv6Addr};

/// Type of a sample, of a converter's input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// Any type; the value says which.
    Any,
    /// A converter's output: the same type as its input.
    Same,
    /// A boolean.
    Bool,
    /// A signed 64-bit integer.
    Int,
    /// An address of either family.
    Addr,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A string (bytes without meaning beyond ASCII).
    Str,
    /// Binary data.
    Bin,
    /// An HTTP method.
    Method,
}

impl Type {
    /// The name that the reference prints (`-dKsmp`, `-dKcnv`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Same => "same",
            Self::Bool => "bool",
            Self::Int => "sint",
            Self::Addr => "addr",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Str => "str",
            Self::Bin => "bin",
            Self::Method => "meth",
        }
    }
}

/// A sample's value; byte strings are borrowed from the message or from the evaluation's arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// A string.
    Str(&'a [u8]),
    /// Binary data.
    Bin(&'a [u8]),
    /// An HTTP method, by its name.
    Method(&'a [u8]),
}

impl Value<'_> {
    /// The type of this value.
    pub fn kind(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Ipv4(_) => Type::Ipv4,
            Self::Ipv6(_) => Type::Ipv6,
            Self::Str(_) => Type::Str,
            Self::Bin(_) => Type::Bin,
            Self::Method(_) => Type::Method,
        }
    }
}
