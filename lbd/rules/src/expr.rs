//! Sample expressions, `fetch[(args)][,converter[(args)]…]` (haproxy 3.4 configuration 7.3),
//! compiled to a fetch closure followed by converter closures.
//!
//! It holds no fetch or converter; those stand in their registries.

pub(crate) mod args;
mod parse;
mod place;

use std::ops::ControlFlow;

use lbd_core::{Checkpoint, Checkpoints, Diag, Span, Type, Value};

pub use args::is_name_byte;
pub(crate) use parse::name_at;

use crate::cast;
use crate::registry::{BuildCtx, Convert, Eval, Fetch, Outcome};
use crate::view::View;
use crate::word::Word;

/// Converters that one expression may have.
pub const MAX_CONVERTERS: usize = 64;

/// What evaluating an expression to one value gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampled<'a> {
    /// A value.
    Value(Value<'a>),
    /// There is none.
    Absent,
    /// More input may bring one.
    NotYet,
}

impl<'a> Sampled<'a> {
    /// The value, if there is one.
    pub fn value(self) -> Option<Value<'a>> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::NotYet => None,
        }
    }
}

struct Link {
    name: &'static str,
    from: Type,
    convert: Convert,
}

/// A compiled expression.
pub struct Expr {
    text: Box<[u8]>,
    fetch: &'static Fetch,
    eval: Eval,
    links: Box<[Link]>,
    out: Type,
    takes_first: bool,
    /// It reads the head of a request.
    reads_head: bool,
}

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expr({})", self.text.escape_ascii())
    }
}

impl Expr {
    /// Compiles an expression that takes the whole word and is evaluated at `ctx.checkpoint`.
    ///
    /// # Errors
    /// The reference's message, or that what it reads is not available here.
    pub fn parse(word: Word<'_>, ctx: &mut BuildCtx<'_>) -> Result<Self, Diag> {
        let (expr, taken) = Self::parse_prefix(word.text, word.span, ctx)?;
        if taken < word.text.len() {
            let message = "missing comma after fetch keyword";
            return Err(Diag::alert(word.span, message));
        }
        expr.check_place(ctx.checkpoint, word.span)?;
        Ok(expr)
    }

    /// Compiles the expression at the start of `words`: one word, and converters in the words
    /// that follow. Returns how many words it took.
    ///
    /// # Errors
    /// As [`Expr::parse`]; also when there is no word.
    pub fn parse_words(words: &[Word<'_>], ctx: &mut BuildCtx<'_>) -> Result<(Self, usize), Diag> {
        let (expr, taken) = parse::words(words, ctx)?;
        let span = words.first().map(|word| word.span);
        expr.check_place(ctx.checkpoint, span)?;
        Ok((expr, taken))
    }

    /// Compiles the longest expression at the start of `text` wherever it will be evaluated, and
    /// returns how many bytes it took (log formats, ACLs).
    ///
    /// # Errors
    /// The reference's message.
    pub fn parse_prefix(
        text: &[u8],
        span: Span,
        ctx: &mut BuildCtx<'_>,
    ) -> Result<(Self, usize), Diag> {
        parse::prefix(text, span, ctx)
    }

    /// Refuses a place at which what the expression reads does not exist.
    ///
    /// # Errors
    /// The reference's sentence.
    pub fn check_place(
        &self,
        checkpoint: Checkpoint,
        span: impl Into<Option<Span>>,
    ) -> Result<(), Diag> {
        if self.is_valid_at(checkpoint) {
            return Ok(());
        }
        let message = format!(
            "fetch method '{}' extracts information from '{}', none of which is available here",
            self.fetch.name,
            self.source()
        );
        Err(Diag::alert(span, message).hint(place::hint(self.fetch.valid)))
    }

    /// Whether what it reads exists at `checkpoint`.
    pub fn is_valid_at(&self, checkpoint: Checkpoint) -> bool {
        self.fetch.valid.contains(checkpoint)
    }

    /// Where it may be evaluated.
    pub fn valid(&self) -> Checkpoints {
        self.fetch.valid
    }

    /// What it reads, in the reference's words, such as `HTTP request headers`.
    pub fn source(&self) -> &'static str {
        place::source(self.fetch)
    }

    /// Whether it has something to read in HTTP mode only.
    pub fn needs_http(&self) -> bool {
        place::needs_http(self.fetch)
    }

    /// Its fetch.
    pub fn fetch(&self) -> &'static Fetch {
        self.fetch
    }

    /// Names of its converters in order.
    pub fn converters(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.links.iter().map(|link| link.name)
    }

    /// The expression as written.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Type of its values; `Any` when only the value tells.
    pub fn out_type(&self) -> Type {
        self.out
    }

    /// Evaluates to one value: where a fetch has several, the one that the reference takes.
    pub fn value<'a>(&self, view: &View<'a>) -> Sampled<'a> {
        let mut found = None;
        let outcome = (self.eval)(view, &mut |value| {
            found = Some(value);
            if self.takes_first {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        match (found, outcome) {
            (Some(value), _) => self
                .convert(view, value)
                .map_or(Sampled::Absent, Sampled::Value),
            (None, Outcome::NotYet) if !view.is_final => Sampled::NotYet,
            (None, _) if self.awaits_head(view) => Sampled::NotYet,
            (None, _) => Sampled::Absent,
        }
    }

    /// Gives each value to `sink` until it breaks. `NotYet` says that more input may bring more.
    pub fn each<'a>(
        &self,
        view: &View<'a>,
        sink: &mut dyn FnMut(Value<'a>) -> ControlFlow<()>,
    ) -> Outcome {
        let mut any = false;
        let outcome = (self.eval)(view, &mut |value| match self.convert(view, value) {
            Some(value) => {
                any = true;
                sink(value)
            }
            // The reference ends the iteration at the first value that a converter drops.
            None => ControlFlow::Break(()),
        });
        match outcome {
            Outcome::NotYet if !view.is_final => Outcome::NotYet,
            _ if any => Outcome::Done,
            _ if self.awaits_head(view) => Outcome::NotYet,
            _ => Outcome::Absent,
        }
    }

    /// The value as the bytes of a string.
    pub fn bytes<'a>(&self, view: &View<'a>) -> Option<&'a [u8]> {
        cast::to_str(self.value(view).value()?, view.arena)
    }

    /// The value as bytes, numbers and addresses in network order.
    pub fn binary<'a>(&self, view: &View<'a>) -> Option<&'a [u8]> {
        cast::to_bin(self.value(view).value()?, view.arena)
    }

    /// The value as an integer.
    pub fn int(&self, view: &View<'_>) -> Option<i64> {
        cast::to_int(self.value(view).value()?)
    }

    /// Whether it reads the head of a request that has not come yet, on a connection in TCP mode.
    fn awaits_head(&self, view: &View<'_>) -> bool {
        self.reads_head && view.request_body.awaits_head && !view.is_final
    }

    #[inline]
    fn convert<'a>(&self, view: &View<'a>, value: Value<'a>) -> Option<Value<'a>> {
        let mut value = value;
        for link in &self.links {
            value = (link.convert)(view, cast::to(value, link.from, view.arena)?)?;
        }
        Some(value)
    }
}
