//! A row of the table: what is sent, in values that can be sent and read.

use std::fmt;

use super::super::frames::*;

/// A requirement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// Where it is written: a section of RFC 9113, else with the RFC's number.
    pub(crate) section: &'static str,
    /// What it asks for.
    pub(crate) text: &'static str,
    /// What is sent, after the greeting unless it begins with bytes.
    pub(crate) sent: &'static [Say],
    /// What must be said then.
    pub(crate) expect: Expect,
    /// The reference does otherwise.
    pub(crate) differs: bool,
}

/// A row.
pub(crate) const fn rule(
    section: &'static str,
    text: &'static str,
    sent: &'static [Say],
    expect: Expect,
) -> Rule {
    Rule {
        section,
        text,
        sent,
        expect,
        differs: false,
    }
}

impl Rule {
    /// The reference does otherwise.
    pub(crate) const fn differs(mut self) -> Self {
        self.differs = true;
        self
    }
}

/// Something to send.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Say {
    /// Bytes as they are.
    Bytes(&'static [u8]),
    /// A frame: kind, flags, stream, payload.
    Frame(u8, u8, u32, &'static [u8]),
    /// A frame of so many zeros.
    Zeros(u8, u8, u32, usize),
    /// A GET of `/x`.
    Get(u32),
    /// The head of a POST whose content is to come.
    Post(u32),
    /// So many of them, from stream 1.
    ManyPosts(u32),
    /// A header block of these fields, with these flags beside END_HEADERS.
    Fields(u32, u8, &'static [(&'static str, &'static str)]),
    /// The same as [`Say::Fields`] behind `:method GET` and the other three.
    GetWith(u32, &'static [(&'static str, &'static str)]),
    /// The rest of a response is awaited, and the stream over.
    Wait(u32),
}

/// What must be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The connection ends with GOAWAY of this code.
    Goaway(u32),
    /// The connection ends, with GOAWAY or without.
    Closed,
    /// The stream is reset with this code; the connection goes on.
    Reset(u32, u32),
    /// The stream is answered with this status; the connection goes on.
    Answer(u32, u16),
    /// Nothing is said to it; the connection goes on.
    Ignored,
    /// The first frame that comes is SETTINGS.
    FirstSettings,
    /// A frame of this kind and these flags comes, with this payload.
    Says(u8, u8, &'static [u8]),
}

impl Say {
    /// Sends it.
    pub(crate) fn send(&self, peer: &mut Peer) {
        match *self {
            Self::Bytes(bytes) => peer.send_bytes(bytes),
            Self::Frame(kind, flags, stream, payload) => peer.send(kind, flags, stream, payload),
            Self::Zeros(kind, flags, stream, len) => peer.send(kind, flags, stream, &vec![0; len]),
            Self::Get(stream) => peer.get(stream, "/x"),
            Self::Post(stream) => peer.request(stream, false, &post("/x")),
            Self::ManyPosts(count) => {
                (0..count).for_each(|n| peer.request(2 * n + 1, false, &post("/x")));
            }
            Self::Fields(stream, flags, fields) => {
                peer.send(HEADERS, END_HEADERS | flags, stream, &block(fields));
            }
            Self::GetWith(stream, more) => {
                peer.request(stream, true, &[&get("/x")[..], more].concat());
            }
            Self::Wait(stream) => {
                peer.stream(stream);
            }
        }
    }
}

impl fmt::Display for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |bytes: &[u8]| {
            let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            bytes.concat()
        };
        let list = |fields: &[(&str, &str)]| {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name:?} {value:?}"))
                .collect();
            fields.join(" ")
        };
        match *self {
            Self::Bytes(bytes) => write!(f, "`{}`", bytes.escape_ascii()),
            Self::Frame(kind, flags, stream, payload) => {
                let payload = match payload.len() {
                    0 => String::new(),
                    1..=24 => format!(" `{}`", hex(payload)),
                    len => format!(" of {len}"),
                };
                write!(f, "{}{} {stream}{payload}", name(kind), marks(kind, flags))
            }
            Self::Zeros(kind, flags, stream, len) => {
                write!(f, "{}{} {stream} of {len}", name(kind), marks(kind, flags))
            }
            Self::Get(stream) => write!(f, "GET {stream}"),
            Self::Post(stream) => write!(f, "POST {stream}"),
            Self::ManyPosts(count) => write!(f, "POST 1 to {}", 2 * count - 1),
            Self::Fields(stream, flags, fields) => {
                let marks = marks(HEADERS, flags | END_HEADERS);
                write!(f, "HEADERS{marks} {stream} `{}`", list(fields))
            }
            Self::GetWith(stream, more) => write!(f, "GET {stream} with `{}`", list(more)),
            Self::Wait(stream) => write!(f, "(end of {stream} awaited)"),
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Goaway(code) => write!(f, "GOAWAY {}", self::code(code)),
            Self::Closed => f.write_str("the connection ends"),
            Self::Reset(stream, code) => write!(f, "RST_STREAM {stream} {}", self::code(code)),
            Self::Answer(stream, status) => write!(f, "{stream} is answered {status}"),
            Self::Ignored => f.write_str("nothing"),
            Self::FirstSettings => f.write_str("SETTINGS"),
            Self::Says(kind, flags, payload) => Say::Frame(kind, flags, 0, payload).fmt(f),
        }
    }
}

fn name(kind: u8) -> String {
    const NAMES: [&str; 10] = [
        "DATA",
        "HEADERS",
        "PRIORITY",
        "RST_STREAM",
        "SETTINGS",
        "PUSH_PROMISE",
        "PING",
        "GOAWAY",
        "WINDOW_UPDATE",
        "CONTINUATION",
    ];
    match NAMES.get(usize::from(kind)) {
        Some(name) => (*name).to_owned(),
        None => format!("frame 0x{kind:x}"),
    }
}

fn marks(kind: u8, flags: u8) -> String {
    let is_ack = matches!(kind, SETTINGS | PING);
    let known = [
        (END_STREAM, if is_ack { "ACK" } else { "END_STREAM" }),
        (END_HEADERS, "END_HEADERS"),
        (PADDED, "PADDED"),
        (WITH_PRIORITY, "PRIORITY"),
    ];
    let mut out = String::new();
    let mut left = flags;
    for (bit, word) in known {
        if left & bit != 0 {
            out.push('+');
            out.push_str(word);
            left &= !bit;
        }
    }
    if left != 0 {
        out.push_str(&format!("+0x{left:x}"));
    }
    out
}

fn code(code: u32) -> String {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    let name = usize::try_from(code).ok().and_then(|code| NAMES.get(code));
    name.map_or_else(|| code.to_string(), |name| (*name).to_owned())
}
