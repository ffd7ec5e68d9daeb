//! `lbd demo --check`: proves that traffic is shared and that a killed server costs no request.
//!
//! It prints what it saw, and the verdict.

use std::io;
use std::time::Duration;

use super::client::{self, Tally};
use super::{Demo, NAMES};

/// Connections of the client.
const CONNECTIONS: usize = 6;
/// Requests on each connection in each round.
const EACH: usize = 50;
/// Pause between two requests of a connection: a round takes about half a second.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs the proof; whether everything held.
pub(super) fn run(mut demo: Demo) -> io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let address = demo.address;
    let total = CONNECTIONS * EACH;

    println!("1. {total} requests through {address} to three servers");
    let tally = runtime.block_on(client::send(address, CONNECTIONS, EACH, PAUSE));
    print_tally(&tally);
    let fair = total as u64 / NAMES.len() as u64;
    let is_shared = NAMES.iter().all(|name| {
        tally
            .by_server
            .get(*name)
            .is_some_and(|count| count.abs_diff(fair) <= fair / 5)
    });
    let first = tally.failures() == 0 && is_shared;
    verdict(first, "every server had its share, no request failed");

    println!("2. {total} requests more; web2 is killed in the middle");
    let victim = &mut demo.sites[1];
    let tally = runtime.block_on(async {
        let traffic = client::send(address, CONNECTIONS, EACH, PAUSE);
        let kill = async {
            tokio::time::sleep(PAUSE * lbd_core::bits::count32(EACH) / 4).await;
            // Ends a thread: short, and the traffic goes on in the balancer meanwhile.
            victim.kill();
        };
        tokio::join!(traffic, kill).0
    });
    print_tally(&tally);
    let second = tally.failures() == 0;
    verdict(second, "the killed server cost no request");

    println!("3. {total} requests more, with two servers left");
    let tally = runtime.block_on(client::send(address, CONNECTIONS, EACH, PAUSE));
    print_tally(&tally);
    let third = tally.failures() == 0 && !tally.by_server.contains_key("web2");
    verdict(third, "the dead server got nothing, no request failed");

    demo.stop();
    let is_good = first && second && third;
    println!(
        "{}",
        if is_good {
            "all held"
        } else {
            "NOT everything held"
        }
    );
    Ok(is_good)
}

fn print_tally(tally: &Tally) {
    for (server, count) in &tally.by_server {
        println!("     {server:<6} {count}");
    }
    for (reason, count) in &tally.failed {
        println!("     failed {count}: {reason}");
    }
}

fn verdict(is_good: bool, text: &str) {
    println!("   {} {text}", if is_good { "ok:" } else { "FAILED:" });
}
