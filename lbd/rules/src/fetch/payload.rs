//! Fetches of buffered bytes: payloads, bodies, RDP cookies (manual 7.3.5, 7.3.6).
//!
//! The TLS hello stands in `hello`.

use super::{Built, CONTENT, NO_ARGS, OPT_STR, REQUEST, RESPONSE, eval, int, number, text};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::cast;
use crate::registry::{Example, Fetch, Outcome};
use crate::view::Buffered;
use crate::view::View;
use lbd_core::{Type, Value};
use lbd_http::uri::param;

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "payload",
        args: &[
            ArgSpec::required(ArgKind::Int),
            ArgSpec::required(ArgKind::Int),
        ],
        out: Type::Bin,
        valid: CONTENT,
        doc: "Bytes of request or response from an offset (manual 7.3.5).",
        examples: &[Example::Ok("payload(0,10)")],
        build: |_, args| part(&args, current),
    },
    Fetch {
        name: "payload_lv",
        args: &[
            ArgSpec::required(ArgKind::Int),
            ArgSpec::required(ArgKind::Int),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Bin,
        valid: CONTENT,
        doc: "Bytes of request or response whose length stands before them (manual 7.3.5).",
        examples: &[Example::Ok("payload_lv(0,2)")],
        build: |_, args| prefixed(&args, current),
    },
    Fetch {
        name: "rdp_cookie",
        args: OPT_STR,
        out: Type::Str,
        valid: REQUEST,
        doc: "The same as req.rdp_cookie (manual 7.3.5).",
        examples: &[Example::Ok("rdp_cookie")],
        build: |_, args| rdp_cookie(&args),
    },
    Fetch {
        name: "rdp_cookie_cnt",
        args: OPT_STR,
        out: Type::Int,
        valid: REQUEST,
        doc: "The same as req.rdp_cookie_cnt (manual 7.3.5).",
        examples: &[Example::Ok("rdp_cookie_cnt")],
        build: |_, args| rdp_cookie_count(&args),
    },
    Fetch {
        name: "req.body",
        args: NO_ARGS,
        out: Type::Bin,
        valid: REQUEST,
        doc: "Body of the request as far as it is buffered (manual 7.3.6).",
        examples: &[Example::Ok("req.body")],
        build: |_, _| body(Type::Bin, |v| v.request.map(|_| v.request_body)),
    },
    Fetch {
        name: "req.body_len",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "Bytes of the request body buffered so far (manual 7.3.6).",
        examples: &[Example::Ok("req.body_len")],
        build: |_, _| length(|v| v.request.map(|_| v.request_body)),
    },
    Fetch {
        name: "req.body_param",
        args: &[
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Bin,
        valid: REQUEST,
        doc: "A parameter of a form body by name (manual 7.3.6).",
        examples: &[
            Example::Ok("req.body_param(id)"),
            Example::Ok("req.body_param(id,i)"),
        ],
        build: |_, args| form_parameter(&args),
    },
    Fetch {
        name: "req.body_size",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "Announced length of the request body, else what is buffered (manual 7.3.6).",
        examples: &[Example::Ok("req.body_size")],
        build: |_, _| size(|v| v.request.map(|_| v.request_body)),
    },
    Fetch {
        name: "req.len",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "Bytes of the request buffered so far (manual 7.3.5).",
        examples: &[Example::Ok("req.len")],
        build: |_, _| length(|v| Some(v.request_body)),
    },
    Fetch {
        name: "req.payload",
        args: &[
            ArgSpec::required(ArgKind::Int),
            ArgSpec::required(ArgKind::Int),
        ],
        out: Type::Bin,
        valid: REQUEST,
        doc: "Bytes of the request from an offset; length 0 is all there is (manual 7.3.5).",
        examples: &[
            Example::Ok("req.payload(0,0)"),
            Example::Ok("req.payload(5,2)"),
            Example::Fail(
                "req.payload(-1,0)",
                "invalid args in fetch method 'req.payload'",
            ),
        ],
        build: |_, args| part(&args, |v| v.request_body),
    },
    Fetch {
        name: "req.payload_lv",
        args: &[
            ArgSpec::required(ArgKind::Int),
            ArgSpec::required(ArgKind::Int),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Bin,
        valid: REQUEST,
        doc: "Bytes of the request whose length stands before them (manual 7.3.5).",
        examples: &[
            Example::Ok("req.payload_lv(0,2)"),
            Example::Ok("req.payload_lv(0,2,+1)"),
        ],
        build: |_, args| prefixed(&args, |v| v.request_body),
    },
    Fetch {
        name: "req.rdp_cookie",
        args: OPT_STR,
        out: Type::Str,
        valid: REQUEST,
        doc: "An RDP cookie by name, msts by default (manual 7.3.5).",
        examples: &[
            Example::Ok("req.rdp_cookie"),
            Example::Ok("req.rdp_cookie(mstshash)"),
        ],
        build: |_, args| rdp_cookie(&args),
    },
    Fetch {
        name: "req.rdp_cookie_cnt",
        args: OPT_STR,
        out: Type::Int,
        valid: REQUEST,
        doc: "Number of RDP cookies of this name, 0 or 1 (manual 7.3.5).",
        examples: &[Example::Ok("req.rdp_cookie_cnt")],
        build: |_, args| rdp_cookie_count(&args),
    },
    Fetch {
        name: "req_len",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "The same as req.len (manual 7.3.5).",
        examples: &[Example::Ok("req_len")],
        build: |_, _| length(|v| Some(v.request_body)),
    },
    Fetch {
        name: "res.body",
        args: NO_ARGS,
        out: Type::Bin,
        valid: RESPONSE,
        doc: "Body of the response as far as it is buffered (manual 7.3.6).",
        examples: &[Example::Ok("res.body")],
        build: |_, _| body(Type::Bin, |v| v.response.map(|_| v.response_body)),
    },
    Fetch {
        name: "res.body_len",
        args: NO_ARGS,
        out: Type::Int,
        valid: RESPONSE,
        doc: "Bytes of the response body buffered so far (manual 7.3.6).",
        examples: &[Example::Ok("res.body_len")],
        build: |_, _| length(|v| v.response.map(|_| v.response_body)),
    },
    Fetch {
        name: "res.body_size",
        args: NO_ARGS,
        out: Type::Int,
        valid: RESPONSE,
        doc: "Announced length of the response body, else what is buffered (manual 7.3.6).",
        examples: &[Example::Ok("res.body_size")],
        build: |_, _| size(|v| v.response.map(|_| v.response_body)),
    },
    Fetch {
        name: "res.len",
        args: NO_ARGS,
        out: Type::Int,
        valid: RESPONSE,
        doc: "Bytes of the response buffered so far (manual 7.3.5).",
        examples: &[Example::Ok("res.len")],
        build: |_, _| length(|v| Some(v.response_body)),
    },
    Fetch {
        name: "res.payload",
        args: &[
            ArgSpec::required(ArgKind::Int),
            ArgSpec::required(ArgKind::Int),
        ],
        out: Type::Bin,
        valid: RESPONSE,
        doc: "Bytes of the response from an offset (manual 7.3.5).",
        examples: &[Example::Ok("res.payload(0,10)")],
        build: |_, args| part(&args, |v| v.response_body),
    },
    Fetch {
        name: "res.payload_lv",
        args: &[
            ArgSpec::required(ArgKind::Int),
            ArgSpec::required(ArgKind::Int),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Bin,
        valid: RESPONSE,
        doc: "Bytes of the response whose length stands before them (manual 7.3.5).",
        examples: &[Example::Ok("res.payload_lv(0,2)")],
        build: |_, args| prefixed(&args, |v| v.response_body),
    },
];

type Buffer = for<'a> fn(&View<'a>) -> Option<Buffered<'a>>;
type SureBuffer = for<'a> fn(&View<'a>) -> Buffered<'a>;

fn current<'a>(view: &View<'a>) -> Buffered<'a> {
    if view.vars.is_response {
        view.response_body
    } else {
        view.request_body
    }
}

