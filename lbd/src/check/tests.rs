//! The runner on loopback sockets: what it connects to, sends, reports and applies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lbd_backend::State;
use lbd_backend::check::Connect;
use lbd_backend::health::{Observation, Which};
use lbd_config::config::{Config, ServerAddress, ServerSpec};
use lbd_config::host::MemoryHost;
use lbd_core::{ProxyId, ServerId};
use lbd_proxy::log::{LogLine, LogNote, LogSink};
use lbd_proxy::state::{Generation, Observer as _, Setup, Shared};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::core::Core;
use super::target::{self, Moved, Place};
use super::*;

const BACKEND: ProxyId = ProxyId(0);

/// The finished configuration of a text.
fn configured(text: &str) -> Config {
    let host = MemoryHost::new().file("test.cfg", text);
    let (sources, _) = lbd_config::loader::load(&["test.cfg"], &host);
    let (config, diags) = lbd_config::load(&sources, &host);
    config.unwrap_or_else(|| panic!("{text}: {diags:?}"))
}

/// A backend `be` with servers `s1`, `s2` … at these addresses, all with these words.
fn backend(lines: &str, servers: &[SocketAddr], words: &str) -> Config {
    use std::fmt::Write as _;
    let mut text = "defaults\n mode http\n timeout connect 2s\n timeout client 5s\n \
                    timeout server 5s\nbackend be\n log stdout format raw local0\n"
        .to_owned();
    for line in lines.lines() {
        let _ = writeln!(text, " {line}");
    }
    for (at, address) in servers.iter().enumerate() {
        let _ = writeln!(text, " server s{} {address} {words}", at + 1);
    }
    configured(&text)
}

/// Expects a greeting.
const HI: &str = "option tcp-check\ntcp-check expect string hi";

/// Words of a server that is checked often and believes one check.
const FAST: &str = "check inter 50ms rise 1 fall 1";

/// Keeps what is logged.
#[derive(Default)]
struct Lines(Mutex<Vec<(u8, String)>>);

impl LogSink for Lines {
    fn send(&self, _worker: usize, _generation: &Generation, line: &LogLine<'_>) {
        let text = String::from_utf8_lossy(line.text).into_owned();
        self.0.lock().push((line.level, text));
    }

    fn note(&self, _worker: usize, _generation: &Generation, _note: &LogNote<'_>) {}

    fn flush(&self, _worker: usize) {}
}

/// A running runner.
struct Rig {
    shared: Arc<Shared>,
    checks: CheckHandle,
    watch: Arc<Watch>,
    lines: Arc<Lines>,
}

impl Rig {
    fn new(config: Config, max_running: usize) -> Self {
        let (rig, options) = Self::parts(config, max_running);
        let checks = start(&rig.0, &rig.1, options);
        Self {
            shared: rig.0,
            watch: rig.1,
            lines: rig.2,
            checks,
        }
    }

    #[allow(clippy::type_complexity)]
    fn parts(
        config: Config,
        max_running: usize,
    ) -> ((Arc<Shared>, Arc<Watch>, Arc<Lines>), Options) {
        let lines = Arc::new(Lines::default());
        let config = Arc::new(config);
        let watch = Arc::new(Watch::new());
        let setup = Setup {
            log: lines.clone(),
            observer: watch.clone(),
            ..Setup::new(1)
        };
        let shared = Shared::new(config, setup);
        (
            (shared, watch, lines),
            Options {
                max_running,
                console: None,
                findings: None,
            },
        )
    }

    fn state(&self, server: u32) -> State {
        let proxy = Arc::clone(self.shared.current().proxy(BACKEND));
        let view = proxy.roster.server(ServerId(server), self.shared.now());
        view.expect("a server").placement.state
    }

