//! Who answers for an IPv4 address: asked again and again by ARP, on a thread of its own.
//!
//! It runs in a namespace in which nothing else uses the address, so that its questions teach no
//! client where the address is.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::netns::Lan;

/// One question: when it was asked, and which hardware addresses answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// When.
    pub at: Instant,
    /// Each once, in the order of their answers.
    pub owners: Vec<[u8; 6]>,
}

/// The questions; they end when it is dropped.
#[derive(Debug)]
pub struct Prober {
    probes: Arc<Mutex<Vec<Probe>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Prober {
    /// Asks from a node of the network.
    ///
    /// # Panics
    /// When the socket cannot be opened.
    pub fn start(lan: &Lan, node: &str, address: Ipv4Addr) -> Self {
        let probes: Arc<Mutex<Vec<Probe>>> = Arc::default();
        let end = Arc::new(AtomicBool::new(false));
        let (kept, over) = (Arc::clone(&probes), Arc::clone(&end));
        let thread = lan.within(node, move || {
            let mut asker = Asker::open(address).unwrap_or_else(|e| panic!("ARP: {e}"));
            while !over.load(Ordering::Relaxed) {
                let probe = asker.ask();
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(probe);
                thread::sleep(STEP);
            }
        });
        Self {
            probes,
            end,
            thread: Some(thread),
        }
    }

    /// The questions since then.
    pub fn since(&self, from: Instant) -> Vec<Probe> {
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let first = probes.partition_point(|probe| probe.at < from);
        probes[first..].to_vec()
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How long more than one answered: from each such question to the next question.
pub fn dual(probes: &[Probe]) -> Duration {
    let pairs = probes.iter().zip(probes.iter().skip(1));
    pairs
        .filter(|(probe, _)| probe.owners.len() > 1)
        .map(|(probe, next)| next.at.duration_since(probe.at))
        .sum()
}

/// How often another one answered than before; questions that two or nobody answered are left out.
pub fn changes(probes: &[Probe]) -> u64 {
    let single = probes.iter().filter(|probe| probe.owners.len() == 1);
    let owners: Vec<_> = single.map(|probe| probe.owners[0]).collect();
    owners.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64
}

struct Asker {
    socket: Socket,
    question: Vec<u8>,
    to: SockAddr,
    address: Ipv4Addr,
}

impl Asker {
    fn open(address: Ipv4Addr) -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ETH_P_ARP)))?;
        socket.set_nonblocking(true)?;
        let index = nix::net::if_::if_nametoindex("eth0")?;
        Ok(Self {
            socket,
            question: question(address),
            to: link_address(index)?,
            address,
        })
    }

    fn ask(&mut self) -> Probe {
        let at = Instant::now();
        let mut owners = Vec::new();
        // A question that cannot be sent is one that nobody answers.
        let _ = self.socket.send_to(&self.question, &self.to);
        while at.elapsed() < WINDOW {
            // Timeouts of sockets are counted in ticks of the kernel, which are longer.
            let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut polled, PollTimeout::from(1_u8));
            let mut buffer = [0; 128];
            let read = nix::sys::socket::recv(
                self.socket.as_raw_fd(),
                &mut buffer,
                nix::sys::socket::MsgFlags::empty(),
            );
            let Ok(length) = read else { continue };
            if let Some(owner) = answer(&buffer[..length], self.address)
                && !owners.contains(&owner)
            {
                owners.push(owner);
            }
        }
        Probe { at, owners }
    }
}

/// An ARP request from a host that does not exist.
fn question(address: Ipv4Addr) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(ASKER);
    frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]);
    frame.extend(ASKER);
    frame.extend([10, 77, 0, 99]);
    frame.extend([0; 6]);
    frame.extend(address.octets());
    frame
}

/// The hardware address in an ARP reply that is about this address.
fn answer(frame: &[u8], address: Ipv4Addr) -> Option<[u8; 6]> {
    let is_reply = frame.get(20..22)? == [0, 2] && frame.get(28..32)? == address.octets();
    is_reply
        .then(|| frame.get(22..28)?.try_into().ok())
        .flatten()
}

/// `sockaddr_ll` of an interface.
#[allow(
    unsafe_code,
    reason = "socket2 has no safe way to make one; the storage is zeroed and filled within its length"
)]
fn link_address(index: u32) -> io::Result<SockAddr> {
    let number = i32::try_from(index).map_err(io::Error::other)?;
    // SAFETY: sockaddr_storage is as large and as aligned as every address; all bit patterns of the
    // integers of sockaddr_ll are valid; the length says what was filled in.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = &mut *storage.cast::<nix::libc::sockaddr_ll>();
            link.sll_family = 17;
            link.sll_ifindex = number;
            *length = 20;
            Ok(())
        })?
    };
    Ok(address)
}

/// `ETH_P_ARP` in network order.
const ETH_P_ARP: i32 = 0x0806_u16.to_be() as i32;
const ASKER: [u8; 6] = [0x02, 0x77, 0, 0, 0, 0x99];
/// How long answers are waited for.
const WINDOW: Duration = Duration::from_millis(3);
/// Between the end of one question and the next.
const STEP: Duration = Duration::from_millis(2);
