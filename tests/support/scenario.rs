//! Scenarios: clients and servers that play scripts around a proxy, and what each of them saw.
//!
//! It judges nothing itself. What the reference did is kept beside the tests as text; both the
//! reference that is installed and the balancer under test must do the same.
//!
//! An expectation is a file `NAME.txt` in the test's directory, recorded from HAProxy 3.4; a file
//! `NAME.2.6.txt` holds the cases in which the HAProxy 2.6 of Debian differs. To record anew, set
//! `UPDATE_EXPECT=1` and `HAPROXY`: with a 2.6, the second file is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::program;
use crate::proxy::Program;

mod normal;
mod player;
mod stage;
mod stats;
mod step;

use stage::Stage;
pub use step::*;

/// The outcome of a configuration that the program refuses.
const REFUSED: &str = "refused\n";
/// How often a case is played that does not do what is expected.
const ATTEMPTS: usize = 4;
/// Cases of one group that run at the same time when each has a proxy of its own.
const PARALLEL: usize = 6;

/// Cases that share a configuration.
#[derive(Debug)]
pub struct Group {
    directory: PathBuf,
    name: String,
    config: String,
    isolated: bool,
    is_ours_alone: bool,
    columns: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    cases: Vec<Case>,
    args: Vec<String>,
}

/// One exchange.
#[derive(Debug)]
pub struct Case {
    name: String,
    clients: Vec<(String, Vec<Step>)>,
    servers: BTreeMap<String, Vec<Vec<Step>>>,
    extra: Vec<(String, String)>,
}

impl Case {
    /// A case in which one client of listener `fe` plays this script. A server without a script
    /// answers every request with 200 and `ok`.
    pub fn new(name: &str, client: Vec<Step>) -> Self {
        Self {
            name: name.to_owned(),
            clients: vec![("fe".to_owned(), client)],
            servers: BTreeMap::new(),
            extra: Vec::new(),
        }
    }

    /// The script for the next connection that server `s1` gets.
    #[must_use]
    pub fn server(self, script: Vec<Step>) -> Self {
        self.server_named("s1", script)
    }

    /// The script for the next connection that this server gets; the last one repeats.
    #[must_use]
    pub fn server_named(mut self, name: &str, script: Vec<Step>) -> Self {
        self.servers
            .entry(name.to_owned())
            .or_default()
            .push(script);
        self
    }

    /// The first client connects to this listener instead.
    #[must_use]
    pub fn at(mut self, listener: &str) -> Self {
        self.clients[0].0 = listener.to_owned();
        self
    }

    /// One more client, at the same time.
    #[must_use]
    pub fn and(mut self, listener: &str, script: Vec<Step>) -> Self {
        self.clients.push((listener.to_owned(), script));
        self
    }

    /// Replaces `<name>` in the configuration; for isolated groups.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.extra.push((name.to_owned(), text.to_owned()));
        self
    }
}

impl Group {
    /// A group whose expectation is `NAME.txt` in `directory` below the tests. In the
    /// configuration `<fe…>` are listeners, `<ux…>` unix listeners, `<s1>`… servers, `<us1>`…
    /// servers on unix sockets, `<dead>` refuses connections, `<lost>` never answers them,
    /// `<open>` lets them in and says nothing (its port is `<openport>`), `<freeport>` is a number.
    pub fn new(directory: &str, name: &str, config: &str) -> Self {
        Self {
            directory: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(directory),
            name: name.to_owned(),
            config: config.to_owned(),
            isolated: false,
            is_ours_alone: false,
            columns: stats::COLUMNS.iter().map(|&c| c.to_owned()).collect(),
            files: Vec::new(),
            cases: Vec::new(),
            args: vec!["-db".to_owned()],
        }
    }

    /// Starts a proxy for each case, several at a time.
    #[must_use]
    pub fn isolated(mut self) -> Self {
        self.isolated = true;
        self
    }

    /// Runs lbd alone: the reference does now one thing and now another.
    #[must_use]
    pub fn without_reference(mut self) -> Self {
        self.is_ours_alone = true;
        self
    }

