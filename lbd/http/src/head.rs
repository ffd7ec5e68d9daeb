//! One message head (request, response or trailers): a start line and fields in their order.
//!
//! It does not read the wire format (see `h1`) and knows nothing of what a field means.
//!
//! All bytes live in one buffer; the start line and the fields are offsets into it. An edit appends
//! its bytes to the same buffer and moves offsets, so a head that is reused allocates nothing.
//!
//! *Invariants:* field names are lower case; a value has no blanks at either end and no line break;
//! `encoded_len` is what the encoder will write; the buffer stays below four times `max_len`.

mod fill;

use std::ops::Range;

/// Default bound of an encoded head in bytes: `tune.bufsize` (haproxy 3.4 configuration 3.2).
pub const DEFAULT_MAX_LEN: usize = 16_384;

/// What a field adds to the encoded head beside its name and value: `": "` and a line end.
pub const FIELD_OVERHEAD: usize = 4;

/// A stretch of the buffer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Slice {
    /// The stretch `start..end`; offsets are bounded by the head's limit, far below 4 GiB.
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self {
            start: lbd_core::bits::count32(start),
            len: lbd_core::bits::count32(end.saturating_sub(start)),
        }
    }

    #[inline]
    fn of(self, buf: &[u8]) -> &[u8] {
        buf.get(self.range()).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// The name and value of one field.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Field {
    pub(crate) name: Slice,
    pub(crate) value: Slice,
}

/// Which kind of start line the head has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// A request line: method, target, version.
    #[default]
    Request,
    /// A status line: version, status, reason.
    Response,
    /// No start line: the fields after a chunked body.
    Trailers,
}

/// The edit would make the head longer than its limit; the head is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadFull;

impl std::fmt::Display for HeadFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no room left in the message head")
    }
}

impl std::error::Error for HeadFull {}

/// A request head, a response head or a list of trailers.
#[derive(Debug, Clone)]
pub struct Head {
    buf: Vec<u8>,
    fields: Vec<Field>,
    kind: Kind,
    method: Slice,
    /// Target of a request, reason of a response.
    text: Slice,
    version: Slice,
    status: u16,
    encoded: usize,
    max_len: usize,
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

impl Head {
    /// An empty request head with the default limit; allocates nothing yet.
    pub fn new() -> Self {
        Self::with_max_len(DEFAULT_MAX_LEN)
    }

    /// An empty head whose encoded form may reach `max_len` bytes (at most 1 GiB).
    pub fn with_max_len(max_len: usize) -> Self {
        Self {
            buf: Vec::new(),
            fields: Vec::new(),
            kind: Kind::Request,
            method: Slice::default(),
            text: Slice::default(),
            version: Slice::default(),
            status: 0,
            encoded: 0,
            max_len: max_len.min(1 << 30),
        }
    }

    /// Empties the head and keeps its memory.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.fields.clear();
        self.kind = Kind::Request;
        self.method = Slice::default();
        self.text = Slice::default();
        self.version = Slice::default();
        self.status = 0;
        self.encoded = 0;
    }

    /// Makes this an empty request with the given line.
    ///
    /// # Errors
    /// [`HeadFull`] when the line alone exceeds the limit; the head is then empty.
    pub fn start_request(
        &mut self,
        method: &[u8],
        target: &[u8],
        version: &[u8],
    ) -> Result<(), HeadFull> {
        self.clear();
        self.charge(0, method.len() + target.len() + version.len() + 4)?;
        self.method = self.append(method);
        self.text = self.append(target);
        self.version = self.append(version);
        Ok(())
    }

    /// Makes this an empty response with the given line.
    ///
    /// # Errors
    /// [`HeadFull`] when the line alone exceeds the limit; the head is then empty.
    pub fn start_response(
        &mut self,
        version: &[u8],
        status: u16,
        reason: &[u8],
    ) -> Result<(), HeadFull> {
        self.clear();
        self.charge(0, version.len() + reason.len() + status_len(status) + 4)?;
        self.kind = Kind::Response;
        self.version = self.append(version);
        self.status = status;
        self.text = self.append(reason);
        Ok(())
    }

