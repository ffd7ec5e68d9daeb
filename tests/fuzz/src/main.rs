//! Throws broken input at the readers of lbd: no panic, no hang, the same answer in any pieces.
//!
//! It knows nothing of coverage: it mutates a corpus at random, reproducibly from a seed.

mod mutate;
mod random;
mod target;

use std::fs;
use std::io;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, exit};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use random::Random;
use target::Target;

const USAGE: &str = "\
usage: cargo run --manifest-path tests/fuzz/Cargo.toml -- [options] [FILE...]
  --target LIST   comma-separated: request,response,proxy,h2-server,h2-client,
                  hpack,config,condition,peers,peers-sibling,
                  peers-message,vrrp,keepalived (all)
  --seconds N     time for each target (10)
  --seed N        start of the random numbers (the clock)
  FILE            only these inputs, unchanged: shows a finding again (with one --target)
";

/// One input that takes longer is a finding.
const HANG: Duration = Duration::from_secs(5);
/// Where findings are written, below the package.
const FINDINGS: &str = "target/findings";

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let watch = Watch::start();
    for target in &args.targets {
        let runs = if args.files.is_empty() {
            fuzz(target, &args, &watch)
        } else {
            replay(target, &args.files, &watch)
        };
        match runs {
            Ok(runs) => println!("{}: {runs} inputs, no finding", target.name),
            Err(e) => {
                eprintln!("{}: {e}", target.name);
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

struct Args {
    targets: Vec<Target>,
    time: Duration,
    seed: u64,
    files: Vec<PathBuf>,
}

impl Args {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |time| time.as_secs());
        let mut args = Self {
            targets: target::ALL.to_vec(),
            time: Duration::from_secs(10),
            seed: clock,
            files: Vec::new(),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            let number = |text: String| text.parse().map_err(|_| format!("{text} is no number"));
            match word.as_str() {
                "--target" => args.targets = chosen(&value()?)?,
                "--seconds" => args.time = Duration::from_secs(number(value()?)?),
                "--seed" => args.seed = number(value()?)?,
                _ if word.starts_with('-') => return Err(format!("unknown option {word}")),
                _ => args.files.push(word.into()),
            }
        }
        Ok(args)
    }
}

fn chosen(list: &str) -> Result<Vec<Target>, String> {
    let one = |name: &str| {
        let known = target::ALL.iter().find(|target| target.name == name);
        known
            .copied()
            .ok_or_else(|| format!("unknown target {name}"))
    };
    list.split(',').map(one).collect()
}

/// How many inputs were tried; an error names the finding.
fn fuzz(target: &Target, args: &Args, watch: &Watch) -> Result<u64, io::Error> {
    let corpus = corpus(target.name)?;
    println!(
        "{}: {} files, seed {}",
        target.name,
        corpus.len(),
        args.seed
    );
    let mut random = Random::new(args.seed);
    let mut runs = 0;
    for input in &corpus {
        run(target, input, watch)?;
        runs += 1;
    }
    let end = Instant::now() + args.time;
    while Instant::now() < end {
        for _ in 0..64 {
            let input = mutate::mutate(&corpus, target.dictionary, &mut random);
            run(target, &input, watch)?;
            runs += 1;
        }
    }
    Ok(runs)
}

fn replay(target: &Target, files: &[PathBuf], watch: &Watch) -> Result<u64, io::Error> {
    for file in files {
        run(target, &fs::read(file)?, watch)?;
    }
    Ok(files.len() as u64)
}

fn corpus(name: &str) -> io::Result<Vec<Vec<u8>>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let mut paths: Vec<_> = fs::read_dir(&directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    paths.sort();
    let mut inputs = Vec::new();
    for path in paths {
        inputs.push(fs::read(path)?);
    }
    if inputs.is_empty() {
        return Err(io::Error::other(format!(
            "no file in {}",
            directory.display()
        )));
    }
    Ok(inputs)
}

fn run(target: &Target, input: &[u8], watch: &Watch) -> io::Result<()> {
    watch.begin(target.name, input);
    let result = panic::catch_unwind(|| (target.run)(input));
    watch.end();
    if result.is_err() {
        let path = write_finding(target.name, input)?;
        return Err(io::Error::other(format!("panicked on {}", path.display())));
    }
    Ok(())
}

fn write_finding(name: &str, input: &[u8]) -> io::Result<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(FINDINGS);
    fs::create_dir_all(&directory)?;
    let path = directory.join(format!("{name}-{:016x}", random::hash(input)));
    fs::write(&path, input)?;
    Ok(path)
}

/// Ends the program when one input takes too long.
struct Watch {
    current: Arc<Mutex<Option<Current>>>,
}

struct Current {
    name: &'static str,
    input: Vec<u8>,
    since: Instant,
}

impl Watch {
    fn start() -> Self {
        let current: Arc<Mutex<Option<Current>>> = Arc::default();
        let watched = Arc::clone(&current);
        thread::spawn(move || {
            loop {
                thread::sleep(HANG / 10);
                let current = watched.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(current) = current.as_ref().filter(|c| c.since.elapsed() > HANG) {
                    let path = write_finding(current.name, &current.input);
                    eprintln!("{}: hangs on {path:?}", current.name);
                    exit(1);
                }
            }
        });
        Self { current }
    }

    fn begin(&self, name: &'static str, input: &[u8]) {
        let current = Current {
            name,
            input: input.to_vec(),
            since: Instant::now(),
        };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(current);
    }

    fn end(&self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
