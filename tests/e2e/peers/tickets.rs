//! A client of one node resumes on the other, without a file of keys, where and only where the nodes
//! have verified each other.

use std::io::Write;
use std::process::{Command, Stdio};

use super::secure::{MUTUAL, Pki, text};
use super::*;

/// What `openssl s_client` says of one request by HTTP/1.0, with a session that it keeps in `file` or
/// has from there.
fn s_client(address: &str, version: &str, session: (&str, &Path)) -> String {
    let mut client = Command::new("openssl");
    client.args([
        "s_client", "-connect", address, "-ign_eof", version, session.0,
    ]);
    client.arg(session.1);
    client
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut client = client.spawn().expect("openssl");
    let mut input = client.stdin.take().expect("its input");
    input
        .write_all(b"GET / HTTP/1.0\r\n\r\n")
        .expect("it reads");
    let said = client.wait_with_output().expect("it ends").stdout;
    String::from_utf8_lossy(&said).into_owned()
}

const FRONT: &str = "defaults\n    mode http\n    timeout client 10s\n    timeout connect 1s\n    \
                     timeout server 1s\nfrontend one\n    bind <one> ssl crt peer.pem\n    \
                     http-request return status 200\nfrontend two\n    bind <two> ssl crt peer.pem \
                     ca-file ca.pem verify optional\n    http-request return status 200\n";

fn node_with(pki: &Pki, name: &str, ports: &[(&str, u16)], options: &str, front: &str) -> Proxy {
    let builder = Proxy::of(Program::Lbd, text(name, ports, options, "") + front)
        .args(&["-db", "-L", name])
        .listener("one")
        .listener("two");
    pki.files(builder).start()
}

/// Whether a session of the first node is resumed at the second, by their listeners.
fn resumes(first: (&Proxy, &str), second: (&Proxy, &str), version: &str) -> bool {
    let file = first.0.directory().join("session");
    let at = |(proxy, listener): (&Proxy, &str)| proxy.address(listener).to_string();
    let said = s_client(&at(first), version, ("-sess_out", &file));
    assert!(said.contains("\nNew, TLSv1."), "{said}");
    let said = s_client(&at(second), version, ("-sess_in", &file));
    let is_new = said.contains("\nNew, TLSv1.");
    assert!(is_new != said.contains("\nReused, TLSv1."), "{said}");
    !is_new
}

#[test]
fn a_client_of_one_node_resumes_on_the_other() {
    let pki = Pki::new();
    let ports = [("A", free_port()), ("B", free_port())];
    let a = node_with(&pki, "A", &ports, MUTUAL, FRONT);
    let b = node_with(&pki, "B", &ports, MUTUAL, FRONT);
    connected(&a, 1);
    connected(&b, 1);
    eventually("tickets of A are good on B", PATIENCE, || {
        resumes((&a, "one"), (&b, "one"), "-tls1_3")
    });
    for version in ["-tls1_2", "-tls1_3"] {
        for listener in ["one", "two"] {
            let (ours, theirs) = ((&a, listener), (&b, listener));
            assert!(resumes(ours, theirs, version), "{version} {listener}");
            assert!(resumes(theirs, ours, version), "{version} {listener}");
        }
        // Another line may ask more of clients.
        assert!(!resumes((&a, "one"), (&b, "two"), version), "{version}");
        assert!(!resumes((&a, "one"), (&a, "two"), version), "{version}");
    }
    let shown = b.runtime("show cluster");
    assert!(
        shown.contains("tls-keys: (secret) (by a rotation on "),
        "{shown}"
    );
    // Who starts again comes back to the same ones, and so does a new configuration.
    drop(a);
    let a = node_with(&pki, "A", &ports, MUTUAL, FRONT);
    connected(&a, 1);
    eventually("tickets of B are good on the new A", PATIENCE, || {
        resumes((&b, "one"), (&a, "one"), "-tls1_3")
    });
    let answer = b.runtime("reload");
    assert!(
        answer.contains("Success=1") || !answer.contains("ALERT"),
        "{answer}"
    );
    assert!(resumes((&a, "one"), (&b, "one"), "-tls1_3"));
}

#[test]
fn where_nodes_have_not_verified_each_other_no_secrets_are_shared() {
    let pki = Pki::new();
    let ports = [("A", free_port()), ("B", free_port())];
    let options = "ssl crt peer.pem verify none";
    let a = node_with(&pki, "A", &ports, options, FRONT);
    let b = node_with(&pki, "B", &ports, options, FRONT);
    connected(&a, 1);
    connected(&b, 1);
    // Both have made up their own by now, or do so later: none of them gets over.
    for proxy in [&a, &b] {
        eventually("it has secrets", PATIENCE, || {
            proxy.runtime("show cluster").contains("tls-keys")
        });
    }
    a.runtime("set table P/t key later data.gpc0 7");
    eventually("a later word has come", PATIENCE, || used(&b, "P/t") == 1);
    assert!(!resumes((&a, "one"), (&b, "one"), "-tls1_3"));
    assert!(resumes((&a, "one"), (&a, "one"), "-tls1_3"));
}

/// Who verifies clients otherwise gives and takes other tickets.
#[test]
fn lines_that_verify_clients_otherwise_share_no_tickets() {
    let pki = Pki::new();
    let ports = [("A", free_port()), ("B", free_port())];
    let a = node_with(&pki, "A", &ports, MUTUAL, FRONT);
    let strict = FRONT.replace(
        "bind <one> ssl crt peer.pem\n",
        "bind <one> ssl crt peer.pem ca-file ca.pem verify optional\n",
    );
    let b = node_with(&pki, "B", &ports, MUTUAL, &strict);
    connected(&a, 1);
    connected(&b, 1);
    eventually("they share", PATIENCE, || {
        resumes((&a, "two"), (&b, "two"), "-tls1_3")
    });
    assert!(!resumes((&a, "one"), (&b, "one"), "-tls1_3"));
    assert!(!resumes((&b, "one"), (&a, "one"), "-tls1_3"));
}
