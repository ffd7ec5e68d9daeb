//! Moving one direction of a message or tunnel: read, decode, write, with one buffer at most.
//!
//! It waits by polls only and judges nothing: who is late or gone is the caller's decision.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use lbd_core::Time;
use lbd_http::h1::encode::{EncodeOptions, encode_chunk, last_chunk};
use lbd_http::{BodyDecoder, Framing, Head, ParseError};

use super::gather::{Gather, PIECE};
use crate::mux::H2Stream;
use crate::pool::{Buf, Pipe, Pool};
use crate::transport::Transport;

/// What a pump waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Blocked {
    /// Nothing: it has ended or was not polled yet.
    #[default]
    No,
    /// The source.
    Reading,
    /// The sink.
    Writing,
}

/// What the receiver needs around the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sink {
    /// Chunks and trailers.
    Chunked,
    /// Content is read and left out.
    Nowhere,
    /// Nothing.
    Plain,
    /// The end of a stream of HTTP/2, and trailers.
    Stream,
}

/// Why a pump failed.
#[derive(Debug)]
pub(super) enum PumpError {
    /// The source reset.
    Read,
    /// The source closed before the end of the message.
    Truncated,
    /// The sink closed or reset.
    Write,
    /// The source's framing is invalid.
    Invalid(ParseError),
}

/// Whether bodies go through a pipe of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Splice {
    /// `no option splice-…`, `nosplice`, `-dS`.
    Never,
    /// Those so large that it is cheaper.
    WhereItPays,
    /// `option splice-…`.
    Asked,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Pump {
    /// Bytes ready to be written before anything of the input.
    pub(super) out: Vec<u8>,
    sent: usize,
    /// Bytes at the front of the input that are to be written as they are.
    direct: usize,
    decoder: BodyDecoder,
    /// What the decoder had counted before.
    before: u64,
    drop_trailers: bool,
    sink: Sink,
    /// Trailers that came, to be sent at the end.
    trailers: Option<Head>,
    splice: Splice,
    /// Content still to go of a chunk whose size was announced before its content had come.
    open_chunk: u64,
    /// The chunk in the pipe is complete: its line end follows.
    closes_chunk: bool,
    /// Content was moved to `out`, or was there from the start.
    has_body: bool,
    pipe: Option<Pipe>,
    /// Whether a packet may wait for what follows it.
    may_delay: bool,
    /// The sink is closed as soon as everything has been written.
    closes: bool,
    /// Everything was read and written.
    pub(super) ended: bool,
    /// Everything was read.
    pub(super) read_all: bool,
    /// Bytes read.
    pub(super) received: u64,
    /// Bytes written.
    pub(super) written: u64,
    /// Bytes that went through a pipe.
    pub(super) spliced: u64,
    pub(super) blocked: Blocked,
    /// When anything last moved.
    pub(super) since: Time,
    gather: Gather,
}

impl Pump {
    /// A pump that first writes `out`, then what the decoder finds.
    pub(super) fn new(out: Vec<u8>, decoder: BodyDecoder, sink: Sink, now: Time) -> Self {
        let read_all = decoder.is_end();
        Self {
            out,
            sent: 0,
            direct: 0,
            before: decoder.counted(),
            decoder,
            drop_trailers: false,
            sink,
            trailers: None,
            splice: Splice::Never,
            open_chunk: 0,
            closes_chunk: false,
            has_body: false,
            pipe: None,
            may_delay: true,
            closes: false,
            ended: false,
            read_all,
            received: 0,
            written: 0,
            spliced: 0,
            blocked: Blocked::No,
            since: now,
            gather: Gather::default(),
        }
    }

    /// A pump for a stream without framing.
    pub(super) fn raw(out: Vec<u8>, splice: Splice, now: Time) -> Self {
        let decoder = BodyDecoder::new(Framing::UntilClose);
        let mut pump = Self::new(out, decoder, Sink::Plain, now);
        pump.splice = splice;
        pump
    }

    /// Leaves trailers out.
    pub(super) fn without_trailers(&mut self, drop: bool) {
        self.drop_trailers = drop;
    }

