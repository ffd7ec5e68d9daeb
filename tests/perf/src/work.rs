//! The works: what is started, what load it gets, and what is compared.
//!
//! It does not touch the wire itself; `engine` and `bulk` do.

mod standing;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use support::Proxy;
use support::stream::Address;

use crate::args::{self, Work};
use crate::bulk::Bulk;
use crate::config::{self, Options};
use crate::engine::{Engine, Load, Outcome, Pace};
use crate::h2load::H2Load;
use crate::network::Network;
use crate::process;
use crate::report::{Row, Side, summarize};
use crate::secure::{self, Certificates, Key, Secure};

/// Both programs and how to measure them.
#[derive(Debug)]
pub(crate) struct Bench {
    pub haproxy: PathBuf,
    pub lbd: PathBuf,
    pub certificates: Certificates,
    pub pace: args::Pace,
    pub network: Network,
}

/// A work that is a load of requests.
#[derive(Clone, Copy, Debug)]
struct Requests {
    name: &'static str,
    path: &'static str,
    connections: usize,
    pace: Pace,
    bound: f64,
    options: Options,
    /// HAProxy also runs with splicing, and its better figure counts.
    may_splice: bool,
    /// Connections speak TLS.
    secure: Option<Secure>,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            name: "small",
            path: "/",
            connections: 100,
            pace: Pace::Closed,
            bound: 0.75,
            options: Options::default(),
            may_splice: false,
            secure: None,
        }
    }
}

/// A started proxy with the name of its variant.
struct Started {
    label: &'static str,
    proxy: Proxy,
}

impl Started {
    fn target(&self) -> SocketAddr {
        match self.proxy.address("web") {
            Address::Tcp(address) => address,
            Address::Unix(path) => panic!("the listener is TCP, not {path}"),
        }
    }

    fn cpu(&self) -> u64 {
        process::cpu_nanos(self.proxy.pid())
    }

    fn resident(&self) -> u64 {
        process::resident_bytes(self.proxy.pid())
    }
}

impl Bench {
    /// Measures one work; several rows where it is measured under several conditions.
    pub(crate) fn run(&self, work: Work) -> io::Result<Vec<Row>> {
        let base = Requests::default();
        let kept = Some(Secure {
            key: Key::P256,
            resumes: false,
        });
        let small = |requests| self.requests(requests).map(|row| vec![row]);
        match work {
            Work::Small => small(base),
            Work::Log => small(Requests {
                name: "log",
                bound: 0.65,
                options: Options {
                    has_log: true,
                    ..base.options
                },
                ..base
            }),
            Work::NewConnection => small(Requests {
                name: "newconn",
                connections: 50,
                pace: Pace::NewConnection,
                bound: 1.0,
                ..base
            }),
            Work::Body64k => self.under_each_congestion_control(|| {
                let (name, path) = ("64k", "/64k");
                self.requests(Requests {
                    name,
                    path,
                    connections: 50,
                    may_splice: true,
                    ..base
                })
            }),
            Work::Body1m => self.under_each_congestion_control(|| {
                let (name, path, bound) = ("1m", "/1m", 0.95);
                let connections = 20;
                self.requests(Requests {
                    name,
                    path,
                    connections,
                    bound,
                    may_splice: true,
                    ..base
                })
            }),
            Work::Tcp => self.under_each_congestion_control(|| self.tcp("tcp", 4, 0.5)),
            Work::Tcp1000 => {
                let connections = 1000 / self.pace.divisor;
                self.under_each_congestion_control(|| self.tcp("tcp1000", connections, 1.0))
            }
            Work::Idle => self.idle("idle", None),
            Work::Load => self.load().map(|row| vec![row]),
            Work::TwoWorkers => self.two_workers().map(|row| vec![row]),
            Work::P99 => self.p99().map(|row| vec![row]),
            Work::H2Small => self.h2("h2 small", "/", (20, 10), 0.65, None),
            Work::H2Body64k => self.h2("h2 64k", "/64k", (10, 5), 0.9, None),
            Work::H2Body1m => self.h2("h2 1m", "/1m", (5, 4), 0.9, None),
            Work::H2Tls => self.h2("h2 tls small", "/", (20, 10), 0.65, Some(Key::P256)),
            Work::Tls => small(Requests {
                name: "tls",
                secure: kept,
                ..base
            }),
            Work::TlsP256 | Work::TlsRsa | Work::TlsResumed => small(self.handshakes(work)),
            Work::TlsBody64k => small(Requests {
                name: "tls 64k",
                path: "/64k",
                connections: 50,
                bound: 0.7,
                secure: kept,
                ..base
            }),
            Work::TlsIdle => self.idle("tls idle", Some(Key::P256)),
        }
    }

