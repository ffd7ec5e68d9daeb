//! The lists of refused keywords.

use super::Unsupported;

/// Refused fetches.
pub const FETCHES: &[Unsupported] = &[];
/// Refused converters.
pub const CONVERTERS: &[Unsupported] = &[];
