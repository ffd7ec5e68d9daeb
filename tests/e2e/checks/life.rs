//! What checks, followers, traffic and the clock do to a server's state.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use super::*;

/// An origin whose status can be switched.
fn switchable(name: &'static str) -> (Origin, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(200));
    let now = Arc::clone(&status);
    let origin = Origin::answering(name, move |_, _| {
        Reply::status(now.load(Ordering::SeqCst), "As Set")
            .header("server", name)
            .body("x")
    });
    (origin, status)
}

/// Heads of the messages so far, without what follows the first full stop of a change.
fn heads(sink: &SyslogSink) -> Vec<String> {
    let cut = |(_, text): (u16, String)| match text.split_once(". ") {
        Some((head, _)) => head.to_owned(),
        None => text,
    };
    messages(sink).into_iter().map(cut).collect()
}

#[test]
fn rise_and_fall_count_and_each_step_is_logged_when_asked_for() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let (origin, status) = switchable("s");
        let proxy = start(
            program,
            &sink,
            "backend b\n    mode http\n    option httpchk\n    option log-health-checks\n    \
             server s <s> check inter 100ms rise 3 fall 2\n",
        )
        .with("s", origin.address())
        .start();
        wait_status(&proxy, "b", "s", "UP");
        sink.clear();
        status.store(503, Ordering::SeqCst);
        wait_status(&proxy, "b", "s", "DOWN");
        status.store(200, Ordering::SeqCst);
        wait_status(&proxy, "b", "s", "UP");
        let passed = "Health check for server b/s succeeded, reason: Layer7 check passed, \
                      code: 200, check duration: _ms, status:";
        let failed = "Health check for server b/s failed, reason: Layer7 wrong status, \
                      code: 503, info: \"As Set\", check duration: _ms, status:";
        let wanted = [
            format!("{failed} 1/2 UP."),
            format!("{failed} 0/3 DOWN."),
            "Server b/s is DOWN".to_owned(),
            "backend b has no server available!".to_owned(),
            format!("{passed} 1/3 DOWN."),
            format!("{passed} 2/3 DOWN."),
            format!("{passed} 2/2 UP."),
            "Server b/s is UP".to_owned(),
        ];
        assert_eq!(heads(&sink), wanted, "{program:?}");
    });
}

#[test]
fn a_doubtful_server_is_checked_in_the_fast_interval() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let (origin, status) = switchable("s");
        let proxy = start(
            program,
            &sink,
            "backend b\n    mode http\n    option httpchk\n    \
             server s <s> check inter 3s fastinter 50ms downinter 150ms rise 2 fall 5\n",
        )
        .with("s", origin.address())
        .start();
        wait_status(&proxy, "b", "s", "UP");
        status.store(500, Ordering::SeqCst);
        origin.clear();
        origin.wait_requests(1);
        // At the normal interval the other four failures would take twelve seconds.
        let doubtful = Instant::now();
        wait_status(&proxy, "b", "s", "DOWN");
        let took = doubtful.elapsed();
        assert!(took < Duration::from_secs(6), "{program:?}: {took:?}");
        let failed = origin.requests().len();
        assert!(failed >= 5, "{program:?}: {failed} checks brought it down");
        let down = Instant::now();
        origin.wait_requests(failed + 4);
        let took = down.elapsed();
        // Two whole intervals at least: one check may have come before the clock was read.
        let bounds = Duration::from_millis(250)..Duration::from_secs(6);
        assert!(bounds.contains(&took), "{program:?}: {took:?} while down");
    });
}

#[test]
fn a_404_stops_a_server_gently_when_asked_for() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let (origin, status) = switchable("s");
        let proxy = start(
            program,
            &sink,
            "backend b\n    mode http\n    option httpchk\n    http-check disable-on-404\n    \
             server s <s> check inter 100ms\n",
        )
        .with("s", origin.address())
        .start();
        wait_status(&proxy, "b", "s", "UP");
        status.store(404, Ordering::SeqCst);
        wait_status(&proxy, "b", "s", "NOLB");
        assert_eq!(
            row(&proxy, "b", "s")["check_status"].trim_start_matches("* "),
            "L7OKC"
        );
        status.store(200, Ordering::SeqCst);
        wait_status(&proxy, "b", "s", "UP");
        let told = messages(&sink);
        let wanted = [
            (
                5,
                "Server b/s is stopping, reason: Layer7 check conditionally passed, code: 404, \
                 check duration: _ms. 0 active and 0 backup servers online. 0 sessions requeued, \
                 0 total in queue."
                    .to_owned(),
            ),
            (0, "backend b has no server available!".to_owned()),
            (
                5,
                "Server b/s is UP, reason: Layer7 check passed, code: 200, check duration: _ms. \
                 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
                    .to_owned(),
            ),
        ];
        assert_eq!(told, wanted, "{program:?}");
    });
}

