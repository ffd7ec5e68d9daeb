//! Listening sockets that pass from one process to the next (`-x`, `expose-fd listeners`), of either
//! program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

fn text(name: &str) -> String {
    format!(
        "global
    stats socket <dir>/{name}.sock level admin expose-fd listeners
{TIMEOUTS}
frontend web
    bind <front>
    bind abns@<abstract>
    http-response set-header x-process {name}
    default_backend app
backend app
    server s1 <s1>
"
    )
}

fn begin(program: &Program, origin: &Origin, name: &str) -> Proxy {
    Proxy::of(program.clone(), text("old"))
        .listener("front")
        .with("abstract", name)
        .with("s1", origin.address())
        .start()
}

/// Starts a process that takes over from another one.
fn follow(program: &Program, origin: &Origin, old: &Proxy, name: &str) -> Proxy {
    let socket = old.directory().join("old.sock").display().to_string();
    Proxy::of(program.clone(), text("new"))
        .with("front", old.address("front"))
        .with("abstract", name)
        .with("s1", origin.address())
        .args(&["-db", "-x", &socket, "-sf", &old.pid().to_string()])
        .start()
}

fn abstract_name() -> String {
    format!(
        "lbd-handover-{}-{:?}",
        std::process::id(),
        thread::current().id()
    )
    .replace(['(', ')'], "-")
}

/// Requests on new connections while one program takes over from the other; all are answered.
fn hand_over(from: &Program, to: &Program) {
    let origin = Origin::http("s1");
    let name = abstract_name();
    let mut old = begin(from, &origin, &name);
    let front = old.address("front").to_string();
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (front, is_over) = (front.clone(), Arc::clone(&is_over));
            thread::spawn(move || {
                let mut new = 0;
                // Until the new process has answered, and then for a while.
                while !is_over.load(Ordering::Relaxed) || new < 20 {
                    let answer = Client::fetch(&front, "/");
                    assert_eq!(answer.status, 200);
                    new += usize::from(answer.header("x-process") == Some("new"));
                }
            })
        })
        .collect();
    let new = follow(to, &origin, &old, &name);
    assert_eq!(old.wait_exit().code, Some(0), "{from:?}");
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client
            .join()
            .unwrap_or_else(|_| panic!("from {from:?} to {to:?}: a request failed"));
    }
    drop(new);
}

#[test]
fn no_request_fails_when_a_process_takes_over() {
    for (from, to) in [
        (Program::Lbd, Program::Lbd),
        (Program::Haproxy, Program::Lbd),
        (Program::Lbd, Program::Haproxy),
    ] {
        hand_over(&from, &to);
    }
}

#[test]
fn sockets_are_given_only_where_the_line_says_so() {
    let origin = Origin::http("s1");
    on_both(|program| {
        let name = abstract_name();
        let proxy = Proxy::of(
            program.clone(),
            text("old").replace(" expose-fd listeners", ""),
        )
        .listener("front")
        .with("abstract", name)
        .with("s1", origin.address())
        .start();
        let socket = proxy.directory().join("old.sock").display().to_string();
        let exit = Proxy::lbd(text("new"))
            .with("front", "127.0.0.1:1")
            .with("abstract", "unused")
            .with("s1", origin.address())
            .args(&["-db", "-x", &socket])
            .run();
        assert_eq!(exit.code, Some(1), "{program:?}");
        let told = "Failed to get the sockets from the old process!";
        assert!(exit.stderr.contains(told), "{exit:?}");
    });
}

#[test]
fn a_conversation_on_such_a_socket_is_as_any() {
    let origin = Origin::http("s1");
    let proxy = begin(&Program::Lbd, &origin, &abstract_name());
    let path = proxy.directory().join("old.sock");
    use std::io::{Read, Write};
    for (pieces, wanted) in [
        (&["show ver", "sion\n"][..], "3.4.0"),
        (&["_getsomething\n"][..], "Unknown command"),
    ] {
        let mut stream = std::os::unix::net::UnixStream::connect(&path).expect("a socket");
        for piece in pieces {
            stream.write_all(piece.as_bytes()).expect("a line");
        }
        let mut told = String::new();
        stream.read_to_string(&mut told).expect("an answer");
        assert!(told.contains(wanted), "{pieces:?}: {told}");
    }
}
