use super::*;

/// A message with these fields between head and checksum.
fn message(version: &str, body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    let head = format!("8={version}\x019={}\x01{body}", body.len());
    let sum = head.bytes().fold(0u8, |sum, byte| sum.wrapping_add(byte));
    format!("{head}10={sum:03}\x01").into_bytes()
}

#[test]
fn a_whole_message_is_valid_and_a_beginning_is_waited_for() {
    let whole = message("FIX.4.4", "35=A|49=ONE|56=TWO|98=0|");
    assert_eq!(check(&whole), Some(true));
    for len in 0..whole.len() {
        assert_eq!(check(&whole[..len]), None, "{len}");
    }
    let mut more = whole.clone();
    more.extend_from_slice(b"8=FIX");
    assert_eq!(check(&more), Some(true));
}

#[test]
fn what_breaks_the_rules_of_the_frame_is_invalid() {
    let whole = message("FIX.4.4", "35=A|49=ONE|");
    for at in [0, 3, 12, 16] {
        let mut broken = whole.clone();
        broken[at] ^= 0x10;
        assert_ne!(check(&broken), Some(true), "{at}");
    }
    assert_eq!(check(&message("FIX.9.9", "35=A|")), Some(false));
    assert_eq!(check(&message("FIX.4.2", "49=A|35=A|")), Some(false));
    assert_eq!(check(&message("FIX.4.2", "35=A|49=|")), Some(false));
    assert_eq!(check(b"GET / HTTP/1.1\r\nHost: h\r\n\x01"), Some(false));
    assert_eq!(check(b"\x01"), None, "shorter than any message");
}
