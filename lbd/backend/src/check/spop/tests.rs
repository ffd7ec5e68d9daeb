use super::*;

const MAX: u32 = 16_380;

fn frame(kind: u8, flags: u8, list: &[u8]) -> Vec<u8> {
    let body = [&[kind, 0, 0, 0, flags, 0, 0], list].concat();
    let length = u32::try_from(body.len()).unwrap();
    [&length.to_be_bytes()[..], &body].concat()
}

fn pair(name: &str, kind: u8, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&mut out, name.as_bytes());
    out.push(kind);
    out.extend_from_slice(value);
    out
}

fn string(name: &str, text: &str) -> Vec<u8> {
    let mut value = Vec::new();
    put_text(&mut value, text.as_bytes());
    pair(name, STRING, &value)
}

fn number(name: &str, number: u64) -> Vec<u8> {
    let mut value = Vec::new();
    put_int(&mut value, number);
    pair(name, UINT32, &value)
}

fn invalid(what: &'static str) -> Packet {
    Packet::Invalid(what)
}

/// Bytes and texts are those of HAProxy 3.4.0.
#[test]
fn the_first_frame_is_the_references() {
    let wanted = "0000004e0100000001000012737570706f727465642d76657273696f6e730803322e300e6d61782d\
                  6672616d652d73697a6503fcf0060c6361706162696c697469657308000b6865616c7468636865636b\
                  11";
    let hex: String = hello(MAX).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, wanted);
}

#[test]
fn answers_are_judged_as_the_reference_judges_them() {
    let good = [
        string("version", "2.0"),
        number("max-frame-size", 16_380),
        string("capabilities", ""),
    ]
    .concat();
    let size = |size| [string("version", "2.0"), number("max-frame-size", size)].concat();
    let broken = invalid("invalid frame received");
    for (data, wanted) in [
        (frame(101, 1, &good), Packet::Good(Vec::new())),
        (
            frame(101, 1, &[&good[..], &pair("x", BOOL | TRUE, &[])].concat()),
            Packet::Good(Vec::new()),
        ),
        (
            frame(
                101,
                1,
                &[&good[..], &pair("ip", 6, &[127, 0, 0, 1])].concat(),
            ),
            Packet::Good(Vec::new()),
        ),
        (frame(101, 1, &[]), invalid("version value not found")),
        (
            frame(
                101,
                1,
                &[string("version", "3.0"), number("max-frame-size", 300)].concat(),
            ),
            invalid("unsupported version"),
        ),
        (
            frame(101, 1, &string("version", "2.0")),
            invalid("max-frame-size value not found"),
        ),
        (
            frame(101, 1, &size(100)),
            invalid("max-frame-size too big or too small"),
        ),
        (
            frame(101, 1, &size(163_800)),
            invalid("max-frame-size too big or too small"),
        ),
        (frame(101, 1, &number("version", 2)), broken.clone()),
        (frame(101, 0, &good), broken.clone()),
        (frame(103, 1, &[]), broken.clone()),
        (frame(101, 1, &good[..good.len() - 3]), broken.clone()),
        (b"garbage garbage garbage".to_vec(), broken.clone()),
        (b"\0\0\0\x02ee".to_vec(), broken),
        (Vec::new(), Packet::Short),
        (
            frame(
                102,
                1,
                &[number("status-code", 4), string("message", "full")].concat(),
            ),
            Packet::Error {
                code: 4,
                text: b"full".to_vec(),
            },
        ),
    ] {
        assert_eq!(answer(&data, MAX), wanted, "{data:?}");
    }
    let whole = frame(101, 1, &good);
    for end in 0..whole.len() {
        assert_eq!(answer(&whole[..end], MAX), Packet::Short, "{end} bytes");
    }
}

#[test]
fn integers_are_read_as_they_were_written() {
    for number in [
        0,
        239,
        240,
        2287,
        2288,
        264_431,
        264_432,
        33_818_864,
        u64::MAX >> 4,
    ] {
        let mut out = Vec::new();
        put_int(&mut out, number);
        let mut rest = out.as_slice();
        assert_eq!(int(&mut rest), Some(number));
        assert!(rest.is_empty());
    }
    assert_eq!(int(&mut [0xff_u8; 30].as_slice()), None);
}
