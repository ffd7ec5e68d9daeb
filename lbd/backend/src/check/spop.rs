//! The handshake of the stream processing offload protocol (SPOE.txt 3.1, 3.2) as far as a check
//! needs it.
//!
//! It is no engine: nothing is offloaded.

use super::packet::Packet;

/// Types of frames.
const ENGINE_HELLO: u8 = 1;
const AGENT_HELLO: u8 = 101;
const AGENT_DISCONNECT: u8 = 102;

/// The flag of a frame that is whole.
const FIN: u8 = 1;

/// Types of values; a boolean's value is a flag above its type.
const BOOL: u8 = 1;
const UINT32: u8 = 3;
const STRING: u8 = 8;
const TRUE: u8 = 0x10;

/// Least size of frames that both sides take.
const MIN_FRAME: u64 = 256;

/// The first frame: which version and size of frames there may be, and that it is a check only.
pub(super) fn hello(max_frame: u32) -> Vec<u8> {
    let mut body = vec![ENGINE_HELLO, 0, 0, 0, FIN, 0, 0];
    put_text(&mut body, b"supported-versions");
    body.push(STRING);
    put_text(&mut body, b"2.0");
    put_text(&mut body, b"max-frame-size");
    body.push(UINT32);
    put_int(&mut body, u64::from(max_frame));
    put_text(&mut body, b"capabilities");
    body.push(STRING);
    put_text(&mut body, b"");
    put_text(&mut body, b"healthcheck");
    body.push(BOOL | TRUE);
    let mut frame = lbd_core::bits::count32(body.len()).to_be_bytes().to_vec();
    frame.append(&mut body);
    frame
}

/// What an agent's first frame says.
pub(super) fn answer(data: &[u8], max_frame: u32) -> Packet {
    let Some((length, rest)) = data.split_first_chunk() else {
        return Packet::Short;
    };
    let length = u32::from_be_bytes(*length);
    if length > max_frame {
        return INVALID;
    }
    match rest.get(..length as usize) {
        None => Packet::Short,
        Some(frame) => of_frame(frame, max_frame).unwrap_or(INVALID),
    }
}

const INVALID: Packet = Packet::Invalid("invalid frame received");

/// `None` for a frame that cannot be read.
fn of_frame(frame: &[u8], max_frame: u32) -> Option<Packet> {
    let (&kind, rest) = frame.split_first()?;
    let (flags, mut rest) = rest.split_first_chunk::<4>()?;
    if flags[3] & FIN == 0 || int(&mut rest)? != 0 || int(&mut rest)? != 0 {
        return None;
    }
    match kind {
        AGENT_HELLO => of_hello(rest, max_frame),
        AGENT_DISCONNECT => of_disconnect(rest),
        _ => None,
    }
}

fn of_hello(mut list: &[u8], max_frame: u32) -> Option<Packet> {
    let (mut version, mut size) = (None, None);
    while !list.is_empty() {
        match (text(&mut list)?, value(&mut list)?) {
            (b"version", found) => version = Some(is_known(found.text()?)),
            (b"max-frame-size", found) => size = Some(found.number()?),
            _ => {}
        }
    }
    Some(match (version, size) {
        (None, _) => Packet::Invalid("version value not found"),
        (Some(false), _) => Packet::Invalid("unsupported version"),
        (_, None) => Packet::Invalid("max-frame-size value not found"),
        (_, Some(size)) if !(MIN_FRAME..=u64::from(max_frame)).contains(&size) => {
            Packet::Invalid("max-frame-size too big or too small")
        }
        _ => Packet::Good(Vec::new()),
    })
}

/// Why the agent does not want to go on, in its own words.
fn of_disconnect(mut list: &[u8]) -> Option<Packet> {
    let (mut code, mut message) = (0, Vec::new());
    while !list.is_empty() {
        match (text(&mut list)?, value(&mut list)?) {
            (b"status-code", found) => code = u32::try_from(found.number()?).ok()?,
            (b"message", found) => message = found.text()?.to_vec(),
            _ => {}
        }
    }
    Some(Packet::Error {
        code,
        text: message,
    })
}

/// Whether it is 2.0, with spaces around it or not.
fn is_known(version: &[u8]) -> bool {
    version.trim_ascii() == b"2.0"
}

enum Value<'a> {
    Number(u64),
    Text(&'a [u8]),
    Other,
}

impl<'a> Value<'a> {
    fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    fn text(self) -> Option<&'a [u8]> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A value with its type.
fn value<'a>(data: &mut &'a [u8]) -> Option<Value<'a>> {
    let (&kind, rest) = data.split_first()?;
    *data = rest;
    let mut skip = |length: usize| {
        *data = data.get(length..)?;
        Some(Value::Other)
    };
    match kind & 0x0f {
        0 | BOOL => Some(Value::Other),
        2..=5 => int(data).map(Value::Number),
        6 => skip(4),
        7 => skip(16),
        STRING | 9 => text(data).map(Value::Text),
        _ => None,
    }
}

/// Bytes behind their length.
fn text<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(int(data)?).ok()?;
    let (text, rest) = data.split_at_checked(length)?;
    *data = rest;
    Some(text)
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_int(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// An integer in the encoding of the peers protocol.
fn int(data: &mut &[u8]) -> Option<u64> {
    let (&first, mut rest) = data.split_first()?;
    let mut number = u64::from(first);
    let mut shift = 4;
    let mut more = first >= 240;
    while more {
        let (&byte, after) = rest.split_first()?;
        if shift > 60 {
            return None;
        }
        number = number.checked_add(u64::from(byte).checked_shl(shift)?)?;
        (rest, more, shift) = (after, byte >= 128, shift + 7);
    }
    *data = rest;
    Some(number)
}

fn put_int(out: &mut Vec<u8>, mut number: u64) {
    let low = |number: u64| number.to_le_bytes()[0];
    if number < 240 {
        out.push(low(number));
        return;
    }
    out.push(low(number) | 240);
    number = (number - 240) >> 4;
    while number >= 128 {
        out.push(low(number) | 128);
        number = (number - 128) >> 7;
    }
    out.push(low(number));
}

#[cfg(test)]
mod tests;
