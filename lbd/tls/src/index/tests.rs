use super::*;

const BOTH: Abilities = Abilities {
    ecdsa: true,
    rsa: true,
};
const RSA: Abilities = Abilities {
    ecdsa: false,
    rsa: true,
};

#[test]
fn exact_names_come_before_wildcards_of_one_label() {
    let mut index = Index::default();
    index.add("*.example.com", 0, KeyKind::Rsa);
    index.add("www.example.com", 1, KeyKind::Rsa);
    assert_eq!(index.find("WWW.example.com", BOTH), Some(1));
    assert_eq!(index.find("a.example.com", BOTH), Some(0));
    assert_eq!(index.find("a.b.example.com", BOTH), None);
    assert_eq!(index.find("example.com", BOTH), None);
    assert_eq!(index.find("", BOTH), None);
    assert_eq!(index.fallback(BOTH), None);
}

#[test]
fn excluded_names_are_left_to_others() {
    let mut index = Index::default();
    index.add("*.example.com", 0, KeyKind::Rsa);
    index.add("!secret.example.com", 0, KeyKind::Rsa);
    index.add("*", 1, KeyKind::Rsa);
    assert_eq!(index.find("secret.example.com", BOTH), None);
    assert_eq!(index.fallback(BOTH), Some(1));
}

#[test]
fn the_key_follows_what_the_client_verifies() {
    let mut index = Index::default();
    index.add("a.test", 0, KeyKind::Rsa);
    index.add("a.test", 1, KeyKind::Ecdsa);
    index.add("b.test", 1, KeyKind::Ecdsa);
    assert_eq!(index.find("a.test", BOTH), Some(1));
    assert_eq!(index.find("a.test", RSA), Some(0));
    assert_eq!(index.find("b.test", RSA), Some(1), "better than nothing");
}
