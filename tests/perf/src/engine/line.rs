//! The socket of a client of the load, in clear or through TLS.
//!
//! It knows no HTTP.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};

/// Encrypted bytes that are given to a session at once.
const CHUNK: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    session: Option<Box<ClientConnection>>,
}

impl Line {
    pub(super) fn clear(stream: TcpStream) -> Self {
        let session = None;
        Self { stream, session }
    }

    pub(super) fn tls(stream: TcpStream, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let name = ServerName::try_from(crate::secure::NAME).map_err(io::Error::other)?;
        let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let session = Some(Box::new(session));
        Ok(Self { stream, session })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn is_tls(&self) -> bool {
        self.session.is_some()
    }

    /// Whether a session was resumed; also true in clear.
    pub(super) fn is_resumed(&self) -> bool {
        let session = self.session.as_ref();
        session.is_none_or(|session| session.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    /// Sends a request, which is far smaller than an empty send buffer; behind a handshake that is
    /// not over it waits. A failure shows as the end of the stream.
    pub(super) fn send(&mut self, request: &[u8]) {
        match &mut self.session {
            None => {
                let _ = self.stream.write(request);
            }
            Some(session) => {
                let _ = session.writer().write(request);
                flush(session, &mut self.stream);
            }
        }
    }

    /// Reads what has come; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &mut self.session else {
            return self.stream.read(buffer);
        };
        loop {
            match session.reader().read(buffer) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            let mut limited = (&mut self.stream).take(CHUNK as u64);
            let read = session.read_tls(&mut limited)?;
            session.process_new_packets().map_err(io::Error::other)?;
            flush(session, &mut self.stream);
            if read == 0 {
                return Ok(0);
            }
        }
    }
}

/// What a handshake sends fits into an empty send buffer.
fn flush(session: &mut ClientConnection, stream: &mut TcpStream) {
    while session.wants_write() && session.write_tls(stream).is_ok_and(|sent| sent > 0) {}
}
