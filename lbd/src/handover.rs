//! Listening sockets that pass from an old process to a new one: `_getsocks` on a runtime socket with
//! `expose-fd listeners`, and `-x` (haproxy 3.4 management 3). The reference speaks it in both roles.
//!
//! After the line come the number of sockets, then messages of at most [`AT_ONCE`] descriptors, each
//! with the name of its namespace, that of its interface, and four bytes of options; each message
//! is answered with the number of sockets that had come before it.

#![allow(
    unsafe_code,
    reason = "descriptors that the kernel has made for this process"
)]

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use lbd_config::config::{BindOptions, ListenAddress};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use parking_lot::Mutex;
use socket2::SockRef;

use crate::run::Daemon;

/// Descriptors in a message.
const AT_ONCE: usize = 252;
/// Most sockets that are taken: those of a large configuration on many cores.
const MAX_SOCKETS: u32 = 65_536;
/// How long the other side may take for each step.
const PATIENCE: Duration = Duration::from_secs(5);
/// The line that asks.
pub(crate) const QUESTION: &[u8] = b"_getsocks\n";

/// A listening socket on its way.
#[derive(Debug)]
pub(crate) struct Socket {
    /// The socket.
    pub(crate) fd: OwnedFd,
    /// Its network namespace, empty for the process's own.
    pub(crate) namespace: String,
    /// The interface that it is bound to, empty for none.
    pub(crate) interface: String,
}

/// Copies of all listening sockets of this process.
pub(crate) fn all(daemon: &Daemon) -> Vec<Socket> {
    let config = daemon.config();
    let exposed = daemon.shared.expose(PATIENCE);
    let described = exposed.into_iter().filter_map(|exposed| {
        let listener = config.listeners.get(exposed.listener.index())?;
        let binds = &config.proxies.get(listener.proxy.index())?.frontend.binds;
        let options = &binds.get(listener.bind.index())?.options;
        let text = |name: &Option<Box<str>>| name.as_deref().unwrap_or_default().to_owned();
        Some(Socket {
            fd: exposed.fd,
            namespace: text(&options.namespace),
            interface: text(&options.interface),
        })
    });
    described.collect()
}

/// Gives sockets to a process that asked for them.
///
/// # Errors
/// When it leaves, or takes too long.
pub(crate) fn give(stream: &UnixStream, sockets: &[Socket]) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
    (&*stream).write_all(&count.to_ne_bytes())?;
    for batch in sockets.chunks(AT_ONCE) {
        let descriptors: Vec<RawFd> = batch.iter().map(|socket| socket.fd.as_raw_fd()).collect();
        let mut text = Vec::new();
        for socket in batch {
            for name in [&socket.namespace, &socket.interface] {
                let name = &name.as_bytes()[..name.len().min(255)];
                // Cut to what a byte counts just above.
                text.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
                text.extend_from_slice(name);
            }
            text.extend_from_slice(&[0; 4]);
        }
        let rights = [ControlMessage::ScmRights(&descriptors)];
        sendmsg::<()>(
            stream.as_raw_fd(),
            &[IoSlice::new(&text)],
            &rights,
            MsgFlags::empty(),
            None,
        )?;
        (&*stream).read_exact(&mut [0; 4])?;
    }
    Ok(())
}

/// Fetches the listening sockets of the process behind a runtime socket.
///
/// # Errors
/// When it cannot be reached, does not expose them, or speaks otherwise.
pub(crate) fn fetch(path: &Path) -> io::Result<Vec<Socket>> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    ask(&stream)
}

/// The same on a connection that is there.
pub(crate) fn ask(stream: &UnixStream) -> io::Result<Vec<Socket>> {
    (&*stream).write_all(QUESTION)?;
    let mut count = [0; 4];
    (&*stream).read_exact(&mut count)?;
    let count = u32::from_ne_bytes(count);
    if count > MAX_SOCKETS {
        return Err(io::Error::other("this is no number of sockets"));
    }
    let mut sockets = Vec::new();
    while sockets.len() < count as usize {
        let before = i32::try_from(sockets.len()).unwrap_or(i32::MAX);
        let more = receive(stream)?;
        if more.is_empty() {
            return Err(io::Error::other("sockets are missing"));
        }
        sockets.extend(more);
        // Older releases of the reference close behind the last message; if another one is to come,
        // its want shows.
        let _ = (&*stream).write_all(&before.to_ne_bytes());
    }
    Ok(sockets)
}

