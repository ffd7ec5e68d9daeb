//! Sockets that the kernel treats apart: network namespaces and TCP signatures; and whose
//! credentials a request carries.

use std::process::Command;

use super::*;

/// A network namespace of this test, with loopback up.
struct Space(String);

impl Space {
    /// `None` without the right to make one.
    fn new(name: &str) -> Option<Self> {
        let name = format!("lbd-{name}-{}", std::process::id());
        let ip = |words: &[&str]| {
            let done = Command::new("ip").args(words).output();
            done.is_ok_and(|done| done.status.success())
        };
        if !nix::unistd::geteuid().is_root() || !ip(&["netns", "add", &name]) {
            eprintln!("skipped: no network namespace without root");
            return None;
        }
        let space = Self(name);
        ip(&["-n", &space.0, "link", "set", "lo", "up"]).then_some(space)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

#[test]
fn a_listener_and_a_server_live_in_another_namespace() {
    let Some(space) = Space::new("sockets") else {
        return;
    };
    on_both(|program| {
        let proxy = Proxy::of(
            program.clone(),
            format!(
                "global
    stats socket <runtime> level admin
{TIMEOUTS}
frontend web
    bind <front>
    default_backend app
backend app
    server s1 <inner> namespace <space> check inter 100ms
    server here <inner> check inter 100ms
listen inner
    bind <inner> namespace <space>
    http-request return status 200 content-type text/plain string inner
"
            ),
        )
        .listener("front")
        .unix_listener("runtime")
        .with("inner", format!("127.0.0.1:{}", support::free_port()))
        .with("space", &space.0)
        .start();
        let stat = || proxy.runtime("show stat");
        eventually(
            &format!("{program:?} checks"),
            Duration::from_secs(10),
            || {
                let stat = stat();
                let of = |name: &str| {
                    stat.lines()
                        .find(|line| line.starts_with(name))
                        .unwrap_or("")
                };
                of("app,s1,").contains(",UP,") && of("app,here,").contains(",DOWN,")
            },
        );
        let response = Client::fetch(proxy.address("front"), "/");
        assert_eq!((response.status, response.text()), (200, "inner".into()));
    });
}

#[test]
fn a_namespace_that_is_not_there_is_refused_by_name() {
    let text = format!("{TIMEOUTS}\nlisten l\n    bind 127.0.0.1:1 namespace nope-nope\n");
    let exit = Proxy::lbd(text).check();
    assert_eq!(exit.code, Some(1));
    let wanted = "Cannot open namespace 'nope-nope'.";
    assert!(exit.stderr.contains(wanted), "{}", exit.stderr);
}

#[test]
fn only_who_signs_with_the_same_password_is_heard() {
    let text = format!(
        "{TIMEOUTS}
    timeout connect 300ms
    retries 0
listen right
    bind <right>
    server s <signed> tcp-md5sig secret
listen wrong
    bind <wrong>
    server s <signed> tcp-md5sig other
listen plain
    bind <plain>
    server s <signed>
listen signed
    bind <signed> tcp-md5sig secret
    http-request return status 200
"
    );
    let started = Proxy::lbd(text)
        .listener("right")
        .listener("wrong")
        .listener("plain")
        .with("signed", format!("127.0.0.1:{}", support::free_port()))
        .try_start();
    let proxy = match started {
        Err(exit) if exit.stderr.contains("MD5 signature") => {
            return eprintln!("skipped: the kernel has no TCP signatures");
        }
        started => started.expect("it starts"),
    };
    let status = |name: &str| Client::fetch(proxy.address(name), "/").status;
    assert_eq!(
        [status("right"), status("wrong"), status("plain")],
        [200, 503, 503]
    );
}

#[test]
fn requests_to_a_proxy_authenticate_to_the_proxy_when_told_so() {
    on_both(|program| {
        let proxy = Proxy::of(
            program.clone(),
            format!(
                "userlist people
    user bob insecure-password secret
{TIMEOUTS}
listen web
    bind <front>
    option http-use-proxy-header
    http-request auth realm here unless {{ http_auth(people) }}
    http-request return status 200
listen usual
    bind <usual>
    http-request auth unless {{ http_auth(people) }}
    http-request return status 200
"
            ),
        )
        .listener("front")
        .listener("usual")
        .start();
        let ask = |place: &str, target: &str, field: &str| {
            let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{field}\r\n");
            Client::exchange(proxy.address(place), &head)
        };
        let ours = "Authorization: Basic Ym9iOnNlY3JldA==\r\n";
        let proxys = "Proxy-Authorization: Basic Ym9iOnNlY3JldA==\r\n";
        let refused = ask("front", "http://h/", ours);
        assert_eq!(refused.status, 407, "{program:?}");
        let challenge = refused.header("proxy-authenticate");
        assert_eq!(challenge, Some("Basic realm=\"here\""), "{program:?}");
        for (place, target, field, status) in [
            ("front", "http://h/", proxys, 200),
            ("front", "/", ours, 200),
            ("front", "/", proxys, 401),
            ("usual", "http://h/", ours, 200),
            ("usual", "http://h/", proxys, 401),
        ] {
            let found = ask(place, target, field).status;
            assert_eq!(found, status, "{program:?}: {place} {target} {field}");
        }
    });
}
