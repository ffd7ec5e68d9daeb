use super::*;
use crate::host::MemoryHost;

fn hidden(text: &str) -> String {
    let host = MemoryHost::default();
    let sources = Sources::from_text("t.cfg", text);
    let form = Form {
        key: 1,
        is_numbered: false,
    };
    dump(&sources, &Environment::new(&host), form)
}

#[test]
fn forms_are_read_as_the_reference_reads_them() {
    let form = |key, is_numbered| Form { key, is_numbered };
    assert_eq!(Form::parse(""), form(0, false));
    assert_eq!(Form::parse("12"), form(12, false));
    assert_eq!(Form::parse("12,line"), form(12, true));
    assert_eq!(Form::parse(",line"), form(0, true));
    assert_eq!(Form::parse("word"), form(0, false));
    assert_eq!(Form::parse("99999999999"), form(0, false));
}

#[test]
fn values_of_the_environment_are_hidden_with_a_key() {
    // The reference shows them.
    let text = hidden("global\n setenv PASS secret\n presetenv X y\n");
    assert_eq!(text, "global\n\tsetenv PASS [...]\n\tpresetenv X [...]\n");
}

#[test]
fn addresses_are_hashed_by_their_host() {
    // Hashes of HAProxy 3.4 for the key 1.
    for (address, wanted) in [
        ("10.0.0.1:80", "IPV4(1ba4ee):80"),
        ("10.0.0.1:+80", "IPV4(1ba4ee):80"),
        ("10.0.0.1:80-90", "IPV4(1ba4ee):80"),
        ("10.0.0.1", "IPV4(1ba4ee)"),
        ("ipv4@10.0.0.1:80", "IPV4(1ba4ee):80"),
        ("ipv6@::2:80", "IPV6(5044a8):80"),
        ("[::]:443", "IPV6(4593b9):443"),
        ("example.com:80", "699173"),
        ("/tmp/a", "205121"),
        ("unix@/tmp/a", "a4a06d"),
        ("10.0.0.1:80,10.0.0.2:81", "139fdb"),
        ("127.5.0.1:443", "127.5.0.1:443"),
        ("[::1]:80", "[::1]:80"),
        ("0.0.0.0:1-5", "0.0.0.0:1-5"),
        ("localhost:80", "localhost:80"),
        (":443", ":443"),
        ("*:443", "*:443"),
        ("fd@3", "fd@3"),
    ] {
        let text = hidden(&format!(" bind {address}\n"));
        assert_eq!(text.trim(), format!("bind {wanted}"), "{address}");
    }
}

#[test]
fn a_line_that_cannot_be_read_is_left_out() {
    assert_eq!(
        hidden("global\n maxconn \"1\n quiet\n"),
        "global\n\tquiet \n"
    );
}
