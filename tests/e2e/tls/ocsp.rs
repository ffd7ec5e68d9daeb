//! OCSP answers: from files, from the runtime socket, from responders that are asked.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use support::TempDir;

use super::runtime::{Talk, knows_the_words, same_words};
use super::*;

const FRONT: &str = "frontend web
    bind <front> ssl <bind>
    http-request return status 200
";

/// An answer of the authority about a leaf, made by `openssl ocsp`; it holds for `days`.
fn answer(authority: &Authority, leaf: &certs::Leaf, days: u32) -> Vec<u8> {
    let directory = TempDir::new();
    let write = |name: &str, text: &str| directory.write(name, text).display().to_string();
    let ca = write("ca.pem", &authority.pem());
    let key = write("ca.key", &authority.key_pem());
    let cert = write("leaf.pem", &leaf.cert_pem());
    let line = format!("V\t491231235959Z\t\t{:04X}\tunknown\t/CN=x\n", leaf.serial);
    let index = write("index.txt", &line);
    let out = directory.path().join("answer.der").display().to_string();
    let days = days.to_string();
    let made = Command::new("openssl")
        .args([
            "ocsp", "-index", &index, "-CA", &ca, "-rsigner", &ca, "-rkey", &key,
        ])
        .args([
            "-issuer",
            &ca,
            "-cert",
            &cert,
            "-respout",
            &out,
            "-ndays",
            &days,
            "-no_nonce",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("openssl");
    assert!(made.success());
    std::fs::read(out).expect("an answer")
}

/// A responder that gives one answer, or 404 as long as it is told to.
struct Responder {
    port: u16,
    fails: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Responder {
    fn start() -> (Self, Arc<Mutex<Vec<u8>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        let responder = Self {
            port,
            fails: Arc::default(),
            asked: Arc::default(),
        };
        let body: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (fails, asked, given) = (
            Arc::clone(&responder.fails),
            Arc::clone(&responder.asked),
            Arc::clone(&body),
        );
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                    match stream.read(&mut piece) {
                        Ok(0) | Err(_) => break,
                        Ok(count) => request.extend_from_slice(&piece[..count]),
                    }
                }
                let line = String::from_utf8_lossy(&request)
                    .lines()
                    .next()
                    .map(str::to_owned);
                asked.lock().expect("no panic").extend(line);
                let body = given.lock().expect("no panic").clone();
                let head = match fails.load(Ordering::Relaxed) {
                    true => {
                        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                            .to_owned()
                    }
                    false => format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n\
                         Content-Length: {}\r\nConnection: close\r\n\r\n",
                        body.len()
                    ),
                };
                let _ = stream.write_all(head.as_bytes());
                if !fails.load(Ordering::Relaxed) {
                    let _ = stream.write_all(&body);
                }
            }
        });
        (responder, body)
    }

    fn uri(&self) -> String {
        format!("http://127.0.0.1:{}/ocsp", self.port)
    }
}

fn staple(proxy: &Proxy, authority: &Authority) -> Vec<u8> {
    let tls = Tls::trusting_names_or_not(authority);
    tls.staple(proxy.address("front"), "a.test")
}

#[test]
fn an_answer_is_stapled_from_its_file_and_replaced_while_running() {
    let authority = Authority::new("CA");
    let site = authority.leaf(&["a.test"]);
    let (first, second) = (answer(&authority, &site, 5), answer(&authority, &site, 9));
    let base64 = |der: &[u8]| base64::engine::general_purpose::STANDARD.encode(der);
    same_words(|program, texts| {
        let proxy = super::program(program, FRONT)
            .with("bind", "crt a.pem")
            .file("a.pem", site.bundle())
            .file("a.pem.issuer", authority.pem())
            .file("a.pem.ocsp", &first)
            .start();
        assert_eq!(staple(&proxy, &authority), first, "{program:?}");
        let mut talk = Talk::new(&proxy);
        let show = |what: &str| {
            let text = proxy.runtime(what);
            // Extensions and certificates are shown by OpenSSL only.
            text.lines().take(15).collect::<Vec<_>>().join("\n")
        };
        talk.say("show ssl ocsp-response");
        talk.say("show ssl cert a.pem");
        let text = proxy.runtime("show ssl ocsp-response base64 a.pem");
        assert_eq!(text.trim(), base64(&first), "{program:?}");
        talk.say("set ssl ocsp-response");
        talk.say("set ssl ocsp-response AAAA");
        talk.say("show ssl ocsp-response nope");
        talk.say("update ssl ocsp-response");
        talk.say("update ssl ocsp-response nope");
        talk.say("show ssl ocsp-updates");
        assert_eq!(staple(&proxy, &authority), first, "{program:?}");
        talk.say(&format!("set ssl ocsp-response {}", base64(&second)));
        assert_eq!(staple(&proxy, &authority), second, "{program:?}");
        let payload = format!("set ssl ocsp-response <<\n{}\n", base64(&first));
        talk.say(&payload);
        assert_eq!(staple(&proxy, &authority), first, "{program:?}");
        // As a part of the certificate.
        talk.say(&format!(
            "set ssl cert a.pem.ocsp <<\n{}\n",
            base64(&second)
        ));
        talk.say("commit ssl cert a.pem");
        assert_eq!(staple(&proxy, &authority), second, "{program:?}");
        texts.push(talk.text.clone());
        texts.push(show("show ssl ocsp-response a.pem"));
        texts.push(show("show ssl cert a.pem.ocsp"));
    });
}

