//! Clients that are not ours, each against the TLS settings of the seeds 003 and 004: curl,
//! OpenSSL's `s_client`, nghttp, h2load, Chromium, and the scanners sslscan and testssl.sh.
//!
//! What a seed has beside TLS is changed as little as a test needs: addresses, files, the user.

mod asking;
mod scanning;

use std::process::Command;
use std::time::Duration;

use super::*;

/// The seeds with a TLS line, by file and the name of its certificates' place.
const SEEDS: [Seed; 5] = [
    Seed("003-01-full-walkthrough.cfg", Suites::Named),
    Seed("003-10-tls-front.cfg", Suites::All),
    Seed("003-12-mtls.cfg", Suites::All),
    Seed("003-19-production.cfg", Suites::Named),
    Seed("004-2-stackexchange-modern.cfg", Suites::All),
];

/// A seed by its file, and which suites of TLS 1.2 it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seed(&'static str, Suites);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suites {
    /// A list is given.
    Named,
    /// None is.
    All,
}

/// A seed that runs, with what a client needs.
struct Site {
    proxy: Proxy,
    seed: Seed,
    /// Files for clients: `ca.pem`, `client.pem`.
    files: support::TempDir,
    _origin: Origin,
}

impl Site {
    fn start(seed: Seed) -> Self {
        let authority = Authority::new("CA");
        let clients = Authority::new("clients");
        let files = support::TempDir::new();
        files.write("ca.pem", authority.pem());
        files.write("client.pem", clients.leaf(&["somebody"]).bundle());
        let origin = Origin::answering("s1", |request, _| page(&request.target));
        let leaf = authority.leaf(&["localhost", "www.example.com"]);
        let text = seed.text();
        let mut builder = Proxy::lbd(&text)
            .with("s1", origin.address())
            .file("certs/site.pem", leaf.bundle())
            .file("ca.pem", clients.pem())
            .file("nobody", "192.0.2.1\n");
        for name in ["front", "plain", "inner"] {
            if text.contains(&format!("<{name}>")) {
                builder = builder.listener(name);
            }
        }
        Self {
            proxy: builder.start(),
            seed,
            files,
            _origin: origin,
        }
    }

    /// Whether requests come by HTTP/2, too: where HTTP is spoken that needs no word.
    fn has_h2(&self) -> bool {
        !self.seed.0.contains("stackexchange")
    }

    /// Whether clients must show a certificate.
    fn asks_clients(&self) -> bool {
        self.seed.0.contains("mtls")
    }

    fn port(&self) -> String {
        let address = self.proxy.address("front").to_string();
        let (_, port) = address.rsplit_once(':').expect("a port");
        port.to_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port())
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }
}

impl Seed {
    /// Its text, fit to run here.
    fn text(self) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("data/seeds")
            .join(self.0);
        let text = std::fs::read_to_string(path).expect("a seed");
        let mut out = String::new();
        let mut has_tls = false;
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                // Another part's: users, places, other machines, the statistics page.
                [
                    "chroot" | "user" | "group" | "daemon" | "log" | "errorfile" | "pidfile",
                    ..,
                ]
                | ["stats" | "cpu-map" | "nbthread", ..]
                | ["http-request", "use-service", ..]
                    if !line.contains("password") && !line.contains(" users ") => {}
                // More than a test may have descriptors for.
                ["maxconn", _] => out.push_str("maxconn 500\n"),
                ["frontend", "stats"] | ["bind", "*:8404"] => {}
                ["bind", _, "ssl", ..] if has_tls => {}
                ["bind", _, "ssl", ..] => {
                    has_tls = true;
                    out.push_str(&tls_line(&words));
                }
                ["bind", "*:80" | "127.0.0.1:80", ref rest @ ..] => {
                    let name = match rest.first() {
                        Some(&"accept-proxy") => "inner",
                        _ => "plain",
                    };
                    out.push_str(&format!("bind <{name}> {}\n", rest.join(" ")));
                }
                // One address stands for the seed's many.
                ["bind", "198.51.100.11:80", ..] => out.push_str("bind <plain>\n"),
                ["bind", ..] => {}
                ["server", "http", _, ref rest @ ..] => {
                    out.push_str(&format!("server http <inner> {}\n", rest.join(" ")));
                }
                ["server", name, address, ..] if address.starts_with("127.0.0.") => {
                    assert!(name.starts_with("http"), "{line}");
                }
                ["server", name, _, ref rest @ ..] => {
                    let rest = rest.iter().filter(|word| **word != "check");
                    let rest: Vec<&str> = rest.copied().collect();
                    out.push_str(&format!("server {name} <s1> {}\n", rest.join(" ")));
                }
                ["acl", .., "-f", _] => {
                    let (start, _) = line.rsplit_once(' ').expect("words");
                    out.push_str(&format!("{start} <dir>/nobody\n"));
                }
                _ => out.push_str(&format!("{line}\n")),
            }
        }
        assert!(has_tls, "{} has no line with TLS", self.0);
        out
    }
}

/// A `bind … ssl` line with our files.
fn tls_line(words: &[&str]) -> String {
    let mut line = "bind <front>".to_owned();
    let mut before = "";
    for &word in &words[2..] {
        let place = match before {
            "crt" if word.ends_with('/') => "<dir>/certs/",
            "crt" => "<dir>/certs/site.pem",
            "ca-file" => "<dir>/ca.pem",
            _ => word,
        };
        line.push(' ');
        line.push_str(place);
        before = word;
    }
    line.push('\n');
    line
}

/// What the server behind answers.
fn page(target: &str) -> support::Reply {
    match target {
        "/page" => support::Reply::ok(
            "<html><head><script src=\"/part.js\"></script></head><body><p id=\"a\">nothing</p>\
             <script>document.getElementById('a').textContent = part + ' by ' + \
             performance.getEntriesByType('navigation')[0].nextHopProtocol</script></body></html>",
        )
        .header("content-type", "text/html"),
        "/part.js" => {
            support::Reply::ok("const part = 'parts'").header("content-type", "text/javascript")
        }
        "/big" => support::Reply::ok(vec![b'x'; 1 << 20]),
        _ => support::Reply::ok("hello"),
    }
}

/// What a program printed, both ways, once it has ended by itself.
///
/// A program of another kind than ours may hang: `timeout` ends it, and the test says so.
fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new("timeout")
        .arg(PATIENCE.as_secs().to_string())
        .arg(program)
        .args(words)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("start {program}: {error}"));
    assert_ne!(
        output.status.code(),
        Some(124),
        "{program} {words:?} does not end"
    );
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

/// How long a client may take: far beyond what it takes on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(240);