    /// A new connection with a small request for each handshake.
    fn handshakes(&self, work: Work) -> Requests {
        let (name, bound, key) = match work {
            Work::TlsRsa => ("tls rsa-2048", 0.9, Key::Rsa2048),
            Work::TlsResumed => ("tls resumed", 0.7, Key::P256),
            _ => ("tls p-256", 0.5, Key::P256),
        };
        let resumes = work == Work::TlsResumed;
        Requests {
            name,
            connections: 50,
            pace: Pace::NewConnection,
            bound,
            secure: Some(Secure { key, resumes }),
            ..Requests::default()
        }
    }

    fn under_each_congestion_control(
        &self,
        measure: impl Fn() -> io::Result<Row>,
    ) -> io::Result<Vec<Row>> {
        let before = self.network.congestion_control();
        let mut rows = Vec::new();
        for name in self.network.congestion_controls() {
            self.network.set(&name)?;
            let mut row = measure()?;
            row.work = format!("{} {name}", row.work);
            rows.push(row);
        }
        self.network.set(&before)?;
        Ok(rows)
    }

    /// The core of the proxy, and the core of load and origin.
    fn cores() -> (Vec<usize>, Vec<usize>) {
        match process::cores()[..] {
            [first, second, ..] => (vec![first], vec![second]),
            _ => (process::cores(), process::cores()),
        }
    }

    fn start(
        &self,
        label: &'static str,
        program: &Path,
        cores: &[usize],
        text: &str,
        addresses: &[(&str, String)],
    ) -> io::Result<Started> {
        let mut builder = Proxy::at(program, text).listener("web");
        for (name, content) in self.certificates.files() {
            builder = builder.file(name, content);
        }
        for (name, address) in addresses {
            builder = builder.with(name, address);
        }
        let proxy = process::on_cores(cores, || builder.start())?;
        Ok(Started { label, proxy })
    }

    /// HAProxy, HAProxy with splicing if wanted, and lbd with the text of the former.
    fn start_all(
        &self,
        options: Options,
        may_splice: bool,
        addresses: &[(&str, String)],
    ) -> io::Result<Vec<Started>> {
        let (core, _) = Self::cores();
        let text = config::text(options);
        let mut all = vec![self.start("haproxy", &self.haproxy, &core, &text, addresses)?];
        if may_splice {
            let spliced = config::text(Options {
                has_splice: true,
                ..options
            });
            all.push(self.start("haproxy-splice", &self.haproxy, &core, &spliced, addresses)?);
        }
        all.push(self.start("lbd", &self.lbd, &core, &text, addresses)?);
        Ok(all)
    }

    /// Runs the sides in turn; a short first run of each is not counted.
    fn in_turn(
        &self,
        sides: &[Started],
        mut once: impl FnMut(&Started, Duration) -> io::Result<Side>,
    ) -> io::Result<Vec<Side>> {
        let mut rounds = vec![Vec::new(); sides.len()];
        for side in sides {
            once(side, self.pace.round / 4)?;
        }
        for _ in 0..self.pace.rounds {
            for (side, rounds) in sides.iter().zip(&mut rounds) {
                rounds.push(once(side, self.pace.round)?);
            }
        }
        Ok(rounds.iter().map(|rounds| summarize(rounds)).collect())
    }

