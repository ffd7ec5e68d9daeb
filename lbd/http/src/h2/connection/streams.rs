//! The streams of a connection: where each stands, and what it has received.

use lbd_core::bits::count32;
use std::collections::VecDeque;

use super::{
    Connection, DEFAULT_WINDOW, ErrorCode, Head, Incoming, MAX_SPARE, RequestInfo, Role, frame,
};

/// Names a stream; of a stream that has ended it names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub(super) slot: u32,
    pub(super) id: u32,
}

impl Key {
    /// Names no stream.
    pub const NONE: Self = Self {
        slot: u32::MAX,
        id: 0,
    };

    /// The stream's place among the streams, as [`Connection::take_touched`] names it.
    pub fn slot(self) -> usize {
        self.slot as usize
    }

    /// The stream's number on the wire.
    pub fn id(self) -> u32 {
        self.id
    }
}

/// What reading content gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// That many bytes.
    Data(usize),
    /// The content is complete.
    End,
    /// Nothing yet.
    Pending,
    /// The stream was reset, or the connection is gone (`None`).
    Reset(Option<ErrorCode>),
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    /// Somebody owns it.
    pub(super) is_held: bool,
    /// Heads that nobody took yet: of a client at most a few interim ones and the final one.
    pub(super) heads: VecDeque<(Head, Incoming)>,
    /// The final head has come.
    pub(super) has_head: bool,
    pub(super) trailers: Option<Head>,
    pub(super) data: Vec<u8>,
    pub(super) read: usize,
    /// Content still announced.
    pub(super) expected: Option<u64>,
    /// The peer has sent its last.
    pub(super) peer_ended: bool,
    /// We have sent our last.
    pub(super) own_ended: bool,
    /// It ended before its time; `None` inside: with the connection.
    pub(super) reset: Option<Option<ErrorCode>>,
    /// What we may send.
    pub(super) window: i64,
    /// What the peer may send.
    pub(super) credit: i64,
    /// Content waits for room.
    pub(super) is_blocked: bool,
    /// What the request was, to read the response.
    pub(super) request: RequestInfo,
    /// Bytes both ways are no content of a message.
    pub(super) is_tunnel: bool,
    /// The peer broke a rule on it.
    pub(super) is_faulty: bool,
}

impl Stream {
    pub(super) fn on_gone(&mut self) {
        // What has come whole may still be read.
        if !(self.peer_ended && self.own_ended) {
            self.reset.get_or_insert(None);
        }
    }

    fn unread(&self) -> usize {
        self.data.len() - self.read
    }
}

/// The streams by slot, found by number.
#[derive(Debug, Default)]
pub(super) struct Streams {
    slots: Vec<Option<Box<Stream>>>,
    free: Vec<u32>,
    /// Number and slot, sorted: new streams come last.
    index: Vec<(u32, u32)>,
    /// Boxed: they move between here and the slots.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Stream>>,
}

