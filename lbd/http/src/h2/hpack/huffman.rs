//! The Huffman code of HPACK (RFC 7541 appendix B), decoding only: what we send is not compressed.
//!
//! The code is canonical: the lengths say everything, the tables are computed from them.

use lbd_core::bits::{low8, low16, low32};

/// Length in bits of each symbol's code; the last one is the end of string, which is never sent.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
     6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
     5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
    13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,
     6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const EOS: u16 = 256;
const MAX_LENGTH: usize = 30;

/// The canonical code, by length.
struct Code {
    /// Symbols in the order of their codes.
    symbols: [u16; 257],
    /// For each length: the end of its codes, left-justified in 32 bits.
    limits: [u64; MAX_LENGTH + 1],
    /// For each length: its first code and that one's place among the symbols.
    firsts: [(u32, u16); MAX_LENGTH + 1],
    /// For each byte that a code of at most 8 bits begins: length and symbol; 0 for longer ones.
    short: [u16; 256],
}

const CODE: Code = build();

const fn build() -> Code {
    let mut code = Code {
        symbols: [0; 257],
        limits: [0; MAX_LENGTH + 1],
        firsts: [(0, 0); MAX_LENGTH + 1],
        short: [0; 256],
    };
    let (mut next, mut count, mut length) = (0_u32, 0_usize, 1_usize);
    while length <= MAX_LENGTH {
        next <<= 1;
        code.firsts[length] = (next, low16(count as u64));
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                code.symbols[count] = low16(symbol as u64);
                if length <= 8 {
                    let first = (next << (8 - length)) as usize;
                    let mut at = 0;
                    while at < 1 << (8 - length) {
                        code.short[first + at] = low16(length as u64) << 8 | low16(symbol as u64);
                        at += 1;
                    }
                }
                count += 1;
                next += 1;
            }
            symbol += 1;
        }
        code.limits[length] = (next as u64) << (32 - length);
        length += 1;
    }
    code
}

/// The string is no valid Huffman code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadCode;

/// Appends what `input` decodes to.
///
/// # Errors
/// The end of string within, or a padding that is not its beginning or longer than 7 bits.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), BadCode> {
    // The shortest code has 5 bits.
    out.reserve(input.len() * 8 / 5 + 1);
    let mut bits = 0_u64;
    let mut have = 0_u32;
    let mut rest = input.iter();
    loop {
        while have <= 56 {
            let Some(byte) = rest.next() else { break };
            bits |= u64::from(*byte) << (56 - have);
            have += 8;
        }
        if have == 0 {
            return Ok(());
        }
        let (symbol, length) = match CODE.short[(bits >> 56) as usize] {
            0 => long(low32(bits >> 32)).ok_or(BadCode)?,
            entry => (entry & 0xff, u32::from(entry >> 8)),
        };
        if length > have {
            // Padding: the first bits of the end of string, fewer than a byte of them.
            let ones = u64::MAX << (64 - have);
            return if have < 8 && bits & ones == ones {
                Ok(())
            } else {
                Err(BadCode)
            };
        }
        if symbol == EOS {
            return Err(BadCode);
        }
        out.push(low8(symbol.into()));
        bits <<= length;
        have -= length;
    }
}

/// A code of more than 8 bits at the top of `bits`: symbol and length.
fn long(bits: u32) -> Option<(u16, u32)> {
    let length = (9..=MAX_LENGTH).find(|length| u64::from(bits) < CODE.limits[*length])?;
    let (first, place) = CODE.firsts[length];
    let index = (bits >> (32 - length)) - first + u32::from(place);
    Some((*CODE.symbols.get(index as usize)?, low32(length as u64)))
}

#[cfg(test)]
mod tests;
