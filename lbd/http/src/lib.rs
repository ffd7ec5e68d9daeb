//! HTTP messages: ordered heads, the HTTP/1 codec, targets, cookies, dates, the PROXY header.
//!
//! It opens no socket, reads no clock, and takes no decision of a proxy.
#![forbid(unsafe_code)]

pub mod cookie;
pub mod count;
pub mod date;
pub mod h1;
pub mod h2;
pub mod head;
pub mod header;
pub mod method;
pub mod proxy_protocol;
pub mod status;
pub mod uri;
pub mod websocket;

pub use h1::{
    BodyDecoder, Framing, ParseError, ParseOptions, Parsed, Reason, RequestInfo, Status,
    parse_request, parse_response,
};
pub use head::{Head, HeadFull, Kind};
pub use method::Method;
