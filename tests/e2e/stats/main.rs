//! The statistics over HTTP: the page, the forms that programs read, changes by POST, and a browser
//! that uses them; and what of them outlives the process.

use std::time::Duration;

use support::{Client, Origin, Proxy, Response, SyslogSink, eventually};

mod browser;
mod changing;
mod kept;
mod large;
mod metrics;
mod page;
mod reading;

/// How long anything may take on a machine that is busy otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page of its own in a listen section, with these lines, beside a frontend and a backend.
fn configuration(lines: &str) -> String {
    format!(
        "global
    stats socket <runtime> level admin
    log <log> local0
    node here
    description the first of two
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind <web>
    default_backend app
backend app
    balance roundrobin
    server s1 <s1> cookie one
    server s2 <s1>
    server idle <s1> backup disabled
listen pages
    bind <pages>
    bind <h2> proto h2
{lines}
"
    )
}

/// The balancer with such a page.
struct Site {
    proxy: Proxy,
    log: SyslogSink,
    origin: Origin,
}

impl Site {
    fn start(lines: &str) -> Self {
        Self::of(&configuration(lines))
    }

    fn of(text: &str) -> Self {
        let origin = Origin::http("s1");
        let log = SyslogSink::udp();
        let proxy = Proxy::lbd(text)
            .listener("web")
            .listener("pages")
            .listener("h2")
            .unix_listener("runtime")
            .with("s1", origin.address())
            .with("log", log.address())
            .start();
        Self { proxy, log, origin }
    }

    /// The page with what stands behind its address.
    fn get(&self, target: &str) -> Response {
        Client::fetch(self.proxy.address("pages"), target)
    }

    /// A POST with these fields, each line ended.
    fn post(&self, target: &str, fields: &str, form: &str) -> Response {
        let address = self.proxy.address("pages");
        let mut client = Client::connect(&address);
        let length = form.len();
        client.send(format!(
            "POST {target} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n{fields}\r\n\
             {form}"
        ));
        client.response()
    }

    /// The administrative state of `app/s1`, as the server state file has it.
    fn admin_state(&self) -> String {
        let states = self.proxy.runtime("show servers state app");
        let line = states.lines().find(|line| line.contains(" s1 "));
        let line = line.unwrap_or_else(|| panic!("{states}"));
        line.split(' ').nth(6).unwrap_or_default().to_owned()
    }
}