/// One message.
fn receive(stream: &UnixStream) -> io::Result<Vec<Socket>> {
    let mut text = vec![0; AT_ONCE * (2 * 256 + 4)];
    let mut room = nix::cmsg_space!([RawFd; AT_ONCE]);
    let mut parts = [IoSliceMut::new(&mut text)];
    let message = recvmsg::<()>(
        stream.as_raw_fd(),
        &mut parts,
        Some(&mut room),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let mut descriptors = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(list) = control {
            // SAFETY: the kernel has just made these descriptors for this process; nobody else knows
            // of them.
            descriptors.extend(
                list.into_iter()
                    .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }),
            );
        }
    }
    let len = message.bytes;
    let mut rest = text.get(..len).unwrap_or_default();
    let mut sockets = Vec::with_capacity(descriptors.len());
    for fd in descriptors {
        let short = || io::Error::other("a socket has no description");
        let namespace = name(&mut rest).ok_or_else(short)?;
        let interface = name(&mut rest).ok_or_else(short)?;
        rest = rest.get(4..).ok_or_else(short)?;
        sockets.push(Socket {
            fd,
            namespace,
            interface,
        });
    }
    Ok(sockets)
}

/// A name behind its length.
fn name(rest: &mut &[u8]) -> Option<String> {
    let (&len, after) = rest.split_first()?;
    let name = after.get(..usize::from(len))?;
    *rest = &after[usize::from(len)..];
    Some(String::from_utf8_lossy(name).into_owned())
}

/// The sockets that an old process gave, until lines of the configuration claim them.
#[derive(Debug, Default)]
pub(crate) struct Inherited(Mutex<Vec<Socket>>);

impl Inherited {
    /// Those that came.
    pub(crate) fn new(sockets: Vec<Socket>) -> Self {
        Self(Mutex::new(sockets))
    }

    /// At most `limit` sockets that listen where this line wants to.
    pub(crate) fn claim(
        &self,
        address: &ListenAddress,
        options: &BindOptions,
        limit: usize,
    ) -> Vec<OwnedFd> {
        let mut sockets = self.0.lock();
        let fits = |socket: &mut Socket| {
            socket.namespace == options.namespace.as_deref().unwrap_or_default()
                && socket.interface == options.interface.as_deref().unwrap_or_default()
                && is_at(socket, address)
        };
        let mut claimed: Vec<OwnedFd> = sockets
            .extract_if(.., fits)
            .map(|socket| socket.fd)
            .collect();
        claimed.truncate(limit);
        for fd in &claimed {
            let socket = SockRef::from(fd);
            // As sockets are that this process makes.
            let _ = socket.set_nonblocking(true);
            let _ = socket.set_tcp_nodelay(true);
        }
        claimed
    }
}

/// Whether a socket listens at an address. Paths are bound anew and moved over the old ones, so that
/// the old process does not take them away when it ends.
fn is_at(socket: &Socket, address: &ListenAddress) -> bool {
    let Ok(own) = SockRef::from(&socket.fd).local_addr() else {
        return false;
    };
    match address {
        ListenAddress::Tcp(wanted) => own
            .as_socket()
            .is_some_and(|own: SocketAddr| own == *wanted),
        ListenAddress::Abstract { name, is_padded } => {
            crate::bind::abstract_address(name, *is_padded).is_ok_and(|wanted| {
                own.is_unix() && own.as_abstract_namespace() == wanted.as_abstract_namespace()
            })
        }
        ListenAddress::Unix(_) | ListenAddress::Fd(_) | ListenAddress::SockPair(_) => false,
    }
}

#[cfg(test)]
mod tests;
