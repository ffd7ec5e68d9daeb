//! The balancer's health decides: its death, its hang, its backends.

use std::path::Path;

use nix::sys::signal::Signal;
use support::netns::{Daemon, Lan};
use support::program;

use crate::setup::{Kind, eventually, instance, owned_by, start};

/// lbd within a node, with the link where `track` says.
fn lbd(lan: &Lan, node: &str, config: &str, more: &[&str]) -> Daemon {
    let file = lan.temp().write(format!("{node}.cfg"), config);
    let link = format!("LBD_FAILOVER_SOCKET={}", socket(lan, node));
    let words = [
        link.as_str(),
        program::lbd().to_str().expect("a path of cargo's"),
        "-db",
        "-f",
        file.to_str().expect("a path of the tests' own"),
    ];
    let words: Vec<&str> = words.into_iter().chain(more.iter().copied()).collect();
    lan.spawn(node, Path::new("env"), &words)
}

fn socket(lan: &Lan, node: &str) -> String {
    lan.temp()
        .path()
        .join(format!("{node}.link"))
        .display()
        .to_string()
}

/// Tracks the balancer of a node; `more` are lines of `track_balancer`.
fn tracking(lan: &Lan, node: &str, priority: u8, more: &str) -> String {
    format!(
        "track_balancer lbd {{\n socket {}\n {more}\n}}\n{}",
        socket(lan, node),
        instance(3, priority, "track_balancer {\n lbd\n }")
    )
}

const PROXY: &str = "defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
frontend web
    bind :8080
    default_backend app
backend app
    server s1 127.0.0.1:1 check inter 100ms fall 1 rise 1
backend always
    server s1 127.0.0.1:1
";

#[test]
fn a_killed_balancer_gives_the_address_up_at_once() {
    let lan = Lan::new(&["a", "b"]);
    let balancer = lbd(&lan, "a", PROXY, &[]);
    let a = start(&lan, "a", Kind::Lbd, &tracking(&lan, "a", 150, ""));
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    balancer.signal(Signal::SIGKILL);
    owned_by(&lan, "b");
    assert!(
        a.log().contains("balancer lbd is lost: its link closed"),
        "{}",
        a.log()
    );
    drop(balancer);
    let _balancer = lbd(&lan, "a", PROXY, &[]);
    owned_by(&lan, "a");
}

#[test]
fn a_hung_balancer_is_noticed_and_its_return_too() {
    let lan = Lan::new(&["a", "b"]);
    let balancer = lbd(&lan, "a", PROXY, &[]);
    let a = start(&lan, "a", Kind::Lbd, &tracking(&lan, "a", 150, ""));
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    balancer.signal(Signal::SIGSTOP);
    owned_by(&lan, "b");
    assert!(
        a.log().contains("balancer lbd is lost: it hangs"),
        "{}",
        a.log()
    );
    balancer.signal(Signal::SIGCONT);
    owned_by(&lan, "a");
}

#[test]
fn a_backend_without_a_server_offers_the_address_but_never_leaves_it_without_an_owner() {
    let lan = Lan::new(&["a", "b"]);
    let _one = lbd(&lan, "a", PROXY, &[]);
    let a = start(
        &lan,
        "a",
        Kind::Lbd,
        &tracking(&lan, "a", 150, "backend app"),
    );
    eventually("the condition fails", || {
        a.log().contains("backend app is down")
    });
    // Nobody else is there: it keeps the address.
    owned_by(&lan, "a");
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "b");
}

#[test]
fn a_balancer_that_another_one_replaces_is_no_loss() {
    let lan = Lan::new(&["a"]);
    let mut old = lbd(&lan, "a", PROXY, &[]);
    let a = start(&lan, "a", Kind::Lbd, &tracking(&lan, "a", 150, ""));
    owned_by(&lan, "a");
    let pid = old.pid().to_string();
    let _new = lbd(&lan, "a", PROXY, &["-sf", &pid]);
    old.wait();
    eventually("it is followed", || {
        a.log().contains("another process goes on")
    });
    owned_by(&lan, "a");
    assert!(!a.log().contains("MASTER ->"), "{}", a.log());
}
