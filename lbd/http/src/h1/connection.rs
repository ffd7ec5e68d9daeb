//! Edits of the Connection field, token by token.
//!
//! It does not decide whether a connection is kept: the caller does, and says it with these.

use super::fields::strip_tokens;
use crate::head::{Head, HeadFull};
use crate::header::trim;

/// True when some Connection field has this token, whatever its case.
pub fn connection_has(head: &Head, token: &[u8]) -> bool {
    head.iter().any(|(name, value)| {
        name == b"connection"
            && value
                .split(|&b| b == b',')
                .any(|part| trim(part).eq_ignore_ascii_case(token))
    })
}

/// Removes a token from every Connection field, and the fields left empty.
pub fn connection_remove(head: &mut Head, token: &[u8]) {
    let mut index = 0;
    while let Some(at) = head.find(b"connection", index) {
        if strip_tokens(head, at, |part| part.eq_ignore_ascii_case(token)) {
            head.remove_at(at);
            index = at;
        } else {
            index = at + 1;
        }
    }
}

/// Adds a token in a Connection field of its own, as the reference does, unless it is there.
///
/// # Errors
/// [`HeadFull`] when it does not fit.
pub fn connection_add(head: &mut Head, token: &[u8]) -> Result<(), HeadFull> {
    if connection_has(head, token) {
        Ok(())
    } else {
        head.add(b"connection", token)
    }
}