    /// Makes this an empty list of trailers.
    pub fn start_trailers(&mut self) {
        self.clear();
        self.kind = Kind::Trailers;
    }

    /// Which start line the head has.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// True for a request head (an empty one counts as such).
    #[inline]
    pub fn is_request(&self) -> bool {
        self.kind == Kind::Request
    }

    /// The request's method as received; empty in a response.
    #[inline]
    pub fn method(&self) -> &[u8] {
        self.method.of(&self.buf)
    }

    /// The request's target as received; empty in a response.
    #[inline]
    pub fn target(&self) -> &[u8] {
        if self.is_request() {
            self.text.of(&self.buf)
        } else {
            &[]
        }
    }

    /// The version token, such as `HTTP/1.1`.
    #[inline]
    pub fn version(&self) -> &[u8] {
        self.version.of(&self.buf)
    }

    /// The response's status; 0 in a request.
    #[inline]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The response's reason phrase, possibly empty; empty in a request.
    #[inline]
    pub fn reason(&self) -> &[u8] {
        if self.kind == Kind::Response {
            self.text.of(&self.buf)
        } else {
            &[]
        }
    }

    /// Number of fields.
    #[inline]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True when there is no field.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Bytes that the encoded head takes, the final empty line apart.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        self.encoded
    }

    /// The limit of [`encoded_len`](Self::encoded_len).
    #[inline]
    pub fn max_len(&self) -> usize {
        self.max_len
    }

    /// Sets the limit; what is already there stays.
    pub fn set_max_len(&mut self, max_len: usize) {
        self.max_len = max_len.min(1 << 30);
    }

    /// Name and value of the field at `index`; two empty slices beyond the last.
    #[inline]
    pub fn get(&self, index: usize) -> (&[u8], &[u8]) {
        match self.fields.get(index) {
            Some(field) => (field.name.of(&self.buf), field.value.of(&self.buf)),
            None => (&[], &[]),
        }
    }

    /// Name of the field at `index`; empty beyond the last.
    #[inline]
    pub fn name(&self, index: usize) -> &[u8] {
        self.get(index).0
    }

    /// Value of the field at `index`; empty beyond the last.
    #[inline]
    pub fn value(&self, index: usize) -> &[u8] {
        self.get(index).1
    }

    /// All fields in order, as (name, value).
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> + ExactSizeIterator {
        self.fields
            .iter()
            .map(|field| (field.name.of(&self.buf), field.value.of(&self.buf)))
    }

    /// Index of the first field at or after `from` that has this name, whatever its case.
    #[inline]
    pub fn find(&self, name: &[u8], from: usize) -> Option<usize> {
        let fields = self.fields.get(from..)?;
        fields
            .iter()
            .position(|field| {
                field.name.len as usize == name.len()
                    && field.name.of(&self.buf).eq_ignore_ascii_case(name)
            })
            .map(|at| at + from)
    }

    /// Value of the first field of this name.
    #[inline]
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.find(name, 0).map(|index| self.value(index))
    }

    /// Number of fields of this name.
    pub fn count(&self, name: &[u8]) -> usize {
        self.fields
            .iter()
            .filter(|field| {
                field.name.len as usize == name.len()
                    && field.name.of(&self.buf).eq_ignore_ascii_case(name)
            })
            .count()
    }

    /// Appends a field after the last; the name is stored in lower case.
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit.
    pub fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFull> {
        self.insert(self.fields.len(), name, value)
    }

    /// Inserts a field before the first.
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit.
    pub fn add_first(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFull> {
        self.insert(0, name, value)
    }

    /// Inserts a field so that it has `index` (or is the last when that is beyond).
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit.
    pub fn insert(&mut self, index: usize, name: &[u8], value: &[u8]) -> Result<(), HeadFull> {
        self.charge(0, name.len() + value.len() + FIELD_OVERHEAD)?;
        self.make_room(name.len() + value.len());
        let name = self.append(name);
        if let Some(bytes) = self.buf.get_mut(name.range()) {
            bytes.make_ascii_lowercase();
        }
        let value = self.append(value);
        let index = index.min(self.fields.len());
        self.fields.insert(index, Field { name, value });
        Ok(())
    }

    /// Removes every field of this name and appends one with this value.
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit; the old fields are then still there.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFull> {
        let freed: usize = self
            .iter()
            .filter(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(have, value)| have.len() + value.len() + FIELD_OVERHEAD)
            .sum();
        if self.encoded - freed + name.len() + value.len() + FIELD_OVERHEAD > self.max_len {
            return Err(HeadFull);
        }
        self.remove(name);
        self.add(name, value)
    }

    /// Removes the field at `index`, if there is one.
    pub fn remove_at(&mut self, index: usize) {
        if index < self.fields.len() {
            let field = self.fields.remove(index);
            self.encoded -= Self::cost(&field);
        }
    }

    /// Removes every field of this name; returns how many there were.
    pub fn remove(&mut self, name: &[u8]) -> usize {
        if self.find(name, 0).is_none() {
            return 0;
        }
        self.retain(|have, _| !have.eq_ignore_ascii_case(name))
    }

    /// Keeps the fields for which `keep(name, value)` holds; returns how many were removed.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) -> usize {
        let Self {
            buf,
            fields,
            encoded,
            ..
        } = self;
        let before = fields.len();
        fields.retain(|field| {
            let kept = keep(field.name.of(buf), field.value.of(buf));
            if !kept {
                *encoded -= Self::cost(field);
            }
            kept
        });
        before - fields.len()
    }

    /// Gives the field at `index` another value; nothing happens beyond the last.
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit.
    pub fn replace_value(&mut self, index: usize, value: &[u8]) -> Result<(), HeadFull> {
        let Some(old) = self.fields.get(index).map(|field| field.value) else {
            return Ok(());
        };
        let new = self.rewrite(old, value)?;
        self.fields[index].value = new;
        Ok(())
    }

    /// Removes the bytes `cut` from the value at `index` (bounds are clamped to the value).
    pub fn cut_value(&mut self, index: usize, cut: Range<usize>) {
        let Some(field) = self.fields.get_mut(index) else {
            return;
        };
        let len = field.value.len as usize;
        let (from, to) = (cut.start.min(len), cut.end.min(len));
        if from >= to {
            return;
        }
        let start = field.value.start as usize;
        self.buf.copy_within(start + to..start + len, start + from);
        field.value.len = lbd_core::bits::count32(len - (to - from));
        self.encoded -= to - from;
    }

    /// Replaces the bytes `cut` of the value at `index` by `with` (bounds are clamped).
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit.
    pub fn splice_value(
        &mut self,
        index: usize,
        cut: Range<usize>,
        with: &[u8],
    ) -> Result<(), HeadFull> {
        let Some(len) = self.fields.get(index).map(|field| field.value.len as usize) else {
            return Ok(());
        };
        let (from, to) = (cut.start.min(len), cut.end.clamp(cut.start.min(len), len));
        let new_len = len - (to - from) + with.len();
        self.charge(len, new_len)?;
        self.make_room(new_len);
        let start = self.fields[index].value.start as usize;
        let at = self.buf.len();
        self.buf.extend_from_within(start..start + from);
        self.buf.extend_from_slice(with);
        self.buf.extend_from_within(start + to..start + len);
        self.fields[index].value = Slice::new(at, self.buf.len());
        Ok(())
    }

    /// Changes the method.
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit.
    pub fn set_method(&mut self, method: &[u8]) -> Result<(), HeadFull> {
        self.method = self.rewrite(self.method, method)?;
        Ok(())
    }

    /// Changes the target of a request; no effect on a response.
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit.
    pub fn set_target(&mut self, target: &[u8]) -> Result<(), HeadFull> {
        if self.is_request() {
            self.text = self.rewrite(self.text, target)?;
        }
        Ok(())
    }

    /// Replaces the bytes `cut` of the target by `with` (bounds are clamped).
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit.
    pub fn splice_target(&mut self, cut: Range<usize>, with: &[u8]) -> Result<(), HeadFull> {
        if !self.is_request() {
            return Ok(());
        }
        let len = self.text.len as usize;
        let (from, to) = (cut.start.min(len), cut.end.clamp(cut.start.min(len), len));
        let new_len = len - (to - from) + with.len();
        self.charge(len, new_len)?;
        self.make_room(new_len);
        let start = self.text.start as usize;
        let at = self.buf.len();
        self.buf.extend_from_within(start..start + from);
        self.buf.extend_from_slice(with);
        self.buf.extend_from_within(start + to..start + len);
        self.text = Slice::new(at, self.buf.len());
        Ok(())
    }

    /// Changes the version token.
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit.
    pub fn set_version(&mut self, version: &[u8]) -> Result<(), HeadFull> {
        self.version = self.rewrite(self.version, version)?;
        Ok(())
    }

    /// Changes the status of a response (100 to 999).
    pub fn set_status(&mut self, status: u16) {
        if self.kind == Kind::Response {
            self.encoded = self.encoded - status_len(self.status) + status_len(status);
            self.status = status;
        }
    }

    /// Changes the reason phrase of a response; no effect on a request.
    ///
    /// # Errors
    /// [`HeadFull`] when it does not fit.
    pub fn set_reason(&mut self, reason: &[u8]) -> Result<(), HeadFull> {
        if self.kind == Kind::Response {
            self.text = self.rewrite(self.text, reason)?;
        }
        Ok(())
    }

    fn cost(field: &Field) -> usize {
        field.name.len as usize + field.value.len as usize + FIELD_OVERHEAD
    }

    fn charge(&mut self, old: usize, new: usize) -> Result<(), HeadFull> {
        let total = self.encoded - old + new;
        // An edit that shortens is always possible, even above a limit lowered since.
        if total > self.max_len && new > old {
            return Err(HeadFull);
        }
        self.encoded = total;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Slice {
        let start = self.buf.len();
        self.buf.extend_from_slice(bytes);
        Slice::new(start, self.buf.len())
    }

    fn rewrite(&mut self, old: Slice, new: &[u8]) -> Result<Slice, HeadFull> {
        self.charge(old.len as usize, new.len())?;
        if new.len() <= old.len as usize {
            let start = old.start as usize;
            self.buf[start..start + new.len()].copy_from_slice(new);
            return Ok(Slice::new(start, start + new.len()));
        }
        // Making room may move `old`; it is replaced by what is appended, so only that matters.
        self.make_room(new.len());
        Ok(self.append(new))
    }

    /// Drops dead bytes when the buffer would outgrow four times the limit.
    fn make_room(&mut self, more: usize) {
        if self.buf.len() + more > self.max_len.max(1024) * 4 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let mut live = Vec::with_capacity(self.encoded.max(64));
        let old = std::mem::take(&mut self.buf);
        let mut keep = |slice: &mut Slice| {
            let start = live.len();
            live.extend_from_slice(slice.of(&old));
            *slice = Slice::new(start, live.len());
        };
        keep(&mut self.method);
        keep(&mut self.text);
        keep(&mut self.version);
        for field in &mut self.fields {
            keep(&mut field.name);
            keep(&mut field.value);
        }
        self.buf = live;
    }
}

/// Digits that a status is written with; more than three only where violations are accepted.
fn status_len(status: u16) -> usize {
    match status {
        0..=999 => 3,
        1_000..=9_999 => 4,
        10_000.. => 5,
    }
}

#[cfg(test)]
mod tests;
