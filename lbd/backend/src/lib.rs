//! Decisions about servers: which one to take, who waits, who is healthy, what sticks.
//!
//! It opens no socket, reads no clock and edits no message: callers give time, bytes and events,
//! and do what they are told. Everything that several workers share is behind `&self` and short
//! critical sections.
#![forbid(unsafe_code)]

pub mod balance;
pub mod check;
pub mod hash;
pub mod health;
pub mod key;
pub mod persist;
pub mod queue;
pub mod retry;
pub mod reuse;
pub mod roster;
pub mod spec;

pub use key::{KeySpec, PickKey};
pub use queue::{Outcome, Ticket, Wake};
pub use roster::{Ask, Assigned, BackendView, Placed, Roster, ServerView, Target};
pub use spec::{
    Affinity, Algorithm, BackendSpec, HashFunction, HashKey, HashSpec, HashType, Placement,
    ServerSpec, State,
};
