//! Loads trials in lbd and in the reference, and compares.
//!
//! The reference reads many trials in one file: what it refuses by line or by name is taken out
//! until it accepts the rest.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use lbd_config::host::MemoryHost;
use lbd_config::loader::Sources;
use lbd_core::Level;
use support::TempDir;

use crate::files;
use crate::trial::{SURROUNDINGS, Trial, Wanted};

/// Trials of one file of the reference.
const BATCH: usize = 200;

/// What the reference judges by the machine it is on.
const MACHINES: [&str; 6] = [
    "crl-file",
    "issuers-chain-path",
    "namespace blue",
    "ssl-dh-param-file",
    "tune.ssl.certificate-compression",
    "zero-warning",
];

/// Where lbd differs on purpose: what the text or name of a trial holds, whether lbd accepts it, and
/// why.
const KEPT: &[(&str, bool, &str)] = &[
    ("table-snapshots", true, "lbd's own keyword"),
    (
        "option ",
        true,
        "3.4.0 warns of an option in a proxy without its side, then calls it unknown",
    ),
    ("disabled", true, "3.4.0 crashes on some files with it"),
    (
        "external-check",
        true,
        "3.4.0 crashes on some files with it",
    ),
    (
        "healthcheck",
        true,
        "3.4.0 crashes on a default-server line with it",
    ),
    (
        "use-server",
        true,
        "it is ignored in a frontend, so its server need not be there",
    ),
    (
        "track-sc0",
        true,
        "the table of a rule in defaults is that of the proxy that runs it",
    ),
    (
        "table_avl()",
        true,
        "the table of a rule in defaults is that of the proxy that runs it",
    ),
    (
        "capture",
        true,
        "the slot of a rule in defaults is that of the proxy that runs it",
    ),
    ("rq-load", false, "not supported yet"),
    (
        "in peers",
        false,
        "words that no session of peers heeds are refused, as are lines without arguments",
    ),
    ("default-bind", false, "the same"),
    (
        "ssl-f-use",
        false,
        "the manual has it not in defaults, where 3.4.0 takes and forgets it",
    ),
    ("stick", false, "faults are told in a frontend, too"),
    ("option forwarded x", false, "the same"),
    ("$9$x", false, "a password that no method can check"),
    ("numa-cpu-mapping x", false, "words that mean nothing"),
    ("tune.buffers.", false, "the same"),
    ("tune.defaults.purge x", false, "the same"),
    ("tune.max-checks-per-thread", false, "the same"),
    ("tune.ring.queues", false, "the same"),
    ("tune.maxpollevents", false, "the same"),
    ("tune.epoll.mask-events", false, "a line without argument"),
    ("tune.memory.hot-size", false, "sizes end at 2 GiB"),
    (
        "tune.fd.edge-triggered",
        true,
        "it has no effect, so nothing experimental is to be allowed",
    ),
    ("ocsp-update.", false, "the same"),
];

/// Fails with every trial that did not end as wanted, and as the reference where that is there.
pub(crate) fn judge(trials: &[Trial]) {
    let files = files::all();
    let host = files.iter().fold(MemoryHost::new(), |host, (name, text)| {
        host.file(name, text.clone())
    });
    let reference = reference();
    // What the reference alone can judge waits for it.
    let trials: Vec<Trial> = trials
        .iter()
        .filter(|trial| reference.is_some() || trial.wanted != Wanted::AsReference)
        .cloned()
        .collect();
    let trials = &trials[..];
    let verdicts = verdicts(trials, &host);
    let mut faults = String::new();
    for (trial, verdict) in trials.iter().zip(&verdicts) {
        let is_good = match (trial.wanted, verdict) {
            (Wanted::Accepted, verdict) => verdict.is_none(),
            (Wanted::Refused(message), Some(alerts)) => alerts.contains(message),
            (Wanted::Refused(_), None) => false,
            (Wanted::AsReference, _) => true,
        };
        if !is_good {
            let said = verdict.as_deref().unwrap_or("accepted");
            let _ = writeln!(faults, "{}\n    lbd: {said}", trial.name);
        }
    }
    if let Some(program) = reference {
        compare(&program, trials, &verdicts, &files, &mut faults);
    }
    assert!(faults.is_empty(), "{faults}");
}

/// The alerts of lbd for each; `None` where it accepts. What should be accepted is read in batches,
/// and each by itself only where a batch is refused.
fn verdicts(trials: &[Trial], host: &MemoryHost) -> Vec<Option<String>> {
    let mut verdicts = vec![None; trials.len()];
    let is_good = |at: &usize| !trials[*at].is_alone && trials[*at].wanted == Wanted::Accepted;
    let (good, single): (Vec<usize>, Vec<usize>) = (0..trials.len()).partition(is_good);
    let refused = good.chunks(BATCH);
    let refused = refused.filter(|batch| ours(trials, batch, host).is_some());
    for at in refused.flatten().chain(&single) {
        verdicts[*at] = ours(trials, &[*at], host);
    }
    verdicts
}

/// The alerts of lbd; `None` when it accepts.
fn ours(trials: &[Trial], batch: &[usize], host: &MemoryHost) -> Option<String> {
    let sections = batch.iter().map(|at| trials[*at].sections(*at));
    let text = format!("{SURROUNDINGS}{}", sections.collect::<String>());
    let sources = Sources::from_text("t.cfg", text);
    let (config, diags) = lbd_config::load(&sources, host);
    let alerts = diags.0.iter().filter(|diag| diag.level == Level::Alert);
    let alerts: Vec<&str> = alerts.map(|diag| diag.message.as_str()).collect();
    match (config, alerts.is_empty()) {
        (Some(_), true) => None,
        (None, true) => Some("no configuration and no alert".to_owned()),
        _ => Some(alerts.join("\n         ")),
    }
}

