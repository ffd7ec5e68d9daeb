//! Casts between sample types: which exist (haproxy 3.4 configuration 7.3) and what they give.
//!
//! It decides nothing about converters: the expression parser asks here before it links them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bumpalo::Bump;
use lbd_core::{Type, Value};

/// Whether a sample of type `from` may be used where `to` is wanted.
pub fn exists(from: Type, to: Type) -> bool {
    use Type as T;
    if from == T::Any || to == T::Any || from == to {
        return true;
    }
    match from {
        T::Any | T::Same => true,
        T::Bool => matches!(to, T::Int | T::Str | T::Bin),
        T::Int => matches!(to, T::Bool | T::Addr | T::Ipv4 | T::Ipv6 | T::Str | T::Bin),
        T::Addr => matches!(to, T::Ipv4 | T::Ipv6 | T::Str | T::Bin),
        T::Ipv4 => matches!(to, T::Int | T::Addr | T::Ipv6 | T::Str | T::Bin),
        T::Ipv6 => matches!(to, T::Addr | T::Ipv4 | T::Str | T::Bin),
        T::Str => to != T::Same,
        T::Bin => matches!(to, T::Str | T::Method),
        T::Method => matches!(to, T::Str | T::Bin),
    }
}

/// Casts `value`; `None` when the types do not convert or the value has no such form.
pub fn to<'a>(value: Value<'a>, to: Type, arena: &'a Bump) -> Option<Value<'a>> {
    match to {
        Type::Any | Type::Same => Some(value),
        Type::Bool => Some(Value::Bool(to_int(value)? != 0)),
        Type::Int => Some(Value::Int(to_int(value)?)),
        Type::Addr => Some(match to_addr(value)? {
            IpAddr::V4(v) => Value::Ipv4(v),
            IpAddr::V6(v) => Value::Ipv6(v),
        }),
        Type::Ipv4 => Some(Value::Ipv4(match to_addr(value)? {
            IpAddr::V4(v) => v,
            IpAddr::V6(v) => embedded_v4(v)?,
        })),
        Type::Ipv6 => Some(Value::Ipv6(match to_addr(value)? {
            IpAddr::V4(v) => v.to_ipv6_mapped(),
            IpAddr::V6(v) => v,
        })),
        // A string ends at the first zero byte, as in the reference.
        Type::Str => Some(Value::Str(match value {
            Value::Bin(v) => v.split(|byte| *byte == 0).next().unwrap_or_default(),
            value => to_str(value, arena)?,
        })),
        Type::Bin => Some(Value::Bin(to_bin(value, arena)?)),
        Type::Method => match value {
            Value::Str(v) | Value::Bin(v) | Value::Method(v) => Some(Value::Method(v)),
            _ => None,
        },
    }
}

/// The value as an integer: booleans are 0 and 1, strings are read as far as digits go.
pub fn to_int(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Bool(v) => Some(i64::from(v)),
        Value::Int(v) => Some(v),
        Value::Ipv4(v) => Some(i64::from(u32::from(v))),
        // Nothing is no number; something without digits is 0.
        Value::Str(v) => (!v.is_empty()).then(|| leading_int(v)),
        Value::Ipv6(_) | Value::Bin(_) | Value::Method(_) => None,
    }
}

/// The value as an address.
pub fn to_addr(value: Value<'_>) -> Option<IpAddr> {
    match value {
        Value::Ipv4(v) => Some(IpAddr::V4(v)),
        Value::Ipv6(v) => Some(IpAddr::V6(v)),
        // An integer is an IPv4 address in host order.
        Value::Int(v) => Some(IpAddr::V4(Ipv4Addr::from(lbd_core::bits::low32(
            v.cast_unsigned(),
        )))),
        Value::Str(v) => parse_addr(v),
        Value::Bool(_) | Value::Bin(_) | Value::Method(_) => None,
    }
}

/// The value as the bytes of a string; numbers and addresses are written to `arena`.
pub fn to_str<'a>(value: Value<'a>, arena: &'a Bump) -> Option<&'a [u8]> {
    match value {
        Value::Str(v) | Value::Bin(v) | Value::Method(v) => Some(v),
        Value::Bool(v) => Some(if v { b"1" } else { b"0" }),
        Value::Int(v) => {
            let mut buffer = itoa::Buffer::new();
            Some(arena.alloc_slice_copy(buffer.format(v).as_bytes()))
        }
        Value::Ipv4(v) => Some(display(v, arena)),
        Value::Ipv6(v) => Some(display(v, arena)),
    }
}

/// The value as binary data: numbers as 8 bytes and addresses as 4 or 16, in network order.
pub fn to_bin<'a>(value: Value<'a>, arena: &'a Bump) -> Option<&'a [u8]> {
    match value {
        Value::Str(v) | Value::Bin(v) | Value::Method(v) => Some(v),
        Value::Int(v) => Some(arena.alloc_slice_copy(&v.to_be_bytes())),
        Value::Ipv4(v) => Some(arena.alloc_slice_copy(&v.octets())),
        Value::Ipv6(v) => Some(arena.alloc_slice_copy(&v.octets())),
        Value::Bool(v) => Some(arena.alloc_slice_copy(&i64::from(v).to_be_bytes())),
    }
}

fn display(what: impl std::fmt::Display, arena: &Bump) -> &[u8] {
    let mut text = bumpalo::collections::String::new_in(arena);
    // Writing to a string of the arena cannot fail.
    let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{what}"));
    text.into_bump_str().as_bytes()
}

/// The IPv4 address that an IPv6 one carries: `::ffff:a.b.c.d`, `::a.b.c.d` or `2002:AABB:CCDD::`.
pub fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let o = v6.octets();
    let head_is_zero = o[..10].iter().all(|b| *b == 0);
    if head_is_zero && ((o[10] == 0xff && o[11] == 0xff) || (o[10] == 0 && o[11] == 0)) {
        return Some(Ipv4Addr::new(o[12], o[13], o[14], o[15]));
    }
    if o[0] == 0x20 && o[1] == 0x02 {
        return Some(Ipv4Addr::new(o[2], o[3], o[4], o[5]));
    }
    None
}

/// An integer with its sign at the start of `text`; what follows is ignored, no digit gives 0.
/// Saturates at the bounds of 64 bits.
pub fn leading_int(text: &[u8]) -> i64 {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let mut total: i64 = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            break;
        }
        let digit = i64::from(byte - b'0');
        total = total.saturating_mul(10);
        total = if negative {
            total.saturating_sub(digit)
        } else {
            total.saturating_add(digit)
        };
    }
    total
}

/// An integer that takes the whole of `text`; `None` for anything else or out of range.
pub fn whole_int(text: &[u8]) -> Option<i64> {
    let digits = text
        .strip_prefix(b"-")
        .or_else(|| text.strip_prefix(b"+"))
        .unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// An IPv4 or IPv6 address, without mask or brackets.
pub fn parse_addr(text: &[u8]) -> Option<IpAddr> {
    // Longest form: 45 bytes; anything longer is not an address.
    if text.len() > 45 {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
