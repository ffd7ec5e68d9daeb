//! The guardian: a process that outlives a killed or frozen daemon and gives the addresses up for it.
//!
//! It holds, for each instance that is master, the last advertisement (priority 0) ready to be sent
//! and the addresses that are in place. It decides nothing else.
//!
//! That the daemon turns is written into memory that both have, and looked at only when the patience
//! since the last look has passed: neither wakes the other.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::sys::uio::{pread, pwrite};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use vrrp::engine::{Guard, Guarded};
use vrrp::netlink::Netlink;
use vrrp::socket::Voice;
use vrrp_config::config::Address;
use vrrp_proto::packet::Transmit;

use std::os::fd::AsRawFd;

/// The argument that makes a process a guardian.
pub const ARGUMENT: &str = "--be-guardian";

/// The daemon's end of the link.
#[derive(Debug)]
pub struct Link {
    socket: OwnedFd,
    /// Where the time of the last beat is; beats are messages where there is none.
    beats: Option<OwnedFd>,
    /// Beats that the guardian did not take.
    pub missed: u64,
}

/// Starts a guardian.
pub fn start() -> io::Result<(Link, Child)> {
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
    )?;
    let beats = memfd_create(c"lbd-failover beats", MFdFlags::MFD_CLOEXEC)?;
    let child = Command::new(std::env::current_exe()?)
        .arg(ARGUMENT)
        .stdin(Stdio::from(theirs))
        // It prints nothing there.
        .stdout(Stdio::from(beats.try_clone()?))
        .spawn()?;
    let link = Link {
        socket: ours,
        beats: Some(beats),
        missed: 0,
    };
    Ok((link, child))
}

/// Time that all processes of a machine have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(Duration);

impl Moment {
    fn now() -> Self {
        let time = clock_gettime(ClockId::CLOCK_MONOTONIC);
        Self(time.map_or(Duration::ZERO, Duration::from))
    }

    fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }

    fn write(self, file: BorrowedFd<'_>) -> nix::Result<()> {
        let nanos = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        pwrite(file, &nanos.to_ne_bytes(), 0).map(drop)
    }

    /// None before the first beat, and where there is no such memory.
    fn read(file: BorrowedFd<'_>) -> Option<Self> {
        let mut bytes = [0; 8];
        let length = pread(file, &mut bytes, 0).ok()?;
        (length == bytes.len()).then(|| Self(Duration::from_nanos(u64::from_ne_bytes(bytes))))
    }
}

impl Guard for Link {
    fn beat(&mut self, state: Option<&[Guarded]>) {
        if let Some(beats) = &self.beats {
            // A message that says the same follows where it cannot be written.
            let is_written = Moment::now().write(beats.as_fd()).is_ok();
            if is_written && state.is_none() {
                return;
            }
        }
        let text = match state {
            None => "null".to_owned(),
            Some(guarded) => encode(guarded).to_string(),
        };
        // A guardian that does not take it is frozen itself.
        if send(
            self.socket.as_raw_fd(),
            text.as_bytes(),
            MsgFlags::MSG_NOSIGNAL,
        )
        .is_err()
        {
            self.missed += 1;
        }
    }

    fn has_released(&mut self) -> bool {
        let mut has = false;
        let mut buffer = [0; 64];
        while let Ok(length) = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            if length == 0 {
                break;
            }
            has = true;
        }
        has
    }

    fn dismiss(&mut self) {
        self.beat(Some(&[]));
    }

    fn hand_over(&mut self) -> Option<OwnedFd> {
        let text = json!({ "wait": MAX_ABSENCE_MS }).to_string();
        let flags = MsgFlags::MSG_NOSIGNAL;
        send(self.socket.as_raw_fd(), text.as_bytes(), flags).ok()?;
        self.socket.try_clone().ok()
    }
}

