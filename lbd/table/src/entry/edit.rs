//! Changes of an entry while its shard is locked: events to count, values to set.
//!
//! It does not decide when an entry ends or who is told of a change; [`crate::Table`] does.

use lbd_core::bits::low32;
use lbd_core::freq::FreqCounter;
use lbd_core::time::Ticks;

use super::{EntryView, Gpc, Spot, long, rate, set_long, set_rate, shared, tag, ticks};
use crate::data::{DataType, Kind, Value};
use crate::schema::is_number;
use crate::shard::Context;
use crate::table::EntryId;

/// An entry to change. Counting says whether something stored was changed; if so the table starts
/// the entry's time anew and tells peers.
pub struct EntryMut<'a> {
    pub(crate) context: &'a Context,
    pub(crate) row: &'a mut [u32],
    pub(crate) long_key: &'a [u8],
    pub(crate) now_ms: u64,
    pub(crate) id: EntryId,
    pub(crate) is_new: bool,
    pub(crate) is_changed: bool,
}

impl std::fmt::Debug for EntryMut<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(f)
    }
}

impl EntryMut<'_> {
    /// The same to read.
    pub fn view(&self) -> EntryView<'_> {
        EntryView {
            context: self.context,
            row: self.row,
            long_key: self.long_key,
            now_ms: self.now_ms,
            id: self.id,
        }
    }

    /// Whether this call created it.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Starts its time anew and tells peers though nothing is changed (a match of `stick on`).
    pub fn touch(&mut self) {
        self.is_changed = true;
    }

    /// A tracker begins: `conn_cur`, `conn_cnt`, `conn_rate`.
    pub fn start_connection(&mut self) {
        self.add(DataType::ConnCur, 1);
        self.add(DataType::ConnCnt, 1);
        self.add_rate(DataType::ConnRate, 1);
        self.touch();
    }

    /// A tracker ends: `conn_cur`, not below zero.
    pub fn end_connection(&mut self) {
        if let Some(at) = self.context.layout.at(DataType::ConnCur, 0) {
            self.row[at] = self.row[at].saturating_sub(1);
            self.touch();
        }
    }

    /// A connection without tracker (`src_updt_conn_cnt`): the new `conn_cnt`.
    pub fn count_connection(&mut self) -> Option<u32> {
        let at = self.context.layout.at(DataType::ConnCnt, 0)?;
        self.add(DataType::ConnCnt, 1);
        Some(shared::sum(
            &self.context.layout,
            self.row,
            DataType::ConnCnt,
            at,
        ))
    }

    /// A session: `sess_cnt`, `sess_rate`.
    pub fn count_session(&mut self) {
        self.count(DataType::SessCnt, DataType::SessRate, 1);
    }

    /// A request: `http_req_cnt`, `http_req_rate`.
    pub fn count_request(&mut self) {
        self.count(DataType::HttpReqCnt, DataType::HttpReqRate, 1);
    }

    /// An error of the client: `http_err_cnt`, `http_err_rate`.
    pub fn count_error(&mut self) {
        self.count(DataType::HttpErrCnt, DataType::HttpErrRate, 1);
    }

    /// A failure of the server: `http_fail_cnt`, `http_fail_rate`.
    pub fn count_failure(&mut self) {
        self.count(DataType::HttpFailCnt, DataType::HttpFailRate, 1);
    }

    /// Glitches of a client's connection: `glitch_cnt`, `glitch_rate`.
    pub fn count_glitches(&mut self, glitches: u32) {
        self.count(DataType::GlitchCnt, DataType::GlitchRate, glitches);
    }

    /// Bytes from the client: `bytes_in_cnt`, `bytes_in_rate`.
    pub fn count_bytes_in(&mut self, bytes: u64) {
        self.count_bytes(DataType::BytesInCnt, DataType::BytesInRate, bytes);
    }

    /// Bytes to the client: `bytes_out_cnt`, `bytes_out_rate`.
    pub fn count_bytes_out(&mut self, bytes: u64) {
        self.count_bytes(DataType::BytesOutCnt, DataType::BytesOutRate, bytes);
    }

    /// Adds to a general purpose counter and to its rate. Tells the new count, or the events of the
    /// rate's current period where no count is stored; none where neither is.
    pub fn add_gpc(&mut self, which: Gpc, added: u32) -> Option<u32> {
        let (count, rate) = which.places(self.context);
        let mut result = None;
        if let Some(spot) = rate {
            result = Some(self.add_rate_at(spot, added));
        }
        if let Some(spot) = count {
            self.row[spot.at] = self.row[spot.at].wrapping_add(added);
            let layout = &self.context.layout;
            result = Some(shared::sum(layout, self.row, spot.data, spot.at));
        }
        self.is_changed |= result.is_some();
        result
    }

    /// Sets a general purpose counter to zero and tells what it was; its rate stays.
    pub fn clear_gpc(&mut self, which: Gpc) -> Option<u32> {
        let spot = which.places(self.context).0?;
        self.touch();
        let was = shared::sum(&self.context.layout, self.row, spot.data, spot.at);
        self.row[spot.at] = 0;
        self.begin_epoch(spot.data, spot.at);
        Some(was)
    }

    /// Sets a general purpose tag; the first one may be stored as `gpt0` or in `gpt`.
    pub fn set_gpt(&mut self, index: u32, value: u32) -> bool {
        let Some(spot) = tag(self.context, index) else {
            return false;
        };
        self.row[spot.at] = value;
        self.touch();
        true
    }

    /// Sets the server that the entry sticks to.
    pub fn set_server_id(&mut self, id: i32) {
        if let Some(at) = self.context.layout.at(DataType::ServerId, 0) {
            self.row[at] = id.cast_unsigned();
            self.touch();
        }
    }

    /// Sets the name or address of the server that the entry sticks to. Where the dictionary is
    /// full the entry has none.
    pub fn set_server_key(&mut self, name: &str) {
        if let Some(at) = self.context.layout.at(DataType::ServerKey, 0) {
            self.replace_name(at, Some(name));
            self.touch();
        }
    }

    /// Sets a value as `set table` does: a rate gets `value` events in a period that begins now.
    /// Says whether it is stored and is a number.
    pub fn set(&mut self, data: DataType, index: u32, value: i64) -> bool {
        let Some(at) = self.context.layout.at(data, index) else {
            return false;
        };
        match data.kind() {
            // The low bits, as the reference takes them.
            Kind::Unsigned | Kind::Signed => self.row[at] = low32(value.cast_unsigned()),
            Kind::Long => set_long(self.row, at, value.cast_unsigned()),
            Kind::Rate => {
                let counter = FreqCounter {
                    start: Ticks(ticks(self.now_ms).0 & !1),
                    current: low32(value.cast_unsigned()),
                    previous: 0,
                };
                set_rate(self.row, at, counter);
            }
            Kind::Name => {}
        }
        self.begin_epoch(data, at);
        self.touch();
        is_number(data.kind())
    }

    /// Stores a value that a peer or a snapshot sent; it is not a change of ours.
    pub(crate) fn accept(&mut self, data: DataType, index: u32, value: Value<'_>) -> bool {
        let Some(at) = self.context.layout.at(data, index) else {
            return false;
        };
        if self.context.layout.is_shared(data) {
            self.accept_sum(data, at, value);
            return true;
        }
        match (data.kind(), value) {
            (Kind::Unsigned, Value::Unsigned(value)) => self.row[at] = value,
            (Kind::Signed, Value::Signed(value)) => self.row[at] = value.cast_unsigned(),
            (Kind::Long, Value::Long(value)) => set_long(self.row, at, value),
            (Kind::Rate, Value::Rate(value)) => {
                let period = self.context.layout.period_ms(data);
                set_rate(self.row, at, value.counter(ticks(self.now_ms), period));
            }
            // A peer without a name leaves ours.
            (Kind::Name, Value::Name(Some(name))) => self.replace_name(at, Some(name)),
            (Kind::Name, Value::Name(None)) => {}
            _ => return false,
        }
        true
    }

    /// A value was said and not counted: other nodes' parts of it are over, and those that come and
    /// were made without knowing of it do not count.
    fn begin_epoch(&mut self, data: DataType, at: usize) {
        let layout = &self.context.layout;
        if !layout.is_shared(data) {
            return;
        }
        let words = data.kind().words();
        for node in 0..layout.nodes {
            let at = layout.of_node(at, node);
            self.row[at..at + words].fill(0);
        }
        if let Some(at) = layout.epoch_at() {
            self.row[at] = self.row[at].wrapping_add(1);
        }
    }

    /// Stores a peer's value of the whole counter as ours, but for what other nodes have of it.
    fn accept_sum(&mut self, data: DataType, at: usize, value: Value<'_>) {
        let layout = &self.context.layout;
        let now = ticks(self.now_ms);
        match value {
            Value::Unsigned(value) => {
                let others = shared::sum(layout, self.row, data, at).wrapping_sub(self.row[at]);
                self.row[at] = value.saturating_sub(others);
            }
            Value::Long(value) => {
                let own = long(self.row, at);
                let others = shared::sum_long(layout, self.row, data, at).wrapping_sub(own);
                set_long(self.row, at, value.saturating_sub(others));
            }
            Value::Rate(value) => {
                let period = layout.period_ms(data);
                set_rate(self.row, at, FreqCounter::default());
                let others = shared::merged(layout, self.row, data, at, now);
                let mut counter = value.counter(now, period);
                if others.read(now, period) != 0 {
                    counter.current = counter.current.saturating_sub(others.current);
                    counter.previous = counter.previous.saturating_sub(others.previous);
                }
                set_rate(self.row, at, counter);
            }
            Value::Signed(_) | Value::Name(_) => {}
        }
    }

    /// Stores another node's part of a counter, or a value of which there is one for all.
    pub(crate) fn accept_of(&mut self, node: usize, data: DataType, index: u32, value: Value<'_>) {
        let layout = &self.context.layout;
        let Some(own) = layout.at(data, index) else {
            return;
        };
        if !layout.is_shared(data) {
            self.accept(data, index, value);
            return;
        }
        let at = layout.of_node(own, node);
        self.put_part(data, at, value);
    }

    /// Makes another node's part of a counter what is told of it, where that is more. Of rates the one
    /// that began later is, and of two that began at about the same time the one with more events.
    pub(crate) fn raise_of(&mut self, node: usize, data: DataType, index: u32, value: Value<'_>) {
        let layout = &self.context.layout;
        let Some(own) = layout.at(data, index).filter(|_| layout.is_shared(data)) else {
            return;
        };
        let at = layout.of_node(own, node);
        let is_more = match value {
            Value::Unsigned(told) => told > self.row[at],
            Value::Long(told) => told > long(self.row, at),
            Value::Rate(told) => {
                let period = layout.period_ms(data);
                let (told, known) = (told.counter(ticks(self.now_ms), period), rate(self.row, at));
                let events = |counter: &FreqCounter| (counter.current, counter.previous);
                let ahead = told.start.0.wrapping_sub(known.start.0).cast_signed();
                let is_apart = ahead.unsigned_abs() > period / 2;
                match (events(&told), events(&known)) {
                    ((0, 0), _) => false,
                    (_, (0, 0)) => true,
                    _ if is_apart => ahead > 0,
                    (told, known) => told > known,
                }
            }
            Value::Signed(_) | Value::Name(_) => false,
        };
        if is_more {
            self.put_part(data, at, value);
        }
    }

    /// Adds what others knew of our part to what was counted since. Of a part that is of a snapshot
    /// the larger one counts: the snapshot's is in what others knew.
    pub(crate) fn adopt(
        &mut self,
        data: DataType,
        index: u32,
        value: Value<'_>,
        is_restored: bool,
    ) {
        let Some(at) = self.context.layout.at(data, index) else {
            return;
        };
        if data.is_local() || !self.context.layout.is_shared(data) {
            return;
        }
        match value {
            Value::Unsigned(value) => {
                self.row[at] = match is_restored {
                    true => self.row[at].max(value),
                    false => self.row[at].wrapping_add(value),
                };
            }
            Value::Long(value) => {
                let own = long(self.row, at);
                let sum = match is_restored {
                    true => own.max(value),
                    false => own.wrapping_add(value),
                };
                set_long(self.row, at, sum);
            }
            Value::Rate(value) => {
                let (now, period) = (ticks(self.now_ms), self.context.layout.period_ms(data));
                if is_restored {
                    let (own, theirs) = (rate(self.row, at), value.counter(now, period));
                    if theirs.read(now, period) > own.read(now, period) {
                        set_rate(self.row, at, theirs);
                    }
                    return;
                }
                let before = value.counter(now, period);
                let since = rate(self.row, at);
                let mut sum = before;
                let (count, past) = (since.current, since.previous);
                sum.add(now, period, count.saturating_add(past));
                let is_new = (before.current, before.previous) == (0, 0);
                set_rate(self.row, at, if is_new { since } else { sum });
            }
            Value::Signed(_) | Value::Name(_) => {}
        }
    }

    /// Takes out of our part what is another node's, beyond what was known to be.
    pub(crate) fn uncount(&mut self, node: usize, data: DataType, index: u32, value: Value<'_>) {
        let layout = &self.context.layout;
        let Some(at) = layout.at(data, index).filter(|_| layout.is_shared(data)) else {
            return;
        };
        let theirs = layout.of_node(at, node);
        match value {
            Value::Unsigned(value) => {
                let more = value.saturating_sub(self.row[theirs]);
                self.row[at] = self.row[at].saturating_sub(more);
            }
            Value::Long(value) => {
                let more = value.saturating_sub(long(self.row, theirs));
                let left = long(self.row, at).saturating_sub(more);
                set_long(self.row, at, left);
            }
            Value::Rate(value) => {
                let known = rate(self.row, theirs);
                let mut own = rate(self.row, at);
                let less = |ours: u32, theirs: u32, known: u32| {
                    ours.saturating_sub(theirs.saturating_sub(known))
                };
                own.current = less(own.current, value.current, known.current);
                own.previous = less(own.previous, value.previous, known.previous);
                set_rate(self.row, at, own);
            }
            Value::Signed(_) | Value::Name(_) => {}
        }
    }

    /// Whether our part of a counter is that; true of values that have no parts.
    pub(crate) fn is_own(&self, data: DataType, index: u32, value: Value<'_>) -> bool {
        let layout = &self.context.layout;
        let Some(at) = layout.at(data, index).filter(|_| layout.is_shared(data)) else {
            return true;
        };
        match value {
            Value::Unsigned(value) => self.row[at] == value,
            Value::Long(value) => long(self.row, at) == value,
            Value::Rate(value) => {
                let (now, period) = (ticks(self.now_ms), layout.period_ms(data));
                let theirs = value.counter(now, period);
                rate(self.row, at).read(now, period) == theirs.read(now, period)
            }
            Value::Signed(_) | Value::Name(_) => true,
        }
    }

    fn put_part(&mut self, data: DataType, at: usize, value: Value<'_>) {
        match value {
            Value::Unsigned(value) => self.row[at] = value,
            Value::Long(value) => set_long(self.row, at, value),
            Value::Rate(value) => {
                let period = self.context.layout.period_ms(data);
                set_rate(self.row, at, value.counter(ticks(self.now_ms), period));
            }
            Value::Signed(_) | Value::Name(_) => {}
        }
    }

    fn replace_name(&mut self, at: usize, name: Option<&str>) {
        let dictionary = &self.context.dictionary;
        let new = name.and_then(|name| dictionary.acquire(name)).unwrap_or(0);
        let old = std::mem::replace(&mut self.row[at], new);
        if old != 0 {
            dictionary.release(old);
        }
    }

    #[inline]
    fn count(&mut self, count: DataType, rate: DataType, events: u32) {
        self.add(count, events);
        self.add_rate(rate, events);
    }

    fn count_bytes(&mut self, count: DataType, rate: DataType, bytes: u64) {
        if let Some(at) = self.context.layout.at(count, 0) {
            let sum = long(self.row, at).wrapping_add(bytes);
            set_long(self.row, at, sum);
            self.touch();
        }
        let units = bytes.div_ceil(u64::from(self.context.layout.brates_factor));
        self.add_rate(rate, u32::try_from(units).unwrap_or(u32::MAX));
    }

    #[inline]
    fn add(&mut self, data: DataType, added: u32) {
        if let Some(at) = self.context.layout.at(data, 0) {
            self.row[at] = self.row[at].wrapping_add(added);
            self.is_changed = true;
        }
    }

    #[inline]
    fn add_rate(&mut self, data: DataType, events: u32) {
        if let Some(spot) = Spot::of(self.context, data, 0) {
            self.add_rate_at(spot, events);
            self.is_changed = true;
        }
    }

    #[inline]
    fn add_rate_at(&mut self, spot: Spot, events: u32) -> u32 {
        let mut counter = rate(self.row, spot.at);
        let period = self.context.layout.period_ms(spot.data);
        counter.add(ticks(self.now_ms), period, events);
        set_rate(self.row, spot.at, counter);
        counter.current
    }
}
