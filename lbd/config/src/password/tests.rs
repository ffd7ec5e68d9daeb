use super::*;

#[test]
fn hashes_of_crypt_are_checked() {
    // Made by `openssl passwd -1 -5 -6`.
    for hash in [
        "$1$saltsalt$9xy1btjgzLYfb7hivXtC//",
        "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
        "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
    ] {
        assert!(is_supported(hash), "{hash}");
        assert!(verify(b"secret", hash), "{hash}");
        assert!(!verify(b"Secret", hash), "{hash}");
    }
    let hash = pwhash::bcrypt::hash_with(
        pwhash::bcrypt::BcryptSetup {
            cost: Some(4),
            ..pwhash::bcrypt::BcryptSetup::default()
        },
        "secret",
    )
    .unwrap();
    assert!(is_supported(&hash), "{hash}");
    assert!(verify(b"secret", &hash));
}

#[test]
fn other_texts_are_no_hashes() {
    for text in [
        "",
        "secret",
        "$9$salt$hash",
        "$6$",
        "$6$salt",
        "$1$salt$",
        "ab12cd34ef56g",
    ] {
        assert!(!is_supported(text), "{text}");
        assert!(!verify(b"secret", text), "{text}");
    }
}

#[test]
fn clear_passwords_are_the_same_only_when_equal() {
    assert!(same(b"secret", b"secret"));
    assert!(same(b"", b""));
    assert!(!same(b"secret", b"secre"));
    assert!(!same(b"secre", b"secret"));
    assert!(!same(b"", b"x"));
    assert!(!same(b"x", b""));
}
