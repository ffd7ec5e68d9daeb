//! A person with a browser: Chromium, driven through pipes by its DevTools protocol.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::sys::stat::Mode;
use serde_json::{Value, json};
use support::TempDir;

use super::*;

/// A browser with one page.
struct Browser {
    child: Child,
    orders: File,
    events: BufReader<File>,
    session: String,
    next: u64,
    _directory: TempDir,
}

impl Browser {
    /// Starts a browser of this width on a page.
    fn open(url: &str, width: u32) -> Self {
        let directory = TempDir::new();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let (orders, events) = (path("orders"), path("events"));
        for pipe in [&orders, &events] {
            nix::unistd::mkfifo(pipe.as_str(), Mode::S_IRWXU).expect("a pipe");
        }
        let script = format!(
            "exec chromium --headless --no-sandbox --disable-gpu --no-first-run \
             --disable-background-networking --disable-component-update --disable-sync \
             --remote-debugging-pipe --window-size={width},900 --user-data-dir={} about:blank \
             3<{orders} 4>{events}",
            path("profile")
        );
        let child = Command::new("sh")
            .args(["-c", &script])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a browser");
        // Each waits for the other side.
        let orders = File::options()
            .write(true)
            .open(&orders)
            .expect("its orders");
        let events = BufReader::new(File::open(&events).expect("its events"));
        let mut browser = Self {
            child,
            orders,
            events,
            session: String::new(),
            next: 0,
            _directory: directory,
        };
        let target = browser.ask("Target.createTarget", &json!({ "url": url }));
        let id = &target["targetId"];
        let attached = browser.ask(
            "Target.attachToTarget",
            &json!({ "targetId": id, "flatten": true }),
        );
        attached["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("{attached}"))
            .clone_into(&mut browser.session);
        browser
    }

    /// Gives an order and waits for its result.
    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        let mut order = json!({ "id": self.next, "method": method, "params": params });
        if !self.session.is_empty() {
            order["sessionId"] = json!(self.session);
        }
        self.orders
            .write_all(format!("{order}\0").as_bytes())
            .expect("the browser listens");
        loop {
            let mut said = Vec::new();
            self.events.read_until(0, &mut said).expect("it speaks");
            assert!(said.pop() == Some(0), "the browser has ended");
            let said: Value = serde_json::from_slice(&said).expect("JSON");
            if said["id"] == json!(self.next) {
                return said["result"].clone();
            }
        }
    }

