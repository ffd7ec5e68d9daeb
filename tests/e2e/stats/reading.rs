//! What the page gives to programs, and to whom.

use super::*;

/// The columns that differ from one moment to the next, or that the asking itself moves.
const MOVING: &[&str] = &[
    "lastchg",
    "lastsess",
    "rate",
    "rate_max",
    "req_rate",
    "req_rate_max",
    "conn_rate",
    "conn_rate_max",
    "downtime",
];

/// Rows of a table as (column, value), without those of the page's own proxy.
fn rows(csv: &str) -> Vec<Vec<(String, String)>> {
    let mut lines = csv.lines();
    let header = lines.next().unwrap_or_default().trim_start_matches("# ");
    let names: Vec<&str> = header.split(',').collect();
    let rows = lines.filter(|line| !line.is_empty() && !line.starts_with("pages,"));
    rows.map(|line| {
        let fields = names.iter().zip(line.split(','));
        let fields = fields.filter(|(name, _)| !MOVING.contains(name));
        fields
            .map(|(name, value)| ((*name).to_owned(), value.to_owned()))
            .collect()
    })
    .collect()
}

fn value<'r>(row: &'r [(String, String)], name: &str) -> &'r str {
    let found = row.iter().find(|(column, _)| column == name);
    found.map_or("", |(_, value)| value)
}

#[test]
fn the_tables_are_those_of_the_runtime_socket() {
    let site = Site::start("    stats enable\n    stats show-legends\n    stats refresh 7s");
    Client::fetch(site.proxy.address("web"), "/");
    // What a request has counted is there a moment after its answer.
    eventually("it is counted", Duration::from_secs(20), || {
        let rows = rows(&site.proxy.runtime("show stat"));
        value(&rows[0], "req_tot") == "1" && value(&rows[0], "scur") == "0"
    });
    let answer = site.get("/haproxy?stats;csv");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("refresh"), Some("7"));
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let page = rows(&answer.text());
    assert_eq!(page, rows(&site.proxy.runtime("show stat")));
    assert_eq!(page.len(), 5, "{page:?}");
    assert_eq!(value(&page[1], "addr"), site.origin.address().to_string());
    assert_eq!(value(&page[1], "cookie"), "one");

    let answer = site.get("/haproxy?stats;norefresh;typed");
    assert_eq!(answer.header("refresh"), None);
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert!(
        answer
            .text()
            .contains("\nB.3.0.76.algo.1:CGSV:str:roundrobin\n"),
        "{}",
        answer.text()
    );

    let answer = site.get("/haproxy?stats;json");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let json: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    let socket: serde_json::Value =
        serde_json::from_str(&site.proxy.runtime("show stat json")).expect("JSON");
    assert_eq!(
        json.as_array().map(Vec::len),
        socket.as_array().map(Vec::len)
    );
    assert_eq!(json[1][1], socket[1][1]);
    assert_eq!(json[1][1]["value"]["value"], "s1");

    let answer = site.get("/haproxy?stats;json-schema");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let schema: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-04/schema#");
    assert_eq!(
        answer.text().trim(),
        site.proxy.runtime("show schema json").trim()
    );
}

#[test]
fn addresses_cookies_and_algorithms_are_legends() {
    let site = Site::start("    stats enable");
    let page = rows(&site.get("/haproxy?stats;csv").text());
    for name in ["addr", "cookie", "algo"] {
        assert!(
            page.iter().all(|row| value(row, name).is_empty()),
            "{name}: {page:?}"
        );
    }
    let html = site.get("/haproxy?stats").text();
    assert!(!html.contains(&site.origin.address().to_string()), "{html}");
}

#[test]
fn filters_leave_servers_and_proxies_out() {
    let site = Site::start("    stats uri /s");
    let names = |what: &str| {
        let page = rows(&site.get(what).text());
        let of = |row: &Vec<(String, String)>| {
            format!("{}/{}", value(row, "pxname"), value(row, "svname"))
        };
        page.iter().map(of).collect::<Vec<_>>()
    };
    let all = [
        "web/FRONTEND",
        "app/s1",
        "app/s2",
        "app/idle",
        "app/BACKEND",
    ];
    assert_eq!(names("/s;csv"), all);
    assert_eq!(names("/s-and-more;csv"), all);
    let up = ["web/FRONTEND", "app/s1", "app/s2", "app/BACKEND"];
    assert_eq!(names("/s;up;csv"), up);
    assert_eq!(names("/s;csv;no-maint"), up);
    assert_eq!(names("/s;csv;scope=AP"), all[1..]);
    assert_eq!(names("/s?scope=nothing;csv"), Vec::<String>::new());
    let rows = rows(&site.get("/s;csv;up").text());
    assert_eq!(value(&rows[3], "status"), "UP (2/3)");

    let site = Site::start("    stats uri /s\n    stats scope web\n    stats scope .");
    let answer = site.get("/s;csv").text();
    assert!(
        answer.contains("\nweb,") && answer.contains("\npages,"),
        "{answer}"
    );
    assert!(!answer.contains("\napp,"), "{answer}");
}

