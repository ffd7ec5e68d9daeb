//! Clients that ask for something: versions, suites, protocols, many requests, a browser's page.

use super::*;

/// What curl says of a request: version of HTTP, status, result of verification.
fn curl(site: &Site, words: &[&str], path: &str) -> String {
    let (url, authority) = (site.url(path), site.file("ca.pem"));
    let mut all = vec!["-s", "-o", "/dev/null", "--cacert", &authority];
    let certificate = site.file("client.pem");
    if site.asks_clients() {
        all.extend(["--cert", &certificate]);
    }
    all.extend(words);
    all.extend([
        "-w",
        "%{http_version} %{http_code} %{ssl_verify_result} %{size_download}",
        &url,
    ]);
    run("curl", &all)
}

#[test]
fn curl_speaks_each_version_that_a_seed_allows() {
    for seed in SEEDS {
        let site = Site::start(seed);
        let best = if site.has_h2() { "2" } else { "1.1" };
        for (words, version) in [
            (&["--http1.1", "--tls-max", "1.2"][..], "1.1"),
            (&["--http1.1", "--tlsv1.3"], "1.1"),
            (&["--http2", "--tls-max", "1.2"], best),
            (&["--http2", "--tlsv1.3"], best),
        ] {
            let expected = format!("{version} 200 0 1048576");
            assert_eq!(curl(&site, words, "/big"), expected, "{seed:?} {words:?}");
        }
        // Nothing below TLS 1.2, whatever a seed says.
        let old = ["--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0"];
        assert!(curl(&site, &old, "/").starts_with("0 000 "), "{seed:?}");
    }
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_required() {
    let seed = *SEEDS
        .iter()
        .find(|seed| seed.0.contains("mtls"))
        .expect("one");
    let site = Site::start(seed);
    let authority = site.file("ca.pem");
    for version in ["1.2", "1.3"] {
        let url = site.url("/");
        let words = ["-s", "--cacert", &authority, "--tls-max", version];
        let said = run(
            "curl",
            &[&words[..], &["-w", "%{http_code}", &url]].concat(),
        );
        assert_eq!(said, "000", "{version}");
    }
}

/// What `s_client` says.
fn s_client(site: &Site, words: &[&str]) -> String {
    let address = format!("localhost:{}", site.port());
    let authority = site.file("ca.pem");
    let mut all = vec!["s_client", "-connect", &address, "-CAfile", &authority];
    let certificate = site.file("client.pem");
    if site.asks_clients() {
        all.extend(["-cert", &certificate]);
    }
    all.extend(words);
    run("openssl", &all)
}

#[test]
fn openssl_agrees_on_suites_and_protocols() {
    const OLD: [&str; 3] = [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ];
    const NEW: [&str; 3] = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    ];
    for seed in SEEDS {
        let site = Site::start(seed);
        for suite in OLD {
            let said = s_client(&site, &["-tls1_2", "-cipher", suite]);
            let is_named = !suite.contains("CHACHA20") || !seed.text().contains("bind-ciphers ");
            assert_eq!(
                said.contains(&format!("Cipher is {suite}")),
                is_named,
                "{seed:?}: {said}"
            );
            let verified = said.contains("Verify return code: 0 (ok)");
            assert!(verified || !is_named, "{seed:?}: {said}");
        }
        for suite in NEW {
            let said = s_client(&site, &["-tls1_3", "-ciphersuites", suite]);
            let agreed = said.contains(&format!("Cipher is {suite}"));
            assert!(agreed, "{seed:?}: {said}");
        }
        // Without a suite of both, with a group of nobody, with too old a version.
        for (words, alert) in [
            (
                ["-tls1_2", "-cipher", "AES128-SHA"],
                "alert handshake failure",
            ),
            (["-tls1_3", "-groups", "X448"], "alert handshake failure"),
            (
                ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                "alert protocol version",
            ),
        ] {
            let said = s_client(&site, &words);
            assert!(said.contains(alert), "{seed:?} {words:?}: {said}");
        }
        let said = s_client(&site, &["-alpn", "h2"]);
        let agreed = said.contains("ALPN protocol: h2");
        assert_eq!(agreed, site.has_h2(), "{seed:?}: {said}");
    }
}

#[test]
fn a_fallback_that_nothing_forced_is_refused() {
    for seed in SEEDS {
        let site = Site::start(seed);
        let said = s_client(&site, &["-tls1_2", "-fallback_scsv"]);
        let is_refused = said.contains("alert inappropriate fallback");
        assert!(is_refused, "{seed:?}: {said}");
        let said = s_client(&site, &["-fallback_scsv"]);
        assert!(said.contains("Cipher is TLS_"), "{seed:?}: {said}");
    }
}

#[test]
fn openssl_resumes_as_the_seed_allows() {
    for seed in SEEDS {
        let site = Site::start(seed);
        let said = s_client(&site, &["-tls1_2", "-reconnect"]);
        let resumed = said.matches("\nReused, TLSv1.2").count();
        // The tickets are off in some: then the server remembers.
        assert_eq!(resumed, 5, "{seed:?}: {said}");
    }
}

#[test]
fn many_requests_of_h2load_are_all_answered() {
    for seed in SEEDS {
        let site = Site::start(seed);
        // It can show no certificate.
        if site.asks_clients() {
            continue;
        }
        // Below the rate that seed 003 takes from one client.
        let words = ["-n", "150", "-c", "5", "-m", "10"];
        let protocols: &[&[&str]] = match site.has_h2() {
            true => &[&[], &["--h1"]],
            false => &[&["--h1"]],
        };
        for protocol in protocols {
            let url = site.url("/x");
            let said = run("h2load", &[&words[..], protocol, &[&url]].concat());
            let done = "requests: 150 total, 150 started, 150 done, 150 succeeded, 0 failed";
            if seed.0.contains("production") && !protocol.is_empty() {
                // The second time the rate is above what the seed allows: 429.
                assert!(said.contains("150 done"), "{seed:?}: {said}");
                continue;
            }
            assert!(said.contains(done), "{seed:?} {protocol:?}: {said}");
        }
    }
}

#[test]
fn nghttp_gets_large_and_small_answers_on_one_connection() {
    for seed in SEEDS {
        let site = Site::start(seed);
        if !site.has_h2() {
            continue;
        }
        let urls = ["/big", "/page", "/x"].map(|path| site.url(path));
        let certificate = site.file("client.pem");
        let shown = ["--cert=", "--key="].map(|word| format!("{word}{certificate}"));
        let mut words = vec!["--stat", "--null-out", "--no-verify-peer", "-m", "10"];
        words.extend(shown.iter().map(String::as_str));
        words.extend(urls.iter().map(String::as_str));
        let said = run("nghttp", &words);
        assert_eq!(said.matches(" 200 ").count(), 30, "{seed:?}: {said}");
    }
}

#[test]
fn chromium_runs_a_page_and_its_parts() {
    for seed in SEEDS {
        let site = Site::start(seed);
        if site.asks_clients() {
            continue;
        }
        let profile = format!("--user-data-dir={}", site.file("profile"));
        let words = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--ignore-certificate-errors",
            &profile,
            "--dump-dom",
            &site.url("/page"),
        ];
        let said = run("chromium", &words);
        let protocol = if site.has_h2() { "h2" } else { "http/1.1" };
        let expected = format!("<p id=\"a\">parts by {protocol}</p>");
        assert!(said.contains(&expected), "{seed:?}: {said}");
    }
}
