//! The eight forms of a syslog line (haproxy 3.4 configuration 4.2, `log`, `format`).
//!
//! It sends nothing.

use lbd_config::config::SyslogFormat;
use lbd_core::WallTime;
use lbd_http::date;

/// What stands before a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    /// Form.
    pub(crate) format: SyslogFormat,
    /// Facility, 0 to 23.
    pub(crate) facility: u8,
    /// Level, 0 to 7.
    pub(crate) level: u8,
    /// Tag, the program's name unless configured.
    pub(crate) tag: &'a [u8],
    /// Host name, sent by the forms that have one (and by `local` with `log-send-hostname`).
    pub(crate) hostname: Option<&'a [u8]>,
    /// Process id.
    pub(crate) pid: u32,
    /// Now.
    pub(crate) wall: WallTime,
    /// Seconds east of UTC.
    pub(crate) utc_offset: i32,
    /// Structured data of RFC 5424; empty for none.
    pub(crate) structured: &'a [u8],
}

/// Appends header, message and line feed to `out`, at most `max_len` bytes in all.
pub(crate) fn compose(header: &Header<'_>, message: &[u8], max_len: usize, out: &mut Vec<u8>) {
    let start = out.len();
    write_header(header, out);
    let room = max_len.saturating_sub(out.len() - start + 1);
    out.extend_from_slice(&message[..message.len().min(room)]);
    out.truncate(start + max_len.saturating_sub(1));
    out.push(b'\n');
}

fn write_header(header: &Header<'_>, out: &mut Vec<u8>) {
    let priority = u16::from(header.facility) * 8 + u16::from(header.level);
    match header.format {
        SyslogFormat::Local => {
            angle(priority, out);
            date::push_syslog_date(out, header.wall, header.utc_offset);
            out.push(b' ');
            if let Some(name) = header.hostname {
                out.extend_from_slice(name);
                out.push(b' ');
            }
            tag_and_pid(header, out);
        }
        SyslogFormat::Rfc3164 => {
            angle(priority, out);
            date::push_syslog_date(out, header.wall, header.utc_offset);
            out.push(b' ');
            out.extend_from_slice(header.hostname.unwrap_or(b"-"));
            out.push(b' ');
            tag_and_pid(header, out);
        }
        SyslogFormat::Rfc5424 => {
            angle(priority, out);
            out.extend_from_slice(b"1 ");
            date::push_iso_date(out, header.wall, header.utc_offset, true);
            out.push(b' ');
            out.extend_from_slice(header.hostname.unwrap_or(b"-"));
            out.push(b' ');
            out.extend_from_slice(header.tag);
            out.push(b' ');
            number(header.pid, out);
            out.extend_from_slice(b" - ");
            if header.structured.is_empty() {
                out.push(b'-');
            } else {
                out.extend_from_slice(header.structured);
            }
            out.push(b' ');
        }
        SyslogFormat::Priority => angle(priority, out),
        SyslogFormat::Short => angle(u16::from(header.level), out),
        SyslogFormat::Timed => {
            angle(u16::from(header.level), out);
            date::push_iso_date(out, header.wall, header.utc_offset, true);
            out.push(b' ');
        }
        SyslogFormat::Iso => {
            date::push_iso_date(out, header.wall, header.utc_offset, true);
            out.push(b' ');
        }
        SyslogFormat::Raw => {}
    }
}

fn tag_and_pid(header: &Header<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(header.tag);
    out.push(b'[');
    number(header.pid, out);
    out.extend_from_slice(b"]: ");
}

fn angle(value: u16, out: &mut Vec<u8>) {
    out.push(b'<');
    number(u32::from(value), out);
    out.push(b'>');
}

fn number(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests;
