//! `rq-load`: a worker with much to do offers fewer streams to new clients.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::frames::*;
use super::*;

const CONFIG: &str = "
frontend fe
    bind <fe> proto h2
    http-request return status 200
";

const GLOBAL: &str = "global
    nbthread 1
    tune.runqueue-depth 4
    tune.h2.fe.max-concurrent-streams 100 <load>
";

/// The setting of streams at once (RFC 9113 6.5.2).
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// Streams that a connection is offered.
fn offer(peer: &mut Peer) -> u32 {
    while let Some(frame) = peer.frame() {
        if frame.kind != SETTINGS || frame.flags != 0 {
            continue;
        }
        for setting in frame.payload.chunks(6) {
            if let [k0, k1, v0, v1, v2, v3] = *setting
                && u16::from_be_bytes([k0, k1]) == MAX_CONCURRENT_STREAMS
            {
                return u32::from_be_bytes([v0, v1, v2, v3]);
            }
        }
    }
    panic!("no settings");
}

/// Waits until a signal has stopped a process.
fn wait_stopped(pid: u32) {
    support::eventually("the process stops", Duration::from_secs(10), || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| stat.contains(") T "))
    });
}

/// What a client is offered that comes when others have asked for much, and what becomes of more
/// streams than that. One that comes when nothing is left to do is offered all.
fn offered(program: &Program, load: &str) -> (u32, usize) {
    let log = SyslogSink::udp();
    let top = TOP.replacen("global\n", GLOBAL, 1);
    let proxy = Proxy::of(program.clone(), format!("{top}{CONFIG}"))
        .with("log", log.address())
        .with("load", load)
        .listener("fe")
        .start();
    let mut others: Vec<Peer> = (0..30)
        .map(|_| {
            let mut peer = Peer::connect(proxy.address("fe"));
            peer.answers();
            peer
        })
        .collect();
    // All of it is there when the process goes on.
    proxy.signal(Signal::SIGSTOP);
    wait_stopped(proxy.pid());
    for peer in &mut others {
        peer.together(|peer| (0..10).for_each(|n| peer.get(1 + 2 * n, "/")));
    }
    let mut new = Peer::connect(proxy.address("fe"));
    proxy.signal(Signal::SIGCONT);
    let busy = offer(&mut new);
    new.together(|peer| (0..10).for_each(|n| peer.request(1 + 2 * n, false, &post("/"))));
    let said = new.answers();
    let refused = said
        .iter()
        .filter(|text| text.starts_with("RST_STREAM") && text.ends_with(" 7"));
    let refused = refused.count();
    for peer in &mut others {
        peer.stream(19);
    }
    // The reference remembers the load until it has had a turn without.
    support::eventually("all streams again", Duration::from_secs(10), || {
        offer(&mut Peer::connect(proxy.address("fe"))) == 100
    });
    (busy, refused)
}

#[test]
fn a_busy_worker_offers_new_clients_fewer_streams() {
    for program in BOTH {
        if program == Program::Haproxy && !is_reference_current() {
            continue;
        }
        for (load, expected) in [
            ("rq-load 4 min 2", (2, 8)),
            ("rq-load 4", (1, 9)),
            ("rq-load ignore min 2", (100, 0)),
            ("rq-load auto min 2", (2, 8)),
            ("rq-load 5000", (100, 0)),
        ] {
            assert_eq!(offered(&program, load), expected, "{program:?} {load}");
        }
    }
}
