//! Commands about the connection itself: `help`, `prompt`, `quit`, levels, `echo`, `set timeout`.
//!
//! They touch no balancer state.

use lbd_config::config::{AccessLevel, SeverityOutput};

use super::command::{ApiCommand, Call, level_word, list};
use super::session::Mode;
use crate::args::VersionForm;

pub(super) const COMMANDS: &[ApiCommand] = &[
    ApiCommand {
        words: &["echo"],
        usage: "echo <text>",
        describe: "print the words back",
        level: AccessLevel::User,
        run: |call| {
            let text = call.args.join(" ");
            call.out.push_str(&text);
            call.out.push('\n');
        },
    },
    ApiCommand {
        words: &["help"],
        usage: "help [<command>]",
        describe: "list matching or all commands",
        level: AccessLevel::User,
        run: |call| {
            call.out
                .push_str("The following commands are valid at this level:\n");
            list(call.caller, call.args, call.out);
        },
    },
    ApiCommand {
        words: &["operator"],
        usage: "operator",
        describe: "lower the level of this connection to operator",
        level: AccessLevel::Operator,
        run: |call| call.caller.lower(AccessLevel::Operator),
    },
    ApiCommand {
        words: &["prompt"],
        usage: "prompt [help | n | i | p | timed ]*",
        describe: "toggle interactive mode with prompt",
        level: AccessLevel::User,
        run: prompt,
    },
    ApiCommand {
        words: &["quit"],
        usage: "quit",
        describe: "disconnect",
        level: AccessLevel::User,
        run: |call| call.caller.is_over = true,
    },
    ApiCommand {
        words: &["reload"],
        usage: "reload",
        describe: "read the configuration anew and go on by it",
        level: AccessLevel::Admin,
        run: reload,
    },
    ApiCommand {
        words: &["set", "severity-output"],
        usage: "set severity-output [none|number|string]",
        describe: "put the severity before feedback messages",
        level: AccessLevel::User,
        run: set_severity,
    },
    ApiCommand {
        words: &["set", "timeout"],
        usage: "set timeout [cli] <delay>",
        describe: "change this connection's idle timeout",
        level: AccessLevel::User,
        run: set_timeout,
    },
    ApiCommand {
        words: &["show", "cli", "level"],
        usage: "show cli level",
        describe: "level of this connection",
        level: AccessLevel::User,
        run: |call| {
            let word = level_word(call.caller.level);
            call.out.push_str(word);
            call.out.push('\n');
        },
    },
    ApiCommand {
        words: &["show", "version"],
        usage: "show version",
        describe: "version that this process is compatible with",
        level: AccessLevel::User,
        run: |call| {
            call.out
                .push_str(&crate::version::text(VersionForm::Number))
        },
    },
    ApiCommand {
        words: &["user"],
        usage: "user",
        describe: "lower the level of this connection to user",
        level: AccessLevel::User,
        run: |call| call.caller.lower(AccessLevel::User),
    },
];

fn prompt(call: &mut Call<'_>) {
    if call.args.is_empty() {
        call.caller.mode = match call.caller.mode {
            Mode::Single | Mode::Interactive => Mode::Prompt,
            Mode::Prompt => Mode::Single,
        };
    }
    for word in call.args {
        match word.as_str() {
            "n" => call.caller.mode = Mode::Single,
            "i" => call.caller.mode = Mode::Interactive,
            "p" => call.caller.mode = Mode::Prompt,
            "timed" => call.caller.is_timed = !call.caller.is_timed,
            _ => {
                call.out.push_str(PROMPT_HELP);
                return;
            }
        }
    }
}

const PROMPT_HELP: &str = "\
Usage: prompt [help | n | i | p | timed]*
  n       one line, then close (the default)
  i       lines until the end, no prompt
  p       lines until the end, with a prompt
  timed   show the time in the prompt, or not
Without a word it toggles between n and p.
";

fn set_severity(call: &mut Call<'_>) {
    call.caller.severity = match call.arg(0) {
        "none" => SeverityOutput::None,
        "number" => SeverityOutput::Number,
        "string" => SeverityOutput::Text,
        _ => {
            return call.fail("one of 'none', 'number', 'string' is a required argument");
        }
    };
}

fn set_timeout(call: &mut Call<'_>) {
    if call.arg(0) != "cli" {
        return call.fail("'set timeout' only supports 'cli'.");
    }
    let parsed = lbd_config::units::parse_time(call.arg(1), lbd_config::units::TimeUnit::Second);
    match parsed {
        Ok(timeout) if !timeout.value.is_zero() => call.caller.timeout = Some(timeout.value),
        Err(_) if call.arg(1).is_empty() => call.fail("Expects an integer value."),
        _ => call.fail("Invalid timeout value."),
    }
}

/// `reload`, with the answer that the reference's master gives (haproxy 3.4 management 9.4).
fn reload(call: &mut Call<'_>) {
    let Some(outcome) = call.daemon.reloads.wait() else {
        call.fail("Success=0\n--\nThe process ends, or the reload takes too long.");
        return;
    };
    let success = u8::from(outcome.is_done);
    call.out
        .push_str(&format!("Success={success}\n--\n{}", outcome.text));
}