impl Streams {
    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn insert(&mut self, id: u32, window: i64, credit: i64) -> Key {
        let mut stream = self.spare.pop().unwrap_or_else(|| {
            Box::new(Stream {
                id: 0,
                is_held: false,
                heads: VecDeque::new(),
                has_head: false,
                trailers: None,
                data: Vec::new(),
                read: 0,
                expected: None,
                peer_ended: false,
                own_ended: false,
                reset: None,
                window: 0,
                credit: 0,
                is_blocked: false,
                request: RequestInfo::default(),
                is_tunnel: false,
                is_faulty: false,
            })
        });
        stream.id = id;
        stream.is_held = true;
        stream.window = window;
        stream.credit = credit;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(stream);
                slot
            }
            None => {
                self.slots.push(Some(stream));
                count32(self.slots.len() - 1)
            }
        };
        let at = self.index.partition_point(|(known, _)| *known < id);
        self.index.insert(at, (id, slot));
        Key { slot, id }
    }

    pub(super) fn find(&self, id: u32) -> Option<Key> {
        let at = self.index.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        let slot = self.index[at].1;
        Some(Key { slot, id })
    }

    pub(super) fn get(&mut self, key: Key) -> Option<&mut Stream> {
        self.at(key.slot).filter(|stream| stream.id == key.id)
    }

    pub(super) fn at(&mut self, slot: u32) -> Option<&mut Stream> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Box<Stream>> {
        self.get(key)?;
        let stream = self.slots.get_mut(key.slot as usize)?.take();
        self.free.push(key.slot);
        if let Ok(at) = self.index.binary_search_by_key(&key.id, |(id, _)| *id) {
            self.index.remove(at);
        }
        stream
    }

    pub(super) fn recycle(&mut self, mut stream: Box<Stream>) {
        if self.spare.len() >= MAX_SPARE || stream.data.capacity() > MAX_KEPT_DATA {
            return;
        }
        stream.data.clear();
        stream.heads.clear();
        stream.trailers = None;
        stream.has_head = false;
        stream.read = 0;
        stream.expected = None;
        stream.peer_ended = false;
        stream.own_ended = false;
        stream.reset = None;
        stream.is_blocked = false;
        stream.is_tunnel = false;
        stream.is_faulty = false;
        stream.request = RequestInfo::default();
        self.spare.push(stream);
    }

    pub(super) fn all_slots(&self) -> Vec<u32> {
        self.index.iter().map(|(_, slot)| *slot).collect()
    }

    /// The slots of those whose content waits for room.
    pub(super) fn blocked(&self) -> Vec<u32> {
        let is_blocked = |slot: &u32| {
            self.slots
                .get(*slot as usize)
                .and_then(|stream| stream.as_deref())
                .is_some_and(|stream| stream.is_blocked)
        };
        let slots = self.index.iter().map(|(_, slot)| *slot);
        slots.filter(is_blocked).collect()
    }

    /// How many still receive content.
    fn receiving(&self) -> usize {
        let streams = self.index.iter();
        streams
            .filter_map(|(_, slot)| self.slots.get(*slot as usize)?.as_deref())
            .filter(|stream| !stream.peer_ended && stream.is_held)
            .count()
    }
}

impl Connection {
    /// Takes the next head that came on a stream: into `head`, whose memory is kept for others.
    pub fn take_head(&mut self, key: Key, head: &mut Head) -> Option<Incoming> {
        let stream = self.streams.get(key)?;
        let (mut came, incoming) = stream.heads.pop_front()?;
        came.set_max_len(head.max_len());
        let old = std::mem::replace(head, came);
        self.keep_head(old);
        Some(incoming)
    }

    /// Takes the trailers that followed the content.
    pub fn take_trailers(&mut self, key: Key) -> Option<Head> {
        self.streams.get(key)?.trailers.take()
    }

    /// Whether the stream was reset or the connection is gone, with the peer's code.
    pub fn reset_code(&mut self, key: Key) -> Option<Option<ErrorCode>> {
        match self.streams.get(key) {
            Some(stream) => stream.reset,
            None => Some(None),
        }
    }

    /// Whether the stream was ended because the peer broke a rule on it.
    pub fn is_faulty(&mut self, key: Key) -> bool {
        self.streams.get(key).is_some_and(|stream| stream.is_faulty)
    }

    /// Whether the peer has sent its last and all of it was read.
    pub fn is_read(&mut self, key: Key) -> bool {
        self.streams
            .get(key)
            .is_some_and(|stream| stream.peer_ended && stream.unread() == 0)
    }

    /// Reads content.
    pub fn read(&mut self, key: Key, buf: &mut [u8]) -> Read {
        let Some(stream) = self.streams.get(key) else {
            return Read::Reset(None);
        };
        let unread = stream.unread();
        if unread == 0 {
            return match stream.reset {
                Some(code) => Read::Reset(code),
                None if stream.peer_ended => Read::End,
                None => Read::Pending,
            };
        }
        let len = unread.min(buf.len());
        buf[..len].copy_from_slice(&stream.data[stream.read..stream.read + len]);
        stream.read += len;
        if stream.read == stream.data.len() {
            stream.data.clear();
            stream.read = 0;
            if stream.data.capacity() > MAX_KEPT_DATA {
                stream.data = Vec::new();
            }
        }
        self.grant(key);
        Read::Data(len)
    }

