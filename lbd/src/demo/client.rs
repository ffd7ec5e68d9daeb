//! The demonstration's own client: a few keep-alive connections that count what they get.
//!
//! It knows only the balancer's address.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What a round of requests brought.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    /// Good answers by server.
    pub(super) by_server: BTreeMap<String, u64>,
    /// Requests without a good answer: why, and how often.
    pub(super) failed: BTreeMap<String, u64>,
}

impl Tally {
    /// Number of failed requests.
    pub(super) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    fn merge(&mut self, other: Self) {
        for (server, count) in other.by_server {
            *self.by_server.entry(server).or_default() += count;
        }
        for (reason, count) in other.failed {
            *self.failed.entry(reason).or_default() += count;
        }
    }
}

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends `each` requests on each of `connections` connections, `pause` apart.
pub(super) async fn send(
    balancer: SocketAddr,
    connections: usize,
    each: usize,
    pause: Duration,
) -> Tally {
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(converse(balancer, each, pause)))
        .collect();
    let mut tally = Tally::default();
    for task in tasks {
        match task.await {
            Ok(part) => tally.merge(part),
            Err(error) => *tally.failed.entry(error.to_string()).or_default() += each as u64,
        }
    }
    tally
}

async fn converse(balancer: SocketAddr, requests: usize, pause: Duration) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    for _ in 0..requests {
        match tokio::time::timeout(PATIENCE, one(balancer, &mut connection)).await {
            Ok(Ok(server)) => *tally.by_server.entry(server).or_default() += 1,
            Ok(Err(reason)) => {
                connection = None;
                *tally.failed.entry(reason).or_default() += 1;
            }
            Err(_) => {
                connection = None;
                *tally
                    .failed
                    .entry("no answer in time".to_owned())
                    .or_default() += 1;
            }
        }
        tokio::time::sleep(pause).await;
    }
    tally
}

type Connection = SendRequest<Empty<Bytes>>;

/// One request; gives the name of the server that answered it.
async fn one(balancer: SocketAddr, slot: &mut Option<Connection>) -> Result<String, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let usable = slot.take().filter(|connection| !connection.is_closed());
    let mut connection = match usable {
        Some(connection) => connection,
        None => {
            let stream = TcpStream::connect(balancer)
                .await
                .map_err(|error| text(&error))?;
            let (sender, driver) = handshake(TokioIo::new(stream))
                .await
                .map_err(|error| text(&error))?;
            // Ends with the connection.
            tokio::spawn(driver);
            sender
        }
    };
    connection.ready().await.map_err(|error| text(&error))?;
    let request = Request::get("/")
        .header("host", balancer.to_string())
        .body(Empty::new())
        .map_err(|error| text(&error))?;
    let response = connection
        .send_request(request)
        .await
        .map_err(|error| text(&error))?;
    let status = response.status();
    let server = response
        .headers()
        .get("x-server")
        .and_then(|name| name.to_str().ok());
    let server = server.unwrap_or("(no name)").to_owned();
    response
        .into_body()
        .collect()
        .await
        .map_err(|error| text(&error))?;
    *slot = Some(connection);
    if status == 200 {
        Ok(server)
    } else {
        Err(format!("status {}", status.as_u16()))
    }
}
