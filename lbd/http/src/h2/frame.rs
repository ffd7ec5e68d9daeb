//! Frames of HTTP/2 (RFC 9113 4 and 6): headers in and out, and whole frames of fixed form.
//!
//! It judges nothing: lengths, flags and streams are the connection's matter.

use super::ErrorCode;

/// Length of a frame's header.
pub const HEADER_LEN: usize = 9;

/// Types of frames; others are to be ignored (RFC 9113 5.5).
pub mod kind {
    /// Content.
    pub const DATA: u8 = 0;
    /// Fields, beginning a stream or a message.
    pub const HEADERS: u8 = 1;
    /// Obsolete priorities.
    pub const PRIORITY: u8 = 2;
    /// The end of a stream by error.
    pub const RST_STREAM: u8 = 3;
    /// Parameters of the sender.
    pub const SETTINGS: u8 = 4;
    /// A promise, which we never allow.
    pub const PUSH_PROMISE: u8 = 5;
    /// A probe, to be answered.
    pub const PING: u8 = 6;
    /// The end of a connection.
    pub const GOAWAY: u8 = 7;
    /// Credit.
    pub const WINDOW_UPDATE: u8 = 8;
    /// More fields.
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    /// DATA, HEADERS: the sender's last.
    pub const END_STREAM: u8 = 1;
    /// SETTINGS, PING: an answer.
    pub const ACK: u8 = 1;
    /// HEADERS, CONTINUATION: the block is complete.
    pub const END_HEADERS: u8 = 4;
    /// DATA, HEADERS: padding.
    pub const PADDED: u8 = 8;
    /// HEADERS: obsolete priorities in front.
    pub const PRIORITY: u8 = 32;
}

/// Numbers of settings.
pub mod setting {
    /// Size of the table that the peer's encoder may use.
    pub const HEADER_TABLE_SIZE: u16 = 1;
    /// Whether pushes are wanted.
    pub const ENABLE_PUSH: u16 = 2;
    /// Streams that the peer may have open.
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    /// Credit of a new stream.
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    /// Longest frame.
    pub const MAX_FRAME_SIZE: u16 = 5;
    /// Longest field section, as a hint.
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
    /// Whether extended CONNECT is known (RFC 8441).
    pub const ENABLE_CONNECT_PROTOCOL: u16 = 8;
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Length of the payload, up to 2^24 - 1.
    pub len: usize,
    /// Type, see [`kind`].
    pub kind: u8,
    /// Flags, see [`flag`].
    pub flags: u8,
    /// Stream; 0 for the connection.
    pub stream: u32,
}

impl FrameHeader {
    /// The header that `bytes` begin with; `None` when bytes are missing.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3, ..] = *bytes else {
            return None;
        };
        Some(Self {
            len: u32::from_be_bytes([0, l0, l1, l2]) as usize,
            kind,
            flags,
            // The reserved bit is ignored (RFC 9113 4.1).
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
        })
    }

    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let [_, l0, l1, l2] = lbd_core::bits::count32(self.len).to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        [l0, l1, l2, self.kind, self.flags, s0, s1, s2, s3]
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends a frame's header.
pub fn put_header(out: &mut Vec<u8>, len: usize, kind: u8, flags: u8, stream: u32) {
    let header = FrameHeader {
        len,
        kind,
        flags,
        stream,
    };
    out.extend_from_slice(&header.encode());
}

/// Appends RST_STREAM.
pub fn put_reset(out: &mut Vec<u8>, stream: u32, code: ErrorCode) {
    put_header(out, 4, kind::RST_STREAM, 0, stream);
    out.extend_from_slice(&code.0.to_be_bytes());
}

/// Appends WINDOW_UPDATE; `credit` is 1 to 2^31 - 1.
pub fn put_credit(out: &mut Vec<u8>, stream: u32, credit: u32) {
    put_header(out, 4, kind::WINDOW_UPDATE, 0, stream);
    out.extend_from_slice(&credit.to_be_bytes());
}

/// Appends GOAWAY without debug data.
pub fn put_goaway(out: &mut Vec<u8>, last: u32, code: ErrorCode) {
    put_header(out, 8, kind::GOAWAY, 0, 0);
    out.extend_from_slice(&last.to_be_bytes());
    out.extend_from_slice(&code.0.to_be_bytes());
}

/// Appends the answer to a PING.
pub fn put_pong(out: &mut Vec<u8>, payload: &[u8]) {
    put_header(out, payload.len(), kind::PING, flag::ACK, 0);
    out.extend_from_slice(payload);
}

/// What our own pings carry, as the reference's do.
pub const PING_PAYLOAD: &[u8; 8] = &[0, 1, 2, 3, 4, 5, 6, 7];

/// Appends PING.
pub fn put_ping(out: &mut Vec<u8>) {
    put_header(out, PING_PAYLOAD.len(), kind::PING, 0, 0);
    out.extend_from_slice(PING_PAYLOAD);
}

/// Appends SETTINGS.
pub fn put_settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    put_header(out, settings.len() * 6, kind::SETTINGS, 0, 0);
    for (id, value) in settings {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}
