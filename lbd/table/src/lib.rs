//! Stick tables: schema, keys, entries, data types, expiry, update log (haproxy 3.4
//! configuration 11.1, 11.2).
//!
//! It parses no configuration, speaks no protocol and reads no clock: `now` is an argument.
//!
//! # Shape
//!
//! A [`Table`] is split into shards by the hash of the key; each shard has one short lock. What is
//! shared between shards is atomic: how many entries there are, the last update id. Nothing is held
//! across calls: what must stay is a [`Tracked`] entry, which counts as a reference.
//!
//! *Invariant:* a table never holds more than `size` entries, and an entry with references is
//! neither purged, expired nor cleared.
//!
//! An entry is a row of 32-bit words: a header of 16 bytes, the key (one longer than 64 bytes is
//! allocated apart with its own length), the values side by side in the order of the peers
//! protocol's bits. A set of counters for each further node, where contributions add up
//! ([`Schema::nodes`]), lies behind: the layout's stride and offsets are the only place that knows.
//!
//! Expiry is a queue by deadline in each shard. Using an entry moves its deadline, not its place in
//! the queue: an entry is looked at when its place comes up, once per lifetime at most. That an
//! entry is over is decided by its deadline alone, whether or not it was removed yet.
//!
//! The update log is a list of places in each shard. Ids rise over the whole table; a reader merges
//! the shards. An entry has one place at most that counts, so a log is never longer than twice the
//! entries.
//!
//! # What it costs
//!
//! Bytes for an entry, index, queue and slack included, of a million entries; the reference's
//! resident bytes for the same in brackets (`examples/measure.rs`):
//!
//! | key | gpc0 | + 2 rates | + 5 rates |
//! |---|---|---|---|
//! | ip | 44 (207) | 67 (224) | 103 (256) |
//! | ipv6 | 55 (207) | 79 (240) | 116 (272) |
//! | string len 32 | 75 (240) | 100 (256) | 136 (288) |
//!
//! In a table that is shared with other nodes an entry has the words of its counters once more for
//! each of them, and two words: 4 bytes for gpc0, 28 for gpc0 and two rates, 64 for gpc0 and five
//! rates, and 8.
//!
//! A place in the update log is 12 bytes and goes when all peers have acknowledged it.
//!
//! Processor time of one operation on a shared machine: update of a tracked entry 36 ns; finding
//! and counting 52 ns with two threads on 50,000 keys, 330 ns on a million in an order no cache
//! likes; creating 245 ns, in a full table 215 ns; a place of the log read 63 ns, an entry of a
//! lesson 37 ns, an entry learned 340 ns.
//!
//! # Deviations
//!
//! Counters wrap at 2^32 as the reference's do, but the events of a rate stop at the largest number,
//! where the reference begins again at zero and lets a flood pass. A full table loses the one entry
//! that would end first, over all shards, not some of the older ones. A zero byte ends a string key
//! in every place, not only in some. Who tracks an entry is counted without who looks at it
//! (`table_trackers`).
#![forbid(unsafe_code)]

pub mod data;
pub mod dictionary;
pub mod entry;
mod expire;
pub mod key;
pub mod learn;
pub mod mend;
pub mod nodes;
pub mod schema;
mod shard;
pub mod table;
pub mod tracked;
pub mod updates;
pub mod walk;

pub use data::{DataType, Kind, Rate, Value};
pub use dictionary::Dictionary;
pub use entry::{EntryMut, EntryView, Gpc};
pub use key::{Key, KeyType};
pub use learn::Item;
pub use mend::{Mended, Seeds};
pub use nodes::{Learning, Origin, Told};
pub use schema::{Schema, SchemaError, ServerKeyKind, Stored};
pub use table::{EntryId, Full, Removal, Stats, Table};
pub use tracked::Tracked;
pub use updates::{Pulled, Reader, ReaderId};
pub use walk::{Filter, Operator, Walk};
