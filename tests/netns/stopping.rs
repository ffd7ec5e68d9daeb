//! A balancer that stops: the partner takes the address while it still serves.

use std::path::Path;

use nix::sys::signal::Signal;
use support::load::{Load, Mix};
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

/// A stop without `grace` waits until the partner has the address.
fn stops_without_a_failed_request(signal: Signal) {
    let mut pair = Balanced::new("");
    let namespace = pair.lan.network("client");
    let mix = Mix { kept: 0, new: 1 };
    let load = Load::begin_within(Some(&namespace), &format!("{VIP}:80"), mix);
    eventually("it is asked", || load.answered() > 10);
    pair.balancers[0].signal(signal);
    owned_by(&pair.lan, "b");
    pair.balancers[0].wait();
    let answered = load.answered();
    eventually("b is asked", || load.answered() > answered + 10);
    let tally = load.end();
    let log = pair.balancers[0].log();
    assert_eq!(tally.failed, 0, "{tally:?}\n{log}\n{}", pair.logs());
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
