//! What leaves: heads, content and trailers as frames, within the peer's windows.

use lbd_core::bits::count32;
use std::io::IoSlice;

use super::super::message::{self, Scheme};
use super::{
    Connection, ErrorCode, HEADER_LEN, Head, Key, MAX_BACKLOG, RequestInfo, Role, flag, frame,
};

/// What became of content that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// That many bytes were taken.
    Taken(usize),
    /// The peer or the socket must make room first.
    Full,
    /// The stream has ended.
    Gone,
}

impl Connection {
    /// How many more streams we may open now.
    pub fn room(&self) -> usize {
        if self.is_leaving() || self.config.role == Role::Server || self.next_own > MAX_ID {
            return 0;
        }
        let own = match self.config.max_concurrent {
            0 => u32::MAX,
            limit => limit,
        };
        let limit = own.min(self.peer.max_concurrent) as usize;
        limit.saturating_sub(self.streams.len())
    }

    /// Begins a stream with a request; `None` when there is no room. With `protocol` it is an
    /// extended CONNECT.
    pub fn open(
        &mut self,
        head: &Head,
        scheme: Scheme,
        protocol: Option<&[u8]>,
        is_end: bool,
    ) -> Option<Key> {
        if self.room() == 0 {
            return None;
        }
        let id = self.next_own;
        self.next_own += 2;
        let (window, credit) = (self.first_window(), self.first_credit());
        let key = self.streams.insert(id, window, credit);
        super::count(&mut self.counters.own_streams);
        if let Some(stream) = self.streams.get(key) {
            stream.request = RequestInfo::of(head, protocol.is_some());
            stream.own_ended = is_end;
        }
        self.put_block(id, is_end, |out| {
            message::encode_request(head, scheme, protocol, out);
        });
        Some(key)
    }

    /// A request cannot go this way after all: says so as the reference does, by
    /// resetting the stream that was to be. A connection that has carried streams is left alone:
    /// servers may end it for such a frame, and the streams with it.
    pub fn withdraw(&mut self) {
        if self.next_own == 1 && self.room() > 0 {
            frame::put_reset(&mut self.out, self.next_own, ErrorCode::CANCEL);
            self.next_own += 2;
        }
    }

    /// Sends a response head, or an interim one; `is_end`: nothing follows.
    pub fn send_response(&mut self, key: Key, head: &Head, is_end: bool) {
        if self.may_send(key) {
            self.put_block(key.id, is_end, |out| message::encode_response(head, out));
            self.note_end(key, is_end);
        }
    }

    /// Sends trailers, which end the stream.
    pub fn send_trailers(&mut self, key: Key, head: &Head) {
        if self.may_send(key) {
            self.put_block(key.id, true, |out| message::encode_trailers(head, out));
            self.note_end(key, true);
        }
    }

    fn may_send(&mut self, key: Key) -> bool {
        self.streams
            .get(key)
            .is_some_and(|stream| stream.reset.is_none() && !stream.own_ended)
    }

    fn note_end(&mut self, key: Key, is_end: bool) {
        if is_end {
            if let Some(stream) = self.streams.get(key) {
                stream.own_ended = true;
            }
            self.settle(key);
        }
    }

    fn put_block(&mut self, id: u32, is_end: bool, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        let flags = if is_end { flag::END_STREAM } else { 0 };
        frame::put_header(&mut self.out, 0, frame::kind::HEADERS, flags, id);
        if std::mem::take(&mut self.peer.table_shrunk) {
            super::hpack::encode_empty_table(&mut self.out);
        }
        encode(&mut self.out);
        self.cut_block(start, id);
        self.last_frame = Some((id, start + FLAGS_AT));
    }

    /// Completes the frame at `start`, whose payload runs to the end, and puts CONTINUATION headers
    /// into it where the peer takes no longer frame.
    fn cut_block(&mut self, start: usize, id: u32) {
        let limit = self.peer.max_frame_size;
        let mut at = start;
        loop {
            let len = self.out.len() - at - HEADER_LEN;
            let is_last = len <= limit;
            let [_, l0, l1, l2] = count32(len.min(limit)).to_be_bytes();
            self.out[at..at + 3].copy_from_slice(&[l0, l1, l2]);
            if is_last {
                self.out[at + FLAGS_AT] |= flag::END_HEADERS;
                return;
            }
            let next = at + HEADER_LEN + limit;
            let header = frame::FrameHeader {
                len: 0,
                kind: frame::kind::CONTINUATION,
                flags: 0,
                stream: id,
            };
            self.out.splice(next..next, header.encode());
            at = next;
        }
    }

    /// Sends content: as much as windows and the backlog allow.
    pub fn write(&mut self, key: Key, slices: &[IoSlice<'_>]) -> Sent {
        let backlog = self.out.len() - self.sent;
        let connection = self.window;
        let Some(stream) = self.streams.get(key) else {
            return Sent::Gone;
        };
        if stream.reset.is_some() || stream.own_ended {
            return Sent::Gone;
        }
        let window = usize::try_from(stream.window.min(connection)).unwrap_or(0);
        let room = window.min(MAX_BACKLOG.saturating_sub(backlog));
        let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut left = room.min(wanted);
        stream.is_blocked = left < wanted;
        if left == 0 {
            return if wanted == 0 {
                Sent::Taken(0)
            } else {
                Sent::Full
            };
        }
        stream.window -= left as i64;
        self.window -= left as i64;
        let taken = left;
        let mut rest = slices.iter().map(|slice| &**slice);
        let mut slice: &[u8] = &[];
        while left > 0 {
            let mut len = left.min(self.peer.max_frame_size);
            left -= len;
            let at = self.out.len();
            frame::put_header(&mut self.out, len, frame::kind::DATA, 0, key.id);
            self.last_frame = Some((key.id, at + FLAGS_AT));
            while len > 0 {
                if slice.is_empty() {
                    slice = rest.next().unwrap_or_default();
                    continue;
                }
                let part = len.min(slice.len());
                self.out.extend_from_slice(&slice[..part]);
                slice = &slice[part..];
                len -= part;
            }
        }
        Sent::Taken(taken)
    }

    /// Says that nothing more comes on a stream: in its last frame if that has not left.
    pub fn finish(&mut self, key: Key) {
        if !self.may_send(key) {
            return;
        }
        match self.last_frame {
            Some((id, at)) if id == key.id && at >= self.sent => {
                self.out[at] |= flag::END_STREAM;
            }
            _ => frame::put_header(
                &mut self.out,
                0,
                frame::kind::DATA,
                flag::END_STREAM,
                key.id,
            ),
        }
        self.last_frame = None;
        self.note_end(key, true);
    }

    /// What is to leave.
    pub fn output(&self) -> &[u8] {
        &self.out[self.sent..]
    }

    /// So many bytes of it have left.
    pub fn advance(&mut self, len: usize) {
        let was_full = !self.wants_input();
        self.sent = (self.sent + len).min(self.out.len());
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
            self.last_frame = None;
            if self.out.capacity() > MAX_KEPT {
                self.out = Vec::new();
            }
            self.wake_blocked();
        } else if was_full && self.wants_input() {
            self.wake_blocked();
        }
    }

    pub(super) fn wake_blocked(&mut self) {
        for slot in self.streams.blocked() {
            self.touch(slot);
        }
    }
}

/// Where the flags are in a frame's header.
const FLAGS_AT: usize = 4;

/// The last number of a stream (RFC 9113 5.1.1).
const MAX_ID: u32 = (1 << 31) - 1;

/// Memory for output that is kept when it is empty.
const MAX_KEPT: usize = 64 * 1024;
