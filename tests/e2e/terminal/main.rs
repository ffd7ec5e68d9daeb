//! People with a terminal: `lbctl top`, and Debian's hatop, which knows nothing of lbd.

use std::time::Duration;

use support::terminal::{Terminal, key};
use support::{Client, Origin, Proxy, eventually};

mod hatop;
mod top;

/// How long anything may take on a machine that is busy otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// A balancer with two servers, one of which is down.
struct Site {
    proxy: Proxy,
    _origin: Origin,
}

impl Site {
    /// Its runtime socket has this level; there is one on TCP, too.
    fn start(level: &str) -> Self {
        let origin = Origin::http("s1");
        let text = format!(
            "global
    stats socket <runtime> level {level}
    stats socket ipv4@<remote> level operator
    node alpha
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind <web>
    default_backend app
backend app
    server good <origin> weight 50
    server bad 127.0.0.1:1 check inter 200ms fall 1
"
        );
        let proxy = Proxy::lbd(text)
            .listener("web")
            .listener("remote")
            .with("origin", origin.address())
            .start();
        let site = Self {
            proxy,
            _origin: origin,
        };
        eventually("one server is down", PATIENCE, || {
            site.stat("bad").contains(",DOWN,")
        });
        site
    }

    fn socket(&self) -> String {
        self.proxy.address("runtime").to_string()
    }

    /// The line of `show stat` of a server.
    fn stat(&self, server: &str) -> String {
        let stat = self.proxy.runtime("show stat");
        let begin = format!("app,{server},");
        let line = stat.lines().find(|line| line.starts_with(&begin));
        line.unwrap_or_else(|| panic!("{stat}")).to_owned()
    }

    /// Waits until a server's line has this column.
    fn wait_stat(&self, server: &str, column: &str) {
        let what = format!("{server} is {column}");
        eventually(&what, PATIENCE, || {
            self.stat(server).split(',').any(|text| text == column)
        });
    }
}