    /// The value of an expression on the page.
    fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        self.ask("Runtime.evaluate", &params)["result"]["value"].clone()
    }

    /// Waits until an expression on the page holds.
    fn wait(&mut self, expression: &str) {
        let what = format!("{expression} on the page");
        eventually(&what, PATIENCE, || self.value(expression) == json!(true));
    }

    /// A picture of the whole page, kept where `SCREENSHOTS` names a directory.
    fn picture(&mut self, name: &str) {
        let Some(directory) = std::env::var_os("SCREENSHOTS") else {
            return;
        };
        let params = json!({ "format": "png", "captureBeyondViewport": true });
        let picture = self.ask("Page.captureScreenshot", &params);
        let data = picture["data"].as_str().unwrap_or_default();
        let engine = base64::engine::general_purpose::STANDARD;
        let bytes = base64::Engine::decode(&engine, data).expect("a picture");
        let path = std::path::Path::new(&directory).join(name);
        std::fs::write(path, bytes).expect("the picture is kept");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its group is the browser with its helpers, and nobody else.
        let group = nix::unistd::Pid::from_raw(-i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        let _ = nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Some up, one down, one in maintenance.
fn site() -> Site {
    site_refreshed("300s")
}

/// The same with a page that a browser asks for again after that time.
fn site_refreshed(after: &str) -> Site {
    let text = configuration(&format!(
        "    stats uri /admin?stats\n    stats admin if TRUE\n    stats show-legends\n    stats \
         show-node\n    stats show-desc\n    stats show-version\n    stats refresh {after}"
    ))
    .replace(
        "    server s2 <s1>\n",
        "    server s2 127.0.0.1:1 check inter 50ms fall 1\n    server s3 <s1> check inter 1s\n",
    );
    let site = Site::of(&text);
    eventually("s2 is down", PATIENCE, || {
        let stat = site.proxy.runtime("show stat");
        stat.contains("\napp,s2,0,0,0,0,,0,0,0,,0,,0,0,0,0,DOWN,")
    });
    site
}

const READY: &str = "document.readyState == 'complete'";

#[test]
fn a_server_is_drained_by_a_click() {
    let site = site();
    let url = format!("http://{}/admin?stats", site.proxy.address("pages"));
    let mut browser = Browser::open(&url, 1400);
    browser.wait(&format!("{READY} && !!document.querySelector('#summary')"));
    let summary = browser.value("document.querySelector('#summary').innerText");
    let summary = summary.as_str().unwrap_or_default().to_owned();
    assert!(summary.contains("1 of 4 servers down"), "{summary}");
    // What is told last stands on top of the tables.
    browser.wait(
        "document.querySelector('#summary').getBoundingClientRect().bottom <= \
         document.querySelector('section').getBoundingClientRect().top",
    );
    browser.picture("page.png");
    browser.value(
        "document.querySelector('input[name=s][value=s1]').click();\
         document.querySelector('#app select').value = 'drain';\
         document.querySelector('#app .order button').click()",
    );
    browser.wait(&format!("{READY} && location.href.endsWith(';st=DONE')"));
    assert_eq!(site.admin_state(), "8");
    let outcome = browser.value("document.querySelector('#outcome').innerText");
    assert!(
        outcome.to_string().contains("Action processed."),
        "{outcome}"
    );
    let row = "document.querySelector('input[value=s1]').closest('tr').className";
    assert_eq!(browser.value(row), json!("server drain"));
    browser.picture("drained.png");
}

#[test]
fn the_page_is_asked_for_again_by_itself() {
    let site = site_refreshed("1s");
    let url = format!("http://{}/admin?stats", site.proxy.address("pages"));
    let mut browser = Browser::open(&url, 1400);
    browser.wait(&format!("{READY} && !!document.querySelector('#summary')"));
    // What a script leaves on a page is gone with the page.
    browser.value("window.before = true");
    browser.wait(&format!("{READY} && window.before === undefined"));
    site.proxy.runtime("set server app/s1 state maint");
    browser.wait(
        "document.querySelector('input[value=s1]')?.closest('tr').className == 'server maint'",
    );
}

#[test]
fn a_form_of_another_page_changes_nothing() {
    let site = site();
    let url = format!("http://{}/admin?stats", site.proxy.address("pages"));
    let mut browser = Browser::open("about:blank", 1000);
    browser.value(&format!(
        "document.body.innerHTML = `<form method=post action='{url}'><input name=s value=s1>\
         <input name=action value=drain><input name=b value=app></form>`;\
         document.forms[0].submit()"
    ));
    browser.wait(&format!("{READY} && location.href.endsWith(';st=DENY')"));
    let outcome = browser.value("document.querySelector('#outcome').innerText");
    assert!(outcome.to_string().contains("denied"), "{outcome}");
    assert_eq!(site.admin_state(), "0");
    browser.picture("denied.png");
}

#[test]
fn the_page_fits_a_telephone() {
    let site = site();
    let url = format!("http://{}/admin?stats", site.proxy.address("pages"));
    let mut browser = Browser::open(&url, 400);
    let phone = json!({ "width": 400, "height": 800, "deviceScaleFactor": 2, "mobile": true });
    browser.ask("Emulation.setDeviceMetricsOverride", &phone);
    browser.wait(&format!("{READY} && !!document.querySelector('#summary')"));
    // Tables move sideways in their frames; the page itself does not.
    browser.wait("document.documentElement.scrollWidth <= 400");
    let size = browser.value("getComputedStyle(document.querySelector('td')).fontSize");
    let size = size
        .as_str()
        .unwrap_or_default()
        .trim_end_matches("px")
        .parse::<f64>();
    assert!(size.is_ok_and(|size| size >= 11.0), "letters can be read");
    browser.picture("phone.png");
}

#[test]
fn proxies_are_searched_by_name() {
    let site = site();
    let url = format!("http://{}/admin?stats", site.proxy.address("pages"));
    let mut browser = Browser::open(&url, 1000);
    browser.wait(&format!(
        "{READY} && document.querySelectorAll('section').length == 3"
    ));
    browser.value(
        "document.querySelector('input[name=scope]').value = 'AP';\
         document.querySelector('form[role=search] button').click()",
    );
    browser.wait(&format!("{READY} && location.href.includes('scope=AP')"));
    browser.wait("document.querySelectorAll('section').length == 1");
    assert_eq!(
        browser.value("document.querySelector('section').id"),
        json!("app")
    );
}