#[test]
fn answers_are_asked_for_and_asked_for_again() {
    let authority = Authority::new("CA");
    on_both(|program| {
        let (responder, body) = Responder::start();
        let site = authority.leaf_asking(&["a.test"], &responder.uri());
        let good = answer(&authority, &site, 5);
        body.lock().expect("no panic").clone_from(&good);
        responder.fails.store(true, Ordering::Relaxed);
        if !knows_the_words() && *program == Program::Haproxy {
            return;
        }
        let syslog = SyslogSink::udp();
        let proxy = super::program(program, FRONT)
            .with("bind", "crt-list list")
            .with(
                "global",
                format!("maxconn 500\n    log {} local0", syslog.address()),
            )
            .file("a.pem", format!("{}{}", site.bundle(), authority.pem()))
            .file("list", "a.pem [ocsp-update on] a.test\n")
            .start();
        let patience = Duration::from_secs(15);
        let says = |part: &str| proxy.runtime("show ssl ocsp-updates").contains(part);
        support::eventually("a failure", patience, || says("| HTTP error"));
        assert!(staple(&proxy, &authority).is_empty(), "{program:?}");
        responder.fails.store(false, Ordering::Relaxed);
        let _ = proxy.runtime("update ssl ocsp-response a.pem");
        support::eventually("a success", patience, || says("| Update successful"));
        assert_eq!(staple(&proxy, &authority), good, "{program:?}");
        let asked = responder.asked.lock().expect("no panic");
        assert!(
            asked.iter().all(|line| line.starts_with("GET /ocsp/M")),
            "{asked:?}"
        );
        syslog.wait_line("<OCSP-UPDATE> a.pem 2 \"HTTP error\" 1 0");
        syslog.wait_line("<OCSP-UPDATE> a.pem 1 \"Update successful\" 1 1");
    });
}

#[test]
fn who_orders_an_update_does_not_wait_for_it() {
    let authority = Authority::new("CA");
    on_both(|program| {
        if !knows_the_words() && *program == Program::Haproxy {
            return;
        }
        let (responder, body) = Responder::start();
        let site = authority.leaf_asking(&["a.test"], &responder.uri());
        let (old, new) = (answer(&authority, &site, 5), answer(&authority, &site, 9));
        body.lock().expect("no panic").clone_from(&new);
        let syslog = SyslogSink::udp();
        let proxy = super::program(program, FRONT)
            .with("bind", "crt a.pem")
            .with("global", format!("log {} local0", syslog.address()))
            .file("a.pem", format!("{}{}", site.bundle(), authority.pem()))
            .file("a.pem.ocsp", &old)
            .start();
        // The responder answers nobody until this is dropped.
        let held = responder.asked.lock().expect("no panic");
        let text = proxy.runtime("update ssl ocsp-response a.pem");
        assert_eq!(text.trim(), "", "{program:?}");
        drop(held);
        syslog.wait_line("<OCSP-UPDATE> a.pem 1 \"Update successful\" 0 1");
        assert_eq!(staple(&proxy, &authority), new, "{program:?}");
        // Nor is it updated by itself from now on.
        let text = proxy.runtime("show ssl ocsp-updates");
        assert_eq!(text.trim().lines().count(), 1, "{program:?} {text}");
        responder.fails.store(true, Ordering::Relaxed);
        let text = proxy.runtime("update ssl ocsp-response a.pem");
        assert_eq!(text.trim(), "", "{program:?}");
        syslog.wait_line("<OCSP-UPDATE> a.pem 2 \"HTTP error\" 1 1");
        assert_eq!(staple(&proxy, &authority), new, "{program:?}");
    });
}

