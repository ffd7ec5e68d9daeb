//! Seed 003: health checks that speak the service's language.

use std::io::{Read, Write};

use super::*;

/// A pretend Redis: answers PING, INFO and QUIT in its role.
fn redis(name: &'static str, role: &'static str) -> Origin {
    Origin::raw(name, move |mut stream, _| {
        let mut input = Vec::new();
        let mut buffer = [0; 512];
        while let Ok(n) = stream.read(&mut buffer) {
            if n == 0 {
                return;
            }
            input.extend_from_slice(&buffer[..n]);
            while let Some(end) = input.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = input.drain(..end + 2).collect();
                let answer = match &line[..end] {
                    b"PING" => "+PONG\r\n".to_owned(),
                    b"QUIT" => "+OK\r\n".to_owned(),
                    b"INFO replication" => {
                        let text = format!("# Replication\r\nrole:{role}\r\n");
                        format!("${}\r\n{text}\r\n", text.len())
                    }
                    _ => format!("+{name}\r\n"),
                };
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        }
    })
}

/// Waits for a server's state in `show stat`.
fn wait_status(proxy: &Proxy, backend: &str, server: &str, status: &str) {
    eventually(
        &format!("{backend}/{server} is {status}"),
        Duration::from_secs(15),
        || {
            let stat = proxy.runtime("show stat");
            let prefix = format!("{backend},{server},");
            let row = stat
                .lines()
                .find(|line| line.starts_with(&prefix))
                .map(str::to_owned);
            row.is_some_and(|row| {
                row.split(',')
                    .nth(17)
                    .is_some_and(|now| now.starts_with(status))
            })
        },
    );
}

#[test]
fn only_the_redis_master_gets_clients() {
    on_both(|program| {
        let origins = [
            redis("r1", "slave"),
            redis("r2", "master"),
            redis("r3", "slave"),
        ];
        let text = seed(
            "003-03-redis-master-check.cfg",
            &[
                ("*:6379", "<front>"),
                ("10.0.3.10:6379", "<r1>"),
                ("10.0.3.11:6379", "<r2>"),
                ("10.0.3.12:6379", "<r3>"),
                ("inter 2s", "inter 100ms"),
            ],
        );
        let servers: Vec<_> = ["r1", "r2", "r3"].into_iter().zip(&origins).collect();
        let proxy = start(program, text, &servers).start();
        wait_status(&proxy, "redis_servers", "redis1", "DOWN");
        wait_status(&proxy, "redis_servers", "redis3", "DOWN");
        wait_status(&proxy, "redis_servers", "redis2", "UP");
        let mut client = Client::connect(proxy.address("front"));
        client.send("WHO\r\n");
        assert_eq!(client.read_bytes(5), b"+r2\r\n", "{program:?}");
    });
}

#[test]
fn postgres_is_up_when_it_asks_for_a_password() {
    on_both(|program| {
        let server = |answer: u8| {
            Origin::raw("pg", move |mut stream, _| {
                let mut startup = [0; 40];
                let mut seen = 0;
                while seen < 8 {
                    match stream.read(&mut startup[seen..]) {
                        Ok(n) if n > 0 => seen += n,
                        _ => return,
                    }
                }
                let _ = stream.write_all(&[answer, 0, 0, 0, 8, 0, 0, 0, 3]);
                let _ = stream.read(&mut [0; 64]);
            })
        };
        // 'R' asks for authentication, 'E' is an error.
        let (good, bad, replica) = (server(b'R'), server(b'E'), server(b'R'));
        let text = seed(
            "003-02-tcp-postgres.cfg",
            &[
                ("*:5432", "<front>"),
                ("10.0.2.10:5432", "<good>"),
                ("10.0.2.11:5432", "<bad>"),
                ("10.0.2.20:5432", "<replica>"),
                ("10.0.2.21:5432", "<replica>"),
                ("inter 3s", "inter 100ms"),
            ],
        );
        let servers = [("good", &good), ("bad", &bad), ("replica", &replica)];
        let proxy = start(program, text, &servers).start();
        wait_status(&proxy, "pg_primary", "pg2", "DOWN");
        wait_status(&proxy, "pg_primary", "pg1", "UP");
    });
}

#[test]
fn an_agent_drains_and_revives_its_server() {
    on_both(|program| {
        use std::sync::{Arc, Mutex};
        let word = Arc::new(Mutex::new("up ready\n"));
        let said = Arc::clone(&word);
        let agent = Origin::raw("agent", move |mut stream, _| {
            let text = *said.lock().expect("no panic holds it");
            let _ = stream.write_all(text.as_bytes());
        });
        let app = Origin::http("app1");
        let text = seed(
            "003-08-agent-check.cfg",
            &[
                ("*:80", "<front>"),
                ("10.0.1.10:8080", "<app>"),
                ("agent-port 8081", "agent-port <agent>"),
                ("agent-inter 3s", "agent-inter 100ms"),
                ("inter 5s", "inter 100ms"),
            ],
        );
        let proxy = start(program, text, &[("app", &app)])
            .with("agent", agent.port())
            .start();
        wait_status(&proxy, "app_servers", "app1", "UP");
        *word.lock().expect("no panic holds it") = "drain\n";
        wait_status(&proxy, "app_servers", "app1", "DRAIN");
        *word.lock().expect("no panic holds it") = "up ready\n";
        wait_status(&proxy, "app_servers", "app1", "UP");
    });
}
