//! One example in one place, and the configuration around it.
//!
//! It judges nothing.

/// What has to come of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// No alert.
    Accepted,
    /// An alert with this text.
    Refused(&'static str),
    /// What the reference says; without it, nothing.
    AsReference,
}

/// An example in a place.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// Keyword and place, for messages.
    pub(crate) name: String,
    /// Sections that hold it, `<p>` for the name of a proxy of its own.
    pub(crate) text: String,
    /// Whether it may share a file with others: it changes nothing beyond its own sections.
    pub(crate) is_alone: bool,
    /// What has to come of it.
    pub(crate) wanted: Wanted,
}

impl Trial {
    /// Sections beside others.
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>, wanted: Wanted) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            is_alone: false,
            wanted,
        }
    }

    /// A trial that needs a file of its own.
    pub(crate) fn alone(self) -> Self {
        Self {
            is_alone: true,
            ..self
        }
    }

    /// Its sections under the name of number `at`.
    pub(crate) fn sections(&self, at: usize) -> String {
        self.text.replace("<p>", &format!("p{at}"))
    }
}

/// The modes of proxies.
pub(crate) const MODES: [&str; 2] = ["http", "tcp"];

/// The kinds of proxies.
pub(crate) const PROXIES: [&str; 4] = ["defaults", "frontend", "listen", "backend"];

/// What comes before every trial: names that examples speak of.
pub(crate) const SURROUNDINGS: &str = "\
global
    expose-experimental-directives
    expose-deprecated-directives
    insecure-fork-wanted
    external-check
defaults base
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
userlist users
    group a
    user joe insecure-password secret groups a
http-errors site
healthcheck web
    type httpchk
frontend fe from base
    bind 127.0.0.1:7999
backend be from base
    server s1 127.0.0.1:80 cookie s1
backend x from base
    stick-table type string size 1m expire 30s
backend t from base
    stick-table type ip size 1m expire 30s store server_id,gpc(2),gpc_rate(2,10s),gpt(2),conn_cnt,\
conn_cur,conn_rate(10s),sess_cnt,sess_rate(10s),http_req_cnt,http_req_rate(10s),http_err_cnt,\
http_err_rate(10s),http_fail_cnt,http_fail_rate(10s),bytes_in_cnt,bytes_in_rate(10s),\
bytes_out_cnt,bytes_out_rate(10s),glitch_cnt,glitch_rate(10s)
";

/// Lines in a section of this kind and mode, with what it needs to be whole.
pub(crate) fn proxy(kind: &str, mode: &str, lines: &str) -> String {
    let table = match lines.contains("stick-table") {
        true => "",
        false => {
            "    stick-table type ip size 1k expire 30s store gpc(2),gpt(2),http_req_rate(10s)\n"
        }
    };
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    let first = lines.trim_start();
    let is_of_backends = first.starts_with("default-server") || first.starts_with("tcp-response");
    let timeouts = "    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n";
    match kind {
        // Their rules are for proxies of one kind; words of servers and of their answers need a backend.
        "defaults" if is_of_backends => format!(
            "defaults <p>d\n    mode {mode}\n{timeouts}{lines}\
             backend <p> from <p>d\n{table}{SERVERS}"
        ),
        "defaults" => format!(
            "defaults <p>d\n    mode {mode}\n{timeouts}{lines}\
             frontend <p> from <p>d\n{BIND}{table}"
        ),
        "backend" => format!("backend <p> from base\n    mode {mode}\n{table}{SERVERS}{lines}"),
        "listen" => {
            format!("listen <p> from base\n    mode {mode}\n{BIND}{table}{SERVERS}{lines}")
        }
        _ => format!("frontend <p> from base\n    mode {mode}\n{BIND}{table}{lines}"),
    }
}

/// The accepting side of a proxy.
const BIND: &str = "    bind 127.0.0.1:8000
    declare capture request len 10
    declare capture response len 10
";

/// The serving side.
const SERVERS: &str = "    server s1 127.0.0.1:81
    server srv 127.0.0.1:82
    server other 127.0.0.1:83 check
";

/// A word as the configuration takes it, whatever it holds.
pub(crate) fn quoted(word: &str) -> String {
    match word.contains('\'') {
        true => format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")),
        false => format!("'{word}'"),
    }
}
