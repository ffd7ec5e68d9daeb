//! Buffers and pipes of one worker, handed out and taken back.
//!
//! A buffer is held only while it holds data: an idle connection has none. Limits are named here.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use crate::sys;

/// Bytes read and not used yet: `start..end` of a fixed space.
#[derive(Debug, Default)]
pub struct Buf {
    space: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buf {
    /// The bytes.
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.space[self.start..self.end]
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Number of bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether no more can be added.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() == self.space.len()
    }

    /// Takes `n` bytes off the front.
    #[inline]
    pub fn eat(&mut self, n: usize) {
        self.start += n.min(self.len());
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room at the end, after moving what is there to the front when needed.
    pub fn room(&mut self) -> &mut [u8] {
        if self.end == self.space.len() && self.start > 0 {
            self.space.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.space[self.end..]
    }

    /// Says that `n` bytes were written to the room.
    #[inline]
    pub fn filled(&mut self, n: usize) {
        self.end = (self.end + n).min(self.space.len());
    }

    /// A copy of `bytes` of exactly their size.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            space: bytes.into(),
            start: 0,
            end: bytes.len(),
        }
    }

    /// Size of the space.
    pub fn capacity(&self) -> usize {
        self.space.len()
    }
}

/// A pipe between two splices.
#[derive(Debug)]
pub struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    size: usize,
    held: usize,
    /// Pipes of the worker that are open, this one included.
    open: Rc<Cell<usize>>,
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.open.set(self.open.get().saturating_sub(1));
    }
}

impl Pipe {
    /// The end to write to.
    pub fn writer(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }

    /// The end to read from.
    pub fn reader(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    /// Bytes in it.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Bytes it may still take; the kernel counts pages, so less may fit.
    pub fn room(&self) -> usize {
        self.size - self.held.min(self.size)
    }

    pub(crate) fn added(&mut self, n: usize) {
        self.held += n;
    }

    pub(crate) fn removed(&mut self, n: usize) {
        self.held -= n.min(self.held);
    }
}

/// The pools of one worker.
#[derive(Debug)]
pub struct Pool {
    small_size: usize,
    small: RefCell<Vec<Buf>>,
    large: RefCell<Vec<Buf>>,
    pipes: RefCell<Vec<Pipe>>,
    /// Pipes open, in use or at rest; each takes itself off when it is dropped, wherever.
    pipes_open: Rc<Cell<usize>>,
    max_pipes: usize,
    pipe_size: usize,
    /// Set once the kernel gave a pipe too small to pay.
    no_pipes: Cell<bool>,
}

impl Pool {
    /// Pools for buffers of `small_size` bytes (`tune.bufsize`) and at most `max_pipes` pipes.
    pub fn new(small_size: usize, max_pipes: usize, pipe_size: usize) -> Self {
        Self {
            small_size,
            small: RefCell::default(),
            large: RefCell::default(),
            pipes: RefCell::default(),
            pipes_open: Rc::default(),
            max_pipes,
            pipe_size: if pipe_size == 0 { PIPE_SIZE } else { pipe_size },
            no_pipes: Cell::new(false),
        }
    }

    /// An empty buffer of `tune.bufsize`.
    pub fn small(&self) -> Buf {
        let kept = self.small.borrow_mut().pop();
        kept.unwrap_or_else(|| Buf {
            space: vec![0; self.small_size].into_boxed_slice(),
            start: 0,
            end: 0,
        })
    }

    /// An empty buffer for bodies, 256 KiB; to be given back within the same poll.
    pub fn large(&self) -> Buf {
        let kept = self.large.borrow_mut().pop();
        kept.unwrap_or_else(|| Buf {
            space: vec![0; LARGE_SIZE].into_boxed_slice(),
            start: 0,
            end: 0,
        })
    }

    /// Takes a buffer back, whatever it still holds.
    pub fn give(&self, mut buf: Buf) {
        buf.start = 0;
        buf.end = 0;
        let (pool, limit) = match buf.capacity() {
            LARGE_SIZE => (&self.large, MAX_LARGE),
            size if size == self.small_size => (&self.small, MAX_SMALL),
            _ => return,
        };
        let mut pool = pool.borrow_mut();
        if pool.len() < limit {
            pool.push(buf);
        }
    }

    /// What a large buffer still holds, in a space that may be kept while waiting.
    pub fn settle(&self, buf: Buf) -> Buf {
        if buf.capacity() != LARGE_SIZE {
            return buf;
        }
        let kept = if buf.len() <= self.small_size && !buf.is_empty() {
            let mut kept = self.small();
            kept.space[..buf.len()].copy_from_slice(buf.data());
            kept.end = buf.len();
            kept
        } else {
            Buf::of(buf.data())
        };
        self.give(buf);
        kept
    }

    /// Gives back the memory of buffers and the pipes that are at rest.
    pub fn release(&self) {
        self.small.take();
        self.large.take();
        self.pipes.take();
    }

    /// A pipe of at least 64 KiB; `None` when the limit is reached or pipes do not pay here.
    pub fn pipe(&self) -> Option<Pipe> {
        if let Some(pipe) = self.pipes.borrow_mut().pop() {
            return Some(pipe);
        }
        if self.no_pipes.get() || self.pipes_open.get() >= self.max_pipes {
            return None;
        }
        match make_pipe(self.pipe_size, &self.pipes_open) {
            Ok(pipe) if pipe.size >= MIN_PIPE_SIZE => Some(pipe),
            Ok(_) => {
                self.no_pipes.set(true);
                None
            }
            Err(_) => None,
        }
    }

    /// Takes a pipe back; one that still holds data is closed.
    pub fn give_pipe(&self, pipe: Pipe) {
        if pipe.held == 0 {
            self.pipes.borrow_mut().push(pipe);
        }
    }

    /// Pipes in use and pipes at rest (`PipesUsed`, `PipesFree`).
    pub fn pipe_counts(&self) -> (usize, usize) {
        let free = self.pipes.borrow().len();
        (self.pipes_open.get().saturating_sub(free), free)
    }
}

fn make_pipe(size: usize, open: &Rc<Cell<usize>>) -> io::Result<Pipe> {
    let (reader, writer, size) = sys::pipe(size)?;
    open.set(open.get() + 1);
    Ok(Pipe {
        open: Rc::clone(open),
        reader,
        writer,
        size,
        held: 0,
    })
}

/// Size of a large buffer.
pub const LARGE_SIZE: usize = 256 * 1024;

/// Large buffers kept by a worker; more are in use only while a poll nests.
const MAX_LARGE: usize = 4;

/// Small buffers kept by a worker: 16 MiB with the default `tune.bufsize`.
const MAX_SMALL: usize = 1024;

/// Size asked for a pipe. Measured between 128 KiB and 1 MiB: what is in flight costs cache, so the
/// smaller pipe moved a megabyte at 0.7 to 0.8 of the CPU of the larger one.
const PIPE_SIZE: usize = 128 * 1024;

/// Below this a copy is cheaper than a splice.
const MIN_PIPE_SIZE: usize = 64 * 1024;