#[test]
fn an_answer_of_somebody_else_is_not_taken() {
    let (authority, other) = (Authority::new("CA"), Authority::new("CA"));
    let (responder, body) = Responder::start();
    let site = authority.leaf_asking(&["a.test"], &responder.uri());
    // The same name and number, another key.
    body.lock()
        .expect("no panic")
        .extend(answer(&other, &site, 5));
    let proxy = program(&Program::Lbd, FRONT)
        .with("bind", "crt-list list")
        .file("a.pem", format!("{}{}", site.bundle(), authority.pem()))
        .file("list", "a.pem [ocsp-update on] a.test\n")
        .start();
    let patience = Duration::from_secs(15);
    support::eventually("a failure", patience, || {
        let text = proxy.runtime("show ssl ocsp-updates");
        text.contains("| 4 | OCSP response check failure")
    });
    assert!(staple(&proxy, &authority).is_empty());
}

#[test]
fn answers_are_updated_as_long_as_a_line_serves_their_certificate() {
    let authority = Authority::new("CA");
    on_both(|program| {
        if !knows_the_words() && *program == Program::Haproxy {
            return;
        }
        let (responder, body) = Responder::start();
        let site = authority.leaf_asking(&["new.test"], &responder.uri());
        let good = answer(&authority, &site, 5);
        body.lock().expect("no panic").clone_from(&good);
        let own = authority.leaf(&["a.test"]);
        let proxy = super::program(program, FRONT)
            .with("bind", "crt-list list")
            .file("a.pem", format!("{}{}", own.bundle(), authority.pem()))
            .file("list", "a.pem a.test\n")
            .start();
        let bundle = format!("{}{}", site.bundle(), authority.pem());
        proxy.runtime("new ssl cert b.pem");
        proxy.runtime(&format!("set ssl cert b.pem <<\n{bundle}\n"));
        proxy.runtime("commit ssl cert b.pem");
        let said = proxy.runtime("add ssl crt-list list <<\nb.pem [ocsp-update on] new.test\n\n");
        assert!(said.contains("Success"), "{program:?}: {said}");
        let updates = || proxy.runtime("show ssl ocsp-updates");
        let patience = Duration::from_secs(15);
        let is_asked = || updates().contains("| Update successful");
        support::eventually("a success", patience, is_asked);
        let said = proxy.runtime("del ssl crt-list list b.pem");
        assert!(said.contains("deleted"), "{program:?}: {said}");
        assert!(!updates().contains("b.pem"), "{program:?}: {}", updates());
        // It is there all the same.
        let kept = proxy.runtime("show ssl ocsp-response b.pem");
        assert!(kept.contains("Cert Status: good"), "{program:?}: {kept}");
    });
}

#[test]
fn a_request_that_no_responder_answered_has_its_line() {
    let authority = Authority::new("CA");
    // Closes without a word; nobody is there.
    let cut = Origin::raw("cut", |mut stream, _| {
        let _ = stream.read(&mut [0; 4096]);
    });
    let nobody = support::free_port();
    for (port, status) in [(cut.port(), "502 0 - - SH--"), (nobody, "503 0 - - SC--")] {
        let uri = format!("http://127.0.0.1:{port}/ocsp");
        let site = authority.leaf_asking(&["a.test"], &uri);
        let log = SyslogSink::udp();
        let _proxy = program(&Program::Lbd, FRONT)
            .with("bind", "crt-list list")
            .with("global", format!("log {} local0", log.address()))
            .file("a.pem", format!("{}{}", site.bundle(), authority.pem()))
            .file("list", "a.pem [ocsp-update on] a.test\n")
            .start();
        log.wait_line("<OCSP-UPDATE> a.pem 2 \"HTTP error\" 1 0");
        let line = log.wait_line("<OCSP-UPDATE> -/- ");
        let words = format!(" {status} 0/0/0/0/0 0/0 {{}} \"GET {uri}/");
        assert!(line.message().starts_with("-:- ["), "{}", line.message());
        assert!(line.message().contains(&words), "{}", line.message());
    }
}
