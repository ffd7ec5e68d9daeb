//! The content of a message: where it lies in the bytes that arrive, and where it ends.
//!
//! It copies no content and holds no buffer, but for trailers, which are rare and bounded.

use std::ops::Range;

use super::lines::{line_end, read_fields};
use super::{Framing, ParseError, ParseOptions, Reason};
use crate::count::end_len;
use crate::head::{Head, Kind};

/// Largest chunk: the reference accepts up to 52 bits.
pub const MAX_CHUNK: u64 = (1 << 52) - 1;

/// Longest extension of one chunk, leading zeros of its size included, in bytes.
pub const MAX_CHUNK_EXTENSION: u32 = 4_096;

/// Longest sum of the extensions of a message, in bytes.
pub const MAX_MESSAGE_EXTENSIONS: u32 = 16_384;

/// One step of decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The part of the input that is content; empty when this step saw only framing.
    pub data: Range<usize>,
    /// Bytes of the input that are done with, content and framing; call again with the rest.
    pub consumed: usize,
    /// The message is complete: what follows `consumed` belongs to the next one.
    pub end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Content of known length, or of the rest of a chunk.
    Data,
    /// The size of a chunk; whether a digit was seen.
    Size {
        digits: bool,
    },
    /// Blanks after the size.
    SizeBlanks,
    /// After the `;`.
    Extension,
    /// The line feed after a size.
    SizeFeed,
    /// The carriage return after a chunk's data.
    DataCr,
    /// The line feed after a chunk's data.
    DataFeed,
    /// The first byte of the trailers.
    Trailers,
    /// The carriage return of the last empty line was seen, there are no trailers.
    LastFeed,
    /// Within trailers, which are being collected.
    Collect,
    End,
}

/// Decodes the content of one message, whatever pieces it arrives in.
///
/// Every byte given is consumed except behind the end of the message or of the reported `data`.
#[derive(Debug, Clone)]
pub struct BodyDecoder {
    framing: Framing,
    state: State,
    /// Bytes of content to come: of the message, or of the chunk.
    left: u64,
    extension: u32,
    extensions: u32,
    options: ParseOptions,
    trailers: Option<Box<Trailers>>,
    /// Content so far, and what the end counts.
    counted: u64,
}

#[derive(Debug, Clone, Default)]
struct Trailers {
    raw: Vec<u8>,
    head: Option<Head>,
}

impl BodyDecoder {
    /// A decoder with the default limits for trailers.
    pub fn new(framing: Framing) -> Self {
        Self::with_options(framing, ParseOptions::default())
    }

    /// A decoder whose trailers are read with these limits and relaxations.
    pub fn with_options(framing: Framing, options: ParseOptions) -> Self {
        let (state, left) = match framing {
            Framing::None | Framing::ContentLength(0) => (State::End, 0),
            Framing::ContentLength(len) => (State::Data, len),
            Framing::Chunked => (State::Size { digits: false }, 0),
            Framing::UntilClose => (State::Data, u64::MAX),
        };
        Self {
            framing,
            state,
            left,
            extension: 0,
            extensions: 0,
            options,
            trailers: None,
            counted: 0,
        }
    }

    /// The framing given at the start.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The message is complete.
    pub fn is_end(&self) -> bool {
        self.state == State::End
    }

    /// The sender closed: true when the message is complete now, false when it was cut short.
    pub fn on_close(&mut self) -> bool {
        if self.framing == Framing::UntilClose {
            self.state = State::End;
        }
        self.is_end()
    }

    /// The body so far as [`crate::count`] counts it.
    #[inline]
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// Content bytes known to come next without framing between them: the rest of the length or of
    /// the current chunk; `u64::MAX` until close; 0 at a framing byte or at the end.
    pub fn remaining_known(&self) -> u64 {
        if self.state == State::Data {
            self.left
        } else {
            0
        }
    }

    /// Counts `n` content bytes that went another way (`splice`); at most what
    /// [`remaining_known`](Self::remaining_known) said, more is ignored.
    pub fn consume_spliced(&mut self, n: u64) {
        if self.state == State::Data {
            self.take(n);
        }
    }

    /// The trailers, once the message is complete and if it had any.
    pub fn take_trailers(&mut self) -> Option<Head> {
        self.trailers.take().and_then(|trailers| trailers.head)
    }

    /// Looks at the next bytes. Every call consumes something unless `input` is empty or the
    /// message is complete; content is reported one stretch at a time.
    ///
    /// # Errors
    /// A fault of the chunked framing or of the trailers, with its offset in `input` (0 for
    /// trailers); nothing after it can be trusted.
    pub fn decode(&mut self, input: &[u8]) -> Result<Step, ParseError> {
        let mut at = 0;
        let mut data = 0..0;
        while at < input.len() && self.state != State::End {
            if self.state == State::Data {
                if data.end > data.start {
                    break;
                }
                let rest = input.len() - at;
                let take = usize::try_from(self.left).map_or(rest, |left| rest.min(left));
                data = at..at + take;
                at += take;
                self.take(take as u64);
            } else if self.state == State::Collect {
                at += self.collect(&input[at..])?;
            } else {
                self.on_byte(input[at])
                    .map_err(|reason| ParseError::new(at, reason))?;
                at += usize::from(self.state != State::Collect);
            }
        }
        Ok(Step {
            data,
            consumed: at,
            end: self.is_end(),
        })
    }

