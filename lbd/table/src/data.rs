//! Data types that an entry may hold (haproxy 3.4 configuration 11.1, `store`).
//!
//! It says what each type is; where its value lies in an entry is the layout's business.

use lbd_core::freq::FreqCounter;
use lbd_core::time::Ticks;

/// How a value is kept and how it travels between peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A 64-bit counter.
    Long,
    /// A string of the table's dictionary.
    Name,
    /// Events over a sliding period.
    Rate,
    /// A signed 32-bit number.
    Signed,
    /// An unsigned 32-bit number; counters wrap at 2^32, as the reference's do.
    Unsigned,
}

impl Kind {
    /// 32-bit words that a value takes in an entry.
    pub(crate) const fn words(self) -> usize {
        match self {
            Self::Signed | Self::Unsigned | Self::Name => 1,
            Self::Long => 2,
            Self::Rate => 3,
        }
    }
}

macro_rules! data_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal $kind:ident $($flag:ident)*;)*) => {
        /// A data type, in the order of the bits of the peers protocol.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DataType {
            $($(#[$doc])* $variant,)*
        }

        impl DataType {
            /// Every data type in the order of its bit.
            pub const ALL: [Self; DATA_TYPES] = [$(Self::$variant,)*];
        }

        const FACTS: [Facts; DATA_TYPES] = [$(Facts {
            name: $name,
            kind: Kind::$kind,
            is_array: false $(|| matches!(Flag::$flag, Flag::Array))*,
            is_local: false $(|| matches!(Flag::$flag, Flag::Local))*,
            is_as_is: false $(|| matches!(Flag::$flag, Flag::AsIs))*,
        },)*];
    };
}

enum Flag {
    Array,
    AsIs,
    Local,
}

struct Facts {
    name: &'static str,
    kind: Kind,
    is_array: bool,
    is_local: bool,
    is_as_is: bool,
}

/// How many data types there are.
pub const DATA_TYPES: usize = 27;

/// Largest number of elements of an array type (configuration 11.1, `gpc`).
pub const MAX_ELEMENTS: u8 = 100;

data_types! {
    /// The server that an entry sticks to, by its id.
    ServerId = "server_id" Signed AsIs;
    /// First general purpose tag.
    Gpt0 = "gpt0" Unsigned AsIs;
    /// First general purpose counter.
    Gpc0 = "gpc0" Unsigned;
    /// Rate of the first general purpose counter.
    Gpc0Rate = "gpc0_rate" Rate;
    /// Connections.
    ConnCnt = "conn_cnt" Unsigned;
    /// Rate of connections.
    ConnRate = "conn_rate" Rate;
    /// Connections at this moment; a gauge, not learned from peers but by a `recv-only` table.
    ConnCur = "conn_cur" Unsigned Local;
    /// Sessions.
    SessCnt = "sess_cnt" Unsigned;
    /// Rate of sessions.
    SessRate = "sess_rate" Rate;
    /// HTTP requests.
    HttpReqCnt = "http_req_cnt" Unsigned;
    /// Rate of HTTP requests.
    HttpReqRate = "http_req_rate" Rate;
    /// HTTP errors by clients.
    HttpErrCnt = "http_err_cnt" Unsigned;
    /// Rate of HTTP errors by clients.
    HttpErrRate = "http_err_rate" Rate;
    /// Bytes from clients.
    BytesInCnt = "bytes_in_cnt" Long;
    /// Rate of bytes from clients, divided by `brates-factor`.
    BytesInRate = "bytes_in_rate" Rate;
    /// Bytes to clients.
    BytesOutCnt = "bytes_out_cnt" Long;
    /// Rate of bytes to clients, divided by `brates-factor`.
    BytesOutRate = "bytes_out_rate" Rate;
    /// Second general purpose counter.
    Gpc1 = "gpc1" Unsigned;
    /// Rate of the second general purpose counter.
    Gpc1Rate = "gpc1_rate" Rate;
    /// The server that an entry sticks to, by its name or address.
    ServerKey = "server_key" Name AsIs;
    /// HTTP failures of servers.
    HttpFailCnt = "http_fail_cnt" Unsigned;
    /// Rate of HTTP failures of servers.
    HttpFailRate = "http_fail_rate" Rate;
    /// General purpose tags.
    Gpt = "gpt" Unsigned Array AsIs;
    /// General purpose counters.
    Gpc = "gpc" Unsigned Array;
    /// Rates of the general purpose counters.
    GpcRate = "gpc_rate" Rate Array;
    /// Glitches of client connections.
    GlitchCnt = "glitch_cnt" Unsigned;
    /// Rate of glitches of client connections.
    GlitchRate = "glitch_rate" Rate;
}

