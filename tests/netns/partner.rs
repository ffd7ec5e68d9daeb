//! A partner that the test plays: it speaks the switchover's channel and does only what it is told.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use support::netns::Lan;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(40);

/// The partner's side.
pub(crate) struct Partner<'a> {
    lan: &'a Lan,
    node: &'static str,
    to: SocketAddr,
    heard: Receiver<Value>,
}

impl<'a> Partner<'a> {
    /// Listens within a node.
    pub(crate) fn start(lan: &'a Lan, node: &'static str, local: &str, to: &str) -> Self {
        let local: SocketAddr = local.parse().expect("an address");
        let (sender, heard) = channel();
        let (ready, is_ready) = channel();
        lan.within(node, move || {
            let listener = TcpListener::bind(local).expect("bind");
            let _ = ready.send(());
            for stream in listener.incoming().flatten() {
                let mut line = String::new();
                let _ = BufReader::new(stream).read_line(&mut line);
                let text = line.split_once(' ').map_or("", |(_, text)| text);
                let value = serde_json::from_str(text).unwrap_or(Value::Null);
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        is_ready.recv().expect("it listens");
        Self {
            lan,
            node,
            to: to.parse().expect("an address"),
            heard,
        }
    }

    /// Waits for this message.
    #[track_caller]
    pub(crate) fn heard(&self, say: &str) -> Value {
        loop {
            let value = self.heard.recv_timeout(PATIENCE);
            let value = value.unwrap_or_else(|_| panic!("'{say}' was not said"));
            if value["say"] == say {
                return value;
            }
        }
    }

    /// Answers a message.
    pub(crate) fn say(&self, say: &str, to: &Value) {
        self.send(json!({"unit": to["unit"], "say": say, "id": to["id"], "time": now()}));
    }

    /// Asks for a switchover.
    pub(crate) fn ask(&self, id: u64, unit: &str) {
        self.send(json!({"unit": unit, "say": "ask", "id": id, "time": now(), "drain_ms": 60_000}));
    }

    fn send(&self, value: Value) {
        let text = value.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
        mac.update(text.as_bytes());
        let code = mac.finalize().into_bytes();
        let digits: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        let (to, line) = (self.to, format!("{digits} {text}\n"));
        let sent = self.lan.within(self.node, move || {
            let mut stream = TcpStream::connect(to).expect("the daemon listens");
            stream
                .write_all(line.as_bytes())
                .expect("it takes the line");
        });
        sent.join().expect("it is sent");
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}
