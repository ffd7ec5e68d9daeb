//! What an origin does with one request.
//!
//! It sends nothing itself: it is a list of steps that the connection's thread plays.

use std::time::Duration;

use crate::message::Request;

/// An answer, made by chaining: `Reply::status(503, "No").header("retry-after", "1").close()`.
#[derive(Clone, Debug)]
pub struct Reply {
    before: Duration,
    content: Content,
    truncate_at: Option<usize>,
    slowly: Option<(usize, Duration)>,
    end: End,
}

#[derive(Clone, Debug)]
enum Content {
    /// A message that the origin frames.
    Message {
        status: u16,
        reason: String,
        headers: Vec<(String, String)>,
        body: Body,
    },
    /// Bytes as they are.
    Raw(Vec<u8>),
}

#[derive(Clone, Debug)]
enum Body {
    /// With `content-length`.
    Sized(Vec<u8>),
    /// With `transfer-encoding: chunked`.
    Chunked {
        chunks: Vec<Vec<u8>>,
        trailers: Vec<(String, String)>,
    },
    /// Ended by the close of the connection.
    UntilClose(Vec<u8>),
}

/// What becomes of the connection afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Close,
    Hang,
    KeepAlive,
    Reset,
}

pub(super) enum Step {
    Pause(Duration),
    Send(Vec<u8>),
}

impl Reply {
    /// 200 with this body.
    pub fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::status(200, "OK").body(body)
    }

    /// A response without content.
    pub fn status(status: u16, reason: &str) -> Self {
        let body = Body::Sized(Vec::new());
        Self::of(Content::Message {
            status,
            reason: reason.to_owned(),
            headers: Vec::new(),
            body,
        })
    }

    /// 200 whose body is the request's head as it came, with the body behind it.
    pub fn echo(request: &Request) -> Self {
        let mut bytes = request.head.clone();
        bytes.extend_from_slice(&request.body);
        Self::ok(bytes)
    }

    /// 200 with a chunked body.
    pub fn chunked<B: AsRef<[u8]>>(chunks: impl IntoIterator<Item = B>) -> Self {
        let chunks = chunks.into_iter().map(|c| c.as_ref().to_vec()).collect();
        Self::status(200, "OK").with_body(Body::Chunked {
            chunks,
            trailers: Vec::new(),
        })
    }

    /// 200 whose body ends with the connection.
    pub fn until_close(body: impl AsRef<[u8]>) -> Self {
        Self::status(200, "OK")
            .with_body(Body::UntilClose(body.as_ref().to_vec()))
            .close()
    }

    /// These bytes and nothing else; the connection stays open.
    pub fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self::of(Content::Raw(bytes.as_ref().to_vec()))
    }

    /// No answer: the connection is closed.
    pub fn nothing() -> Self {
        Self::raw("").close()
    }

    /// No answer: the connection is reset.
    pub fn reset() -> Self {
        Self::raw("").then_reset()
    }

    /// No answer, and the connection stays open until the peer leaves.
    pub fn silence() -> Self {
        Self {
            end: End::Hang,
            ..Self::raw("")
        }
    }

    fn of(content: Content) -> Self {
        let (before, end) = (Duration::ZERO, End::KeepAlive);
        Self {
            before,
            content,
            truncate_at: None,
            slowly: None,
            end,
        }
    }

    fn with_body(mut self, new: Body) -> Self {
        if let Content::Message { body, .. } = &mut self.content {
            *body = new;
        }
        self
    }

    /// Puts a body with its length.
    #[must_use]
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        self.with_body(Body::Sized(body.as_ref().to_vec()))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Content::Message { headers, .. } = &mut self.content {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Adds a trailer to a chunked body.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        if let Content::Message {
            body: Body::Chunked { trailers, .. },
            ..
        } = &mut self.content
        {
            trailers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Waits before the first byte.
    #[must_use]
    pub fn delay(mut self, time: Duration) -> Self {
        self.before = time;
        self
    }

    /// Sends `piece` bytes at a time with a pause after each.
    #[must_use]
    pub fn slowly(mut self, piece: usize, pause: Duration) -> Self {
        self.slowly = Some((piece.max(1), pause));
        self
    }

    /// Sends only the first `count` bytes of head and body together, and closes.
    #[must_use]
    pub fn truncate(mut self, count: usize) -> Self {
        self.truncate_at = Some(count);
        self.close()
    }

    /// Closes afterwards.
    #[must_use]
    pub fn close(mut self) -> Self {
        self.end = End::Close;
        self
    }

    /// Resets the connection afterwards.
    #[must_use]
    pub fn then_reset(mut self) -> Self {
        self.end = End::Reset;
        self
    }

    /// Sends nothing more afterwards and keeps the connection until the peer leaves.
    #[must_use]
    pub fn then_silence(mut self) -> Self {
        self.end = End::Hang;
        self
    }

    pub(super) fn into_steps(self, server: &str, request: &Request) -> (Vec<Step>, End) {
        let mut bytes = match self.content {
            Content::Raw(bytes) => bytes,
            Content::Message {
                status,
                reason,
                headers,
                body,
            } => message(status, &reason, &headers, body, server, request),
        };
        if let Some(count) = self.truncate_at {
            bytes.truncate(count);
        }
        let mut steps = Vec::new();
        if !self.before.is_zero() {
            steps.push(Step::Pause(self.before));
        }
        match self.slowly {
            None => steps.push(Step::Send(bytes)),
            Some((piece, pause)) => {
                for part in bytes.chunks(piece) {
                    steps.push(Step::Send(part.to_vec()));
                    steps.push(Step::Pause(pause));
                }
            }
        }
        (steps, self.end)
    }
}

fn message(
    status: u16,
    reason: &str,
    headers: &[(String, String)],
    body: Body,
    server: &str,
    request: &Request,
) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} {reason}\r\nx-server: {server}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let has_length = !matches!(status, 100..=199 | 204 | 304);
    match &body {
        Body::Sized(bytes) if has_length => {
            head.push_str(&format!("content-length: {}\r\n", bytes.len()));
        }
        Body::Chunked { .. } => head.push_str("transfer-encoding: chunked\r\n"),
        Body::Sized(_) | Body::UntilClose(_) => {}
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    if request.method == "HEAD" {
        return bytes;
    }
    match body {
        Body::Sized(content) | Body::UntilClose(content) => bytes.extend_from_slice(&content),
        Body::Chunked { chunks, trailers } => {
            for chunk in chunks.iter().filter(|c| !c.is_empty()) {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n");
            for (name, value) in trailers {
                bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes
}
