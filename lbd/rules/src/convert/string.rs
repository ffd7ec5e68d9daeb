//! Converters of strings (manual 7.3.1).
//!
//! Nothing of encodings.

use lbd_core::{Type, Value};

use crate::registry::{Converter, Example};

/// The family.
pub const CONVERTERS: &[Converter] = &[Converter {
    name: "length",
    args: &[],
    from: Type::Str,
    to: Type::Int,
    doc: "Length of the string (manual 7.3.1).",
    examples: &[Example::Ok("str(abc),length")],
    build: |_, _| {
        Ok(Box::new(|_, value| match value {
            Value::Str(text) => Some(Value::Int(text.len() as i64)),
            _ => None,
        }))
    },
}];
