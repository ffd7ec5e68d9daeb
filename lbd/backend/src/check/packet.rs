//! Packets of MySQL and LDAP as far as a check reads them.
//!
//! It is no client: a check wants to know whether the server is well.

/// What a packet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    /// The server refuses, with its code and its words.
    Error { code: u32, text: Vec<u8> },
    /// This is not that protocol.
    Invalid(&'static str),
    /// It is not complete.
    Short,
    /// All is well; the version, when the packet gives one.
    Good(Vec<u8>),
}

/// MySQL's greeting, or with `second` the packet behind it.
pub(super) fn mysql(data: &[u8], second: bool) -> Packet {
    let length = |at: usize| -> Option<usize> {
        let head = data.get(at..at + 4)?;
        Some(usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16)
    };
    let at = if second {
        match length(0) {
            Some(length) => length + 4,
            None => return Packet::Short,
        }
    } else {
        0
    };
    let Some(body) = length(at).and_then(|length| data.get(at + 4..at + 4 + length)) else {
        return Packet::Short;
    };
    if body.first() == Some(&0xff) {
        let code = body
            .get(1..3)
            .map_or(0, |c| u32::from(c[0]) | u32::from(c[1]) << 8);
        let text = data.get(at + 7..).unwrap_or_default().to_vec();
        return Packet::Error { code, text };
    }
    Packet::Good(data.get(5..).unwrap_or_default().to_vec())
}

/// LDAP's answer to an anonymous bind (RFC 4511 §4.2.2).
pub(super) fn ldap_bind(data: &[u8]) -> Packet {
    let Some((message, _)) = data.strip_prefix(&[0x30]).map(ber_length).unwrap_or(None) else {
        return if data.len() < 6 {
            Packet::Short
        } else {
            NOT_LDAP
        };
    };
    let Some(message) = message else {
        return Packet::Short;
    };
    let Some(rest) = message.strip_prefix(&[0x02, 0x01, 0x01, 0x61]) else {
        return NOT_LDAP;
    };
    let Some((Some(response), _)) = ber_length(rest) else {
        return NOT_LDAP;
    };
    match response.strip_prefix(&[0x0a, 0x01]).and_then(|r| r.first()) {
        None => NOT_LDAP,
        Some(0) => Packet::Good(b"Success".to_vec()),
        Some(&code) => Packet::Error {
            code: u32::from(code),
            text: b"See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9".to_vec(),
        },
    }
}

const NOT_LDAP: Packet = Packet::Invalid("Not LDAPv3 protocol");

/// Content behind a BER length of 1, 2 or 4 bytes (`None` while it is not there), and the length;
/// `None` for any other form.
fn ber_length(data: &[u8]) -> Option<(Option<&[u8]>, usize)> {
    let first = usize::from(*data.first()?);
    let more = if first & 0x80 == 0 { 0 } else { first & 0x7f };
    let length = match more {
        0 => first,
        2 | 4 => {
            let Some(bytes) = data.get(1..1 + more) else {
                return Some((None, 0));
            };
            bytes
                .iter()
                .fold(0, |length, &b| length << 8 | usize::from(b))
        }
        _ => return None,
    };
    let start = 1 + more;
    Some((
        start
            .checked_add(length)
            .and_then(|end| data.get(start..end)),
        length,
    ))
}
