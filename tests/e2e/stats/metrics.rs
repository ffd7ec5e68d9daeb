//! Metrics for Prometheus: parameters, faults, `promtool`, a server that scrapes, many servers.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use support::{TempDir, free_port, poll_until};

use super::*;

/// What `promtool` says of names that are the reference's.
const KNOWN: &[&str] = &[
    "haproxy_process_failed_resolutions counter metrics should have \"_total\" suffix",
    "haproxy_process_patterns_added_total non-counter metrics should not have \"_total\" suffix",
    "haproxy_process_patterns_freed_total non-counter metrics should not have \"_total\" suffix",
];

fn site() -> Site {
    Site::of(&text())
}

fn text() -> String {
    configuration(
        "    http-request use-service prometheus-exporter if { path /metrics }
    http-request return status 404
    description with \"quotes\" \\\\ and
    option socket-stats
    stick-table type ip size 100k expire 10s store gpc0",
    )
}

/// Names of series that a query gives.
fn names(site: &Site, query: &str) -> Vec<String> {
    let answer = site.get(&format!("/metrics{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    let text = answer.text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let names = lines.map(|line| line.rsplit_once(' ').map_or(line, |(name, _)| name));
    names.map(str::to_owned).collect()
}

#[test]
fn scopes_and_names_choose() {
    let site = site();
    let answer = site.get("/metrics");
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4")
    );
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let all = names(&site, "");
    for part in [
        "haproxy_process_nbthread",
        "haproxy_frontend_status{proxy=\"web\",state=\"UP\"}",
        "haproxy_listener_status{proxy=\"pages\",listener=\"sock-1\",state=\"OPEN\"}",
        "haproxy_backend_http_responses_total{proxy=\"app\",code=\"2xx\"}",
        "haproxy_server_status{proxy=\"app\",server=\"idle\",state=\"MAINT\"}",
        "haproxy_sticktable_size{name=\"pages\",type=\"ip\"}",
    ] {
        assert!(all.iter().any(|name| name == part), "{part}: {all:?}");
    }
    let two = names(
        &site,
        "?scope=frontend&scope=server&metrics=haproxy_server_status,haproxy_frontend_status",
    );
    assert_eq!(two.len(), 2 * 2 + 3 * 5, "{two:?}");
    let two = names(&site, "?no-maint&metrics=haproxy_server_weight&foo");
    assert_eq!(
        two,
        [
            "haproxy_server_weight{proxy=\"app\",server=\"s1\"}",
            "haproxy_server_weight{proxy=\"app\",server=\"s2\"}",
        ]
    );
    assert_eq!(names(&site, "?scope=*&scope="), [""; 0]);
    assert_eq!(names(&site, "?metrics=nope"), [""; 0]);
    let labelled = names(
        &site,
        "?desc-labels&metrics=haproxy_process_nbproc,haproxy_frontend_current_sessions",
    );
    assert_eq!(
        labelled,
        [
            "haproxy_process_nbproc{desc=\"the first of two\"}",
            "haproxy_frontend_current_sessions{proxy=\"web\"}",
            "haproxy_frontend_current_sessions{proxy=\"pages\",desc=\"with quotes \\\\ and\"}",
        ]
    );
}

#[test]
fn what_is_wrong_is_answered_with_400() {
    let site = site();
    for (query, fault) in [
        ("?scope=nope", "unknown scope 'nope'\n"),
        ("?scope", "the parameter 'scope' needs a value\n"),
        ("?metrics=%zz", "malformed percent coding\n"),
    ] {
        let answer = site.get(&format!("/metrics{query}"));
        assert_eq!((answer.status, &*answer.text()), (400, fault));
    }
    assert_eq!(site.get("/other").status, 404);
    let mut client = Client::connect(site.proxy.address("pages"));
    client.send("HEAD /metrics HTTP/1.1\r\nhost: h\r\n\r\n");
    let answer = client.response_to("HEAD");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    // The connection goes on.
    assert_eq!(client.get("/other").status, 404);
}

#[test]
fn promtool_finds_no_fault_of_ours() {
    let site = site();
    let text = site.get("/metrics?extra-counters&desc-labels").text();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool (package prometheus)");
    let mut input = promtool.stdin.take().expect("its input");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let is_known = |line: &str| {
        // It takes "warnings" for a unit of its own and modules' gauges for counters.
        KNOWN.contains(&line)
            || line
                == "haproxy_process_total_warnings counter metrics should have \"_total\" suffix"
            || line.contains("_h1_")
                && line.ends_with("counter metrics should have \"_total\" suffix")
            || line.contains("_h2_")
                && line.ends_with("counter metrics should have \"_total\" suffix")
            || line.contains("_ssl_")
                && line.ends_with("counter metrics should have \"_total\" suffix")
    };
    let ours: Vec<&str> = said.lines().filter(|line| !is_known(line)).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

/// A Prometheus that scrapes every second.
struct Prometheus {
    child: Child,
    address: String,
    _directory: TempDir,
}

impl Prometheus {
    fn start(target: &str) -> Self {
        let directory = TempDir::new();
        let file = directory.write(
            "prometheus.yml",
            format!(
                "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n- job_name: \
                 lbd\n  static_configs: [ {{ targets: [ '{target}' ] }} ]\n"
            ),
        );
        let address = format!("127.0.0.1:{}", free_port());
        let log = std::fs::File::create(directory.path().join("log")).expect("a file");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus (package prometheus)");
        Self {
            child,
            address,
            _directory: directory,
        }
    }

    /// Values of an instant query, by the text of each value; `None` while there is no answer.
    fn query(&self, what: &str) -> Option<Vec<serde_json::Value>> {
        let mut client = Client::try_connect(&self.address).ok()?;
        let place = format!("/api/v1/query?query={what}");
        client
            .try_send(format!("GET {place} HTTP/1.1\r\nhost: h\r\n\r\n"))
            .ok()?;
        let answer = client.try_response("GET").ok()?;
        let json: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
        json["data"]["result"].as_array().cloned()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_prometheus_scrapes() {
    let site = site();
    for _ in 0..3 {
        Client::fetch(site.proxy.address("web"), "/");
    }
    let prometheus = Prometheus::start(&site.proxy.address("pages").to_string());
    let value = |what: &str| {
        let found = poll_until(PATIENCE, || {
            prometheus
                .query(what)?
                .first()
                .map(|one| one["value"][1].clone())
        });
        found.unwrap_or_else(|| panic!("{what}"))
    };
    assert_eq!(value("up"), "1");
    assert_eq!(
        value("haproxy_backend_http_responses_total%7Bproxy=%22app%22,code=%222xx%22%7D"),
        "3"
    );
    assert_eq!(
        value("sum(haproxy_server_status%7Bstate=%22MAINT%22%7D)"),
        "1"
    );
    // It says as what kind it took them.
    assert_eq!(value("count(haproxy_process_start_time_seconds)"), "1");
}

#[test]
fn ten_thousand_servers_hold_up_nobody() {
    const SERVERS: usize = 10_000;
    let text = text().replace(
        "    server s2 <s1>\n",
        &format!("    server s2 <s1>\n    server-template t 1-{SERVERS} 127.0.0.1:1\n"),
    );
    let site = Site::of(&text.replacen("global\n", "global\n    nbthread 1\n", 1));
    let mut slow = Client::connect(site.proxy.address("pages"));
    slow.send("GET /metrics?scope=server HTTP/1.1\r\nhost: h\r\n\r\n");
    slow.read_bytes(1000);
    // The one worker has filled the slow reader's window; others get their answers all the same.
    assert_eq!(Client::fetch(site.proxy.address("web"), "/").status, 200);
    let some = names(&site, "?metrics=haproxy_server_weight");
    assert_eq!(some.len(), SERVERS + 3);
    slow.reset();
    eventually("all are gone", PATIENCE, || {
        let info = site.proxy.runtime("show info");
        info.contains("\nCurrConns: 0\n")
    });
}

#[test]
fn a_line_of_the_log_names_the_exporter() {
    let site = site();
    site.get("/metrics?scope=");
    let line = site.log.wait_line("PROMEX");
    let line = line.text();
    assert!(line.contains(" pages pages/<PROMEX> 0/0/0/0/"), "{line}");
    assert!(line.contains(" 200 ") && line.contains(" LR-- "), "{line}");
}

#[test]
fn the_end_of_each_certificate_is_a_metric() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(vec!["h".to_owned()]).expect("names");
    params.not_after = rcgen::date_time_ymd(2030, 1, 2);
    let certificate = params.self_signed(&key).expect("a certificate");
    let pem = lbd_tls::pem::encode("CERTIFICATE", certificate.der())
        + &lbd_tls::pem::encode("PRIVATE KEY", key.serialized_der());
    let text = text().replace("bind <web>", "bind <web>\n    bind <tls> ssl crt a.pem");
    let origin = Origin::http("s1");
    let log = SyslogSink::udp();
    let proxy = Proxy::lbd(text)
        .file("a.pem", pem)
        .listener("web")
        .listener("tls")
        .listener("pages")
        .listener("h2")
        .unix_listener("runtime")
        .with("s1", origin.address())
        .with("log", log.address())
        .start();
    let answer = Client::fetch(proxy.address("pages"), "/metrics?scope=certificate");
    let text = answer.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[1..],
        [
            "# TYPE lbd_certificate_not_after_timestamp_seconds gauge",
            "lbd_certificate_not_after_timestamp_seconds{file=\"a.pem\"} 1893542400",
        ]
    );
}
