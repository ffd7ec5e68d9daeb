//! Fetches of the start line and of credentials (manual 7.3.6).
//!
//! Other header fields stand in `header`.

use std::ops::ControlFlow;

use super::{
    ANSWERED, Built, NO_ARGS, OPT_STR, REQUEST, TRANSACTION, boolean, eval, int, one, string, text,
};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::cast;
use crate::registry::{Example, Fetch, Outcome};
use crate::view::View;
use lbd_backend::hash;
use lbd_core::{Type, Value};
use lbd_http::{Head, uri};

/// The family.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "base",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "Host field and path of the request, joined (manual 7.3.6).",
        examples: &[Example::Ok("base")],
        build: |_, _| string(|v| base(v, path(v)?)),
    },
    Fetch {
        name: "base32",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "32-bit hash of base: SDBM with avalanche (manual 7.3.6).",
        examples: &[Example::Ok("base32")],
        build: |_, _| int(|v| Some(i64::from(hash_of(v, path(v)?)?))),
    },
    Fetch {
        name: "base32+src",
        args: NO_ARGS,
        out: Type::Bin,
        valid: REQUEST,
        doc: "base32 as four bytes, followed by the source address (manual 7.3.6).",
        examples: &[Example::Ok("base32+src")],
        build: |_, _| one(|v| with_source(v, hash_of(v, path(v)?)?)),
    },
    Fetch {
        name: "baseq",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "Host field, path and query of the request, joined (manual 7.3.6).",
        examples: &[Example::Ok("baseq")],
        build: |_, _| string(|v| base(v, pathq(v)?)),
    },
    Fetch {
        name: "http_auth",
        args: &[ArgSpec::required(ArgKind::UserList)],
        out: Type::Bool,
        valid: REQUEST,
        doc: "Whether the Basic credentials are those of a user of the list (manual 7.3.6).",
        examples: &[
            Example::Ok("http_auth(users)"),
            Example::Fail("http_auth(none)", "unable to find userlist 'none'"),
        ],
        build: |ctx, args| {
            let list = user_list(&args)?;
            let users = ctx.names.user_lists();
            boolean(move |v| {
                let (user, password) = basic(v.request?, v)?;
                Some(users.check(list, user, password))
            })
        },
    },
    Fetch {
        name: "http_auth_bearer",
        args: OPT_STR,
        out: Type::Str,
        valid: REQUEST,
        doc: "The token of a Bearer authorization, or of the field given (manual 7.3.6).",
        examples: &[
            Example::Ok("http_auth_bearer"),
            Example::Ok("http_auth_bearer(x-token)"),
        ],
        build: |_, args| {
            let field = text(&args, 0);
            string(move |v| bearer(v.request?, v, &field))
        },
    },
    Fetch {
        name: "http_auth_group",
        args: &[ArgSpec::required(ArgKind::UserList)],
        out: Type::Str,
        valid: REQUEST,
        doc: "The name of a user of the list whose Basic credentials are right; in an ACL the \
              patterns are groups of the list, any of which the user may be in (manual 7.3.6).",
        examples: &[
            Example::Ok("http_auth_group(users)"),
            Example::Fail("http_auth_group(none)", "unable to find userlist 'none'"),
        ],
        build: |ctx, args| {
            let list = user_list(&args)?;
            let users = ctx.names.user_lists();
            string(move |v| {
                let (user, password) = basic(v.request?, v)?;
                users.check(list, user, password).then_some(user)
            })
        },
    },
    Fetch {
        name: "http_auth_pass",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "The password of a Basic authorization (manual 7.3.6).",
        examples: &[Example::Ok("http_auth_pass")],
        build: |_, _| string(|v| Some(basic(v.request?, v)?.1)),
    },
    Fetch {
        name: "http_auth_type",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "The scheme of the authorization (manual 7.3.6).",
        examples: &[Example::Ok("http_auth_type")],
        build: |_, _| string(|v| scheme(v.request?, v)),
    },
    Fetch {
        name: "http_auth_user",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "The user of a Basic authorization (manual 7.3.6).",
        examples: &[Example::Ok("http_auth_user")],
        build: |_, _| string(|v| Some(basic(v.request?, v)?.0)),
    },
    Fetch {
        name: "method",
        args: NO_ARGS,
        out: Type::Method,
        valid: TRANSACTION,
        doc: "Method of the request (manual 7.3.6).",
        examples: &[Example::Ok("method")],
        build: |_, _| one(|v| Some(Value::Method(v.request?.method()))),
    },
    Fetch {
        name: "path",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "Path of the request target, without the query (manual 7.3.6).",
        examples: &[Example::Ok("path")],
        build: |_, _| string(|v| uri::path(v.request?.target())),
    },
    Fetch {
        name: "pathq",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "Path of the request target with its query (manual 7.3.6).",
        examples: &[Example::Ok("pathq")],
        build: |_, _| string(|v| uri::pathq(v.request?.target())),
    },
    Fetch {
        name: "query",
        args: OPT_STR,
        out: Type::Str,
        valid: REQUEST,
        doc: "Query of the request target, with its question mark if asked so (manual 7.3.6).",
        examples: &[
            Example::Ok("query"),
            Example::Ok("query(with_qm)"),
            Example::Fail("query(x)", "invalid args in fetch method 'query'"),
        ],
        build: |_, args| query(&args),
    },
    Fetch {
        name: "req.proto_http",
        args: NO_ARGS,
        out: Type::Bool,
        valid: TRANSACTION,
        doc: "Whether the data are an HTTP request (manual 7.3.5).",
        examples: &[Example::Ok("req.proto_http")],
        build: |_, _| eval(is_http),
    },
    Fetch {
        name: "req.ver",
        args: NO_ARGS,
        out: Type::Str,
        valid: TRANSACTION,
        doc: "Version of the request, such as 1.1 (manual 7.3.6).",
        examples: &[Example::Ok("req.ver")],
        build: |_, _| string(|v| Some(version_digits(v.request?))),
    },
    Fetch {
        name: "req_proto_http",
        args: NO_ARGS,
        out: Type::Bool,
        valid: TRANSACTION,
        doc: "The same as req.proto_http (manual 7.3.5).",
        examples: &[Example::Ok("req_proto_http")],
        build: |_, _| eval(is_http),
    },
    Fetch {
        name: "req_ver",
        args: NO_ARGS,
        out: Type::Str,
        valid: TRANSACTION,
        doc: "The same as req.ver (manual 7.3.6).",
        examples: &[Example::Ok("req_ver")],
        build: |_, _| string(|v| Some(version_digits(v.request?))),
    },
    Fetch {
        name: "res.ver",
        args: NO_ARGS,
        out: Type::Str,
        valid: ANSWERED,
        doc: "Version of the response, such as 1.1 (manual 7.3.6).",
        examples: &[Example::Ok("res.ver")],
        build: |_, _| string(|v| Some(version_digits(v.response?))),
    },
    Fetch {
        name: "resp_ver",
        args: NO_ARGS,
        out: Type::Str,
        valid: ANSWERED,
        doc: "The same as res.ver (manual 7.3.6).",
        examples: &[Example::Ok("resp_ver")],
        build: |_, _| string(|v| Some(version_digits(v.response?))),
    },
    Fetch {
        name: "url",
        args: NO_ARGS,
        out: Type::Str,
        valid: REQUEST,
        doc: "The request target as received (manual 7.3.6).",
        examples: &[Example::Ok("url")],
        build: |_, _| string(|v| Some(v.request?.target())),
    },
    Fetch {
        name: "url32",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "32-bit hash of Host field, path and query (manual 7.3.6).",
        examples: &[Example::Ok("url32")],
        build: |_, _| int(|v| Some(i64::from(hash_of(v, pathq(v)?)?))),
    },
    Fetch {
        name: "url32+src",
        args: NO_ARGS,
        out: Type::Bin,
        valid: REQUEST,
        doc: "url32 as four bytes, followed by the source address (manual 7.3.6).",
        examples: &[Example::Ok("url32+src")],
        build: |_, _| one(|v| with_source(v, hash_of(v, pathq(v)?)?)),
    },
    Fetch {
        name: "url_ip",
        args: NO_ARGS,
        out: Type::Ipv4,
        valid: REQUEST,
        doc: "The IPv4 address in an absolute target (manual 7.3.6).",
        examples: &[Example::Ok("url_ip")],
        build: |_, _| {
            one(|v| match uri::url_ip(v.request?.target())? {
                std::net::IpAddr::V4(v4) => Some(Value::Ipv4(v4)),
                std::net::IpAddr::V6(_) => None,
            })
        },
    },
    Fetch {
        name: "url_param",
        args: &[
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Str,
        valid: REQUEST,
        doc: "A parameter of the target by name, delimiter and i for any case (manual 7.3.6).",
        examples: &[
            Example::Ok("url_param"),
            Example::Ok("url_param(id)"),
            Example::Ok("url_param(id,;)"),
            Example::Ok("url_param(id,,i)"),
        ],
        build: |_, args| parameter(&args),
    },
    Fetch {
        name: "url_port",
        args: NO_ARGS,
        out: Type::Int,
        valid: REQUEST,
        doc: "The port in an absolute target (manual 7.3.6).",
        examples: &[Example::Ok("url_port")],
        build: |_, _| int(|v| uri::url_port(v.request?.target()).map(i64::from)),
    },
    Fetch {
        name: "urlp",
        args: &[
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Str,
        valid: REQUEST,
        doc: "A parameter of the target by name, delimiter and i for any case (manual 7.3.6).",
        examples: &[Example::Ok("urlp"), Example::Ok("urlp(id)")],
        build: |_, args| parameter(&args),
    },
    Fetch {
        name: "urlp_val",
        args: &[
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
            ArgSpec::optional(ArgKind::Str),
        ],
        out: Type::Int,
        valid: REQUEST,
        doc: "A parameter of the target as an integer (manual 7.3.6).",
        examples: &[Example::Ok("urlp_val(id)")],
        build: |_, args| {
            let wanted = Wanted::parse(&args)?;
            eval(move |v, sink| {
                wanted.each(v, &mut |found| sink(Value::Int(cast::leading_int(found))))
            })
        },
    },
];

/// Bytes of credentials that are decoded.
const MAX_CREDENTIALS: usize = 1024;

fn query(args: &[Arg]) -> Built {
    let with_mark = match &*text(args, 0) {
        b"" => false,
        b"with_qm" => true,
        other => {
            return Err(ArgError::new(format!(
                "Unexpected option '{}'. Allowed value is 'with_qm'",
                String::from_utf8_lossy(other)
            )));
        }
    };
    string(move |view| {
        let target = view.request?.target();
        let query = uri::query(target)?;
        if with_mark {
            // The query is the end of the target (or of its part before a fragment).
            let start = memchr::memchr(b'?', target)?;
            return target.get(start..start + 1 + query.len());
        }
        Some(query)
    })
}

/// The first Host field followed by `rest`.
/// The path, empty for a target that has none (`*`).
fn path<'a>(view: &View<'a>) -> Option<&'a [u8]> {
    Some(uri::path(view.request?.target()).unwrap_or_default())
}