#[test]
fn only_users_get_the_page_where_users_are_named() {
    let site = Site::start(
        "    stats uri /s\n    stats realm The\\ Page\n    stats auth a:b\n    stats auth c:d",
    );
    let address = site.proxy.address("pages");
    let ask = |credentials: &str| {
        let head = format!("GET /s;csv HTTP/1.1\r\nhost: {address}\r\n{credentials}");
        Client::exchange(&address, &head)
    };
    let refused = ask("");
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Basic realm=\"The Page\"")
    );
    // a:x, x:b, a:, a
    for wrong in ["YTp4", "eDpi", "YTo=", "YQ=="] {
        assert_eq!(
            ask(&format!("authorization: Basic {wrong}\r\n")).status,
            401,
            "{wrong}"
        );
    }
    // a:b, c:d
    for right in ["YTpi", "Yzpk"] {
        assert_eq!(
            ask(&format!("authorization: Basic {right}\r\n")).status,
            200,
            "{right}"
        );
    }
    site.log.wait_line("pages/<STATS> 0/0/0/0/");
}

#[test]
fn rules_say_who_gets_the_page() {
    let site = Site::start(
        "    stats uri /s
    stats http-request auth if { path /s/auth }
    stats http-request auth realm other if { path /s/other }
    stats http-request deny if { path /s/deny }
    http-request return status 204 if { path /s/early }
    http-after-response set-header x-after yes",
    );
    let answer = site.get("/s/auth");
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Basic realm=\"HAProxy Statistics\"")
    );
    let answer = site.get("/s/other");
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Basic realm=\"other\"")
    );
    assert_eq!(site.get("/s/deny").status, 403);
    assert_eq!(
        site.get("/s/early").status,
        204,
        "rules of the proxy come first"
    );
    let answer = site.get("/s/any;csv");
    assert_eq!(
        (answer.status, answer.header("x-after")),
        (200, Some("yes"))
    );
    site.log.wait_line("pages/<STATS> 0/0/0/-1/");
}

#[test]
fn a_connection_goes_on_behind_a_page() {
    let site = Site::start("    stats uri /s");
    let mut client = Client::connect(site.proxy.address("pages"));
    for target in ["/s", "/s;csv", "/s;json", "/s;typed"] {
        assert_eq!(client.get(target).status, 200, "{target}");
    }
    let host = site.proxy.address("pages");
    let head = client.request(&format!("HEAD /s HTTP/1.1\r\nhost: {host}"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(client.get("/s;csv").status, 200);
    let old = Client::exchange(&host, "GET /s;csv HTTP/1.0");
    assert_eq!(old.header("transfer-encoding"), None);
    assert!(old.text().starts_with("# pxname,"), "{}", old.text());
}

#[test]
fn the_page_comes_by_http_2_as_well() {
    let site = Site::start("    stats uri /s");
    let url = format!("http://{}/s;csv", site.proxy.address("h2"));
    let output = std::process::Command::new("curl")
        .args(["--http2-prior-knowledge", "-s", "-i", "-m", "60", &url])
        .output()
        .expect("curl runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("HTTP/2 200"), "{said}");
    assert!(
        said.contains("\napp,BACKEND,") && said.contains("\npages,BACKEND,"),
        "{said}"
    );
    assert!(!said.contains("transfer-encoding"), "{said}");
}

#[test]
fn pages_in_backends_are_asked_for_through_frontends() {
    let text = configuration("    stats uri /own").replace(
        "    balance roundrobin\n",
        "    balance roundrobin\n    stats uri /inside\n    stats scope .\n",
    );
    let site = Site::of(&text);
    let answer = Client::fetch(site.proxy.address("web"), "/inside;csv");
    let csv = answer.text();
    assert!(
        csv.contains("\napp,s1,") && !csv.contains("\nweb,"),
        "{csv}"
    );
    site.log.wait_line("web app/<STATS> ");
    let stat = site.proxy.runtime("show stat");
    let page = rows(&stat);
    assert_eq!(value(&page[0], "intercepted"), "0", "{stat}");
    assert_eq!(value(&page[4], "stot"), "1", "{stat}");
}

#[test]
fn rules_on_answers_of_both_proxies_see_the_page() {
    let text = configuration("    stats uri /own")
        .replace(
            "    default_backend app\n",
            "    default_backend app\n    http-after-response set-header x-front yes\n",
        )
        .replace(
            "    balance roundrobin\n",
            "    balance roundrobin\n    stats uri /inside\n    http-after-response set-header \
             x-back yes\n    http-after-response allow\n",
        );
    let site = Site::of(&text);
    for target in ["/inside;csv", "/"] {
        let answer = Client::fetch(site.proxy.address("web"), target);
        assert_eq!(answer.header("x-back"), Some("yes"), "{target}");
        assert_eq!(answer.header("x-front"), Some("yes"), "{target}");
    }
}
