//! Converters of addresses and authorities (manual 7.3.1).
//!
//! Addresses in header values are read by `fetch::header`.

use super::{Built, NO_ARGS, build, bytes};
use crate::arg::{Arg, ArgError, ArgKind, ArgSpec};
use crate::cast;
use crate::registry::{Converter, Example};
use lbd_core::{Type, Value};
use lbd_http::uri;
use std::net::Ipv6Addr;

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "host_only",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Str,
        doc: "The host of an authority in lower case, without its port (manual 7.3.1).",
        examples: &[Example::Ok("hdr(host),host_only")],
        build: |_, _| {
            bytes(|view, text| {
                let host = view.arena.alloc_slice_copy(uri::split_port(text).0);
                host.make_ascii_lowercase();
                Some(Value::Str(host))
            })
        },
    },
    Converter {
        name: "ipmask",
        args: &[
            ArgSpec::required(ArgKind::Mask4),
            ArgSpec::optional(ArgKind::Mask6),
        ],
        from: Type::Addr,
        to: Type::Addr,
        doc: "The network of an address: IPv4 and IPv6 masks (manual 7.3.1).",
        examples: &[
            Example::Ok("src,ipmask(24)"),
            Example::Ok("src,ipmask(24,64)"),
            Example::Ok("ipv4(1.2.3.4),ipmask(255.0.0.0)"),
            Example::Fail("src,ipmask(40)", "as type 'IPv4 mask'"),
            Example::Fail("bool(1),ipmask(24)", "converter 'ipmask' cannot be applied"),
        ],
        build: |_, args| ipmask(&args),
    },
    Converter {
        name: "port_only",
        args: NO_ARGS,
        from: Type::Str,
        to: Type::Int,
        doc: "The port of an authority, 0 without one (manual 7.3.1).",
        examples: &[Example::Ok("hdr(host),port_only")],
        build: |_, _| {
            bytes(|_, text| {
                Some(Value::Int(
                    uri::split_port(text).1.map_or(0, cast::leading_int),
                ))
            })
        },
    },
];

fn ipmask(args: &[Arg]) -> Built {
    let mask4 = match args.first() {
        Some(Arg::Ipv4(mask)) => u32::from(*mask),
        _ => return Err(ArgError::new("an IPv4 mask is expected")),
    };
    let mask6 = match args.get(1) {
        Some(Arg::Ipv6(mask)) => Some(u128::from(*mask)),
        _ => None,
    };
    build(move |_, value| match value {
        Value::Ipv4(v4) => Some(Value::Ipv4((u32::from(v4) & mask4).into())),
        Value::Ipv6(v6) => Some(match embedded(v6) {
            Some(v4) => Value::Ipv4((v4 & mask4).into()),
            None => Value::Ipv6((u128::from(v6) & mask6?).into()),
        }),
        _ => None,
    })
}

/// The IPv4 address within a mapped or compatible address (RFC 4291, 2.5.5) or a 6to4 network
/// (RFC 3056), which is masked as such.
fn embedded(v6: Ipv6Addr) -> Option<u32> {
    let part = |[a, b]: [u16; 2]| u32::from(a) << 16 | u32::from(b);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x2002, high, low, ..] => Some(part([high, low])),
        _ => None,
    }
}
