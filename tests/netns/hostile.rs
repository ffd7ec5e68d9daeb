//! Bad input: packets that are wrong, floods, machines and files that misbehave.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};
use support::netns::Lan;

use crate::setup::{Kind, VIP, eventually, instance, lbctl, lbd_failover, owned_by, start};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// An advertisement of version 3, right unless it is changed.
#[derive(Clone)]
struct Advert {
    source: Ipv4Addr,
    ttl: u8,
    vrid: u8,
    priority: u8,
    addresses: Vec<Ipv4Addr>,
}

impl Advert {
    fn new(priority: u8) -> Self {
        Self {
            source: Ipv4Addr::new(10, 77, 0, 99),
            ttl: 255,
            vrid: 51,
            priority,
            addresses: vec![VIP.parse().expect("an address")],
        }
    }

    /// The whole IP packet, `change` made before the checksum.
    fn bytes(&self, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len()).expect("few");
        let mut pdu = vec![0x31, self.vrid, self.priority, count, 0, 10, 0, 0];
        pdu.extend(self.addresses.iter().flat_map(Ipv4Addr::octets));
        change(&mut pdu);
        let length = u16::try_from(pdu.len()).expect("short");
        let mut pseudo: Vec<u8> = [self.source.octets(), GROUP.octets()].concat();
        pseudo.extend([0, 112]);
        pseudo.extend(length.to_be_bytes());
        pseudo.extend(&pdu);
        let sum = checksum(&pseudo).to_be_bytes();
        if pdu.len() >= 8 {
            pdu[6..8].copy_from_slice(&sum);
        }
        ip(self.source, self.ttl, &pdu)
    }
}

fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|c| u32::from(c[0]) << 8 | c.get(1).map_or(0, |b| u32::from(*b)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}

fn ip(source: Ipv4Addr, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len())
        .expect("short")
        .to_be_bytes();
    let mut packet = vec![0x45, 0xc0, length[0], length[1], 0, 0, 0, 0, ttl, 112, 0, 0];
    packet.extend(source.octets());
    packet.extend(GROUP.octets());
    packet.extend(payload);
    packet
}

fn raw() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112))).expect("a socket");
    socket.set_header_included_v4(true).expect("headers");
    let own = Ipv4Addr::new(10, 77, 0, 13);
    socket.set_multicast_if_v4(&own).expect("an interface");
    socket
}

/// Sends packets from the third node.
fn send(lan: &Lan, packets: Vec<Vec<u8>>) {
    let sent = lan.within("evil", move || {
        let socket = raw();
        for packet in packets {
            let to = SocketAddr::new(GROUP.into(), 0);
            let _ = socket.send_to(&packet, &to.into());
            // The kernel's queue is not what is tested.
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    sent.join().expect("they are sent");
}

fn status(lan: &Lan, node: &str) -> Value {
    serde_json::from_str(&lbctl(lan, node, &["status", "--json"])).unwrap_or(Value::Null)
}

fn rejected(lan: &Lan, node: &str, why: &str) -> u64 {
    let status = status(lan, node);
    status["instances"][0]["rejected"][why]
        .as_u64()
        .unwrap_or(0)
}

fn trio(more: &str) -> (Lan, support::netns::Daemon, support::netns::Daemon) {
    let lan = Lan::new(&["a", "b", "evil"]);
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, more));
    let b = start(&lan, "b", Kind::Lbd, &instance(3, 100, more));
    owned_by(&lan, "a");
    eventually("b is ready", || b.log().contains("-> BACKUP"));
    (lan, a, b)
}

#[test]
fn every_wrong_advertisement_is_counted_by_its_fault_and_changes_nothing() {
    let (lan, a, b) = trio("");
    let right = Advert::new(200);
    let far = Advert {
        ttl: 254,
        ..right.clone()
    };
    let empty = Advert {
        addresses: Vec::new(),
        ..right.clone()
    };
    let other = Advert {
        vrid: 52,
        ..right.clone()
    };
    let before = (a.log().len(), b.log().len());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "version",
            right.bytes(|p| {
                // Version 2 ends with eight bytes of authentication.
                p[0] = 0x21;
                p.extend([0; 8]);
            }),
        ),
        ("version", right.bytes(|p| p[0] = 0x41)),
        ("type", right.bytes(|p| p[0] = 0x32)),
        ("too_short", ip(right.source, 255, &[0x31, 51, 200])),
        ("count_length", right.bytes(|p| p[3] = 9)),
        ("count_length", right.bytes(|p| p.push(0))),
        ("address_none", empty.bytes(|_| {})),
        ("hops", far.bytes(|_| {})),
        ("interval", right.bytes(|p| p[5] = 0)),
        ("checksum", {
            let mut bytes = right.bytes(|_| {});
            bytes[26] ^= 1;
            bytes
        }),
    ];
    for (why, packet) in cases {
        let first = rejected(&lan, "a", why);
        send(&lan, vec![packet]);
        eventually(why, || rejected(&lan, "a", why) > first);
    }
    let first = status(&lan, "a")["unknown_packets"].as_u64();
    // The kernel drops what comes from our own address.
    let spoofed = Advert {
        source: Ipv4Addr::new(10, 77, 0, 11),
        ..right.clone()
    };
    send(&lan, vec![spoofed.bytes(|_| {}), other.bytes(|_| {})]);
    eventually("it is for nobody", || {
        status(&lan, "a")["unknown_packets"].as_u64() > first
    });
    assert!(!a.log()[before.0..].contains("MASTER ->"), "{}", a.log());
    assert!(!b.log()[before.1..].contains("-> MASTER"), "{}", b.log());
    assert_eq!(lan.owners(VIP), ["a"]);
}

