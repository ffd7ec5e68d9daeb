//! The command line of the program.
//!
//! It starts nothing.

use std::path::PathBuf;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: cargo run --release -p lbd-perf -- [options]
  --work LIST      comma-separated: small,log,newconn,64k,1m,tcp,tcp1000,idle,load,twoworkers,p99,
                   tls,tls-p256,tls-rsa,tls-resumed,tls-64k,tls-idle,
                   h2small,h2-64k,h2-1m,h2tls (these need h2load)
  --quick          three short rounds
  --rounds N       rounds per side (5)
  --seconds S      length of one round (3)
  --smoke          tiny counts and no verdict: shows that the program itself works
  --program PATH   the balancer (else lbd is built)
  --haproxy PATH   the reference (else $HAPROXY, else Debian's)
  --record         write tests/perf/results.md
";

/// One kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Small,
    Log,
    NewConnection,
    Body64k,
    Body1m,
    Tcp,
    Tcp1000,
    Idle,
    Load,
    TwoWorkers,
    P99,
    H2Small,
    H2Body64k,
    H2Body1m,
    H2Tls,
    Tls,
    TlsP256,
    TlsRsa,
    TlsResumed,
    TlsBody64k,
    TlsIdle,
}

const WORKS: &[(&str, Work)] = &[
    ("small", Work::Small),
    ("log", Work::Log),
    ("newconn", Work::NewConnection),
    ("64k", Work::Body64k),
    ("1m", Work::Body1m),
    ("tcp", Work::Tcp),
    ("tcp1000", Work::Tcp1000),
    ("idle", Work::Idle),
    ("load", Work::Load),
    ("twoworkers", Work::TwoWorkers),
    ("p99", Work::P99),
    ("h2small", Work::H2Small),
    ("h2-64k", Work::H2Body64k),
    ("h2-1m", Work::H2Body1m),
    ("h2tls", Work::H2Tls),
    ("tls", Work::Tls),
    ("tls-p256", Work::TlsP256),
    ("tls-rsa", Work::TlsRsa),
    ("tls-resumed", Work::TlsResumed),
    ("tls-64k", Work::TlsBody64k),
    ("tls-idle", Work::TlsIdle),
];

#[derive(Clone, Debug)]
pub(crate) struct Args {
    pub works: Vec<Work>,
    pub rounds: usize,
    pub round: Duration,
    pub smoke: bool,
    pub record: bool,
    pub program: Option<PathBuf>,
    pub haproxy: Option<PathBuf>,
}

/// How long and how large the works are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub rounds: usize,
    pub round: Duration,
    /// Divides the numbers of connections and backends.
    pub divisor: usize,
}

impl Args {
    /// `None` when the usage is asked for.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut args = Self {
            works: WORKS.iter().map(|&(_, work)| work).collect(),
            rounds: 5,
            round: Duration::from_secs(3),
            smoke: false,
            record: false,
            program: None,
            haproxy: None,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--work" => args.works = works(&value()?)?,
                "--quick" => (args.rounds, args.round) = (3, Duration::from_secs(1)),
                "--rounds" => args.rounds = number(&value()?)?.max(1),
                "--seconds" => args.round = Duration::from_secs(number(&value()?)?.max(1) as u64),
                "--smoke" => {
                    args.smoke = true;
                    (args.rounds, args.round) = (1, Duration::from_millis(200));
                }
                "--record" => args.record = true,
                "--program" => args.program = Some(value()?.into()),
                "--haproxy" => args.haproxy = Some(value()?.into()),
                _ => return Err(format!("unknown option {word}")),
            }
        }
        if args.smoke && args.record {
            return Err("--smoke measures nothing that could be recorded".to_owned());
        }
        Ok(Some(args))
    }

    pub(crate) fn pace(&self) -> Pace {
        let divisor = if self.smoke { 20 } else { 1 };
        Pace {
            rounds: self.rounds,
            round: self.round,
            divisor,
        }
    }
}

fn works(list: &str) -> Result<Vec<Work>, String> {
    let one = |name| {
        let known = WORKS.iter().find(|(known, _)| *known == name);
        known
            .map(|&(_, work)| work)
            .ok_or_else(|| format!("unknown work {name}"))
    };
    list.split(',').map(one).collect()
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}

#[cfg(test)]
mod tests;
