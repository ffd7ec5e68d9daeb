use std::net::{Ipv4Addr, Ipv6Addr};

use bumpalo::Bump;
use lbd_core::{Type, Value};

use super::*;

#[test]
fn strings_are_read_as_integers_as_far_as_digits_go() {
    assert_eq!(leading_int(b"42abc"), 42);
    assert_eq!(leading_int(b"-7"), -7);
    assert_eq!(leading_int(b"x1"), 0);
    assert_eq!(leading_int(b"99999999999999999999"), i64::MAX);
    assert_eq!(whole_int(b"42abc"), None);
    assert_eq!(whole_int(b"+3"), Some(3));
}

#[test]
fn an_integer_becomes_eight_bytes_and_an_address() {
    let arena = Bump::new();
    assert_eq!(
        to(Value::Int(1), Type::Bin, &arena),
        Some(Value::Bin(&[0, 0, 0, 0, 0, 0, 0, 1]))
    );
    assert_eq!(
        to(Value::Int(0x0102_0304), Type::Ipv4, &arena),
        Some(Value::Ipv4(Ipv4Addr::new(1, 2, 3, 4)))
    );
}

#[test]
fn an_embedded_ipv4_address_is_found_in_all_three_forms() {
    for text in ["::ffff:1.2.3.4", "::1.2.3.4", "2002:102:304::"] {
        let v6: Ipv6Addr = text.parse().expect("address");
        assert_eq!(embedded_v4(v6), Some(Ipv4Addr::new(1, 2, 3, 4)), "{text}");
    }
    assert_eq!(embedded_v4("2001:db8::1".parse().expect("address")), None);
}

#[test]
fn what_does_not_convert_gives_nothing() {
    let arena = Bump::new();
    assert!(!exists(Type::Bool, Type::Addr));
    assert_eq!(to(Value::Bool(true), Type::Addr, &arena), None);
    assert_eq!(to(Value::Str(b"nope"), Type::Addr, &arena), None);
    assert_eq!(
        to(Value::Bool(true), Type::Str, &arena),
        Some(Value::Str(b"1"))
    );
}

#[test]
fn binary_data_is_a_string_up_to_its_first_zero() {
    let arena = Bump::new();
    assert_eq!(
        to(Value::Bin(b"ab\0c"), Type::Str, &arena),
        Some(Value::Str(b"ab"))
    );
}
