//! How values are written: escapes, quotes, json, cbor.
//!
//! It knows nothing of aliases or views.

use super::Cast;
use super::flags::Flags;
use lbd_core::bits::low8;

/// Where rendered bytes go.
pub(crate) trait Out {
    /// Appends one byte.
    fn byte(&mut self, byte: u8);
    /// Appends bytes.
    fn bytes(&mut self, bytes: &[u8]);
    /// Bytes so far.
    fn size(&self) -> usize;
}

impl Out for Vec<u8> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.push(byte);
    }
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
    #[inline]
    fn size(&self) -> usize {
        self.len()
    }
}

impl Out for bumpalo::collections::Vec<'_, u8> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.push(byte);
    }
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice_copy(bytes);
    }
    #[inline]
    fn size(&self) -> usize {
        self.len()
    }
}

/// Which bytes leave as `#XX` or `%XX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// Captured headers: control and 8-bit characters and `"#{|}`, as `#XX`.
    Header,
    /// Values of HTTP messages: control characters but tabs, as `%XX`.
    Http,
    /// None.
    Nothing,
    /// Request lines: control and 8-bit characters and `"#`, as `#XX`.
    Url,
}

/// Which bytes each kind escapes, one bit per kind: looking at every byte of a line must be cheap.
const ESCAPED: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_control = byte < 32 || byte == 127;
        let is_quoted = byte == b'"' as usize || byte == b'#' as usize;
        let is_brace = byte == b'{' as usize || byte == b'|' as usize || byte == b'}' as usize;
        if is_control || byte > 127 || is_quoted {
            table[byte] |= Escapes::Header.bit() | Escapes::Url.bit();
        }
        if is_brace {
            table[byte] |= Escapes::Header.bit();
        }
        if is_control && byte != b'\t' as usize {
            table[byte] |= Escapes::Http.bit();
        }
        byte += 1;
    }
    table
};

impl Escapes {
    const fn bit(self) -> u8 {
        match self {
            Self::Header => 1,
            Self::Http => 2,
            Self::Nothing => 0,
            Self::Url => 4,
        }
    }

    #[inline]
    fn escapes(self, byte: u8) -> bool {
        ESCAPED[usize::from(byte)] & self.bit() != 0
    }

    fn mark(self) -> u8 {
        if self == Self::Http { b'%' } else { b'#' }
    }
}

/// Writes values with the flags of the moment.
pub(super) struct Encoder<'o, O> {
    pub(super) out: &'o mut O,
    pub(super) flags: Flags,
    pub(super) cast: Cast,
    in_text: bool,
}

impl<'o, O: Out> Encoder<'o, O> {
    pub(super) fn new(out: &'o mut O) -> Self {
        Self {
            out,
            flags: Flags::NONE,
            cast: Cast::None,
            in_text: false,
        }
    }

    /// A text of its own: quoted when asked, `-` when empty and mandatory.
    pub(super) fn text(&mut self, text: &[u8]) {
        let text = until_nul(text);
        if self.flags.has(Flags::QUOTE.with(Flags::JSON)) {
            self.out.byte(b'"');
            self.plain(text);
            self.out.byte(b'"');
        } else if text.is_empty() {
            if self.flags.has(Flags::MANDATORY) && self.flags.lacks(Flags::CBOR) {
                self.out.byte(b'-');
            }
        } else {
            self.plain(text);
        }
    }

    /// A text that no quotes surround but json's.
    pub(super) fn raw_text(&mut self, text: &[u8]) {
        if !self.in_text && self.flags.has(Flags::JSON) {
            self.out.byte(b'"');
            self.plain(text);
            self.out.byte(b'"');
        } else {
            self.plain(text);
        }
    }

    fn plain(&mut self, text: &[u8]) {
        if text.is_empty() {
        } else if self.flags.has(Flags::CBOR) {
            self.cbor_string(0x60, text);
        } else {
            self.backslashed(text);
        }
    }

    fn backslashed(&mut self, text: &[u8]) {
        if self.flags.lacks(Flags::ESCAPE.with(Flags::JSON)) {
            return self.out.bytes(text);
        }
        for byte in text {
            if self.needs_backslash(*byte) {
                self.out.byte(b'\\');
            }
            self.out.byte(*byte);
        }
    }

    fn needs_backslash(&self, byte: u8) -> bool {
        match byte {
            b'"' | b'\\' => self.flags.has(Flags::ESCAPE.with(Flags::JSON)),
            b']' => self.flags.has(Flags::ESCAPE),
            _ => false,
        }
    }

    /// Opens a text that is written in parts.
    pub(super) fn open_text(&mut self) {
        self.in_text = true;
        if self.flags.has(Flags::CBOR) {
            self.cbor_byte(0x7f);
        } else if self.flags.has(Flags::QUOTE.with(Flags::JSON)) {
            self.out.byte(b'"');
        }
    }

    /// Closes the text that is open, if any.
    pub(super) fn close_text(&mut self) {
        if !self.in_text {
            return;
        }
        self.in_text = false;
        if self.flags.has(Flags::CBOR) {
            self.cbor_byte(0xff);
        } else if self.flags.has(Flags::QUOTE.with(Flags::JSON)) {
            self.out.byte(b'"');
        }
    }

