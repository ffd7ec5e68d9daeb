//! Signals after which the process goes on: states (`SIGHUP`), memory (`SIGQUIT`), pauses
//! (`SIGTTOU`, `SIGTTIN`).

use support::SyslogSink;

use super::*;

const CONFIGURATION: &str = "global
    stats socket <runtime> level admin
    log <log> local0
defaults
    mode http
    log global
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind <front>
    default_backend app
backend app
    server s1 <s1>
    server s2 <s1> backup
backend spare
    server s3 <s1> backup
backend gone
    server s4 <s1> disabled
backend none
listen both
    bind <other>
    server s5 <s1>
";

fn logging(program: &Program, origin: &Origin, sink: &SyslogSink) -> Proxy {
    Proxy::of(program.clone(), CONFIGURATION)
        .listener("front")
        .listener("other")
        .unix_listener("runtime")
        .with("s1", origin.address())
        .with("log", sink.address())
        .start()
}

const STATES: &[&str] = &[
    "SIGHUP received, dumping servers states for proxy web.",
    "SIGHUP: Proxy web has no servers. Conn: act(FE+BE): 0+0, 0 pend (0 unass), tot(FE+BE): 0+0.",
    "SIGHUP received, dumping servers states for proxy app.",
    "SIGHUP: Server app/s1 is UP. Conn: 0 act, 0 pend, 0 tot.",
    "SIGHUP: Server app/s2 is UP. Conn: 0 act, 0 pend, 0 tot.",
    "SIGHUP: Proxy app has 1 active servers and 1 backup servers available. Conn: act(FE+BE): \
     0+0, 0 pend (0 unass), tot(FE+BE): 0+0.",
    "SIGHUP: Proxy spare is running on backup servers ! Conn: act(FE+BE): 0+0, 0 pend (0 unass), \
     tot(FE+BE): 0+0.",
    "SIGHUP: Server gone/s4 is DOWN. Conn: 0 act, 0 pend, 0 tot.",
    "SIGHUP: Proxy gone has no server available ! Conn: act(FE+BE): 0+0, 0 pend (0 unass), \
     tot(FE+BE): 0+0.",
    "SIGHUP: Proxy none has no servers. Conn: act(FE+BE): 0+0, 0 pend (0 unass), tot(FE+BE): 0+0.",
    "SIGHUP received, dumping servers states for proxy both.",
    "SIGHUP: Server both/s5 is UP. Conn: 0 act, 0 pend, 0 tot.",
];

#[test]
fn a_hangup_tells_the_state_of_every_server() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let sink = SyslogSink::udp();
        let proxy = logging(program, &origin, &sink);
        proxy.signal(Signal::SIGHUP);
        for state in STATES {
            let line = sink.wait_line(state);
            assert_eq!(line.priority(), Some(16 * 8 + 5), "{program:?}: {state}");
            if state.starts_with("SIGHUP:") {
                proxy.wait_stderr(state);
            }
        }
        proxy.wait_stderr("SIGHUP received, dumping servers states.");
        let mut client = Client::connect(proxy.address("front"));
        assert_eq!(client.get("/").status, 200, "{program:?}");
        drop(client);
        // The connection ends when the proxy has noticed that its client is gone.
        let idle = "SIGHUP: Server app/s1 is UP. Conn: 0 act, 0 pend, 1 tot.";
        eventually("the stream is over", Duration::from_secs(10), || {
            sink.clear();
            proxy.signal(Signal::SIGHUP);
            sink.wait_line("SIGHUP: Server spare/s3 is UP.");
            sink.lines().iter().any(|line| line.text().contains(idle))
        });
    });
}

#[test]
fn quit_gives_memory_back_and_ends_nothing() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let sink = SyslogSink::udp();
        let mut proxy = logging(program, &origin, &sink);
        let mut client = Client::connect(proxy.address("front"));
        assert_eq!(client.get("/").status, 200, "{program:?}");
        proxy.signal(Signal::SIGQUIT);
        if *program == Program::Lbd {
            proxy.wait_stderr("Dumping memory usage: ");
        }
        assert_eq!(client.get("/").status, 200, "{program:?}");
        let mut other = Client::connect(proxy.address("front"));
        assert_eq!(other.get("/").status, 200, "{program:?}");
        assert!(proxy.is_running(), "{program:?}");
    });
}

#[test]
fn a_pause_releases_the_addresses_until_it_ends() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let sink = SyslogSink::udp();
        let proxy = logging(program, &origin, &sink);
        let front = proxy.address("front");
        let mut client = Client::connect(&front);
        assert_eq!(client.get("/").status, 200, "{program:?}");
        for _ in 0..2 {
            sink.clear();
            proxy.signal(Signal::SIGTTOU);
            let line = sink.wait_line("Paused frontend web.");
            assert_eq!(line.priority(), Some(16 * 8 + 4), "{program:?}");
            sink.wait_line("Paused proxy both.");
            eventually("the port is released", Duration::from_secs(20), || {
                Client::try_connect(&front).is_err()
            });
            // Who is in already is served.
            assert_eq!(client.get("/").status, 200, "{program:?}");
            proxy.signal(Signal::SIGTTIN);
            sink.wait_line("Resumed frontend web.");
            sink.wait_line("Resumed proxy both.");
            eventually("the port is taken", Duration::from_secs(20), || {
                Client::try_connect(&front).is_ok()
            });
            let mut other = Client::connect(&front);
            assert_eq!(other.get("/").status, 200, "{program:?}");
        }
        let stderr = proxy.stderr();
        assert!(stderr.contains("Paused frontend web."), "{program:?}");
        assert!(stderr.contains("Resumed frontend web."), "{program:?}");
    });
}

#[test]
fn a_disabled_frontend_refuses_connections_until_it_is_enabled() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let proxy = start(program, &simple(), &origin);
        let front = proxy.address("front");
        proxy.runtime("disable frontend web");
        eventually("the port is released", Duration::from_secs(20), || {
            Client::try_connect(&front).is_err()
        });
        proxy.runtime("enable frontend web");
        eventually("the port is taken", Duration::from_secs(20), || {
            Client::try_connect(&front).is_ok()
        });
        let mut client = Client::connect(&front);
        assert_eq!(client.get("/").status, 200, "{program:?}");
    });
}
