//! Reloads under load: nothing fails, nothing stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::*;

/// Reloads of one run.
const RELOADS: usize = 60;

#[test]
fn no_request_fails_while_the_configuration_changes() {
    let origin = Origin::http("s1");
    let proxy = Arc::new(start(&simple("0"), &origin));
    let is_over = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    let mut threads = Vec::new();
    for at in 0..6 {
        let (proxy, is_over, count) =
            (Arc::clone(&proxy), Arc::clone(&is_over), Arc::clone(&count));
        threads.push(thread::spawn(move || {
            let connect = || Client::connect(proxy.address("front"));
            let mut kept = (at % 2 == 0).then(connect);
            while !is_over.load(Ordering::Relaxed) {
                let answer = match &mut kept {
                    Some(kept) => kept.get("/kept"),
                    None => Client::fetch(proxy.address("front"), "/new"),
                };
                assert_eq!(answer.status, 200);
                count.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for turn in 0..RELOADS {
        let more = match turn % 3 {
            0 => "",
            1 => "    bind <dir>/other.sock\n",
            _ => "    acl never path /never\n",
        };
        let text = simple(&turn.to_string())
            .replace("    default_backend", &format!("{more}    default_backend"));
        reload(&proxy, &text);
    }
    is_over.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("no request failed");
    }
    let requests = count.load(Ordering::Relaxed).to_string();
    counts(&proxy, ("web", "FRONTEND"), "req_tot", &requests);
    counts(&proxy, ("app", "BACKEND"), "econ", "0");
    eventually("all is given back", || {
        stat(&proxy, ("web", "FRONTEND"), "scur") == "0"
    });
}

#[test]
fn orders_in_the_middle_of_reloads_reach_their_server() {
    let origin = Origin::http("s1");
    let text = |servers: &[&str]| {
        let mut text =
            format!("{HEAD}frontend web\n    bind <front>\n    default_backend app\nbackend app\n");
        for server in servers {
            text.push_str(&format!("    server {server} <s1>\n"));
        }
        text
    };
    let orders: [&[&str]; 2] = [&["a", "b", "c"], &["c", "b", "a"]];
    let proxy = Arc::new(start(&text(orders[0]), &origin));
    let is_over = Arc::new(AtomicBool::new(false));
    let setting = {
        let (proxy, is_over) = (Arc::clone(&proxy), Arc::clone(&is_over));
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                for weight in [5, 9] {
                    let told = proxy.runtime(&format!("set server app/a weight {weight}"));
                    assert_eq!(told.trim(), "");
                }
            }
        })
    };
    for turn in 1..40 {
        reload(&proxy, &text(orders[turn % 2]));
        for other in ["b", "c"] {
            assert_eq!(stat(&proxy, ("app", other), "weight"), "1", "turn {turn}");
        }
    }
    is_over.store(true, Ordering::Relaxed);
    setting.join().expect("every order was taken");
    assert_eq!(stat(&proxy, ("app", "a"), "weight"), "9");
}

#[test]
fn several_orders_at_once_are_served_by_few_reloads() {
    let origin = Origin::http("s1");
    let proxy = Arc::new(start(&simple("one"), &origin));
    let told: Vec<_> = (0..10)
        .map(|_| {
            let proxy = Arc::clone(&proxy);
            thread::spawn(move || proxy.runtime("reload"))
        })
        .collect();
    for told in told {
        let told = told.join().expect("an answer");
        assert!(told.starts_with("Success=1"), "{told}");
    }
}
