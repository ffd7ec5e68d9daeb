//! Status codes: their reason phrases and the built-in error answers.
//!
//! It does not choose a status and knows nothing of `errorfile` or `http-errors`.

/// The reason phrase that the reference writes for a status; its texts are part of the interface.
///
/// An unknown status gets the name of its class.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        210 => "Content Different",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        310 => "Too many Redirects",
        400..=499 => client_error(status),
        500..=599 => server_error(status),
        _ => class(status),
    }
}

fn client_error(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Time-out",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Requested range unsatisfiable",
        417 => "Expectation failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Method failure",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        449 => "Retry With",
        450 => "Blocked by Windows Parental Controls",
        451 => "Unavailable For Legal Reasons",
        456 => "Unrecoverable Error",
        499 => "client has closed connection",
        _ => class(status),
    }
}

fn server_error(status: u16) -> &'static str {
    match status {
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway or Proxy Error",
        503 => "Service Unavailable",
        504 => "Gateway Time-out",
        505 => "HTTP Version not supported",
        506 => "Variant also negotiate",
        507 => "Insufficient storage",
        508 => "Loop detected",
        509 => "Bandwidth Limit Exceeded",
        510 => "Not extended",
        511 => "Network authentication required",
        520 => "Web server is returning an unknown error",
        _ => class(status),
    }
}

fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "Informational",
        2 => "Success",
        3 => "Redirection",
        4 => "Client Error",
        5 => "Server Error",
        _ => "Other",
    }
}

/// The statuses that have a built-in answer, which `errorfile` and its kin may replace.
pub const ERROR_STATUSES: &[u16] = &[
    200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502,
    503, 504,
];

/// A built-in answer. The lines, the fields and the length are the reference's; the sentence is
/// our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorReply {
    /// The status, one of [`ERROR_STATUSES`].
    pub status: u16,
    /// The phrase of the status line and of the headline.
    pub reason: &'static str,
    /// The HTML body.
    pub body: &'static str,
}

macro_rules! replies {
    ($($status:literal $reason:literal $sentence:literal;)*) => {
        /// The built-in answer for a status; `None` when it has none.
        pub fn error_reply(status: u16) -> Option<ErrorReply> {
            let (reason, body) = match status {
                $($status => ($reason, concat!(
                    "<html><body><h1>", $status, " ", $reason, "</h1>\n", $sentence,
                    "\n</body></html>\n"
                )),)*
                _ => return None,
            };
            Some(ErrorReply { status, reason, body })
        }
    };
}

replies! {
    200 "OK" "All goes well.";
    400 "Bad request" "The bytes received are no valid HTTP.";
    401 "Unauthorized" "This content is only for users with a name and a password.";
    403 "Forbidden" "The rules of this site forbid the request.";
    404 "Not Found" "Nothing is here at this address.";
    405 "Method Not Allowed" "The resource at this address does not take requests made with this method; use another.";
    407 "Unauthorized" "A user name and its password are needed by this proxy now.";
    408 "Request Time-out" "The request did not fully arrive before its timeout.";
    410 "Gone" "What was once here has been removed for good and will not come back.";
    413 "Payload Too Large" "The request's content is larger than we accept.";
    414 "URI Too Long" "The address in this request is longer than what we take.";
    421 "Misdirected Request" "This server does not answer for such hosts.";
    422 "Unprocessable Content" "What the request contains could not be made sense of.";
    425 "Too Early" "Send it again a little later.";
    429 "Too Many Requests" "Too many requests have come from you within a short while.";
    431 "Request Header Fields Too Large" "The request's header is too big.";
    500 "Internal Server Error" "A fault in here broke the request.";
    501 "Not Implemented" "The request could only be served with something that is not supported in here.";
    502 "Bad Gateway" "What the server sent was no valid answer or broke off.";
    503 "Service Unavailable" "No server can take the request now; try later.";
    504 "Gateway Time-out" "The server took too long to do it.";
}

impl ErrorReply {
    /// Makes `head` the head of this answer; the connection's field is the caller's.
    ///
    /// # Errors
    /// [`HeadFull`](crate::HeadFull) when the head's limit is below some 200 bytes.
    pub fn fill(&self, head: &mut crate::Head) -> Result<(), crate::HeadFull> {
        let mut length = itoa::Buffer::new();
        head.start_response(b"HTTP/1.1", self.status, self.reason.as_bytes())?;
        head.add(b"content-length", length.format(self.body.len()).as_bytes())?;
        head.add(b"cache-control", b"no-cache")?;
        head.add(b"content-type", b"text/html")
    }

    /// Appends the whole answer to a request that could not be read, after which the connection ends.
    ///
    /// The reference sends these as its error files are spelled, not in lower case as answers that
    /// rules have seen; it leaves out `Connection: close` for some, which we do not.
    pub fn encode_raw(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        // Writing into a Vec cannot fail.
        let _ = write!(
            out,
            "HTTP/1.1 {} {}\r\nContent-length: {}\r\nCache-Control: no-cache\r\n\
             Connection: close\r\nContent-Type: text/html\r\n\r\n{}",
            self.status,
            self.reason,
            self.body.len(),
            self.body
        );
    }
}

#[cfg(test)]
mod tests;
