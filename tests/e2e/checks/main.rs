//! Health and agent checks of running balancers, beside the real HAProxy.
//!
//! Every case runs on HAProxy first, which judges the expectation, then on lbd: status words,
//! last-check texts, log lines, and what becomes of servers and of their traffic.

use std::collections::BTreeMap;
use std::time::Duration;

use support::proxy::Program;
use support::{Client, Origin, Proxy, ProxyBuilder, Reply, SyslogSink, eventually, poll_until};

mod agent;
mod csv;
mod endings;
mod external;
mod forms;
mod greeting;
mod life;
mod orders;
mod scripts;
mod sections;
mod transport;

use csv::Row;

/// Runs a case on both programs; on HAProxy only when it is one whose words are ours.
fn on_both(case: impl Fn(&Program)) {
    if is_reference() {
        case(&Program::Haproxy);
    }
    case(&Program::Lbd);
}

/// Whether the HAProxy at hand is of the version that is followed: older ones word some texts
/// otherwise.
fn is_reference() -> bool {
    let output = std::process::Command::new(support::program::haproxy())
        .arg("-v")
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).contains("version 3.4")
}

/// A configuration with a runtime socket and a syslog target before it.
fn start(program: &Program, sink: &SyslogSink, text: &str) -> ProxyBuilder {
    let global = "global\n    stats socket <runtime> level admin\n    log <sink> local0\n\n\
                  defaults\n    log global\n    timeout client 5s\n    timeout server 5s\n    \
                  timeout connect 5s\n\n";
    Proxy::of(program.clone(), format!("{global}{text}"))
        .unix_listener("runtime")
        .with("sink", sink.address())
}

/// A server's row of `show stat`.
fn row(proxy: &Proxy, backend: &str, server: &str) -> Row {
    let rows = csv::rows(&proxy.runtime("show stat"));
    rows.into_iter()
        .find(|row| row["pxname"] == backend && row["svname"] == server)
        .unwrap_or_else(|| panic!("no row of {backend}/{server}"))
}

/// Waits until a server's `status` column is that.
#[track_caller]
fn wait_status(proxy: &Proxy, backend: &str, server: &str, wanted: &str) {
    let mut last = String::new();
    let reached = poll_until(Duration::from_secs(10), || {
        last = row(proxy, backend, server)["status"].clone();
        (last == wanted).then_some(())
    });
    assert!(
        reached.is_some(),
        "{:?}: {backend}/{server} is {last:?}, not {wanted:?}",
        proxy.program()
    );
}

/// Messages about servers, with durations and process ids taken out.
fn messages(sink: &SyslogSink) -> Vec<(u16, String)> {
    let told = |text: &str| {
        text.contains("erver ") && !text.starts_with("Connect from") && !text.contains(" <NOSRV> ")
    };
    sink.lines()
        .iter()
        .filter(|line| told(line.message()))
        .map(|line| {
            (
                line.priority().unwrap_or(0) % 8,
                plain(&without_duration(line.message().trim_end())),
            )
        })
        .collect()
}

/// The text with `check duration: 12ms` as `check duration: _ms`.
fn without_duration(text: &str) -> String {
    let mark = "check duration: ";
    let Some((before, after)) = text.split_once(mark) else {
        return text.to_owned();
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{mark}_{rest}")
}

/// The text without the system's own words, which HAProxy adds in some runs only: `ECONNREFUSED
/// returned by OS (Connection refused)`.
fn plain(text: &str) -> String {
    let mark = " returned by OS (";
    let Some((before, after)) = text.split_once(mark) else {
        return text.to_owned();
    };
    let rest = after.split_once(')').map_or(after, |(_, rest)| rest);
    format!("{before} returned by OS{rest}")
}
