//! hatop asks lbd's runtime socket as it asks HAProxy's.

use std::path::Path;

use super::*;

/// Where Debian's package puts it.
const HATOP: &str = "/usr/bin/hatop";

/// hatop that looks at a balancer each second.
fn hatop(site: &Site) -> Terminal {
    let args = ["-s", &site.socket(), "-i", "1"];
    let hatop = Terminal::run(Path::new(HATOP), &args, 110, 30);
    hatop.wait_line(&["bad", "DOWN", "L4CON"]);
    hatop
}

#[test]
fn hatop_shows_servers_and_its_keys_change_them() {
    let site = Site::start("admin");
    assert_eq!(Client::fetch(site.proxy.address("web"), "/").status, 200);
    let mut hatop = hatop(&site);
    hatop.wait_line(&["HAProxy", "Version:"]);
    hatop.wait_line(&["Node:", "alpha"]);
    hatop.wait_line(&[">>>", "app"]);
    hatop.wait_line(&["FRONTEND", "OPEN"]);
    hatop.wait_line(&["good", "50"]);
    // Its bar stands on headings and empty lines, too: web, its frontend, nothing, app, good.
    hatop.press(&key::DOWN.repeat(4));
    hatop.wait_line(&["[#3/#1]"]);
    hatop.press(key::F10);
    site.wait_stat("good", "MAINT");
    hatop.wait_line(&["good", "MAINT"]);
    hatop.press(key::F9);
    site.wait_stat("good", "no check");
    hatop.press(key::F5);
    site.wait_stat("good", "40");
    hatop.wait_line(&["good", "40"]);
    hatop.press("q");
    assert!(hatop.wait_exit().success());
}

#[test]
fn commands_are_given_in_hatop_and_its_other_views_are_filled() {
    let site = Site::start("admin");
    assert_eq!(Client::fetch(site.proxy.address("web"), "/").status, 200);
    let mut hatop = hatop(&site);
    for (keys, title) in [(key::TAB, "BOUT"), (key::TAB, "5xx"), (key::TAB, "ECONN")] {
        hatop.press(keys);
        hatop.wait_line(&["NAME", title]);
        hatop.wait_line(&["good"]);
    }
    hatop.press(key::TAB);
    hatop.press("get weight app/good\r");
    hatop.wait_line(&["50", "(initial", "50)"]);
    hatop.press("disable server app/good\r");
    site.wait_stat("good", "MAINT");
    hatop.press("enable server app/good\r");
    site.wait_stat("good", "no check");
    hatop.press("set weight app/none 1\r");
    hatop.wait_line(&["No", "such", "server."]);
}
