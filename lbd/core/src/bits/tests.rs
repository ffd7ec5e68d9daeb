use super::*;

#[test]
fn low_bits_are_kept_and_counts_are_held() {
    assert_eq!(low8(0x1_23), 0x23);
    assert_eq!(low16(0x1_2345), 0x2345);
    assert_eq!(low32(u64::MAX - 1), u32::MAX - 1);
    assert_eq!(count32(7), 7);
    assert_eq!(held32(1 << 32), u32::MAX);
    assert_eq!(held64(u128::MAX), u64::MAX);
}
