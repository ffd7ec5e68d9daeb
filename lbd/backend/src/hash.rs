//! The hash functions of `hash-type` (haproxy 3.4 configuration 4.2).
//!
//! It does not know keys or servers: bytes in, 32 bits out.

use crate::spec::{HashFunction, HashSpec};
use lbd_core::bits;

/// The number that `spec` makes of a key.
pub fn key_hash(spec: &HashSpec, key: &[u8]) -> u32 {
    let hash = match spec.function {
        HashFunction::Crc32 => crc32fast::hash(key),
        HashFunction::Djb2 => djb2(key),
        HashFunction::None => bits::low32(decimal(key).cast_unsigned()),
        HashFunction::Sdbm => sdbm(key),
        HashFunction::Wt6 => wt6(key),
    };
    if spec.avalanche {
        avalanche(hash)
    } else {
        hash
    }
}

/// The hash of the sdbm library: h·65599 + byte.
pub fn sdbm(key: &[u8]) -> u32 {
    key.iter().fold(0u32, |h, &b| {
        h.wrapping_mul(65_599).wrapping_add(u32::from(b))
    })
}

/// Bernstein's hash: h·33 + byte, from 5381.
pub fn djb2(key: &[u8]) -> u32 {
    key.iter().fold(5381u32, |h, &b| {
        h.wrapping_mul(33).wrapping_add(u32::from(b))
    })
}

/// wt6: two halves that are crossed with rotations taken from each other.
pub fn wt6(key: &[u8]) -> u32 {
    let (mut a, mut b) = (0xa53c_965a_u32, 0x5ca6_953a_u32);
    let (mut left, mut right) = (6u32, 18u32);
    for &byte in key {
        a = !(a ^ u32::from(byte));
        b = !b.wrapping_add(u32::from(byte));
        let crossed = b.rotate_left(left);
        b = a.rotate_left(right);
        a = crossed;
        let mix = ((a >> 16) ^ b) & 0xffff;
        left = mix & 0x1f;
        right = mix >> 11;
    }
    a ^ b
}

/// Bob Jenkins's full avalanche of a 32-bit integer, then spread by a prime near 3/4 of 2^32.
pub fn avalanche(value: u32) -> u32 {
    let mut a = value;
    a = a.wrapping_add(0x7ed5_5d16).wrapping_add(a << 12);
    a = (a ^ 0xc761_c23c) ^ (a >> 19);
    a = a.wrapping_add(0x1656_67b1).wrapping_add(a << 5);
    a = a.wrapping_add(0xd3a2_646c) ^ (a << 9);
    a = a.wrapping_add(0xfd70_46c5).wrapping_add(a << 3);
    a = (a ^ 0xb55a_4f09) ^ (a >> 16);
    a.wrapping_mul(SPREAD)
}

/// A signed decimal number at the start of `key`, saturating; 0 when there is none.
fn decimal(key: &[u8]) -> i64 {
    let (negative, digits) = match key.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, key),
    };
    let mut value = 0i64;
    for &b in digits {
        if !b.is_ascii_digit() {
            break;
        }
        let digit = i64::from(b - b'0');
        let next = value.saturating_mul(10);
        value = if negative {
            next.saturating_sub(digit)
        } else {
            next.saturating_add(digit)
        };
    }
    value
}

const SPREAD: u32 = 3_221_225_473;

#[cfg(test)]
mod tests;