impl DataType {
    fn facts(self) -> &'static Facts {
        &FACTS[self as usize]
    }

    /// The keyword of configuration and commands.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The type of that keyword.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// A type as commands name it, with the index of an array's element: `gpc0`, `gpc[3]`. The
    /// index is 0 where none is given.
    pub fn parse(text: &str) -> Option<(Self, u32)> {
        match text.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            Some((name, index)) => {
                let kind = Self::named(name).filter(|kind| kind.is_array())?;
                Some((kind, index.parse().ok()?))
            }
            None => Some((Self::named(text)?, 0)),
        }
    }

    /// How its value is kept.
    pub fn kind(self) -> Kind {
        self.facts().kind
    }

    /// Whether it has several elements, counted by the schema.
    pub fn is_array(self) -> bool {
        self.facts().is_array
    }

    /// Whether a value of a peer is not taken over unless the table is `recv-only`.
    pub fn is_local(self) -> bool {
        self.facts().is_local
    }

    /// Whether no arithmetic is done on it, so that `write-to` copies it.
    pub fn is_as_is(self) -> bool {
        self.facts().is_as_is
    }

    /// Whether it takes a period.
    pub fn has_period(self) -> bool {
        self.kind() == Kind::Rate
    }

    /// Whether its rates are divided by `brates-factor`.
    pub fn is_byte_rate(self) -> bool {
        matches!(self, Self::BytesInRate | Self::BytesOutRate)
    }

    /// The bit of the peers protocol's definition of a table.
    pub fn bit(self) -> u32 {
        self as u32
    }

    /// The type of that bit.
    pub fn of_bit(bit: u32) -> Option<Self> {
        Self::ALL.get(bit as usize).copied()
    }
}

/// A rate as it travels: relative to the moment of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate {
    /// Milliseconds since the start of the current period.
    pub elapsed_ms: u32,
    /// Events in the current period.
    pub current: u32,
    /// Events in the period before.
    pub previous: u32,
}

impl Rate {
    /// What a counter holds, as seen at `now`.
    pub(crate) fn of(counter: &FreqCounter, now: Ticks) -> Self {
        if counter.current == 0 && counter.previous == 0 {
            return Self::default();
        }
        Self {
            elapsed_ms: now.0.wrapping_sub(counter.start.0),
            current: counter.current,
            previous: counter.previous,
        }
    }

    /// The counter that it makes at `now`. One that began two periods ago or earlier reads as zero
    /// and is stored as such: a counter never used announces any age.
    pub(crate) fn counter(self, now: Ticks, period_ms: u32) -> FreqCounter {
        // Threads of a sender have clocks of their own: what began in its near future begins now.
        let elapsed_ms = match self.elapsed_ms {
            0..NEAR_FUTURE => self.elapsed_ms,
            NEAR_FUTURE.. => 0,
        };
        let is_over = u64::from(elapsed_ms) > 2 * u64::from(period_ms);
        if is_over || self.current == 0 && self.previous == 0 {
            return FreqCounter::default();
        }
        FreqCounter {
            start: Ticks(now.0.wrapping_sub(elapsed_ms) & !1),
            current: self.current,
            previous: self.previous,
        }
    }
}

/// Elapsed times from here on are those of moments less than a second ahead.
const NEAR_FUTURE: u32 = u32::MAX - 1000;

/// A value of an entry as peers and snapshots carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Of [`Kind::Long`].
    Long(u64),
    /// Of [`Kind::Name`]; `None` when the entry has none.
    Name(Option<&'a str>),
    /// Of [`Kind::Rate`].
    Rate(Rate),
    /// Of [`Kind::Signed`].
    Signed(i32),
    /// Of [`Kind::Unsigned`].
    Unsigned(u32),
}

#[cfg(test)]
mod tests;
