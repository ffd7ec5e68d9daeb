//! Scanners: what they find of the seeds' lines is written down in `tests/data/tls`, each finding
//! a line. `UPDATE_EXPECT=1` writes what is found now; a change is to be understood first.

use std::path::PathBuf;

use super::*;

/// Compares findings with those that are written down.
fn expect(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("data/tls")
        .join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, found).expect("the findings can be written");
    }
    let expected = std::fs::read_to_string(&path).expect("the expected findings");
    assert_eq!(found, expected, "{}", path.display());
}

#[test]
fn sslscan_finds_what_is_expected() {
    for seed in SEEDS {
        let site = Site::start(seed);
        let target = format!("localhost:{}", site.port());
        // Its search for groups waits for a record of each message, three seconds in vain for
        // each group; testssl.sh finds groups, too.
        let words = [
            "--no-colour",
            "--no-groups",
            "--no-check-certificate",
            "--ipv4",
        ];
        let said = run("sslscan", &[&words[..], &[&target]].concat());
        let (_, findings) = said
            .split_once("SSL/TLS Protocols:\n")
            .unwrap_or_else(|| panic!("{seed:?}: {said}"));
        let is_old = |line: &&str| line.contains("OpenSSL version") || line.contains("Rebuild");
        let findings: Vec<&str> = findings
            .lines()
            .map(str::trim)
            // Of the scanner itself; and nothing.
            .filter(|line| !line.is_empty() && !is_old(line))
            .collect();
        let name = seed.0.replace(".cfg", ".sslscan");
        expect(&name, &(findings.join("\n") + "\n"));
    }
}

#[test]
fn testssl_finds_what_is_expected() {
    // One of the seeds, the one with the most words about TLS: it takes its time.
    let seed = SEEDS[0];
    let site = Site::start(seed);
    let (report, url) = (site.file("report.csv"), site.url("/"));
    let words = [
        "--quiet",
        "--warnings",
        "off",
        "--nodns",
        "none",
        "--ip",
        "127.0.0.1",
        "-p",
        "-f",
        "-U",
        "--csvfile",
        &report,
        &url,
    ];
    let said = run("testssl", &words);
    let report = std::fs::read_to_string(&report).unwrap_or_else(|_| panic!("{said}"));
    let mut findings: Vec<String> = report.lines().skip(1).filter_map(finding).collect();
    findings.sort();
    expect(
        "003-01-full-walkthrough.testssl",
        &(findings.join("\n") + "\n"),
    );
}

/// A finding without the address: what, how grave, the words.
fn finding(line: &str) -> Option<String> {
    let mut fields = line.trim_matches('"').split("\",\"");
    let what = fields.next()?;
    let (grade, words) = (fields.nth(2)?, fields.next()?);
    // Of the scanner itself, its engines and its time.
    let is_own = ["engine_problem", "scanTime", "service"].contains(&what);
    (!is_own).then(|| format!("{what}: {grade}: {words}"))
}
