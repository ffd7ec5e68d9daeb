//! The rules engine: fetches, converters, ACLs, actions and log formats, each described once in a
//! registry, parsed to closures, and evaluated on a stream.
//!
//! It does not know the proxy: evaluation sees a [`view::View`], changes go through a
//! [`program::Ctx`], and what must wait is said by a [`program::Verdict`].
//!
//! What differs from HAProxy 3.4 and stays so: of an ACL `hdr(host), lower -m str x` the word
//! behind the comma is a converter and no pattern; HAProxy applies the converter, then takes the
//! same word, and the flags behind it, for patterns.
#![forbid(unsafe_code)]

pub mod acl;
pub mod action;
pub mod arg;
pub mod cast;
pub mod convert;
pub mod expr;
pub mod facts;
pub mod fetch;
pub mod hints;
pub mod listing;
pub mod logformat;
pub mod pattern;
pub mod program;
pub mod regex;
pub mod registry;
pub mod reply;
#[cfg(test)]
mod rig;
pub mod track;
pub mod unsupported;
pub mod var;
pub mod view;
pub mod word;