    /// Lets every packet leave at once (`option http-no-delay`).
    pub(super) fn without_delay(&mut self, at_once: bool) {
        self.may_delay = !at_once;
    }

    /// Says that the sink is closed as soon as everything has been written, before anything else is
    /// waited for: the last packet then carries the end of the connection too.
    pub(super) fn closes(&mut self, closes: bool) {
        self.closes = closes;
    }

    /// What ends a stream whose content is all in `out`; `is_said`: the head has ended it already.
    pub(super) fn ends_with(&mut self, trailers: Option<Head>, is_said: bool) {
        self.trailers = trailers;
        if is_said {
            self.ended = true;
        }
    }

    /// The decoder as it stands, to go on with what was not sent.
    pub(super) fn into_parts(self) -> (Vec<u8>, BodyDecoder) {
        (self.out, self.decoder)
    }

    /// Leaves out all that was not sent yet and all that is to come.
    pub(super) fn discard(&mut self, input: &mut Buf, pool: &Pool) {
        self.sink = Sink::Nowhere;
        self.out.clear();
        self.sent = 0;
        input.eat(std::mem::take(&mut self.direct).min(input.len()));
        self.open_chunk = 0;
        self.closes_chunk = false;
        if let Some(pipe) = self.pipe.take() {
            pool.give_pipe(pipe);
        }
    }

    /// Whether content is left out.
    pub(super) fn is_discarding(&self) -> bool {
        self.sink == Sink::Nowhere
    }

    /// Lets long bodies go through a pipe.
    pub(super) fn with_splice(&mut self, splice: Splice) {
        self.splice = splice;
    }

    /// Says whether `out` already holds content.
    pub(super) fn holds_body(&mut self, holds: bool) {
        self.has_body = holds;
    }

    /// Whether bytes of the content left the input: they cannot be sent by another pump.
    pub(super) fn has_body(&self) -> bool {
        self.has_body
    }

    /// What this pump found, in the form of `lbd_http::count`.
    pub(super) fn content(&self) -> u64 {
        self.decoder.counted() - self.before
    }

    /// Whether the first bytes of `out` have left.
    pub(super) fn has_begun(&self) -> bool {
        self.written > 0
    }

