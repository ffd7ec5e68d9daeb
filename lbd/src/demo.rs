//! `lbd demo`: a balancer in front of small web servers, on loopback only, gone with Ctrl-C.
//!
//! The balancer is the real one, started from a configuration text as from a file.

mod check;
mod client;
mod site;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use lbd_core::Level;
use site::Site;

use crate::args::Args;
use crate::handover::Inherited;
use crate::host::SystemHost;
use crate::report;
use crate::run::{self, Limits, Options, Running};

/// Names of the web servers.
const NAMES: [&str; 3] = ["web1", "web2", "web3"];
/// Port of the balancer when it is free.
const PORT: u16 = 8080;

const USAGE: &str = "\
Usage: lbd demo [--check] [--port <number>]
  --check          drive requests by itself, kill a server, and say whether all went well
  --port <number>  port of the balancer on 127.0.0.1 (default: 8080, or a free one)
";

/// What the words behind `demo` ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Wish {
    check: bool,
    port: Option<u16>,
}

fn parse(words: &[String]) -> Option<Wish> {
    let mut wish = Wish::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--check" => wish.check = true,
            "--port" => wish.port = Some(words.next()?.parse().ok()?),
            _ => return None,
        }
    }
    Some(wish)
}

/// Runs the demonstration.
pub(crate) fn main(words: &[String]) -> ExitCode {
    let Some(wish) = parse(words) else {
        eprint!("{USAGE}");
        return ExitCode::FAILURE;
    };
    // Health checks tell what happens; the notices of a start are noise here.
    report::set_quiet(wish.check);
    let result = Demo::start(wish).and_then(|demo| {
        if wish.check {
            check::run(demo)
        } else {
            demo.show()
        }
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lbd demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that runs.
struct Demo {
    sites: Vec<Site>,
    running: Option<Running>,
    address: SocketAddr,
    config: String,
    directory: PathBuf,
}

impl Demo {
    fn start(wish: Wish) -> io::Result<Self> {
        let sites = NAMES
            .into_iter()
            .map(Site::start)
            .collect::<io::Result<Vec<_>>>()?;
        let address = free_address(wish)?;
        let directory = std::env::temp_dir().join(format!("lbd-demo-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let config = configuration(address, &directory, &sites);
        let mut demo = Self {
            sites,
            running: None,
            address,
            config,
            directory,
        };
        demo.running = Some(balancer(&demo.config).map_err(io::Error::other)?);
        Ok(demo)
    }

    /// Explains itself and waits for Ctrl-C.
    fn show(mut self) -> io::Result<bool> {
        let address = self.address;
        println!("lbd demo: one balancer and three web servers, on 127.0.0.1 only\n");
        println!("  balancer     http://{address}/");
        for (name, site) in NAMES.iter().zip(&self.sites) {
            println!("  {name}         http://{}/", site.address);
        }
        println!("  runtime API  {}/api.sock\n", self.directory.display());
        println!("The configuration in use:\n");
        self.config.lines().for_each(|line| println!("  {line}"));
        println!("\nTry:\n  curl http://{address}/                 the servers take turns");
        println!("  curl -i http://{address}/health        an answer of the balancer itself");
        println!(
            "  echo 'show stat' | socat - {}/api.sock",
            self.directory.display()
        );
        println!(
            "  echo 'disable server sites/web1' | socat - {}/api.sock\n\nCtrl-C ends it.",
            self.directory.display()
        );
        let mut signals = signal_hook::iterator::Signals::new([
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
        ])?;
        let _ = signals.forever().next();
        println!("\nrequests answered:");
        for (name, site) in NAMES.iter().zip(&self.sites) {
            println!(
                "  {name}  {}",
                site.answered.load(std::sync::atomic::Ordering::Relaxed)
            );
        }
        self.stop();
        Ok(true)
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
        // What is left of it is one socket in the temporary directory.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The wished port, else 8080 when it is free, else any.
fn free_address(wish: Wish) -> io::Result<SocketAddr> {
    let ports = match wish.port {
        Some(port) => vec![port],
        None if wish.check => vec![0],
        None => vec![PORT, 0],
    };
    let mut last = None;
    for port in ports {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener.local_addr(),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no port")))
}

fn configuration(address: SocketAddr, directory: &Path, sites: &[Site]) -> String {
    let mut text = format!(
        "global
    stats socket {}/api.sock mode 600 level admin

defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    option forwardfor
    option redispatch 1
    retries 3
    retry-on all-retryable-errors

frontend demo
    bind {address}
    monitor-uri /health
    default_backend sites

backend sites
    balance roundrobin
    option httpchk GET /health
    default-server inter 500ms fall 2 rise 1
",
        directory.display()
    );
    for (name, site) in NAMES.iter().zip(sites) {
        text.push_str(&format!("    server {name} {} check\n", site.address));
    }
    text
}

/// Starts the balancer as `lbd -f` would.
fn balancer(text: &str) -> Result<Running, String> {
    let host = SystemHost::default();
    let sources = lbd_config::loader::Sources::from_text("demo", text);
    let (config, diags) = lbd_config::load(&sources, &host);
    let Some(config) = config.filter(|_| diags.count(Level::Alert) == 0) else {
        let pid = std::process::id();
        return Err(lbd_config::render::render(&diags, &sources, pid, false));
    };
    let args = Args {
        maxconn: Some(MAXCONN),
        quiet: true,
        ..Args::default()
    };
    let workers = run::limits::workers(&config);
    let limits = Limits::apply(&config, &args, workers)?;
    let namespaces = lbd_proxy::Namespaces::default();
    let old = run::OldProcesses::new(&args);
    let sockets = run::listen::bind_all(
        &config,
        &old,
        workers,
        &limits,
        &namespaces,
        &Inherited::default(),
    )
    .map_err(|faults| faults.join("\n"))?;
    let options = Options::new(&args, 0, Instant::now());
    let logger = run::make_logger(&config, workers, &options);
    run::start(
        config,
        sockets,
        workers,
        limits,
        run::Means {
            logger,
            notifier: std::sync::Arc::new(crate::process::Notifier::none()),
            master: None,
            namespaces,
            snapshots: None,
            statistics: crate::stats_file::StatsFile::default(),
        },
        &options,
    )
    .map_err(|faults| faults.join("\n"))
}

/// Connections that the demonstration allows: its own are few.
const MAXCONN: u32 = 400;

#[cfg(test)]
mod tests;
