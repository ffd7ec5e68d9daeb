//! One HTTP/2 connection as a machine: bytes in, bytes out, streams in between.
//!
//! It knows no socket and no task: [`Connection::receive`] takes what came,
//! [`Connection::output`] is what is to leave, and [`Connection::take_touched`] names the streams
//! whose owners have something to look at. All queues are bounded: what a peer may send by the
//! windows we give it, what waits to be sent by [`MAX_BACKLOG`], streams by the number we announce.

mod frames;
mod send;
mod streams;

use std::collections::VecDeque;

use super::frame::{self, FrameHeader, HEADER_LEN, flag, kind, setting};
use super::message::{Incoming, Malformed, Reader, Scratch, What};
use super::{DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, ErrorCode, MAX_WINDOW, PREFACE, hpack};
use crate::h1::{ParseOptions, RequestInfo};
use crate::head::Head;

pub use send::Sent;
use streams::Streams;
pub use streams::{Key, Read};

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It opens streams.
    Client,
    /// It accepts streams.
    Server,
}

/// What a connection is to respect and to announce.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Which end.
    pub role: Role,
    /// Bytes of the table that the peer's encoder may use (`tune.h2.header-table-size`).
    pub header_table_size: u32,
    /// Streams at once: that the peer may open, or that we open at most; 0 for no limit.
    pub max_concurrent: u32,
    /// Streams in all, after which a server says goodbye; 0 for no limit.
    pub max_total: u32,
    /// Smallest window of a stream in bytes.
    pub initial_window: u32,
    /// Bytes that all streams share to receive in.
    pub receive_buffer: u32,
    /// Longest frame that we take, 16384 to 16777215.
    pub max_frame_size: u32,
    /// Limits of heads.
    pub options: ParseOptions,
    /// Whether extended CONNECT is offered (RFC 8441).
    pub extended_connect: bool,
}

impl Config {
    /// The reference's defaults for one end.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            header_table_size: 4096,
            max_concurrent: 100,
            max_total: 0,
            initial_window: 16_384,
            receive_buffer: 1_638_400,
            max_frame_size: lbd_core::bits::low32(DEFAULT_FRAME_SIZE as u64),
            options: ParseOptions::default(),
            extended_connect: role == Role::Server,
        }
    }
}

/// What the peer did and what it was told, for counters and limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Odd things: each may be harmless, many are an attack.
    pub glitches: u32,
    /// Streams that it reset: RST_STREAM frames that came.
    pub resets: u32,
    /// Streams that it began.
    pub streams: u32,
    /// Streams that this end began.
    pub own_streams: u32,
    /// HEADERS frames that came.
    pub headers: u32,
    /// DATA frames that came.
    pub data: u32,
    /// SETTINGS frames that came, acknowledgements included.
    pub settings: u32,
    /// GOAWAY frames that came.
    pub goaways: u32,
    /// Faults of the peer that ended the connection: one at most.
    pub connection_errors: u32,
    /// Faults of the peer that ended a stream.
    pub stream_errors: u32,
    /// RST_STREAM frames sent because of a fault of the peer.
    pub resets_sent: u32,
    /// GOAWAY frames sent because of a fault of the peer.
    pub goaways_sent: u32,
}

/// Adds one to a counter of a connection, which no connection brings to its end.
fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

/// What the peer's settings say.
#[derive(Debug, Clone, Copy)]
struct Peer {
    max_frame_size: usize,
    initial_window: i64,
    max_concurrent: u32,
    extended_connect: bool,
    /// Its table became smaller than the default: our encoder has to say that it uses none.
    table_shrunk: bool,
    is_known: bool,
}

/// A header block whose end has not come.
#[derive(Debug, Default)]
struct Block {
    /// Its stream; 0 when there is no such block.
    stream: u32,
    flags: u8,
    bytes: Vec<u8>,
    frames: u32,
}

/// A DATA frame of which a part is still to come.
#[derive(Debug, Clone, Copy)]
struct Content {
    stream: u32,
    left: usize,
    padding: usize,
    is_last: bool,
}

