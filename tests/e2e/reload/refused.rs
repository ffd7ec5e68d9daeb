//! Configurations that are refused while one runs: nothing changes.

use super::*;

#[track_caller]
fn refuse(proxy: &Proxy, text: &str, reasons: &[&str]) {
    proxy.rewrite(text);
    let told = proxy.runtime("reload");
    assert!(told.starts_with("Success=0\n--\n"), "{told}");
    for reason in reasons {
        assert!(told.contains(reason), "{reason}: {told}");
    }
    let answer = Client::fetch(proxy.address("front"), "/");
    assert_eq!(answer.header("x-generation"), Some("one"), "{reasons:?}");
}

#[test]
fn every_stage_of_a_reload_may_refuse_and_the_old_configuration_goes_on() {
    let origin = Origin::http("s1");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    let proxy = start(&simple("one"), &origin);
    let mut client = Client::connect(proxy.address("front"));
    client.get("/");
    let two = simple("two");
    refuse(
        &proxy,
        &two.replace("default_backend app", "default_backend nowhere\n    bogus"),
        &["unknown keyword 'bogus'", "'nowhere'", "[ALERT]"],
    );
    refuse(&proxy, "global\n", &["no listener"]);
    refuse(&proxy, two.trim_end(), &["[ALERT]"]);
    refuse(
        &proxy,
        &two.replace("bind <front>", &format!("bind <front>\n    bind {taken}")),
        &["Binding [", "for frontend web"],
    );
    refuse(
        &proxy,
        &two.replace("bind <front>", "bind <front>\n    bind fd@99"),
        &["99"],
    );
    refuse(
        &proxy,
        &two.replace("global\n", "global\n    stats socket /nowhere/at/all\n"),
        &["/nowhere/at/all"],
    );
    std::fs::remove_file(proxy.directory().join("haproxy.cfg")).expect("the file");
    let told = proxy.runtime("reload");
    assert!(told.starts_with("Success=0\n--\n"), "{told}");
    proxy.signal(Signal::SIGUSR2);
    proxy.wait_stderr("The new configuration is refused: the old one goes on.");
    assert_eq!(client.get("/").header("x-generation"), Some("one"));
    reload(&proxy, &two);
    assert_eq!(client.get("/").header("x-generation"), Some("two"));
}

#[test]
fn what_waits_for_another_start_is_named() {
    let origin = Origin::http("s1");
    let proxy = start(&simple("one"), &origin);
    let text = simple("two").replace(
        "global\n",
        "global\n    tune.bufsize 32768\n    nbthread 3\n",
    );
    let told = reload(&proxy, &text);
    for setting in ["nbthread", "tune.bufsize"] {
        let line = format!("{setting} takes effect when the process starts again");
        assert!(told.contains(&line), "{told}");
    }
    let answer = Client::fetch(proxy.address("front"), "/");
    assert_eq!(answer.header("x-generation"), Some("two"));
}

#[test]
fn only_administrators_reload() {
    let origin = Origin::http("s1");
    let text = simple("one").replace("level admin", "level operator");
    let proxy = start(&text, &origin);
    assert_eq!(proxy.runtime("reload").trim(), "Permission denied");
}

#[test]
fn the_limit_of_connections_is_that_of_the_configuration_that_runs() {
    let origin = Origin::http("s1");
    let text =
        |limit: u32| simple("one").replace("global\n", &format!("global\n    maxconn {limit}\n"));
    let proxy = start(&text(100), &origin);
    let limit = || {
        let told = proxy.runtime("show info");
        let line = told.lines().find_map(|line| line.strip_prefix("Maxconn: "));
        line.map(str::to_owned)
    };
    assert_eq!(limit().as_deref(), Some("100"));
    let nowhere = "global\n    stats socket /nowhere/at/all\n";
    refuse(
        &proxy,
        &text(300).replace("global\n", nowhere),
        &["/nowhere"],
    );
    assert_eq!(limit().as_deref(), Some("100"), "a refusal changes nothing");
    for _ in 0..2 {
        reload(&proxy, &text(200));
        assert_eq!(limit().as_deref(), Some("200"));
    }
}