/// Path and query, likewise.
fn pathq<'a>(view: &View<'a>) -> Option<&'a [u8]> {
    Some(uri::pathq(view.request?.target()).unwrap_or_default())
}

fn base<'a>(view: &View<'a>, rest: &'a [u8]) -> Option<&'a [u8]> {
    let Some(host) = view.request?.first(b"host") else {
        return Some(rest);
    };
    let mut joined =
        bumpalo::collections::Vec::with_capacity_in(host.len() + rest.len(), view.arena);
    joined.extend_from_slice(host);
    joined.extend_from_slice(rest);
    Some(joined.into_bump_slice())
}

fn hash_of<'a>(view: &View<'a>, rest: &'a [u8]) -> Option<u32> {
    Some(hash::avalanche(hash::sdbm(base(view, rest)?)))
}

fn with_source<'a>(view: &View<'a>, hash: u32) -> Option<Value<'a>> {
    let mut bytes = [0; 20];
    bytes[..4].copy_from_slice(&hash.to_be_bytes());
    let len = match view.src().ip()? {
        std::net::IpAddr::V4(v4) => {
            bytes[4..8].copy_from_slice(&v4.octets());
            8
        }
        std::net::IpAddr::V6(v6) => {
            bytes[4..].copy_from_slice(&v6.octets());
            20
        }
    };
    Some(Value::Bin(view.keep(&bytes[..len])))
}

