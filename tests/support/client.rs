//! A raw HTTP/1 client: it sends the bytes that a test gives and reads one response at a time.
//!
//! It corrects nothing and adds no header of its own but `host` in [`Client::get`].

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::thread;
use std::time::Duration;

use crate::message::{Input, ReadError, Response};
use crate::stream::Stream;

/// How long a client waits for bytes unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that start a PROXY protocol v2 header.
const PROXY_V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// A connection to a proxy or server.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    input: Input,
    address: String,
}

impl Client {
    /// Connects to `127.0.0.1:PORT` or to the path of a unix socket.
    ///
    /// # Panics
    /// When nothing accepts there.
    #[track_caller]
    pub fn connect(address: impl ToString) -> Self {
        let address = address.to_string();
        match Self::try_connect(&address) {
            Ok(client) => client,
            Err(e) => panic!("connect to {address}: {e}"),
        }
    }

    /// Like [`Client::connect`], for a test that expects a refusal.
    pub fn try_connect(address: impl ToString) -> io::Result<Self> {
        let address = address.to_string();
        let stream = Stream::connect(&address, TIMEOUT)?;
        stream.set_timeout(TIMEOUT)?;
        Ok(Self {
            stream,
            input: Input::default(),
            address,
        })
    }

    /// Bounds the wait of each later read and write.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        self.stream
            .set_timeout(timeout)
            .expect("a timeout above zero can be set");
        self
    }

    /// One GET on a connection of its own, closed afterwards.
    #[track_caller]
    pub fn fetch(address: impl ToString, target: &str) -> Response {
        let mut client = Self::connect(address);
        let host = client.address.clone();
        client.send(format!(
            "GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        ));
        client.response()
    }

    /// One request on a connection of its own: `head` without the empty line.
    #[track_caller]
    pub fn exchange(address: impl ToString, head: &str) -> Response {
        let mut client = Self::connect(address);
        client.request(head)
    }

    /// A GET that leaves the connection open.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        let host = self.address.clone();
        self.request(&format!("GET {target} HTTP/1.1\r\nhost: {host}"))
    }

    /// Sends a head given without its empty line, and reads the response to it.
    #[track_caller]
    pub fn request(&mut self, head: &str) -> Response {
        self.send(format!("{}\r\n\r\n", head.trim_end()));
        let method = head.split(' ').next().unwrap_or_default();
        self.response_to(method)
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the peer has closed.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        if let Err(e) = self.try_send(bytes) {
            panic!("send to {}: {e}", self.address);
        }
    }

    /// Like [`Client::send`], for a test in which the peer may have closed.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends `piece` bytes at a time with a pause after each.
    #[track_caller]
    pub fn send_slowly(&mut self, bytes: impl AsRef<[u8]>, piece: usize, pause: Duration) {
        for part in bytes.as_ref().chunks(piece.max(1)) {
            self.send(part);
            thread::sleep(pause);
        }
    }

    /// Sends a PROXY protocol v1 line.
    #[track_caller]
    pub fn send_proxy_v1(&mut self, source: SocketAddr, destination: SocketAddr) {
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        let (from, to) = (source.ip(), destination.ip());
        let (from_port, to_port) = (source.port(), destination.port());
        self.send(format!(
            "PROXY {family} {from} {to} {from_port} {to_port}\r\n"
        ));
    }

    /// Sends a PROXY protocol v2 header; `tlvs` go behind the addresses as they are.
    #[track_caller]
    pub fn send_proxy_v2(&mut self, source: SocketAddr, destination: SocketAddr, tlvs: &[u8]) {
        self.send(proxy_v2(source, destination, tlvs));
    }

    /// The next response to a GET.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The next response to a request of this method (one to HEAD has no body).
    #[track_caller]
    pub fn response_to(&mut self, method: &str) -> Response {
        match self.try_response(method) {
            Ok(response) => response,
            Err(e) => panic!("no response to {method} from {}: {e}", self.address),
        }
    }

    /// Like [`Client::response_to`], for a test in which none may come.
    pub fn try_response(&mut self, method: &str) -> Result<Response, ReadError> {
        self.input.response(&mut self.stream, method)
    }

    /// Reads some bytes: what has come, at least one, at most 64 KiB; empty at the end.
    pub fn read_some(&mut self) -> io::Result<Vec<u8>> {
        let kept = self.input.take();
        if !kept.is_empty() {
            return Ok(kept);
        }
        let mut buffer = vec![0; 64 << 10];
        let count = self.stream.read(&mut buffer)?;
        buffer.truncate(count);
        Ok(buffer)
    }

    /// Reads exactly `count` bytes.
    #[track_caller]
    pub fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = self.input.take();
        let kept = bytes.len().min(count);
        assert_eq!(
            kept,
            bytes.len(),
            "more bytes than asked for had been read before"
        );
        bytes.resize(count, 0);
        if let Err(e) = self.stream.read_exact(&mut bytes[kept..]) {
            panic!("read {count} bytes from {}: {e}", self.address);
        }
        bytes
    }

    /// All bytes until the peer closes or resets.
    ///
    /// # Panics
    /// When the peer does neither within the client's timeout.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = self.input.take();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => bytes,
            Err(e) if is_closed(&e) => bytes,
            Err(e) => panic!(
                "{} did not close: {e}; it sent {} bytes",
                self.address,
                bytes.len()
            ),
        }
    }

    /// Whether the peer closes or resets within `timeout` without sending another byte.
    pub fn is_closed_within(&mut self, timeout: Duration) -> bool {
        if !self.input.take().is_empty() || self.stream.set_timeout(timeout).is_err() {
            return false;
        }
        let closed = match self.stream.read(&mut [0]) {
            Ok(count) => count == 0,
            Err(e) => is_closed(&e),
        };
        // The default again: the value that was set before is not kept.
        let _ = self.stream.set_timeout(TIMEOUT);
        closed
    }

    /// Says that nothing more will be sent; reading goes on.
    pub fn finish_sending(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Leaves with a TCP reset.
    pub fn reset(self) {
        self.stream.reset();
    }

    /// The address this client comes from.
    pub fn local(&self) -> String {
        self.stream.local()
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// A PROXY protocol v2 header of a proxied stream (HAProxy's proxy-protocol.txt, section 2.2).
///
/// # Panics
/// When the families differ or `tlvs` is too long.
pub fn proxy_v2(source: SocketAddr, destination: SocketAddr, tlvs: &[u8]) -> Vec<u8> {
    let mut addresses = Vec::new();
    let family = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            addresses.extend_from_slice(&from.octets());
            addresses.extend_from_slice(&to.octets());
            0x11
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            addresses.extend_from_slice(&from.octets());
            addresses.extend_from_slice(&to.octets());
            0x21
        }
        _ => panic!("source and destination of one family"),
    };
    addresses.extend_from_slice(&source.port().to_be_bytes());
    addresses.extend_from_slice(&destination.port().to_be_bytes());
    addresses.extend_from_slice(tlvs);
    let length = u16::try_from(addresses.len()).expect("a header of less than 64 KiB");
    let mut header = PROXY_V2_SIGNATURE.to_vec();
    header.extend_from_slice(&[0x21, family]);
    header.extend_from_slice(&length.to_be_bytes());
    header.extend_from_slice(&addresses);
    header
}

#[cfg(test)]
mod tests;
