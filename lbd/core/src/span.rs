//! Where a word stands in the configuration text.

/// Number of a configuration file, in the order in which files were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// Position of a word: file, line and column, the last two counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Line, from 1; the first physical line of a continued one.
    pub line: u32,
    /// Column of the first byte of the word, from 1; 0 means the whole line.
    pub column: u32,
    /// Length in bytes of the word as written; 0 means unknown.
    pub len: u32,
}

impl Span {
    /// The whole line `line` of `file`.
    pub fn line(file: FileId, line: u32) -> Self {
        Self {
            file,
            line,
            column: 0,
            len: 0,
        }
    }
}