fn version_digits(head: &Head) -> &[u8] {
    let version = head.version();
    version.strip_prefix(b"HTTP/").unwrap_or(version)
}

/// Arguments of `url_param`.
struct Wanted {
    name: Box<[u8]>,
    delimiter: u8,
    ignore_case: bool,
}

impl Wanted {
    fn parse(args: &[Arg]) -> Result<Self, ArgError> {
        let delimiter = match &*text(args, 1) {
            [] => b'?',
            [one] => *one,
            _ => return Err(ArgError::new("the delimiter is one character")),
        };
        let ignore_case = match &*text(args, 2) {
            b"" => false,
            b"i" => true,
            _ => return Err(ArgError::new("the third argument is 'i' or nothing")),
        };
        Ok(Self {
            name: text(args, 0),
            delimiter,
            ignore_case,
        })
    }

    fn each<'a>(
        &self,
        view: &View<'a>,
        sink: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>,
    ) -> Outcome {
        let Some(head) = view.request else {
            return Outcome::Absent;
        };
        let mut outcome = Outcome::Absent;
        for (name, value) in uri::param::url_params(head.target(), self.delimiter) {
            let is_it = self.name.is_empty()
                || *name == *self.name
                || (self.ignore_case && name.eq_ignore_ascii_case(&self.name));
            if is_it {
                outcome = Outcome::Done;
                if sink(value).is_break() {
                    break;
                }
            }
        }
        outcome
    }
}

