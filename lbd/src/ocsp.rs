//! Automatic updates of OCSP answers (haproxy 3.4 configuration 12.7.1, `ocsp-update`): when, by
//! HTTP, and a log line for each.
//!
//! Whether an answer is good is `lbd-tls`'s matter; a failed update is tried again later.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use lbd_core::WallTime;
use lbd_http::date::push_log_date;
use lbd_proxy::clock::utc_offset;
use lbd_proxy::log::LogNote;
use lbd_tls::ocsp;
use lbd_tls::store::{OcspView, UpdateStatus};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::run::Daemon;

/// Longest time that one question may take, connection and name included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer.
const MAX_ANSWER: usize = 64 * 1024;
/// Longest request, in base64, that goes into the address (RFC 6960 A.1); longer ones are posted.
const MAX_IN_PATH: usize = 255;
/// Longest sleep between two looks: certificates come and go while running.
const LOOK: i64 = 5;
/// Level of the line about an update.
const NOTICE: u8 = 5;
/// Level of the line about its request.
const INFO: u8 = 6;

/// Answers that an operator wants updated (`update ssl ocsp-response`): who orders does not wait.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// One for each key at most.
    wanted: Mutex<Vec<OcspView>>,
    came: Notify,
}

impl Orders {
    /// Has an answer updated as soon as those before it are.
    pub(crate) fn order(&self, view: OcspView) {
        let mut wanted = self.wanted.lock();
        if wanted.iter().all(|known| known.key != view.key) {
            wanted.push(view);
        }
        drop(wanted);
        self.came.notify_one();
    }

    fn take(&self) -> Vec<OcspView> {
        std::mem::take(&mut *self.wanted.lock())
    }
}

/// Updates what is ordered and what is due for as long as the runtime lives.
pub(crate) async fn run(daemon: Arc<Daemon>) {
    loop {
        let store = Arc::clone(&daemon.config().tls.store);
        for view in daemon.ocsp.take() {
            update(&daemon, &view).await;
        }
        let (due, next) = store.due_answers(now(&daemon));
        for view in due {
            update(&daemon, &view).await;
        }
        let wait = next.map_or(LOOK, |next| next.saturating_sub(now(&daemon)));
        let wait = u64::try_from(wait.clamp(1, LOOK)).unwrap_or(1);
        // Ends early by an order.
        let came = daemon.ocsp.came.notified();
        let _ = tokio::time::timeout(Duration::from_secs(wait), came).await;
    }
}

fn now(daemon: &Daemon) -> i64 {
    i64::try_from(daemon.wall().secs()).unwrap_or(i64::MAX)
}

/// Asks about one certificate, keeps a good answer and writes the line.
async fn update(daemon: &Daemon, view: &OcspView) {
    let config = daemon.config();
    let proxy = config.global.ssl.ocsp_proxy.as_deref();
    let begun = daemon.wall();
    let mut exchange = Exchange::default();
    let asked = tokio::time::timeout(PATIENCE, ask(view, proxy, &mut exchange)).await;
    let asked = asked.unwrap_or(Err(UpdateStatus::Http));
    let answer = asked.as_deref().map_err(|status| *status);
    let store = &config.tls.store;
    let Some((after, why)) = store.updated(&view.key, answer, now(daemon)) else {
        return;
    };
    let detail = why.map(|why| format!(" ({why})")).unwrap_or_default();
    let text = format!(
        "<OCSP-UPDATE> {} {} \"{}{detail}\" {} {}",
        after.path,
        after.status as u8,
        after.status.text(),
        after.failures,
        after.successes
    );
    say(daemon, NOTICE, text.as_bytes());
    if asked.is_err()
        && let Some(line) = exchange.line(begun, daemon.wall())
    {
        say(daemon, INFO, &line);
    }
}

fn say(daemon: &Daemon, level: u8, text: &[u8]) {
    let config = daemon.config();
    let setup = daemon.shared.setup();
    let note = LogNote {
        targets: &config.global.logs,
        level,
        text,
        wall: daemon.wall(),
    };
    // The number after the last worker stands for the control thread.
    setup
        .log
        .note(setup.workers, &daemon.shared.current(), &note);
    setup.log.flush(setup.workers);
}