/// HAProxy 3.4 when `$HAPROXY` names it: older ones lack names, and this is about names.
fn reference() -> Option<std::path::PathBuf> {
    std::env::var_os("HAPROXY")?;
    (!support::program::haproxy_is_old()).then(|| support::program::haproxy().to_owned())
}

fn compare(
    program: &Path,
    trials: &[Trial],
    verdicts: &[Option<String>],
    files: &[(&'static str, Vec<u8>)],
    faults: &mut String,
) {
    let dir = TempDir::new();
    for (name, text) in files.iter().filter(|(name, _)| !name.starts_with('/')) {
        dir.write(name, text);
    }
    let reference = Reference {
        program,
        dir: &dir,
        trials,
    };
    let (alone, together): (Vec<usize>, Vec<usize>) =
        (0..trials.len()).partition(|at| trials[*at].is_alone);
    let mut refused = BTreeSet::new();
    for batch in together.chunks(BATCH) {
        reference.sift(batch, &mut refused);
    }
    for at in alone {
        reference.sift(&[at], &mut refused);
    }
    for (at, (trial, verdict)) in trials.iter().zip(verdicts).enumerate() {
        let is_machines = MACHINES.iter().any(|word| trial.text.contains(word));
        let is_kept = KEPT
            .iter()
            .any(|(word, accepts, _)| *accepts == verdict.is_none() && trial.name.contains(word));
        if !is_machines && !is_kept && refused.contains(&at) != verdict.is_some() {
            let said = verdict.as_deref().unwrap_or("accepted");
            // By itself: in a batch it may have met names of others.
            let theirs = match refused.contains(&at) {
                true => reference.alerts(&[at]).1,
                false => "accepted".to_owned(),
            };
            // A crash is no judgement.
            if theirs.is_empty() || theirs.contains("signal: ") {
                continue;
            }
            let _ = writeln!(
                faults,
                "{}\n    lbd: {said}\n    reference: {theirs}",
                trial.name
            );
        }
    }
}

struct Reference<'t> {
    program: &'t Path,
    dir: &'t TempDir,
    trials: &'t [Trial],
}

impl Reference<'_> {
    /// Adds to `refused` those of `batch` that the reference refuses.
    fn sift(&self, batch: &[usize], refused: &mut BTreeSet<usize>) {
        let mut left = batch.to_vec();
        while !left.is_empty() {
            let (found, alerts) = self.alerts(&left);
            if alerts.is_empty() {
                return;
            }
            if left.len() == 1 {
                refused.insert(left[0]);
                return;
            }
            if found.is_empty() {
                let (one, two) = left.split_at(left.len() / 2);
                self.sift(one, refused);
                self.sift(two, refused);
                return;
            }
            left.retain(|at| !found.contains(at));
            refused.extend(found);
        }
    }

    /// The trials that alerts name by their lines, and the alerts.
    fn alerts(&self, batch: &[usize]) -> (BTreeSet<usize>, String) {
        let is_global = |at: &&usize| self.trials[**at].text.starts_with("global");
        let (globals, others): (Vec<&usize>, Vec<&usize>) = batch.iter().partition(is_global);
        let mut text = String::new();
        let mut starts = Vec::new();
        let mut add = |trials: Vec<&usize>, text: &mut String| {
            for at in trials {
                starts.push((text.lines().count() + 1, Some(*at)));
                text.push_str(&self.trials[*at].sections(*at));
            }
            starts.push((text.lines().count() + 1, None));
        };
        add(globals, &mut text);
        text.push_str(SURROUNDINGS);
        add(others, &mut text);
        let file = self.dir.write("t.cfg", text);
        let output = Command::new(self.program)
            .current_dir(self.dir.path())
            .args(["-c", "-f"])
            .arg(&file)
            .output()
            .expect("the reference starts");
        if output.status.success() {
            return (BTreeSet::new(), String::new());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // Several faults of one kind stand on lines of their own behind the alert.
        let is_alert = |line: &&str| line.starts_with("[ALERT]") || line.starts_with("\tparsing [");
        let alerts: Vec<&str> = said.lines().filter(is_alert).collect();
        let found = alerts.iter().filter_map(|alert| match line_of(alert) {
            Some(line) => {
                let at = starts.partition_point(|(start, _)| *start <= line);
                starts.get(at.checked_sub(1)?)?.1
            }
            None => proxy_of(alert).filter(|at| batch.contains(at)),
        });
        (
            found.collect(),
            format!("{}{}", alerts.join("\n         "), output.status),
        )
    }
}

/// The line that an alert names as `[file:line]`.
fn line_of(alert: &str) -> Option<usize> {
    let (_, rest) = alert.split_once("t.cfg:")?;
    rest.split(']').next()?.parse().ok()
}

/// The trial of which an alert names the proxy, as `Proxy 'p7'` or `proxy p7:`.
fn proxy_of(alert: &str) -> Option<usize> {
    let mut words = alert.split([' ', '\'', ':', ',', '.', '/']);
    words.find_map(|word| word.strip_prefix('p')?.trim_end_matches('d').parse().ok())
}
