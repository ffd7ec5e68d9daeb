//! Numbers of the peers protocol: one byte below 240, up to ten bytes for any 64-bit number, one
//! form for each.
//!
//! The continuation bits of the bytes are part of the sum, which is why the encoder subtracts.

use lbd_core::bits::low8;

/// Appends a number.
pub fn put(out: &mut Vec<u8>, value: u64) {
    if value < 240 {
        // Below 240.
        out.push(low8(value));
        return;
    }
    // The low bits, here and below.
    out.push(low8(value) | 240);
    let mut rest = (value - 240) >> 4;
    while rest >= 128 {
        out.push(low8(rest) | 128);
        rest = (rest - 128) >> 7;
    }
    out.push(low8(rest));
}

/// The number at the start of `bytes` and its length; `None` when more bytes must come.
///
/// # Errors
/// A number of more than ten bytes.
pub fn take(bytes: &[u8]) -> Result<Option<(u64, usize)>, TooLong> {
    let Some(&first) = bytes.first() else {
        return Ok(None);
    };
    if first < 240 {
        return Ok(Some((u64::from(first), 1)));
    }
    let mut value = u64::from(first);
    let mut shift = 4;
    for (at, &byte) in bytes.iter().enumerate().skip(1) {
        if at >= MAX_LEN {
            return Err(TooLong);
        }
        value = value.wrapping_add(u64::from(byte) << shift);
        if byte < 128 {
            return Ok(Some((value, at + 1)));
        }
        shift += 7;
    }
    if bytes.len() >= MAX_LEN {
        return Err(TooLong);
    }
    Ok(None)
}

/// A number that does not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Bytes of the longest number.
pub const MAX_LEN: usize = 10;

#[cfg(test)]
mod tests;
