//! Decisions about servers: which one to take, who waits, who is healthy, what sticks.
//!
//! It opens no socket, reads no clock and edits no message: callers give time, bytes and events,
//! and do what they are told. Everything that several workers share is behind `&self` and short
//! critical sections.
//!
//! What differs from HAProxy 3.4 and stays so, because the manual or HAProxy 2.6 has it our way:
//!
//! - a server without `init-state` begins with its checks one failure from down, as before 3.4.
//!   3.4.0 begins with the count of a server that is down while the server is up, tells of `UP -1/3`
//!   and of a first passed check as `1/2 DOWN`;
//! - an interim answer (1xx) to an HTTP check is passed over (RFC 9110 15.2), not judged;
//! - `option mysql-check` and `ldap-check` keep what the server said as the text of a passed check,
//!   which 3.4 logs and then blanks.
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
pub use roster::{Ask, Assigned, BackendView, Placed, Roster, ServerView, Target, Tenure};
pub use spec::{
    Affinity, Algorithm, BackendSpec, HashFunction, HashKey, HashSpec, HashType, Placement,
    ServerSpec, State,
};