    /// Short status and text of the last check.
    fn last(&self, server: u32) -> (&'static str, String) {
        let generation = self.shared.current();
        let state = generation
            .server(BACKEND, ServerId(server))
            .expect("a server");
        let health = state.health().expect("a health");
        let probe = health
            .check
            .clone()
            .or_else(|| health.agent.clone())
            .expect("a check");
        (
            probe.status.name(),
            String::from_utf8_lossy(&probe.text).into_owned(),
        )
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(5);
        while !holds(self) {
            assert!(Instant::now() < end, "{what}: {:?}", self.lines.0.lock());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn checked(&self, server: u32) -> (&'static str, String) {
        self.until("a check has ended", |rig| rig.last(server).0 != "INI")
            .await;
        self.last(server)
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Answers every connection with `answer` once something has come; what came, in order.
fn serve(listener: TcpListener, answer: &'static [u8]) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.unwrap_or(0);
            keep.lock().push(buffer[..count].to_vec());
            let _ = stream.write_all(answer).await;
        }
    });
    heard
}

#[tokio::test]
async fn a_refused_connection_brings_a_server_down_and_a_good_one_up_again() {
    let (listener, address) = listener().await;
    drop(listener);
    let rig = Rig::new(backend("", &[address], FAST), 10);
    rig.until("it is down", |rig| rig.state(0) == State::Stopped)
        .await;
    let refused = "ECONNREFUSED returned by OS (Connection refused)";
    assert_eq!(rig.last(0), ("L4CON", refused.to_owned()));
    let _listener = TcpListener::bind(address).await.expect("the same address");
    rig.until("it is up", |rig| rig.state(0) == State::Running)
        .await;
    let lines = rig.lines.0.lock().clone();
    let levels: Vec<u8> = lines.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [1, 0, 5], "{lines:?}");
    assert!(
        lines[0]
            .1
            .starts_with("Server be/s1 is DOWN, reason: Layer4 connection problem")
    );
    assert_eq!(lines[1].1, "backend be has no server available!");
    assert!(
        lines[2]
            .1
            .starts_with("Server be/s1 is UP, reason: Layer4 check passed")
    );
}

#[tokio::test]
async fn an_answer_is_judged_by_the_script() {
    let (listener, address) = listener().await;
    let heard = serve(listener, b"+PONG\r\n");
    let lines = "option tcp-check\ntcp-check send PING\\r\\n\ntcp-check expect string +PONG";
    let rig = Rig::new(backend(lines, &[address], FAST), 10);
    assert_eq!(rig.checked(0).await.0, "L7OK");
    assert_eq!(heard.lock()[0], b"PING\r\n");
}

#[tokio::test]
async fn a_silent_server_times_out_and_a_closing_one_gives_an_empty_answer() {
    let (silent, first) = listener().await;
    let (closing, second) = listener().await;
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok(stream) = silent.accept().await {
            kept.push(stream);
        }
    });
    tokio::spawn(async move { while closing.accept().await.is_ok() {} });
    let rig = Rig::new(backend(HI, &[first, second], FAST), 10);
    assert_eq!(rig.checked(0).await.0, "L7TOUT");
    let empty = "TCPCHK got an empty response at step 1";
    assert_eq!(rig.checked(1).await, ("L7RSP", empty.to_owned()));
}

#[tokio::test]
async fn an_endless_answer_is_judged_by_what_fits() {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} });
        }
    });
    let lines = "option tcp-check
tcp-check expect string never";
    let mut config = backend(lines, &[address], "check inter 3s");
    config.global.tune.chksize = 2048;
    let rig = Rig::new(config, 10);
    let (status, text) = rig.checked(0).await;
    assert_eq!(status, "L7RSP");
    assert_eq!(text, "TCPCHK did not match content 'never' at step 1");
}

