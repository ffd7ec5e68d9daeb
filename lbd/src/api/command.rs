//! The commands of the runtime API, one descriptor each (haproxy 3.4 management 9.3).
//!
//! Families of commands live in the files beside; connections in `server.rs`.

use std::fmt::Write;
use std::sync::Arc;

use lbd_config::config::AccessLevel;

use super::session::{Caller, Execute};
use super::{
    activity, backends, basic, descriptors, dev, errors, facts, growing, info_command, modes,
    patterns, peers, rare, rate_limit, refused, servers, sessions, ssl, stat_command, tables,
    variables,
};
use crate::run::Daemon;
use ::peers::proto::words::{Said, Thing};

/// How bad a feedback message is, as a syslog level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Wrong use, or it cannot be done.
    Error = 3,
    /// Done.
    Info = 6,
}

/// A command.
#[derive(Debug)]
pub(crate) struct ApiCommand {
    /// Words that select it.
    pub(crate) words: &'static [&'static str],
    /// As `help` shows it.
    pub(crate) usage: &'static str,
    /// What it does.
    pub(crate) describe: &'static str,
    /// Lowest level that may use it.
    pub(crate) level: AccessLevel,
    /// Does it; the arguments are the words behind those that select it.
    pub(crate) run: fn(&mut Call<'_>),
}

/// A command.
pub(super) const fn command(
    words: &'static [&'static str],
    usage: &'static str,
    describe: &'static str,
    level: AccessLevel,
    run: fn(&mut Call<'_>),
) -> ApiCommand {
    ApiCommand {
        words,
        usage,
        describe,
        level,
        run,
    }
}

/// One execution of a command.
pub(crate) struct Call<'a> {
    /// The running balancer.
    pub(crate) daemon: &'a Daemon,
    /// The connection.
    pub(crate) caller: &'a mut Caller,
    /// Words behind the command's own.
    pub(crate) args: &'a [String],
    /// Lines that came behind `<<`; empty without.
    pub(crate) payload: &'a str,
    /// The reply.
    pub(crate) out: &'a mut String,
    /// Takes what there is of a long reply; see [`Call::hand_on`].
    pub(crate) taker: &'a mut dyn FnMut(&mut String) -> bool,
}

impl Call<'_> {
    /// An argument, empty when it is not there.
    pub(crate) fn arg(&self, at: usize) -> &str {
        self.args.get(at).map_or("", String::as_str)
    }

    /// Hands on what there is of a reply once it is long, so that none is made whole in memory. Waits
    /// until the client has taken what came before; `false` when it is gone.
    pub(crate) fn hand_on(&mut self) -> bool {
        self.out.len() < PIECE || (self.taker)(self.out)
    }

    /// Tells the other nodes of lbd what was said here.
    pub(crate) fn announce(&self, thing: Thing, value: Option<&str>) {
        if self.daemon.config().peers.is_empty() {
            return;
        }
        self.daemon.peers.say(Said {
            thing,
            value: value.map(str::to_owned),
            who: self.caller.who.clone(),
            wall_ms: self.daemon.wall().0 / 1000,
        });
    }

    /// A feedback message on a line of its own, with its severity when the connection wants it.
    pub(crate) fn say(&mut self, severity: Severity, text: &str) {
        use lbd_config::config::SeverityOutput;
        let word = match severity {
            Severity::Error => "err",
            Severity::Info => "info",
        };
        // Writing to a string cannot fail.
        let _ = match self.caller.severity {
            SeverityOutput::None => Ok(()),
            SeverityOutput::Number => write!(self.out, "[{}]: ", severity as u8),
            SeverityOutput::Text => write!(self.out, "[{word}]: "),
        };
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// An error message.
    pub(crate) fn fail(&mut self, text: &str) {
        self.say(Severity::Error, text);
    }
}

/// All families.
const FAMILIES: &[&[ApiCommand]] = &[
    activity::COMMANDS,
    backends::COMMANDS,
    basic::COMMANDS,
    descriptors::COMMANDS,
    dev::COMMANDS,
    errors::COMMANDS,
    facts::COMMANDS,
    growing::COMMANDS,
    info_command::COMMANDS,
    modes::COMMANDS,
    patterns::COMMANDS,
    peers::COMMANDS,
    rare::COMMANDS,
    rate_limit::COMMANDS,
    servers::COMMANDS,
    sessions::COMMANDS,
    stat_command::COMMANDS,
    tables::COMMANDS,
    variables::COMMANDS,
];

/// Families that a conversation must ask for by `experimental-mode on`.
const EXPERIMENTAL: &[&[ApiCommand]] = &[variables::EXPERIMENTAL];

/// Every command.
fn all() -> impl Iterator<Item = &'static ApiCommand> {
    let families = FAMILIES.iter().chain(ssl::FAMILIES).chain(EXPERIMENTAL);
    families.flat_map(|family| family.iter())
}

impl ApiCommand {
    /// Whether it is for the experimental mode only.
    pub(crate) fn is_experimental(&self) -> bool {
        let mut all = EXPERIMENTAL.iter().flat_map(|family| family.iter());
        all.any(|command| command.words == self.words)
    }

