use super::*;

fn change() -> Vec<Change> {
    vec![
        Change::ProxyGone("web".into()),
        Change::ServerGone {
            backend: "app".into(),
            server: "s1".into(),
        },
        Change::ServerMoved {
            backend: "app".into(),
            server: "s2".into(),
        },
        Change::TableDropped {
            name: "seen".into(),
            entries: 7,
        },
    ]
}

#[test]
fn changes_are_told_in_sentences() {
    let told: Vec<String> = change().iter().map(Change::to_string).collect();
    assert_eq!(
        told,
        [
            "proxy web is gone",
            "server app/s1 is gone",
            "server app/s2 has another address: its health starts over",
            "table seen is gone or stores something else: 7 entries are dropped",
        ]
    );
}
