//! Where `lbctl` and Prometheus ask.
//!
//! It answers from what the timers' thread says; it changes nothing but by `switchover`.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use vrrp::Command;
use vrrp::engine::{Handle, RouterStatus};

use crate::{dump, metrics};

/// Something that the control side must do, with where the answer goes.
#[derive(Debug)]
pub struct Order {
    /// The words of the request.
    pub words: Vec<String>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<String>,
}

/// Asks the timers' thread; it answers within a round.
pub fn ask(handle: &Handle) -> Option<RouterStatus> {
    let (sender, receiver) = channel();
    handle.send(Command::Status(sender));
    receiver.recv_timeout(ANSWER).ok()
}

/// Listens for `lbctl`.
pub fn listen(path: &Path) -> std::io::Result<UnixListener> {
    let _ = fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Answers `lbctl` for as long as the runtime lives.
pub async fn serve(listener: UnixListener, handle: Handle, orders: mpsc::Sender<Order>) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (handle, orders) = (handle.clone(), orders.clone());
        tokio::task::spawn_local(async move {
            let _ = tokio::time::timeout(REQUEST, answer(stream, &handle, &orders)).await;
            drop(place);
        });
    }
}

async fn answer(stream: UnixStream, handle: &Handle, orders: &mpsc::Sender<Order>) -> Option<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reading = BufReader::new(reading).take(MAX_LINE);
    reading.read_line(&mut line).await.ok()?;
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let text = match words.first().map(String::as_str) {
        Some("status") => match ask(handle) {
            Some(status) => dump::json(&status).to_string(),
            None => "error the timers' thread does not answer".to_owned(),
        },
        Some("metrics") => ask(handle)
            .map(|status| metrics::page(&status))
            .unwrap_or_default(),
        Some("switchover" | "upgrade") => {
            let (sender, receiver) = oneshot::channel();
            let order = Order {
                words,
                answer: sender,
            };
            orders.send(order).await.ok()?;
            receiver
                .await
                .unwrap_or_else(|_| "error no answer".to_owned())
        }
        _ => "error unknown request; there are: status, metrics, switchover, upgrade".to_owned(),
    };
    writing.write_all(text.as_bytes()).await.ok()?;
    writing.write_all(b"\n").await.ok()
}

/// Serves `/metrics`.
pub async fn prometheus(address: SocketAddr, handle: Handle) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let handle = handle.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| respond(request, handle.clone()));
            let connection = hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(REQUEST, connection).await;
            drop(place);
        });
    }
}

async fn respond(
    request: Request<hyper::body::Incoming>,
    handle: Handle,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, text) = match request.uri().path() {
        "/metrics" => match ask(&handle) {
            Some(status) => (200, metrics::page(&status)),
            None => (503, "the timers' thread does not answer\n".to_owned()),
        },
        _ => (404, "there is /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let kind = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4");
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, kind);
    Ok(response)
}

const ANSWER: Duration = Duration::from_millis(500);
const REQUEST: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
const MAX_CLIENTS: usize = 16;
const MAX_LINE: u64 = 4096;
