//! `keepalived.conf` as it is: text to instances, sync groups, trackers, addresses, routes, rules.
//!
//! It opens no file and knows no interface: the outside comes through [`Host`]. What keepalived 2.2
//! accepts is accepted with the same meaning, or refused by name; LVS is refused.
#![forbid(unsafe_code)]

pub mod config;
mod lex;
mod read;
mod render;
mod resolve;
mod tree;

use lbd_core::{Diag, Diags};

pub use config::Config;
pub use render::render;

/// What a configuration asks about the machine it is read on.
pub trait Host {
    /// The text of a file; the text of the error says why not.
    fn read(&self, path: &str) -> Result<String, String>;
    /// The files that match a shell pattern, sorted; relative to the directory `base`.
    fn glob(&self, base: &str, pattern: &str) -> Vec<String>;
    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;
    /// What `@id` lines are compared with: option `-i`, or the node's name.
    fn config_id(&self) -> String;
    /// A number in this range, both ends included.
    fn random(&self, low: u64, high: u64) -> u64;
    /// Whether an interface of this name exists.
    fn has_interface(&self, name: &str) -> bool;
    /// User and group ids; without a group the user's own. The text says what is not known.
    fn user(&self, user: &str, group: Option<&str>) -> Result<config::User, String>;
    /// What the program of a script is, for whom it would run.
    fn program(&self, path: &str, user: Option<config::User>) -> Program;
}

/// What is known of the program of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// It can be run.
    Found,
    /// It can be run, as root, and somebody else than root can change it or its directories.
    Insecure,
    /// There is no such file.
    Missing,
    /// It is there but the user may not run it.
    NotExecutable,
}

/// What was read.
#[derive(Debug)]
pub struct Reading {
    /// The configuration without what was refused.
    pub config: Config,
    /// Everything that is wrong, in the order of the text.
    pub diags: Diags,
    /// The texts that were read, by `FileId`.
    pub sources: Vec<Source>,
    /// Nothing can be run from this.
    pub is_unusable: bool,
    /// Scripts would run although `enable_script_security` is not set.
    pub is_insecure: bool,
}

/// One file that was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path as it was found.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Reading {
    /// The exit status of a configuration test, as keepalived's code has them: 0 good, 4 unusable,
    /// 5 errors that would still run, 6 scripts without script security.
    pub fn status(&self) -> u8 {
        match self {
            _ if self.is_unusable => STATUS_UNUSABLE,
            _ if self.is_insecure => STATUS_INSECURE,
            _ if self.diags.has_alert() => STATUS_ERRORS,
            _ => 0,
        }
    }
}

/// Reads a configuration from `path`, with what it includes. Total: every fault is a diagnostic.
pub fn read(path: &str, host: &dyn Host) -> Reading {
    let mut lexed = lex::read(path, host);
    let items = tree::build(lexed.lines, &mut lexed.diags);
    let mut cx = read::Cx::new(host, lexed.diags);
    cx.is_unusable = lexed.is_unreadable;
    read::top(&mut cx, &items);
    resolve::resolve(&mut cx);
    let mut diags = cx.diags;
    sort(&mut diags);
    Reading {
        config: cx.config,
        diags,
        sources: lexed.sources,
        is_unusable: cx.is_unusable,
        is_insecure: cx.is_insecure,
    }
}

/// In the order of the text; what has no place comes last.
fn sort(diags: &mut Diags) {
    let place = |diag: &Diag| {
        diag.span
            .map_or((u32::MAX, u32::MAX), |span| (span.file.0, span.line))
    };
    diags.0.sort_by_key(place);
}

/// Exit status: the configuration cannot be used.
pub const STATUS_UNUSABLE: u8 = 4;
/// Exit status: there are errors, the rest would run.
pub const STATUS_ERRORS: u8 = 5;
/// Exit status: scripts would run without `enable_script_security`.
pub const STATUS_INSECURE: u8 = 6;
