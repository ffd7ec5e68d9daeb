//! Dates in persistence cookies: 30 bits in units of 4 seconds, as 5 letters of base64.
//!
//! It knows no cookies.

/// The five letters of a time in seconds since the epoch.
pub(super) fn encode(secs: u64) -> [u8; 5] {
    let units = secs >> 2;
    std::array::from_fn(|at| ALPHABET[((units >> (24 - 6 * at)) & 0x3f) as usize])
}

/// The time in seconds since the epoch that the first five letters give; `None` when they are no
/// date or the zero.
pub(super) fn decode(text: &[u8]) -> Option<u64> {
    let units = text.get(..5)?.iter().try_fold(0u64, |units, letter| {
        let digit = ALPHABET.iter().position(|l| l == letter)?;
        Some(units << 6 | digit as u64)
    })?;
    (units > 0).then_some(units << 2)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
