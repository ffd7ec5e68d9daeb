//! Nodes of a section in virtual time, with what parts, delays and crashes them.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mending;
mod net;
mod nodes;
mod siblings;