#[test]
fn followers_do_as_the_server_they_track() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let (origin, status) = switchable("s");
        let proxy = start(
            program,
            &sink,
            "backend b\n    mode http\n    option httpchk\n    \
             server s <s> check inter 100ms rise 1 fall 1\n\n\
             backend c\n    mode http\n    server t <s> track b/s\n    \
             server u <s> track c/t\n\n\
             backend d\n    mode http\n    option httpchk\n    server v <s> check disabled\n    \
             server w <s> track d/v\n",
        )
        .with("s", origin.address())
        .start();
        wait_status(&proxy, "b", "s", "UP");
        wait_status(&proxy, "d", "w", "MAINT (via d/v)");
        status.store(500, Ordering::SeqCst);
        wait_status(&proxy, "c", "u", "DOWN");
        status.store(200, Ordering::SeqCst);
        wait_status(&proxy, "c", "u", "UP");
        proxy.runtime("set server b/s state maint");
        wait_status(&proxy, "c", "u", "MAINT (via c/t)");
        proxy.runtime("set server b/s state ready");
        wait_status(&proxy, "c", "u", "UP");
        let refusal = proxy.runtime("set server c/t health down");
        assert_eq!(refusal.trim(), "cannot change health on a tracking server.");
        let mut told = heads(&sink);
        told.retain(|line| line.contains(" c/"));
        // Followers of one server are told in HAProxy's own order.
        told.sort();
        let mut wanted = [
            "Server c/t is DOWN via b/s",
            "Server c/u is DOWN via c/t",
            "Server c/t is UP via b/s",
            "Server c/u is UP via c/t",
            "Server c/t is going DOWN for maintenance via b/s",
            "Server c/u is going DOWN for maintenance via c/t",
            "Server c/t is UP/READY (leaving maintenance).",
            "Server c/u is UP/READY (leaving maintenance).",
        ];
        wanted.sort_unstable();
        assert_eq!(told, wanted, "{program:?}");
    });
}

/// A server that echoes, and hangs on to its connections.
fn echo(name: &'static str) -> Origin {
    Origin::raw(name, move |mut stream, _| {
        let mut buffer = [0; 512];
        let _ = stream.write_all(name.as_bytes());
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    })
}

#[test]
fn sessions_end_with_a_server_that_goes_down_when_asked_for() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let (echo, (health, status)) = (echo("echo"), switchable("health"));
        let port = health.port();
        let proxy = start(
            program,
            &sink,
            &format!(
                "listen b\n    bind <front>\n    mode tcp\n    option tcplog\n    option httpchk\n    \
                 server s <s> check port {port} inter 100ms fall 1 on-marked-down shutdown-sessions\n"
            ),
        )
        .listener("front")
        .with("s", echo.address())
        .start();
        wait_status(&proxy, "b", "s", "UP");
        let mut client = Client::connect(proxy.address("front"));
        assert_eq!(client.read_bytes(4), b"echo");
        status.store(500, Ordering::SeqCst);
        assert!(
            client.is_closed_within(Duration::from_secs(3)),
            "{program:?}"
        );
        let line = sink.wait_line(" b b/s ");
        let letters = line.message().split(' ').nth(6).unwrap_or_default();
        assert!(letters.starts_with('D'), "{program:?}: {line}");
        let told = || messages(&sink).contains(&(0, "proxy b has no server available!".to_owned()));
        eventually(
            "the loss of all servers is told",
            Duration::from_secs(5),
            told,
        );
    });
}

