//! HTTP/2 (RFC 9113) without I/O: frames, header compression, flow control, states of streams.
//!
//! It opens no socket, holds no clock and answers no request: [`Connection`] takes the bytes that
//! came, gives the bytes that are to leave, and hands messages over as [`Head`](crate::Head)s, the
//! same that HTTP/1 gives. Both roles are one machine.
//!
//! Why our own and not the `h2` crate: the crate groups fields by name, so that their order across
//! names is lost; it answers malformed messages by itself, so that neither the log line nor the
//! counter nor the right code could be ours; it has no hook to count oddities (glitches) and no
//! limits per kind of them; it copies every DATA frame into a buffer of its own; and its futures
//! want `AsyncRead`, which the workers' transports are not. What is left of it then, frames and
//! HPACK, is small, and pure code like the rest of this crate. HPACK is ours for the same reason:
//! decoded fields go straight into a head, with the limits checked on the way.

pub mod connection;
pub mod frame;
pub mod hpack;
mod message;

pub use connection::{Config, Connection, Counters, Key, Read, Role, Sent};
pub use message::{Incoming, Scheme};

/// What a client sends before its first frame (RFC 9113 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Largest window (RFC 9113 6.9.1).
pub const MAX_WINDOW: u32 = (1 << 31) - 1;

/// The window of a connection, and of streams before settings (RFC 9113 6.9.2).
pub const DEFAULT_WINDOW: u32 = 65_535;

/// Longest frame before settings (RFC 9113 6.5.2).
pub const DEFAULT_FRAME_SIZE: usize = 16_384;

/// Where we read or write HTTP/2 otherwise than haproxy 3.4, each with the reason; tested.
pub const DEVIATIONS: &[&str] = &[
    "the path `*` of another method than OPTIONS is malformed (haproxy: taken as `/`): RFC 9113 8.3.1",
    "a path with a byte beyond ASCII is refused, as in HTTP/1 (haproxy: passed on)",
    "a header block of more CONTINUATION frames than MAX_CONTINUATIONS ends the connection",
    "a client that speaks HTTP/1.0 gets no chunks of a response that came by HTTP/2 (haproxy: it does)",
    "bytes of a message are counted as HTTP/1 would write it (haproxy: as it holds it in memory)",
    "a stream that a server refused (REFUSED_STREAM, GOAWAY) is tried again as a failed connection is",
    "trailers that frame, route or authenticate are dropped: RFC 9110 6.5.1",
];

/// Why a stream or connection ends (RFC 9113 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// Nothing is wrong.
    pub const NO_ERROR: Self = Self(0);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1);
    /// Our own fault.
    pub const INTERNAL_ERROR: Self = Self(2);
    /// The peer sent more than it was allowed.
    pub const FLOW_CONTROL_ERROR: Self = Self(3);
    /// A frame for a stream that the peer had ended.
    pub const STREAM_CLOSED: Self = Self(5);
    /// A frame of an impossible length.
    pub const FRAME_SIZE_ERROR: Self = Self(6);
    /// The stream was not looked at: it may be tried again.
    pub const REFUSED_STREAM: Self = Self(7);
    /// The stream is not wanted any more.
    pub const CANCEL: Self = Self(8);
    /// The compression state is lost.
    pub const COMPRESSION_ERROR: Self = Self(9);
    /// The peer does something too often.
    pub const ENHANCE_YOUR_CALM: Self = Self(11);
}
