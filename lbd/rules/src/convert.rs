//! Converters (haproxy 3.4 configuration 7.3.1), one family in a file.
//!
//! Casting to a converter's input type is done before it is called.

pub mod string;

use crate::registry::Converter;

/// All families.
pub const FAMILIES: &[&[Converter]] = &[string::CONVERTERS];
