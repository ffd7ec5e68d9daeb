//! How a session begins: the client's first message, the choice of a certificate, refusals, the
//! rest of the handshake.
//!
//! Which certificate it is, others choose.

use std::io::IoSlice;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use lbd_rules::facts::Early;
use lbd_tls::hello::{self, Hello};
use lbd_tls::rustls::server::{Accepted, AcceptedAlert};
use lbd_tls::rustls::{Connection, Error, PeerIncompatible, ServerConfig};

use super::{Fault, HELLO_READ, Seen, Stage, TlsStream};
use crate::sys;

impl TlsStream {
    /// From now on a client is to speak TLS; `first` came already.
    pub(crate) fn expect_hello(&self, first: &[u8]) {
        self.pending.borrow_mut().extend_from_slice(first);
        *self.stage.borrow_mut() = Stage::Hello(Box::default(), Vec::new());
    }

    /// From now on we speak TLS to a server.
    pub(crate) fn begin(&self, mut connection: Connection) {
        *self.seen.borrow_mut() = Some(Box::default());
        if let Connection::Client(client) = &mut connection {
            self.early.may_send.set(client.early_data().is_some());
        }
        self.go_on(connection);
    }

    fn go_on(&self, mut connection: Connection) {
        connection.set_buffer_limit(None);
        *self.stage.borrow_mut() = Stage::On(Box::new(connection));
    }

    /// Waits for a client's first message.
    pub(crate) fn poll_hello(&self, cx: &mut Context<'_>) -> Poll<Result<Box<Accepted>, Fault>> {
        loop {
            let mut stage = self.stage.borrow_mut();
            let Stage::Hello(acceptor, records) = &mut *stage else {
                return Poll::Ready(Err(Fault::Closed));
            };
            let mut pending = self.pending.borrow_mut();
            if let Some(fault) = http(&pending) {
                return Poll::Ready(Err(fault));
            }
            while !pending.is_empty() {
                let mut bytes = &pending[..];
                let read = acceptor.read_tls(&mut bytes).map_err(|_| Fault::Io)?;
                records.extend(pending.drain(..read));
                let accepted = acceptor.accept();
                if !matches!(accepted, Ok(None)) {
                    let seen = Seen::hello(std::mem::take(records));
                    *self.seen.borrow_mut() = Some(Box::new(seen));
                }
                match accepted {
                    Ok(Some(accepted)) => {
                        *stage = Stage::Chosen;
                        return Poll::Ready(Ok(Box::new(accepted)));
                    }
                    Ok(None) => {}
                    Err((error, alert)) => return Poll::Ready(Err(self.refused(error, alert))),
                }
            }
            let read = ready!(self.poll_socket(cx, HELLO_READ, &mut pending));
            match read {
                Ok(0) => return Poll::Ready(Err(Fault::Closed)),
                Ok(_) => {}
                Err(_) => return Poll::Ready(Err(Fault::Io)),
            }
        }
    }

    /// Goes on with a certificate.
    ///
    /// # Errors
    /// When the client's message does not agree with the settings; it has been told.
    pub(crate) fn choose(
        &self,
        accepted: Accepted,
        config: Arc<ServerConfig>,
    ) -> Result<(), Fault> {
        match accepted.into_connection(config) {
            Ok(connection) => {
                self.with_seen(Seen::take_secrets);
                self.go_on(connection.into());
                // What came behind the client's message was taken with it.
                let processed = self.with(|connection| connection.process_new_packets());
                match processed {
                    Some(Err(error)) => {
                        *self.error.borrow_mut() = Some(error.clone());
                        let _ = self.push(false);
                        Err(Fault::Tls(error))
                    }
                    _ => Ok(()),
                }
            }
            Err((error, alert)) => Err(self.refused(error, alert)),
        }
    }

    /// Tells the client that no certificate is for it.
    pub(crate) fn refuse_name(&self) -> Fault {
        self.send_alert(UNRECOGNIZED_NAME);
        Fault::NoCertificate
    }

    /// Tells the client that it need not have offered less than it can.
    pub(crate) fn refuse_fallback(&self) -> Fault {
        self.send_alert(INAPPROPRIATE_FALLBACK);
        Fault::Fallback
    }

