//! The two directions of a connection.
//!
//! They share nothing but the section.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::task::Poll;

use tokio::io::{AsyncReadExt, ReadHalf};

use peers_proto::ConnId;
use peers_proto::section::Input;

use super::core::Line;
use super::{Peers, Stream};

/// Gives the section what comes, until the stream ends.
pub(crate) async fn receive(peers: &Peers, id: ConnId, mut reader: ReadHalf<Box<dyn Stream>>) {
    let mut bytes = vec![0; READ];
    while let Ok(read @ 1..) = reader.read(&mut bytes).await {
        for part in bytes[..read].chunks(SLICE) {
            let now = peers.0.dial.now();
            peers.0.core.state.lock().section.receive(now, id, part);
            peers.act();
            // A lesson of a million entries is in the way of nobody.
            tokio::task::yield_now().await;
        }
    }
}

/// Sends what the section has, until it says that the connection is over.
pub(crate) async fn send(peers: &Peers, id: ConnId, line: &Line) {
    let state = &peers.0.core.state;
    loop {
        match poll_fn(|cx| state.lock().poll_send(id, cx)).await {
            // There is room again.
            Ok(true) => peers.handle(Input::Tick),
            Ok(false) if line.is_over.load(Ordering::Relaxed) => {
                // It is over, whether the other side hears so or not.
                let _ = poll_fn(|cx| match state.lock().lines.get_mut(&id) {
                    Some(outgoing) => outgoing.poll_shutdown(cx),
                    None => Poll::Ready(Ok(())),
                })
                .await;
                return;
            }
            Ok(false) => line.wake.notified().await,
            Err(_) => return,
        }
    }
}

/// Bytes read at once.
const READ: usize = 64 * 1024;

/// Bytes that the section is given at once: other threads wait for it meanwhile.
const SLICE: usize = 16 * 1024;
