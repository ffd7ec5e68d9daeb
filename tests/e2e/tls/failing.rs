//! Handshakes that fail, each in its way: what the log and rules may say of it, in our words and
//! in the reference's.
//!
//! Where the programs differ a row has both, and why.

mod from_clients;
mod to_servers;

use std::fmt::Write as _;

use super::*;

/// One way to fail.
struct Way {
    name: &'static str,
    /// What lbd says.
    says: &'static str,
    /// What HAProxy 3.4 says, where that is something else.
    reference: Option<&'static str>,
}

/// A way of which both programs say the same.
const fn same(name: &'static str, says: &'static str) -> Way {
    Way {
        name,
        says,
        reference: None,
    }
}

/// A way of which the reference says something else.
const fn differs(name: &'static str, says: &'static str, reference: &'static str) -> Way {
    Way {
        name,
        says,
        reference: Some(reference),
    }
}

/// Runs all ways on lbd, and on the reference where it is 3.4; all differences at once.
fn compare(ways: &[Way], run: impl Fn(&Program, &str) -> String) {
    let mut faults = String::new();
    let is_current = !support::program::haproxy_is_old();
    for way in ways {
        let said = run(&Program::Lbd, way.name);
        if said != way.says {
            let _ = writeln!(
                faults,
                "{}:\n  lbd       {said}\n  expected  {}",
                way.name, way.says
            );
        }
        let expected = way.reference.unwrap_or(way.says);
        if !is_current {
            continue;
        }
        let said = run(&Program::Haproxy, way.name);
        if said != expected {
            let _ = writeln!(
                faults,
                "{}:\n  reference {said}\n  expected  {expected}",
                way.name
            );
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// Starts OpenSSL's client and waits for its end.
fn s_client(address: &support::stream::Address, words: &[&str]) {
    let output = std::process::Command::new("timeout")
        .args(["60", "openssl", "s_client", "-connect"])
        .arg(address.to_string())
        .args(words)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("openssl can be started");
    assert_ne!(output.status.code(), Some(124), "{words:?} does not end");
}
