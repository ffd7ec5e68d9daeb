//! Actions that change the addresses which rules and logs see: `set-src`, `set-dst` and ports.
//!
//! They do not touch a socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use lbd_core::bits;
use lbd_core::{Diag, Type, Value};

use super::{ActionSpec, Built, Form, Rule, Ruleset, Rulesets, edit};
use crate::facts::Endpoint;
use crate::program::{Ctx, Verdict};
use crate::registry::Example;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    spec(
        "set-dst",
        "Destination address; the port stays (manual 4.3).",
        ADDRESSES,
        |rule| address(rule, End::Dst),
    ),
    spec(
        "set-dst-port",
        "Destination port (manual 4.3).",
        PORTS,
        |rule| port(rule, End::Dst),
    ),
    spec(
        "set-src",
        "Source address; the port stays (manual 4.3).",
        ADDRESSES,
        |rule| address(rule, End::Src),
    ),
    spec("set-src-port", "Source port (manual 4.3).", PORTS, |rule| {
        port(rule, End::Src)
    }),
];

/// `set-x` stands for the name of each.
const ADDRESSES: &[Example] = &[Example::Ok("set-x ipv4(192.0.2.7)")];
/// As above.
const PORTS: &[Example] = &[Example::Ok("set-x int(8080)")];

const fn spec(
    name: &'static str,
    doc: &'static str,
    examples: &'static [Example],
    build: fn(&mut Rule<'_, '_>) -> Result<Built, Diag>,
) -> ActionSpec {
    ActionSpec {
        name,
        form: Form::Exact,
        rulesets: Rulesets::REQUESTS,
        is_listed: true,
        doc,
        examples,
        build,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Dst,
    Src,
}

fn address(rule: &mut Rule<'_, '_>, end: End) -> Result<Built, Diag> {
    let expr = rule.args.expr(rule.ctx)?;
    let is_session = rule.ruleset == Ruleset::TcpSession;
    Ok(Built::new(move |ctx, _| {
        let ip = match edit::value(&expr, Type::Addr, ctx) {
            Some(Value::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Value::Ipv6(ip)) => IpAddr::V6(ip),
            _ => return Verdict::Continue,
        };
        let port = now(ctx, end).port().unwrap_or(0);
        put(ctx, end, is_session, SocketAddr::new(ip, port));
        Verdict::Continue
    }))
}

fn port(rule: &mut Rule<'_, '_>, end: End) -> Result<Built, Diag> {
    let expr = rule.args.expr(rule.ctx)?;
    let is_session = rule.ruleset == Ruleset::TcpSession;
    Ok(Built::new(move |ctx, _| {
        let Some(port) = edit::int(&expr, ctx) else {
            return Verdict::Continue;
        };
        // An end without an address becomes 0.0.0.0, as in the reference.
        let ip = now(ctx, end)
            .ip()
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        put(
            ctx,
            end,
            is_session,
            SocketAddr::new(ip, bits::low16(port.cast_unsigned())),
        );
        Verdict::Continue
    }))
}

fn now(ctx: &Ctx<'_>, end: End) -> Endpoint {
    let view = ctx.view();
    if end == End::Src {
        view.src()
    } else {
        view.dst()
    }
}

/// The change is the connection's, the session's or the stream's, as the ruleset is.
fn put(ctx: &mut Ctx<'_>, end: End, is_session: bool, address: SocketAddr) {
    let address = Endpoint::Inet(address);
    match (ctx.stream.as_deref_mut(), end) {
        (Some(stream), End::Src) => stream.src = Some(address),
        (Some(stream), End::Dst) => stream.dst = Some(address),
        (None, _) if is_session => match end {
            End::Src => ctx.session.src = Some(Box::new(address)),
            End::Dst => ctx.session.dst = Some(Box::new(address)),
        },
        (None, End::Src) => ctx.session.conn_src = address,
        (None, End::Dst) => ctx.session.conn_dst = address,
    }
}
