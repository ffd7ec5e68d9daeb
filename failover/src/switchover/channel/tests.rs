use std::time::Duration;

use vrrp_proto::handover::{Message, Refusal};

use super::{decode, encode, sign, verify};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

#[test]
fn every_message_survives_the_way() {
    let id = 7;
    let drain = Duration::from_secs(30);
    let why = Refusal::Unhealthy;
    for message in [
        Message::Able { id },
        Message::Abort { id },
        Message::Ask { id, drain },
        Message::Drained { id },
        Message::Go { id },
        Message::Probe { id },
        Message::Ready { id },
        Message::Refuse { id, why },
        Message::Released { id },
        Message::Taken { id },
    ] {
        let line = sign(SECRET, &encode("V", message, 99));
        let text = verify(SECRET, line.trim_end()).unwrap();
        assert_eq!(decode(text), Some(("V".to_owned(), message, 99)));
    }
}

#[test]
fn a_line_without_the_secret_or_changed_on_the_way_proves_nothing() {
    let line = sign(SECRET, &encode("V", Message::Go { id: 1 }, 5));
    assert!(verify(b"another secret of thirty-two byte", line.trim_end()).is_none());
    assert!(
        verify(
            SECRET,
            line.trim_end().replace("\"id\":1", "\"id\":2").as_str()
        )
        .is_none()
    );
    for broken in ["", " ", "00 {}", "zz", "\u{e9}\u{e9} {}"] {
        assert!(verify(SECRET, broken).is_none());
    }
}
