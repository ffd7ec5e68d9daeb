//! Messages on standard error in the reference's form.
//!
//! Diagnostics of the configuration are rendered by `lbd-config`; these are the program's own.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use lbd_core::Level;
use parking_lot::Mutex;

static QUIET: AtomicBool = AtomicBool::new(false);

/// What was said at the start, or of the last reload.
static KEPT: Mutex<Kept> = Mutex::new(Kept {
    text: String::new(),
    is_open: true,
});

struct Kept {
    text: String,
    /// The process still starts.
    is_open: bool,
}

/// Bytes of what is kept; the reference's ring has as many.
const MAX_KEPT: usize = 64 * 1024;

impl Kept {
    fn add(&mut self, text: &str) {
        let room = MAX_KEPT - self.text.len();
        let end = text.floor_char_boundary(text.len().min(room));
        self.text.push_str(&text[..end]);
    }
}

/// What was said at the start, or of the last reload (`show startup-logs`).
pub(crate) fn kept() -> String {
    KEPT.lock().text.clone()
}

/// The process has started: what is said from now on belongs to its life.
pub(crate) fn keep_no_more() {
    KEPT.lock().is_open = false;
}

/// Keeps what there was to tell of a reload instead of what was kept before.
pub(crate) fn keep_instead(text: &str) {
    let mut kept = KEPT.lock();
    kept.text.clear();
    kept.add(text);
}

/// Keeps everything to itself (`-q`, background).
pub(crate) fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Prints one message: `[ALERT]    (pid) : text`.
pub(crate) fn say(level: Level, text: &str) {
    raw(&line(level, text));
}

/// Prints text that has its form already.
pub(crate) fn raw(text: &str) {
    let mut kept = KEPT.lock();
    if kept.is_open {
        kept.add(text);
    }
    drop(kept);
    if !QUIET.load(Ordering::Relaxed) {
        // Whoever read it may have gone, which must not end what goes on.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// One message as it is printed, with its end.
pub(crate) fn line(level: Level, text: &str) -> String {
    let label = lbd_config::render::label(level);
    format!("{label} ({}) : {text}\n", std::process::id())
}

/// An alert.
pub(crate) fn alert(text: &str) {
    say(Level::Alert, text);
}

/// A warning.
pub(crate) fn warning(text: &str) {
    say(Level::Warning, text);
}

/// A notice.
pub(crate) fn notice(text: &str) {
    say(Level::Notice, text);
}

/// A message with the label as a word: `WARNING`, `ALERT`.
pub(crate) fn say_as(label: &'static str, text: &str) {
    say(level_of(label), text);
}

/// The level of a label.
pub(crate) fn level_of(label: &str) -> Level {
    match label {
        "ALERT" => Level::Alert,
        "WARNING" => Level::Warning,
        _ => Level::Notice,
    }
}
