//! The framing fields of a head that was edited, made to say what is sent.
//!
//! It decides no framing: the reader did, and edits of these fields do not change the body.

use super::Framing;
use crate::head::{Head, HeadFull};

/// Makes the framing fields of a request say what its body is, whatever rules did to them: with
/// others the server would take the body for a request, or a request for the body.
///
/// # Errors
/// [`HeadFull`] when they do not fit.
pub fn frame_request(head: &mut Head, framing: Framing) -> Result<(), HeadFull> {
    match framing {
        Framing::None => {
            let is_zero = head.first(b"content-length") == Some(b"0");
            frame(head, false, is_zero.then_some(0))
        }
        framing => frame_content(head, framing),
    }
}

/// The same for a response that may have a body: not one to HEAD or CONNECT, nor 1xx, 204, 304.
///
/// # Errors
/// [`HeadFull`] when they do not fit.
pub fn frame_response(head: &mut Head, framing: Framing) -> Result<(), HeadFull> {
    match framing {
        // Without a length the client would wait for the connection to end.
        Framing::None => frame(head, false, Some(0)),
        framing => frame_content(head, framing),
    }
}

fn frame_content(head: &mut Head, framing: Framing) -> Result<(), HeadFull> {
    match framing {
        Framing::Chunked => frame(head, true, None),
        Framing::ContentLength(len) => frame(head, false, Some(len)),
        Framing::None | Framing::UntilClose => frame(head, false, None),
    }
}

fn frame(head: &mut Head, is_chunked: bool, len: Option<u64>) -> Result<(), HeadFull> {
    let mut text = itoa::Buffer::new();
    let len = len.map(|len| text.format(len).as_bytes());
    only(head, b"transfer-encoding", is_chunked.then_some(b"chunked"))?;
    only(head, b"content-length", len)
}

/// Leaves one field of this name and value, or none.
fn only(head: &mut Head, name: &[u8], value: Option<&[u8]>) -> Result<(), HeadFull> {
    match (head.find(name, 0), value) {
        (None, None) => Ok(()),
        (Some(at), Some(value)) if head.value(at) == value && head.count(name) == 1 => Ok(()),
        (_, Some(value)) => head.set(name, value),
        (_, None) => {
            head.remove(name);
            Ok(())
        }
    }
}