#[tokio::test]
async fn requests_are_rendered_with_the_state_of_the_server() {
    let (listener, address) = listener().await;
    let heard = serve(listener, b"HTTP/1.0 200 OK\r\n\r\n");
    let lines = "option httpchk\nhttp-check send-state\n\
                 http-check send meth GET uri /health ver HTTP/1.1 hdr Host example";
    let config = backend(lines, &[address], FAST);
    let node = config.global.node.clone();
    let rig = Rig::new(config, 10);
    assert_eq!(rig.checked(0).await.0, "L7OK");
    let request = String::from_utf8(heard.lock()[0].clone()).expect("text");
    let port = address.port();
    let wanted = format!(
        "GET /health HTTP/1.1\r\nhost: example\r\nx-haproxy-server-state: UP; \
         address=127.0.0.1; port={port}; name=be/s1; node={node}; weight=1/1; scur=0/0; qcur=0\r\n\
         connection: close\r\n\r\n"
    );
    assert_eq!(request, wanted);
}

#[tokio::test]
async fn a_proxy_header_and_a_socks_proxy_come_before_the_check() {
    let (listener, address) = listener().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 16];
            let _ = stream.read_exact(&mut request).await;
            let _ = stream.write_all(&[0, 90, 0, 0, 0, 0, 0, 0]).await;
            let mut header = [0; 16];
            let _ = stream.read_exact(&mut header).await;
            keep.lock().push((request, header));
            let _ = stream.write_all(b"hi").await;
        }
    });
    let target: SocketAddr = "192.0.2.7:8080".parse().expect("an address");
    let words = "check inter 50ms check-via-socks4 check-send-proxy send-proxy-v2 socks4";
    let rig = Rig::new(backend(HI, &[target], &format!("{words} {address}")), 10);
    assert_eq!(rig.checked(0).await.0, "L7OK");
    let (request, header) = heard.lock()[0];
    assert_eq!(&request, b"\x04\x01\x1f\x90\xc0\x00\x02\x07HAProxy\0");
    assert_eq!(&header, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
}

#[tokio::test]
async fn an_agent_sets_weight_and_drain() {
    let (listener, address) = listener().await;
    let heard = serve(listener, b"drain 50%\n");
    let port = address.port();
    let words = format!("weight 100 agent-check agent-inter 50ms agent-port {port} agent-send how");
    let config = backend("balance roundrobin", &[address], &words);
    let rig = Rig::new(config, 10);
    rig.until("it drains", |rig| {
        let proxy = Arc::clone(rig.shared.current().proxy(BACKEND));
        let view = proxy
            .roster
            .server(ServerId(0), rig.shared.now())
            .expect("a server");
        view.placement.drain && view.placement.weight == 50
    })
    .await;
    assert_eq!(heard.lock()[0], b"how");
    let lines = rig.lines.0.lock().clone();
    assert!(
        lines[0].1.starts_with("Server be/s1 enters drain state"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn no_more_checks_run_at_once_than_allowed() {
    let (listener, address) = listener().await;
    let open = Arc::new(Mutex::new((0u32, 0u32)));
    let count = Arc::clone(&open);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            let now = {
                let mut open = count.lock();
                open.0 += 1;
                open.0
            };
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let most = count.lock().1.max(now);
                *count.lock() = (now - 1, most);
                let _ = stream.write_all(b"hi").await;
            });
        }
    });
    let rig = Rig::new(backend(HI, &[address; 6], FAST), 1);
    for server in 0..6 {
        assert_eq!(rig.checked(server).await.0, "L7OK", "{server}");
    }
    assert_eq!(open.lock().1, 1);
}