fn parameter(args: &[Arg]) -> Built {
    let wanted = Wanted::parse(args)?;
    eval(move |view, sink| wanted.each(view, &mut |found| sink(Value::Str(found))))
}

/// HTTP is known from a head, else from what the buffered bytes begin with.
fn is_http<'a>(view: &View<'a>, sink: &mut dyn FnMut(Value<'a>) -> ControlFlow<()>) -> Outcome {
    let is_request = match view.request {
        Some(_) => true,
        None => {
            let data = view.request_body.data;
            let line = data
                .iter()
                .position(|byte| *byte == b'\n')
                .map(|end| &data[..end]);
            match line {
                Some(line) => begins_request(line),
                None if view.request_body.complete || view.request_body.full => false,
                // A request line has no control character and begins with a token.
                None if data.iter().any(u8::is_ascii_control) => false,
                None => return Outcome::NotYet,
            }
        }
    };
    let _ = sink(Value::Bool(is_request));
    Outcome::Done
}

fn begins_request(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut parts = line.split(|byte| *byte == b' ');
    let method = parts.next().unwrap_or_default();
    let target = parts.next().unwrap_or_default();
    let version = parts.next().unwrap_or_default();
    !method.is_empty()
        && method
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
        && !target.is_empty()
        && version.starts_with(b"HTTP/")
        && parts.next().is_none()
}

fn user_list(args: &[Arg]) -> Result<usize, ArgError> {
    match args.first() {
        Some(Arg::UserList(list)) => Ok(*list),
        _ => Err(ArgError::new("a user list is expected")),
    }
}

/// Scheme and credentials; a request to a proxy has them in another field.
fn authorization<'a>(head: &'a Head, view: &View<'_>) -> Option<(&'a [u8], &'a [u8])> {
    let is_proxied = view.stream.is_some_and(|stream| stream.is_proxied);
    let name: &[u8] = if is_proxied {
        b"proxy-authorization"
    } else {
        b"authorization"
    };
    let value = head.first(name)?;
    let space = value
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(value.len());
    let (scheme, rest) = value.split_at(space);
    Some((scheme, lbd_http::header::trim(rest)))
}

/// The scheme of an authorization that can be understood, as its standard writes it.
fn scheme<'a>(head: &'a Head, view: &View<'a>) -> Option<&'static [u8]> {
    let (scheme, token) = authorization(head, view)?;
    if scheme.eq_ignore_ascii_case(b"bearer") && !token.is_empty() {
        return Some(b"Bearer");
    }
    basic(head, view).map(|_| b"Basic".as_slice())
}

/// User and password of a Basic authorization.
pub(crate) fn basic<'a>(head: &'a Head, view: &View<'a>) -> Option<(&'a [u8], &'a [u8])> {
    use base64::Engine;
    let (scheme, credentials) = authorization(head, view)?;
    if !scheme.eq_ignore_ascii_case(b"basic") || credentials.len() > MAX_CREDENTIALS {
        return None;
    }
    let decoded = view.arena.alloc_slice_fill_copy(credentials.len(), 0u8);
    let engine = base64::engine::general_purpose::STANDARD;
    let len = engine.decode_slice(credentials, decoded).ok()?;
    let decoded = &decoded[..len];
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((&decoded[..colon], &decoded[colon + 1..]))
}

fn bearer<'a>(head: &'a Head, view: &View<'_>, field: &[u8]) -> Option<&'a [u8]> {
    if field.is_empty() {
        let (scheme, token) = authorization(head, view)?;
        return scheme.eq_ignore_ascii_case(b"bearer").then_some(token);
    }
    let value = head.first(field)?;
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = value.split_at(space);
    scheme
        .eq_ignore_ascii_case(b"bearer")
        .then(|| lbd_http::header::trim(token))
}