impl Link {
    /// The link that the program before this one had.
    pub fn adopt(socket: OwnedFd) -> Self {
        Self {
            socket,
            beats: None,
            missed: 0,
        }
    }
}

fn encode(guarded: &[Guarded]) -> Value {
    let one = |g: &Guarded| {
        let packets = g.packets.iter().map(|packet| {
            json!([
                packet.source.to_string(),
                packet.destination.to_string(),
                packet.hops,
                packet.payload
            ])
        });
        let addresses = g.addresses.iter().map(|(index, address)| {
            json!([
                index,
                address.ip.to_string(),
                address.prefix,
                address.peer.map(|p| p.to_string())
            ])
        });
        json!({
            "name": g.name,
            "interface": g.interface,
            "interval": u64::try_from(g.interval.as_micros()).unwrap_or(u64::MAX),
            "packets": packets.collect::<Vec<_>>(),
            "addresses": addresses.collect::<Vec<_>>(),
        })
    };
    guarded.iter().map(one).collect()
}

fn decode(value: &Value) -> Option<Vec<Guarded>> {
    value.as_array()?.iter().map(decode_one).collect()
}

fn decode_one(value: &Value) -> Option<Guarded> {
    let interface = value.get("interface")?;
    let interface = match interface.as_array() {
        Some(pair) => Some((
            pair.first()?.as_str()?.to_owned(),
            u32::try_from(pair.get(1)?.as_u64()?).ok()?,
        )),
        None => None,
    };
    let packet = |value: &Value| {
        let bytes = value.get(3)?.as_array()?.iter();
        let payload: Option<Vec<u8>> = bytes.map(|b| u8::try_from(b.as_u64()?).ok()).collect();
        Some(Transmit {
            source: value.get(0)?.as_str()?.parse().ok()?,
            destination: value.get(1)?.as_str()?.parse().ok()?,
            hops: u8::try_from(value.get(2)?.as_u64()?).ok()?,
            payload: payload?,
        })
    };
    let address = |value: &Value| {
        let index = u32::try_from(value.get(0)?.as_u64()?).ok()?;
        let mut address = Address::new(
            value.get(1)?.as_str()?.parse().ok()?,
            u8::try_from(value.get(2)?.as_u64()?).ok()?,
        );
        address.peer = value.get(3)?.as_str().and_then(|peer| peer.parse().ok());
        Some((index, address))
    };
    Some(Guarded {
        name: value.get("name")?.as_str()?.to_owned(),
        interface,
        packets: value
            .get("packets")?
            .as_array()?
            .iter()
            .map(packet)
            .collect::<Option<_>>()?,
        addresses: value
            .get("addresses")?
            .as_array()?
            .iter()
            .map(address)
            .collect::<Option<_>>()?,
        interval: Duration::from_micros(value.get("interval")?.as_u64()?),
    })
}

/// Watches over the daemon at the other end of standard input, until it is gone.
pub fn main() -> ExitCode {
    // Signals to the group of processes are about the daemon; the guardian ends when that has ended.
    for signal in [
        nix::sys::signal::Signal::SIGHUP,
        nix::sys::signal::Signal::SIGINT,
        nix::sys::signal::Signal::SIGTERM,
    ] {
        ignore(signal);
    }
    let stdin = io::stdin();
    let beats = io::stdout();
    let mut watched = Watched {
        state: Vec::new(),
        netlink: Netlink::open().ok(),
        beaten: Moment::now(),
        has_released: false,
    };
    let mut buffer = vec![0; BUFFER];
    loop {
        let left = watched
            .patience()
            .map(|patience| patience.saturating_sub(watched.beaten.elapsed()));
        let wait = match left {
            None => PollTimeout::NONE,
            Some(left) => {
                let ms = u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX);
                PollTimeout::from(ms)
            }
        };
        let mut polled = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let asked = Moment::now();
        let _ = poll(&mut polled, wait);
        match watched.read(stdin.as_fd(), &mut buffer) {
            Ok(true) => {}
            Ok(false) => {
                // This process was late itself: the daemon may have been so too.
                let own = left.map_or(Duration::ZERO, |left| asked.elapsed().saturating_sub(left));
                if own > MAX_OWN_LATENESS {
                    watched.beaten = Moment::now();
                    continue;
                }
                if let Some(beaten) = Moment::read(beats.as_fd()) {
                    // An absence that was asked for is in the future.
                    watched.beaten = watched.beaten.max(beaten);
                }
                let is_due = watched
                    .patience()
                    .is_some_and(|p| watched.beaten.elapsed() >= p);
                if is_due && !watched.has_released {
                    watched.release();
                    watched.has_released = true;
                    let _ = send(stdin.as_raw_fd(), b"released", MsgFlags::MSG_NOSIGNAL);
                }
            }
            Err(()) => {
                // The daemon is gone. One that ended in order has nothing left to release.
                watched.release();
                return ExitCode::SUCCESS;
            }
        }
    }
}

