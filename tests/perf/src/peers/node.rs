//! One node of a pair under load, and what is asked of its runtime API.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use support::proxy::Program;
use support::{Proxy, free_port};

/// Ports of the peers of a pair, and of a third one that only sends.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) a: u16,
    pub(super) b: u16,
    pub(super) x: u16,
}

impl Ports {
    pub(super) fn new() -> Self {
        Self {
            a: free_port(),
            b: free_port(),
            x: free_port(),
        }
    }
}

/// What a node is made of.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) store: &'static str,
    pub(super) rules: &'static str,
    /// The table is shared.
    pub(super) has_peers: bool,
    /// A third peer is in the section.
    pub(super) has_third: bool,
}

pub(super) const STORE: &str = "gpc0,conn_rate(30s),http_req_rate(10s)";

pub(super) const ONE: &str = "    http-request track-sc0 req.hdr(x-k) table t1\n    http-request \
                              sc-inc-gpc0(0)\n";

pub(super) const THREE: &str = "    http-request track-sc0 req.hdr(x-k) table t1\n    http-request \
                                sc-inc-gpc0(0)\n    http-request track-sc1 \
                                req.hdr(x-k),regsub(^10,11) table t1\n    http-request track-sc2 \
                                req.hdr(x-k),regsub(^10,12) table t1\n";

impl Shape {
    pub(super) const PAIR: Self = Self {
        store: STORE,
        rules: ONE,
        has_peers: true,
        has_third: false,
    };
}

/// Starts a node.
pub(super) fn start(program: &Program, name: &str, ports: Ports, shape: Shape) -> Proxy {
    let third = match shape.has_third {
        true => format!("    peer X 127.0.0.1:{}\n", ports.x),
        false => String::new(),
    };
    let (section, shared) = match shape.has_peers {
        true => (
            format!(
                "peers P\n    peer A 127.0.0.1:{}\n    peer B 127.0.0.1:{}\n{third}",
                ports.a, ports.b
            ),
            " peers P",
        ),
        false => (String::new(), ""),
    };
    let text = format!(
        "global\n    stats socket <runtime> level admin\n    stats timeout 1h\n    nbthread 1\n\
         defaults\n    mode http\n    timeout client 60s\n    timeout server 60s\n    timeout \
         connect 5s\n    timeout http-keep-alive 60s\n{section}frontend f\n    bind <front>\n{}    \
         http-request return status 200\nfrontend plain\n    bind <plain>\n    http-request return \
         status 200\nbackend t1\n    stick-table type ip size 2m expire 10m store {}{shared}\n",
        shape.rules, shape.store
    );
    Proxy::of(program.clone(), text)
        .args(&["-db", "-L", name])
        .listener("front")
        .listener("plain")
        .start()
}

/// A pair whose sessions are open and whose first lesson is over.
pub(super) fn pair(program: &Program, shape: Shape) -> (Proxy, Proxy) {
    pair_at(program, shape, Ports::new())
}

/// The same with given ports, on which either can be started again.
pub(super) fn pair_at(program: &Program, shape: Shape, ports: Ports) -> (Proxy, Proxy) {
    let a = start(program, "A", ports, shape);
    let b = start(program, "B", ports, shape);
    for proxy in [&a, &b] {
        until(Duration::from_secs(20), || {
            proxy.runtime("show peers").contains("last_status=ESTA")
        });
    }
    // Both have waited for the lesson that the other cannot give.
    std::thread::sleep(Duration::from_secs(6));
    (a, b)
}

/// Waits for something; says how long it took, or the patience when it did not come.
pub(super) fn until(patience: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let since = Instant::now();
    while !is_so() {
        if since.elapsed() > patience {
            return patience;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    since.elapsed()
}

/// Entries of the table.
pub(super) fn used(proxy: &Proxy) -> u64 {
    let tables = proxy.runtime("show table");
    let line = tables.lines().find(|line| line.starts_with("# table: t1,"));
    let used = line.and_then(|line| line.rsplit_once("used:"));
    used.and_then(|(_, used)| used.trim().parse().ok())
        .unwrap_or(0)
}

/// Updates that A has made and not pushed to B.
pub(super) fn backlog(proxy: &Proxy) -> u64 {
    let peers = proxy.runtime("show peers");
    let block = peers.split("id=B(").nth(1).unwrap_or("");
    let number = |name: &str| {
        let rest = block.split(&format!("{name}=")).nth(1)?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<u64>().ok()
    };
    let (pushed, local) = (number("last_pushed"), number("localupdate"));
    local.unwrap_or(0).saturating_sub(pushed.unwrap_or(0))
}

/// A conversation with the runtime API that stays open.
pub(super) struct Talk(UnixStream);

impl Talk {
    pub(super) fn new(proxy: &Proxy) -> Self {
        let mut talk = Self(proxy.runtime_stream());
        talk.send("prompt");
        talk.reply();
        talk
    }

    fn send(&mut self, command: &str) {
        self.0
            .write_all(format!("{command}\n").as_bytes())
            .unwrap_or_else(|error| panic!("the runtime API takes nothing: {error}"));
    }

    fn reply(&mut self) -> String {
        let mut reply = Vec::new();
        let mut bytes = [0; 4096];
        while !reply.ends_with(b"\n> ") {
            match self.0.read(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(read) => reply.extend_from_slice(&bytes[..read]),
            }
        }
        String::from_utf8_lossy(&reply).into_owned()
    }

    pub(super) fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.reply()
    }
}

/// The sum of the counters of all entries.
pub(super) fn sum(proxy: &Proxy) -> u64 {
    let table = proxy.runtime("show table t1");
    let counts = table.split("gpc0=").skip(1);
    counts
        .filter_map(|rest| rest.split([' ', '\n']).next()?.parse::<u64>().ok())
        .sum()
}