    fn take(&mut self, n: u64) {
        let n = n.min(self.left);
        self.counted = self.counted.saturating_add(n);
        if self.framing == Framing::UntilClose {
            return;
        }
        self.left -= n;
        if self.left == 0 {
            self.state = match self.framing {
                Framing::Chunked => State::DataCr,
                _ => State::End,
            };
        }
    }

    fn on_byte(&mut self, byte: u8) -> Result<(), Reason> {
        self.state = match (self.state, byte) {
            (State::Size { digits }, _) => return self.on_size(byte, digits),
            (State::SizeBlanks, b' ' | b'\t') => {
                self.count_extension()?;
                State::SizeBlanks
            }
            (State::SizeBlanks, b';') => State::Extension,
            (State::SizeBlanks | State::Extension, b'\r') => State::SizeFeed,
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.count_extension()?;
                State::Extension
            }
            (State::SizeFeed, b'\n') if self.left > 0 => State::Data,
            (State::SizeFeed, b'\n') => State::Trailers,
            (State::DataCr, b'\r') => State::DataFeed,
            (State::DataFeed, b'\n') => {
                self.extension = 0;
                State::Size { digits: false }
            }
            (State::Trailers, b'\r') => State::LastFeed,
            (State::Trailers | State::LastFeed, b'\n') => {
                self.counted += end_len(self.framing, None);
                State::End
            }
            (State::Trailers, _) => State::Collect,
            (State::LastFeed, _) => return Err(Reason::BareCr),
            (State::DataCr | State::DataFeed, _) => return Err(Reason::ChunkEnd),
            _ => return Err(Reason::ChunkSize),
        };
        Ok(())
    }

    fn on_size(&mut self, byte: u8, digits: bool) -> Result<(), Reason> {
        self.state = match byte {
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => {
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    _ => (byte | 0x20) - b'a' + 10,
                };
                if digits && self.left == 0 {
                    self.count_extension()?;
                }
                self.left = self.left << 4 | u64::from(digit);
                if self.left > MAX_CHUNK {
                    return Err(Reason::ChunkTooLarge);
                }
                State::Size { digits: true }
            }
            b' ' | b'\t' if digits => State::SizeBlanks,
            b';' if digits => State::Extension,
            b'\r' if digits => State::SizeFeed,
            _ => return Err(Reason::ChunkSize),
        };
        Ok(())
    }

    fn count_extension(&mut self) -> Result<(), Reason> {
        self.extension += 1;
        self.extensions += 1;
        if self.extension > MAX_CHUNK_EXTENSION || self.extensions > MAX_MESSAGE_EXTENSIONS {
            return Err(Reason::ChunkExtensionTooLong);
        }
        Ok(())
    }

    /// Collects trailers up to their empty line; returns how much of `input` it took.
    fn collect(&mut self, input: &[u8]) -> Result<usize, ParseError> {
        let trailers = self.trailers.get_or_insert_default();
        let had = trailers.raw.len();
        let room = self.options.max_head_len.saturating_sub(had);
        let added = input.len().min(room);
        trailers.raw.extend_from_slice(&input[..added]);
        // Only a line feed can complete them: without one, do not read them all again.
        if memchr::memchr(b'\n', &input[..added]).is_some() {
            let mut head = Head::new();
            if let Some(end) = parse_trailers(&trailers.raw, &mut head, &self.options)? {
                self.counted += end_len(self.framing, Some(&head));
                trailers.raw = Vec::new();
                trailers.head = Some(head);
                self.state = State::End;
                return Ok(end - had);
            }
        }
        if added < input.len() || added == room {
            return Err(ParseError::new(0, Reason::HeadTooLong));
        }
        Ok(added)
    }
}

/// Reads trailers up to and including their empty line; `None` when bytes are missing.
///
/// Fields that frame, route, authenticate or concern the connection are dropped: they must not be
/// sent as trailers (RFC 9110 6.5.1) and would mislead whoever merges them.
///
/// # Errors
/// A fault with its offset in `input`.
pub fn parse_trailers(
    input: &[u8],
    head: &mut Head,
    options: &ParseOptions,
) -> Result<Option<usize>, ParseError> {
    let mut fields = head.take_fields();
    let found = if matches!(input.first(), Some(b'\r' | b'\n')) {
        line_end(input, 0, Reason::BareCr).map(|end| end.map(|end| (end, false)))
    } else {
        read_fields(input, 0, options, &mut fields)
            .map(|found| found.map(|found| (found.end, found.folded)))
    };
    match found {
        Ok(Some((end, folded))) => {
            let parts = Default::default();
            head.adopt(Kind::Trailers, &input[..end], parts, 0, fields);
            if folded {
                super::request::blank_folds(head);
            }
            head.retain(|name, _| !is_forbidden_trailer(name));
            Ok(Some(end))
        }
        other => {
            head.return_fields(fields);
            other.map(|_| None)
        }
    }
}

pub(crate) fn is_forbidden_trailer(name: &[u8]) -> bool {
    matches!(
        name,
        b"authorization"
            | b"connection"
            | b"content-encoding"
            | b"content-length"
            | b"content-range"
            | b"content-type"
            | b"cookie"
            | b"expect"
            | b"host"
            | b"keep-alive"
            | b"max-forwards"
            | b"proxy-authenticate"
            | b"proxy-authorization"
            | b"proxy-connection"
            | b"set-cookie"
            | b"te"
            | b"trailer"
            | b"transfer-encoding"
            | b"upgrade"
            | b"www-authenticate"
    )
}
