//! VRRP without sockets: packets of version 2 and 3, instances, sync groups, tracking, switchover.
//!
//! It opens no socket, sets no address and reads no clock: what is to be done comes out as values,
//! what happened goes in as values.
#![forbid(unsafe_code)]

pub mod group;
pub mod handover;
pub mod instance;
pub mod packet;
pub mod router;
pub mod spec;
pub mod track;

pub use instance::{Input, Instance, Output, Snapshot, State};
pub use packet::{Advertisement, Datagram, Family, Priority, Rejection, Version, Vrid};
pub use router::{Router, RouterOutput, RouterSpec};
pub use spec::InstanceSpec;
