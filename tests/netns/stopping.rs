//! A balancer that stops: the partner takes the address while it still serves.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::netns::{Daemon, Lan};
use support::program;

use crate::handover::{Client, serve, with_partner};
use crate::setup::{Kind, VIP, eventually, instance, owned_by, start};

/// Two nodes with a balancer each, whose link decides about the address; the first owns it.
struct Balanced {
    lan: Lan,
    proxy: String,
    a: Daemon,
    b: Daemon,
    balancers: Vec<Daemon>,
}

impl Balanced {
    /// `global` is what the balancers' global section has.
    fn new(global: &str) -> Self {
        let lan = Lan::new(&["a", "b", "client"]);
        let proxy = format!(
            "global
    {global}
defaults
    mode http
    timeout client 5s
frontend f
    bind :80
    http-request return status 200
"
        );
        let balancers = ["a", "b"].map(|node| balancer(&lan, node, &proxy));
        let spec = |node: &str, priority| {
            let link = lan.temp().path().join(format!("{node}.link"));
            let track = instance(3, priority, "track_balancer {\n lbd\n }");
            format!(
                "track_balancer lbd {{\n socket {}\n}}\n{track}",
                link.display()
            )
        };
        let a = with_partner("11", "12", &spec("a", 150));
        let b = with_partner("12", "11", &spec("b", 100));
        let a = start(&lan, "a", Kind::Lbd, &a);
        let b = start(&lan, "b", Kind::Lbd, &b);
        owned_by(&lan, "a");
        eventually("b is ready", || b.log().contains("-> BACKUP"));
        Self {
            lan,
            proxy,
            a,
            b,
            balancers: balancers.into(),
        }
    }

    fn logs(&self) -> String {
        format!("{}\n{}", self.a.log(), self.b.log())
    }

    /// The address went by a switchover, and comes back with another balancer.
    fn was_handed_over(mut self) {
        let logs = self.logs();
        assert!(
            logs.contains("MASTER -> BACKUP (the addresses were handed over"),
            "{logs}"
        );
        eventually("it counts as lost then", || {
            let log = self.a.log();
            log.contains("balancer lbd is lost: it is stopping")
        });
        self.balancers[0] = balancer(&self.lan, "a", &self.proxy);
        owned_by(&self.lan, "a");
    }
}

fn balancer(lan: &Lan, node: &str, proxy: &str) -> Daemon {
    let file = lan.temp().write(format!("{node}.cfg"), proxy);
    let link = lan.temp().path().join(format!("{node}.link"));
    let link = format!("LBD_FAILOVER_SOCKET={}", link.display());
    let program = program::lbd().display().to_string();
    let file = file.display().to_string();
    let words = [link.as_str(), &program, "-db", "-f", &file];
    lan.spawn(node, Path::new("env"), &words)
}

#[test]
fn a_balancer_that_is_stopping_begins_a_switchover_and_takes_the_address_back_later() {
    let pair = Balanced::new("grace 2s");
    serve(&pair.lan, "a");
    serve(&pair.lan, "b");
    let client = Client::start(&pair.lan, VIP);
    pair.balancers[0].signal(Signal::SIGUSR1);
    owned_by(&pair.lan, "b");
    client.end(&pair.logs());
    pair.was_handed_over();
}

/// One request on a connection of its own.
fn request(to: IpAddr) -> Result<(), String> {
    let say = |what: &str, error: std::io::Error| format!("{what}: {error}");
    let to = SocketAddr::new(to, 80);
    let patience = Duration::from_secs(5);
    let mut stream =
        TcpStream::connect_timeout(&to, patience).map_err(|error| say("connect", error))?;
    let _ = stream.set_read_timeout(Some(patience));
    stream
        .write_all(b"GET / HTTP/1.0\r\n\r\n")
        .map_err(|error| say("request", error))?;
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .map_err(|error| say("response", error))?;
    match text.starts_with("HTTP/1.1 200 ") || text.starts_with("HTTP/1.0 200 ") {
        true => Ok(()),
        false => Err(format!("answer {text:?}")),
    }
}

/// A stop without `grace` waits until the partner has the address.
fn stops_without_a_failed_request(signal: Signal) {
    let mut pair = Balanced::new("");
    let end = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&end);
    let client = pair.lan.within("client", move || {
        let to: IpAddr = VIP.parse().expect("an address");
        let mut results = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            results.push(request(to));
        }
        results
    });
    thread::sleep(Duration::from_millis(300));
    pair.balancers[0].signal(signal);
    owned_by(&pair.lan, "b");
    pair.balancers[0].wait();
    thread::sleep(Duration::from_millis(300));
    end.store(true, Ordering::Relaxed);
    let results = client.join().expect("the client ends");
    let failures: Vec<_> = results.iter().filter(|result| result.is_err()).collect();
    let log = pair.balancers[0].log();
    assert!(failures.is_empty(), "{failures:?}\n{log}\n{}", pair.logs());
    assert!(results.len() > 10, "{}", results.len());
    assert!(
        log.contains("Stopping once the addresses are elsewhere."),
        "{log}"
    );
    pair.was_handed_over();
}

#[test]
fn a_balancer_that_is_told_to_end_waits_for_the_partner() {
    stops_without_a_failed_request(Signal::SIGTERM);
}

#[test]
fn a_soft_stop_waits_for_the_partner() {
    stops_without_a_failed_request(Signal::SIGUSR1);
}