/// Where reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The client's preface, of which that many bytes have come.
    Preface(usize),
    /// The first frame, which must be SETTINGS.
    Settings,
    /// Frames.
    Frames,
    /// The connection has failed: nothing is read any more.
    Failed,
}

/// One end of an HTTP/2 connection.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    stage: Stage,
    peer: Peer,
    decoder: hpack::Decoder,
    scratch: Scratch,
    block: Block,
    content: Option<Content>,
    streams: Streams,
    accepted: VecDeque<Key>,
    touched: Vec<u32>,
    out: Vec<u8>,
    sent: usize,
    /// Where the flags of the last frame in `out` are, and its stream, to end the stream with it.
    last_frame: Option<(u32, usize)>,
    /// What we may send on the connection.
    window: i64,
    /// What the peer may still send on the connection.
    credit: i64,
    /// The peer has our settings.
    is_acknowledged: bool,
    /// Our ping was not answered yet.
    awaits_pong: bool,
    /// The highest stream that the peer began.
    last_peer: u32,
    /// The stream that we begin next.
    next_own: u32,
    /// The last stream that our GOAWAY promised to look at.
    goaway_sent: Option<u32>,
    /// The last stream that the peer's GOAWAY promised to look at.
    goaway_received: Option<u32>,
    fault: Option<ErrorCode>,
    counters: Counters,
    spare: Vec<Head>,
    /// Streams of which DATA or trailers may still come though we have ended them.
    recent: VecDeque<u32>,
}

impl Connection {
    /// A connection that begins: our preface and settings are ready to leave.
    pub fn new(config: Config) -> Self {
        let is_client = config.role == Role::Client;
        let mut out = Vec::new();
        if is_client {
            out.extend_from_slice(PREFACE);
        }
        put_own_settings(&config, &mut out);
        Self {
            stage: if is_client {
                Stage::Settings
            } else {
                Stage::Preface(0)
            },
            peer: Peer {
                max_frame_size: DEFAULT_FRAME_SIZE,
                initial_window: i64::from(DEFAULT_WINDOW),
                max_concurrent: u32::MAX,
                extended_connect: false,
                table_shrunk: false,
                is_known: false,
            },
            decoder: hpack::Decoder::new(config.header_table_size as usize),
            scratch: Scratch::default(),
            block: Block::default(),
            content: None,
            streams: Streams::default(),
            accepted: VecDeque::new(),
            touched: Vec::new(),
            out,
            sent: 0,
            last_frame: None,
            window: i64::from(DEFAULT_WINDOW),
            credit: i64::from(DEFAULT_WINDOW),
            is_acknowledged: false,
            awaits_pong: false,
            last_peer: 0,
            next_own: 1,
            goaway_sent: None,
            goaway_received: None,
            fault: None,
            counters: Counters::default(),
            spare: Vec::new(),
            recent: VecDeque::new(),
            config,
        }
    }

    /// A client's connection that begins after other bytes, such as a PROXY header.
    pub fn after(config: Config, before: &[u8]) -> Self {
        let mut connection = Self::new(config);
        connection.out.splice(0..0, before.iter().copied());
        connection
    }

    /// What the peer did so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes bytes that came; how many are done with. The rest is the beginning of a frame, of at
    /// most [`Config::max_frame_size`] bytes and its header, to be given again with more.
    ///
    /// Not more than `max_frames` frames are looked at in one call.
    pub fn receive(&mut self, input: &[u8], max_frames: usize) -> usize {
        let mut at = 0;
        for _ in 0..max_frames.max(1) {
            let rest = &input[at..];
            let used = match self.stage {
                Stage::Failed => return input.len(),
                Stage::Preface(seen) => self.on_preface(rest, seen),
                Stage::Settings | Stage::Frames => match self.content {
                    Some(content) => self.on_content(rest, content),
                    None => self.on_frame(rest),
                },
            };
            match used {
                Ok(0) => break,
                Ok(used) => at += used,
                Err(code) => {
                    self.fail(code);
                    return input.len();
                }
            }
        }
        at
    }

