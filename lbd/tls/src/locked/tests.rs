//! Keys made by OpenSSL with the passphrase `secret`.

use super::{is_locked, unlock};
use crate::pem;

const CLEAR: &str = "\
-----BEGIN EC PRIVATE KEY-----\n\
MHcCAQEEIKLkSwguab53Yll+eybjsCXdbxsp/fuCe8T7qyyrMS/poAoGCCqGSM49\n\
AwEHoUQDQgAE4oQ7lXsaLkqouAqgbmfhQhy0Vx4GDBw+qIFhY+u7D6YduQf5yJ9l\n\
MB/SIOzyaatmgtHS6Iv2K+nn5e4Jv7rg2g==\n\
-----END EC PRIVATE KEY-----\n";
const NEW: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgQG5t7EULn0QICCAAw\n\
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEACNafkx2Kh8OyBjxYL7ecEgZBb\n\
gnn3lRXbnJAUXvqYh473OzVpJR3AsWWd/JvZHNZL6YIjuR5givdiXUMPprB72JLd\n\
4w38B5WxpoETmHxeWB+sqFcCWZQlsB9G7elSDyBGf0uWoRHllKcABYVNLRXUdk5w\n\
3wyMjR7cyKoxADFfpIyYCH4tzojD3RXIMoij1gPSXHuXZER1YKMCw8ztvpCUWPA=\n\
-----END ENCRYPTED PRIVATE KEY-----\n";
const AES128: &str = "\
-----BEGIN EC PRIVATE KEY-----\n\
Proc-Type: 4,ENCRYPTED\n\
DEK-Info: AES-128-CBC,D9D91E000AC67D1718A46C425B7FFE9B\n\
\n\
R138fmCxrijE/Ud9vgZ6XBAckQhlgFMQLBWfin18AHx2N5sn8iy5AIOa/NOgB66P\n\
ft3D+g4kwoZpfSs+1wUf8OAy/d603f/LCERALbP4c/stL2ecRqXr91TOdVoHgBmK\n\
YysaGbog0fPXk/zh8BKWnMu9I2nq/jp9S33tUJmnUdk=\n\
-----END EC PRIVATE KEY-----\n";
const AES192: &str = "\
-----BEGIN EC PRIVATE KEY-----\n\
Proc-Type: 4,ENCRYPTED\n\
DEK-Info: AES-192-CBC,B52844282CA8953874D838A25DDA2B1F\n\
\n\
0ccVCI6uhuo6RgVDV6MgCJnzoYYR5yQMD+wb0PSkODB4drFFPe4pTklIz5NSQKCA\n\
iuHbF9gwTJlHs6NpWUOTA61HsMKKZvnkVtLHE63nbJw+CHQbIy0/oJ25g6F80Zok\n\
JsjGTMv2KqUJ7fWysYPjTDub6roO0TrTK8eDmheU89A=\n\
-----END EC PRIVATE KEY-----\n";
const AES256: &str = "\
-----BEGIN EC PRIVATE KEY-----\n\
Proc-Type: 4,ENCRYPTED\n\
DEK-Info: AES-256-CBC,635D2935122606221D7FA2C2A611F456\n\
\n\
LSlJCct1hlmf+iUFeUYotgTztyhpM4T/QZ4ZSNndhXDv37GjewX6J0P8bNWobs/d\n\
D1Nd4nhO5Re+PkFjgJnIEAi4UnRgH6QUV/TLRPaVXNHzVXSIhGVNtWj/Pxn1impd\n\
Hc+uNypdxOF+PIyZhEas1QoksF5E3iPpPihjGN3HS/c=\n\
-----END EC PRIVATE KEY-----\n";

fn key(text: &[u8]) -> Vec<u8> {
    let found = pem::sections(text).expect("a text");
    found.key.expect("a key").secret_der().to_vec()
}

#[test]
fn the_older_form_gives_the_key_that_went_in() {
    let clear = key(CLEAR.as_bytes());
    for locked in [AES128, AES192, AES256] {
        assert!(is_locked(locked.as_bytes()));
        let opened = unlock(locked.as_bytes(), b"secret").expect("the passphrase");
        assert_eq!(key(&opened), clear);
    }
}

#[test]
fn the_newer_form_gives_a_key_and_what_stands_around_it_stays() {
    let around = format!("# before\n{NEW}# after\n");
    let opened = unlock(around.as_bytes(), b"secret").expect("the passphrase");
    let text = String::from_utf8(opened).expect("a text");
    assert!(
        text.starts_with("# before\n-----BEGIN PRIVATE KEY-----\n"),
        "{text}"
    );
    assert!(
        text.ends_with("-----END PRIVATE KEY-----\n# after\n"),
        "{text}"
    );
    let inner = key(CLEAR.as_bytes());
    // PKCS #8 holds the key's own form without its parameters; the secret number is in both.
    let secret = &inner[7..39];
    assert!(
        key(text.as_bytes())
            .windows(32)
            .any(|window| window == secret)
    );
}

#[test]
fn another_passphrase_opens_nothing() {
    for locked in [NEW, AES128, AES192, AES256] {
        assert_eq!(unlock(locked.as_bytes(), b"wrong"), None);
        assert_eq!(unlock(locked.as_bytes(), b""), None);
    }
}

#[test]
fn damaged_texts_open_nothing() {
    for locked in [NEW, AES256] {
        for cut in 0..locked.trim_end().len() {
            let text = &locked[..cut];
            if is_locked(text.as_bytes()) {
                assert_eq!(unlock(text.as_bytes(), b"secret"), None, "{text}");
            }
        }
    }
    let other = AES256.replace("AES-256-CBC", "DES-EDE3-CBC");
    assert_eq!(unlock(other.as_bytes(), b"secret"), None);
}

#[test]
fn a_clear_text_is_left_as_it_is() {
    assert!(!is_locked(CLEAR.as_bytes()));
    assert_eq!(
        unlock(CLEAR.as_bytes(), b"secret"),
        Some(CLEAR.as_bytes().to_vec())
    );
}