/// How far an exchange with a responder came.
#[derive(Debug, Default)]
struct Exchange {
    /// The request's address; empty before there is one.
    uri: String,
    is_connected: bool,
    is_answered: bool,
}

impl Exchange {
    /// The line of a request without an answer, as of any other in the reference's `httplog`; an
    /// answer that is no good has none.
    fn line(&self, begun: WallTime, ended: WallTime) -> Option<Vec<u8>> {
        if self.is_answered || self.uri.is_empty() {
            return None;
        }
        let took = ended.0.saturating_sub(begun.0) / 1000;
        let (connect, status, end) = match self.is_connected {
            true => ("0", 502, "SH"),
            false => ("-1", 503, "SC"),
        };
        let mut line = b"-:- [".to_vec();
        push_log_date(&mut line, begun, utc_offset(begun.secs()));
        let rest = format!(
            "] <OCSP-UPDATE> -/- 0/0/{connect}/-1/{took} {status} 0 - - {end}-- 0/0/0/0/0 0/0 {{}} \
             \"GET {} HTTP/1.1\"",
            self.uri
        );
        line.extend_from_slice(rest.as_bytes());
        Some(line)
    }
}

/// Where a responder is.
struct Place<'a> {
    /// Host, with its port when one is said.
    authority: &'a str,
    path: &'a str,
}

impl<'a> Place<'a> {
    fn of(uri: &'a str) -> Option<Self> {
        let rest = uri.strip_prefix("http://")?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let is_good = !authority.is_empty() && is_plain(rest);
        is_good.then_some(Self { authority, path })
    }

    fn address(&self) -> String {
        let has_port = self.authority.rsplit_once(':').is_some_and(|(_, port)| {
            !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        match has_port {
            true => self.authority.to_owned(),
            false => format!("{}:80", self.authority),
        }
    }
}

async fn ask(
    view: &OcspView,
    proxy: Option<&str>,
    done: &mut Exchange,
) -> Result<Vec<u8>, UpdateStatus> {
    const FAILED: UpdateStatus = UpdateStatus::Http;
    let place = view.uri.as_deref().and_then(Place::of).ok_or(FAILED)?;
    let address = place.address();
    let request = request(view, &place, proxy.is_some()).ok_or(FAILED)?;
    done.uri = match proxy {
        Some(_) => request.uri().to_string(),
        None => format!("http://{}{}", place.authority, request.uri()),
    };
    let stream = TcpStream::connect(proxy.unwrap_or(&address));
    let stream = stream.await.map_err(|_| FAILED)?;
    done.is_connected = true;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|_| FAILED)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|_| FAILED)?;
        done.is_answered = true;
        if answer.status() != 200 {
            return Err(FAILED);
        }
        let kind = answer.headers().get("content-type");
        if kind.is_none_or(|kind| kind != "application/ocsp-response") {
            return Err(UpdateStatus::Header);
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        Ok(body.map_err(|_| FAILED)?.to_bytes().to_vec())
    };
    tokio::pin!(exchange);
    tokio::select! {
        done = &mut exchange => done,
        // The connection may end together with the answer.
        _ = connection => exchange.await,
    }
}

fn request(view: &OcspView, place: &Place<'_>, absolute: bool) -> Option<Request<Full<Bytes>>> {
    let der = ocsp::request(&view.key);
    let text = base64::engine::general_purpose::STANDARD.encode(&der);
    let before = match absolute {
        true => format!("http://{}", place.authority),
        false => String::new(),
    };
    let builder = Request::builder().header("host", place.authority);
    let built = if text.len() <= MAX_IN_PATH {
        let text = text
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        let path = place.path.trim_end_matches('/');
        let target = format!("{before}{path}/{text}");
        builder.uri(target).body(Full::default())
    } else {
        let target = format!("{before}{}", place.path);
        let builder = builder.method("POST").uri(target);
        let builder = builder.header("content-type", "application/ocsp-request");
        builder.body(Full::new(Bytes::from(der)))
    };
    built.ok()
}
