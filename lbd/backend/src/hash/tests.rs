use super::*;
use crate::spec::{Affinity, HashType};

fn spec(function: HashFunction, avalanche: bool) -> HashSpec {
    HashSpec {
        kind: HashType::MapBased,
        function,
        avalanche,
        balance_factor: 0,
        affinity: Affinity::Always,
    }
}

#[test]
fn crc32_gives_the_standard_check_value() {
    assert_eq!(
        key_hash(&spec(HashFunction::Crc32, false), b"123456789"),
        0xcbf4_3926
    );
}

#[test]
fn an_empty_key_hashes_to_the_start_value() {
    assert_eq!(sdbm(b""), 0);
    assert_eq!(djb2(b""), 5381);
    assert_eq!(wt6(b""), 0xa53c_965a ^ 0x5ca6_953a);
}

#[test]
fn a_number_key_is_taken_as_it_is_up_to_its_first_foreign_byte() {
    let none = spec(HashFunction::None, false);
    for (key, wanted) in [
        (&b"17"[..], 17u32),
        (b"+17x9", 17),
        (b"-1", u32::MAX),
        (b"", 0),
        (b"x", 0),
        (b"99999999999999999999999", u32::MAX),
        (b"4294967298", 2),
    ] {
        assert_eq!(key_hash(&none, key), wanted, "{key:?}");
    }
}

#[test]
fn the_modifier_mixes_the_number_once_more() {
    let plain = key_hash(&spec(HashFunction::Sdbm, false), b"/a");
    assert_eq!(
        key_hash(&spec(HashFunction::Sdbm, true), b"/a"),
        avalanche(plain)
    );
    assert_ne!(avalanche(plain), plain);
}
