use proptest::prelude::*;

use super::*;

fn encoded(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, value);
    out
}

#[test]
fn numbers_have_the_forms_of_the_protocol() {
    for (value, form) in [
        (0, &[0][..]),
        (239, &[0xef]),
        (240, &[0xf0, 0x00]),
        (2287, &[0xff, 0x7f]),
        (2288, &[0xf0, 0x80, 0x00]),
        (0x1234, &[0xf4, 0x94, 0x01]),
    ] {
        assert_eq!(encoded(value), form, "{value}");
    }
    assert_eq!(encoded(u64::MAX).len(), MAX_LEN);
}

#[test]
fn a_number_that_does_not_end_is_refused() {
    assert_eq!(take(&[0xff; 9]), Ok(None));
    assert_eq!(take(&[0xff; 11]), Err(TooLong));
}

proptest! {
    #[test]
    fn every_number_comes_back(value in any::<u64>(), cut in 0..10_usize) {
        let bytes = encoded(value);
        prop_assert_eq!(take(&bytes), Ok(Some((value, bytes.len()))));
        if cut < bytes.len() {
            prop_assert_eq!(take(&bytes[..cut]), Ok(None));
        }
    }
}
