//! From configuration text to a checked configuration, in HAProxy's language.
//!
//! It does no I/O: files, names, users and the environment come through [`host::Host`].
#![forbid(unsafe_code)]

pub mod address;
pub mod condition;
pub mod config;
pub mod host;
pub mod lex;
pub mod loader;
pub mod render;
pub mod suggest;
pub mod units;
pub mod words;

/// The version of HAProxy whose language and behaviour is implemented (`version_atleast()`).
pub const HAPROXY_VERSION: &str = "3.4.0";
