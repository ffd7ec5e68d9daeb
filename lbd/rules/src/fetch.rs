//! Sample fetches (haproxy 3.4 configuration 7.3.2 to 7.3.6), one family in a file.
//!
//! A family file holds descriptors and their closures; names are looked up in `registry`.

pub mod certificate;
pub mod constant;
pub mod handshake;
pub mod header;
pub mod hello;
pub mod internal;
pub mod l4;
pub mod l4_server;
pub mod payload;
pub mod proxy;
pub mod request;
pub mod table;
pub mod tls;
pub mod transaction;

use std::net::IpAddr;
use std::ops::ControlFlow;

use lbd_core::{Checkpoints, Value};

use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::registry::{Eval, Fetch, Outcome};
use crate::view::View;

/// All families.
pub const FAMILIES: &[&[Fetch]] = &[
    certificate::FETCHES,
    constant::FETCHES,
    handshake::FETCHES,
    header::FETCHES,
    hello::FETCHES,
    internal::FETCHES,
    l4::FETCHES,
    l4_server::FETCHES,
    payload::FETCHES,
    proxy::FETCHES,
    request::FETCHES,
    table::COUNTER,
    table::COUNTER_0,
    table::COUNTER_1,
    table::COUNTER_2,
    table::SOURCE,
    table::TABLE,
    tls::FETCHES,
    transaction::FETCHES,
];

/// Everywhere.
pub(crate) const EVERYWHERE: Checkpoints = Checkpoints::ALL;
/// Where there is a process beyond the configuration parser.
pub(crate) const RUNTIME: Checkpoints = Checkpoints::parse("YYYYYYYYYYYYYYYYYYYY.Y");
/// Where there is a client connection.
pub(crate) const CLIENT: Checkpoints = Checkpoints::parse("YYYYYYYYYYYYYYYYYYYY..");
/// Where there is a frontend.
pub(crate) const FRONTEND: Checkpoints = Checkpoints::parse("YYYYYYYYYYYYYYYYYYY...");
/// Where there is a request.
pub(crate) const REQUEST: Checkpoints = Checkpoints::parse("..YYYYYYYYY...........");
/// From the request to the log.
pub(crate) const TRANSACTION: Checkpoints = Checkpoints::parse("..YYYYYYYYYYYYYYYYY...");
/// Request or response content.
pub(crate) const CONTENT: Checkpoints = Checkpoints::parse("..YYYYYYYYYYYYYYYY.Y..");
/// Where the response's headers are at hand.
pub(crate) const RESPONSE: Checkpoints = Checkpoints::parse("...........YYYYYYY.Y..");
/// From the response to the log.
pub(crate) const ANSWERED: Checkpoints = Checkpoints::parse("...........YYYYYYYYY..");
/// From the choice of a server to the log.
pub(crate) const ANSWERING: Checkpoints = Checkpoints::parse(".........YYYYYYYYYY...");
/// Where there is a backend.
pub(crate) const BACKEND: Checkpoints = Checkpoints::parse("......YYYYYYYYYYYYYY..");
/// Where there is a server.
pub(crate) const SERVER: Checkpoints = Checkpoints::parse("..........YYYYYYYYYY..");

pub(crate) const NO_ARGS: &[ArgSpec] = &[];
pub(crate) const STR: &[ArgSpec] = &[ArgSpec::required(ArgKind::Str)];
pub(crate) const OPT_STR: &[ArgSpec] = &[ArgSpec::optional(ArgKind::Str)];
pub(crate) const OPT_INT: &[ArgSpec] = &[ArgSpec::optional(ArgKind::Int)];

pub(crate) type Built = Result<Eval, ArgError>;

/// A fetch of at most one integer.
pub(crate) fn int(of: impl for<'a> Fn(&View<'a>) -> Option<i64> + Send + Sync + 'static) -> Built {
    one(move |view| of(view).map(Value::Int))
}

/// A fetch of at most one boolean.
pub(crate) fn boolean(
    of: impl for<'a> Fn(&View<'a>) -> Option<bool> + Send + Sync + 'static,
) -> Built {
    one(move |view| of(view).map(Value::Bool))
}

/// A fetch of at most one string.
pub(crate) fn string(
    of: impl for<'a> Fn(&View<'a>) -> Option<&'a [u8]> + Send + Sync + 'static,
) -> Built {
    one(move |view| of(view).map(Value::Str))
}

/// A fetch of at most one address.
pub(crate) fn address(
    of: impl for<'a> Fn(&View<'a>) -> Option<IpAddr> + Send + Sync + 'static,
) -> Built {
    one(move |view| of(view).map(ip))
}

/// A fetch of at most one value.
pub(crate) fn one(
    of: impl for<'a> Fn(&View<'a>) -> Option<Value<'a>> + Send + Sync + 'static,
) -> Built {
    Ok(Box::new(move |view, sink| match of(view) {
        Some(value) => {
            let _ = sink(value);
            Outcome::Done
        }
        None => Outcome::Absent,
    }))
}

/// A fetch that says itself how it ends.
pub(crate) fn eval(
    of: impl for<'a> Fn(&View<'a>, &mut dyn FnMut(Value<'a>) -> ControlFlow<()>) -> Outcome
    + Send
    + Sync
    + 'static,
) -> Built {
    Ok(Box::new(of))
}

/// An address as a value.
pub(crate) fn ip(address: IpAddr) -> Value<'static> {
    match address {
        IpAddr::V4(v4) => Value::Ipv4(v4),
        IpAddr::V6(v6) => Value::Ipv6(v6),
    }
}

/// The text of argument `at`; empty when it was left out.
pub(crate) fn text(args: &[Arg], at: usize) -> Box<[u8]> {
    match args.get(at) {
        Some(Arg::Str(text)) => text.clone(),
        _ => Box::default(),
    }
}

/// The number of argument `at`.
pub(crate) fn number(args: &[Arg], at: usize) -> Option<i64> {
    match args.get(at) {
        Some(Arg::Int(number)) => Some(*number),
        _ => None,
    }
}
