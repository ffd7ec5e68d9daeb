//! Reading the HTTP/1 answer to a check.
//!
//! It is lenient where a check may be: it wants a status line and headers, and takes the body as
//! far as it comes. It is no codec for traffic.

/// An answer whose head is complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpReply {
    /// Status, 100 to 999.
    pub status: u16,
    /// Reason phrase.
    pub reason: Vec<u8>,
    /// Names in lower case, with values, in their order.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body as far as it has come, without chunk framing.
    pub body: Vec<u8>,
    /// Whether the body has come whole.
    pub complete: bool,
}

/// What the bytes so far are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    Invalid,
    More,
    Reply(HttpReply),
}

/// Reads `data`; `closed` when nothing more will come, `is_head` when the request was HEAD. Interim
/// answers (1xx) are passed over, other than in the reference, which judges them.
pub(super) fn read(mut data: &[u8], closed: bool, is_head: bool) -> Read {
    loop {
        let Some(end) = head_end(data) else {
            let start = &data[..data.len().min(5)];
            let fits = b"HTTP/".starts_with(start);
            return if closed || !fits {
                Read::Invalid
            } else {
                Read::More
            };
        };
        let Some(mut reply) = parse_head(&data[..end]) else {
            return Read::Invalid;
        };
        data = &data[end..];
        if (100..200).contains(&reply.status) && reply.status != 101 {
            continue;
        }
        read_body(&mut reply, data, closed, is_head);
        return Read::Reply(reply);
    }
}

fn head_end(data: &[u8]) -> Option<usize> {
    (0..data.len()).find_map(|at| {
        let rest = &data[at..];
        if rest.starts_with(b"\n\r\n") {
            Some(at + 3)
        } else {
            rest.starts_with(b"\n\n").then_some(at + 2)
        }
    })
}

fn parse_head(head: &[u8]) -> Option<HttpReply> {
    let mut lines = head
        .split(|&b| b == b'\n')
        .map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let mut words = lines.next()?.splitn(3, |&b| b == b' ');
    let version = words.next()?;
    let digits = words.next()?;
    if !version.starts_with(b"HTTP/") || digits.len() != 3 {
        return None;
    }
    let status: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let reason = words.next().unwrap_or_default().to_vec();
    let mut headers = Vec::new();
    for line in lines.filter(|l| !l.is_empty()).take(MAX_HEADERS) {
        let colon = line.iter().position(|&b| b == b':')?;
        let name = line[..colon].to_ascii_lowercase();
        if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
            return None;
        }
        headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
    (status >= 100).then_some(HttpReply {
        status,
        reason,
        headers,
        ..HttpReply::default()
    })
}

fn read_body(reply: &mut HttpReply, data: &[u8], closed: bool, is_head: bool) {
    let header = |name: &[u8]| {
        let found = reply.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_slice())
    };
    let chunked =
        header(b"transfer-encoding").is_some_and(|v| v.to_ascii_lowercase().ends_with(b"chunked"));
    let length =
        header(b"content-length").and_then(|v| std::str::from_utf8(v).ok()?.parse::<usize>().ok());
    if is_head || matches!(reply.status, 204 | 304) {
        reply.complete = true;
    } else if chunked {
        (reply.body, reply.complete) = unchunk(data);
    } else if let Some(length) = length {
        reply.body = data[..data.len().min(length)].to_vec();
        reply.complete = data.len() >= length;
    } else {
        reply.body = data.to_vec();
    }
    reply.complete |= closed;
}

/// Takes chunk framing off; whether the last chunk was there (or the framing is broken, so that
/// nothing more can be read).
fn unchunk(mut data: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = data.iter().position(|&b| b == b'\n') else {
            return (body, false);
        };
        let line = data[..end].trim_ascii();
        let digits = line
            .iter()
            .position(|b| !b.is_ascii_hexdigit())
            .unwrap_or(line.len());
        let text = std::str::from_utf8(&line[..digits]).unwrap_or_default();
        let Ok(size) = usize::from_str_radix(text, 16) else {
            return (body, true);
        };
        data = &data[end + 1..];
        if size == 0 {
            return (body, true);
        }
        let taken = size.min(data.len());
        body.extend_from_slice(&data[..taken]);
        if taken < size {
            return (body, false);
        }
        data = &data[taken..];
        let rest = data
            .strip_prefix(b"\r\n")
            .or_else(|| data.strip_prefix(b"\n"));
        let Some(rest) = rest else {
            return (body, data.len() >= 2);
        };
        data = rest;
    }
}

const MAX_HEADERS: usize = 101;
