//! Commands of the reference that lbd refuses by name: what they show or change is not in it.
//!
//! They are in no help text; the reference of keywords lists them with their reasons.

/// A command that is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Words that select it.
    pub(crate) words: &'static [&'static str],
    /// Why, after "is not supported: ".
    pub(crate) reason: &'static str,
}

const fn refused(words: &'static [&'static str], reason: &'static str) -> Refused {
    Refused { words, reason }
}

/// All of them, by their words.
pub(crate) const REFUSED: &[Refused] = &[
    refused(&["acme", "challenge_ready"], NO_ACME),
    refused(&["acme", "renew"], NO_ACME),
    refused(&["acme", "status"], NO_ACME),
    refused(&["add", "ssl", "jwt"], NO_JWT),
    refused(&["debug", "dev", "bug"], INTERNALS),
    refused(&["debug", "dev", "check"], INTERNALS),
    refused(&["debug", "dev", "close"], INTERNALS),
    refused(&["debug", "dev", "deadlock"], INTERNALS),
    refused(&["debug", "dev", "delay"], INTERNALS),
    refused(&["debug", "dev", "exit"], INTERNALS),
    refused(&["debug", "dev", "fd"], INTERNALS),
    refused(&["debug", "dev", "hex"], INTERNALS),
    refused(&["debug", "dev", "log"], INTERNALS),
    refused(&["debug", "dev", "loop"], INTERNALS),
    refused(&["debug", "dev", "panic"], INTERNALS),
    refused(&["debug", "dev", "sched"], INTERNALS),
    refused(&["debug", "dev", "stream"], INTERNALS),
    refused(&["debug", "dev", "sym"], INTERNALS),
    refused(&["debug", "dev", "task"], INTERNALS),
    refused(&["debug", "dev", "tkill"], INTERNALS),
    refused(&["debug", "dev", "warn"], INTERNALS),
    refused(&["debug", "dev", "write"], INTERNALS),
    refused(&["del", "ssl", "jwt"], NO_JWT),
    refused(
        &["httpclient"],
        "the process makes no requests of its own; use curl",
    ),
    refused(&["show", "cache"], "there is no cache"),
    refused(&["show", "ssl", "jwt"], NO_JWT),
    refused(&["show", "trace"], NO_TRACES),
    refused(&["trace"], NO_TRACES),
];

const INTERNALS: &str = "it tests the inner works of HAProxy, which lbd does not share";
const NO_ACME: &str = "certificates are got by another program ('set ssl cert' puts them in place)";
const NO_JWT: &str = "certificates that verify tokens are those that the configuration names";
const NO_TRACES: &str =
    "there are no traces; logs, 'show errors' and 'show sess all' tell of traffic";

/// The refusal of the command that these words begin with.
pub(super) fn refusal(words: &[String]) -> Option<String> {
    let matches = |command: &&Refused| {
        let mut pairs = command.words.iter().zip(words);
        command.words.len() <= words.len() && pairs.all(|(known, word)| known == word)
    };
    let found = REFUSED
        .iter()
        .filter(matches)
        .max_by_key(|command| command.words.len())?;
    Some(format!(
        "'{}' is not supported: {}.",
        found.words.join(" "),
        found.reason
    ))
}
