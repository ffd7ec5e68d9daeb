//! Fetches at the connection (manual 7.3.3).
//!
//! Nothing of TLS and nothing of HTTP.

use lbd_core::Type;

use super::{CLIENT, NO_ARGS, address};
use crate::registry::{Example, Fetch};

/// The family.
pub const FETCHES: &[Fetch] = &[Fetch {
    name: "src",
    args: NO_ARGS,
    out: Type::Addr,
    valid: CLIENT,
    doc: "Source address of the client as rules see it (manual 7.3.3).",
    examples: &[Example::Ok("src")],
    build: |_, _| address(|view| view.src().ip()),
}];
