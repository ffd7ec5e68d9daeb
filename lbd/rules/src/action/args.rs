//! The arguments of an action: a cursor over words, and what most actions read from it.
//!
//! It knows no action.

use std::time::Duration;

use lbd_core::{Diag, Span};

use crate::expr::Expr;
use crate::logformat::{Flags, LogFormat};
use crate::registry::BuildCtx;
use crate::word::Word;

/// Longest duration that the reference takes.
const MAX_MILLIS: u128 = 2_147_483_647;

/// A cursor over the words after an action's name.
#[derive(Debug, Clone, Copy)]
pub struct Args<'w> {
    name: Word<'w>,
    words: &'w [Word<'w>],
    at: usize,
}

/// A duration that is written or computed.
pub(super) enum Delay {
    Fixed(Duration),
    Computed(Expr),
}

impl<'w> Args<'w> {
    pub(super) fn new(name: Word<'w>, words: &'w [Word<'w>]) -> Self {
        Self { name, words, at: 0 }
    }

    /// The next word.
    pub(super) fn peek(&self) -> Option<Word<'w>> {
        self.words.get(self.at).copied()
    }

    /// Takes the next word.
    pub(super) fn next(&mut self) -> Option<Word<'w>> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    /// Takes the next word when it is `keyword`.
    pub(super) fn take(&mut self, keyword: &str) -> bool {
        let is_it = self.peek().is_some_and(|word| word.is(keyword));
        self.at += usize::from(is_it);
        is_it
    }

    /// Whether nothing is left but a condition.
    pub(super) fn is_over(&self) -> bool {
        self.peek()
            .is_none_or(|word| word.is("if") || word.is("unless"))
    }

    /// Takes the next word unless a condition begins there.
    pub(super) fn value(&mut self, fault: &str) -> Result<Word<'w>, Diag> {
        if self.is_over() {
            return Err(self.fault(fault));
        }
        self.next().ok_or_else(|| self.fault(fault))
    }

    /// All that is left.
    pub(super) fn rest(&self) -> &'w [Word<'w>] {
        self.words.get(self.at..).unwrap_or_default()
    }

    /// How many words were taken.
    pub(super) fn taken(&self) -> usize {
        self.at
    }

    /// Takes words.
    pub(super) fn skip(&mut self, words: usize) {
        self.at += words;
    }

    /// Place of the next word, or of the action.
    pub(super) fn span(&self) -> Span {
        self.peek().unwrap_or(self.name).span
    }

    /// A fault at the next word.
    pub(super) fn fault(&self, message: impl Into<String>) -> Diag {
        Diag::alert(self.span(), message)
    }

    /// An expression from here on.
    pub(super) fn expr(&mut self, ctx: &mut BuildCtx<'_>) -> Result<Expr, Diag> {
        // The words of a condition are not converters.
        let end = self
            .rest()
            .iter()
            .position(|word| word.is("if") || word.is("unless"))
            .unwrap_or_else(|| self.rest().len());
        if end == 0 {
            return Err(self.fault("missing sample expression"));
        }
        let (expr, taken) = Expr::parse_words(&self.rest()[..end], ctx)?;
        self.skip(taken);
        Ok(expr)
    }

    /// A log-format expression that ends up in a message.
    pub(super) fn format(
        &mut self,
        fault: &str,
        ctx: &mut BuildCtx<'_>,
    ) -> Result<LogFormat, Diag> {
        let word = self.next().ok_or_else(|| self.fault(fault))?;
        LogFormat::parse(word.text, word.span, Flags::HTTP_VALUE, ctx)
    }

    /// A duration in milliseconds or with a unit, or an expression that gives milliseconds.
    /// `of` is what the messages name, such as `set-timeout server`.
    pub(super) fn delay(&mut self, of: &str, ctx: &mut BuildCtx<'_>) -> Result<Delay, Diag> {
        let Some(word) = self.peek() else {
            return Err(self.fault(format!("missing duration for '{of}'")));
        };
        let text = word.lossy();
        let Some(delay) = crate::arg::duration(&text) else {
            if text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(overflow(word, of));
            }
            return self.expr(ctx).map(Delay::Computed);
        };
        self.at += 1;
        if delay.as_millis() > MAX_MILLIS {
            return Err(overflow(word, of));
        }
        if delay.is_zero() {
            let message = format!("null value is not valid for a '{of}' rule");
            return Err(Diag::alert(word.span, message));
        }
        if delay.as_micros() < 1000 {
            let message = format!(
                "timer underflow in argument '{text}' to rule '{of}' (minimum value is 1 ms)"
            );
            return Err(Diag::alert(word.span, message));
        }
        Ok(Delay::Fixed(delay))
    }
}

fn overflow(word: Word<'_>, of: &str) -> Diag {
    Diag::alert(
        word.span,
        format!(
            "timer overflow in argument '{}' to rule '{of}' (maximum value is 2147483647 ms or \
             ~24.8 days)",
            word.lossy()
        ),
    )
}
