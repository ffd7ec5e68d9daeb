//! The commands of the master itself (haproxy 3.4 management 9.4.1).

use std::fmt::Write;
use std::time::Duration;

use lbd_config::config::AccessLevel;

use super::State;
use super::worker::Worker;

/// What a command leads to.
pub(super) enum Answer {
    /// Its text.
    Text(String),
    /// A reload, whose outcome is the answer; the connection ends with it.
    Reload {
        /// Whether what is under the old configuration ends at once.
        is_hard: bool,
    },
    /// Prompts from now on, or not.
    Prompt,
    /// Less rights.
    Level(AccessLevel),
    /// The end of the connection.
    Quit,
}

const HELP: &str = "The following commands are valid at this level:
  @!<pid>                                 : send a command to the <pid> process
  @<relative pid>                         : send a command to the <relative pid> process
  @master                                 : send a command to the master process
  echo <text>                             : print text to the output
  hard-reload                             : go on by the files as they are now, and end what is under the old ones
  operator                                : lower the level of the current CLI session to operator
  reload                                  : go on by the files as they are now
  show cli level                          : display the level of the current CLI session
  show env [var]                          : dump environment variables known to the process
  show proc                               : show processes status
  show startup-logs                       : messages of the last start or reload
  show version                            : show version of the current process
  user                                    : lower the level of the current CLI session to user
  help [<command>]                        : list matching or all commands
  prompt                                  : toggle interactive mode with prompt
  quit                                    : disconnect
";

/// Carries a command out.
pub(super) fn run(state: &State, level: AccessLevel, words: &[&str]) -> Answer {
    let denied = || Answer::Text("Permission denied\n".to_owned());
    match words {
        ["echo", rest @ ..] => Answer::Text(format!("{}\n", rest.join(" "))),
        ["reload" | "hard-reload"] if level < AccessLevel::Operator => denied(),
        ["reload"] => Answer::Reload { is_hard: false },
        ["hard-reload"] => Answer::Reload { is_hard: true },
        ["operator"] if level < AccessLevel::Operator => denied(),
        ["operator"] => Answer::Level(AccessLevel::Operator),
        ["user"] => Answer::Level(AccessLevel::User),
        ["show", "cli", "level"] => Answer::Text(
            match level {
                AccessLevel::User => "user\n",
                AccessLevel::Operator => "operator\n",
                AccessLevel::Admin => "admin\n",
            }
            .to_owned(),
        ),
        ["show", "env", name @ ..] if level >= AccessLevel::Operator => {
            Answer::Text(environment(name.first().copied()))
        }
        ["show", "env", ..] => denied(),
        ["show", "proc", ..] => Answer::Text(processes(state)),
        ["show", "startup-logs"] => Answer::Text(state.log.borrow().clone()),
        ["show", "version"] => Answer::Text(format!("{}\n", lbd_config::HAPROXY_VERSION)),
        ["prompt", ..] => Answer::Prompt,
        ["quit"] => Answer::Quit,
        ["help", ..] => Answer::Text(HELP.to_owned()),
        words => Answer::Text(format!(
            "Unknown command: '{}', but maybe one of the following ones is a better match:\n{}",
            words.first().copied().unwrap_or_default(),
            HELP.split_once('\n').map_or("", |(_, rest)| rest)
        )),
    }
}

fn environment(name: Option<&str>) -> String {
    let mut text = String::new();
    for (known, value) in std::env::vars_os() {
        let (known, value) = (known.to_string_lossy(), value.to_string_lossy());
        if name.is_none_or(|name| name == known) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{known}={value}");
        }
    }
    match name.filter(|_| text.is_empty()) {
        Some(_) => "Variable not found\n".to_owned(),
        None => text,
    }
}

/// `show proc`.
fn processes(state: &State) -> String {
    let mut text = String::new();
    let head = ["#<PID>", "<type>", "<reloads>", "<uptime>", "<version>"];
    row(&mut text, &head.map(str::to_owned));
    let process = |pid: String, kind: &str, reloads: String, time: Duration, version: &str| {
        [
            pid,
            kind.to_owned(),
            reloads,
            uptime(time),
            version.to_owned(),
        ]
    };
    let reloads = format!("{} [failed: {}]", state.reloads, state.failures);
    let own = std::process::id().to_string();
    row(
        &mut text,
        &process(
            own,
            "master",
            reloads,
            state.started.elapsed(),
            lbd_config::HAPROXY_VERSION,
        ),
    );
    let worker = |worker: &Worker, reloads: u32| {
        let (pid, reloads) = (worker.pid.to_string(), reloads.to_string());
        process(
            pid,
            "worker",
            reloads,
            worker.since.elapsed(),
            &worker.version,
        )
    };
    text.push_str("# workers\n");
    if let Some(current) = &state.current {
        row(&mut text, &worker(current, 0));
    }
    if !state.leaving.is_empty() {
        text.push_str("# old workers\n");
    }
    for old in &state.leaving {
        let survived = 1 + state.reloads.saturating_sub(old.survived);
        row(&mut text, &worker(old, survived));
    }
    text
}

/// A row of columns.
fn row(text: &mut String, columns: &[String; 5]) {
    for column in columns {
        // Writing to a string cannot fail.
        let _ = write!(text, "{column:<15} ");
    }
    text.pop();
    text.push('\n');
}

fn uptime(time: Duration) -> String {
    let seconds = time.as_secs();
    format!(
        "{}d{:02}h{:02}m{:02}s",
        seconds / 86_400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}
