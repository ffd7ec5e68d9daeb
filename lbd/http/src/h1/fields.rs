//! The one pass over a parsed head that finds the fields the codec itself must understand.
//!
//! It leaves the rest alone and does not decide between them: requests and responses do.

use super::{Framing, ParseError, Reason};
use crate::head::Head;
use crate::header::trim;

/// What the fields say, of those that frame the message or concern the connection.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) content_length: Option<u64>,
    pub(crate) transfer_encoding: bool,
    pub(crate) chunked: bool,
    pub(crate) other_coding: bool,
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) connection_upgrade: bool,
    pub(crate) upgrade: bool,
    pub(crate) websocket: bool,
    pub(crate) websocket_key: bool,
    pub(crate) expect_continue: bool,
    pub(crate) host: Option<usize>,
    /// Some field was marked as removed.
    pub(crate) marked: bool,
}

/// Which direction the head travels, and what may be let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) request: bool,
    pub(crate) relaxed: bool,
}

impl Facts {
    /// Collects the facts; removes what must not be seen further (connection tokens, duplicates).
    pub(crate) fn collect(head: &mut Head, reading: Reading) -> Result<Self, ParseError> {
        let mut facts = Self::default();
        for index in 0..head.len() {
            let name = head.name(index);
            // The interesting names by length first: most fields are dismissed by one comparison.
            match name.len() {
                2 if name == b"te" => facts.on_te(head, index),
                4 if reading.request && name == b"host" => facts.on_host(head, index)?,
                6 if name == b"expect" => {
                    facts.expect_continue |=
                        head.value(index).eq_ignore_ascii_case(b"100-continue");
                }
                7 if name == b"upgrade" => facts.on_upgrade(head, index, reading),
                10 if name == b"connection" => facts.on_connection(head, index),
                14 if name == b"content-length" => facts.on_content_length(head, index)?,
                17 if name == b"transfer-encoding" => {
                    facts.on_transfer_encoding(head, index, reading)?;
                }
                17 if reading.request && name == b"sec-websocket-key" => {
                    // A key is 16 bytes in base64 (RFC 6455 4.1).
                    facts.websocket_key |= head.value(index).len() == 24;
                }
                20 if !reading.request && name == b"sec-websocket-accept" => {
                    facts.websocket_key |= !head.value(index).is_empty();
                }
                _ => {}
            }
        }
        if facts.transfer_encoding && !facts.chunked {
            return Err(ParseError::new(0, Reason::TransferEncoding));
        }
        Ok(facts)
    }

    /// The framing that lengths and codings give, before method and status are considered.
    pub(crate) fn framing(&self) -> Option<Framing> {
        match self.content_length {
            _ if self.chunked => Some(Framing::Chunked),
            Some(0) => Some(Framing::None),
            Some(len) => Some(Framing::ContentLength(len)),
            None => None,
        }
    }

    /// Whether the sender keeps the connection, by version and Connection alone.
    pub(crate) fn keeps(&self, version_11: bool) -> bool {
        !self.close && (version_11 || self.keep_alive)
    }

    pub(crate) fn drop_field(&mut self, head: &mut Head, index: usize) {
        head.mark_removed(index);
        self.marked = true;
    }

    pub(crate) fn drop_named(&mut self, head: &mut Head, name: &[u8]) {
        let mut from = 0;
        while let Some(index) = head.find(name, from) {
            self.drop_field(head, index);
            from = index + 1;
        }
    }

    fn on_host(&mut self, head: &mut Head, index: usize) -> Result<(), ParseError> {
        match self.host {
            None => self.host = Some(index),
            Some(first) if head.value(first).eq_ignore_ascii_case(head.value(index)) => {
                self.drop_field(head, index);
            }
            Some(_) => return Err(ParseError::new(0, Reason::HostMismatch)),
        }
        Ok(())
    }

    /// Only `trailers` may be asked of the next hop: we re-code the body (RFC 9110 10.1.4).
    fn on_te(&mut self, head: &mut Head, index: usize) {
        let value = head.value(index);
        if value == b"trailers" {
            return;
        }
        let mut at = 0;
        for token in value.split(|&b| b == b',') {
            let trimmed = trim(token);
            if trimmed.eq_ignore_ascii_case(b"trailers") {
                let from = at
                    + token
                        .iter()
                        .take_while(|b| matches!(b, b' ' | b'\t'))
                        .count();
                head.narrow_value(index, from..from + trimmed.len());
                return;
            }
            at += token.len() + 1;
        }
        self.drop_field(head, index);
    }

    fn on_upgrade(&mut self, head: &mut Head, index: usize, reading: Reading) {
        if reading.request {
            // The upgrade to h2c is obsolete and would hide requests from us (RFC 9113 3.1).
            if strip_tokens(head, index, |token| token.eq_ignore_ascii_case(b"h2c")) {
                self.drop_field(head, index);
                return;
            }
        }
        let mut any = false;
        for token in head.value(index).split(|&b| b == b',') {
            let token = trim(token);
            any |= !token.is_empty();
            self.websocket |= token.eq_ignore_ascii_case(b"websocket");
        }
        self.upgrade |= any;
        if reading.request && !any {
            self.drop_field(head, index);
        }
    }

