//! A planned switchover: no connection of before breaks, no new one fails.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::netns::{Daemon, Lan};
use support::program;

use crate::partner::Partner;
use crate::setup::{Kind, VIP, eventually, instance, lbctl, lbd_failover, owned, owned_by, start};

const PORT: u16 = 8080;

/// A server within a node that answers every byte with the node's letter.
pub(crate) fn serve(lan: &Lan, node: &'static str) {
    let (ready, is_ready) = std::sync::mpsc::channel();
    lan.within(node, move || {
        let listener = TcpListener::bind(("::", PORT)).expect("bind");
        let _ = ready.send(());
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = stream;
                let mut byte = [0; 1];
                while stream.read_exact(&mut byte).is_ok() {
                    if stream.write_all(node.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    is_ready.recv().expect("the server starts");
}

fn exchange(stream: &mut TcpStream) -> std::io::Result<u8> {
    let mut byte = [0; 1];
    stream.write_all(b"?")?;
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn connect(to: IpAddr) -> std::io::Result<TcpStream> {
    let to = SocketAddr::new(to, PORT);
    let stream = TcpStream::connect_timeout(&to, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What the client saw.
#[derive(Debug, Default)]
struct Seen {
    long_by: Vec<u8>,
    new_by: Vec<u8>,
    failures: Vec<String>,
}

/// A client that exchanges on one long connection and on a new one each time, until told to end.
pub(crate) struct Client {
    end: Arc<AtomicBool>,
    thread: thread::JoinHandle<Seen>,
}

impl Client {
    pub(crate) fn start(lan: &Lan, to: &str) -> Self {
        let to: IpAddr = to.parse().expect("an address");
        let end = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&end);
        let thread = lan.within("client", move || {
            let mut seen = Seen::default();
            let mut long = connect(to).expect("the first connection");
            while !is_over.load(Ordering::Relaxed) {
                match exchange(&mut long) {
                    Ok(by) => seen.long_by.push(by),
                    Err(error) => seen.failures.push(format!("long: {error}")),
                }
                match connect(to).and_then(|mut stream| exchange(&mut stream)) {
                    Ok(by) => seen.new_by.push(by),
                    Err(error) => seen.failures.push(format!("new: {error}")),
                }
                thread::sleep(Duration::from_millis(2));
            }
            seen
        });
        thread::sleep(Duration::from_millis(300));
        Self { end, thread }
    }

    /// The long connection stayed at the first node, new ones went to the second, none failed.
    #[track_caller]
    pub(crate) fn end(self, logs: &str) {
        thread::sleep(Duration::from_millis(500));
        self.end.store(true, Ordering::Relaxed);
        let seen = self.thread.join().expect("the client ends");
        assert_eq!(seen.failures, Vec::<String>::new(), "{logs}");
        assert!(seen.long_by.iter().all(|by| *by == b'a'), "{logs}");
        assert_eq!(seen.new_by.last(), Some(&b'b'), "{logs}");
    }
}

pub(crate) fn with_partner(own: &str, peer: &str, rest: &str) -> String {
    format!(
        "global_defs {{
            handover {{
                local 10.77.0.{own}:7000
                peer 10.77.0.{peer}:7000
                secret {}
                drain 60
            }}
        }}
        {rest}",
        crate::partner::SECRET
    )
}

fn config(priority: u8, own: &str, peer: &str) -> String {
    with_partner(own, peer, &instance(3, priority, ""))
}

/// Two nodes with a server each and a client; the first owns the address.
struct Pair {
    lan: Lan,
    address: String,
    a: Daemon,
    b: Daemon,
}

impl Pair {
    /// `change` makes other instances of the usual ones.
    fn new(address: &str, change: impl Fn(String) -> String) -> Self {
        let lan = Lan::new(&["a", "b", "client"]);
        let spec = |priority| change(instance(3, priority, ""));
        let a = with_partner("11", "12", &spec(150));
        let b = with_partner("12", "11", &spec(100));
        let a = start(&lan, "a", Kind::Lbd, &a);
        let b = start(&lan, "b", Kind::Lbd, &b);
        owned(&lan, address, "a");
        eventually("b is ready", || b.log().contains("-> BACKUP"));
        serve(&lan, "a");
        serve(&lan, "b");
        Self {
            lan,
            address: address.to_owned(),
            a,
            b,
        }
    }

    fn usual() -> Self {
        Self::new(VIP, |spec| spec)
    }

    fn logs(&self) -> String {
        format!("{}\n{}", self.a.log(), self.b.log())
    }

    fn is_over(&self) {
        eventually("both have ended it", || {
            self.a.log().contains("ended: Given") && self.b.log().contains("ended: Taken")
        });
        for node in ["a", "b"] {
            nothing_is_left(&self.lan, node, &self.address);
        }
        assert_eq!(self.lan.owners(&self.address), ["b"]);
    }
}

#[track_caller]
fn nothing_is_left(lan: &Lan, node: &str, address: &str) {
    eventually(&format!("nothing is left over on {node}"), || {
        let on_lo = lan.output(node, &["ip", "-o", "addr", "show", "dev", "lo"]);
        let rules = lan.output(node, &["nft", "list", "ruleset"]);
        let handover = rules.split("table ").filter(|table| {
            table.contains("lbd_handover") && (table.contains("drop") || table.contains("dup"))
        });
        !on_lo.contains(address) && handover.count() == 0
    });
}

#[track_caller]
fn switches_over(pair: Pair) {
    let client = Client::start(&pair.lan, &pair.address);
    let text = lbctl(&pair.lan, "a", &["switchover", "--check"]);
    assert!(text.contains("the partner can take it"), "{text}");
    let text = lbctl(&pair.lan, "a", &["switchover"]);
    assert!(text.contains("is handed over"), "{text}\n{}", pair.logs());
    owned(&pair.lan, &pair.address, "b");
    client.end(&pair.logs());
    pair.is_over();
}

#[test]
fn a_switchover_breaks_no_connection_and_fails_none() {
    switches_over(Pair::usual());
}

#[test]
fn a_switchover_of_an_ipv6_address_breaks_no_connection_and_fails_none() {
    // The channel is IPv4; the partner's IPv6 address is the one it advertises from.
    switches_over(Pair::new("fd77::50", |spec| {
        spec.replace(&format!("{VIP}/32"), "fe80::50/64\nfd77::50/128")
    }));
}

#[test]
fn a_switchover_of_an_address_on_a_virtual_mac_breaks_no_connection_and_fails_none() {
    switches_over(Pair::new(VIP, |spec| {
        spec.replace("interface eth0", "interface eth0\n use_vmac vrrp51")
    }));
}

#[test]
fn a_daemon_that_is_stopped_hands_over_first_and_ends_with_its_last_connection() {
    let mut pair = Pair::usual();
    let client = Client::start(&pair.lan, VIP);
    pair.a.signal(Signal::SIGTERM);
    owned_by(&pair.lan, "b");
    assert!(
        pair.a
            .log()
            .contains("stopping once the partner has the addresses")
    );
    assert!(!pair.lan.pids("a").is_empty());
    client.end(&pair.logs());
    assert_eq!(pair.a.wait(), Some(0), "{}", pair.logs());
    pair.is_over();
}

#[test]
fn a_daemon_that_is_told_twice_to_end_ends_at_once_and_leaves_nothing() {
    let mut pair = Pair::usual();
    let client = Client::start(&pair.lan, VIP);
    pair.a.signal(Signal::SIGTERM);
    owned_by(&pair.lan, "b");
    pair.a.signal(Signal::SIGTERM);
    assert_eq!(pair.a.wait(), Some(0), "{}", pair.logs());
    nothing_is_left(&pair.lan, "a", VIP);
    client.end.store(true, Ordering::Relaxed);
}

#[test]
fn a_stopped_daemon_without_a_partner_ends_at_once() {
    let lan = Lan::new(&["a", "b"]);
    let mut a = start(&lan, "a", Kind::Lbd, &config(150, "11", "12"));
    owned_by(&lan, "a");
    a.signal(Signal::SIGTERM);
    assert_eq!(a.wait(), Some(0));
    assert!(a.log().contains("ended: PartnerLost"), "{}", a.log());
    assert!(!lan.has("a", VIP));
    nothing_is_left(&lan, "a", VIP);
}

#[test]
fn a_check_says_why_the_partner_would_not_take_the_address() {
    let pair = Pair::usual();
    pair.lan.carrier("b", false);
    eventually("b has a fault", || pair.b.log().contains("-> FAULT"));
    // The carrier is gone for its advertisements only as long as the channel has another way.
    let text = lbctl(&pair.lan, "a", &["switchover", "--check"]);
    assert!(text.contains("cannot be handed over"), "{text}");
    pair.lan.carrier("b", true);
    eventually("b is back", || pair.b.log().contains("FAULT -> BACKUP"));
    eventually("it can be handed over again", || {
        let text = lbctl(&pair.lan, "a", &["switchover", "--check"]);
        text.contains("the partner can take it")
    });
}

#[test]
fn a_switchover_without_a_partner_changes_nothing() {
    let lan = Lan::new(&["a", "b"]);
    let a = start(&lan, "a", Kind::Lbd, &config(150, "11", "12"));
    owned_by(&lan, "a");
    let text = lbctl(&lan, "a", &["switchover", "--check"]);
    assert!(text.contains("the partner cannot be reached"), "{text}");
    let _ = lbctl(&lan, "a", &["switchover"]);
    eventually("it is over", || a.log().contains("ended:"));
    assert_eq!(lan.owners(VIP), ["a"]);
    assert!(!a.log().contains("MASTER ->"), "{}", a.log());
}

/// What the unit's last step does after everything was killed.
#[track_caller]
fn crash(lan: &Lan, node: &str) {
    for pid in lan.pids(node) {
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if comm.starts_with("lbd-failover") {
            let pid = nix::unistd::Pid::from_raw(pid);
            let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
        }
    }
    let file = lan.temp().path().join(format!("{node}.conf"));
    let file = file.to_str().expect("a path of the tests' own");
    let mut clean = lan.spawn(node, lbd_failover(), &["--clean", "-f", file]);
    assert_eq!(clean.wait(), Some(0), "{}", clean.log());
    nothing_is_left(lan, node, VIP);
    assert!(!lan.has(node, VIP));
}

#[test]
fn a_giver_that_crashes_before_the_address_moved_leaves_nothing() {
    let lan = Lan::new(&["a", "b"]);
    let partner = Partner::start(&lan, "b", "10.77.0.12:7000", "10.77.0.11:7000");
    let a = start(&lan, "a", Kind::Lbd, &config(150, "11", "12"));
    owned_by(&lan, "a");
    let socket = lan.temp().path().join("a.sock");
    let order = thread::spawn(move || {
        let _ = std::process::Command::new(program::build("failover", "lbctl", false))
            .arg("--socket")
            .arg(socket)
            .arg("switchover")
            .output();
    });
    let ask = partner.heard("ask");
    partner.say("ready", &ask);
    // It serves on; the partner never takes the address.
    partner.heard("go");
    assert!(
        lan.output("a", &["ip", "addr", "show", "dev", "lo"])
            .contains(VIP)
    );
    crash(&lan, "a");
    drop(a);
    let _ = order.join();
}

#[test]
fn a_taker_that_crashes_before_the_address_moved_leaves_nothing() {
    let lan = Lan::new(&["a", "b"]);
    // The master knows nothing of the switchover.
    let _a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    let b = start(&lan, "b", Kind::Lbd, &config(100, "12", "11"));
    owned_by(&lan, "a");
    eventually("b is ready", || b.log().contains("-> BACKUP"));
    let partner = Partner::start(&lan, "a", "10.77.0.11:7000", "10.77.0.12:7000");
    partner.ask(1, "V");
    partner.heard("ready");
    let rules = lan.output("b", &["nft", "list", "ruleset"]);
    assert!(rules.contains("dup to"), "{rules}");
    crash(&lan, "b");
    assert_eq!(lan.owners(VIP), ["a"]);
}

#[test]
fn a_taker_that_is_never_told_to_go_takes_its_rules_away() {
    let lan = Lan::new(&["a", "b"]);
    let _a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    let b = start(&lan, "b", Kind::Lbd, &config(100, "12", "11"));
    owned_by(&lan, "a");
    eventually("b is ready", || b.log().contains("-> BACKUP"));
    let partner = Partner::start(&lan, "a", "10.77.0.11:7000", "10.77.0.12:7000");
    partner.ask(1, "V");
    partner.heard("ready");
    partner.heard("abort");
    nothing_is_left(&lan, "b", VIP);
    assert_eq!(lan.owners(VIP), ["a"]);
}

#[test]
fn a_giver_that_crashes_while_old_connections_end_leaves_nothing() {
    let pair = Pair::usual();
    let client = Client::start(&pair.lan, VIP);
    lbctl(&pair.lan, "a", &["switchover"]);
    owned_by(&pair.lan, "b");
    assert!(pair.a.log().contains("StopAnswering"), "{}", pair.logs());
    crash(&pair.lan, "a");
    assert_eq!(pair.lan.owners(VIP), ["b"]);
    client.end.store(true, Ordering::Relaxed);
}

#[test]
fn a_taker_that_crashes_while_old_connections_end_leaves_nothing_and_the_giver_takes_back() {
    let pair = Pair::usual();
    let client = Client::start(&pair.lan, VIP);
    lbctl(&pair.lan, "a", &["switchover"]);
    owned_by(&pair.lan, "b");
    crash(&pair.lan, "b");
    owned_by(&pair.lan, "a");
    eventually("it is over", || pair.a.log().contains("ended: TakenBack"));
    nothing_is_left(&pair.lan, "a", VIP);
    // New connections are served here again.
    let thread = pair.lan.within("client", || {
        connect(VIP.parse().expect("an address")).and_then(|mut stream| exchange(&mut stream))
    });
    assert_eq!(thread.join().expect("it tries").ok(), Some(b'a'));
    client.end.store(true, Ordering::Relaxed);
}

#[test]
fn what_a_crash_in_a_switchover_left_behind_is_cleaned_at_the_start() {
    let lan = Lan::new(&["a", "b"]);
    lan.ip("a", &["addr", "add", &format!("{VIP}/32"), "dev", "lo"]);
    let rules = lan
        .temp()
        .write("rules", "table ip lbd_handover {\n chain x { }\n}\n");
    lan.output("a", &["nft", "-f", rules.to_str().expect("a path")]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, ""));
    owned_by(&lan, "a");
    assert!(
        !lan.output("a", &["ip", "-o", "addr", "show", "dev", "lo"])
            .contains(VIP)
    );
    assert!(
        !lan.output("a", &["nft", "list", "ruleset"])
            .contains("lbd_handover")
    );
    a.signal(Signal::SIGTERM);
}
