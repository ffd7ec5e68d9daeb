//! Tests of whole configurations.
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

mod common;
mod expect;
mod parity;
mod peers;
mod seeds;
mod stats;
mod support;
