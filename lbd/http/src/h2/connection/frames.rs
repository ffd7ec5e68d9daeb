//! What each frame does to the connection and its streams (RFC 9113 6).

use super::{
    Block, Connection, Content, ErrorCode, FrameHeader, HEADER_LEN, Head, Incoming, Key,
    MAX_CONTINUATIONS, MAX_WINDOW, Malformed, Reader, Role, Stage, What, flag, frame, setting,
};

type Done = Result<(), ErrorCode>;

impl Connection {
    /// The header of a DATA frame, and its padding's length.
    pub(super) fn begin_content(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
    ) -> Result<usize, ErrorCode> {
        let is_padded = header.has(flag::PADDED);
        let padding = match payload.first() {
            _ if !is_padded => 0,
            // What follows is the next frame's.
            _ if header.len == 0 => return Err(ErrorCode::FRAME_SIZE_ERROR),
            Some(len) => usize::from(*len),
            None => return Ok(0),
        };
        let overhead = padding + usize::from(is_padded);
        if overhead > header.len {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        self.charge_content(header)?;
        let left = header.len - overhead;
        if left == 0 && !header.has(flag::END_STREAM) {
            // Work for nothing.
            self.glitch();
        }
        self.content = Some(Content {
            stream: header.stream,
            left,
            padding,
            is_last: header.has(flag::END_STREAM),
        });
        self.end_content();
        Ok(HEADER_LEN + usize::from(is_padded))
    }

    /// Counts a DATA frame against both windows.
    fn charge_content(&mut self, header: &FrameHeader) -> Done {
        let len = header.len as i64;
        if header.stream == 0 {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        if self.credit < len {
            return Err(ErrorCode::FLOW_CONTROL_ERROR);
        }
        self.credit -= len;
        // What one stream may hold is bounded by its own window: the connection's is refilled.
        let target = i64::from(self.config.receive_buffer.max(super::DEFAULT_WINDOW));
        if target - self.credit >= target / 2 {
            // The target is a window of 31 bits and credit is not below 0.
            let due = u32::try_from(target - self.credit).unwrap_or_default();
            self.credit += i64::from(due);
            frame::put_credit(&mut self.out, 0, due);
            self.last_frame = None;
        }
        let Some(key) = self.streams.find(header.stream) else {
            return self.on_unknown(header.stream);
        };
        let (role, slack) = (self.config.role, self.slack());
        let Some(stream) = self.streams.get(key) else {
            return Ok(());
        };
        if let Some(code) = stream.reset {
            if code.is_some() {
                self.refuse_late(header.stream);
            }
            return Ok(());
        }
        if stream.peer_ended {
            self.stream_error(key, ErrorCode::STREAM_CLOSED);
        } else if role == Role::Client && !stream.has_head {
            self.stream_error(key, ErrorCode::PROTOCOL_ERROR);
        } else if stream.credit + slack < len {
            self.stream_error(key, ErrorCode::FLOW_CONTROL_ERROR);
        } else {
            stream.credit -= len;
        }
        Ok(())
    }

    /// A frame for a stream that does not exist.
    fn on_unknown(&mut self, id: u32) -> Done {
        let is_idle = if self.is_own(id) {
            id >= self.next_own
        } else {
            id > self.last_peer
        };
        if is_idle {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        self.refuse_late(id);
        Ok(())
    }

    /// Content for a stream that is over, unless it may have been under way when we ended it.
    fn refuse_late(&mut self, id: u32) {
        if self.is_under_way(id) {
            return;
        }
        self.glitch();
        super::count(&mut self.counters.stream_errors);
        super::count(&mut self.counters.resets_sent);
        frame::put_reset(&mut self.out, id, ErrorCode::STREAM_CLOSED);
        self.last_frame = None;
        self.remember(id);
    }

    /// Whether frames for a stream that is over may have left the peer before it knew.
    fn is_under_way(&self, id: u32) -> bool {
        let is_refused = self.is_own(id) && self.goaway_received.is_some_and(|last| id > last);
        self.recent.contains(&id) || self.is_beyond(id) || is_refused
    }

    fn is_own(&self, id: u32) -> bool {
        (id % 2 == 1) == (self.config.role == Role::Client)
    }

    /// Whether our GOAWAY said that this stream would not be looked at.
    fn is_beyond(&self, id: u32) -> bool {
        !self.is_own(id) && self.goaway_sent.is_some_and(|last| id > last)
    }

    /// Takes what has come of a DATA frame.
    pub(super) fn on_content(
        &mut self,
        input: &[u8],
        mut content: Content,
    ) -> Result<usize, ErrorCode> {
        let len = content.left.min(input.len());
        let padding = match content.left - len {
            0 => content.padding.min(input.len() - len),
            _ => 0,
        };
        if len > 0
            && let Some(key) = self.streams.find(content.stream)
        {
            self.store(key, &input[..len]);
        }
        content.left -= len;
        content.padding -= padding;
        self.content = Some(content);
        self.end_content();
        Ok(len + padding)
    }

    fn store(&mut self, key: Key, bytes: &[u8]) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        if stream.reset.is_some() {
            return;
        }
        if let Some(expected) = &mut stream.expected {
            match expected.checked_sub(bytes.len() as u64) {
                Some(left) => *expected = left,
                None => return self.stream_error(key, ErrorCode::PROTOCOL_ERROR),
            }
        }
        if stream.is_held {
            stream.data.extend_from_slice(bytes);
            self.touch(key.slot);
        }
    }

    /// Leaves a DATA frame that has come whole.
    fn end_content(&mut self) {
        let Some(content) = self.content else { return };
        if content.left > 0 || content.padding > 0 {
            return;
        }
        self.content = None;
        if content.is_last
            && let Some(key) = self.streams.find(content.stream)
        {
            self.on_end(key);
        }
    }

    /// The peer has sent its last on a stream.
    fn on_end(&mut self, key: Key) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        if stream.reset.is_some() || stream.peer_ended {
            return;
        }
        if stream.expected.is_some_and(|left| left > 0) {
            return self.stream_error(key, ErrorCode::PROTOCOL_ERROR);
        }
        stream.peer_ended = true;
        self.touch(key.slot);
        self.settle(key);
    }

    /// The peer's fault on one stream.
    fn stream_error(&mut self, key: Key, code: ErrorCode) {
        self.glitch();
        super::count(&mut self.counters.stream_errors);
        super::count(&mut self.counters.resets_sent);
        self.reset_stream(key, code);
        if let Some(stream) = self.streams.get(key) {
            stream.is_faulty = true;
        }
    }

    pub(super) fn on_headers(&mut self, header: &FrameHeader, payload: &[u8]) -> Done {
        if header.stream == 0 {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        let mut payload = payload;
        if header.has(flag::PADDED) {
            let [len, rest @ ..] = payload else {
                return Err(ErrorCode::FRAME_SIZE_ERROR);
            };
            let end = rest.len().checked_sub(usize::from(*len));
            payload = &rest[..end.ok_or(ErrorCode::PROTOCOL_ERROR)?];
        }
        if header.has(flag::PRIORITY) {
            let (priority, rest) = payload
                .split_at_checked(5)
                .ok_or(ErrorCode::FRAME_SIZE_ERROR)?;
            self.check_priority(header.stream, priority)?;
            payload = rest;
        }
        if header.has(flag::END_HEADERS) {
            return self.on_block(header.stream, header.flags, payload);
        }
        self.block.stream = header.stream;
        self.block.flags = header.flags;
        self.block.frames = 1;
        self.block.bytes.clear();
        self.grow_block(payload)
    }

    pub(super) fn on_continuation(&mut self, header: &FrameHeader, payload: &[u8]) -> Done {
        if self.block.stream == 0 {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        // Fields that fit a frame need none of these.
        self.glitch();
        self.block.frames += 1;
        self.grow_block(payload)?;
        if !header.has(flag::END_HEADERS) {
            return Ok(());
        }
        let block = std::mem::take(&mut self.block);
        let done = self.on_block(block.stream, block.flags, &block.bytes);
        self.block = Block {
            bytes: block.bytes,
            ..Block::default()
        };
        done
    }

    fn grow_block(&mut self, payload: &[u8]) -> Done {
        let is_long = self.block.bytes.len() + payload.len() > self.max_block();
        if is_long || self.block.frames > MAX_CONTINUATIONS {
            return Err(ErrorCode::ENHANCE_YOUR_CALM);
        }
        self.block.bytes.extend_from_slice(payload);
        Ok(())
    }

    /// Longest header block, and most that it may decode to: twice what a head may have, so that a
    /// message which is a little too long costs its stream only.
    fn max_block(&self) -> usize {
        2 * self.config.options.max_head_len.max(8192)
    }

    /// A header block is complete.
    fn on_block(&mut self, id: u32, flags: u8, block: &[u8]) -> Done {
        let is_end = flags & flag::END_STREAM != 0;
        if let Some(key) = self.streams.find(id) {
            return self.on_known_block(key, is_end, block);
        }
        let is_new = !self.is_own(id) && id > self.last_peer;
        if self.config.role == Role::Server && is_new {
            return self.on_request(id, is_end, block);
        }
        if self.is_under_way(id) {
            return self.skip_block(block);
        }
        self.counters.glitches = self.counters.glitches.saturating_add(1);
        // A number that never was, or one whose stream has ended (RFC 9113 5.1.1, 5.1).
        Err(if self.is_own(id) || self.config.role == Role::Client {
            ErrorCode::PROTOCOL_ERROR
        } else {
            ErrorCode::STREAM_CLOSED
        })
    }

    /// Decodes a block that nobody wants, for the tables' sake.
    fn skip_block(&mut self, block: &[u8]) -> Done {
        let limit = self.max_block();
        let decoded = self.decoder.decode(block, limit, |_, _| {});
        decoded.map_err(block_fault)
    }

    fn on_request(&mut self, id: u32, is_end: bool, block: &[u8]) -> Done {
        if self.goaway_sent.is_some() {
            return self.skip_block(block);
        }
        self.last_peer = id;
        self.counters.streams = self.counters.streams.saturating_add(1);
        let limit = self.config.max_concurrent;
        if limit > 0 && self.streams.len() >= limit as usize {
            self.glitch();
            self.skip_block(block)?;
            frame::put_reset(&mut self.out, id, ErrorCode::REFUSED_STREAM);
            self.last_frame = None;
            self.remember(id);
            return Ok(());
        }
        let (head, read) = self.read_head(What::Request, block, |reader| reader.request(is_end))?;
        let (window, credit) = (self.first_window(), self.first_credit());
        let key = self.streams.insert(id, window, credit);
        match read {
            Ok(incoming) => self.on_message(key, head, incoming, is_end),
            Err(Malformed) => {
                self.keep_head(head);
                self.stream_error(key, ErrorCode::PROTOCOL_ERROR);
            }
        }
        self.accepted.push_back(key);
        let total = self.config.max_total;
        if total > 0 && self.counters.streams >= total {
            self.say_goodbye();
        }
        Ok(())
    }

    fn read_head(
        &mut self,
        what: What,
        block: &[u8],
        finish: impl FnOnce(Reader<'_>) -> Result<Incoming, Malformed>,
    ) -> Result<(Head, Result<Incoming, Malformed>), ErrorCode> {
        let limit = self.max_block();
        let mut head = self.spare.pop().unwrap_or_default();
        head.set_max_len(self.config.options.max_head_len);
        let fields = self.config.options.max_headers;
        let mut reader = Reader::new(&mut head, &mut self.scratch, what, fields);
        let decoded = self
            .decoder
            .decode(block, limit, |name, value| reader.field(name, value));
        decoded.map_err(block_fault)?;
        let read = finish(reader);
        Ok((head, read))
    }

    fn on_message(&mut self, key: Key, head: Head, incoming: Incoming, is_end: bool) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        stream.expected = incoming.length;
        stream.has_head = !incoming.parsed.informational;
        stream.is_tunnel = incoming.parsed.tunnel;
        stream.heads.push_back((head, incoming));
        stream.peer_ended = is_end;
        self.touch(key.slot);
        if !is_end {
            self.grant(key);
        }
    }

    /// A block on a stream that is there: trailers, or a response.
    fn on_known_block(&mut self, key: Key, is_end: bool, block: &[u8]) -> Done {
        let role = self.config.role;
        let Some(stream) = self.streams.get(key) else {
            return self.skip_block(block);
        };
        if let Some(code) = stream.reset {
            // Fields would open again what the peer itself has reset (RFC 9113 5.1).
            return match code.is_some() && !self.is_under_way(key.id) {
                true => Err(ErrorCode::STREAM_CLOSED),
                false => self.skip_block(block),
            };
        }
        if stream.peer_ended {
            self.skip_block(block)?;
            self.stream_error(key, ErrorCode::STREAM_CLOSED);
            return Ok(());
        }
        if role == Role::Client && !stream.has_head {
            return self.on_response(key, is_end, block);
        }
        let is_tunnel = stream.is_tunnel;
        let (head, read) = self.read_head(What::Trailers, block, |reader| {
            reader.trailers().map(|()| Incoming::default())
        })?;
        if read.is_err() || !is_end || is_tunnel {
            self.keep_head(head);
            self.stream_error(key, ErrorCode::PROTOCOL_ERROR);
            return Ok(());
        }
        if let Some(stream) = self.streams.get(key) {
            stream.trailers = Some(head).filter(|head| !head.is_empty());
        }
        self.on_end(key);
        Ok(())
    }

    fn on_response(&mut self, key: Key, is_end: bool, block: &[u8]) -> Done {
        let Some(stream) = self.streams.get(key) else {
            return self.skip_block(block);
        };
        let (request, waiting) = (stream.request, stream.heads.len());
        let (head, read) = self.read_head(What::Response, block, |reader| {
            reader.response(is_end, &request)
        })?;
        match read {
            Ok(incoming) if waiting < MAX_INTERIM || !incoming.parsed.informational => {
                self.on_message(key, head, incoming, is_end);
                self.settle(key);
            }
            _ => {
                self.keep_head(head);
                self.stream_error(key, ErrorCode::PROTOCOL_ERROR);
            }
        }
        Ok(())
    }

    pub(super) fn on_priority(&mut self, header: &FrameHeader, payload: &[u8]) -> Done {
        if header.stream == 0 {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        if payload.len() != 5 {
            return Err(ErrorCode::FRAME_SIZE_ERROR);
        }
        self.check_priority(header.stream, payload)
    }

    /// Priorities are ignored but for a stream that depends on itself (RFC 7540 5.3.1).
    fn check_priority(&mut self, stream: u32, payload: &[u8]) -> Done {
        let [a, b, c, d, _] = *payload else {
            return Err(ErrorCode::FRAME_SIZE_ERROR);
        };
        if u32::from_be_bytes([a & 0x7f, b, c, d]) == stream {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        Ok(())
    }

    pub(super) fn on_reset(&mut self, header: &FrameHeader, payload: &[u8]) -> Done {
        let [a, b, c, d] = *payload else {
            return Err(ErrorCode::FRAME_SIZE_ERROR);
        };
        if header.stream == 0 {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        let code = ErrorCode(u32::from_be_bytes([a, b, c, d]));
        self.counters.resets = self.counters.resets.saturating_add(1);
        let Some(key) = self.streams.find(header.stream) else {
            let is_idle = match self.is_own(header.stream) {
                true => header.stream >= self.next_own,
                false => header.stream > self.last_peer,
            };
            return if is_idle {
                Err(ErrorCode::PROTOCOL_ERROR)
            } else {
                Ok(())
            };
        };
        if let Some(stream) = self.streams.get(key) {
            // A response that is whole stays so (RFC 9113 8.1).
            let is_whole = stream.peer_ended && code == ErrorCode::NO_ERROR;
            if !is_whole {
                stream.reset.get_or_insert(Some(code));
            }
            stream.own_ended = true;
        }
        self.touch(key.slot);
        self.settle(key);
        Ok(())
    }

    pub(super) fn on_settings(&mut self, header: &FrameHeader, payload: &[u8]) -> Done {
        if header.stream != 0 {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        let is_whole = payload.len().is_multiple_of(6);
        if header.has(flag::ACK) {
            self.is_acknowledged = true;
            return if payload.is_empty() {
                Ok(())
            } else {
                Err(ErrorCode::FRAME_SIZE_ERROR)
            };
        }
        if !is_whole {
            return Err(ErrorCode::FRAME_SIZE_ERROR);
        }
        if payload.len() > MAX_SETTINGS * 6 {
            return Err(ErrorCode::ENHANCE_YOUR_CALM);
        }
        if self.peer.is_known {
            // Once is usual.
            self.glitch();
        }
        for entry in payload.chunks_exact(6) {
            let [i0, i1, v0, v1, v2, v3] = *entry else {
                continue;
            };
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            self.set(u16::from_be_bytes([i0, i1]), value)?;
        }
        self.peer.is_known = true;
        self.stage = Stage::Frames;
        frame::put_header(&mut self.out, 0, frame::kind::SETTINGS, flag::ACK, 0);
        self.last_frame = None;
        Ok(())
    }

    fn set(&mut self, id: u16, value: u32) -> Done {
        match id {
            setting::HEADER_TABLE_SIZE => self.peer.table_shrunk |= value < 4096,
            setting::ENABLE_PUSH if value > 1 => return Err(ErrorCode::PROTOCOL_ERROR),
            setting::ENABLE_PUSH if value == 1 && self.config.role == Role::Client => {
                return Err(ErrorCode::PROTOCOL_ERROR);
            }
            setting::MAX_CONCURRENT_STREAMS => self.peer.max_concurrent = value,
            setting::INITIAL_WINDOW_SIZE => {
                if value > MAX_WINDOW {
                    return Err(ErrorCode::FLOW_CONTROL_ERROR);
                }
                let change = i64::from(value) - self.peer.initial_window;
                self.peer.initial_window = i64::from(value);
                for slot in self.streams.all_slots() {
                    if let Some(stream) = self.streams.at(slot) {
                        stream.window += change;
                        if stream.window > i64::from(MAX_WINDOW) {
                            return Err(ErrorCode::FLOW_CONTROL_ERROR);
                        }
                    }
                    self.touch(slot);
                }
            }
            setting::MAX_FRAME_SIZE => {
                let size = value as usize;
                if !(super::DEFAULT_FRAME_SIZE..1 << 24).contains(&size) {
                    return Err(ErrorCode::PROTOCOL_ERROR);
                }
                self.peer.max_frame_size = size;
            }
            setting::ENABLE_CONNECT_PROTOCOL => match value {
                0 if self.peer.extended_connect => return Err(ErrorCode::PROTOCOL_ERROR),
                0 | 1 => self.peer.extended_connect = value == 1,
                _ => return Err(ErrorCode::PROTOCOL_ERROR),
            },
            _ => {}
        }
        Ok(())
    }

    pub(super) fn on_ping(&mut self, header: &FrameHeader, payload: &[u8]) -> Done {
        if header.stream != 0 {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        if payload.len() != 8 {
            return Err(ErrorCode::FRAME_SIZE_ERROR);
        }
        if !header.has(flag::ACK) {
            frame::put_pong(&mut self.out, payload);
            self.last_frame = None;
        } else if payload == frame::PING_PAYLOAD {
            self.awaits_pong = false;
        }
        Ok(())
    }

    pub(super) fn on_goaway(&mut self, header: &FrameHeader, payload: &[u8]) -> Done {
        if header.stream != 0 {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        let [a, b, c, d, _, _, _, _, ..] = *payload else {
            return Err(ErrorCode::FRAME_SIZE_ERROR);
        };
        let last = u32::from_be_bytes([a & 0x7f, b, c, d]);
        let last = self.goaway_received.map_or(last, |had| had.min(last));
        self.goaway_received = Some(last);
        if self.config.role == Role::Client {
            for slot in self.streams.all_slots() {
                if let Some(stream) = self.streams.at(slot)
                    && stream.id > last
                    && !stream.has_head
                {
                    // Never looked at: may be tried again elsewhere.
                    stream.reset.get_or_insert(Some(ErrorCode::REFUSED_STREAM));
                    self.touch(slot);
                }
            }
        }
        Ok(())
    }

    pub(super) fn on_credit(&mut self, header: &FrameHeader, payload: &[u8]) -> Done {
        let [a, b, c, d] = *payload else {
            return Err(ErrorCode::FRAME_SIZE_ERROR);
        };
        let credit = i64::from(u32::from_be_bytes([a & 0x7f, b, c, d]));
        if header.stream == 0 {
            if credit == 0 {
                return Err(ErrorCode::PROTOCOL_ERROR);
            }
            self.window += credit;
            if self.window > i64::from(MAX_WINDOW) {
                return Err(ErrorCode::FLOW_CONTROL_ERROR);
            }
            self.wake_blocked();
            return Ok(());
        }
        let Some(key) = self.streams.find(header.stream) else {
            let is_idle = match self.is_own(header.stream) {
                true => header.stream >= self.next_own,
                false => header.stream > self.last_peer,
            };
            return if is_idle {
                Err(ErrorCode::PROTOCOL_ERROR)
            } else {
                Ok(())
            };
        };
        let Some(stream) = self.streams.get(key) else {
            return Ok(());
        };
        if credit == 0 {
            self.stream_error(key, ErrorCode::PROTOCOL_ERROR);
            return Ok(());
        }
        stream.window += credit;
        if stream.window > i64::from(MAX_WINDOW) {
            self.stream_error(key, ErrorCode::FLOW_CONTROL_ERROR);
        } else if stream.is_blocked {
            self.touch(key.slot);
        }
        Ok(())
    }
}

fn block_fault(error: super::hpack::BlockError) -> ErrorCode {
    match error {
        super::hpack::BlockError::TooLarge => ErrorCode::ENHANCE_YOUR_CALM,
        _ => ErrorCode::COMPRESSION_ERROR,
    }
}

/// Interim responses that wait to be taken.
const MAX_INTERIM: usize = 8;

/// Entries of one SETTINGS frame.
const MAX_SETTINGS: usize = 64;