#[test]
fn advertisements_without_a_code_or_said_again_take_no_address() {
    let hmac = "auth_hmac {\n key 1 0123456789abcdef0123456789abcdef\n }";
    let lan = Lan::new(&["a", "b", "evil"]);
    let b = start(&lan, "b", Kind::Lbd, &instance(3, 200, hmac));
    owned_by(&lan, "b");
    // What the master says is heard, to be said again later.
    let heard = lan.within("evil", || {
        let socket = raw();
        let own = Ipv4Addr::new(10, 77, 0, 13);
        socket.join_multicast_v4(&GROUP, &own).expect("the group");
        let mut bytes = vec![0; 512];
        let flags = nix::sys::socket::MsgFlags::empty();
        let length = nix::sys::socket::recv(socket.as_raw_fd(), &mut bytes, flags);
        bytes.truncate(length.expect("a packet"));
        bytes
    });
    let captured = heard.join().expect("a packet");
    let a = start(&lan, "a", Kind::Lbd, &instance(3, 150, hmac));
    eventually("a follows", || a.log().contains("-> BACKUP"));
    eventually("a heard b", || {
        status(&lan, "a")["instances"][0]["adverts_received"].as_u64() > Some(3)
    });
    b.signal(Signal::SIGTERM);
    owned_by(&lan, "a");
    let before = a.log().len();
    send(&lan, vec![captured, Advert::new(255).bytes(|_| {})]);
    eventually("the old one is refused", || {
        rejected(&lan, "a", "hmac_replayed") > 0
    });
    eventually("the bare one is refused", || {
        rejected(&lan, "a", "hmac_missing") > 0
    });
    assert!(!a.log()[before..].contains("MASTER ->"), "{}", a.log());
    assert_eq!(lan.owners(VIP), ["a"]);
}