    fn requests(&self, work: Requests) -> io::Result<Row> {
        let mut engine = Engine::new()?;
        let addresses = [
            ("s1", engine.address().to_string()),
            ("log", engine.sink_address()?.to_string()),
        ];
        let options = Options {
            tls: work.secure.map(|secure| secure.key),
            ..work.options
        };
        let sides = self.start_all(options, work.may_splice, &addresses)?;
        let connections = (work.connections / self.pace.divisor).max(2);
        let (_, core) = Self::cores();
        let mut logged = 0;
        let mut asked = 0;
        let mut resumed = [0, 0];
        let sums = process::on_cores(&core, || {
            self.in_turn(&sides, |side, duration| {
                let Requests { path, pace, .. } = work;
                let tls = match work.secure {
                    Some(secure) => Some(secure::client(secure.resumes)?),
                    None => None,
                };
                let load = Load {
                    target: side.target(),
                    path,
                    connections,
                    duration,
                    pace,
                    tls,
                };
                let before = engine.log_lines();
                let outcome = engine.run(&load, || side.cpu(), || {})?;
                resumed[0] += outcome.resumed;
                resumed[1] += outcome.requests;
                if side.label == "lbd" {
                    logged += engine.log_lines() - before;
                    asked += outcome.answered;
                }
                Ok(cpu_per_request(&outcome, side.resident()))
            })
        })??;
        let mut note = format!("{connections} connections");
        if work.options.has_log {
            let share = logged as f64 / asked.max(1) as f64;
            note = format!("{note}; lbd: {share:.2} lines per request");
        }
        if let Some(Secure { resumes: true, .. }) = work.secure {
            let share = resumed[0] as f64 / resumed[1].max(1) as f64;
            note = format!("{note}, {:.1} % resumed", share * 100.0);
        }
        let unit = match (work.secure, work.pace) {
            (Some(_), Pace::NewConnection) => "us/handshake",
            _ => "us/request",
        };
        Ok(compare(work.name, unit, work.bound, &sides, sums, note))
    }

    /// Requests by HTTP/2: so many connections, of so many streams each.
    fn h2(
        &self,
        name: &'static str,
        path: &'static str,
        (connections, streams): (usize, usize),
        bound: f64,
        tls: Option<Key>,
    ) -> io::Result<Vec<Row>> {
        let mut engine = Engine::new()?;
        let addresses = [
            ("s1", engine.address().to_string()),
            ("log", engine.sink_address()?.to_string()),
        ];
        let options = Options {
            is_h2: true,
            tls,
            ..Options::default()
        };
        let sides = self.start_all(options, false, &addresses)?;
        let connections = (connections / self.pace.divisor).max(1);
        let (_, core) = Self::cores();
        let sums = process::on_cores(&core, || {
            self.in_turn(&sides, |side, time| {
                let before = side.cpu();
                let load = H2Load {
                    is_tls: tls.is_some(),
                    target: side.target(),
                    path,
                    connections,
                    streams,
                    duration: time,
                };
                let done = load.run(&mut engine)?;
                let cpu = side.cpu().saturating_sub(before);
                Ok(Side {
                    figure: cpu as f64 / 1e3 / done.requests.max(1) as f64,
                    rate: done.requests as f64 / done.elapsed.as_secs_f64(),
                    resident_bytes: side.resident(),
                    errors: done.errors,
                    ..Side::default()
                })
            })
        })??;
        let how = if tls.is_some() { "TLS" } else { "in clear" };
        let note = format!("{connections} connections of {streams} streams, {how}, by h2load");
        let row = compare(name, "us/request", bound, &sides, sums, note);
        Ok(vec![row])
    }

