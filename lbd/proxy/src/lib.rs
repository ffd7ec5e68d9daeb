//! The data plane: workers, sessions and streams over HTTP/1 and TCP, and the live state.
//!
//! It reads no configuration text, binds no listening socket and sends no log line: the daemon
//! hands over a finished configuration, descriptors and a sink.
//!
//! How the daemon uses it:
//! - [`Shared::new`] makes the state for a [`lbd_config::config::Config`]; [`state::Setup`] says
//!   how many workers, which limits, who takes log lines ([`LogSink`]) and who hears what traffic
//!   tells of servers ([`state::Observer`]).
//! - [`run_worker`] on a thread of its own for each worker, with its [`ListenerSocket`]s; it
//!   returns after [`Shared::soft_stop`] when the last session has ended, or after
//!   [`Shared::hard_stop`].
//! - Everything else goes through [`Shared`]: [`Shared::current`] gives the [`state::Generation`]
//!   with each [`state::ProxyState`] and [`state::ServerState`]; [`state::ProxyState::place`]
//!   applies what health or an operator decides, `set_server_maxconn`, `set_server_address` and
//!   `end_server_streams` do what the runtime API asks; [`state::Shards::totals`] reads counters;
//!   [`Shared::sessions`] and [`Shared::kill_session`] serve `show sess` and `shutdown session`.
//!
//! What differs from HAProxy 3.4 and stays so:
//!
//! - there is no limit of descriptors below the system's, so that a connection to a server that
//!   finds none ends with `RC`; `PC` does not occur;
//! - what `http-request return` makes of a log-format may be as long as memory allows, where HAProxy
//!   cuts it off or answers 500 when it does not fit one buffer;
//! - an answer of `stats http-request` rules or of `stats auth` is logged with the status that the
//!   client got, where HAProxy 3.4 writes 400, and a HEAD for a page leaves the connection open.

pub mod accept;
mod cip;
pub mod clock;
mod connect;
mod handshake;
pub mod live;
pub mod log;
pub mod metric;
mod mux;
pub mod namespace;
pub mod pool;
pub mod reconcile;
mod run_queue;
mod server_conn;
pub mod service;
pub mod session;
pub mod state;
pub mod stream;
mod sys;
pub mod term;
mod timers;
pub mod tls;
pub mod transport;
mod wheel;
pub mod worker;

pub use accept::ListenerSocket;
pub use handshake::{ServerSession, Watch};
pub use live::{Activity, Ending, SessionView};
pub use log::{LogLine, LogNote, LogSink, NoLog};
pub use namespace::Namespaces;
pub use service::Services;
pub use state::{Setup, Shared};
pub use sys::set_md5_key;
pub use worker::run as run_worker;
