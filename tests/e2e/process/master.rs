//! The master of `-W`: exit codes, signals, reloads in place and by another worker, its socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

fn text(generation: &str, global: &str) -> String {
    format!(
        "global
    {global}
{TIMEOUTS}
frontend web
    bind <front>
    http-response set-header x-generation {generation}
    default_backend app
backend app
    server s1 <s1>
"
    )
}

fn begin(global: &str, origin: &Origin) -> Proxy {
    begin_at("unix@master.sock", global, origin)
}

fn begin_at(socket: &str, global: &str, origin: &Origin) -> Proxy {
    Proxy::lbd(text("one", global))
        .listener("front")
        .with("s1", origin.address())
        .args(&["-W", "-S", socket])
        .start()
}

/// What the master answers to a line.
fn ask(proxy: &Proxy, line: &str) -> String {
    let path = proxy.directory().join("master.sock");
    let mut stream = UnixStream::connect(path).expect("the master's socket");
    stream
        .write_all(format!("{line}\n").as_bytes())
        .expect("a line");
    let mut told = String::new();
    stream.read_to_string(&mut told).expect("an answer");
    told
}

/// The current workers' process ids, once the master has heard that they serve.
fn workers(proxy: &Proxy) -> Vec<i32> {
    let mut found = Vec::new();
    eventually("a worker serves", Duration::from_secs(20), || {
        let told = ask(proxy, "show proc");
        let part = told.split("# workers").nth(1).unwrap_or_default();
        let part = part.split("# old workers").next().unwrap_or_default();
        let words = part
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        found = words.filter_map(|word| word.parse().ok()).collect();
        !found.is_empty()
    });
    found
}

/// Its listeners are there before the master has heard of it, and who asks then is answered too.
#[test]
fn a_reload_that_is_asked_for_during_the_start_comes_behind_it() {
    let origin = Origin::http("s1");
    for _ in 0..5 {
        let proxy = Proxy::lbd(text("one", ""))
            .listener("front")
            .with("s1", origin.address())
            .args(&["-W", "-S", "unix@master.sock"])
            .no_wait()
            .start();
        let path = proxy.directory().join("master.sock");
        eventually("the master answers", Duration::from_secs(20), || {
            UnixStream::connect(&path).is_ok()
        });
        let told = ask(&proxy, "reload");
        assert!(told.starts_with("Success=1\n--\n"), "{told}");
    }
}

fn generation(proxy: &Proxy) -> String {
    let answer = Client::fetch(proxy.address("front"), "/");
    answer.header("x-generation").unwrap_or_default().to_owned()
}

/// The codes are HAProxy 3.4's. The reference does not run beside: signals that come while its master
/// begins once more are lost.
#[test]
fn signals_end_a_master_as_the_references_one() {
    let origin = Origin::http("s1");
    for (signal, code) in [
        (Signal::SIGTERM, 0),
        (Signal::SIGINT, 130),
        (Signal::SIGUSR1, 0),
    ] {
        let mut proxy = begin("", &origin);
        assert_eq!(generation(&proxy), "one");
        proxy.signal(signal);
        let exit = proxy.wait_exit();
        assert_eq!(exit.code, Some(code), "{signal}: {exit:?}");
    }
    let mut proxy = begin("", &origin);
    let worker = workers(&proxy)[0];
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(worker), Signal::SIGKILL);
    assert_eq!(proxy.wait_exit().code, Some(137));
}

#[test]
fn a_worker_that_cannot_start_ends_its_master() {
    let exit = Proxy::lbd("global\n    bogus\n").args(&["-W"]).run();
    assert_eq!(exit.code, Some(1));
    assert!(exit.stderr.contains("unknown keyword 'bogus'"), "{exit:?}");
    assert!(exit.stderr.contains("Failed to load worker"), "{exit:?}");
}

