//! Log lines on their way out: syslog headers, batching, and the sockets.
//!
//! It renders no log format: the message comes finished. A line never waits: what a sink does
//! not take at once is dropped and counted.

pub(crate) mod header;
pub(crate) mod logger;
pub(crate) mod sink;

pub(crate) use header::{Header, compose};
pub(crate) use logger::Logger;
pub(crate) use sink::{Dropped, Sinks};
