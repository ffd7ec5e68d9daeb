//! What a conversation may see and do besides its level: the experimental and the expert mode, and
//! anonymised output (haproxy 3.4 management 9.3).
//!
//! Commands that need a mode are declared so in `command.rs`; hashes are `lbd-config`'s, which the
//! anonymised dump of a configuration has too.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;

use lbd_config::config::AccessLevel;
use lbd_config::dump;

use super::command::{ApiCommand, Call, command};
use super::session::Caller;

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["debug", "dev", "hash"],
        "debug dev hash   [msg]",
        "a word as anonymised output shows it",
        AccessLevel::User,
        hash,
    ),
    command(
        &["experimental-mode"],
        "experimental-mode [on|off]",
        "allow what may change in later versions, in this connection",
        AccessLevel::Admin,
        |call| {
            switch(call, "experimental-mode", |caller| {
                &mut caller.is_experimental
            })
        },
    ),
    command(
        &["expert-mode"],
        "expert-mode [on|off]",
        "allow what may harm the process, in this connection",
        AccessLevel::Admin,
        |call| switch(call, "expert-mode", |caller| &mut caller.is_expert),
    ),
    command(
        &["set", "anon", "global-key"],
        "set anon global-key <value>",
        "change the key of anonymised output for all connections",
        AccessLevel::Admin,
        set_global_key,
    ),
    command(
        &["set", "anon", "off"],
        "set anon off",
        "show names and addresses again in this connection",
        AccessLevel::User,
        |call| match call.arg(0) {
            "" => call.caller.anonkey = 0,
            _ => call.fail("Key can't be added while disabling anonymized mode"),
        },
    ),
    command(
        &["set", "anon", "on"],
        "set anon on [value]",
        "hash names and addresses in this connection",
        AccessLevel::User,
        anonymise,
    ),
    command(
        &["show", "anon"],
        "show anon",
        "whether names and addresses are hashed in this connection",
        AccessLevel::User,
        show_anon,
    ),
];

fn switch(call: &mut Call<'_>, name: &str, mode: fn(&mut Caller) -> &mut bool) {
    let is_on = mode(call.caller);
    match call.args.first().map(String::as_str) {
        None => {
            let word = if *is_on { "ON" } else { "OFF" };
            // Writing to a string cannot fail.
            let _ = writeln!(call.out, "{name} is {word}");
        }
        Some("on") => *is_on = true,
        Some("off") => *is_on = false,
        Some(_) => call.fail("Expects 'on' or 'off'."),
    }
}

fn anonymise(call: &mut Call<'_>) {
    let key = match call.arg(0) {
        "" => match call.daemon.anonkey.load(Relaxed) {
            0 => draw(),
            key => key,
        },
        text => match text.parse::<u32>() {
            Ok(key @ 1..) => key,
            _ => return call.fail("Value out of range (1 to 4294967295 expected)."),
        },
    };
    call.caller.anonkey = key;
}

/// A key that nobody knows.
fn draw() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    let drawn = RandomState::new().hash_one(0) & u64::from(u32::MAX);
    u32::try_from(drawn).unwrap_or(1).max(1)
}

fn set_global_key(call: &mut Call<'_>) {
    match call.arg(0).parse() {
        Ok(key) => call.daemon.anonkey.store(key, Relaxed),
        Err(_) => call.fail("Value out of range (0 to 4294967295 expected)."),
    }
}

fn show_anon(call: &mut Call<'_>) {
    let _ = match call.caller.anonkey {
        0 => writeln!(call.out, "Anonymized mode disabled"),
        key => writeln!(call.out, "Anonymized mode enabled\nKey : {key}"),
    };
}

fn hash(call: &mut Call<'_>) {
    let word = call.arg(0).to_owned();
    let text = call.caller.name(&word);
    call.out.push_str(&text);
    call.out.push('\n');
}

impl Caller {
    /// A name as this conversation sees it.
    pub(super) fn name(&self, name: &str) -> String {
        match self.anonkey {
            0 => name.to_owned(),
            key => dump::hash(name, key),
        }
    }

    /// A host's address as this conversation sees it.
    pub(super) fn host(&self, ip: IpAddr) -> String {
        match self.anonkey {
            0 => ip.to_string(),
            key => dump::host_address(ip, key),
        }
    }
}
