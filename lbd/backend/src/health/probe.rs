//! One periodic check of a server: its count of successes and failures, and when it is due.
//!
//! It runs no check and knows nothing of the server's state but what it is told.

use std::time::Duration;

use lbd_core::Time;

use super::status::{CheckResult, CheckStatus};

/// Longest text kept of a check, in bytes.
const MAX_TEXT: usize = 127;

/// Which of a server's two checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    /// The agent check.
    Agent,
    /// The health check.
    Health,
}

/// Configured intervals and counts of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSpec {
    /// `inter` or `agent-inter`.
    pub inter: Duration,
    /// `fastinter`: while the server is between up and down.
    pub fastinter: Option<Duration>,
    /// `downinter`: while the server is down.
    pub downinter: Option<Duration>,
    /// Successes that bring the server up, at least 1.
    pub rise: u32,
    /// Failures that bring it down, at least 1.
    pub fall: u32,
}

impl Default for ProbeSpec {
    /// The defaults of a health check: every 2 s, `rise 2`, `fall 3`.
    fn default() -> Self {
        Self {
            inter: Duration::from_secs(2),
            fastinter: None,
            downinter: None,
            rise: 2,
            fall: 3,
        }
    }
}

impl ProbeSpec {
    /// The defaults of an agent check: every 2 s, one reply decides.
    pub fn agent() -> Self {
        Self {
            rise: 1,
            fall: 1,
            ..Self::default()
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// Its status.
    pub status: CheckStatus,
    /// HTTP status, exit status or the like; 0 for none.
    pub code: u32,
    /// What to tell the operator; may be empty.
    pub text: Vec<u8>,
    /// How long it took.
    pub duration: Duration,
}

/// A check with its counts.
#[derive(Debug, Clone)]
pub struct Probe {
    pub(super) spec: ProbeSpec,
    pub(super) enabled: bool,
    /// The server is in maintenance: no check.
    pub(super) paused: bool,
    /// From 0 (down) over `rise` (up) to `rise + fall - 1` (fully up).
    pub(super) health: u32,
    pub(super) status: CheckStatus,
    pub(super) code: u32,
    pub(super) text: Vec<u8>,
    pub(super) duration: Option<Duration>,
    /// When the next one is due; `None` before the first is scheduled or while one runs.
    pub(super) due: Option<Time>,
    pub(super) running: bool,
    /// The next interval is the fast one.
    pub(super) hurry: bool,
}

impl Probe {
    pub(super) fn new(spec: &ProbeSpec) -> Self {
        let spec = ProbeSpec {
            rise: spec.rise.max(1),
            fall: spec.fall.max(1),
            ..spec.clone()
        };
        Self {
            health: spec.rise,
            spec,
            enabled: true,
            paused: false,
            status: CheckStatus::Initializing,
            code: 0,
            text: Vec::new(),
            duration: None,
            due: None,
            running: false,
            hurry: false,
        }
    }

    /// Count at which no failure is owed any more.
    pub(super) fn top(&self) -> u32 {
        self.spec.rise + self.spec.fall - 1
    }

    /// Whether enough checks passed.
    pub(super) fn is_up(&self) -> bool {
        self.health >= self.spec.rise
    }

    /// Turned on and below what brings the server up.
    pub(super) fn forbids_up(&self) -> bool {
        self.enabled && !self.is_up()
    }

    /// Time to the next check.
    pub(super) fn interval(&self, server_down: bool) -> Duration {
        if !self.hurry && self.health == self.top() {
            return self.spec.inter;
        }
        if server_down && self.health == 0 {
            return self.spec.downinter.unwrap_or(self.spec.inter);
        }
        self.spec.fastinter.unwrap_or(self.spec.inter)
    }

    /// Counts a failure; whether anything changed.
    pub(super) fn fail(&mut self) -> bool {
        if self.health == 0 {
            return false;
        }
        self.health -= 1;
        if self.health < self.spec.rise {
            self.health = 0;
        }
        true
    }

    /// Counts a success; whether anything changed.
    pub(super) fn pass(&mut self) -> bool {
        if self.health >= self.top() {
            return false;
        }
        self.health += 1;
        if self.is_up() {
            self.health = self.top();
        }
        true
    }

    /// Keeps what a report says.
    pub(super) fn keep(&mut self, status: CheckStatus, text: &[u8], duration: Option<Duration>) {
        self.status = status;
        self.text.clear();
        let end = text
            .iter()
            .position(|&b| b == 0)
            .unwrap_or(text.len())
            .min(MAX_TEXT);
        self.text.extend_from_slice(&text[..end]);
        self.duration = duration;
    }

    /// `, reason: … , code: … , info: "…", check duration: …ms`.
    pub(super) fn reason(&self) -> String {
        let mut out = format!(", reason: {}", self.status.describe());
        if self.status.has_code() {
            out.push_str(&format!(", code: {}", self.code));
        }
        if !self.text.is_empty() {
            out.push_str(", info: \"");
            push_printable(&mut out, &self.text);
            out.push('"');
        }
        if let Some(duration) = self.duration {
            out.push_str(&format!(", check duration: {}ms", duration.as_millis()));
        }
        out
    }

    /// `2/3 UP`: progress within its present direction.
    pub(super) fn progress(&self, weight: u32) -> String {
        if self.is_up() {
            let word = if weight > 0 { "UP" } else { "DRAIN" };
            format!(
                "{}/{} {word}",
                self.health - self.spec.rise + 1,
                self.spec.fall
            )
        } else {
            format!("{}/{} DOWN", self.health, self.spec.rise)
        }
    }

    /// `check for [backup ]server b/s [conditionally ]succeeded|failed, reason…, status: …`.
    pub(super) fn line(&self, which: Which, server: &str, backup: bool, weight: u32) -> String {
        let kind = match which {
            Which::Agent => "Agent",
            Which::Health => "Health",
        };
        let verdict = match self.status.result() {
            CheckResult::CondPassed => "conditionally succeeded",
            CheckResult::Passed => "succeeded",
            _ => "failed",
        };
        let backup = if backup { "backup " } else { "" };
        let (reason, progress) = (self.reason(), self.progress(weight));
        format!("{kind} check for {backup}server {server} {verdict}{reason}, status: {progress}.")
    }
}

/// Bytes that are no printable ASCII, `<`, `>` and quotes become `<XX>`.
fn push_printable(out: &mut String, text: &[u8]) {
    for &b in text {
        if (0x20..0x7f).contains(&b) && !matches!(b, b'<' | b'>' | b'"') {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("<{b:02X}>"));
        }
    }
}
