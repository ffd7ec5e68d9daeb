//! Answers that the balancer makes itself while they are sent: what a daemon must offer for them.
//!
//! It makes no answer: that is the daemon's; how one is sent is in [`crate::stream`].

use std::net::IpAddr;
use std::sync::Arc;

use lbd_config::config::{ProxySpec, StatsSpec};
use lbd_http::Head;

use crate::state::Generation;

/// The services. Called on a worker: each call must be short and must not block.
pub trait Services: Send + Sync {
    /// The statistics page of a proxy.
    fn statistics(&self, request: &StatsRequest<'_>) -> Answer;
    /// Metrics for Prometheus, as the query of a request asks.
    fn prometheus(&self, generation: &Arc<Generation>, query: &[u8]) -> Answer;
}

/// A request for a statistics page that its rules let through.
#[derive(Debug)]
pub struct StatsRequest<'r> {
    /// The configuration that runs.
    pub generation: &'r Arc<Generation>,
    /// The proxy whose page it is.
    pub proxy: &'r ProxySpec,
    /// The page.
    pub page: &'r StatsSpec,
    /// The head, with a target whose path and query begin with the page's address.
    pub head: &'r Head,
    /// The client's address, when it has one.
    pub source: Option<IpAddr>,
    /// Whether a `stats admin` condition holds.
    pub is_admin: bool,
    /// The content of a POST; `None` for a request that only reads.
    pub form: Option<Form<'r>>,
}

/// The content of a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form<'r> {
    /// It is whole.
    Content(&'r [u8]),
    /// It does not fit a buffer.
    TooLong,
}

/// An answer, whose body is made when there is room for it.
pub struct Answer {
    /// Status line and fields, without those of framing and connection.
    pub head: Head,
    /// The body; none at all is a body of length 0.
    pub body: Option<Box<dyn Pieces>>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.head.status())
            .field("has_body", &self.body.is_some())
            .finish_non_exhaustive()
    }
}

/// A body made piece by piece, so that a long one neither stands in memory as a whole nor keeps a
/// worker from its other connections.
pub trait Pieces {
    /// Appends the next piece, of about [`PIECE`] bytes at most; false when it was the last.
    fn next(&mut self, out: &mut Vec<u8>) -> bool;
}

/// Bytes of a piece: a worker makes one in a fraction of a millisecond.
pub const PIECE: usize = 16 * 1024;

/// A process without services, as tests want it.
#[derive(Debug)]
pub struct NoServices;

impl Services for NoServices {
    fn statistics(&self, _request: &StatsRequest<'_>) -> Answer {
        not_found()
    }

    fn prometheus(&self, _generation: &Arc<Generation>, _query: &[u8]) -> Answer {
        not_found()
    }
}

fn not_found() -> Answer {
    let mut head = Head::new();
    // A new head has room for its status line.
    let _ = head.start_response(b"HTTP/1.1", 404, b"Not Found");
    Answer { head, body: None }
}
