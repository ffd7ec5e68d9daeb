//! Calls to the peers of a section, and words to operators about its sessions.
//!
//! What is said on a connection is `peers-proto`'s business.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::sync::Arc;

use ::peers::proto::section::Event;
use ::peers::proto::words::Word;
use lbd_config::config::{PeersSpec, ServerAddress};
use lbd_core::Time;
use lbd_proxy::log::LogNote;
use peers::{Dial, Dialling, Link, Stream};
use tokio::net::{TcpStream, UnixStream};

use super::{obey, tls};
use crate::check::wall;
use crate::report;
use crate::run::Daemon;

/// Calls the peers of a section.
pub(super) struct Caller {
    pub(super) daemon: Arc<Daemon>,
    pub(super) section: PeersSpec,
}

impl Caller {
    /// A line to the terminal and to the section's logs.
    fn line(&self, level: u8, text: &str) {
        match level {
            NOTICE => report::notice(text),
            _ => report::warning(text),
        }
        if self.section.logs.is_empty() {
            return;
        }
        let setup = self.daemon.shared.setup();
        // The number after the last worker stands for the control thread.
        let writer = setup.workers;
        let generation = self.daemon.shared.current();
        let line = LogNote {
            targets: &self.section.logs,
            level,
            text: text.as_bytes(),
            wall: wall(),
        };
        setup.log.note(writer, &generation, &line);
        setup.log.flush(writer);
    }
}

impl Dial for Caller {
    fn dial(&self, peer: usize) -> Dialling {
        let peer = self.section.peers.get(peer);
        let address = peer.map(|peer| peer.address.clone());
        let tls = peer.and_then(|peer| peer.tls.clone());
        Box::pin(async move {
            let stream = connect(address).await?;
            match tls {
                Some(tls) => tls::connect(stream, &tls).await,
                None => Ok(clear(stream)),
            }
        })
    }

    fn now(&self) -> Time {
        self.daemon.shared.now()
    }

    fn obey(&self, word: &Word) {
        obey::obey(&self.daemon, word);
    }

    fn tell(&self, event: &Event) {
        let section = &self.section.name;
        match event {
            Event::Up(peer) => {
                let text = format!("Peers section '{section}': session with '{peer}'.");
                self.line(NOTICE, &text);
            }
            Event::Down(peer) => self.line(
                WARNING,
                &format!("Peers section '{section}': session with '{peer}' has ended."),
            ),
            Event::Refused(peer, code) => self.line(
                WARNING,
                &format!("Peers section '{section}': '{peer}' refuses this node with code {code}."),
            ),
            Event::Mismatch(peer, table) => self.line(
                WARNING,
                &format!(
                    "Peers section '{section}': table '{table}' of '{peer}' has another type or \
                     length of keys; its updates are passed over."
                ),
            ),
        }
    }
}

/// A stream whose other end may be anybody's.
pub(super) fn clear(stream: Box<dyn Stream>) -> Link {
    Link {
        stream,
        is_verified: false,
    }
}

async fn connect(address: Option<ServerAddress>) -> io::Result<Box<dyn Stream>> {
    Ok(match address {
        Some(ServerAddress::Inet(address)) => {
            let stream = TcpStream::connect(address).await?;
            let _ = stream.set_nodelay(true);
            Box::new(stream)
        }
        Some(ServerAddress::Unix(path)) => Box::new(UnixStream::connect(path).await?),
        Some(ServerAddress::Abstract { name, .. }) => {
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            let stream = std::os::unix::net::UnixStream::connect_addr(&address)?;
            stream.set_nonblocking(true)?;
            Box::new(UnixStream::from_std(stream)?)
        }
        _ => return Err(io::ErrorKind::AddrNotAvailable.into()),
    })
}

/// Syslog level of sessions that begin.
const NOTICE: u8 = 5;
/// Syslog level of what operators must look at.
const WARNING: u8 = 4;
