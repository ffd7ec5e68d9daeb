//! What a process costs that does little: memory of idle connections, time to start.
//!
//! Requests are measured in [`super`].

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use support::Proxy;

use super::{Bench, Started};
use crate::config::{self, Options};
use crate::engine::{Engine, Load, Pace};
use crate::process;
use crate::report::{Row, Side, summarize};
use crate::secure::{self, Key};

/// How long freed and lazily used memory may settle before it is read.
const SETTLE: Duration = Duration::from_millis(300);

impl Bench {
    /// Memory per idle connection: a new process for each round.
    pub(super) fn idle(&self, name: &str, tls: Option<Key>) -> io::Result<Vec<Row>> {
        let connections = 8000 / self.pace.divisor;
        let options = Options {
            max_connections: 9500,
            tls,
            ..Options::default()
        };
        let (_, core) = Self::cores();
        let mut rounds = [Vec::new(), Vec::new()];
        for _ in 0..self.pace.rounds.min(3) {
            let mut engine = Engine::new()?;
            let addresses = [("s1", engine.address().to_string())];
            let sides = self.start_all(options, false, &addresses)?;
            for (side, rounds) in sides.iter().zip(&mut rounds) {
                let sample = process::on_cores(&core, || {
                    idle_connections(&mut engine, side, connections, tls)
                })??;
                rounds.push(sample);
            }
        }
        let [haproxy, lbd] = rounds.map(|rounds| summarize(&rounds));
        let note = format!("{connections} connections, one request each");
        Ok(vec![Row {
            work: name.to_owned(),
            unit: "bytes/connection",
            haproxy,
            lbd,
            bound: 1.0,
            note,
        }])
    }

    /// From the start of the process to the first accepted connection, in milliseconds.
    pub(super) fn load(&self) -> io::Result<Row> {
        let backends = 1000 / self.pace.divisor;
        let text = config::large(backends);
        let (proxy_core, core) = Self::cores();
        let mut rounds = [Vec::new(), Vec::new()];
        for _ in 0..self.pace.rounds {
            for (program, rounds) in [&self.haproxy, &self.lbd].into_iter().zip(&mut rounds) {
                let builder = Proxy::at(program, &text).listener("web").no_wait();
                let start = Instant::now();
                let proxy = process::on_cores(&proxy_core, || builder.start())?;
                let started = Started { label: "", proxy };
                process::on_cores(&core, || wait_accepting(started.target()))??;
                rounds.push(Side {
                    figure: start.elapsed().as_secs_f64() * 1e3,
                    resident_bytes: started.resident(),
                    ..Side::default()
                });
            }
        }
        let [haproxy, lbd] = rounds.map(|rounds| summarize(&rounds));
        let note = format!("{backends} backends of 10 servers, {backends} rules");
        Ok(Row {
            work: "load".into(),
            unit: "ms",
            haproxy,
            lbd,
            bound: 1.0,
            note,
        })
    }
}

fn idle_connections(
    engine: &mut Engine,
    side: &Started,
    connections: usize,
    tls: Option<Key>,
) -> io::Result<Side> {
    let tls = match tls {
        Some(_) => Some(secure::client(false)?),
        None => None,
    };
    let warm = Load {
        target: side.target(),
        path: "/",
        connections: 20,
        duration: SETTLE,
        pace: Pace::Closed,
        tls,
    };
    engine.run(&warm, || 0, || {})?;
    thread::sleep(SETTLE);
    let before = side.resident();
    let fill = Load {
        connections,
        pace: Pace::Fill,
        ..warm
    };
    let mut after = before;
    let outcome = engine.run(
        &fill,
        || 0,
        || {
            thread::sleep(SETTLE);
            after = side.resident();
        },
    )?;
    Ok(Side {
        figure: after.saturating_sub(before) as f64 / connections as f64,
        resident_bytes: after,
        errors: outcome.errors,
        ..Side::default()
    })
}

fn wait_accepting(target: SocketAddr) -> io::Result<()> {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        match TcpStream::connect(target) {
            Ok(_) => return Ok(()),
            Err(e) if Instant::now() > end => return Err(e),
            Err(_) => thread::sleep(Duration::from_micros(200)),
        }
    }
}
