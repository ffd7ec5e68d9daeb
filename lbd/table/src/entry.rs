//! What callers see of an entry while its shard is locked: values to read, events to count.
//!
//! It does not decide when an entry ends or who is told of a change; [`crate::Table`] does.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lbd_core::freq::FreqCounter;
use lbd_core::time::Ticks;

use crate::data::{DataType, Kind, Rate, Value};
use crate::key;
use crate::schema::is_number;
use crate::shard::{Context, slab};
use crate::table::EntryId;

/// A general purpose counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gpc {
    /// Element of the arrays `gpc` and `gpc_rate`.
    At(u32),
    /// `gpc0` and `gpc0_rate`, or the first elements of the arrays.
    First,
    /// `gpc1` and `gpc1_rate`, or the second elements of the arrays.
    Second,
}

impl Gpc {
    fn places(self, context: &Context) -> (Option<Spot>, Option<Spot>) {
        let (count, rate, index) = match self {
            Self::At(index) => (DataType::Gpc, DataType::GpcRate, index),
            Self::First => (DataType::Gpc0, DataType::Gpc0Rate, 0),
            Self::Second => (DataType::Gpc1, DataType::Gpc1Rate, 1),
        };
        let spot = |single: DataType, array: DataType| {
            let single_index = if single.is_array() { index } else { 0 };
            Spot::of(context, single, single_index).or_else(|| Spot::of(context, array, index))
        };
        (spot(count, DataType::Gpc), spot(rate, DataType::GpcRate))
    }
}

/// A stored value: where it lies, and its period.
#[derive(Clone, Copy)]
struct Spot {
    at: usize,
    data: DataType,
}

impl Spot {
    #[inline]
    fn of(context: &Context, data: DataType, index: u32) -> Option<Self> {
        let at = context.layout.at(data, index)?;
        Some(Self { at, data })
    }
}

/// An entry to read.
#[derive(Clone, Copy)]
pub struct EntryView<'a> {
    pub(crate) context: &'a Context,
    pub(crate) row: &'a [u32],
    pub(crate) long_key: &'a [u8],
    pub(crate) now_ms: u64,
    pub(crate) id: EntryId,
}

impl std::fmt::Debug for EntryView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EntryView")
            .field("id", &self.id)
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}