    /// Whether help tells of it to a conversation.
    fn is_told(&self, caller: &Caller) -> bool {
        // The modes are for those who know of them.
        let is_mode = matches!(self.words, ["experimental-mode" | "expert-mode"]);
        let is_allowed = caller.is_experimental || !self.is_experimental();
        self.level <= caller.level && is_allowed && !is_mode
    }
}

/// All commands in alphabetical order of their usage.
pub(crate) fn commands() -> Vec<&'static ApiCommand> {
    let mut all: Vec<_> = all().collect();
    all.sort_by_key(|command| command.usage);
    all
}

/// Whether bytes are one line with one command about one entry of a table (`show table … key …`): it
/// waits for nobody, takes no time and has a short reply.
pub(crate) fn is_of_one_entry(bytes: &[u8]) -> bool {
    let Some((b'\n', line)) = bytes.split_last() else {
        return false;
    };
    // More commands, a payload, or a quoted character.
    if line
        .iter()
        .any(|byte| matches!(byte, b';' | b'<' | b'\\' | b'\n'))
    {
        return false;
    }
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    matches!(words.next(), Some(b"clear" | b"set" | b"show"))
        && words.next() == Some(b"table")
        && words.next().is_some()
        && words.next() == Some(b"key")
}

/// Whether a command changes what belongs to a configuration. Those that show something may take as
/// long as their reader does, and those that wait change nothing.
fn is_change(command: &ApiCommand) -> bool {
    !matches!(command.words.first(), Some(&("reload" | "show" | "wait")))
}

/// Pieces of a long reply.
const PIECE: usize = 128 * 1024;

/// Runs commands on a balancer.
pub(crate) struct Runner {
    /// The balancer.
    pub(crate) daemon: Arc<Daemon>,
    /// Where pieces of long replies go while the rest is made.
    pub(crate) pieces: tokio::sync::mpsc::Sender<Vec<u8>>,
}

impl Execute for Runner {
    fn execute(&mut self, caller: &mut Caller, words: &[String], payload: &str, out: &mut Vec<u8>) {
        let mut text = String::new();
        match find(words) {
            None => match refused::refusal(words) {
                Some(refusal) => {
                    text.push_str(&refusal);
                    text.push('\n');
                }
                None => unknown(caller, words, &mut text),
            },
            Some(command) if command.is_experimental() && !caller.is_experimental => {
                text.push_str("This command is restricted to experimental mode only.\n");
            }
            Some(command) if caller.level < command.level => {
                text.push_str("Permission denied\n");
            }
            Some(command) => {
                let args = &words[command.words.len()..];
                let daemon = &self.daemon;
                // What belongs to a configuration is not exchanged in the middle of a change.
                let _gate = is_change(command).then(|| daemon.gate.read());
                let mut taker = |text: &mut String| {
                    // What other commands have said comes first.
                    out.extend_from_slice(text.as_bytes());
                    text.clear();
                    self.pieces.blocking_send(std::mem::take(out)).is_ok()
                };
                (command.run)(&mut Call {
                    daemon,
                    caller,
                    args,
                    payload,
                    out: &mut text,
                    taker: &mut taker,
                });
            }
        }
        out.extend_from_slice(text.as_bytes());
    }
}

/// The command with the most words that all are there.
fn find(words: &[String]) -> Option<&'static ApiCommand> {
    let matches = |command: &&ApiCommand| {
        command.words.len() <= words.len()
            && command
                .words
                .iter()
                .zip(words)
                .all(|(known, word)| known == word)
    };
    all()
        .filter(matches)
        .max_by_key(|command| command.words.len())
}

/// The word for a level.
pub(crate) fn level_word(level: AccessLevel) -> &'static str {
    match level {
        AccessLevel::Admin => "admin",
        AccessLevel::Operator => "operator",
        AccessLevel::User => "user",
    }
}

/// Lists what begins with `prefix`, for `help` and for unknown commands.
pub(super) fn list(caller: &Caller, prefix: &[String], out: &mut String) {
    let is_always =
        |command: &&ApiCommand| matches!(command.words, ["help"] | ["prompt"] | ["quit"]);
    let begins = |command: &&ApiCommand| {
        let mut pairs = command.words.iter().zip(prefix);
        pairs.all(|(known, word)| known.starts_with(&**word))
    };
    let (always, others): (Vec<_>, Vec<_>) = commands().into_iter().partition(is_always);
    for command in others.into_iter().filter(begins).chain(always) {
        if command.is_told(caller) {
            let _ = writeln!(out, "  {:<40}: {}", command.usage, command.describe);
        }
    }
}

fn unknown(caller: &Caller, words: &[String], out: &mut String) {
    let shown = words.first().map_or("", String::as_str);
    let _ = writeln!(
        out,
        "Unknown command: '{shown}', but maybe one of the following ones is a better match:"
    );
    // As many of the words as begin some command.
    let begins = |count: usize| {
        let mut all = all().map(|command| command.words.iter().zip(&words[..count]));
        all.any(|mut pairs| {
            pairs.len() == count && pairs.all(|(known, word)| known.starts_with(&**word))
        })
    };
    let count = (0..=words.len())
        .rev()
        .find(|count| begins(*count))
        .unwrap_or(0);
    if count > 0 {
        list(caller, &words[..count], out);
    } else {
        list(caller, &[NOTHING.to_owned()], out);
    }
}

/// A word that no command begins with.
const NOTHING: &str = "\0";

#[cfg(test)]
mod tests;
