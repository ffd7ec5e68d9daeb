//! What the end-to-end and differential tests share: a proxy under test, servers, clients, log sinks.
//!
//! It judges nothing: tests assert on what these record. Everything is synchronous, uses loopback
//! addresses only, and is ended when it is dropped. As test code it panics where a test should fail.

pub mod arp;
pub mod client;
pub mod load;
pub mod manager;
pub mod message;
pub mod netns;
pub mod origin;
pub mod port;
pub mod program;
pub mod proxy;
pub mod scenario;
pub mod stream;
pub mod syslog;
pub mod temp;
pub mod terminal;
pub mod wait;

pub use client::Client;
pub use load::Load;
pub use manager::ServiceManager;
pub use message::{Request, Response};
pub use origin::{Origin, Reply};
pub use port::free_port;
pub use proxy::{Proxy, ProxyBuilder};
pub use syslog::SyslogSink;
pub use temp::TempDir;
pub use terminal::Terminal;
pub use wait::{eventually, poll_until};
