//! TLS over the connection of a check.
//!
//! Sessions are made by the server's own settings; nothing is judged here but the handshake.

use std::io::{self, Read as _, Write as _};

use lbd_config::config::ServerSslSpec;
use lbd_proxy::{ServerSession, Watch};
use lbd_tls::rustls::{self, Connection};

use super::link::Link;
use super::target::Cover;

/// A connection that speaks TLS.
pub(super) struct Secure {
    link: Link,
    session: Connection,
    /// What passes by of the handshake.
    watch: Option<Watch>,
}

impl Secure {
    /// Speaks TLS over `link`, and what is known of the session; the error's text is for `L6RSP`.
    pub(super) async fn begin(
        link: Link,
        ssl: &ServerSslSpec,
        cover: &Cover,
    ) -> Result<(Self, ServerSession), String> {
        let alpn = cover.alpn.as_deref();
        let alpn: Option<Vec<&[u8]>> = alpn.map(|list| list.iter().map(Vec::as_slice).collect());
        let session = ssl
            .tls
            .connect(cover.sni.as_deref(), alpn.as_deref(), false);
        let session = session.map_err(|error| error.to_string())?;
        let mut secure = Self {
            link,
            session: session.into(),
            watch: Some(Watch::default()),
        };
        secure.handshake().await.map_err(|error| text(&error))?;
        let watch = secure.watch.take().unwrap_or_default();
        let told = watch.end(&mut secure.session, cover.sni.as_deref());
        Ok((secure, told))
    }

    async fn handshake(&mut self) -> io::Result<()> {
        loop {
            self.flush().await?;
            if !self.session.is_handshaking() {
                return Ok(());
            }
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Gives rustls what the connection has.
    async fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; READ];
        let count = self.link.read(&mut buffer).await?;
        let mut bytes = &buffer[..count];
        if let Some(watch) = &mut self.watch {
            watch.received(bytes);
        }
        while !bytes.is_empty() {
            if self.session.read_tls(&mut bytes)? == 0 {
                break;
            }
            if let Err(error) = self.session.process_new_packets() {
                // The server is told why.
                let _ = self.flush().await;
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
            if let Some(watch) = &mut self.watch {
                watch.was_read();
            }
        }
        Ok(count)
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut out = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut out)?;
        }
        if let Some(watch) = self.watch.as_mut().filter(|_| !out.is_empty()) {
            watch.sent(&out);
        }
        self.link.write_all(&out).await
    }

    /// Whether HTTP/2 was agreed on.
    pub(super) fn is_h2(&self) -> bool {
        self.session.alpn_protocol() == Some(b"h2")
    }

    /// Reads clear bytes; 0 at the end.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            if self.fill().await? == 0 {
                return Ok(0);
            }
            self.flush().await?;
        }
    }

    /// Writes all of `bytes`.
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.chunks(WRITE) {
            self.session.writer().write_all(part)?;
            self.flush().await?;
        }
        Ok(())
    }

    /// Closes as the connection below is to be closed.
    pub(super) fn close(self, in_order: bool) {
        self.link.close(in_order);
    }
}

/// The reference's words for a failed handshake.
fn text(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForName)) => {
            "Server presented an SSL certificate different from the configured one".to_owned()
        }
        Some(error) => format!("SSL handshake failure ({error})"),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "Connection closed during SSL handshake".to_owned()
        }
        None => "Connection error during SSL handshake".to_owned(),
    }
}

/// Bytes read at once: rustls takes no more.
const READ: usize = 4096;

/// Bytes encrypted at once.
const WRITE: usize = 16_384;
