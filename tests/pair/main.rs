//! Brings up a real pair in network namespaces with traffic, breaks things, and prints how long
//! clients noticed it: for lbd, and beside it for keepalived with HAProxy where installed (root).
//!
//! Figures of one run on one machine are compared with each other, not with those of another day.

mod client;
mod events;
mod system;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use events::{Event, Outcome};
use system::{Kind, Pair};

const USAGE: &str = "\
usage: cargo run -p lbd-tests --bin pair -- [options]
  --runs N        runs of each event (3)
  --events LIST   comma-separated (all)
  --only lbd      without keepalived and HAProxy
  --interval S    advertisement interval in seconds (0.1)
";

struct Args {
    runs: usize,
    events: Vec<Event>,
    kinds: Vec<Kind>,
    interval: String,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let has_reference =
        Path::new("/usr/sbin/keepalived").exists() && Path::new("/usr/sbin/haproxy").exists();
    let mut args = Args {
        runs: 3,
        events: Event::ALL.to_vec(),
        kinds: if has_reference {
            vec![Kind::Lbd, Kind::Keepalived]
        } else {
            vec![Kind::Lbd]
        },
        interval: "0.1".to_owned(),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--runs" => args.runs = value()?.parse().map_err(|_| "--runs takes a number")?,
            "--interval" => args.interval = value()?,
            "--only" => {
                args.kinds = vec![Kind::named(&value()?).ok_or("--only lbd or keepalived")?]
            }
            "--events" => {
                let find =
                    |name: &str| Event::named(name).ok_or_else(|| format!("no event '{name}'"));
                args.events = value()?.split(',').map(find).collect::<Result<_, _>>()?;
            }
            _ => return Err(format!("unknown option '{word}'")),
        }
    }
    Ok(args)
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut results: BTreeMap<(usize, Kind), Vec<Outcome>> = BTreeMap::new();
    let mut floors = Vec::new();
    for kind in &args.kinds {
        let mut pair = Pair::new(*kind, &args.interval);
        let load = client::start(&pair.lan);
        for (at, event) in args.events.iter().enumerate() {
            for _ in 0..args.runs {
                if !pair.settle() {
                    eprintln!(
                        "{}: the pair does not settle, {} is left out",
                        kind.name(),
                        event.name()
                    );
                    break;
                }
                floors.push(load.quiet_gap());
                if let Some(outcome) = events::run(*event, &mut pair, &load) {
                    results.entry((at, *kind)).or_default().push(outcome);
                }
            }
        }
    }
    print(&args, &results);
    floors.sort_unstable();
    if let Some(median) = floors.get(floors.len() / 2) {
        let p90 = floors[floors.len() * 9 / 10];
        println!("noise floor (longest gap without a fault): median {median} ms, p90 {p90} ms");
    }
    ExitCode::SUCCESS
}

fn print(args: &Args, results: &BTreeMap<(usize, Kind), Vec<Outcome>>) {
    println!(
        "| event | system | runs | outage ms median/worst | failed median/worst | two owners ms median/worst |"
    );
    println!("|---|---|---|---|---|---|");
    for ((at, kind), outcomes) in results {
        let column = |read: fn(&Outcome) -> u64| {
            let mut values: Vec<u64> = outcomes.iter().map(read).collect();
            values.sort_unstable();
            format!("{}/{}", values[values.len() / 2], values[values.len() - 1])
        };
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            args.events[*at].name(),
            kind.name(),
            outcomes.len(),
            column(|o| o.outage_ms),
            column(|o| o.failed),
            column(|o| o.dual_ms),
        );
    }
}
