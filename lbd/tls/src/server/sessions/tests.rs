use super::*;

#[test]
fn names_beyond_the_limit_push_out_what_was_not_used_for_longest() {
    let sessions = Sessions::new(2, 4);
    let name = |text: &str| ServerName::try_from(text.to_owned()).expect("a name");
    for text in ["a.test", "b.test"] {
        sessions.set_kx_hint(name(text), NamedGroup::X25519);
    }
    assert_eq!(sessions.kx_hint(&name("a.test")), Some(NamedGroup::X25519));
    sessions.set_kx_hint(name("c.test"), NamedGroup::secp256r1);
    assert_eq!(sessions.kx_hint(&name("b.test")), None);
    assert!(sessions.kx_hint(&name("a.test")).is_some());
    assert!(sessions.tls12_session(&name("a.test")).is_none());
    assert!(sessions.take_tls13_ticket(&name("a.test")).is_none());
}