    fn on_connection(&mut self, head: &mut Head, index: usize) {
        let (mut close, mut keep_alive, mut upgrade) = (false, false, false);
        let empty = strip_tokens(head, index, |token| match token.len() {
            5 if token.eq_ignore_ascii_case(b"close") => {
                close = true;
                true
            }
            10 if token.eq_ignore_ascii_case(b"keep-alive") => {
                keep_alive = true;
                true
            }
            7 if token.eq_ignore_ascii_case(b"upgrade") => {
                upgrade = true;
                false
            }
            _ => false,
        });
        self.close |= close;
        self.keep_alive |= keep_alive;
        self.connection_upgrade |= upgrade;
        if empty {
            self.drop_field(head, index);
        }
    }

    fn on_content_length(&mut self, head: &mut Head, index: usize) -> Result<(), ParseError> {
        let fault = ParseError::new(0, Reason::ContentLength);
        let value = head.value(index);
        let mut canonical = value.len() == 1 || value.first() != Some(&b'0');
        let mut length = None;
        for part in value.split(|&b| b == b',') {
            let number = parse_decimal(trim(part)).ok_or(fault)?;
            canonical &= length.is_none();
            if *length.get_or_insert(number) != number {
                return Err(fault);
            }
        }
        let number = length.ok_or(fault)?;
        match self.content_length {
            Some(first) if first != number => return Err(fault),
            Some(_) => {
                self.drop_field(head, index);
                return Ok(());
            }
            None => self.content_length = Some(number),
        }
        if !canonical {
            let mut text = itoa::Buffer::new();
            // Never longer than the list or the leading zeros it replaces.
            let _ = head.replace_value(index, text.format(number).as_bytes());
        }
        Ok(())
    }

    fn on_transfer_encoding(
        &mut self,
        head: &mut Head,
        index: usize,
        reading: Reading,
    ) -> Result<(), ParseError> {
        let fault = Err(ParseError::new(0, Reason::TransferEncoding));
        let lenient = reading.relaxed && !reading.request;
        if lenient
            && head
                .value(index)
                .iter()
                .all(|b| matches!(b, b',' | b' ' | b'\t'))
        {
            // No coding is named: as if the field were not there.
            self.drop_field(head, index);
            return Ok(());
        }
        self.transfer_encoding = true;
        for part in head.value(index).split(|&b| b == b',') {
            match trim(part) {
                [] if lenient => {}
                [] => return fault,
                coding if coding.eq_ignore_ascii_case(b"chunked") => {
                    if self.chunked && !lenient {
                        return fault;
                    }
                    self.chunked = true;
                }
                // A coding after `chunked` makes the length unknowable.
                _ if self.chunked => return fault,
                _ => self.other_coding = true,
            }
        }
        Ok(())
    }

    /// Leaves `transfer-encoding: chunked` once, in place of whatever spelling there was.
    pub(crate) fn canonical_transfer_encoding(&mut self, head: &mut Head) {
        let Some(first) = head.find(b"transfer-encoding", 0) else {
            return;
        };
        if head.value(first) != b"chunked" {
            // Never longer than what names it.
            let _ = head.replace_value(first, b"chunked");
        }
        let mut from = first + 1;
        while let Some(index) = head.find(b"transfer-encoding", from) {
            self.drop_field(head, index);
            from = index + 1;
        }
    }
}

/// Removes the list elements that `strip` names from a value; true when nothing is left.
///
/// A value without such an element keeps its bytes.
pub(crate) fn strip_tokens(
    head: &mut Head,
    index: usize,
    mut strip: impl FnMut(&[u8]) -> bool,
) -> bool {
    let (mut kept, mut stripped) = (false, false);
    for part in head.value(index).split(|&b| b == b',') {
        let token = trim(part);
        if strip(token) {
            stripped = true;
        } else {
            kept |= !token.is_empty();
        }
    }
    if !kept {
        return true;
    }
    if !stripped {
        return false;
    }
    let value = head.value_mut(index);
    let (mut read, mut write) = (0, 0);
    while read < value.len() {
        let end = memchr::memchr(b',', &value[read..]).map_or(value.len(), |len| read + len);
        let lead = value[read..end]
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let len = trim(&value[read..end]).len();
        let from = read + lead;
        read = end + 1;
        if len == 0 || strip(&value[from..from + len]) {
            continue;
        }
        // A comma stood between this element and the last kept one: there is room for this.
        if write > 0 {
            value[write] = b',';
            write += 1;
        }
        value.copy_within(from..from + len, write);
        write += len;
    }
    head.narrow_value(index, 0..write);
    false
}

/// A decimal number without sign; `None` when empty, not digits, or above 64 bits.
pub(crate) fn parse_decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