    /// A file of the proxy's directory.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.files
            .push((name.to_owned(), content.as_ref().to_vec()));
        self
    }

    /// Compares these columns of `show stat` too.
    #[must_use]
    pub fn columns(mut self, columns: &[&str]) -> Self {
        self.columns.extend(columns.iter().map(|&c| c.to_owned()));
        self
    }

    /// Compares no counters.
    #[must_use]
    pub fn without_counters(mut self) -> Self {
        self.columns.clear();
        self
    }

    /// Adds a case.
    #[must_use]
    pub fn case(mut self, case: Case) -> Self {
        self.cases.push(case);
        self
    }

    /// Adds cases.
    #[must_use]
    pub fn cases(mut self, cases: impl IntoIterator<Item = Case>) -> Self {
        self.cases.extend(cases);
        self
    }

    /// Runs all cases on the reference and on lbd.
    ///
    /// # Panics
    /// When one of them did not do what is expected, with all differences.
    #[track_caller]
    pub fn check(mut self) {
        let names: BTreeSet<_> = self.cases.iter().map(|c| &c.name).collect();
        assert_eq!(names.len(), self.cases.len(), "a case name stands twice");
        let all = names.into_iter().cloned().collect::<BTreeSet<_>>();
        let path = self.directory.join(format!("{}.txt", self.name));
        let old_path = self.directory.join(format!("{}.2.6.txt", self.name));
        let expected = read(&path);
        let mut of_reference = expected.clone();
        if is_old_reference() {
            of_reference.extend(read(&old_path));
        }
        if let Ok(only) = std::env::var("CASE") {
            self.cases.retain(|c| c.name.contains(&only));
        }
        if self.is_ours_alone {
            let mut report = String::new();
            let ours = self.run(&Program::Lbd, &expected);
            compare("lbd", &ours, &expected, &mut report);
            assert!(report.is_empty(), "{}:\n{report}", self.name);
            return;
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            let seen = self.run(&Program::Haproxy, &BTreeMap::new());
            for (name, text) in &seen {
                let is_refused = text == REFUSED && !is_old_reference();
                let in_vain = text.contains(player::IN_VAIN) || is_refused;
                assert!(!in_vain, "{name:?} did not go as its scripts want:\n{text}");
            }
            if is_old_reference() {
                let differing =
                    |(name, text): &(&String, &String)| expected.get(name.as_str()) != Some(*text);
                let cases = seen.iter().filter(differing);
                write(
                    &old_path,
                    cases.map(|(n, t)| (n.clone(), t.clone())).collect(),
                );
            } else {
                let mut kept = expected;
                kept.retain(|name, _| all.contains(name));
                kept.extend(seen);
                write(&path, kept);
            }
            return;
        }
        let (reference, ours) = thread::scope(|scope| {
            let reference = scope.spawn(|| self.run(&Program::Haproxy, &of_reference));
            let ours = scope.spawn(|| self.run(&Program::Lbd, &expected));
            (reference.join(), ours.join())
        });
        let mut report = String::new();
        let reference = reference.expect("the reference's cases run");
        compare("HAProxy", &reference, &of_reference, &mut report);
        compare(
            "lbd",
            &ours.expect("lbd's cases run"),
            &expected,
            &mut report,
        );
        assert!(report.is_empty(), "{}:\n{report}", self.name);
    }

    fn run(
        &self,
        program: &Program,
        expected: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let expectation = |case: &Case| expected.get(&case.name).map(String::as_str);
        if !self.isolated {
            let mut stage = match Stage::start(self, program, &[]) {
                Ok(stage) => stage,
                Err(refusal) => panic!("{}: {program:?} refuses: {refusal}", self.name),
            };
            let each = self.cases.iter();
            return each
                .map(|case| {
                    let outcome =
                        persist(expectation(case), || stage.play(case, expectation(case)));
                    (case.name.clone(), outcome)
                })
                .collect();
        }
        let next = AtomicUsize::new(0);
        let seen = Mutex::new(BTreeMap::new());
        thread::scope(|scope| {
            for _ in 0..PARALLEL.min(self.cases.len()) {
                scope.spawn(|| {
                    while let Some(case) = self.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let outcome = persist(expectation(case), || {
                            match Stage::start(self, program, &case.extra) {
                                Ok(mut stage) => stage.play(case, expectation(case)),
                                Err(_) => REFUSED.to_owned(),
                            }
                        });
                        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                        seen.insert(case.name.clone(), outcome);
                    }
                });
            }
        });
        seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plays a case again when it did not do what is expected: on a loaded machine a script may come
/// too late for what it wants to provoke.
fn persist(expected: Option<&str>, mut play: impl FnMut() -> String) -> String {
    let mut outcome = play();
    for _ in 1..ATTEMPTS {
        if expected.is_none_or(|expected| expected == outcome) {
            break;
        }
        outcome = play();
    }
    outcome
}

fn is_old_reference() -> bool {
    let output = Command::new(program::haproxy()).arg("-v").output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    !text.is_ok_and(|text| text.contains("version 3."))
}

fn read(path: &PathBuf) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut cases = BTreeMap::new();
    for part in format!("\n{text}").split("\n=== ").skip(1) {
        let (name, outcome) = part.split_once('\n').unwrap_or((part, ""));
        let outcome = outcome.trim_end_matches('\n');
        cases.insert(name.to_owned(), format!("{outcome}\n"));
    }
    cases
}

fn write(path: &PathBuf, cases: BTreeMap<String, String>) {
    if cases.is_empty() {
        let _ = std::fs::remove_file(path);
        return;
    }
    let mut text = String::new();
    for (name, outcome) in cases {
        let _ = writeln!(text, "=== {name}\n{outcome}");
    }
    std::fs::write(path, text.trim_end().to_owned() + "\n").expect("write an expectation");
}

fn compare(
    who: &str,
    seen: &BTreeMap<String, String>,
    expected: &BTreeMap<String, String>,
    report: &mut String,
) {
    for (name, text) in seen {
        let Some(wanted) = expected.get(name) else {
            let _ = writeln!(report, "--- {who}: no expectation for {name:?}\n{text}");
            continue;
        };
        if wanted == text {
            continue;
        }
        let _ = writeln!(report, "--- {who} differs in {name:?}");
        for line in diff(wanted, text) {
            let _ = writeln!(report, "{line}");
        }
    }
}

/// Lines of both texts, common ones once, by the longest common subsequence.
fn diff(wanted: &str, seen: &str) -> Vec<String> {
    let (a, b): (Vec<_>, Vec<_>) = (wanted.lines().collect(), seen.lines().collect());
    let mut best = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            best[i][j] = if a[i] == b[j] {
                best[i + 1][j + 1] + 1
            } else {
                best[i + 1][j].max(best[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            lines.push(format!("    {}", a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && best[i + 1][j] >= best[i][j + 1]) {
            lines.push(format!("  - {}", a[i]));
            i += 1;
        } else {
            lines.push(format!("  + {}", b[j]));
            j += 1;
        }
    }
    lines
}
