//! Takes out of a record what differs from run to run: ports, dates, paths, durations.
//!
//! It keeps whether a stage that a duration measures was reached.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::port::bind_free;

/// The names in `<` `>` of a configuration.
pub(super) fn placeholders(config: &str) -> Vec<String> {
    let mut names: Vec<_> = config
        .split('<')
        .skip(1)
        .filter_map(|part| part.split_once('>'))
        .map(|(name, _)| name)
        .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()))
        .filter(|name| !matches!(*name, "log" | "runtime" | "dir"))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// A path for a unix socket that no other stage uses.
pub(super) fn socket_path() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("lbd-t{}-us{number}.sock", std::process::id());
    std::env::temp_dir().join(name).display().to_string()
}

/// An address at which connections are neither accepted nor refused: its accept queue is full.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) address: String,
    _listener: Socket,
    _waiting: Vec<TcpStream>,
}

impl Lost {
    pub(super) fn new() -> Self {
        let (listener, address) = bind_free(|address| {
            let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            listener.bind(&SockAddr::from(address))?;
            listener.listen(0)?;
            Ok(listener)
        })
        .expect("listen");
        // A queue of length 0 takes one connection; one more finds out that it is full.
        let wait = Duration::from_millis(100);
        let connect = |_| TcpStream::connect_timeout(&address, wait).ok();
        let waiting = (0..2).filter_map(connect).collect();
        Self {
            address: address.to_string(),
            _listener: listener,
            _waiting: waiting,
        }
    }
}

/// A socket whose connections nobody takes out of the kernel's queue.
pub(super) fn open() -> TcpListener {
    bind_free(TcpListener::bind).expect("listen").0
}

/// Texts to replace by names.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<(String, String)>);

impl Names {
    pub(super) fn add(&mut self, text: &str, name: &str) {
        self.0.push((text.to_owned(), name.to_owned()));
        // The longest first, so that none is found within another.
        self.0
            .sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        if let Some((_, port)) = text.rsplit_once(':') {
            self.0.push((format!(" {port} "), format!(" {name} ")));
        }
    }

    /// A record with addresses replaced.
    pub(super) fn normal(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in &self.0 {
            text = text.replace(from, to);
        }
        client_ports(&text)
    }

    /// A log line with addresses, dates and durations replaced.
    pub(super) fn log(&self, message: &str) -> String {
        let text = dates(&self.normal(message));
        let is_line = text.contains(" [<date>] ");
        let is_http = text.ends_with('"');
        let words = text.split(' ').enumerate();
        let words: Vec<_> = words
            .map(|(at, word)| match word.strip_prefix("T=") {
                Some(times) => format!("T={}", durations(times)),
                // The place of the timers in the formats of tcplog and httplog.
                None if at == 4 && is_line => durations(word),
                // Behind them the status and the size: the reference counts its own form of a
                // head, so that only "none" and "some" can be compared.
                None if at == 6 && is_line && is_http => size(word),
                None if at > 6 && is_line && word.matches('/').count() == 4 => connections(word),
                None => word.to_owned(),
            })
            .collect();
        words.join(" ")
    }
}

/// `127.0.0.1:40000` is a client's address or the proxy's own.
fn client_ports(text: &str) -> String {
    const LOOPBACK: &str = "127.0.0.1:";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(LOOPBACK) {
        let (before, after) = rest.split_at(at + LOOPBACK.len());
        out.push_str(before);
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() < after.len() {
            out.push_str("<port>");
        }
    }
    out.push_str(rest);
    out
}

/// `21/Nov/2026:09:58:59.123` becomes `<date>`, with or without milliseconds and zone.
fn dates(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        if let Some((date, _)) = after.split_once(']')
            && date.len() >= 20
            && date.as_bytes().get(2) == Some(&b'/')
            && date.as_bytes().get(6) == Some(&b'/')
        {
            out.push_str("<date>");
            rest = &after[date.len()..];
        }
    }
    out.push_str(rest);
    out
}

fn size(word: &str) -> String {
    match word.trim_start_matches('+').parse() {
        Ok(0_u64) | Err(_) => word.to_owned(),
        Ok(_) => {
            word.trim_end_matches(|c: char| c.is_ascii_digit())
                .to_owned()
                + "some"
        }
    }
}

/// Only whether a stage was reached can be compared: how long it takes depends on the machine.
fn durations(word: &str) -> String {
    let parts = word.split('/').map(|part| {
        let digits = part.trim_start_matches('+');
        match digits.parse::<i64>() {
            Ok(0..) => format!("{}t", &part[..part.len() - digits.len()]),
            Ok(_) | Err(_) => part.to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// `%ac/%fc/%bc/%sc/%rc`: the first two count connections that are just ending, too.
fn connections(word: &str) -> String {
    let parts: Vec<_> = word.splitn(3, '/').collect();
    match parts[..] {
        [_, _, rest] if rest.matches('/').count() == 2 => format!("n/n/{rest}"),
        _ => word.to_owned(),
    }
}