impl EntryView<'_> {
    /// The bytes of its key; a number's are in the machine's own order.
    pub fn key(&self) -> &[u8] {
        let layout = &self.context.layout;
        if layout.key.is_inline() {
            return key::load_inline(&self.row[slab::HEADER..layout.data_at], layout.key);
        }
        self.long_key
    }

    /// Its place in the table, as `show table` prints it.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// How many trackers refer to it.
    pub fn trackers(&self) -> u32 {
        slab::refs(self.row)
    }

    /// Milliseconds until it is over; zero in a table without expiry.
    pub fn expires_in_ms(&self) -> u32 {
        match self.context.layout.expire_ms {
            Some(_) => {
                let left = slab::deadline(self.row).saturating_sub(self.now_ms);
                u32::try_from(left).unwrap_or(u32::MAX)
            }
            None => 0,
        }
    }

    /// Milliseconds since it was last used; zero in a table without expiry.
    pub fn idle_ms(&self) -> u32 {
        let full = self.context.layout.expire_ms.unwrap_or(0);
        full.saturating_sub(self.expires_in_ms())
    }

    /// Whether its last change was made here and not learned from a peer.
    pub fn is_local(&self) -> bool {
        slab::has(self.row, slab::LOCAL)
    }

    /// The shard of the `peers` section that it goes to; 0 when the section has none.
    pub fn peer_shard(&self) -> u32 {
        let shards = self.context.peer_shards.load(Ordering::Relaxed);
        key::peer_shard(self.key(), self.context.shard_seed, shards)
    }

    /// Whether that type and element is stored.
    pub fn has(&self, data: DataType, index: u32) -> bool {
        self.context.layout.at(data, index).is_some()
    }

    /// A value as commands and rules compare it: counters as they are, rates as events in the
    /// period, byte rates times `brates-factor`, a `server_key` as 0. None when it is not stored.
    pub fn number(&self, data: DataType, index: u32) -> Option<i64> {
        let at = self.context.layout.at(data, index)?;
        Some(match data.kind() {
            Kind::Unsigned => i64::from(self.row[at]),
            Kind::Signed => i64::from(self.row[at] as i32),
            Kind::Long => long(self.row, at) as i64,
            Kind::Name => 0,
            Kind::Rate => {
                let period = self.context.layout.period_ms(data);
                let rate = rate(self.row, at).read(self.ticks(), period);
                if data.is_byte_rate() {
                    i64::from(rate) * i64::from(self.context.layout.brates_factor)
                } else {
                    i64::from(rate)
                }
            }
        })
    }

    /// A rate's counter and its period in milliseconds.
    pub fn rate_counter(&self, data: DataType, index: u32) -> Option<(FreqCounter, u32)> {
        let at = self.context.layout.at(data, index)?;
        (data.kind() == Kind::Rate)
            .then(|| (rate(self.row, at), self.context.layout.period_ms(data)))
    }

    /// The count of a general purpose counter.
    pub fn gpc(&self, which: Gpc) -> Option<u32> {
        let (count, _) = which.places(self.context);
        count.map(|spot| self.row[spot.at])
    }

    /// The rate of a general purpose counter.
    pub fn gpc_rate(&self, which: Gpc) -> Option<u32> {
        let spot = which.places(self.context).1?;
        let period = self.context.layout.period_ms(spot.data);
        Some(rate(self.row, spot.at).read(self.ticks(), period))
    }

    /// A general purpose tag; the first one may be stored as `gpt0` or in `gpt`.
    pub fn gpt(&self, index: u32) -> Option<u32> {
        tag(self.context, index).map(|spot| self.row[spot.at])
    }

    /// The id of the server that it sticks to; none when none is stored or known.
    pub fn server_id(&self) -> Option<i32> {
        let at = self.context.layout.at(DataType::ServerId, 0)?;
        Some(self.row[at] as i32).filter(|&id| id != 0)
    }

    /// The name or address of the server that it sticks to.
    pub fn server_key(&self) -> Option<Arc<str>> {
        let at = self.context.layout.at(DataType::ServerKey, 0)?;
        self.context.dictionary.text(self.row[at])
    }

    /// Every stored value in the order of the peers protocol.
    pub fn values(&self, mut take: impl FnMut(DataType, u32, Value<'_>)) {
        for (data, index) in self.context.layout.all() {
            let Some(at) = self.context.layout.at(data, index) else {
                continue;
            };
            match data.kind() {
                Kind::Unsigned => take(data, index, Value::Unsigned(self.row[at])),
                Kind::Signed => take(data, index, Value::Signed(self.row[at] as i32)),
                Kind::Long => take(data, index, Value::Long(long(self.row, at))),
                Kind::Rate => {
                    let rate = Rate::of(&rate(self.row, at), self.ticks());
                    take(data, index, Value::Rate(rate));
                }
                Kind::Name => {
                    let name = self.server_key();
                    take(data, index, Value::Name(name.as_deref()));
                }
            }
        }
    }

    /// The line of `show table`, with its end of line.
    pub fn write_line(&self, out: &mut String) {
        let layout = &self.context.layout;
        // Writing to a String cannot fail.
        let _ = write!(out, "{}: key=", self.id);
        key::display(out, layout.key, self.key());
        let _ = write!(
            out,
            " use={} exp={} shard={}",
            self.trackers(),
            self.expires_in_ms(),
            self.peer_shard()
        );
        for (data, index) in layout.all() {
            let name = data.name();
            let _ = match name.split_once('_').filter(|_| data.is_array()) {
                _ if !data.is_array() => write!(out, " {name}"),
                Some((array, rest)) => write!(out, " {array}{index}_{rest}"),
                None => write!(out, " {name}{index}"),
            };
            if data.has_period() {
                let _ = write!(out, "({})", layout.period_ms(data));
            }
            let _ = match data.kind() {
                Kind::Name => write!(out, "={}", self.server_key().as_deref().unwrap_or("-")),
                // As unsigned: the reference prints 64-bit counters so.
                Kind::Long => write!(out, "={}", self.number(data, index).unwrap_or(0) as u64),
                _ => write!(out, "={}", self.number(data, index).unwrap_or(0)),
            };
        }
        out.push('\n');
    }

    fn ticks(&self) -> Ticks {
        ticks(self.now_ms)
    }
}

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
            self.row[at] = id as u32;
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
            Kind::Unsigned | Kind::Signed => self.row[at] = value as u32,
            Kind::Long => set_long(self.row, at, value as u64),
            Kind::Rate => {
                let counter = FreqCounter {
                    start: Ticks(ticks(self.now_ms).0 & !1),
                    current: value as u32,
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
            (Kind::Signed, Value::Signed(value)) => self.row[at] = value as u32,
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

fn tag(context: &Context, index: u32) -> Option<Spot> {
    let single = (index == 0).then(|| Spot::of(context, DataType::Gpt0, 0));
    single
        .flatten()
        .or_else(|| Spot::of(context, DataType::Gpt, index))
}

/// Rates count in 32 bits of milliseconds.
#[inline]
fn ticks(now_ms: u64) -> Ticks {
    Ticks(now_ms as u32)
}

#[inline]
fn long(row: &[u32], at: usize) -> u64 {
    u64::from(row[at]) | u64::from(row[at + 1]) << 32
}

#[inline]
fn set_long(row: &mut [u32], at: usize, value: u64) {
    row[at] = value as u32;
    row[at + 1] = (value >> 32) as u32;
}

#[inline]
fn rate(row: &[u32], at: usize) -> FreqCounter {
    FreqCounter {
        start: Ticks(row[at]),
        current: row[at + 1],
        previous: row[at + 2],
    }
}

#[inline]
fn set_rate(row: &mut [u32], at: usize, counter: FreqCounter) {
    row[at] = counter.start.0;
    row[at + 1] = counter.current;
    row[at + 2] = counter.previous;
}