#[tokio::test]
async fn errors_of_traffic_reach_the_machine_and_good_answers_forget_them() {
    let (listener, address) = listener().await;
    let _heard = serve(listener, b"");
    let words = "check inter 60s rise 1 fall 1 observe layer7 error-limit 2 on-error mark-down";
    let config = backend("", &[address], words);
    let rig = Rig::new(config, 10);
    rig.checked(0).await;
    let state = Arc::clone(
        rig.shared
            .current()
            .server(BACKEND, ServerId(0))
            .expect("a server"),
    );
    for what in [
        Observation::HttpWrongStatus,
        Observation::HttpOk,
        Observation::HttpWrongStatus,
    ] {
        rig.watch.observed(&state, what);
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(rig.state(0), State::Running);
    rig.watch.observed(&state, Observation::HttpReadTimeout);
    rig.until("it is down", |rig| rig.state(0) == State::Stopped)
        .await;
    let text = "Detected 2 consecutive errors, last one was: Read timeout (http)";
    assert_eq!(rig.last(0), ("HANA", text.to_owned()));
}

#[tokio::test]
async fn followers_do_as_the_followed_server() {
    let (listener, address) = listener().await;
    let text = format!(
        "backend be\n server s1 {address} {FAST}\n server s2 {address} track be/s1\n \
         server s3 {address} track be/s2\n"
    );
    let rig = Rig::new(configured(&text), 10);
    rig.checked(0).await;
    drop(listener);
    rig.until("all are down", |rig| {
        (0..3).all(|n| rig.state(n) == State::Stopped)
    })
    .await;
    let refusal = rig.checks.order(
        BACKEND,
        ServerId(1),
        &Order::Health {
            which: Which::Health,
            state: State::Running,
        },
    );
    assert_eq!(refusal, Err("cannot change health on a tracking server."));
}

#[tokio::test]
async fn orders_take_effect_before_they_return() {
    let (_listener, address) = listener().await;
    let rig = Rig::new(backend("", &[address], ""), 10);
    let order = |order: &Order<'_>| rig.checks.order(BACKEND, ServerId(0), order);
    let view = || {
        let proxy = Arc::clone(rig.shared.current().proxy(BACKEND));
        proxy
            .roster
            .server(ServerId(0), rig.shared.now())
            .expect("a server")
            .placement
    };
    assert_eq!(order(&Order::Admin(AdminOrder::Maint)), Ok(()));
    assert!(view().maint && !view().drain);
    assert_eq!(order(&Order::Admin(AdminOrder::Drain)), Ok(()));
    assert!(!view().maint && view().drain);
    assert_eq!(order(&Order::Admin(AdminOrder::Ready)), Ok(()));
    assert!(view().is_open());
    assert_eq!(order(&Order::Weight("7")), Ok(()));
    assert_eq!(view().weight, 7);
    let refused = order(&Order::Weight("257"));
    assert_eq!(
        refused,
        Err("Absolute weight can only be between 0 and 256 inclusive.")
    );
    assert_eq!(
        order(&Order::Enable {
            which: Which::Agent,
            on: true
        }),
        Err("Agent was not configured on this server, cannot enable.")
    );
    let moved = Order::CheckAddress {
        which: Which::Health,
        address: None,
        port: Some(1),
    };
    assert_eq!(
        order(&moved),
        Err("health checks are not enabled on this server")
    );
    assert!(
        rig.checks.order(BACKEND, ServerId(9), &moved).is_err(),
        "no such server"
    );
}

#[tokio::test]
async fn a_check_that_breaks_off_is_reported_and_the_next_one_comes() {
    let (_listener, address) = listener().await;
    let config = backend("", &[address], FAST);
    let ((shared, watch, _lines), options) = Rig::parts(config, 10);
    let core = Core::new(Arc::clone(&shared), watch.counters(), options);
    let runner = Arc::new(Runner {
        core: Mutex::new(core),
        changes: Mutex::default(),
        wake: Notify::new(),
    });
    runner.core.lock().open();
    let jobs = runner.core.lock().turn().0;
    let report = run::Report::new(Arc::clone(&runner), &jobs[0]);
    assert!(
        runner.core.lock().turn().1.is_none(),
        "nothing is due while it runs"
    );
    drop(report);
    assert!(runner.core.lock().turn().1.is_some(), "the next one is due");
    let state = Arc::clone(
        shared
            .current()
            .server(BACKEND, ServerId(0))
            .expect("a server"),
    );
    let probe = state
        .health()
        .expect("a health")
        .check
        .clone()
        .expect("a check");
    assert_eq!(
        (probe.status.name(), probe.text.as_slice()),
        ("SOCKERR", &b"check broken off"[..])
    );
}

#[tokio::test]
async fn no_check_starts_once_the_process_stops() {
    let (listener, address) = listener().await;
    let heard = serve(listener, b"hi");
    let rig = Rig::new(backend(HI, &[address], FAST), 10);
    rig.checked(0).await;
    let before = heard.lock().len();
    rig.checks.stop();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // One was under way.
    assert!(heard.lock().len() <= before + 1);
}

#[tokio::test]
async fn ten_thousand_servers_start_at_once_and_spread_their_checks() {
    let (_listener, address) = listener().await;
    let config = backend("", &[address; 10_000], "check inter 100s");
    let begin = Instant::now();
    let ((shared, watch, _lines), options) = Rig::parts(config, 100);
    let mut core = Core::new(shared, watch.counters(), options);
    core.open();
    let (jobs, next) = core.turn();
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "{:?}",
        begin.elapsed()
    );
    assert!(
        (1..=200).contains(&jobs.len()),
        "{} checks at once",
        jobs.len()
    );
    assert!(next.is_some());
}

