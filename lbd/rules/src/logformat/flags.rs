//! Flags of log-format values: `%{+Q}r` and those that their use implies.
//!
//! It does not apply them: see the encoder.

/// A set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// None.
    pub const NONE: Self = Self(0);
    /// `Q`: quotes around texts.
    pub const QUOTE: Self = Self(1);
    /// `X`: addresses, ports, dates and counters in hexadecimal.
    pub const HEX: Self = Self(1 << 1);
    /// `E`: a backslash before `"`, `\` and `]`.
    pub const ESCAPE: Self = Self(1 << 2);
    /// `M`: an empty value is written as `-`.
    pub const MANDATORY: Self = Self(1 << 3);
    /// `bin`: binary values and encodings as they are.
    pub const BIN: Self = Self(1 << 4);
    /// `json`.
    pub const JSON: Self = Self(1 << 5);
    /// `cbor`.
    pub const CBOR: Self = Self(1 << 6);
    /// The value goes into an HTTP message: control characters leave as `%XX`.
    pub const HTTP: Self = Self(1 << 7);
    /// Blanks in a row are written as one.
    pub const MERGE_SPACES: Self = Self(1 << 8);

    /// Either encoding.
    pub const ENCODED: Self = Self(Self::JSON.0 | Self::CBOR.0);
    /// What `log-format` and its kin imply.
    pub const LOG: Self = Self(Self::MANDATORY.0 | Self::MERGE_SPACES.0);
    /// What `unique-id-format` implies.
    pub const UNIQUE_ID: Self = Self(Self::HTTP.0 | Self::MERGE_SPACES.0);
    /// What header values, targets and locations imply.
    pub const HTTP_VALUE: Self = Self::HTTP;

    /// The names that may be written between braces.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("M", Self::MANDATORY),
        ("Q", Self::QUOTE),
        ("X", Self::HEX),
        ("E", Self::ESCAPE),
        ("bin", Self::BIN),
        ("json", Self::JSON),
        ("cbor", Self::CBOR),
    ];

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those that are in both.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether any of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether none of `other` is set.
    pub const fn lacks(self, other: Self) -> bool {
        !self.has(other)
    }

    /// Resolves what excludes each other, for a value of a line with flags `line`.
    pub(super) fn settle(self, line: Self) -> Self {
        let mut flags = self.without(Self::BIN).with(line.common(Self::BIN));
        if line.has(Self::ENCODED) {
            flags = flags
                .without(Self::ENCODED)
                .with(line.common(Self::ENCODED));
        }
        flags.settle_encoding(line)
    }

    /// An encoding and the HTTP form exclude each other; an encoding escapes by itself.
    pub(super) fn settle_encoding(self, line: Self) -> Self {
        let mut flags = self;
        if flags.has(Self::HTTP) {
            let line_is_encoded = line.has(Self::ENCODED) && line.lacks(Self::HTTP);
            flags = flags.without(if line_is_encoded {
                Self::HTTP
            } else {
                Self::ENCODED
            });
        }
        if flags.has(Self::ENCODED) {
            flags = flags.without(Self::ESCAPE);
        }
        flags
    }
}
