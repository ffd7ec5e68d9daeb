//! From the text of a log-format expression to its nodes.
//!
//! Sample expressions are left to their own parser; quoting was the configuration lexer's.

use lbd_core::{Diag, Level, Span};

use super::alias::{self, ALIASES, Alias};
use super::flags::Flags;
use super::{Cast, Field, LogFormat, Node, Source};
use crate::expr::Expr;
use crate::registry::BuildCtx;

/// Values that one line may have.
const MAX_FIELDS: usize = 1024;

pub(super) fn parse(
    text: &[u8],
    span: Span,
    options: Flags,
    ctx: &mut BuildCtx<'_>,
) -> Result<LogFormat, Diag> {
    let mut parser = Parser {
        text,
        span,
        at: 0,
        options,
        line: Flags::NONE,
        nodes: Vec::new(),
        literal: Vec::new(),
        fields: 0,
    };
    parser.run(ctx)?;
    parser.end_literal();
    let line = parser.line.settle_encoding(Flags::NONE);
    let mut nodes = parser.nodes;
    for node in &mut nodes {
        if let Node::Field(field) = node {
            field.flags = field.flags.settle(line);
        }
    }
    Ok(LogFormat {
        text: text.into(),
        nodes: nodes.into(),
        line,
    })
}

struct Parser<'t> {
    text: &'t [u8],
    span: Span,
    at: usize,
    /// Flags of the values to come.
    options: Flags,
    /// Flags common to all values.
    line: Flags,
    nodes: Vec<Node>,
    literal: Vec<u8>,
    fields: usize,
}

/// What stands between `%` and an alias or expression.
#[derive(Default)]
struct Prefix<'t> {
    name: Option<&'t [u8]>,
    cast: Option<Cast>,
    flags: Option<&'t [u8]>,
}