    /// Sends a fatal alert (RFC 8446 6.2), if the socket takes it at once.
    fn send_alert(&self, description: u8) {
        let record = [21, 3, 3, 0, 2, 2, description];
        let socket = self.socket.get_ref().as_fd();
        let _ = sys::send(socket, &[IoSlice::new(&record)], false);
    }

    fn refused(&self, error: Error, mut alert: AcceptedAlert) -> Fault {
        let seen = self.with_hello(|hello| {
            let knows_13 = hello.extension(hello::SUPPORTED_VERSIONS).is_some();
            (hello.version < TLS12, knows_13)
        });
        let (is_old, knows_13) = seen.unwrap_or((false, true));
        // rustls looks for what TLS 1.2 needs first, and says that it is missing.
        if is_old && matches!(error, Error::PeerIncompatible(_)) {
            self.send_alert(PROTOCOL_VERSION);
            let error = Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered);
            *self.error.borrow_mut() = Some(error.clone());
            return Fault::Tls(error);
        }
        // Groups belong to suites in TLS 1.2: without one of both no suite is left.
        let error = match error {
            Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon) if !knows_13 => {
                Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)
            }
            error => error,
        };
        let mut bytes = Vec::new();
        let _ = alert.write_all(&mut bytes);
        let socket = self.socket.get_ref().as_fd();
        let _ = sys::send(socket, &[IoSlice::new(&bytes)], false);
        *self.error.borrow_mut() = Some(error.clone());
        Fault::Tls(error)
    }

    /// Waits for the end of the handshake.
    pub(crate) fn poll_handshake(&self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        loop {
            let flushed = self.poll_flush(cx, false);
            if let Poll::Ready(Err(_)) = flushed {
                return Poll::Ready(Err(Fault::Io));
            }
            let is_done = self.early.may_send.get() || self.may_begin();
            if is_done && flushed.is_ready() {
                return Poll::Ready(Ok(()));
            }
            if is_done {
                return Poll::Pending;
            }
            match ready!(self.poll_feed(cx, HELLO_READ, &mut [])) {
                Ok((0, _)) => return Poll::Ready(Err(Fault::Broken)),
                Ok(_) => {}
                Err(_) => {
                    let kept = self.error.borrow().clone();
                    return Poll::Ready(Err(kept.map_or(Fault::Broken, Fault::Tls)));
                }
            }
        }
    }

    /// Whether requests may be read: after the handshake, or early data may come before its end.
    /// As in the reference not without a protocol agreed on by ALPN.
    fn may_begin(&self) -> bool {
        let begins = self.with(|connection| {
            let is_pending = connection.is_handshaking();
            let mut agreed = false;
            if let Connection::Server(server) = &mut *connection
                && server.early_data().is_some()
            {
                let mut early = self.early.received.borrow_mut();
                early.get_or_insert_with(|| Rc::new(Early::new(is_pending)));
                agreed = true;
            }
            if agreed {
                self.has_plain.set(true);
            }
            !is_pending || (agreed && connection.alpn_protocol().is_some())
        });
        begins.unwrap_or(true)
    }

    /// Looks at the client's first message, when it came whole.
    pub(crate) fn with_hello<T>(&self, look: impl FnOnce(&Hello<'_>) -> T) -> Option<T> {
        let seen = self.seen.borrow();
        let content = hello::handshake_bytes(&seen.as_ref()?.hello);
        let hello = hello::message(&content, hello::CLIENT_HELLO).and_then(Hello::parse)?;
        Some(look(&hello))
    }
}

/// Whether a client begins as HTTP clients do that were not told to speak TLS.
fn http(bytes: &[u8]) -> Option<Fault> {
    const METHODS: [&[u8]; 4] = [b"GET ", b"POST ", b"HEAD ", b"PUT "];
    if bytes.starts_with(b"CONNECT ") {
        return Some(Fault::HttpProxy);
    }
    let is_method = METHODS.iter().any(|method| bytes.starts_with(method));
    is_method.then_some(Fault::Http)
}

/// The version of TLS 1.2 in messages.
const TLS12: [u8; 2] = [3, 3];

/// The alert for a client that is too old (RFC 5246 E.1).
const PROTOCOL_VERSION: u8 = 70;

/// The alert for a name that no certificate is for (RFC 6066 3).
const UNRECOGNIZED_NAME: u8 = 112;

/// The alert for a client that could have offered more (RFC 7507 3).
const INAPPROPRIATE_FALLBACK: u8 = 86;
