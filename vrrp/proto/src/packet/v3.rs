//! What version 3 has of its own: an interval of 12 bits in hundredths of a second.
//!
//! The checksum is in `checksum`, the rest of the layout in `packet`.

use super::Centisecs;

/// The four reserved bits before it are ignored on reception (RFC 9568 §5.2.6).
pub(super) fn interval(header: &[u8; 8]) -> Centisecs {
    Centisecs(u16::from_be_bytes([header[4], header[5]]) & Centisecs::MAX_V3.0)
}

/// Bytes 4 and 5 of the header.
pub(super) fn put(interval: Centisecs) -> [u8; 2] {
    interval.min(Centisecs::MAX_V3).0.to_be_bytes()
}
