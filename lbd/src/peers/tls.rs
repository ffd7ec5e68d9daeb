//! TLS of peers' sessions, over the streams that the daemon has made.
//!
//! Certificates and what they must be are the configuration's business.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use lbd_tls::rustls::pki_types::UnixTime;
use lbd_tls::rustls::server::Acceptor;
use lbd_tls::{BindTls, ServerTls};
use peers::{Link, Stream};
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

/// Longest time for the handshake of a peer that calls.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Handshakes under way at once on one listener; who calls beyond them is cut off.
pub(super) const MAX_HANDSHAKES: usize = 64;

/// Speaks TLS with who has called.
///
/// # Errors
/// A handshake that fails, takes too long, or asks for a name that no certificate is for.
pub(super) async fn accept(stream: Box<dyn Stream>, tls: &BindTls) -> io::Result<Link> {
    let handshake = async {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let chosen = tls.choose(&start.client_hello(), UnixTime::now().as_secs());
        let chosen = chosen.ok_or(io::ErrorKind::PermissionDenied)?;
        let verifies = chosen.policy.verifies_clients();
        let stream = start.into_stream(chosen.config).await?;
        io::Result::Ok((stream, verifies))
    };
    let (stream, verifies) = timeout(HANDSHAKE, handshake).await??;
    let is_verified = verifies && stream.get_ref().1.peer_certificates().is_some();
    Ok(Link {
        stream: Box::new(stream),
        is_verified,
    })
}

/// Speaks TLS with who was called.
///
/// # Errors
/// A handshake that fails; the caller bounds its time.
pub(super) async fn connect(stream: Box<dyn Stream>, tls: &ServerTls) -> io::Result<Link> {
    let (config, name) = tls.session(None, None);
    let stream = TlsConnector::from(Arc::clone(&config))
        .connect(name, stream)
        .await?;
    Ok(Link {
        stream: Box::new(stream),
        is_verified: tls.verifies(),
    })
}
