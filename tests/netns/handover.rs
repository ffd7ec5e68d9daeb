//! A planned switchover: no connection of before breaks, no new one fails.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::netns::Lan;

use crate::setup::{Kind, VIP, eventually, instance, lbctl, owned_by, start};

const PORT: u16 = 8080;

/// A server within a node that answers every byte with the node's letter.
fn serve(lan: &Lan, node: &'static str) {
    let (ready, is_ready) = std::sync::mpsc::channel();
    lan.within(node, move || {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).expect("bind");
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

fn connect() -> std::io::Result<TcpStream> {
    let to = SocketAddr::new(VIP.parse().expect("an address"), PORT);
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

/// Exchanges on one long connection and on a new one each time, until told to end.
fn client(lan: &Lan, end: Arc<AtomicBool>) -> thread::JoinHandle<Seen> {
    lan.within("client", move || {
        let mut seen = Seen::default();
        let mut long = connect().expect("the first connection");
        while !end.load(Ordering::Relaxed) {
            match exchange(&mut long) {
                Ok(by) => seen.long_by.push(by),
                Err(error) => seen.failures.push(format!("long: {error}")),
            }
            match connect().and_then(|mut stream| exchange(&mut stream)) {
                Ok(by) => seen.new_by.push(by),
                Err(error) => seen.failures.push(format!("new: {error}")),
            }
            thread::sleep(Duration::from_millis(2));
        }
        seen
    })
}

fn config(priority: u8, own: &str, peer: &str) -> String {
    format!(
        "global_defs {{
            handover {{
                local 10.77.0.{own}:7000
                peer 10.77.0.{peer}:7000
                secret 0123456789abcdef0123456789abcdef
                drain 60
            }}
        }}
        {}",
        instance(3, priority, "")
    )
}

#[test]
fn a_switchover_breaks_no_connection_and_fails_none() {
    let lan = Lan::new(&["a", "b", "client"]);
    let a = start(&lan, "a", Kind::Lbd, &config(150, "11", "12"));
    let b = start(&lan, "b", Kind::Lbd, &config(100, "12", "11"));
    owned_by(&lan, "a");
    eventually("b is ready", || b.log().contains("INIT -> BACKUP"));
    serve(&lan, "a");
    serve(&lan, "b");
    let end = Arc::new(AtomicBool::new(false));
    let client = client(&lan, Arc::clone(&end));
    thread::sleep(Duration::from_millis(300));
    assert!(lbctl(&lan, "a", &["switchover", "--check"]).contains("can be handed over"));
    let text = lbctl(&lan, "a", &["switchover"]);
    assert!(
        text.contains("is handed over"),
        "{text}\n{}\n{}",
        a.log(),
        b.log()
    );
    owned_by(&lan, "b");
    thread::sleep(Duration::from_millis(500));
    end.store(true, Ordering::Relaxed);
    let seen = client.join().expect("the client ends");
    assert_eq!(
        seen.failures,
        Vec::<String>::new(),
        "{}\n{}",
        a.log(),
        b.log()
    );
    assert!(
        seen.long_by.iter().all(|by| *by == b'a'),
        "the long one stays where it was"
    );
    assert_eq!(
        seen.new_by.last(),
        Some(&b'b'),
        "new ones go to the new owner"
    );
    // The last connection has ended: nothing is left over on either node.
    eventually("both have ended it", || {
        a.log().contains("ended: Given") && b.log().contains("ended: Taken")
    });
    let on_lo = lan.output("a", &["ip", "-o", "addr", "show", "dev", "lo"]);
    assert!(!on_lo.contains(VIP), "{on_lo}");
    let rules = lan.output("b", &["nft", "list", "ruleset"]);
    assert!(!rules.contains(VIP), "{rules}");
    assert_eq!(lan.owners(VIP), ["b"]);
}

#[test]
fn a_switchover_without_a_partner_changes_nothing() {
    let lan = Lan::new(&["a", "b"]);
    let a = start(&lan, "a", Kind::Lbd, &config(150, "11", "12"));
    owned_by(&lan, "a");
    let _ = lbctl(&lan, "a", &["switchover"]);
    eventually("it is over", || a.log().contains("ended:"));
    assert_eq!(lan.owners(VIP), ["a"]);
    assert!(!a.log().contains("MASTER ->"), "{}", a.log());
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
