//! The two directions of a connection.
//!
//! They share nothing but the section.

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use peers_proto::ConnId;
use peers_proto::section::Input;

use super::{Line, Peers, Stream};

/// Gives the section what comes, until the stream ends.
pub(crate) async fn receive(peers: &Peers, id: ConnId, mut reader: ReadHalf<Box<dyn Stream>>) {
    let mut bytes = vec![0; READ];
    while let Ok(read @ 1..) = reader.read(&mut bytes).await {
        let now = peers.0.dial.now();
        peers
            .0
            .section
            .borrow_mut()
            .receive(now, id, &bytes[..read]);
        peers.act();
    }
}

/// Sends what the section has, until it says that the connection is over.
pub(crate) async fn send(
    peers: &Peers,
    id: ConnId,
    line: &Line,
    mut writer: WriteHalf<Box<dyn Stream>>,
) {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if let Some(outgoing) = peers.0.section.borrow_mut().outgoing(id) {
            std::mem::swap(outgoing, &mut bytes);
        }
        if bytes.is_empty() {
            if line.is_over.get() {
                let _ = writer.shutdown().await;
                return;
            }
            line.wake.notified().await;
            continue;
        }
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
        // There is room again.
        peers.handle(Input::Tick);
    }
}

/// Bytes read at once.
const READ: usize = 64 * 1024;
