use super::*;

fn bytes(value: Value<'_>, key: KeyType) -> Option<Vec<u8>> {
    Key::of(value, key).map(|key| key.bytes().to_vec())
}

#[test]
fn strings_are_cut_at_their_length_and_at_a_zero_byte() {
    let key = KeyType::String { len: 5 };
    assert_eq!(bytes(Value::Str(b"abc"), key).unwrap(), b"abc");
    assert_eq!(bytes(Value::Str(b"abcdefg"), key).unwrap(), b"abcde");
    assert_eq!(bytes(Value::Str(b"ab\0cd"), key).unwrap(), b"ab");
    assert_eq!(bytes(Value::Str(b""), key).unwrap(), b"");
}

#[test]
fn blocks_are_padded_and_cut_to_their_length() {
    for len in [4_u32, 100] {
        let key = KeyType::Binary { len };
        let padded = bytes(Value::Bin(b"\x01\0\x02"), key).unwrap();
        assert_eq!(padded.len(), len as usize);
        assert_eq!(&padded[..4], b"\x01\0\x02\0");
        assert_eq!(
            bytes(Value::Bin(&[7; 200]), key).unwrap(),
            vec![7; len as usize]
        );
    }
}

#[test]
fn numbers_keep_their_low_32_bits() {
    for (number, low) in [(-1, u32::MAX), (1 << 32 | 5, 5), (i64::MIN, 0)] {
        assert_eq!(
            bytes(Value::Int(number), KeyType::Integer).unwrap(),
            low.to_ne_bytes()
        );
    }
}

#[test]
fn a_value_of_another_type_makes_no_key() {
    assert_eq!(bytes(Value::Int(1), KeyType::Ipv4), None);
    assert_eq!(bytes(Value::Bin(b"a"), KeyType::DEFAULT_STRING), None);
}

#[test]
fn peers_are_told_lengths_with_the_closing_zero_byte() {
    assert_eq!(KeyType::DEFAULT_STRING.wire_len(), 32);
    assert_eq!(KeyType::String { len: 20 }.wire_len(), 21);
    assert_eq!(KeyType::DEFAULT_BINARY.wire_len(), 32);
    assert_eq!(KeyType::Ipv6.wire_len(), 16);
}

#[test]
fn keys_are_written_as_commands_show_them() {
    let show = |key: KeyType, bytes: &[u8]| {
        let mut out = String::new();
        display(&mut out, key, bytes);
        out
    };
    assert_eq!(show(KeyType::Ipv4, &[10, 0, 0, 1]), "10.0.0.1");
    assert_eq!(show(KeyType::Ipv6, &[0; 16]), "::");
    assert_eq!(show(KeyType::Integer, &77_u32.to_ne_bytes()), "77");
    assert_eq!(
        show(KeyType::DEFAULT_STRING, b"a b=c\\d\t\x1b\xe9~"),
        "a\\ b\\=c\\\\d\\t\\e\\xE9~"
    );
    assert_eq!(show(KeyType::Binary { len: 2 }, &[0xAB, 1]), "AB01");
}

#[test]
fn inline_keys_come_back_from_their_words() {
    for key in [
        KeyType::String { len: 64 },
        KeyType::String { len: 3 },
        KeyType::Binary { len: 7 },
        KeyType::Ipv6,
    ] {
        let mut words = vec![u32::MAX; key.inline_words()];
        let value = Key::bytes_of(b"0123456789abcdefghij", key);
        store_inline(&mut words, key, value.bytes());
        assert_eq!(load_inline(&words, key), value.bytes());
    }
    assert_eq!(KeyType::String { len: 65 }.inline_words(), 0);
}

#[test]
fn a_section_without_shards_has_shard_zero_only() {
    let seed = shard_seed("t");
    assert_eq!(peer_shard(b"key", seed, 0), 0);
    assert!((1..=12).contains(&peer_shard(b"key", seed, 12)));
}

#[test]
fn a_key_made_for_another_type_is_cut_to_the_room() {
    let mut words = [0; 1];
    store_inline(&mut words, KeyType::Ipv4, &[7; 16]);
    assert_eq!(load_inline(&words, KeyType::Ipv4), [7; 4]);
}
