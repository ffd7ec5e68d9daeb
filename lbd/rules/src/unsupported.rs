//! Fetches, converters and ACL keywords of the reference that are refused by name, each with what
//! it needs.
//!
//! What is supported stands in the registries; the parity test compares both with the reference's
//! list.

mod list;

pub use list::{CONVERTERS, FETCHES};

/// Kind of keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// ACL keyword.
    Acl,
    /// Converter.
    Converter,
    /// Sample fetch.
    Fetch,
}

/// Keywords that need the same missing thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported {
    /// Their names.
    pub names: &'static [&'static str],
    /// What they need; completes "It needs …".
    pub reason: &'static str,
}

/// Why this keyword is refused, when it is one of the reference's.
pub fn find(class: Class, name: &str) -> Option<&'static Unsupported> {
    let list = match class {
        Class::Converter => CONVERTERS,
        Class::Acl | Class::Fetch => FETCHES,
    };
    list.iter().find(|entry| entry.names.contains(&name))
}
