//! Messages on standard error in the reference's form.
//!
//! Diagnostics of the configuration are rendered by `lbd-config`; these are the program's own.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use lbd_core::Level;

static QUIET: AtomicBool = AtomicBool::new(false);

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