    /// Moves what can be moved; ready at the end of the message or at an error.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &Transport,
        to: &Transport,
        input: &mut Buf,
        pool: &Pool,
        now: Time,
    ) -> Poll<Result<(), PumpError>> {
        let before = (self.received, self.written);
        let result = self.run(cx, from, to, input, pool);
        if before != (self.received, self.written) {
            self.since = now;
        }
        if self.splice != Splice::Never {
            let is_short = self.read_all || self.decoder.remaining_known() < u64::from(PIECE);
            let mark = self.gather.turn(now, self.received - before.0, is_short);
            mark.inspect(|&mark| from.set_low_water(mark));
        }
        if result.is_pending() {
            let held = std::mem::take(input);
            if held.is_empty() {
                pool.give(held);
            } else {
                *input = pool.settle(held);
            }
        }
        if let Some(pipe) = self
            .pipe
            .take_if(|pipe| pipe.held() == 0 || result.is_ready())
        {
            pool.give_pipe(pipe);
        }
        result
    }

    /// When it must be polled again, whatever comes.
    pub(super) fn until(&self) -> Option<Time> {
        self.gather
            .until()
            .filter(|_| self.blocked == Blocked::Reading)
    }

    fn run(
        &mut self,
        cx: &mut Context<'_>,
        from: &Transport,
        to: &Transport,
        input: &mut Buf,
        pool: &Pool,
    ) -> Poll<Result<(), PumpError>> {
        loop {
            // What is here already leaves together with what is ready: one call, one packet.
            if !input.is_empty() && self.direct == 0 && !self.read_all && self.out.len() < MAX_OUT {
                self.decode(input)?;
            }
            match self.flush(cx, to, input) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(PumpError::Write)),
                Poll::Pending => {
                    self.blocked = Blocked::Writing;
                    return Poll::Pending;
                }
            }
            if self.read_all {
                self.finish(to);
                self.ended = true;
                self.blocked = Blocked::No;
                return Poll::Ready(Ok(()));
            }
            if !input.is_empty() {
                continue;
            }
            let spliced = match self.wants_splice(from, to) {
                true => self.splice_in(cx, from, pool),
                false => None,
            };
            let filled = match spliced {
                Some(filled) => filled,
                None => Self::fill(cx, from, input, pool),
            };
            match filled {
                Poll::Ready(Ok(0)) => self.on_close(from)?,
                Poll::Ready(Ok(read)) => self.received += read as u64,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(PumpError::Read)),
                Poll::Pending => {
                    self.blocked = Blocked::Reading;
                    return Poll::Pending;
                }
            }
        }
    }

    fn fill(
        cx: &mut Context<'_>,
        from: &Transport,
        input: &mut Buf,
        pool: &Pool,
    ) -> Poll<io::Result<usize>> {
        if input.capacity() < crate::pool::LARGE_SIZE {
            pool.give(std::mem::replace(input, pool.large()));
        }
        let read = std::task::ready!(from.poll_read(cx, input.room()))?;
        input.filled(read);
        Poll::Ready(Ok(read))
    }

    fn on_close(&mut self, from: &Transport) -> Result<(), PumpError> {
        if self.decoder.on_close() {
            self.trailers = from.h2().and_then(H2Stream::take_trailers);
            self.on_end();
            Ok(())
        } else {
            Err(PumpError::Truncated)
        }
    }

    fn decode(&mut self, input: &mut Buf) -> Result<(), PumpError> {
        let is_framed = self.decoder.framing() == Framing::Chunked;
        if !is_framed && !matches!(self.sink, Sink::Chunked | Sink::Nowhere) {
            let step = self
                .decoder
                .decode(input.data())
                .map_err(PumpError::Invalid)?;
            self.direct = step.data.len();
            self.read_all = step.end;
            return Ok(());
        }
        while !input.is_empty() && !self.decoder.is_end() {
            let step = self
                .decoder
                .decode(input.data())
                .map_err(PumpError::Invalid)?;
            let data = &input.data()[step.data.clone()];
            if self.sink == Sink::Nowhere {
                // Only counted.
            } else if self.sink != Sink::Chunked {
                self.out.extend_from_slice(data);
            } else if self.open_chunk > 0 {
                self.out.extend_from_slice(data);
                self.open_chunk -= data.len() as u64;
                if self.open_chunk == 0 {
                    self.out.extend_from_slice(b"\r\n");
                }
            } else {
                encode_chunk(data, &mut self.out);
            }
            input.eat(step.consumed);
            self.has_body = true;
        }
        if self.decoder.is_end() {
            self.trailers = self.decoder.take_trailers();
            self.on_end();
        }
        Ok(())
    }

    /// The content is complete.
    fn on_end(&mut self) {
        self.read_all = true;
        if self.drop_trailers {
            self.trailers = None;
        }
        if self.sink == Sink::Chunked {
            last_chunk(
                self.trailers.as_ref(),
                &mut self.out,
                &EncodeOptions::default(),
            );
        }
    }

    /// All has been taken by the receiver.
    fn finish(&mut self, to: &Transport) {
        if self.sink != Sink::Stream {
            if self.closes {
                // Not by the close alone: that drops what still waits in the kernel when the client
                // has sent something that nobody has read.
                to.shutdown_write();
            }
            return;
        }
        match (self.trailers.take(), to.h2()) {
            (Some(trailers), Some(h2)) => h2.send_trailers(&trailers),
            _ => to.shutdown_write(),
        }
    }

    fn flush(
        &mut self,
        cx: &mut Context<'_>,
        to: &Transport,
        input: &mut Buf,
    ) -> Poll<io::Result<()>> {
        if !self.out.is_empty() && (1..=MAX_COPY).contains(&self.direct) {
            // Copying a little is cheaper than sending two slices.
            let body = self.direct.min(input.len());
            self.out.extend_from_slice(&input.data()[..body]);
            input.eat(body);
            self.direct = 0;
            self.has_body = true;
        }
        // Of a body whose length is known the rest follows at once, and so does a close.
        let more = match self.read_all {
            true => self.closes,
            false => {
                self.may_delay
                    && matches!(self.decoder.framing(), Framing::ContentLength(_))
                    && self.decoder.remaining_known() > 0
            }
        };
        loop {
            while self.sent < self.out.len() || self.direct > 0 {
                let head = &self.out[self.sent..];
                let body = &input.data()[..self.direct.min(input.len())];
                let sent = match (head.is_empty(), body.is_empty()) {
                    (false, false) => {
                        to.poll_write(cx, &[IoSlice::new(head), IoSlice::new(body)], more)
                    }
                    (false, true) => to.poll_write(cx, &[IoSlice::new(head)], more),
                    (true, _) => to.poll_write(cx, &[IoSlice::new(body)], more),
                };
                let sent = std::task::ready!(sent)?;
                self.written += sent as u64;
                let of_head = sent.min(head.len());
                self.sent += of_head;
                self.direct -= sent - of_head;
                input.eat(sent - of_head);
            }
            self.out.clear();
            self.sent = 0;
            while let Some(pipe) = self.pipe.as_mut().filter(|pipe| pipe.held() > 0) {
                let sent = std::task::ready!(to.poll_splice_out(cx, pipe, more))?;
                if sent == 0 {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero)));
                }
                self.written += sent as u64;
                self.spliced += sent as u64;
            }
            if !std::mem::take(&mut self.closes_chunk) {
                return Poll::Ready(Ok(()));
            }
            self.out.extend_from_slice(b"\r\n");
        }
    }

    fn wants_splice(&self, from: &Transport, to: &Transport) -> bool {
        let least = match self.splice {
            Splice::Never => return false,
            Splice::WhereItPays => MIN_SPLICE,
            Splice::Asked => MIN_ASKED,
        };
        self.sink != Sink::Nowhere
            && from.may_splice()
            && to.may_splice()
            && self.decoder.remaining_known() >= least
    }

    /// Reads into a pipe; `None` when there is none to be had.
    fn splice_in(
        &mut self,
        cx: &mut Context<'_>,
        from: &Transport,
        pool: &Pool,
    ) -> Option<Poll<io::Result<usize>>> {
        if self.pipe.is_none() {
            // No pipe is held by who only waits.
            if from.poll_readable(cx).is_pending() {
                return Some(Poll::Pending);
            }
            self.pipe = pool.pipe();
        }
        let pipe = self.pipe.as_mut()?;
        let known = self.decoder.remaining_known();
        let limit = usize::try_from(known).unwrap_or(usize::MAX);
        let read = from.poll_splice_in(cx, pipe, limit);
        if let Poll::Ready(Ok(read)) = &read {
            self.decoder.consume_spliced(*read as u64);
            self.read_all = self.decoder.is_end();
            self.frame_spliced(known, *read as u64);
        }
        Some(read)
    }

    /// Chunk framing around `read` spliced bytes of a chunk of which `known` were to come.
    fn frame_spliced(&mut self, known: u64, read: u64) {
        if read == 0 || self.sink != Sink::Chunked || self.decoder.framing() != Framing::Chunked {
            return;
        }
        if self.open_chunk == 0 {
            // All that was ready has been written: this stands before what the pipe holds.
            self.out
                .extend_from_slice(format!("{known:X}\r\n").as_bytes());
            self.open_chunk = known;
        }
        self.open_chunk -= read;
        self.closes_chunk = self.open_chunk == 0;
    }
}

/// Bytes ready to be written beyond which nothing more is decoded.
const MAX_OUT: usize = 256 * 1024;

/// Content that is copied behind the head instead of being sent as a slice of its own.
const MAX_COPY: usize = 4096;

/// When the first of two pumps must be polled again.
pub(super) fn first(one: &Pump, other: &Pump) -> Option<Time> {
    match (one.until(), other.until()) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Content known to come that makes a splice worth its two system calls.
const MIN_SPLICE: u64 = 128 * 1024;

/// The same where the configuration asks for it: of less a pipe would hold less than a read takes.
const MIN_ASKED: u64 = 16 * 1024;
