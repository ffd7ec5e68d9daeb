//! Definitions of tables: name, key, which values follow in which order, and their parameters.
//!
//! Whether a table of ours is meant is the session's business.

use lbd_table::{DataType, Schema};

use super::{Fault, Fields};
use crate::varint;

/// What a sender announces of one of its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition<'a> {
    /// The sender's number of the table.
    pub id: u64,
    /// Its name on the wire.
    pub name: &'a [u8],
    /// Type of its keys, as a number of the protocol.
    pub key_type: u64,
    /// Length of its keys, as the protocol counts it.
    pub key_len: u64,
    /// The known values of each update in their order.
    pub columns: Vec<Column>,
    /// All values as bits, the unknown ones included.
    pub bitmap: u64,
}

/// One value, or an array of values, of each update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// What it is.
    pub data: DataType,
    /// Elements of an array; 1 for the others.
    pub elements: u32,
}

/// Appends the body of a definition.
pub fn put(out: &mut Vec<u8>, id: u64, name: &str, schema: &Schema) {
    varint::put(out, id);
    varint::put(out, name.len() as u64);
    out.extend_from_slice(name.as_bytes());
    varint::put(out, u64::from(schema.key.wire_type()));
    varint::put(out, u64::from(schema.key.wire_len()));
    varint::put(out, schema.bitmap());
    varint::put(out, u64::from(schema.expire_ms.unwrap_or(0)));
    for stored in schema.all_stored() {
        if !stored.data.is_array() && !stored.data.has_period() {
            continue;
        }
        varint::put(out, u64::from(stored.data.bit()));
        if stored.data.is_array() {
            varint::put(out, u64::from(stored.elements));
        }
        if stored.data.has_period() {
            varint::put(out, u64::from(stored.period_ms));
        }
    }
}

/// Reads the body of a definition. Parameters may be missing, as those of version 2.0 are; then an
/// array counts as one of no elements.
///
/// # Errors
/// A body that ends too early, or an array of too many elements.
pub fn take(body: &[u8]) -> Result<Definition<'_>, Fault> {
    let mut fields = Fields::new(body);
    let id = fields.varint()?;
    let name = fields.counted()?;
    let key_type = fields.varint()?;
    let key_len = fields.varint()?;
    let bitmap = fields.varint()?;
    let mut elements = [0; lbd_table::data::DATA_TYPES];
    if !fields.is_empty() {
        let _expire_ms = fields.varint()?;
        while !fields.is_empty() {
            let bit = fields.varint()?;
            // What is not known comes last and has parameters of unknown number.
            let Some(data) = u32::try_from(bit).ok().and_then(DataType::of_bit) else {
                break;
            };
            if data.is_array() {
                let count = fields.varint()?;
                let count = u32::try_from(count).map_err(|_| Fault::Protocol)?;
                if count > MAX_ELEMENTS {
                    return Err(Fault::Protocol);
                }
                elements[data as usize] = count;
            }
            if data.has_period() {
                fields.varint()?;
            }
        }
    }
    let known = DataType::ALL.into_iter();
    let columns = known
        .filter(|data| bitmap & 1 << data.bit() != 0)
        .map(|data| Column {
            data,
            elements: if data.is_array() {
                elements[data as usize]
            } else {
                1
            },
        });
    Ok(Definition {
        id,
        name,
        key_type,
        key_len,
        columns: columns.collect(),
        bitmap,
    })
}

/// Elements that an array of a definition may have; a body has no room for more values.
pub const MAX_ELEMENTS: u32 = 16_384;