/// `Done` when nothing more can come, else more may change the answer.
fn settled(buffer: &Buffered<'_>) -> Outcome {
    if buffer.complete || buffer.full {
        Outcome::Done
    } else {
        Outcome::NotYet
    }
}

fn missing(buffer: &Buffered<'_>) -> Outcome {
    if buffer.complete || buffer.full {
        Outcome::Absent
    } else {
        Outcome::NotYet
    }
}

fn length(of: Buffer) -> Built {
    eval(move |view, sink| {
        let Some(buffer) = of(view) else {
            return Outcome::Absent;
        };
        let _ = sink(Value::Int(buffer.data.len() as i64));
        settled(&buffer)
    })
}

fn size(of: Buffer) -> Built {
    int(move |view| {
        let buffer = of(view)?;
        i64::try_from(buffer.announced.unwrap_or(buffer.data.len() as u64)).ok()
    })
}

fn body(kind: Type, of: Buffer) -> Built {
    eval(move |view, sink| {
        let Some(buffer) = of(view) else {
            return Outcome::Absent;
        };
        let _ = sink(if kind == Type::Str {
            Value::Str(buffer.data)
        } else {
            Value::Bin(buffer.data)
        });
        settled(&buffer)
    })
}

fn positive(args: &[Arg], at: usize, what: &str) -> Result<usize, ArgError> {
    number(args, at)
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| ArgError::new(format!("{what} must be positive")))
}

