//! Configured answers: error files, redirects of errors, `http-error`, `return` and `deny`
//! (haproxy 3.4 configuration 4.2, 4.4).
//!
//! It decides nothing: rules and the proxy say when an answer is due.

mod message;
mod parse;

use std::sync::Arc;

use lbd_core::Diag;
use lbd_http::status::error_reply;
use lbd_http::{Head, HeadFull};

pub use message::MessageFault;

use crate::logformat::LogFormat;
use crate::program::Reply;
use crate::registry::{BuildCtx, Limits};
use crate::view::View;
use crate::word::Word;

/// A configured answer.
#[derive(Debug)]
pub struct ReplySpec {
    status: u16,
    kind: Kind,
    content_type: Option<Box<[u8]>>,
    headers: Vec<(Box<[u8]>, LogFormat)>,
}

#[derive(Debug)]
enum Kind {
    /// What the proxies have for this status, else the built-in answer.
    Default,
    /// No body.
    Empty,
    /// A rendered body.
    Format(LogFormat),
    /// A whole message.
    Message(Message),
    /// A fixed body.
    Raw(Box<[u8]>),
    /// What an `http-errors` section has.
    Section(Arc<ReplySpec>),
}

/// A head and its body as read from a file.
#[derive(Debug)]
struct Message {
    /// No status line: nothing is sent.
    head: Head,
    body: Box<[u8]>,
}

impl ReplySpec {
    /// `http-request return …`, `deny …` and `http-error …`: reads the arguments from the start of
    /// `words` up to the first that is none; returns the answer and how many words it took.
    ///
    /// # Errors
    /// The reference's sentence; warnings go to `ctx`.
    pub fn parse(
        words: &[Word<'_>],
        default_status: u16,
        ctx: &mut BuildCtx<'_>,
    ) -> Result<(Self, usize), Diag> {
        parse::arguments(words, default_status, ctx)
    }

    /// `http-error …` without its first word: the whole line must be arguments.
    ///
    /// # Errors
    /// As [`ReplySpec::parse`], or a status that has no error answer.
    pub fn parse_http_error(words: &[Word<'_>], ctx: &mut BuildCtx<'_>) -> Result<Self, Diag> {
        parse::http_error(words, ctx)
    }

    /// `errorfile <status> <file>`: an HTTP/1 message, or nothing to close without an answer.
    ///
    /// # Errors
    /// Why the content is no message.
    pub fn from_file(status: u16, content: &[u8], limits: Limits) -> Result<Self, MessageFault> {
        let message = message::read(content, limits)?;
        Ok(Self::of(status, Kind::Message(message)))
    }

    /// `errorloc302` (also `errorloc`) and `errorloc303`: a redirect in place of the error.
    pub fn location(status: u16, code: u16, url: &[u8]) -> Self {
        let mut head = Head::with_max_len(url.len() + 256);
        let made = (|| {
            head.start_response(b"HTTP/1.1", code, lbd_http::status::reason(code).as_bytes())?;
            head.add(b"cache-control", b"no-cache")?;
            head.add(b"content-length", b"0")?;
            head.add(b"location", url)
        })();
        // The head was given room for all of it.
        debug_assert!(made.is_ok());
        Self::of(
            status,
            Kind::Message(Message {
                head,
                body: Box::default(),
            }),
        )
    }

    fn of(status: u16, kind: Kind) -> Self {
        Self {
            status,
            kind,
            content_type: None,
            headers: Vec::new(),
        }
    }

    /// The status for which it answers.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether it stands for the proxy's own answer to its status, without any change.
    pub fn is_default(&self) -> bool {
        matches!(self.kind, Kind::Default)
    }

    /// Makes the answer. One that does not fit a head becomes the built-in 500.
    pub fn build(&self, view: &View<'_>) -> Reply {
        self.build_within(view, true)
    }

    /// The answer to an error: what the backend, else the frontend has for the status, else the
    /// built-in one.
    pub fn for_status(status: u16, view: &View<'_>) -> Reply {
        let backend = view.stream.and_then(|stream| stream.backend);
        let frontend = view.session.map(|session| session.frontend).or(view.proxy);
        let configured = [backend, frontend]
            .into_iter()
            .flatten()
            .find_map(|proxy| view.world.error_reply(proxy, status));
        match configured {
            Some(spec) => spec.build_within(view, false),
            None => builtin(status),
        }
    }

    fn build_within(&self, view: &View<'_>, may_ask: bool) -> Reply {
        let made = match &self.kind {
            Kind::Default if may_ask => return Self::for_status(self.status, view),
            Kind::Default => return builtin(self.status),
            Kind::Section(spec) => return spec.build_within(view, may_ask),
            Kind::Message(message) => {
                return Reply {
                    head: message.head.clone(),
                    body: message.body.to_vec(),
                    keep_alive: true,
                    ..Reply::default()
                };
            }
            Kind::Empty => self.with_body(view, Vec::new()),
            Kind::Raw(body) => self.with_body(view, body.to_vec()),
            Kind::Format(format) => {
                let mut body = Vec::new();
                format.render(view, &mut body);
                self.with_body(view, body)
            }
        };
        made.unwrap_or_else(|HeadFull| builtin(500))
    }

    fn with_body(&self, view: &View<'_>, body: Vec<u8>) -> Result<Reply, HeadFull> {
        let mut head = Head::new();
        let reason = lbd_http::status::reason(self.status).as_bytes();
        head.start_response(b"HTTP/1.1", self.status, reason)?;
        let mut value = Vec::new();
        for (name, format) in &self.headers {
            value.clear();
            format.render(view, &mut value);
            if !value.is_empty() {
                head.add(name, lbd_http::header::trim(&value))?;
            }
        }
        if self.status != 204 {
            let mut length = itoa::Buffer::new();
            head.add(b"content-length", length.format(body.len()).as_bytes())?;
        }
        if let Some(content_type) = self.content_type.as_deref().filter(|_| !body.is_empty()) {
            head.add(b"content-type", content_type)?;
        }
        Ok(Reply {
            head,
            body,
            keep_alive: true,
            ..Reply::default()
        })
    }
}

/// The built-in answer; a status that has none gets an empty body.
fn builtin(status: u16) -> Reply {
    let mut head = Head::new();
    let body = match error_reply(status) {
        // A built-in head is far below the limit of a new one.
        Some(reply) => {
            let _ = reply.fill(&mut head);
            reply.body.as_bytes().to_vec()
        }
        None => {
            let reason = lbd_http::status::reason(status).as_bytes();
            let _ = head.start_response(b"HTTP/1.1", status, reason);
            let _ = head.add(b"content-length", b"0");
            Vec::new()
        }
    };
    Reply {
        head,
        body,
        keep_alive: true,
        ..Reply::default()
    }
}

#[cfg(test)]
mod tests;
