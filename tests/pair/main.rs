//! Brings up a real pair in network namespaces with traffic, breaks things, and prints how long
//! clients noticed it: for lbd, and beside it for keepalived with HAProxy where installed (root).
//!
//! Figures of one run on one machine are compared with each other, not with those of another day.
//! Its exit status says whether everything ran, never how fast.

mod client;
mod events;
mod report;
mod rows;
mod system;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use report::Results;
use rows::{ROWS, Row};
use support::arp::Prober;
use system::{Kind, Pair, VIP};

const USAGE: &str = "\
usage: cargo run -p lbd-tests --bin pair -- [options]
  --quick         each event once, for the tests
  --runs N        runs of each event, instead of 7 or what the row asks for
  --events LIST   comma-separated names of rows (all)
  --only SYSTEM   lbd, mixed or keepalived
  --seconds N     no run begins later than that; what was measured is printed
";

struct Args {
    runs: Option<usize>,
    is_quick: bool,
    events: Option<Vec<String>>,
    kinds: Vec<Kind>,
    until: Option<Instant>,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let has_reference = [
        "/usr/sbin/keepalived",
        "/usr/sbin/haproxy",
        "/usr/bin/pkill",
    ]
    .iter()
    .all(|path| Path::new(path).exists());
    let mut args = Args {
        runs: None,
        is_quick: false,
        events: None,
        kinds: if has_reference {
            Kind::ALL.to_vec()
        } else {
            vec![Kind::Lbd]
        },
        until: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--quick" => args.is_quick = true,
            "--runs" => {
                args.runs = Some(value()?.parse().map_err(|_| "--runs takes a number")?);
            }
            "--seconds" => {
                let seconds = value()?.parse().map_err(|_| "--seconds takes a number")?;
                args.until = Some(Instant::now() + Duration::from_secs(seconds));
            }
            "--only" => {
                args.kinds = vec![Kind::named(&value()?).ok_or("--only lbd, mixed or keepalived")?];
            }
            "--events" => {
                let names: Vec<String> = value()?.split(',').map(str::to_owned).collect();
                let is_known =
                    |name: &&String| name.as_str() == IDLE || ROWS.iter().any(|r| r.name == **name);
                if let Some(name) = names.iter().find(|name| !is_known(name)) {
                    return Err(format!("no row '{name}'"));
                }
                args.events = Some(names);
            }
            _ => return Err(format!("unknown option '{word}'")),
        }
    }
    Ok(args)
}

impl Args {
    fn wants(&self, name: &str) -> bool {
        let events = self.events.as_ref();
        events.is_none_or(|events| events.iter().any(|event| event == name))
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn runs(&self, row: &Row) -> usize {
        match (self.runs, self.is_quick) {
            (Some(runs), _) => runs,
            (None, true) => 1,
            (None, false) => row.runs,
        }
    }
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    system::prepare();
    let mut results = Results::default();
    for kind in &args.kinds {
        for interval in ["0.1", "0.01"] {
            measure(&args, *kind, interval, &mut results);
        }
    }
    results.print(ROWS);
    if results.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs the rows of one system that share an interval, with one pair.
fn measure(args: &Args, kind: Kind, interval: &str, results: &mut Results) {
    let is_ours = |row: &&(usize, &Row)| {
        let (_, row) = row;
        row.interval == interval && row.kinds.contains(&kind) && args.wants(row.name)
    };
    let rows = ROWS.iter().enumerate();
    let rows: Vec<_> = rows.filter(|row| is_ours(&row)).collect();
    let is_idle_wanted = interval == "0.01" && kind != Kind::Mixed && args.wants(IDLE);
    if rows.is_empty() && !is_idle_wanted {
        return;
    }
    let mut pair = Pair::new(kind, interval);
    if is_idle_wanted {
        if pair.settle() {
            let time = if args.is_quick { 1 } else { 10 };
            let cpu = pair.idle_cpu(Duration::from_secs(time));
            results.cpu.insert(kind, cpu);
        } else {
            results
                .faults
                .push(format!("{}: does not settle", kind.name()));
        }
    }
    let load = client::start(&pair.lan);
    let prober = Prober::start(&pair.lan, "probe", VIP);
    // Each row in turn, so that what is cut short by time is cut short for all.
    let most = rows.iter().map(|(_, row)| args.runs(row)).max();
    for number in 0..most.unwrap_or(0) {
        for (at, row) in &rows {
            if number >= args.runs(row) {
                continue;
            }
            if args.is_over() {
                return;
            }
            if let Err(why) = run(row, *at, &mut pair, &load, &prober, results) {
                let fault = format!("{} of {}: {why}", row.name, kind.name());
                eprintln!("{fault}\n{}", pair.logs());
                results.faults.push(fault);
                return;
            }
        }
    }
}

/// One run of a row.
fn run(
    row: &Row,
    at: usize,
    pair: &mut Pair,
    load: &client::Load,
    prober: &Prober,
    results: &mut Results,
) -> Result<(), String> {
    if !pair.settle() {
        return Err("the pair does not settle".to_owned());
    }
    let settled = Instant::now();
    results.floors.push(load.quiet_gap());
    let outcome = events::run(row.event, pair, load, prober, settled)?;
    let key = (at, pair.kind);
    results.outcomes.entry(key).or_default().push(outcome);
    Ok(())
}

const IDLE: &str = "idle-cpu-10ms";