    fn on_preface(&mut self, input: &[u8], seen: usize) -> Result<usize, ErrorCode> {
        let expected = &PREFACE[seen..];
        let len = expected.len().min(input.len());
        if expected[..len] != input[..len] {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        self.stage = match seen + len {
            all if all == PREFACE.len() => Stage::Settings,
            part => Stage::Preface(part),
        };
        Ok(len)
    }

    /// Looks at the next frame; 0 when it is not complete.
    fn on_frame(&mut self, input: &[u8]) -> Result<usize, ErrorCode> {
        let Some(header) = FrameHeader::decode(input) else {
            return Ok(0);
        };
        if header.len > self.config.max_frame_size as usize {
            return Err(ErrorCode::FRAME_SIZE_ERROR);
        }
        let is_settings = header.kind == kind::SETTINGS && !header.has(flag::ACK);
        if self.stage == Stage::Settings && !is_settings {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        let continues = header.kind == kind::CONTINUATION && header.stream == self.block.stream;
        if self.block.stream != 0 && !continues {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        let payload = &input[HEADER_LEN..];
        if header.kind == kind::DATA {
            let used = self.begin_content(&header, payload)?;
            if used > 0 {
                count(&mut self.counters.data);
            }
            return Ok(used);
        }
        let Some(payload) = payload.get(..header.len) else {
            return Ok(0);
        };
        match header.kind {
            kind::HEADERS => count(&mut self.counters.headers),
            kind::SETTINGS => count(&mut self.counters.settings),
            kind::GOAWAY => count(&mut self.counters.goaways),
            _ => {}
        }
        match header.kind {
            kind::HEADERS => self.on_headers(&header, payload)?,
            kind::PRIORITY => self.on_priority(&header, payload)?,
            kind::RST_STREAM => self.on_reset(&header, payload)?,
            kind::SETTINGS => self.on_settings(&header, payload)?,
            // Neither end allows pushes (RFC 9113 8.4).
            kind::PUSH_PROMISE => return Err(ErrorCode::PROTOCOL_ERROR),
            kind::PING => self.on_ping(&header, payload)?,
            kind::GOAWAY => self.on_goaway(&header, payload)?,
            kind::WINDOW_UPDATE => self.on_credit(&header, payload)?,
            kind::CONTINUATION => self.on_continuation(&header, payload)?,
            _ => {}
        }
        Ok(HEADER_LEN + header.len)
    }

    /// Ends the connection: every stream with it.
    fn fail(&mut self, code: ErrorCode) {
        count(&mut self.counters.glitches);
        count(&mut self.counters.connection_errors);
        count(&mut self.counters.goaways_sent);
        self.stage = Stage::Failed;
        self.fault = Some(code);
        frame::put_goaway(&mut self.out, self.last_peer, code);
        self.last_frame = None;
        self.abandon();
    }

    /// The connection is gone, or is not to be used any more: all streams end as if reset.
    pub fn abandon(&mut self) {
        self.stage = Stage::Failed;
        for slot in self.streams.all_slots() {
            if let Some(stream) = self.streams.at(slot) {
                stream.on_gone();
            }
            self.touch(slot);
        }
    }

    /// Ends the connection at once for a reason of ours.
    pub fn kill(&mut self, code: ErrorCode) {
        if self.stage != Stage::Failed {
            for slot in self.streams.all_slots() {
                if let Some(stream) = self.streams.at(slot).filter(|s| s.reset.is_none()) {
                    frame::put_reset(&mut self.out, stream.id, code);
                }
            }
            frame::put_goaway(&mut self.out, self.last_peer, code);
            self.last_frame = None;
        }
        self.abandon();
    }

    /// Says that no new streams are welcome; those that are there go on.
    pub fn say_goodbye(&mut self) {
        if self.goaway_sent.is_none() && self.stage != Stage::Failed {
            self.goaway_sent = Some(self.last_peer);
            frame::put_goaway(&mut self.out, self.last_peer, ErrorCode::NO_ERROR);
            self.last_frame = None;
        }
    }

    /// Asks the peer for an answer (RFC 9113 6.7).
    pub fn ping(&mut self) {
        self.awaits_pong = true;
        frame::put_ping(&mut self.out);
        self.last_frame = None;
    }

    /// Whether the answer to [`ping`](Self::ping) has not come.
    pub fn awaits_pong(&self) -> bool {
        self.awaits_pong
    }

    /// Why the connection failed, if it did by our judgement.
    pub fn fault(&self) -> Option<ErrorCode> {
        self.fault
    }

    /// Whether the connection failed or was abandoned: nothing more will be read.
    pub fn is_failed(&self) -> bool {
        self.stage == Stage::Failed
    }

    /// Whether either end has said goodbye.
    pub fn is_leaving(&self) -> bool {
        self.is_failed() || self.goaway_sent.is_some() || self.goaway_received.is_some()
    }

    /// Whether there is no stream.
    pub fn is_idle(&self) -> bool {
        self.streams.is_empty()
    }

    /// Streams that exist.
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// Whether the peer's settings have come.
    pub fn is_greeted(&self) -> bool {
        self.peer.is_known
    }

    /// Whether the peer takes extended CONNECT (RFC 8441).
    pub fn takes_extended_connect(&self) -> bool {
        self.peer.extended_connect
    }

    /// Whether more may be read: not while answers to what was read cannot leave.
    pub fn wants_input(&self) -> bool {
        self.out.len() - self.sent < MAX_BACKLOG
    }

    /// Streams whose owners have something to look at: takes the list, whose memory is to be given
    /// back with [`give_touched`](Self::give_touched).
    pub fn take_touched(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.touched)
    }

    /// Takes the memory of the list back.
    pub fn give_touched(&mut self, mut touched: Vec<u32>) {
        touched.clear();
        if self.touched.is_empty() {
            self.touched = touched;
        }
    }

    /// The next stream that the peer began and nobody took yet.
    pub fn accept(&mut self) -> Option<Key> {
        while let Some(key) = self.accepted.pop_front() {
            if self.streams.get(key).is_some() {
                return Some(key);
            }
        }
        None
    }

    fn touch(&mut self, slot: u32) {
        if !self.touched.contains(&slot) {
            self.touched.push(slot);
        }
    }

    fn glitch(&mut self) {
        self.counters.glitches = self.counters.glitches.saturating_add(1);
    }
}

fn put_own_settings(config: &Config, out: &mut Vec<u8>) {
    let mut list = Vec::with_capacity(6);
    if config.header_table_size != 4096 {
        list.push((setting::HEADER_TABLE_SIZE, config.header_table_size));
    }
    if config.role == Role::Client {
        list.push((setting::ENABLE_PUSH, 0));
    } else {
        if config.extended_connect {
            list.push((setting::ENABLE_CONNECT_PROTOCOL, 1));
        }
        if config.max_concurrent > 0 {
            list.push((setting::MAX_CONCURRENT_STREAMS, config.max_concurrent));
        }
    }
    if config.initial_window != DEFAULT_WINDOW {
        list.push((setting::INITIAL_WINDOW_SIZE, config.initial_window));
    }
    if config.max_frame_size as usize != DEFAULT_FRAME_SIZE {
        list.push((setting::MAX_FRAME_SIZE, config.max_frame_size));
    }
    frame::put_settings(out, &list);
}

/// Bytes waiting to be sent beyond which content is not taken and nothing is read.
pub const MAX_BACKLOG: usize = 128 * 1024;

/// Frames of one header block.
pub const MAX_CONTINUATIONS: u32 = 64;

/// Ended streams of which frames may still be under way.
const MAX_RECENT: usize = 64;

/// Heads kept for the next messages.
const MAX_SPARE: usize = 16;

#[cfg(test)]
mod tests;
