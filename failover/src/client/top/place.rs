//! Where runtime sockets are, and how one is asked.
//!
//! What a configuration says of them is read by its words only; nothing is judged.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vrrp_config::Config;
use vrrp_proto::spec::Reach;

/// A runtime socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `host:port`.
    Tcp(String),
    /// A path.
    Unix(PathBuf),
}

impl Place {
    /// As a person writes it: what begins with a slash or a dot is a path.
    ///
    /// # Errors
    /// When it is neither a path nor has a port.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with(['/', '.']) {
            return Ok(Self::Unix(text.into()));
        }
        let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        match port {
            Some(Ok(_)) => Ok(Self::Tcp(text.to_owned())),
            _ => Err(format!("'{text}' is neither a path nor <host>:<port>")),
        }
    }

    /// What a socket answers to one line, to its end.
    ///
    /// # Errors
    /// Why it does not; in [`PATIENCE`] at most.
    pub(super) fn ask(&self, line: &str) -> Result<String, String> {
        let end = Instant::now() + PATIENCE;
        let answer = match self {
            Self::Tcp(address) => tcp(address).and_then(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                talk(stream, line, end)
            }),
            Self::Unix(path) => UnixStream::connect(path).and_then(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                talk(stream, line, end)
            }),
        };
        answer.map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "it does not answer".to_owned(),
            _ => error.to_string(),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

fn tcp(address: &str) -> std::io::Result<TcpStream> {
    let mut last = ErrorKind::AddrNotAvailable.into();
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn talk(mut stream: impl Read + Write, line: &str, end: Instant) -> std::io::Result<String> {
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut bytes = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = match stream.read(&mut piece) {
            Ok(0) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes.extend_from_slice(&piece[..count]);
        if bytes.len() > MAX_ANSWER {
            return Err(std::io::Error::other("its answer has no end"));
        }
        if Instant::now() >= end {
            return Err(ErrorKind::TimedOut.into());
        }
    }
}

/// The runtime socket of this machine: the first path of a `stats socket` in the balancer's
/// configuration, else where packages put it.
pub(super) fn own() -> Place {
    let configured = std::fs::read_to_string(BALANCER).ok();
    let configured = configured.and_then(|text| sockets(&text).0);
    let usual = || USUAL.iter().map(PathBuf::from).find(|path| path.exists());
    let path = configured.or_else(usual);
    Place::Unix(path.unwrap_or_else(|| PathBuf::from(USUAL[0])))
}

/// The partner's: its address as the configuration of addresses has it, with the port of this
/// node's first `stats socket` on TCP, because both run the same configuration of the balancer.
pub(super) fn partner() -> Option<Place> {
    if !Path::new(ADDRESSES).exists() {
        return None;
    }
    let (_, port) = sockets(&std::fs::read_to_string(BALANCER).ok()?);
    let machine = crate::host::Machine::new(None);
    let address = partner_of(&vrrp_config::read(ADDRESSES, &machine).config)?;
    let address = std::net::SocketAddr::new(address, port?);
    Some(Place::Tcp(address.to_string()))
}

/// The partner's address: the handover channel's, else the only unicast peer there is.
pub(super) fn partner_of(config: &Config) -> Option<IpAddr> {
    if let Some(handover) = &config.global.handover {
        return Some(handover.peer.ip());
    }
    let mut peers: Vec<IpAddr> = Vec::new();
    for instance in &config.instances {
        if let Reach::Unicast { peers: some, .. } = &instance.spec.reach {
            peers.extend(some.iter().map(|peer| peer.address));
        }
    }
    peers.sort_unstable();
    peers.dedup();
    match peers.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// The first path and the first TCP port of the `stats socket` lines of a balancer's configuration.
pub(super) fn sockets(text: &str) -> (Option<PathBuf>, Option<u16>) {
    let (mut path, mut port) = (None, None);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if (words.next(), words.next()) != (Some("stats"), Some("socket")) {
            continue;
        }
        let word = words.next().unwrap_or_default();
        let (family, address) = match word.split_once('@') {
            Some((family, address)) => (family, address),
            None if word.starts_with('/') => ("unix", word),
            None => ("ipv4", word),
        };
        match family {
            "unix" if address.starts_with('/') => {
                path.get_or_insert_with(|| PathBuf::from(address));
            }
            "ipv4" | "ipv6" => {
                let found = address.rsplit_once(':').and_then(|(_, p)| p.parse().ok());
                port = port.or(found);
            }
            _ => {}
        }
    }
    (path, port)
}

const ADDRESSES: &str = "/etc/lbd/failover.conf";
const BALANCER: &str = "/etc/lbd/lbd.cfg";
/// Where packages of lbd and of HAProxy put it.
const USUAL: [&str; 2] = ["/run/lbd/admin.sock", "/run/haproxy/admin.sock"];
const CONNECT: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);
/// Ten thousand servers take 4 MB.
const MAX_ANSWER: usize = 64 << 20;
