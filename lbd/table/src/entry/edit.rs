//! Changes of an entry while its shard is locked: events to count, values to set.
//!
//! It does not decide when an entry ends or who is told of a change; [`crate::Table`] does.

use lbd_core::bits::low32;
use lbd_core::freq::FreqCounter;
use lbd_core::time::Ticks;

use super::{EntryView, Gpc, Spot, long, rate, set_long, set_rate, tag, ticks};
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
        Some(self.row[at])
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
            result = Some(self.row[spot.at]);
        }
        self.is_changed |= result.is_some();
        result
    }

    /// Sets a general purpose counter to zero and tells what it was; its rate stays.
    pub fn clear_gpc(&mut self, which: Gpc) -> Option<u32> {
        let spot = which.places(self.context).0?;
        self.touch();
        Some(std::mem::take(&mut self.row[spot.at]))
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
        self.touch();
        is_number(data.kind())
    }

    /// Stores a value that a peer or a snapshot sent; it is not a change of ours.
    pub(crate) fn accept(&mut self, data: DataType, index: u32, value: Value<'_>) -> bool {
        let Some(at) = self.context.layout.at(data, index) else {
            return false;
        };
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