fn part(args: &[Arg], of: SureBuffer) -> Built {
    let offset = positive(args, 0, "payload offset")?;
    let len = positive(args, 1, "payload length")?;
    eval(move |view, sink| {
        let buffer = of(view);
        let found = match len {
            0 => buffer.data.get(offset..),
            len => offset
                .checked_add(len)
                .and_then(|end| buffer.data.get(offset..end)),
        };
        match found {
            Some(found) => {
                let _ = sink(Value::Bin(found));
                if len == 0 {
                    settled(&buffer)
                } else {
                    Outcome::Done
                }
            }
            None => missing(&buffer),
        }
    })
}

fn prefixed(args: &[Arg], of: SureBuffer) -> Built {
    let at = positive(args, 0, "payload offset1")?;
    let width = positive(args, 1, "payload length")?;
    if width == 0 || width > 8 {
        return Err(ArgError::new("payload length must be from 1 to 8 bytes"));
    }
    let given = text(args, 2);
    let is_relative = matches!(given.first(), Some(b'+' | b'-'));
    let shift = match &*given {
        [] => 0,
        given => cast::whole_int(given)
            .ok_or_else(|| ArgError::new("payload offset2 is not a number"))?,
    };
    let after = at as i64 + width as i64;
    let start = match (is_relative, given.is_empty()) {
        (true, _) | (_, true) => after.checked_add(shift),
        _ => Some(shift),
    };
    let start = start
        .and_then(|start| usize::try_from(start).ok())
        .ok_or_else(|| ArgError::new("payload offset2 too negative"))?;
    eval(move |view, sink| {
        let buffer = of(view);
        let Some(digits) = buffer.data.get(at..at + width) else {
            return missing(&buffer);
        };
        let len = digits
            .iter()
            .fold(0u64, |len, byte| len << 8 | u64::from(*byte));
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| start.checked_add(len));
        match end.and_then(|end| buffer.data.get(start..end)) {
            Some(found) => {
                let _ = sink(Value::Bin(found));
                Outcome::Done
            }
            None => missing(&buffer),
        }
    })
}

fn form_parameter(args: &[Arg]) -> Built {
    let name = text(args, 0);
    let ignore_case = match &*text(args, 1) {
        b"" => false,
        b"i" => true,
        _ => return Err(ArgError::new("the second argument is 'i' or nothing")),
    };
    eval(move |view, sink| {
        if view.request.is_none() {
            return Outcome::Absent;
        }
        let buffer = view.request_body;
        let mut any = false;
        for (known, value) in param::form_params(buffer.data) {
            let is_it = name.is_empty()
                || known == &*name
                || (ignore_case && known.eq_ignore_ascii_case(&name));
            if is_it {
                any = true;
                if sink(Value::Bin(value)).is_break() {
                    break;
                }
            }
        }
        if any { Outcome::Done } else { missing(&buffer) }
    })
}

/// The cookie in an RDP connection request: TPKT and X.224 headers of 11 bytes, then
/// `Cookie: name=value` and a line end (MS-RDPBCGR 2.2.1.1).
fn find_rdp_cookie<'a>(buffer: &Buffered<'a>, name: &[u8]) -> Result<&'a [u8], Outcome> {
    let data = buffer.data;
    if data.len() <= 11 {
        return Err(missing(buffer));
    }
    let total = usize::from(u16::from_be_bytes([data[2], data[3]]));
    let is_request = data[0] == 3
        && data[1] == 0
        && total >= 11
        && usize::from(data[4]) + 5 == total
        && data[5] == 0xe0
        && data[6..10] == [0, 0, 0, 0];
    if !is_request {
        return Err(Outcome::Absent);
    }
    let Some(content) = data.get(11..total) else {
        return Err(missing(buffer));
    };
    let rest = match content.get(..8) {
        Some(head) if head.eq_ignore_ascii_case(b"Cookie: ") => &content[8..],
        _ => return Err(Outcome::Absent),
    };
    let end = rest
        .windows(2)
        .position(|pair| pair == b"\r\n")
        .unwrap_or(rest.len());
    let pair = &rest[..end];
    let equals = pair
        .iter()
        .position(|byte| *byte == b'=')
        .ok_or(Outcome::Absent)?;
    let (known, value) = (&pair[..equals], &pair[equals + 1..]);
    if name.is_empty() || known.eq_ignore_ascii_case(name) {
        Ok(value)
    } else {
        Err(Outcome::Absent)
    }
}

fn rdp_cookie(args: &[Arg]) -> Built {
    let name = text(args, 0);
    eval(
        move |view, sink| match find_rdp_cookie(&view.request_body, &name) {
            Ok(value) => {
                let _ = sink(Value::Str(value));
                Outcome::Done
            }
            Err(outcome) => outcome,
        },
    )
}

fn rdp_cookie_count(args: &[Arg]) -> Built {
    let name = text(args, 0);
    eval(move |view, sink| {
        let found = find_rdp_cookie(&view.request_body, &name);
        if found == Err(Outcome::NotYet) {
            return Outcome::NotYet;
        }
        let _ = sink(Value::Int(i64::from(found.is_ok())));
        Outcome::Done
    })
}
