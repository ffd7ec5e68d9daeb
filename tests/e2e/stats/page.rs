//! The page for people.

use super::*;

#[test]
fn one_look_says_what_is_down() {
    let text = configuration("    stats uri /s").replace(
        "    server s2 <s1>\n",
        "    server s2 127.0.0.1:1 check inter 50ms fall 1\n    server s3 127.0.0.1:1\n",
    );
    let site = Site::of(&text);
    eventually("s2 is down", PATIENCE, || {
        site.proxy
            .runtime("show stat")
            .contains("\napp,s2,0,0,0,0,,0,0,0,,0,,0,0,0,0,DOWN,")
    });
    let html = site.get("/s").text();
    assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
    assert!(html.ends_with("</body></html>\n"), "{html}");
    let summary = html.split("id=\"summary\"").nth(1).expect("a summary");
    assert!(summary.contains("1 of 4 servers down"), "{summary}");
    assert!(summary.contains("1 in maintenance"), "{summary}");
    assert!(summary.contains("<a href=\"#app\">app/s2</a>"), "{summary}");
    let row = html
        .split("<tr class=\"server down\">")
        .nth(1)
        .expect("a row");
    assert!(row.starts_with("<th scope=\"row\">s2</th>"), "{row}");
}

#[test]
fn what_is_hidden_is_not_on_the_page() {
    let site = Site::start("    stats uri /s");
    let html = site.get("/s").text();
    for hidden in ["lbd ", "the first of two", "of here", "refresh"] {
        assert!(!html.contains(hidden), "{hidden}: {html}");
    }
    let site = Site::start(
        "    stats uri /s\n    stats show-version\n    stats show-node\n    stats show-desc\n    \
         stats show-legends\n    stats refresh 3s\n    stats show-modules",
    );
    let answer = site.get("/s");
    let html = answer.text();
    let address = site.origin.address().to_string();
    let version = format!("lbd {}", env!("CARGO_PKG_VERSION"));
    for shown in [
        &version,
        "the first of two",
        "of here",
        "Stop refreshing",
        "algo roundrobin",
        &address,
    ] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    assert_eq!(answer.header("refresh"), Some("3"));
    assert_eq!(site.get("/s;norefresh").header("refresh"), None);
    let site = Site::start("    stats uri /s\n    stats show-node other\n    stats show-desc a b");
    let html = site.get("/s").text();
    assert!(html.contains("<h1>Statistics of other</h1>"), "{html}");
    assert!(html.contains("<p class=\"description\">a b</p>"), "{html}");
    // A process without a name has the machine's.
    let text =
        configuration("    stats uri /s\n    stats show-node").replace("    node here\n", "");
    let html = Site::of(&text).get("/s").text();
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux");
    let title = format!("<h1>Statistics of {}</h1>", machine.trim());
    assert!(html.contains(&title), "{html}");
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let text = configuration("    stats uri /s<b>\n    stats show-legends\n    stats admin if TRUE\n    stats show-desc <script>1</script>")
        .replace("cookie one", "cookie <u>\\\"\\'&");
    let site = Site::of(&text);
    let html = site.get("/s<b>;scope=<i>;st=<i>").text();
    for markup in ["<script>", "<u>", "<i>", "<b>;"] {
        assert!(!html.contains(markup), "{markup}: {html}");
    }
    assert!(html.contains("&lt;script&gt;1&lt;/script&gt;"), "{html}");
    assert!(html.contains("&lt;u&gt;&quot;&#39;&amp;"), "{html}");
    assert!(html.contains("Unexpected result."), "{html}");
}

#[test]
fn administrators_get_forms_that_no_other_page_can_frame() {
    let site = Site::start("    stats uri /s\n    stats admin if TRUE");
    let answer = site.get("/s");
    assert_eq!(
        answer.header("content-security-policy"),
        Some("frame-ancestors 'self'")
    );
    let html = answer.text();
    for part in [
        "<form method=\"post\" action=\"/s\">",
        "<input type=\"checkbox\" name=\"s\" value=\"s1\">",
        "<option value=\"drain\">",
        "<input type=\"hidden\" name=\"b\" value=\"#3\">",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let codes = ["DONE", "NONE", "PART", "ERRP", "DENY", "EXCD", "UNKN"];
    let said = codes.map(|code| {
        let html = site.get(&format!("/s;st={code}")).text();
        let text = html.split("id=\"outcome\"").nth(1).expect("a message");
        text.split("</p>").next().unwrap_or_default().to_owned()
    });
    let mut different = said.to_vec();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), codes.len(), "{said:?}");
}
