//! The numbers that operators see, one registry for all ways of showing them.
//!
//! It formats nothing and counts nothing.

pub mod column;
pub mod exposed;
mod module;
pub mod persistent;
pub mod row;

pub use column::{COLUMNS, Column};
pub use exposed::{EXPOSED, Exposed};
pub use module::MODULE_COLUMNS;
pub use row::{Kinds, Object, Row, Walk, rows};

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The object does not have it.
    Empty,
    /// Text.
    Str(String),
    /// 32 bits.
    U32(u32),
    /// 64 bits.
    U64(u64),
    /// 32 bits with a sign.
    S32(i32),
    /// A number of millionths, shown with its fraction.
    Micro(u64),
}

impl Field {
    /// Name of the type in typed output.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "",
            Self::Str(_) => "str",
            Self::U32(_) => "u32",
            Self::U64(_) => "u64",
            Self::S32(_) => "s32",
            Self::Micro(_) => "flt",
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Str(text) => f.write_str(text),
            Self::U32(number) => number.fmt(f),
            Self::U64(number) => number.fmt(f),
            Self::S32(number) => number.fmt(f),
            Self::Micro(millionths) => {
                let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
        }
    }
}