    /// Gives a receiving stream credit: its share of the buffer, when that is worth a frame.
    pub(super) fn grant(&mut self, key: Key) {
        let least = i64::from(self.config.initial_window);
        let receiving = self.streams.receiving().max(1) as i64;
        let share = i64::from(self.config.receive_buffer) / 8 * 7 / receiving;
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        if stream.peer_ended || stream.reset.is_some() || !stream.is_held {
            return;
        }
        let target = least.max(share).min(i64::from(super::MAX_WINDOW));
        let due = target - stream.credit - stream.unread() as i64;
        if due >= target / 2 {
            stream.credit += due;
            // At most MAX_WINDOW, 31 bits.
            let due = u32::try_from(due).unwrap_or_default();
            frame::put_credit(&mut self.out, key.id, due);
            self.last_frame = None;
        }
    }

    /// The owner lets go of the stream: what is unfinished is cut off.
    pub fn release(&mut self, key: Key) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        stream.is_held = false;
        let is_received = stream.peer_ended || stream.expected == Some(0);
        // The rest of a request that was answered is not wanted, without harm (RFC 9113 8.1).
        let is_answered = stream.own_ended && self.config.role == Role::Server;
        if stream.reset.is_none() && !(stream.own_ended && is_received) {
            let code = match is_answered {
                true => ErrorCode::NO_ERROR,
                false => ErrorCode::CANCEL,
            };
            self.reset_stream(key, code);
            return;
        }
        self.settle(key);
    }

    /// Resets a stream.
    pub fn reset(&mut self, key: Key, code: ErrorCode) {
        if self
            .streams
            .get(key)
            .is_some_and(|stream| stream.reset.is_none())
        {
            self.reset_stream(key, code);
        }
    }

    pub(super) fn reset_stream(&mut self, key: Key, code: ErrorCode) {
        frame::put_reset(&mut self.out, key.id, code);
        self.last_frame = None;
        self.remember(key.id);
        if let Some(stream) = self.streams.get(key) {
            stream.reset = Some(None);
        }
        self.touch(key.slot);
        self.settle(key);
    }

    /// Removes a stream that both ends have ended and nobody holds.
    pub(super) fn settle(&mut self, key: Key) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        let is_over = stream.reset.is_some() || (stream.peer_ended && stream.own_ended);
        if stream.is_held || !is_over {
            return;
        }
        if let Some(mut stream) = self.streams.remove(key) {
            while let Some((head, _)) = stream.heads.pop_front() {
                self.keep_head(head);
            }
            self.streams.recycle(stream);
        }
    }

    pub(super) fn remember(&mut self, id: u32) {
        if self.recent.len() == super::MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(id);
    }

    pub(super) fn keep_head(&mut self, mut head: Head) {
        if self.spare.len() < MAX_SPARE {
            head.clear();
            self.spare.push(head);
        }
    }

    /// The window that a new stream has for us.
    pub(super) fn first_window(&self) -> i64 {
        self.peer.initial_window
    }

    /// What the peer may send on a new stream once it knows our settings.
    pub(super) fn first_credit(&self) -> i64 {
        i64::from(self.config.initial_window)
    }

    /// What it may send beyond that because it may not know them yet (RFC 9113 6.9.2).
    pub(super) fn slack(&self) -> i64 {
        match self.is_acknowledged {
            true => 0,
            false => (i64::from(DEFAULT_WINDOW) - self.first_credit()).max(0),
        }
    }
}

/// Memory for content that a stream keeps.
const MAX_KEPT_DATA: usize = 64 * 1024;
