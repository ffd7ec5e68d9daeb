//! The kernel's interfaces, addresses, routes and rules, over a socket that waits for each answer.
//!
//! `netlink-packet-route` and `netlink-sys` are what rtnetlink is made of; without its runtime, so
//! that the timers' thread waits for nobody.

mod address;
mod link;
mod monitor;
mod route;

use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

pub use address::KernelAddress;
pub use link::{KernelLink, Macvlan};
pub use monitor::{Change, Monitor};

/// A socket for requests.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens it.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // A kernel that does not answer must not hold up timers for good.
        let timeout = nix::sys::time::TimeVal::new(0, ANSWER_MICROS);
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::ReceiveTimeout, &timeout)?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Sends a request and waits for its acknowledgement.
    fn request(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.send(message, NLM_F_REQUEST | NLM_F_ACK | flags)?;
        self.answers(|_| {})
    }

    /// Asks for everything of a kind.
    fn dump(
        &mut self,
        message: RouteNetlinkMessage,
        take: impl FnMut(RouteNetlinkMessage),
    ) -> io::Result<()> {
        self.send(message, NLM_F_REQUEST | NLM_F_DUMP)?;
        self.answers(take)
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::from(message));
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        Ok(())
    }

    /// Takes answers until the last one; those to earlier requests are thrown away.
    fn answers(&mut self, mut take: impl FnMut(RouteNetlinkMessage)) -> io::Result<()> {
        for _ in 0..MAX_DATAGRAMS {
            let (bytes, _) = self.socket.recv_from_full()?;
            for message in messages(&bytes) {
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => take(inner),
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => {
                        return match error.code {
                            None => Ok(()),
                            Some(code) => Err(io::Error::from_raw_os_error(code.get().abs())),
                        };
                    }
                    _ => {}
                }
            }
        }
        Err(io::Error::other("netlink: no end of answers"))
    }
}

/// The messages of a datagram; what cannot be read ends it.
fn messages(mut bytes: &[u8]) -> Vec<NetlinkMessage<RouteNetlinkMessage>> {
    let mut messages = Vec::new();
    while bytes.len() >= HEADER {
        let length = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        if length < HEADER || length > bytes.len() {
            break;
        }
        // A kind that the crate does not know is passed over.
        if let Ok(message) = NetlinkMessage::deserialize(&bytes[..length]) {
            messages.push(message);
        }
        let next = length.div_ceil(4) * 4;
        bytes = bytes.get(next..).unwrap_or_default();
    }
    messages
}

/// Whether the error says that it is there already.
pub fn is_there(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::EEXIST)
}

/// Whether the error says that there is no such thing.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(nix::libc::ENOENT | nix::libc::ESRCH | nix::libc::EADDRNOTAVAIL | nix::libc::ENODEV)
    )
}

const HEADER: usize = 16;
/// Datagrams of one answer: a dump of 100,000 routes has about 30,000.
const MAX_DATAGRAMS: usize = 100_000;
/// How long the kernel may take.
const ANSWER_MICROS: i64 = 500_000;
