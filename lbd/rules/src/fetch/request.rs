//! Fetches of the request line (manual 7.3.6).
//!
//! Header fields stand elsewhere.

use lbd_core::Type;

use super::{NO_ARGS, REQUEST, string};
use crate::registry::{Example, Fetch};

/// The family.
pub const FETCHES: &[Fetch] = &[Fetch {
    name: "path",
    args: NO_ARGS,
    out: Type::Str,
    valid: REQUEST,
    doc: "Path of the request target, without the query (manual 7.3.6).",
    examples: &[Example::Ok("path")],
    build: |_, _| string(|view| lbd_http::uri::path(view.request?.target())),
}];
