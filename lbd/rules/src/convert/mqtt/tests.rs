use super::*;

fn string(text: &[u8]) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap();
    [&len.to_be_bytes(), text].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let len = u8::try_from(body.len()).ok().filter(|len| *len < 128);
    [&[first, len.unwrap()], body].concat()
}

fn connect_packet(name: &str, version: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    let head = [&string(name.as_bytes())[..], &[version, flags, 0, 60]].concat();
    packet(0x10, &[&head[..], rest].concat())
}

fn value(packet: &[u8], name: &str) -> Option<String> {
    let Header::Whole(kind, body) = fixed_header(packet) else {
        return None;
    };
    let field = field(kind, name.as_bytes()).unwrap();
    let found = match kind {
        CONNECT => connect(body, field),
        _ => connack(body, field),
    };
    Some(match found?? {
        Text::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Text::Number(number) => number.to_string(),
    })
}

#[test]
fn the_fields_of_older_versions_are_read() {
    let rest = [&string(b"cid")[..], &string(b"bob"), &string(b"pw")].concat();
    let packet = connect_packet("MQTT", 4, 0xc2, &rest);
    assert_eq!(is_valid(&packet), Some(true));
    for (name, wanted) in [
        ("protocol_name", Some("MQTT")),
        ("Protocol_Version", Some("4")),
        ("flags", Some("194")),
        ("keepalive", Some("60")),
        ("client_identifier", Some("cid")),
        ("username", Some("bob")),
        ("password", Some("pw")),
        ("will_topic", None),
        ("17", None),
    ] {
        assert_eq!(value(&packet, name).as_deref(), wanted, "{name}");
    }
    assert_eq!(
        is_valid(&connect_packet("MQIsdp", 3, 2, &string(b"c"))),
        Some(true)
    );
}

#[test]
fn properties_of_connection_and_will_are_read() {
    let own = [&b"\x11\0\0\x01\0\x15"[..], &string(b"meth")].concat();
    let will = b"\x18\0\0\0\x05\x01\x01";
    let rest = [
        &[12][..],
        &own,
        &string(b"cid5"),
        &[7],
        will,
        &string(b"top"),
        &string(b"pay"),
        &string(b"u"),
        &string(b"p"),
    ]
    .concat();
    let packet = connect_packet("MQTT", 5, 0xc6, &rest);
    assert_eq!(is_valid(&packet), Some(true));
    for (name, wanted) in [
        ("17", Some("256")),
        ("21", Some("meth")),
        ("24", Some("5")),
        ("1", Some("1")),
        // Not said: a number is 0, as in the reference.
        ("33", Some("0")),
        ("22", None),
        ("will_topic", Some("top")),
        ("will_payload", Some("pay")),
    ] {
        assert_eq!(value(&packet, name).as_deref(), wanted, "{name}");
    }
}

#[test]
fn an_answer_is_read() {
    let older = packet(0x20, &[1, 5]);
    assert_eq!(value(&older, "reason_code").as_deref(), Some("5"));
    assert_eq!(value(&older, "flags").as_deref(), Some("1"));
    let newer = packet(0x20, &[0, 0, 3, 33, 0, 10]);
    assert_eq!(value(&newer, "33").as_deref(), Some("10"));
    assert_eq!(value(&newer, "protocol_version").as_deref(), Some("5"));
}

#[test]
fn what_is_malformed_is_invalid_and_what_is_short_is_not_known_yet() {
    let whole = connect_packet("MQTT", 4, 2, &string(b"cid"));
    for len in 0..whole.len() {
        assert_eq!(is_valid(&whole[..len]), None, "{len} bytes");
    }
    assert_eq!(is_valid(&[&whole[..], b"more"].concat()), Some(true));
    let twice = [&[10][..], b"\x11\0\0\x01\0\x11\0\0\x01\0", &string(b"")].concat();
    for bad in [
        connect_packet("MQTX", 4, 2, &string(b"cid")),
        connect_packet("MQTT", 6, 2, &string(b"cid")),
        connect_packet("MQTT", 4, 3, &string(b"cid")),
        connect_packet("MQTT", 4, 2, &[&string(b"cid")[..], b"x"].concat()),
        connect_packet("MQTT", 5, 2, &twice),
        packet(0x12, b""),
        packet(0x20, &[2, 0]),
        packet(0x30, b"publish"),
        b"\x10\xff\xff\xff\xff\x01".to_vec(),
        b"GET / HTTP/1.1\r\n".to_vec(),
    ] {
        assert_eq!(is_valid(&bad), Some(false), "{bad:?}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let packet = connect_packet("MQTT", 5, 0xc6, &[0; 40]);
    for at in 0..packet.len() {
        for byte in 0..=255 {
            let mut changed = packet.clone();
            changed[at] = byte;
            let _ = (is_valid(&changed), value(&changed[..at], "flags"));
        }
    }
}
