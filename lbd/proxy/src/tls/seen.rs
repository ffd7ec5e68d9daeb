//! What passes by of a handshake that rustls does not tell: the randoms, the session's id, the
//! client's first message, and the secrets.
//!
//! It lives as long as the handshake; who looks at the session takes from it what is to stay.

use lbd_tls::hello::{self, RANDOM_LEN};
use lbd_tls::keylog::{self, Secrets};

/// Bytes of a server within which its hello is looked for; a request to try again may come first.
const MOST: usize = 2048;

/// What was seen of a handshake.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Records of a client's first message.
    pub(crate) hello: Vec<u8>,
    /// The client's random.
    pub(crate) client_random: Option<[u8; RANDOM_LEN]>,
    /// The server's random and the session's id.
    pub(crate) server: Option<([u8; RANDOM_LEN], Box<[u8]>)>,
    /// The secrets of the session.
    pub(crate) secrets: Option<Box<Secrets>>,
    /// What a server sent, until its hello is complete; its room is none when nothing is awaited.
    arrived: Vec<u8>,
}

impl Seen {
    /// A client's first message came in these records.
    pub(crate) fn hello(records: Vec<u8>) -> Self {
        Self {
            client_random: hello::client_random(&records),
            hello: records,
            ..Self::default()
        }
    }

    /// We send a part of the handshake, which begins with a record.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        match self.client_random {
            None => self.client_random = hello::client_random(bytes),
            Some(_) if self.server.is_none() => self.server = hello::server_hello(bytes),
            Some(_) => {}
        }
    }

    /// A server sent a part of the handshake.
    pub(crate) fn received(&mut self, bytes: &[u8]) {
        if self.server.is_some() {
            return;
        }
        let room = MOST - self.arrived.len().min(MOST);
        self.arrived
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.server = hello::server_hello(&self.arrived);
        if self.server.is_some() {
            self.arrived = Vec::new();
        }
    }

    /// rustls has read something: it may have told secrets.
    pub(crate) fn take_secrets(&mut self) {
        if let Some(random) = &self.client_random {
            keylog::take(random, &mut self.secrets);
        }
    }
}
