//! Arguments of `return`, `deny`, `tarpit` and `http-error`.
//!
//! Conditions behind them belong to the rule.

use lbd_core::{Diag, Span};
use lbd_http::status::ERROR_STATUSES;

use super::{Kind, ReplySpec};
use crate::logformat::{Flags, LogFormat};
use crate::registry::BuildCtx;
use crate::word::Word;

/// Headers that one answer may add.
const MAX_HEADERS: usize = 100;

/// What the body shall be, as written.
enum Body<'w> {
    Default,
    Empty,
    File(Word<'w>),
    Format(Vec<u8>, Span),
    Raw(Vec<u8>),
    Section(Word<'w>),
}

struct Reading<'w, 'r> {
    words: &'r [Word<'w>],
    at: usize,
    status: u16,
    content_type: Option<Word<'w>>,
    body: Body<'w>,
    /// The word that defined the body.
    body_word: Option<Word<'w>>,
    headers: Vec<(Box<[u8]>, LogFormat)>,
}

pub(super) fn arguments(
    words: &[Word<'_>],
    default_status: u16,
    ctx: &mut BuildCtx<'_>,
) -> Result<(ReplySpec, usize), Diag> {
    let mut reading = Reading {
        words,
        at: 0,
        status: default_status,
        content_type: None,
        body: Body::Empty,
        body_word: None,
        headers: Vec::new(),
    };
    while reading.argument(ctx)? {}
    let taken = reading.at;
    Ok((reading.finish(ctx)?, taken))
}

pub(super) fn http_error(words: &[Word<'_>], ctx: &mut BuildCtx<'_>) -> Result<ReplySpec, Diag> {
    let place = words.first().map(|word| word.span);
    let (spec, taken) = arguments(words, 0, ctx).map_err(|mut diag| {
        diag.message = format!("http-error : {}", diag.message);
        diag
    })?;
    if spec.status == 0 {
        return Err(Diag::alert(
            place,
            "http-error : expects at least a <status> as arguments.",
        ));
    }
    if !ERROR_STATUSES.contains(&spec.status) {
        let message = format!("http-error: status code '{}' not handled.", spec.status);
        return Err(Diag::alert(place, message).hint(known_statuses()));
    }
    match words.get(taken) {
        Some(word) => Err(Diag::alert(
            word.span,
            format!("http-error : unknown keyword '{}'.", word.lossy()),
        )),
        None => Ok(spec),
    }
}

fn known_statuses() -> String {
    let list: Vec<String> = ERROR_STATUSES.iter().map(ToString::to_string).collect();
    format!("Statuses with an error answer are {}.", list.join(", "))
}

impl<'w> Reading<'w, '_> {
    /// Reads one argument; false at the first word that is none.
    fn argument(&mut self, ctx: &mut BuildCtx<'_>) -> Result<bool, Diag> {
        let Some(word) = self.words.get(self.at).copied() else {
            return Ok(false);
        };
        match word.text {
            b"status" => self.status(word)?,
            b"content-type" => self.content_type = Some(self.value(word, "<ctype>")?),
            b"default-errorfiles" => {
                self.define(word)?;
                self.body = Body::Default;
                self.at += 1;
            }
            b"errorfiles" => {
                self.define(word)?;
                self.body = Body::Section(self.value(word, "<name>")?);
            }
            b"errorfile" => {
                self.define(word)?;
                self.body = Body::File(self.value(word, "<fmt>")?);
            }
            b"file" | b"lf-file" => {
                self.define(word)?;
                let path = self.value(word, "<file>")?;
                let content = read_bounded(path, ctx)?;
                self.body = if word.is("file") {
                    Body::Raw(content)
                } else {
                    Body::Format(content, path.span)
                };
            }
            b"string" => {
                self.define(word)?;
                self.body = Body::Raw(self.value(word, "<str>")?.text.to_vec());
            }
            b"lf-string" => {
                self.define(word)?;
                let text = self.value(word, "<fmt>")?;
                self.body = Body::Format(text.text.to_vec(), text.span);
            }
            b"hdr" => self.header(word, ctx)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn value(&mut self, word: Word<'w>, what: &str) -> Result<Word<'w>, Diag> {
        let value = self.words.get(self.at + 1).copied().ok_or_else(|| {
            Diag::alert(
                word.span,
                format!("'{}' expects {what} as argument", word.lossy()),
            )
        })?;
        self.at += 2;
        Ok(value)
    }

    fn define(&mut self, word: Word<'w>) -> Result<(), Diag> {
        if let Some(first) = self.body_word.replace(word) {
            return Err(Diag::alert(
                word.span,
                format!(
                    "unexpected '{}' argument, '{}' already defined",
                    word.lossy(),
                    first.lossy()
                ),
            ));
        }
        Ok(())
    }

    fn status(&mut self, word: Word<'w>) -> Result<(), Diag> {
        let value = self.value(word, "<status_code>")?;
        let status = crate::cast::leading_int(value.text);
        self.status = u16::try_from(status)
            .ok()
            .filter(|status| (200..600).contains(status))
            .ok_or_else(|| {
                Diag::alert(value.span, format!("Unexpected status code '{status}'"))
                    .hint("A status from 200 to 599 is wanted.")
            })?;
        Ok(())
    }

    fn header(&mut self, word: Word<'w>, ctx: &mut BuildCtx<'_>) -> Result<(), Diag> {
        let (Some(name), Some(value)) = (
            self.words.get(self.at + 1).copied(),
            self.words.get(self.at + 2).copied(),
        ) else {
            let message = "'hdr' expects <name> and <value> as arguments";
            return Err(Diag::alert(word.span, message));
        };
        self.at += 3;
        let framing: [&[u8]; 3] = [b"content-length", b"transfer-encoding", b"content-type"];
        if framing
            .iter()
            .any(|known| name.text.eq_ignore_ascii_case(known))
        {
            let message = format!(
                "header '{}' always ignored by the http reply.",
                name.lossy()
            );
            ctx.warn(Diag::warning(name.span, message).hint("Use 'content-type' without 'hdr'."));
            return Ok(());
        }
        let field = crate::action::header::field_name(name, ctx)?;
        if self.headers.len() >= MAX_HEADERS {
            let message = format!("more than {MAX_HEADERS} headers in one reply");
            return Err(Diag::alert(name.span, message));
        }
        let format = LogFormat::parse(value.text, value.span, Flags::HTTP_VALUE, ctx)?;
        self.headers.push((field, format));
        Ok(())
    }

    fn finish(mut self, ctx: &mut BuildCtx<'_>) -> Result<ReplySpec, Diag> {
        let body = std::mem::replace(&mut self.body, Body::Empty);
        let kind = match body {
            Body::Empty => {
                self.drop_type(
                    "ignored by the http reply because neither errorfile nor payload defined.",
                    ctx,
                );
                Kind::Empty
            }
            Body::Default | Body::Section(_) | Body::File(_) => self.error_message(body, ctx)?,
            Body::Raw(content) => self.raw(content, ctx)?,
            Body::Format(text, span) => self.format(&text, span, ctx)?,
        };
        Ok(ReplySpec {
            status: self.status,
            kind,
            content_type: self.content_type.map(|word| word.text.into()),
            headers: self.headers,
        })
    }

    fn drop_type(&mut self, why: &str, ctx: &mut BuildCtx<'_>) {
        if let Some(content_type) = self.content_type.take() {
            let message = format!("content-type '{}' {why}", content_type.lossy());
            ctx.warn(Diag::warning(content_type.span, message));
        }
    }

    fn place(&self) -> Option<Span> {
        self.body_word
            .or_else(|| self.words.first().copied())
            .map(|word| word.span)
    }

    fn error_message(&mut self, body: Body<'w>, ctx: &mut BuildCtx<'_>) -> Result<Kind, Diag> {
        if !matches!(body, Body::File(_)) && !ERROR_STATUSES.contains(&self.status) {
            let argument = self
                .body_word
                .map(|word| word.lossy().into_owned())
                .unwrap_or_default();
            let message = format!(
                "status code '{}' not handled by default with '{argument}' argument.",
                self.status
            );
            return Err(Diag::alert(self.place(), message).hint(known_statuses()));
        }
        self.drop_type(
            "ignored by the http reply when used with an errorfile.",
            ctx,
        );
        if !self.headers.is_empty() {
            self.headers.clear();
            let message = "hdr parameters ignored by the http reply when used with an errorfile.";
            ctx.warn(Diag::warning(self.place(), message));
        }
        match body {
            Body::File(path) => {
                let content = ctx.names.read_file(&path.lossy()).map_err(|why| {
                    let message = format!("error opening file '{}'.", path.lossy());
                    Diag::alert(path.span, message).hint(why)
                })?;
                let message = super::message::read(&content, ctx.names.limits())
                    .map_err(|why| Diag::alert(path.span, format!("'{}': {why}", path.lossy())))?;
                Ok(Kind::Message(message))
            }
            Body::Section(name) => {
                let Some(section) = ctx.names.http_errors(&name.lossy()) else {
                    let message = format!(
                        "unknown http-errors section '{}' referenced by an http reply ",
                        name.lossy()
                    );
                    return Err(Diag::alert(name.span, message));
                };
                if let Some(spec) = ctx.names.http_errors_reply(section, self.status) {
                    return Ok(Kind::Section(spec));
                }
                let message = format!(
                    "status '{}' referenced by an http reply not declared in http-errors section \
                     '{}'.",
                    self.status,
                    name.lossy()
                );
                ctx.warn(Diag::warning(name.span, message));
                Ok(Kind::Default)
            }
            _ => Ok(Kind::Default),
        }
    }

    fn raw(&mut self, content: Vec<u8>, ctx: &mut BuildCtx<'_>) -> Result<Kind, Diag> {
        if content.is_empty() {
            self.drop_type(
                "ignored by the http reply when used with an empty payload.",
                ctx,
            );
        } else {
            self.refuse_bodyless()?;
            if self.content_type.is_none() {
                let message = "a content type must be defined when non-empty payload is configured";
                return Err(Diag::alert(self.place(), message)
                    .hint("Add, for example, 'content-type text/plain'."));
            }
        }
        let limits = ctx.names.limits();
        if content.len() > limits.bufsize.saturating_sub(limits.maxrewrite) {
            ctx.warn(Diag::warning(
                self.place(),
                "http reply payload runs over the buffer space reserved to headers rewriting. \
                 It may lead to internal errors if strict rewriting mode is enabled.",
            ));
        }
        Ok(Kind::Raw(content.into()))
    }

    fn format(&self, text: &[u8], span: Span, ctx: &mut BuildCtx<'_>) -> Result<Kind, Diag> {
        self.refuse_bodyless()?;
        if self.content_type.is_none() {
            let message = "a content type must be defined with a log-format payload";
            return Err(Diag::alert(self.place(), message)
                .hint("Add, for example, 'content-type text/plain'."));
        }
        LogFormat::parse(text, span, Flags::NONE, ctx).map(Kind::Format)
    }

    fn refuse_bodyless(&self) -> Result<(), Diag> {
        if self.status == 204 || self.status == 304 {
            let message = format!("No body expected for {} responses", self.status);
            return Err(Diag::alert(self.place(), message));
        }
        Ok(())
    }
}

fn read_bounded(path: Word<'_>, ctx: &mut BuildCtx<'_>) -> Result<Vec<u8>, Diag> {
    let content = ctx.names.read_file(&path.lossy()).map_err(|why| {
        Diag::alert(path.span, format!("error opening file '{}'", path.lossy())).hint(why)
    })?;
    let limit = ctx.names.limits().bufsize;
    if content.len() > limit {
        let size = content.len();
        let message = format!(
            "file '{}' exceeds the buffer size ({size} > {limit})",
            path.lossy()
        );
        return Err(Diag::alert(path.span, message).hint("Raise tune.bufsize."));
    }
    Ok(content)
}
