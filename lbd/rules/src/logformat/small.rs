//! Short texts on the stack: addresses and dates.
//!
//! What does not fit is cut; nothing that is written here is that long.

use std::net::IpAddr;

use super::encode::Out;

/// A text of at most 48 bytes on the stack: an address or a date.
pub(super) struct SmallText {
    bytes: [u8; 48],
    len: usize,
}

impl Default for SmallText {
    fn default() -> Self {
        Self {
            bytes: [0; 48],
            len: 0,
        }
    }
}

impl SmallText {
    /// What was written.
    pub(super) fn bytes_so_far(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Out for SmallText {
    fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }
    fn bytes(&mut self, bytes: &[u8]) {
        let end = (self.len + bytes.len()).min(self.bytes.len());
        let taken = end - self.len;
        self.bytes[self.len..end].copy_from_slice(&bytes[..taken]);
        self.len = end;
    }
    fn size(&self) -> usize {
        self.len
    }
}

impl std::fmt::Write for SmallText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

/// Writes an address; IPv4 by hand, as every line has one.
pub(super) fn write_ip(ip: IpAddr, out: &mut impl Out) {
    match ip {
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    out.byte(b'.');
                }
                let mut buffer = itoa::Buffer::new();
                out.bytes(buffer.format(octet).as_bytes());
            }
        }
        IpAddr::V6(ip) => {
            let mut text = SmallText::default();
            // 39 characters at most fit, and writing to a SmallText does not fail.
            let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{ip}"));
            out.bytes(text.bytes_so_far());
        }
    }
}