#[test]
fn steps_orders_and_server_lines_decide_where_a_check_goes() {
    let at: SocketAddr = "10.0.0.1:80".parse().expect("an address");
    let spec = |words: &str| {
        let mut config = backend("", &[at], words);
        config.proxies[0].backend.servers.remove(0)
    };
    let to = |spec: &ServerSpec, moved, step: &Connect, port| match target::health(
        spec,
        &ServerAddress::Inet(at),
        moved,
        step,
        port,
    )?
    .place
    {
        Place::Inet(to) => Some(to.to_string()),
        _ => None,
    };
    let (plain, none) = (
        Connect {
            default: true,
            ..Connect::default()
        },
        Moved::default(),
    );
    let plain_server = spec("check");
    assert_eq!(
        to(&plain_server, none, &plain, None).as_deref(),
        Some("10.0.0.1:80")
    );
    let server = spec("check addr 10.0.0.2 port 81");
    assert_eq!(
        to(&server, none, &plain, None).as_deref(),
        Some("10.0.0.2:81")
    );
    let moved = Moved {
        address: "10.0.0.3".parse().ok(),
        port: Some(82),
    };
    assert_eq!(
        to(&server, moved, &plain, None).as_deref(),
        Some("10.0.0.3:82")
    );
    let back = Moved {
        address: None,
        port: Some(0),
    };
    assert_eq!(
        to(&server, back, &plain, None).as_deref(),
        Some("10.0.0.2:80")
    );
    assert_eq!(
        to(&server, moved, &plain, Some(83)).as_deref(),
        Some("10.0.0.3:83")
    );
    let step = Connect {
        addr: "10.0.0.4:84".parse().ok(),
        ..plain.clone()
    };
    assert_eq!(
        to(&server, moved, &step, None).as_deref(),
        Some("10.0.0.4:84")
    );
    let step = Connect {
        port: Some(85),
        ..step
    };
    assert_eq!(
        to(&server, moved, &step, Some(83)).as_deref(),
        Some("10.0.0.4:85")
    );
    assert!(target::health(&server, &ServerAddress::None, none, &plain, None).is_some());
    assert_eq!(
        target::health(&plain_server, &ServerAddress::None, none, &plain, None),
        None
    );
}

#[test]
fn errors_are_told_in_the_words_that_operators_look_for() {
    let text = |number| link::system_text(&std::io::Error::from_raw_os_error(number));
    let wanted = "ECONNRESET returned by OS (Connection reset by peer)";
    assert_eq!(text(libc::ECONNRESET), wanted);
    assert_eq!(
        text(libc::EHOSTUNREACH),
        "ENETUNREACH returned by OS (No route to host)"
    );
    assert_eq!(
        text(libc::ETIMEDOUT),
        "General socket error (Connection timed out)"
    );
}
