//! HTTP/1 and HTTP/2 on either side: clients see the same as through HAProxy, and so do servers.

use std::process::Command;

use super::*;

/// Four ways from a client to the origin: the client's version, then the server's.
const CONFIG: &str = "
frontend front1
    bind <front1>
    use_backend back2 if { hdr(x-to) 2 }
    default_backend back1
frontend front2
    bind <front2> proto h2
    use_backend back2 if { hdr(x-to) 2 }
    default_backend back1
backend back1
    server s1 <origin>
backend back2
    server s2 <middle> proto h2
";

/// The server of HTTP/2: the real HAProxy before the origin.
const MIDDLE: &str = "
listen middle
    bind <middle> proto h2
    server s1 <origin>
";

struct Chain {
    proxy: Proxy,
    log: SyslogSink,
    origin: Origin,
    _middle: Proxy,
}

impl Chain {
    fn of(program: &Program) -> Self {
        let (log, quiet) = (SyslogSink::udp(), SyslogSink::udp());
        let origin = origin();
        let middle = builder(&Program::Haproxy, MIDDLE, &quiet)
            .with("origin", origin.address())
            .listener("middle")
            .start();
        let proxy = builder(program, CONFIG, &log)
            .with("origin", origin.address())
            .with("middle", middle.address("middle"))
            .listener("front1")
            .listener("front2")
            .start();
        Self {
            proxy,
            log,
            origin,
            _middle: middle,
        }
    }

    /// What curl prints, what the origin got, and the log line.
    fn ask(&self, from: u8, to: u8, path: &str, args: &[&str]) -> String {
        self.origin.clear();
        self.log.clear();
        let address = self.proxy.address(&format!("front{from}"));
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--include", "--max-time", "10"]);
        curl.args(["--header", &format!("x-to: {to}")]);
        if from == 2 {
            curl.arg("--http2-prior-knowledge");
        }
        curl.args(args).arg(format!("http://{address}{path}"));
        let output = curl.output().expect("curl is there");
        let mut said = String::from_utf8_lossy(&output.stdout)
            .replace(&address.to_string(), "<front>")
            .replace("\r\n", "\n");
        // HTTP/2 has no reason phrases; what stands for them is each program's own.
        if let Some((line, rest)) = said.split_once('\n') {
            let code = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
            said = format!("{code}\n{rest}");
        }
        if from == 2 && path == "/short" {
            // What curl shows of a stream that breaks off depends on how its frames came.
            said.clear();
        }
        if said.len() > 2000 {
            let head = said.split("\n\n").next().unwrap_or_default().len();
            let len = said.len();
            said.truncate(head);
            said.push_str(&format!("\n\n{} bytes", len - head));
        }
        if let Some(at) = said.find("<html>") {
            // Built-in answers have the same lengths, not the same words.
            said.truncate(at);
        }
        let line = self.log.wait_lines(1)[0].message().to_owned();
        let line = line.replace(&address.to_string(), "<front>");
        let got = self.origin.requests().first().map(|request| {
            let mut fields: Vec<_> = request
                .headers
                .iter()
                // What the middle adds or orders is its own.
                .filter(|(name, _)| !matches!(name.as_str(), "user-agent" | "accept"))
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            if to == 2 {
                fields.sort();
            }
            let fields = fields.join("\n").replace(&address.to_string(), "<front>");
            format!(
                "{} {}\n{fields}\n{}",
                request.method,
                request.target,
                request.body.len()
            )
        });
        format!("{said}\n-- {line}\n-- {}", got.unwrap_or_default())
    }
}

/// The same request through both programs and in all four ways.
fn compare(name: &str, path: &str, args: &[&str]) {
    let chains = BOTH.map(|program| Chain::of(&program));
    for (from, to) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let [expected, got] = chains
            .each_ref()
            .map(|chain| chain.ask(from, to, path, args));
        assert_eq!(got, expected, "{name}, HTTP/{from} to HTTP/{to}");
    }
}

#[test]
fn plain_requests() {
    compare("get", "/x?y=1", &[]);
    compare("head", "/x", &["--head"]);
    compare("options", "/", &["-X", "OPTIONS"]);
}

#[test]
fn cookies_and_repeated_fields() {
    compare(
        "fields",
        "/x",
        &[
            "-H",
            "cookie: a=1; b=2",
            "-H",
            "x-a: 1",
            "-H",
            "x-b: 2",
            "-H",
            "x-a: 3",
        ],
    );
}

#[test]
fn answers_without_content_and_of_other_statuses() {
    compare("204", "/empty", &[]);
    compare("404", "/missing", &[]);
}

#[test]
fn content_of_unknown_length() {
    compare("chunked", "/chunked", &[]);
    compare("close", "/close", &[]);
    compare("trailers", "/trailers", &[]);
}

#[test]
fn long_content_both_ways() {
    compare("down", "/big", &[]);
    let body = "b".repeat(200_000);
    let directory = support::temp::TempDir::new();
    let path = directory.write("body", body);
    let data = format!("@{}", path.display());
    compare(
        "up",
        "/up",
        &["-X", "POST", "-H", "expect:", "--data-binary", &data],
    );
    compare(
        "up in chunks",
        "/up",
        &[
            "-X",
            "POST",
            "-H",
            "expect:",
            "-H",
            "transfer-encoding: chunked",
            "--data-binary",
            &data,
        ],
    );
}

#[test]
fn servers_that_break_off() {
    if !is_reference_current() {
        return;
    }
    compare("reset", "/reset", &[]);
    compare("short", "/short", &[]);
}

#[test]
fn many_streams_of_one_connection_are_served_at_once() {
    let chain = Chain::of(&Program::Lbd);
    let address = chain.proxy.address("front2");
    for to in ["1", "2"] {
        let output = Command::new("nghttp")
            .args([
                "--stat",
                "--null-out",
                "--multiply=50",
                "--header",
                &format!("x-to: {to}"),
            ])
            .arg(format!("http://{address}/big"))
            .output()
            .expect("nghttp is there");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.matches(" 200 ").count(), 50, "{text}");
    }
}
