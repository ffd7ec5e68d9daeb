//! What the parsers need of a head: filling it from one contiguous stretch of input.
//!
//! It is no part of the public interface, where every edit keeps a head's limit.

use std::ops::Range;

use super::{Field, Head, Kind, Slice, status_len};

impl Head {
    /// Takes the list of fields out, emptied, so that a parser can fill it without borrowing.
    pub(crate) fn take_fields(&mut self) -> Vec<Field> {
        self.clear();
        std::mem::take(&mut self.fields)
    }

    /// Gives an unused list back.
    pub(crate) fn return_fields(&mut self, mut fields: Vec<Field>) {
        fields.clear();
        self.fields = fields;
    }

    /// Adopts a parsed head: `line` are method (requests), target or reason, and version.
    pub(crate) fn adopt(
        &mut self,
        kind: Kind,
        input: &[u8],
        line: [Slice; 3],
        status: u16,
        fields: Vec<Field>,
    ) {
        self.buf.clear();
        self.buf.extend_from_slice(input);
        self.kind = kind;
        [self.method, self.text, self.version] = line;
        self.status = status;
        self.fields = fields;
        let line_len = match kind {
            Kind::Request => self.method.len + self.text.len + self.version.len + 4,
            Kind::Response => {
                self.version.len + self.text.len + lbd_core::bits::count32(status_len(status)) + 4
            }
            Kind::Trailers => 0,
        };
        self.encoded = line_len as usize;
        for field in &self.fields {
            self.encoded += Self::cost(field);
            lower(&mut self.buf[field.name.range()]);
        }
    }

    /// Mutable bytes of the value at `index`, for rewriting line folds in place.
    pub(crate) fn value_mut(&mut self, index: usize) -> &mut [u8] {
        match self.fields.get(index) {
            Some(field) => self.buf.get_mut(field.value.range()).unwrap_or_default(),
            None => &mut [],
        }
    }

    /// Marks the field at `index` as removed; [`sweep`](Self::sweep) takes the marked ones out.
    pub(crate) fn mark_removed(&mut self, index: usize) {
        if let Some(field) = self.fields.get_mut(index)
            && field.name.len > 0
        {
            self.encoded -= Self::cost(field);
            *field = Field::default();
        }
    }

    /// Takes out what was marked: only a marked field has an empty name.
    pub(crate) fn sweep(&mut self) {
        self.fields.retain(|field| field.name.len > 0);
    }

    /// Keeps only the stretch `keep` of the value at `index`, without moving a byte.
    pub(crate) fn narrow_value(&mut self, index: usize, keep: Range<usize>) {
        if let Some(field) = self.fields.get_mut(index) {
            let old = field.value.len as usize;
            let (from, to) = (keep.start.min(old), keep.end.min(old));
            let start = field.value.start as usize;
            field.value = Slice::new(start + from, start + to.max(from));
            self.encoded -= old - field.value.len as usize;
        }
    }
}

/// Lower-cases a field name: names are short, so that eight bytes at a time beat wide vectors.
pub(super) fn lower(name: &mut [u8]) {
    let (chunks, rest) = name.as_chunks_mut::<8>();
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        // Per byte without carry: bit 7 is set where the byte is at least `A` and not above `Z`.
        let low = word & 0x7f7f_7f7f_7f7f_7f7f;
        let from_a = low + 0x3f3f_3f3f_3f3f_3f3f;
        let above_z = low + 0x2525_2525_2525_2525;
        let upper = from_a & !above_z & !word & 0x8080_8080_8080_8080;
        *chunk = (word | upper >> 2).to_le_bytes();
    }
    rest.make_ascii_lowercase();
}
