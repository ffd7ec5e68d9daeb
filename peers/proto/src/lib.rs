//! HAProxy's peers protocol 2.1: hello, messages, and the machine of one `peers` section that
//! learns, teaches and pushes the updates of stick tables.
//!
//! It opens no connection and reads no clock: bytes and the time come with each call, and what is
//! to be done is asked of [`Section::poll_output`].
//!
//! # Deviations
//!
//! After a refusal the other side is called again. A table that was defined in a connection is
//! switched to, not defined once more. An entry that was taught is not sent again. Whether a lesson
//! goes to a peer with a shard or not, its own lesson is complete when it asks.
#![forbid(unsafe_code)]

pub mod codec;
pub mod hello;
pub mod section;
pub mod snapshot;
pub mod varint;
pub mod words;

pub use section::{ConnId, Output, PeerSpec, Section, Shared, Spec};
