//! The rules engine: fetches, converters, ACLs, actions and log formats, each described once in a
//! registry, parsed to closures, and evaluated on a stream.
//!
//! It does not know the proxy: evaluation sees a [`view::View`], changes go through a
//! [`program::Ctx`], and what must wait is said by a [`program::Verdict`].
#![forbid(unsafe_code)]

pub mod arg;
pub mod facts;
pub mod program;
pub mod registry;
pub mod var;
pub mod view;
pub mod word;
