//! The demonstration's web servers: small sites that say who they are.
//!
//! They are real HTTP servers on loopback sockets, each in a thread of its own, so that killing
//! one looks to the balancer like a machine that goes away.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running site; dropping it kills it with all its connections.
pub(super) struct Site {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Requests answered, health checks not counted.
    pub(super) answered: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// Starts a site that calls itself `name` on a free loopback port.
    pub(super) fn start(name: &'static str) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let answered = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let counter = Arc::clone(&answered);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // Leaving the runtime drops every connection in the middle of whatever it does.
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(socket, name, counter) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            answered,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Kills the site: its port refuses and its connections break.
    pub(super) fn kill(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself; then there is nothing to stop.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn serve(socket: std::net::TcpListener, name: &'static str, answered: Arc<AtomicU64>) {
    let Ok(listener) = TcpListener::from_std(socket) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        let answered = Arc::clone(&answered);
        let service = service_fn(move |request| {
            let response = answer(name, &request, &answered);
            async move { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(async move {
            // A broken connection is the client's matter.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(
    name: &'static str,
    request: &Request<Incoming>,
    answered: &AtomicU64,
) -> Response<Full<Bytes>> {
    let is_check = request.uri().path() == "/health";
    if !is_check {
        answered.fetch_add(1, Ordering::Relaxed);
    }
    let client = request.headers().get("x-forwarded-for");
    let client = client
        .and_then(|value| value.to_str().ok())
        .unwrap_or("unknown");
    let body = if is_check {
        "ok\n".to_owned()
    } else {
        format!("hello from {name}, you are {client}\n")
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let headers = response.headers_mut();
    headers.insert(
        "content-type",
        hyper::header::HeaderValue::from_static("text/plain"),
    );
    headers.insert("x-server", hyper::header::HeaderValue::from_static(name));
    response
}
