use super::*;

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn wanted(path: &str, read_as: &str) -> Wanted {
    let text = |text: &str| Arg::Str(text.as_bytes().into());
    Wanted::parse(&[text(path), text(read_as)]).unwrap()
}

/// Messages, paths and types with what HAProxy 3.4 gives for them.
#[test]
fn fields_are_found_and_read_as_the_reference_reads_them() {
    for (message, path, read_as, value) in [
        ("089601", "1", "int32", Some(150)),
        ("089601", "2", "int32", None),
        ("08ffffffffffffffffff01", "1", "uint64", Some(-1)),
        ("08ffffffff0f", "1", "int32", Some(0xffff_ffff)),
        ("0803", "1", "sint32", Some(-2)),
        ("0804", "1", "sint64", Some(2)),
        ("0805", "1", "bool", Some(5)),
        ("0dffffffff", "1", "fixed32", Some(0xffff_ffff)),
        ("0dffffffff", "1", "sfixed32", Some(-1)),
        ("0d0000c03f", "1", "float", Some(1)),
        ("09ffffffffffffffff", "1", "fixed64", Some(-1)),
        ("09000000000000f83f", "1", "double", Some(1)),
        ("0a03616263", "1", "int32", None),
        ("0a02082a", "1.1", "int32", Some(42)),
        ("0a02082a0a02082b", "1.1", "int32", Some(42)),
        ("0801082a", "1", "int32", Some(1)),
        ("0b0801", "1", "int32", None),
        ("0f0801", "1", "int32", None),
        ("0801", "1", "fixed32", None),
        ("08ff", "1", "int32", None),
        ("08ffffffffffffffffffffff01", "1", "int64", None),
        ("0d000000", "1", "fixed32", None),
        ("9a01020801", "19.1", "int32", Some(1)),
        // The reference would not see the second parent.
        ("0a0208010a021002", "1.2", "int32", Some(2)),
    ] {
        let message = bytes_of(message);
        let found = wanted(path, read_as).find(&message);
        let number = found.map(|value| match value {
            Value::Int(number) => number,
            other => panic!("{other:?}"),
        });
        assert_eq!(number, value, "{message:x?} {path} {read_as}");
    }
}

#[test]
fn a_field_without_a_type_is_its_bytes() {
    for (message, value) in [
        ("0a03616263", "616263"),
        ("089601", "9601"),
        ("0d01020304", "01020304"),
        ("0a00", ""),
    ] {
        let (message, value) = (bytes_of(message), bytes_of(value));
        assert_eq!(wanted("1", "").find(&message), Some(Value::Bin(&value)));
    }
}

#[test]
fn messages_of_grpc_are_read_one_after_the_other_as_far_as_they_are_whole() {
    let body = bytes_of("0000000002082a0100000002102b0000000003082c");
    let found: Vec<&[u8]> = messages(&body).collect();
    assert_eq!(found, [&[0x08, 0x2a], &[0x10, 0x2b]]);
    assert_eq!(messages(&[0, 0, 0, 0]).count(), 0);
}

#[test]
fn paths_are_numbers_with_dots() {
    assert_eq!(path(b"48.59.1").as_deref(), Some(&[48, 59, 1][..]));
    for text in ["", "x", "1.x", "1.", ".1", "1..2"] {
        assert!(path(text.as_bytes()).is_none(), "{text}");
    }
    assert!(path(b"99999999999999999999999").is_some());
}

#[test]
fn no_bytes_make_the_search_fail_otherwise_than_by_finding_nothing() {
    let mut seed = 7u64;
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..seed % 24)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            })
            .collect();
        seed = seed.wrapping_add(1);
        let _ = wanted("1.1", "").find(&bytes);
        let _ = messages(&bytes).count();
    }
}
