//! The channel between the two nodes: lines over TCP, each with a code that proves who speaks and a
//! time that grows.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vrrp_config::config;
use vrrp_proto::handover::{Message, Refusal};

/// What comes from the channel.
#[derive(Debug)]
pub enum Incoming {
    /// A message could not be delivered.
    Lost,
    /// A line that proves nothing.
    Refused(String),
    /// The partner said something about a unit.
    Said(String, Message),
}

/// An open channel.
#[derive(Debug)]
pub(super) struct Channel {
    voice: Voice,
    tasks: [JoinHandle<()>; 2],
}

impl Channel {
    pub(super) async fn open(
        settings: &config::Handover,
        incoming: mpsc::Sender<Incoming>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(settings.local).await?;
        let (sender, receiver) = mpsc::channel(MAX_QUEUE);
        let hear = hear(listener, settings.clone(), incoming.clone());
        let speak = speak(receiver, settings.clone(), incoming);
        Ok(Self {
            voice: Voice { sender },
            tasks: [
                tokio::task::spawn_local(hear),
                tokio::task::spawn_local(speak),
            ],
        })
    }

    /// What speaks to the partner.
    pub(super) fn voice(&self) -> Voice {
        self.voice.clone()
    }

    /// Puts a message into the queue to the partner.
    pub(super) fn tell(&self, unit: &str, message: Message) {
        self.voice.tell(unit, message);
    }
}

/// The queue to the partner.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    sender: mpsc::Sender<(String, Message)>,
}

impl Voice {
    /// Puts a message into it.
    pub(super) fn tell(&self, unit: &str, message: Message) {
        // A queue that is full is a partner that does not listen: waits end by themselves.
        let _ = self.sender.try_send((unit.to_owned(), message));
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn speak(
    mut queue: mpsc::Receiver<(String, Message)>,
    settings: config::Handover,
    incoming: mpsc::Sender<Incoming>,
) {
    let mut last = 0;
    while let Some((unit, message)) = queue.recv().await {
        last = now_micros().max(last + 1);
        let line = sign(&settings.secret, &encode(&unit, message, last));
        let sending = async {
            let mut stream = TcpStream::connect(settings.peer).await?;
            stream.write_all(line.as_bytes()).await?;
            // The partner closes when it has read it.
            let mut rest = [0; 1];
            stream.shutdown().await?;
            let _ = stream.read(&mut rest).await?;
            Ok::<(), std::io::Error>(())
        };
        if !matches!(tokio::time::timeout(PATIENCE, sending).await, Ok(Ok(()))) {
            let _ = incoming.send(Incoming::Lost).await;
        }
    }
}

async fn hear(listener: TcpListener, settings: config::Handover, incoming: mpsc::Sender<Incoming>) {
    let mut latest = 0;
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            tokio::time::sleep(PATIENCE).await;
            continue;
        };
        let refuse = |why: String| Incoming::Refused(format!("from {}: {why}", from.ip()));
        if !is_partner(from.ip(), settings.peer.ip()) {
            continue;
        }
        let mut line = String::new();
        let mut reading = BufReader::new(stream).take(MAX_LINE);
        let read = tokio::time::timeout(PATIENCE, reading.read_line(&mut line)).await;
        if !matches!(read, Ok(Ok(_))) {
            continue;
        }
        let said = match verify(&settings.secret, line.trim_end()).and_then(decode) {
            None => refuse("a line that proves nothing".to_owned()),
            Some((_, _, time)) if time <= latest || time.abs_diff(now_micros()) > WINDOW_MICROS => {
                refuse("a line of another time; are the clocks right?".to_owned())
            }
            Some((unit, message, time)) => {
                latest = time;
                Incoming::Said(unit, message)
            }
        };
        if incoming.send(said).await.is_err() {
            return;
        }
    }
}

fn is_partner(from: IpAddr, peer: IpAddr) -> bool {
    from.to_canonical() == peer.to_canonical()
}

fn code(secret: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return Vec::new();
    };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn sign(secret: &[u8], text: &str) -> String {
    let digits: String = code(secret, text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{digits} {text}\n")
}

fn verify<'a>(secret: &[u8], line: &'a str) -> Option<&'a str> {
    let (digits, text) = line.split_once(' ')?;
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let given: Option<Vec<u8>> = (0..32)
        .map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).ok())
        .collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(text.as_bytes());
    mac.verify_slice(&given?).ok()?;
    Some(text)
}

fn encode(unit: &str, message: Message, time: u64) -> String {
    let (word, id) = match message {
        Message::Able { id } => ("able", id),
        Message::Abort { id } => ("abort", id),
        Message::Ask { id, .. } => ("ask", id),
        Message::Drained { id } => ("drained", id),
        Message::Go { id } => ("go", id),
        Message::Probe { id } => ("probe", id),
        Message::Ready { id } => ("ready", id),
        Message::Refuse { id, .. } => ("refuse", id),
        Message::Released { id } => ("released", id),
        Message::Taken { id } => ("taken", id),
    };
    let mut value = json!({"unit": unit, "say": word, "id": id, "time": time});
    match message {
        Message::Ask { drain, .. } => {
            value["drain_ms"] = json!(u64::try_from(drain.as_millis()).unwrap_or(u64::MAX));
        }
        Message::Refuse { why, .. } => {
            value["why"] = json!(match why {
                Refusal::Busy => "busy",
                Refusal::NotBackup => "not-backup",
                Refusal::StepFailed => "step-failed",
                Refusal::Unhealthy => "unhealthy",
            });
        }
        _ => {}
    }
    value.to_string()
}

fn decode(text: &str) -> Option<(String, Message, u64)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let id = value.get("id")?.as_u64()?;
    let message = match value.get("say")?.as_str()? {
        "able" => Message::Able { id },
        "abort" => Message::Abort { id },
        "ask" => Message::Ask {
            id,
            drain: Duration::from_millis(value.get("drain_ms")?.as_u64()?),
        },
        "drained" => Message::Drained { id },
        "go" => Message::Go { id },
        "probe" => Message::Probe { id },
        "ready" => Message::Ready { id },
        "refuse" => Message::Refuse {
            id,
            why: match value.get("why")?.as_str()? {
                "busy" => Refusal::Busy,
                "not-backup" => Refusal::NotBackup,
                "step-failed" => Refusal::StepFailed,
                "unhealthy" => Refusal::Unhealthy,
                _ => return None,
            },
        },
        "released" => Message::Released { id },
        "taken" => Message::Taken { id },
        _ => return None,
    };
    let unit = value.get("unit")?.as_str()?.to_owned();
    Some((unit, message, value.get("time")?.as_u64()?))
}

/// Microseconds since 1970.
pub(super) fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

const MAX_QUEUE: usize = 64;
const MAX_LINE: u64 = 4096;
const PATIENCE: Duration = Duration::from_millis(500);
/// How far the clocks may be apart.
const WINDOW_MICROS: u64 = 30_000_000;

#[cfg(test)]
mod tests;
