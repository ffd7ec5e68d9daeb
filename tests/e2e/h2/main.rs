//! HTTP/2 on both sides: every pairing of versions, what is said in frames, and abuse of them.
//!
//! HAProxy beside us is the judge; curl and nghttp are clients that are not ours.

mod abuse;
mod conformance;
mod frames;
mod idle;
mod load;
mod malformed;
mod pairings;
mod streams;

use support::origin::{Origin, Reply};
use support::proxy::{Program, Proxy, ProxyBuilder};
use support::syslog::SyslogSink;

/// Both programs with the same configuration, in turn.
const BOTH: [Program; 2] = [Program::Haproxy, Program::Lbd];

/// What stands before the sections of every configuration here: short timeouts, and a log line of
/// what must be the same in both.
const TOP: &str = "global
    stats socket <runtime> level admin
    log <log> local0
defaults
    mode http
    log global
    log-format \"%f %b %s %ST %ts %tsc %{+Q}r\"
    timeout connect 2s
    timeout client 2s
    timeout server 2s
";

fn builder(program: &Program, config: &str, log: &SyslogSink) -> ProxyBuilder {
    Proxy::of(program.clone(), format!("{TOP}{config}")).with("log", log.address())
}

/// Whether the reference is the version that we follow: Debian's older one says some things
/// otherwise (codes of resets, letters, lengths without content), and is no judge of those.
fn is_reference_current() -> bool {
    let output = std::process::Command::new(support::program::haproxy())
        .arg("-v")
        .output()
        .expect("the reference can be started");
    let is_current = String::from_utf8_lossy(&output.stdout).contains("version 3.4");
    if !is_current {
        println!("not compared: the reference is no HAProxy 3.4");
    }
    is_current
}

/// A server of HTTP/1 that says what it was asked for.
fn origin() -> Origin {
    Origin::answering("s1", |request, _| match request.target.as_str() {
        "/big" => Reply::ok(vec![b'x'; 1 << 20]),
        "/chunked" => Reply::chunked(["one", "two", "three"]),
        "/trailers" => Reply::chunked(["one"]).trailer("x-sum", "1"),
        "/empty" => Reply::status(204, "No Content"),
        "/missing" => Reply::status(404, "Not Found").body("none"),
        "/close" => Reply::until_close("until the end"),
        "/short" => Reply::ok([b'x'; 1000]).truncate(500),
        "/reset" => Reply::reset(),
        "/silent" => Reply::silence(),
        _ => Reply::ok(format!(
            "{} {} {:?} {}",
            request.method,
            request.target,
            request.header("cookie"),
            request.body.len()
        )),
    })
}
