//! The configurations: one text for both programs.
//!
//! It leaves addresses to the starter: `<web>`, `<s1>`, `<s2>`, `<log>`, `<runtime>`.

use std::fmt::Write;

use crate::secure::Key;

/// What distinguishes the texts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub threads: usize,
    pub max_connections: usize,
    pub has_log: bool,
    pub has_splice: bool,
    pub is_tcp: bool,
    /// Clients speak HTTP/2, in clear unless there is TLS.
    pub is_h2: bool,
    /// Clients speak TLS; the key of the certificate.
    pub tls: Option<Key>,
    /// One more server, for a second origin.
    pub has_second_server: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 1,
            max_connections: 4000,
            has_log: false,
            has_splice: false,
            is_tcp: false,
            is_h2: false,
            tls: None,
            has_second_server: false,
        }
    }
}

/// Ordinary options on: timeouts, forwardfor, an ACL with use_backend, a runtime socket.
pub(crate) fn text(options: Options) -> String {
    let mut text = global(options);
    if options.has_log {
        text.push_str("    log <log> len 1024 local0 info\n");
    }
    text.push_str(&defaults(options));
    if options.is_tcp {
        text.push_str("frontend web\n    bind <web>\n    default_backend app\n");
    } else {
        let version = match (options.is_h2, options.tls) {
            (true, None) => " proto h2".to_owned(),
            (false, None) => String::new(),
            (true, Some(key)) => format!(" ssl crt {} alpn h2", key.file()),
            (false, Some(key)) => format!(" ssl crt {} alpn http/1.1", key.file()),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "frontend web\n    bind <web>{version}\n    option forwardfor\n    acl is_api path_beg \
             /api/\n    use_backend api if is_api\n    default_backend app\n",
        );
        text.push_str("backend api\n    server s1 <s1>\n");
    }
    text.push_str("backend app\n    balance roundrobin\n    server s1 <s1>\n");
    if options.has_second_server {
        text.push_str("    server s2 <s2>\n");
    }
    text
}

/// A large installation: this many backends with ten servers each, chosen by host.
pub(crate) fn large(backends: usize) -> String {
    let options = Options::default();
    let mut text = global(options) + &defaults(options) + "frontend web\n    bind <web>\n";
    for number in 0..backends {
        let rule = format!("use_backend b{number} if {{ hdr(host) -i site{number}.example }}");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {rule}");
    }
    for number in 0..backends {
        let _ = writeln!(text, "backend b{number}\n    balance roundrobin");
        for server in 0..10 {
            let (high, low) = (number / 250 + 1, number % 250 + 1);
            let _ = writeln!(
                text,
                "    server s{server} 127.{high}.{low}.{}:80",
                server + 1
            );
        }
    }
    text
}

fn global(options: Options) -> String {
    format!(
        "global\n    nbthread {}\n    maxconn {}\n    stats socket <runtime> level admin\n",
        options.threads, options.max_connections
    )
}

fn defaults(options: Options) -> String {
    let mode = if options.is_tcp { "tcp" } else { "http" };
    let mut text = format!(
        "defaults\n    mode {mode}\n    timeout connect 5s\n    timeout client 60s\n    timeout \
         server 60s\n"
    );
    if !options.is_tcp {
        text.push_str("    timeout http-keep-alive 60s\n    http-reuse always\n");
    }
    if options.has_log {
        text.push_str("    log global\n    option httplog\n");
    }
    if options.has_splice {
        text.push_str("    option splice-response\n");
        if options.is_tcp {
            text.push_str("    option splice-request\n");
        }
    }
    text
}

#[cfg(test)]
mod tests;
