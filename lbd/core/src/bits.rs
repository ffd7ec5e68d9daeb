//! Narrower numbers: the low bits where they are meant, the largest where a count is too large.
//!
//! Conversions whose failure is a fault of the input are `try_from` at their place, not these.

/// The low 8 bits.
#[inline]
pub const fn low8(value: u64) -> u8 {
    (value & 0xff) as u8
}

/// The low 16 bits.
#[inline]
pub const fn low16(value: u64) -> u16 {
    (value & 0xffff) as u16
}

/// The low 32 bits.
#[inline]
pub const fn low32(value: u64) -> u32 {
    (value & 0xffff_ffff) as u32
}

/// A count, held at the largest that fits.
#[inline]
pub fn count32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A number, held at the largest that fits.
#[inline]
pub fn held32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// A number, held at the largest that fits.
#[inline]
pub fn held64(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
