//! Fetches of the process (manual 7.3.2).
//!
//! Nothing of traffic.

use lbd_core::Type;

use super::{NO_ARGS, RUNTIME, boolean};
use crate::registry::{Example, Fetch};

/// The family.
pub const FETCHES: &[Fetch] = &[Fetch {
    name: "wait_end",
    args: NO_ARGS,
    out: Type::Bool,
    valid: RUNTIME,
    doc: "True at the end of the inspection delay.",
    examples: &[Example::Ok("wait_end")],
    build: |_, _| boolean(|view| Some(view.is_final)),
}];
