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
#![forbid(unsafe_code)]

pub mod data;
pub mod dictionary;
pub mod entry;
pub mod key;
pub mod learn;
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
pub use schema::{Schema, SchemaError, ServerKeyKind, Stored};
pub use table::{EntryId, Full, Removal, Stats, Table};
pub use tracked::Tracked;
pub use updates::{Pulled, Reader, ReaderId};
pub use walk::{Filter, Operator, Walk};
