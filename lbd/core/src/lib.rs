//! The vocabulary that every lbd crate shares: ids, sample values, checkpoints, diagnostics, time.
//!
//! It holds no behaviour of the balancer: no parsing of configuration, no sockets, no clocks.
#![forbid(unsafe_code)]

pub mod bits;
pub mod checkpoint;
pub mod cli;
pub mod diag;
pub mod freq;
pub mod id;
pub mod sample;
pub mod span;
pub mod time;

pub use checkpoint::{Checkpoint, Checkpoints};
pub use diag::{Diag, Diags, Level};
pub use id::{BindId, ListenerId, ProxyId, ServerId, TableId};
pub use sample::{Type, Value};
pub use span::{FileId, Span};
pub use time::{Ticks, Time, WallTime};