    fn tcp(&self, name: &'static str, connections: usize, bound: f64) -> io::Result<Row> {
        let mut bulk = Bulk::new()?;
        let addresses = [("s1", bulk.address()?.to_string())];
        let options = Options {
            is_tcp: true,
            has_splice: true,
            ..Options::default()
        };
        let sides = self.start_all(options, false, &addresses)?;
        let (_, core) = Self::cores();
        let sums = process::on_cores(&core, || {
            self.in_turn(&sides, |side, time| {
                let moved = bulk.run(side.target(), connections, time, || side.cpu())?;
                let megabytes = moved.bytes as f64 / 1e6;
                Ok(Side {
                    figure: moved.probed as f64 / 1e3 / megabytes,
                    rate: megabytes / moved.elapsed.as_secs_f64(),
                    resident_bytes: side.resident(),
                    errors: moved.errors,
                    ..Side::default()
                })
            })
        })??;
        let note = format!("{connections} connections, both with splicing; rate in MB");
        Ok(compare(name, "us/MB", bound, &sides, sums, note))
    }

    /// The 99th percentile at half of what HAProxy can do.
    fn p99(&self) -> io::Result<Row> {
        let mut engine = Engine::new()?;
        let addresses = [("s1", engine.address().to_string())];
        let sides = self.start_all(Options::default(), false, &addresses)?;
        let connections = (100 / self.pace.divisor).max(2);
        let (_, core) = Self::cores();
        let mut half = 0.0;
        let sums = process::on_cores(&core, || {
            let [haproxy, ..] = &sides[..] else {
                return Ok(Vec::new());
            };
            let load = Load {
                target: haproxy.target(),
                path: "/",
                connections,
                duration: self.pace.round,
                pace: Pace::Closed,
                tls: None,
            };
            half = rate(&engine.run(&load, || 0, || {})?) / 2.0;
            self.in_turn(&sides, |side, duration| {
                let pace = Pace::Rate(half);
                let load = Load {
                    target: side.target(),
                    duration,
                    pace,
                    ..load.clone()
                };
                let outcome = engine.run(&load, || side.cpu(), || {})?;
                let sample = cpu_per_request(&outcome, side.resident());
                Ok(Side {
                    figure: sample.p99_us,
                    ..sample
                })
            })
        })??;
        let note = format!("{half:.0} requests per second over {connections} connections");
        Ok(compare("p99", "us at half load", 1.0, &sides, sums, note))
    }
}

fn rate(outcome: &Outcome) -> f64 {
    outcome.requests as f64 / outcome.elapsed.as_secs_f64()
}

fn cpu_per_request(outcome: &Outcome, resident_bytes: u64) -> Side {
    Side {
        figure: outcome.probed as f64 / 1e3 / outcome.requests as f64,
        range: (0.0, 0.0),
        rate: rate(outcome),
        p50_us: outcome.latency.quantile_us(0.5),
        p99_us: outcome.latency.quantile_us(0.99),
        resident_bytes,
        errors: outcome.errors,
    }
}

/// The last side is lbd; the best of the others is what it is compared with.
fn compare(
    work: &str,
    unit: &'static str,
    bound: f64,
    sides: &[Started],
    mut sums: Vec<Side>,
    note: String,
) -> Row {
    let lbd = sums.pop().unwrap_or_default();
    let labelled = sums.iter().zip(sides);
    let best = labelled.min_by(|(a, _), (b, _)| a.figure.total_cmp(&b.figure));
    let (haproxy, note) = match best {
        Some((side, started)) if sums.len() > 1 => {
            let all: Vec<_> = sums
                .iter()
                .zip(sides)
                .map(|(s, started)| (started.label, s.figure))
                .collect();
            let list: Vec<_> = all
                .iter()
                .map(|(label, f)| format!("{label} {f:.1}"))
                .collect();
            (
                side.clone(),
                format!("{note}; {} is better: {}", started.label, list.join(", ")),
            )
        }
        Some((side, _)) => (side.clone(), note),
        None => (Side::default(), note),
    };
    Row {
        work: work.to_owned(),
        unit,
        haproxy,
        lbd,
        bound,
        note,
    }
}
