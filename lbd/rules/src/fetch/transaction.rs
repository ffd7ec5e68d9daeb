//! Fetches of a stream as a whole: timers, counts, captures, endings (manual 7.3.2, 7.3.6, 8.4).
//!
//! What stands in the messages is read elsewhere.

use super::l4::{DateUnit, millis};
use super::{
    ANSWERED, ANSWERING, EVERYWHERE, NO_ARGS, OPT_STR, REQUEST, RESPONSE, RUNTIME, TRANSACTION,
    boolean, int, number, string, text,
};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::registry::{Example, Fetch};
use lbd_core::Time;
use lbd_core::Type;
use lbd_http::Head;

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "bc.timer.connect",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Time to connect to the server in ms, as %Tc (manual 8.4).",
        examples: &[Example::Ok("bc.timer.connect")],
        build: |_, _| {
            int(|v| {
                let t = &v.stream?.timers;
                span(t.dequeued.or(t.request_received), t.connected?)
            })
        },
    },
    Fetch {
        name: "bytes_in",
        args: NO_ARGS,
        out: Type::Int,
        valid: TRANSACTION,
        doc: "Bytes received from the client (manual 7.3.2).",
        examples: &[Example::Ok("bytes_in")],
        build: |_, _| int(|v| i64::try_from(v.stream?.bytes.request_in).ok()),
    },
    Fetch {
        name: "bytes_out",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERING,
        doc: "Bytes received from the server, as %B (manual 7.3.2).",
        examples: &[Example::Ok("bytes_out")],
        build: |_, _| int(|v| i64::try_from(v.stream?.bytes.response_in).ok()),
    },
    Fetch {
        name: "capture.req.hdr",
        args: &[ArgSpec::required(ArgKind::Int)],
        out: Type::Str,
        valid: TRANSACTION,
        doc: "The request capture of this slot (manual 7.3.6).",
        examples: &[Example::Ok("capture.req.hdr(0)")],
        build: |_, args| {
            let slot = slot(&args)?;
            string(move |v| v.stream?.request_captures.get(slot)?.as_deref())
        },
    },
    Fetch {
        name: "capture.req.method",
        args: NO_ARGS,
        out: Type::Str,
        valid: TRANSACTION,
        doc: "Method of the request as received; also after it was sent on (manual 7.3.6).",
        examples: &[Example::Ok("capture.req.method")],
        build: |_, _| {
            string(|v| {
                let stream = v.stream?;
                stream
                    .request_line
                    .get(..usize::from(stream.method_len))
                    .filter(|part| !part.is_empty())
            })
        },
    },
    Fetch {
        name: "capture.req.uri",
        args: NO_ARGS,
        out: Type::Str,
        valid: TRANSACTION,
        doc: "Path and query of the request as received; also after it was sent on (manual 7.3.6).",
        examples: &[Example::Ok("capture.req.uri")],
        build: |_, _| {
            string(|v| {
                let stream = v.stream?;
                let start = usize::from(stream.method_len) + 1;
                let end = start + stream.target_len as usize;
                lbd_http::uri::pathq(stream.request_line.get(start..end)?)
            })
        },
    },
    Fetch {
        name: "capture.req.ver",
        args: NO_ARGS,
        out: Type::Str,
        valid: TRANSACTION,
        doc: "Version of the request as received: HTTP/1.0 or HTTP/1.1 (manual 7.3.6).",
        examples: &[Example::Ok("capture.req.ver")],
        build: |_, _| string(|v| Some(version_name(v.request?))),
    },
    Fetch {
        name: "capture.res.hdr",
        args: &[ArgSpec::required(ArgKind::Int)],
        out: Type::Str,
        valid: ANSWERED,
        doc: "The response capture of this slot (manual 7.3.6).",
        examples: &[Example::Ok("capture.res.hdr(0)")],
        build: |_, args| {
            let slot = slot(&args)?;
            string(move |v| v.stream?.response_captures.get(slot)?.as_deref())
        },
    },
    Fetch {
        name: "capture.res.ver",
        args: NO_ARGS,
        out: Type::Str,
        valid: TRANSACTION,
        doc: "Version of the response: HTTP/1.0 or HTTP/1.1 (manual 7.3.6).",
        examples: &[Example::Ok("capture.res.ver")],
        build: |_, _| string(|v| Some(version_name(v.response?))),
    },
    Fetch {
        name: "http_first_req",
        args: NO_ARGS,
        out: Type::Bool,
        valid: TRANSACTION,
        doc: "Whether this is the first request of the connection (manual 7.3.6).",
        examples: &[Example::Ok("http_first_req")],
        build: |_, _| boolean(|v| Some(v.stream?.id == 0)),
    },
    Fetch {
        name: "req.bytes_in",
        args: NO_ARGS,
        out: Type::Int,
        valid: TRANSACTION,
        doc: "Bytes received from the client, as %U (manual 7.3.2).",
        examples: &[Example::Ok("req.bytes_in")],
        build: |_, _| int(|v| i64::try_from(v.stream?.bytes.request_in).ok()),
    },
    Fetch {
        name: "req.bytes_out",
        args: NO_ARGS,
        out: Type::Int,
        valid: TRANSACTION,
        doc: "Bytes sent to the server (manual 7.3.2).",
        examples: &[Example::Ok("req.bytes_out")],
        build: |_, _| int(|v| i64::try_from(v.stream?.bytes.request_out).ok()),
    },
    Fetch {
        name: "req.timer.hdr",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "Time to receive the request head in ms, as %TR (manual 8.4).",
        examples: &[Example::Ok("req.timer.hdr")],
        build: |_, _| {
            int(|v| {
                let t = &v.stream?.timers;
                span(t.request_start, t.request_received?)
            })
        },
    },
    Fetch {
        name: "req.timer.idle",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "Idle time before the request in ms, as %Ti (manual 8.4).",
        examples: &[Example::Ok("req.timer.idle")],
        build: |_, _| {
            int(|v| {
                let t = &v.stream?.timers;
                span(Some(t.start), t.request_start?)
            })
        },
    },
    Fetch {
        name: "req.timer.queue",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Time in queues in ms, as %Tw (manual 8.4).",
        examples: &[Example::Ok("req.timer.queue")],
        build: |_, _| {
            int(|v| {
                let t = &v.stream?.timers;
                span(t.request_received, t.dequeued?)
            })
        },
    },
    Fetch {
        name: "req.timer.tq",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "Idle time, handshakes and time to receive the request in ms, as %Tq (manual 8.4).",
        examples: &[Example::Ok("req.timer.tq")],
        build: |_, _| {
            int(|v| {
                let t = &v.stream?.timers;
                Some(span(Some(t.start), t.request_received?)? + millis(v.session?.handshake))
            })
        },
    },
    Fetch {
        name: "request_date",
        args: OPT_STR,
        out: Type::Int,
        valid: TRANSACTION,
        doc: "When the first byte of the request came, in s, ms or us (manual 7.3.2).",
        examples: &[Example::Ok("request_date"), Example::Ok("request_date(ms)")],
        build: |_, args| {
            let unit = DateUnit::parse(&text(&args, 0))?;
            int(move |v| {
                let timers = &v.stream?.timers;
                Some(unit.of(timers.request_start_wall.unwrap_or(timers.start_wall)))
            })
        },
    },
    Fetch {
        name: "res.bytes_in",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERING,
        doc: "Bytes received from the server, as %B (manual 7.3.2).",
        examples: &[Example::Ok("res.bytes_in")],
        build: |_, _| int(|v| i64::try_from(v.stream?.bytes.response_in).ok()),
    },
    Fetch {
        name: "res.bytes_out",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERING,
        doc: "Bytes sent to the client (manual 7.3.2).",
        examples: &[Example::Ok("res.bytes_out")],
        build: |_, _| int(|v| i64::try_from(v.stream?.bytes.response_out).ok()),
    },
    Fetch {
        name: "res.timer.data",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERING,
        doc: "Time to transfer the response in ms, as %Td (manual 8.4).",
        examples: &[Example::Ok("res.timer.data")],
        build: |_, _| {
            int(|v| {
                let t = &v.stream?.timers;
                span(t.response_received, t.end.unwrap_or(v.now))
            })
        },
    },
    Fetch {
        name: "res.timer.hdr",
        args: NO_ARGS,
        out: Type::Int,
        valid: RESPONSE,
        doc: "Time the server took to answer in ms, as %Tr (manual 8.4).",
        examples: &[Example::Ok("res.timer.hdr")],
        build: |_, _| {
            int(|v| {
                let t = &v.stream?.timers;
                span(t.connected, t.response_received?)
            })
        },
    },
    Fetch {
        name: "server_status",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Status that the server sent (manual 7.3.6).",
        examples: &[Example::Ok("server_status")],
        build: |_, _| {
            int(|v| Some(i64::from(v.stream?.server_status)).filter(|status| *status != 0))
        },
    },
    Fetch {
        name: "status",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Status of the response (manual 7.3.6).",
        examples: &[Example::Ok("status")],
        build: |_, _| {
            int(|v| match v.response {
                Some(head) => Some(i64::from(head.status())),
                None => Some(i64::from(v.stream?.status)).filter(|status| *status != 0),
            })
        },
    },
    Fetch {
        name: "txn.conn_retries",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Connection retries, as %rc (manual 7.3.2).",
        examples: &[Example::Ok("txn.conn_retries")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.retries))),
    },
    Fetch {
        name: "txn.id32",
        args: NO_ARGS,
        out: Type::Int,
        valid: RUNTIME,
        doc: "Number of the request in the process, 32 bits (manual 7.3.2).",
        examples: &[Example::Ok("txn.id32")],
        build: |_, _| int(|v| Some(i64::from(lbd_core::bits::low32(v.stream?.request_number)))),
    },
    Fetch {
        name: "txn.redispatched",
        args: NO_ARGS,
        out: Type::Bool,
        valid: ANSWERED,
        doc: "Whether a retry went to another server (manual 7.3.2).",
        examples: &[Example::Ok("txn.redispatched")],
        build: |_, _| boolean(|v| Some(v.stream?.redispatched)),
    },
    Fetch {
        name: "txn.sess_term_state",
        args: NO_ARGS,
        out: Type::Str,
        valid: RUNTIME,
        doc: "The two letters of how the stream ended, -- before (manual 8.5).",
        examples: &[Example::Ok("txn.sess_term_state")],
        build: |_, _| {
            string(|v| {
                let term = &v.stream?.term;
                Some(v.keep(&[term.cause, term.phase]))
            })
        },
    },
    Fetch {
        name: "txn.status",
        args: NO_ARGS,
        out: Type::Int,
        valid: ANSWERED,
        doc: "Status sent to the client (manual 7.3.6).",
        examples: &[Example::Ok("txn.status")],
        build: |_, _| int(|v| Some(i64::from(v.stream?.status)).filter(|status| *status != 0)),
    },
    Fetch {
        name: "txn.timer.total",
        args: NO_ARGS,
        out: Type::Int,
        valid: TRANSACTION,
        doc: "Time of the request from its first byte in ms, as %Ta (manual 8.4).",
        examples: &[Example::Ok("txn.timer.total")],
        build: |_, _| {
            int(|v| {
                let t = &v.stream?.timers;
                span(t.request_start, t.end.unwrap_or(v.now))
            })
        },
    },
    Fetch {
        name: "txn.timer.user",
        args: NO_ARGS,
        out: Type::Int,
        valid: TRANSACTION,
        doc: "Time as the client sees it in ms, as %Tu (manual 8.4).",
        examples: &[Example::Ok("txn.timer.user")],
        build: |_, _| {
            int(|v| {
                let t = &v.stream?.timers;
                span(t.request_start.or(Some(t.start)), t.end.unwrap_or(v.now))
            })
        },
    },
    Fetch {
        name: "unique-id",
        args: NO_ARGS,
        out: Type::Str,
        valid: EVERYWHERE,
        doc: "The unique id of the request, once made (manual 7.3.2).",
        examples: &[Example::Ok("unique-id")],
        build: |_, _| string(|v| v.stream?.unique_id.as_deref()),
    },
];

fn span(from: Option<Time>, to: Time) -> Option<i64> {
    Some(millis(to.since(from?)))
}

fn slot(args: &[Arg]) -> Result<usize, ArgError> {
    number(args, 0)
        .and_then(|slot| usize::try_from(slot).ok())
        .ok_or_else(|| ArgError::new("a slot number of at least 0 is expected"))
}

fn version_name(head: &Head) -> &'static [u8] {
    if head.version() == b"HTTP/1.0" {
        b"HTTP/1.0"
    } else {
        b"HTTP/1.1"
    }
}