#[test]
fn sessions_of_backups_end_when_a_server_is_back_and_asks_for_it() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let (main, spare, (health, status)) = (echo("main"), echo("back"), switchable("health"));
        status.store(500, Ordering::SeqCst);
        let port = health.port();
        let proxy = start(
            program,
            &sink,
            &format!(
                "listen b\n    bind <front>\n    mode tcp\n    option httpchk\n    \
                 server s <s> check port {port} inter 100ms fall 1 rise 1 \
                 on-marked-up shutdown-backup-sessions\n    server k <k> backup\n"
            ),
        )
        .listener("front")
        .with("s", main.address())
        .with("k", spare.address())
        .start();
        wait_status(&proxy, "b", "s", "DOWN");
        let mut client = Client::connect(proxy.address("front"));
        assert_eq!(client.read_bytes(4), b"back", "{program:?}");
        status.store(200, Ordering::SeqCst);
        assert!(
            client.is_closed_within(Duration::from_secs(3)),
            "{program:?}"
        );
        let mut client = Client::connect(proxy.address("front"));
        assert_eq!(client.read_bytes(4), b"main", "{program:?}");
        let down = &messages(&sink)[0].1;
        let wanted = "0 active and 1 backup servers left. Running on backup.";
        assert!(down.contains(wanted), "{program:?}: {down}");
    });
}

#[test]
fn errors_of_traffic_mark_a_server_down_when_observed() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let (origin, status) = switchable("s");
        let (health, _keep) = switchable("health");
        let port = health.port();
        let proxy = start(
            program,
            &sink,
            &format!(
                "listen b\n    bind <front>\n    mode http\n    option httpchk\n    \
                 server s <s> check port {port} inter 500ms rise 1 observe layer7 error-limit 3 \
                 on-error mark-down\n"
            ),
        )
        .listener("front")
        .with("s", origin.address())
        .start();
        wait_status(&proxy, "b", "s", "UP");
        status.store(500, Ordering::SeqCst);
        for _ in 0..2 {
            assert_eq!(Client::fetch(proxy.address("front"), "/").status, 500);
        }
        assert_eq!(row(&proxy, "b", "s")["status"], "UP", "{program:?}");
        status.store(200, Ordering::SeqCst);
        assert_eq!(Client::fetch(proxy.address("front"), "/").status, 200);
        status.store(500, Ordering::SeqCst);
        for _ in 0..3 {
            assert_eq!(
                Client::fetch(proxy.address("front"), "/").status,
                500,
                "{program:?}"
            );
        }
        let line = sink.wait_line("Health analyze");
        let wanted = "Server b/s is DOWN, reason: Health analyze, info: \"Detected 3 consecutive \
                      errors, last one was: Wrong http response\". 0 active and 0 backup servers \
                      left. _ sessions active, 0 requeued, 0 remaining in queue.";
        // The stream that saw the last error may or may not have ended.
        let seen = line
            .message()
            .trim_end()
            .replace("1 sessions", "_ sessions");
        let seen = seen.replace("0 sessions active", "_ sessions active");
        assert_eq!(seen, wanted, "{program:?}");
        wait_status(&proxy, "b", "s", "UP");
        assert_eq!(row(&proxy, "b", "s")["hanafail"], "1", "{program:?}");
    });
}

#[test]
fn a_server_that_comes_back_warms_up() {
    on_both(|program| {
        let sink = SyslogSink::udp();
        let (origin, status) = switchable("s");
        let proxy = start(
            program,
            &sink,
            "backend b\n    mode http\n    balance roundrobin\n    option httpchk\n    \
             server s <s> weight 100 check inter 100ms rise 1 fall 1 slowstart 3s\n",
        )
        .with("s", origin.address())
        .start();
        wait_status(&proxy, "b", "s", "UP");
        assert_eq!(row(&proxy, "b", "s")["throttle"], "");
        status.store(500, Ordering::SeqCst);
        wait_status(&proxy, "b", "s", "DOWN");
        status.store(200, Ordering::SeqCst);
        wait_status(&proxy, "b", "s", "UP");
        let cold: u32 = row(&proxy, "b", "s")["throttle"]
            .parse()
            .expect("a percentage");
        assert!(cold < 50, "{program:?}: {cold}");
        eventually("the server is warm", Duration::from_secs(8), || {
            let row = row(&proxy, "b", "s");
            row["throttle"].is_empty() && row["weight"] == "100"
        });
    });
}