impl<'t> Parser<'t> {
    fn run(&mut self, ctx: &mut BuildCtx<'_>) -> Result<(), Diag> {
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'%' => self.field(ctx)?,
                b' ' if self.options.has(Flags::MERGE_SPACES) => {
                    self.end_literal();
                    if !matches!(self.nodes.last(), Some(Node::Space)) {
                        self.nodes.push(Node::Space);
                    }
                }
                _ => self.literal.push(byte),
            }
        }
        Ok(())
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            let literal = std::mem::take(&mut self.literal);
            self.nodes.push(Node::Text(literal.into()));
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn fault(&self, message: impl Into<String>) -> Diag {
        Diag::alert(self.span, message)
    }

    fn truncated(&self, after: &[u8]) -> Diag {
        self.fault(format!(
            "truncated line after '{}'",
            String::from_utf8_lossy(after)
        ))
    }

    /// What follows a `%`.
    fn field(&mut self, ctx: &mut BuildCtx<'_>) -> Result<(), Diag> {
        let mut prefix = Prefix::default();
        if self.peek() == Some(b'(') {
            self.at += 1;
            self.name(&mut prefix)?;
        }
        match self.peek() {
            None => return Err(self.truncated(prefix.name.unwrap_or(b"%"))),
            Some(b'{') => {
                self.at += 1;
                self.flags(&mut prefix)?;
            }
            Some(b'[') => {}
            Some(byte) if byte.is_ascii_alphabetic() => {}
            Some(b'%') => {
                self.literal.push(b'%');
                self.at += 1;
                return Ok(());
            }
            Some(byte) if byte.is_ascii_digit() || byte == b' ' || byte == b'\t' => {
                return Err(self.fault(format!(
                    "unexpected alias name near '{}' at position {} line : '{}'. Maybe you want \
                     to write a single '%', use the syntax '%%'",
                    char::from(byte),
                    self.at,
                    String::from_utf8_lossy(self.text)
                )));
            }
            // As in the reference, a '%' before any other character is dropped.
            Some(_) => return Ok(()),
        }
        self.end_literal();
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(self.fault(format!("more than {MAX_FIELDS} values in one format")));
        }
        if self.peek() == Some(b'[') {
            self.at += 1;
            self.expression(&prefix, ctx)
        } else {
            self.alias(&prefix, ctx)
        }
    }

    /// After `%(`.
    fn name(&mut self, prefix: &mut Prefix<'t>) -> Result<(), Diag> {
        let start = self.at;
        let mut type_start = None;
        loop {
            let Some(byte) = self.peek() else {
                return Err(self.truncated(b"%"));
            };
            match byte {
                b':' if type_start.is_none() => {
                    prefix.name = self.text.get(start..self.at);
                    type_start = Some(self.at + 1);
                }
                b')' => break,
                b'_' | b'-' => {}
                _ if byte.is_ascii_alphanumeric() => {}
                _ => {
                    return Err(self.fault(format!(
                        "invalid character in custom name near '{}' at position {} line : '{}'",
                        char::from(byte),
                        self.at,
                        String::from_utf8_lossy(self.text)
                    )));
                }
            }
            self.at += 1;
        }
        match type_start {
            None => prefix.name = self.text.get(start..self.at),
            Some(from) => prefix.cast = Some(self.cast(from)?),
        }
        prefix.name = prefix.name.filter(|name| !name.is_empty());
        self.at += 1;
        Ok(())
    }

    fn cast(&self, from: usize) -> Result<Cast, Diag> {
        match self.text.get(from..self.at).unwrap_or_default() {
            b"raw" => Ok(Cast::Raw),
            b"str" => Ok(Cast::Str),
            b"sint" => Ok(Cast::Int),
            b"bool" => Ok(Cast::Bool),
            other => Err(self.fault(format!(
                "unexpected output type '{}' at position {from} line : '{}'. Supported types \
                 are: str, sint, bool, raw",
                String::from_utf8_lossy(other),
                String::from_utf8_lossy(self.text)
            ))),
        }
    }

    /// After `%{`.
    fn flags(&mut self, prefix: &mut Prefix<'t>) -> Result<(), Diag> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let Some(len) = rest.iter().position(|byte| *byte == b'}') else {
            return Err(self.truncated(rest));
        };
        prefix.flags = Some(&rest[..len]);
        self.at = start + len + 1;
        match self.peek() {
            Some(b'[') => Ok(()),
            Some(byte) if byte.is_ascii_alphanumeric() => Ok(()),
            None => Err(self.truncated(&rest[..len])),
            Some(_) => Err(self.fault(format!(
                "parse argument modifier without alias name near '%{{{}}}'",
                String::from_utf8_lossy(&rest[..len])
            ))),
        }
    }

    fn with_flags(&self, written: Option<&[u8]>, ctx: &mut BuildCtx<'_>) -> Flags {
        let mut flags = self.options;
        for item in written.unwrap_or_default().split(|byte| *byte == b',') {
            let sign = item.iter().rposition(|byte| matches!(byte, b'+' | b'-'));
            let name = sign.map_or(item, |at| &item[at + 1..]);
            let known = Flags::NAMES
                .iter()
                .find(|(known, _)| known.as_bytes() == name);
            match (sign.map(|at| item[at]), known) {
                // Encodings exclude each other; the first one stays.
                (Some(b'+'), Some((_, mask))) if flags.has(Flags::ENCODED) => {
                    flags = flags.with(mask.without(Flags::ENCODED));
                }
                (Some(b'+'), Some((_, mask))) => flags = flags.with(*mask),
                (Some(_), Some((_, mask))) => flags = flags.without(*mask),
                _ if item.is_empty() => {}
                _ => ctx.warn(
                    Diag::warning(
                        self.span,
                        format!(
                            "log-format flag '{}' has no effect",
                            String::from_utf8_lossy(item)
                        ),
                    )
                    .hint("Write a sign and one of M, Q, X, E, bin, json, cbor, such as {+Q}."),
                ),
            }
        }
        flags
    }

    fn alias(&mut self, prefix: &Prefix<'t>, ctx: &mut BuildCtx<'_>) -> Result<(), Diag> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = rest
            .iter()
            .position(|b| !b.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        self.at += len;
        let name = &rest[..len];
        let Some(found) = alias::find(name) else {
            return Err(self.unknown(name));
        };
        let flags = self.with_flags(prefix.flags, ctx);
        if found.alias == Alias::Global {
            self.options = flags;
            self.line = if self.line == Flags::NONE {
                flags
            } else {
                self.line.common(flags)
            };
            return Ok(());
        }
        if found.is_http {
            self.suspect_mode("format alias", found.name, ctx);
        }
        self.push(Source::Alias(found), prefix, flags);
        Ok(())
    }

    /// Tells with `-dD` of an item that has nothing to show in a proxy that is not in HTTP mode.
    fn suspect_mode(&self, kind: &str, name: &str, ctx: &mut BuildCtx<'_>) {
        if ctx.proxy.is_some_and(|proxy| !ctx.names.is_http(proxy)) {
            let message = format!(
                "{kind} '{name}' may not work as expected (item depends on HTTP proxy mode)"
            );
            ctx.warn(Diag::new(Level::Diag, self.span, message));
        }
    }

    fn unknown(&self, name: &[u8]) -> Diag {
        let name = String::from_utf8_lossy(name);
        let diag = self.fault(format!(
            "no such format alias '{name}'. If you wanted to emit the '%' character verbatim, \
             you need to use '%%'"
        ));
        let near = ALIASES
            .iter()
            .find(|alias| alias.name.eq_ignore_ascii_case(&name));
        match near {
            Some(near) => diag.hint(format!("Did you mean '%{}' ({})?", near.name, near.doc)),
            None => diag,
        }
    }

    fn expression(&mut self, prefix: &Prefix<'t>, ctx: &mut BuildCtx<'_>) -> Result<(), Diag> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let shown = String::from_utf8_lossy(rest).into_owned();
        let (expr, taken) = Expr::parse_prefix(rest, self.span, ctx).map_err(|mut diag| {
            diag.message = format!(
                "failed to parse sample expression <{shown}> : {}",
                diag.message
            );
            diag
        })?;
        if !expr.is_valid_at(ctx.checkpoint) {
            return Err(self.fault(format!(
                "sample fetch <{}> may not be reliably used here because it needs '{}' which is \
                 not available here",
                expr.fetch().name,
                expr.source()
            )));
        }
        let read = String::from_utf8_lossy(rest.get(..taken).unwrap_or(rest)).into_owned();
        match rest.get(taken) {
            Some(b']') => {}
            Some(byte) if byte.is_ascii_graphic() || *byte == b' ' => {
                return Err(self.fault(format!(
                    "expected ']' after '{read}', but found '{}'",
                    char::from(*byte)
                )));
            }
            _ => return Err(self.fault(format!("missing ']' after '{read}'"))),
        }
        if expr.needs_http() {
            self.suspect_mode("sample fetch", expr.fetch().name, ctx);
        }
        self.at += taken + 1;
        let flags = self.with_flags(prefix.flags, ctx);
        self.push(Source::Expr(Box::new(expr)), prefix, flags);
        Ok(())
    }

    fn push(&mut self, source: Source, prefix: &Prefix<'t>, flags: Flags) {
        self.nodes.push(Node::Field(Field {
            source,
            flags,
            cast: prefix.cast.unwrap_or(Cast::None),
            name: prefix.name.map(Into::into),
        }));
    }
}
