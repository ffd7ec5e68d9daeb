//! How large a message is in the form in which HAProxy counts and logs it (`%B`, `%U`, `bin`,
//! `bout`): not its bytes on the wire, but names, values and content without their framing.
//!
//! The form was found by experiment on HAProxy 3.4: a start line is 20 bytes and its words, a field
//! its name and value, the end of the fields one byte, the end of a chunked body another.

use crate::head::{FIELD_OVERHEAD, Head};
use crate::{BodyDecoder, Framing};

/// A head with its end, as its fields are now. Those of the connection itself (`close`,
/// `keep-alive`) never count: the codec takes them out.
pub fn head_len(head: &Head) -> u64 {
    (head.encoded_len() + START_LINE - FIELD_OVERHEAD * head.len()) as u64
}

/// The end of a body with its trailers: something after chunks only.
pub(crate) fn end_len(framing: Framing, trailers: Option<&Head>) -> u64 {
    let fields = |head: &Head| -> usize { head.iter().map(|(n, v)| n.len() + v.len()).sum() };
    match framing {
        Framing::Chunked => 1 + trailers.map_or(0, fields) as u64,
        _ => 0,
    }
}

/// What `bytes` will add to the count of a body once they are decoded.
pub fn ahead(decoder: &BodyDecoder, mut bytes: &[u8]) -> u64 {
    let mut decoder = decoder.clone();
    let before = decoder.counted();
    while !bytes.is_empty() && !decoder.is_end() {
        let Ok(step) = decoder.decode(bytes) else {
            break;
        };
        bytes = bytes.get(step.consumed..).unwrap_or_default();
    }
    decoder.counted() - before
}

/// 20 bytes of a start line and one of the fields' end, less the two blanks and the line end that
/// `encoded_len` has.
const START_LINE: usize = 20 + 1 - 4;

#[cfg(test)]
mod tests;