#[test]
fn a_worker_that_has_kept_its_rights_reloads_in_place() {
    let origin = Origin::http("s1");
    let proxy = begin("", &origin);
    let worker = workers(&proxy);
    let mut client = Client::connect(proxy.address("front"));
    assert_eq!(client.get("/").header("x-generation"), Some("one"));
    proxy.rewrite(&text("two", ""));
    let told = ask(&proxy, "reload");
    assert!(told.starts_with("Success=1\n--\n"), "{told}");
    assert_eq!(client.get("/").header("x-generation"), Some("two"));
    assert_eq!(workers(&proxy), worker);
    proxy.rewrite("global\n    bogus\n");
    let told = ask(&proxy, "reload");
    assert!(told.starts_with("Success=0\n--\n"), "{told}");
    assert!(told.contains("unknown keyword 'bogus'"), "{told}");
    assert!(ask(&proxy, "show proc").contains("2 [failed: 1]"));
    let told = ask(&proxy, "show startup-logs");
    assert!(told.contains("unknown keyword 'bogus'"), "{told}");
    proxy.rewrite(&text("three", ""));
    proxy.signal(Signal::SIGHUP);
    eventually("it has reloaded", Duration::from_secs(20), || {
        generation(&proxy) == "three"
    });
}

#[test]
fn a_worker_that_has_given_up_its_rights_is_followed_by_another_and_no_request_fails() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let origin = Origin::http("s1");
    let global = "user nobody\n    group nogroup\n    chroot /var";
    let proxy = Arc::new(begin(global, &origin));
    let first = workers(&proxy);
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (proxy, is_over) = (Arc::clone(&proxy), Arc::clone(&is_over));
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(Client::fetch(proxy.address("front"), "/").status, 200);
                }
            })
        })
        .collect();
    for turn in ["two", "three", "four"] {
        proxy.rewrite(&text(turn, global));
        let told = ask(&proxy, "reload");
        assert!(told.starts_with("Success=1\n--\n"), "{told}");
        eventually("it has reloaded", Duration::from_secs(20), || {
            generation(&proxy) == turn
        });
    }
    proxy.rewrite("global\n    bogus\n");
    let told = ask(&proxy, "reload");
    assert!(told.starts_with("Success=0\n--\n"), "{told}");
    assert!(told.contains("unknown keyword 'bogus'"), "{told}");
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no request failed");
    }
    assert_eq!(generation(&proxy), "four");
    assert_ne!(workers(&proxy), first);
}

#[test]
fn commands_reach_the_worker_and_the_prompt_says_whom_they_reach() {
    let origin = Origin::http("s1");
    let proxy = begin("", &origin);
    let pid = workers(&proxy)[0];
    assert!(ask(&proxy, "@1 show info").contains(&format!("Pid: {pid}\n")));
    assert!(ask(&proxy, &format!("@!{pid} show info")).contains("Uptime_sec"));
    let told = ask(&proxy, "@7 show info");
    let wanted = "Can't find the target PID matching the prefix '@7'\n";
    assert_eq!(told, wanted);
    let both = ask(&proxy, "@1 show info; show proc");
    assert!(
        both.contains("Uptime_sec") && both.contains("# workers"),
        "{both}"
    );

    let path = proxy.directory().join("master.sock");
    let mut stream = UnixStream::connect(path).expect("the master's socket");
    let mut expect = |line: &str, wanted: &str| {
        stream.write_all(line.as_bytes()).expect("a line");
        let mut told = String::new();
        while !told.ends_with(wanted) {
            let mut bytes = [0; 1024];
            let count = stream.read(&mut bytes).expect("an answer");
            assert!(count > 0, "{told} instead of {wanted}");
            told.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    };
    expect("prompt\n", "master> ");
    expect("@1\n", &format!("{pid}> "));
    expect("show version\n", &format!("\n\n{pid}> "));
    expect("@\n", "master> ");
}

#[test]
fn who_has_few_rights_with_the_master_has_no_more_with_its_worker() {
    let origin = Origin::http("s1");
    let change = "set weight app/s1 50%";
    let proxy = begin_at("unix@master.sock,level,user", "", &origin);
    let pid = workers(&proxy)[0];
    for way in ["@1 ", &format!("@!{pid} "), "@@1 "] {
        let told = ask(&proxy, &format!("{way}{change}"));
        assert!(told.contains("Permission denied"), "{way}: {told}");
        let told = ask(&proxy, &format!("{way}show stat"));
        assert!(told.contains("app,s1,"), "{way}: {told}");
    }
    drop(proxy);

    let proxy = begin("", &origin);
    workers(&proxy);
    let told = ask(&proxy, &format!("user; @1 {change}"));
    assert!(told.contains("Permission denied"), "{told}");
    let told = ask(&proxy, &format!("@1 {change}; @1 get weight app/s1"));
    assert!(!told.contains("Permission denied"), "{told}");
}