    /// One character of a text written in parts.
    pub(super) fn part(&mut self, byte: u8) {
        if self.in_text && self.flags.has(Flags::CBOR) {
            self.cbor_string(0x60, &[byte]);
        } else {
            self.out.byte(byte);
        }
    }

    /// A mark beside a value, such as the `+` of `logasap`; encodings leave it out.
    pub(super) fn mark(&mut self, byte: u8) {
        if self.flags.lacks(Flags::ENCODED) {
            self.out.byte(byte);
        }
    }

    /// Bytes with escapes; `is_binary` when they are no text for cbor.
    pub(super) fn escaped(&mut self, bytes: &[u8], escapes: Escapes, is_binary: bool) {
        if self.flags.has(Flags::CBOR) {
            return self.cbor_escaped(bytes, escapes, is_binary);
        }
        let backslashes = self.flags.has(Flags::ESCAPE.with(Flags::JSON));
        let mut clean = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let is_escaped = escapes.escapes(*byte);
            let is_clean = !(is_escaped || backslashes && self.needs_backslash(*byte));
            if is_clean {
                continue;
            }
            self.out.bytes(&bytes[clean..at]);
            clean = at + 1;
            if is_escaped {
                self.out
                    .bytes(&[escapes.mark(), hex(byte >> 4), hex(*byte)]);
            } else {
                self.out.bytes(&[b'\\', *byte]);
            }
        }
        self.out.bytes(&bytes[clean..]);
    }

    fn cbor_escaped(&mut self, bytes: &[u8], escapes: Escapes, is_binary: bool) {
        let major = if is_binary && !self.in_text {
            0x40
        } else {
            0x60
        };
        if !self.in_text {
            self.cbor_byte(major | 0x1f);
        }
        let mut clean = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if escapes.escapes(*byte) {
                self.cbor_string(major, &bytes[clean..at]);
                clean = at + 1;
                self.cbor_string(major, &[escapes.mark(), hex(byte >> 4), hex(*byte)]);
            }
        }
        if clean < bytes.len() {
            self.cbor_string(major, &bytes[clean..]);
        }
        if !self.in_text {
            self.cbor_byte(0xff);
        }
    }

    /// An integer.
    pub(super) fn int(&mut self, value: i64) {
        if self.flags.lacks(Flags::ENCODED) {
            return self.digits(value);
        }
        if self.cast == Cast::Bool {
            return self.bool(value != 0);
        }
        if self.flags.has(Flags::CBOR) {
            let (major, number) = match u64::try_from(value) {
                Ok(number) => (0x00, number),
                Err(_) => (0x20, (!value).cast_unsigned()),
            };
            return self.cbor_head(major, number);
        }
        let is_text = self.cast == Cast::Str;
        if is_text {
            self.out.byte(b'"');
        }
        self.digits(value);
        if is_text {
            self.out.byte(b'"');
        }
    }

    /// A boolean, under an encoding only.
    pub(super) fn bool(&mut self, value: bool) {
        if self.flags.has(Flags::CBOR) {
            self.cbor_byte(if value { 0xf5 } else { 0xf4 });
        } else {
            self.out.bytes(if value { b"true" } else { b"false" });
        }
    }

    fn digits(&mut self, value: i64) {
        let mut buffer = itoa::Buffer::new();
        self.out.bytes(buffer.format(value).as_bytes());
    }

    /// At least `width` hexadecimal digits.
    pub(super) fn hex_int(&mut self, value: u64, width: usize) {
        let mut text = [b'0'; 16];
        let mut rest = value;
        let mut at = text.len();
        while rest != 0 || text.len() - at < width {
            at -= 1;
            text[at] = hex(low8(rest));
            rest >>= 4;
        }
        self.raw_text(&text[at..]);
    }

    /// One byte of cbor: two hexadecimal digits unless `bin` is set.
    pub(super) fn cbor_byte(&mut self, byte: u8) {
        if self.flags.has(Flags::BIN) {
            self.out.byte(byte);
        } else {
            self.out.bytes(&[hex(byte >> 4), hex(byte)]);
        }
    }

    fn cbor_head(&mut self, major: u8, number: u64) {
        let bytes = number.to_be_bytes();
        let (extra, from) = match number {
            0..=23 => return self.cbor_byte(major | low8(number)),
            24..=0xff => (24, 7),
            0x100..=0xffff => (25, 6),
            0x1_0000..=0xffff_ffff => (26, 4),
            _ => (27, 0),
        };
        self.cbor_byte(major | extra);
        for byte in &bytes[from..] {
            self.cbor_byte(*byte);
        }
    }

    /// A text (0x60) or byte string (0x40) of known length.
    pub(super) fn cbor_string(&mut self, major: u8, bytes: &[u8]) {
        self.cbor_head(major, bytes.len() as u64);
        for byte in bytes {
            self.cbor_byte(*byte);
        }
    }
}

/// Texts end at a NUL, as in the reference.
fn until_nul(text: &[u8]) -> &[u8] {
    match memchr::memchr(0, text) {
        Some(end) => &text[..end],
        None => text,
    }
}

fn hex(nibble: u8) -> u8 {
    b"0123456789ABCDEF"[usize::from(nibble & 15)]
}