#[test]
fn a_flood_changes_nothing_and_is_not_answered_with_a_flood() {
    let (lan, a, b) = trio("");
    let lower = Advert::new(1).bytes(|_| {});
    let mut broken = Advert::new(255).bytes(|_| {});
    broken[26] ^= 1;
    let other = Advert {
        vrid: 52,
        ..Advert::new(255)
    };
    let packets = [lower, broken, other.bytes(|_| {})];
    let count = |key: &str| status(&lan, "a")["instances"][0][key].as_u64().unwrap_or(0);
    let (sent, heard) = (count("adverts_sent"), count("lower_heard"));
    let cpu = cpu(a.pid().as_raw());
    let before = (a.log().len(), b.log().len());
    let begun = Instant::now();
    let flood = lan.within("evil", move || {
        let socket = raw();
        let to = SocketAddr::new(GROUP.into(), 0).into();
        for round in 0..200_u32 {
            for packet in packets.iter().cycle().take(100) {
                let _ = socket.send_to(packet, &to);
            }
            // 10,000 a second.
            let due = begun + Duration::from_millis(10) * (round + 1);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    });
    flood.join().expect("it is sent");
    eventually("some of it was heard", || {
        count("lower_heard") > heard + 100
    });
    let spent = self::cpu(a.pid().as_raw()).saturating_sub(cpu);
    let passed = begun.elapsed();
    eprintln!("20000 packets in {passed:?}: {spent:?} of processor time");
    // At most one answer in a quarter of the interval, and the advertisements themselves.
    let most = passed.as_millis() / 25 + passed.as_millis() / 100 + 10;
    let answers = u128::from(count("adverts_sent") - sent);
    assert!(answers <= most, "{answers} of {most}");
    assert!(!a.log()[before.0..].contains("MASTER ->"), "{}", a.log());
    assert!(!b.log()[before.1..].contains("-> MASTER"), "{}", b.log());
    assert_eq!(lan.owners(VIP), ["a"]);
}

/// Processor time of all threads of a process.
fn cpu(pid: i32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let spent = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

#[test]
fn an_interface_that_is_renamed_is_lost_and_found_again() {
    let lan = Lan::new(&["a"]);
    let ip = |words: &str| lan.ip("a", &words.split_whitespace().collect::<Vec<_>>());
    ip("link add w0 type veth peer name w1");
    ip("addr add 192.0.2.1/24 dev w0");
    ip("link set w0 up");
    ip("link set w1 up");
    let config = instance(3, 150, "").replace("interface eth0", "interface w0");
    let a = start(&lan, "a", Kind::Lbd, &config);
    owned_by(&lan, "a");
    ip("link set w0 down");
    ip("link set w0 name w9");
    ip("link set w9 up");
    eventually("it is a fault", || a.log().contains("-> FAULT"));
    eventually("the address is gone", || !lan.has("a", VIP));
    ip("link set w9 down");
    ip("link set w9 name w0");
    ip("link set w0 up");
    owned_by(&lan, "a");
}

#[test]
fn a_full_fifo_holds_nothing_up_and_is_told() {
    let lan = Lan::new(&["a", "b"]);
    let fifo = lan.temp().path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let mut full = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(&fifo)
        .expect("it opens");
    while full.write(&[b'x'; 4096]).is_ok() {}
    while full.write(b"x").is_ok() {}
    let config = format!(
        "global_defs {{\n script_user root\n notify_fifo {}\n}}\n{}",
        fifo.display(),
        instance(3, 150, "")
    );
    let a = start(&lan, "a", Kind::Lbd, &config);
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    eventually("it is told", || {
        a.log().contains("it is full, nobody reads it")
    });
    lan.carrier("a", false);
    owned_by(&lan, "b");
    lan.carrier("a", true);
    owned_by(&lan, "a");
}

#[test]
fn a_read_only_file_system_holds_nothing_up() {
    let lan = Lan::new(&["a", "b"]);
    let file = lan.temp().write("ro.conf", instance(3, 150, ""));
    let script = format!(
        "mount -o remount,ro /run && mount -t tmpfs -o ro tmpfs /var/tmp && exec {} -n -l -G -f {} \
         --socket /run/x.sock -p /run/x.pid",
        lbd_failover().display(),
        file.display()
    );
    let a = lan.spawn("a", Path::new("sh"), &["-c", &script]);
    let _b = start(&lan, "b", Kind::Lbd, &instance(3, 100, ""));
    owned_by(&lan, "a");
    assert!(a.log().contains("Read-only file system"), "{}", a.log());
    // Dumps have nowhere to go either.
    a.signal(Signal::SIGUSR1);
    a.signal(Signal::SIGHUP);
    eventually("it goes on", || a.log().contains("reloaded"));
    lan.carrier("a", false);
    owned_by(&lan, "b");
    lan.carrier("a", true);
    owned_by(&lan, "a");
}
