use nix::sys::signal::Signal;

use super::Proxy;
use crate::{Client, Origin, SyslogSink};

const CONFIG: &str = "
global
    stats socket <runtime> level admin
    log <log> local0
defaults
    mode http
    log global
    option httplog
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend web
    bind <web>
    default_backend app
backend app
    server s1 <s1>
    server s2 <s2>
";

#[test]
fn a_started_proxy_serves_logs_answers_and_ends() {
    let (s1, s2, log) = (Origin::http("s1"), Origin::http("s2"), SyslogSink::udp());
    let mut proxy = Proxy::haproxy(CONFIG)
        .listener("web")
        .with("s1", s1.address())
        .with("s2", s2.address())
        .with("log", log.address())
        .start();
    let mut client = Client::connect(proxy.address("web"));
    assert_eq!(
        [client.get("/a").server(), client.get("/b").server()],
        ["s1", "s2"]
    );
    assert!(log.wait_line("GET /b").message().contains(" web app/s2 "));
    assert!(proxy.runtime("show info").contains("\nPid: "));
    proxy.signal(Signal::SIGTERM);
    assert_eq!(proxy.wait_exit().signal, Some(15));
    assert!(!proxy.is_running());
    assert!(Client::try_connect(proxy.address("web")).is_err());
}

#[test]
fn a_refused_configuration_gives_its_messages_and_code() {
    let text = "frontend f\n    bind <web>\n    no-such-keyword\n";
    let exit = Proxy::haproxy(text)
        .listener("web")
        .try_start()
        .expect_err("refused");
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains("no-such-keyword"), "{exit}");
    let exit = Proxy::haproxy(text).listener("web").check();
    assert_eq!(exit.code, Some(1));
    assert!(exit.to_string().contains("no-such-keyword"), "{exit}");
}

#[test]
fn files_and_environment_reach_the_proxy() {
    let proxy = Proxy::haproxy(
        "defaults\n    mode http\n    timeout client 5s\n    timeout server 5s\n    timeout \
         connect 5s\nfrontend f\n    bind <web>\n    errorfile 503 <dir>/503.http\n    http-request \
         deny deny_status 403 if { path \"${DENIED}\" }\n",
    )
    .listener("web")
    .file("503.http", "HTTP/1.0 503 Busy\r\ncontent-length: 4\r\n\r\nbusy")
    .env("DENIED", "/secret")
    .start();
    assert_eq!(Client::fetch(proxy.address("web"), "/").text(), "busy");
    assert_eq!(Client::fetch(proxy.address("web"), "/secret").status, 403);
}

#[test]
fn a_daemon_ends_with_its_handle() {
    let proxy = Proxy::haproxy(
        "global\n    daemon\n    pidfile <dir>/proxy.pid\nfrontend f\n    mode tcp\n    timeout \
         client 1s\n    bind <web>\n",
    )
    .listener("web")
    .args(&["-D"])
    .no_wait()
    .start();
    let address = proxy.address("web");
    let connected = || Client::try_connect(&address).ok();
    crate::poll_until(super::PATIENCE, connected).expect("the daemon accepts");
    // The listener is there before the file is written.
    let written = || match proxy.daemons()[..] {
        [pid] => Some(pid),
        _ => None,
    };
    let pid = crate::poll_until(super::PATIENCE, written).expect("one process in the pid file");
    drop(proxy);
    crate::eventually("the daemon ends", super::PATIENCE, || {
        !std::path::Path::new(&format!("/proc/{pid}")).exists()
            || Client::try_connect(&address).is_err()
    });
}