#[allow(
    unsafe_code,
    reason = "SIG_IGN is no handler: nothing runs on a signal"
)]
fn ignore(signal: nix::sys::signal::Signal) {
    // SAFETY: ignoring a signal installs no code.
    let _ = unsafe { nix::sys::signal::signal(signal, nix::sys::signal::SigHandler::SigIgn) };
}

struct Watched {
    state: Vec<Guarded>,
    netlink: Option<Netlink>,
    beaten: Moment,
    has_released: bool,
}

impl Watched {
    /// How long the daemon may be silent: so that the addresses are gone before the backup, which
    /// waits for three intervals and its skew, has them. Nothing to release: for ever.
    fn patience(&self) -> Option<Duration> {
        if self.has_released {
            return None;
        }
        let shortest = self.state.iter().map(|g| g.interval).min()?;
        Some((shortest * 5 / 2).max(MIN_PATIENCE))
    }

    /// Takes everything that waits; whether there was something. An error is the daemon's end.
    fn read(&mut self, fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<bool, ()> {
        let mut has_read = false;
        loop {
            match recv(fd.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => return Err(()),
                Ok(length) => {
                    has_read = true;
                    self.beaten = Moment::now();
                    self.has_released = false;
                    let value = serde_json::from_slice(&buffer[..length]).unwrap_or(Value::Null);
                    if let Some(state) = decode(&value) {
                        self.state = state;
                    }
                    // Another program goes on and beats when it is ready.
                    if let Some(ms) = value.get("wait").and_then(Value::as_u64) {
                        let absence = Duration::from_millis(ms.min(MAX_ABSENCE_MS));
                        self.beaten.0 += absence;
                    }
                }
                Err(nix::errno::Errno::EAGAIN) => return Ok(has_read),
                Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return Err(()),
            }
        }
    }

    /// Says on the wire that the addresses are free, then takes them away. Every step is tried.
    fn release(&mut self) {
        for guarded in &self.state {
            for packet in &guarded.packets {
                let interface = guarded.interface.as_ref();
                let interface = interface.map(|(name, index)| (name.as_str(), *index));
                if let Ok(voice) = Voice::open(packet.source, interface) {
                    let _ = voice.send(packet);
                }
            }
            for (index, address) in &guarded.addresses {
                if let Some(netlink) = &mut self.netlink {
                    let _ = netlink.remove_address(*index, address);
                }
            }
            eprintln!("lbd-failover: guardian: released {}", guarded.name);
        }
    }
}

/// Larger than what a seqpacket socket takes by default.
const BUFFER: usize = 256 * 1024;
/// Below this a busy machine would be taken for a frozen daemon.
const MIN_PATIENCE: Duration = Duration::from_millis(150);
/// How long a program that goes on may take to begin.
const MAX_ABSENCE_MS: u64 = 5000;
const MAX_OWN_LATENESS: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
