//! One connection to the runtime API without its socket: bytes in, bytes out.
//!
//! It executes nothing: commands go to the [`Execute`] that the caller gives.

use lbd_config::config::{AccessLevel, SeverityOutput};

use super::line::{self, Command};

/// Longest line; the reference's is `tune.bufsize`.
pub(crate) const MAX_LINE: usize = 16 * 1024;
/// Longest payload.
pub(crate) const MAX_PAYLOAD: usize = 128 * 1024;

/// What a command may know and change of its connection.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Rights.
    pub(crate) level: AccessLevel,
    /// `set severity-output`.
    pub(crate) severity: SeverityOutput,
    /// `set timeout cli`.
    pub(crate) timeout: Option<std::time::Duration>,
    /// Prompt and several lines.
    pub(crate) mode: Mode,
    /// `prompt timed`.
    pub(crate) is_timed: bool,
    /// `experimental-mode on`.
    pub(crate) is_experimental: bool,
    /// `expert-mode on`.
    pub(crate) is_expert: bool,
    /// Names and addresses are hashed with this key; 0: they are shown.
    pub(crate) anonkey: u32,
    /// `quit` was said.
    pub(crate) is_over: bool,
    /// Who speaks, for other nodes: a user of this machine or an address.
    pub(crate) who: String,
}

impl Caller {
    /// A new connection of these rights.
    pub(crate) fn new(level: AccessLevel, severity: SeverityOutput) -> Self {
        Self {
            level,
            severity,
            timeout: None,
            mode: Mode::Single,
            is_timed: false,
            is_experimental: false,
            is_expert: false,
            anonkey: 0,
            is_over: false,
            who: "an operator".to_owned(),
        }
    }
}

impl Caller {
    /// Gives rights up, and with them what they allowed.
    pub(crate) fn lower(&mut self, level: AccessLevel) {
        self.level = self.level.min(level);
        self.is_experimental = false;
        self.is_expert = false;
    }
}

/// How many lines a connection takes, and whether it shows a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `prompt n`: one line, then close.
    Single,
    /// `prompt i`: lines until the end.
    Interactive,
    /// `prompt p`: the same with a prompt.
    Prompt,
}

/// Runs commands.
pub(crate) trait Execute {
    /// Appends the reply of one command to `out`, its last line ended, without the empty line
    /// that follows every reply.
    fn execute(&mut self, caller: &mut Caller, words: &[String], payload: &str, out: &mut Vec<u8>);
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// Rights and settings.
    pub(crate) caller: Caller,
    input: Vec<u8>,
    waiting: Option<Waiting>,
    /// A line was answered, and no other will be.
    is_done: bool,
}

/// Commands whose payload is still coming.
#[derive(Debug)]
struct Waiting {
    command: Command,
    payload: String,
}

impl Session {
    /// A connection of these rights.
    pub(crate) fn new(level: AccessLevel, severity: SeverityOutput) -> Self {
        let caller = Caller::new(level, severity);
        Self {
            caller,
            input: Vec::new(),
            waiting: None,
            is_done: false,
        }
    }

    /// Whether the connection shall be closed once the replies are sent.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done || self.caller.is_over
    }

    /// Takes bytes and appends replies to `out`.
    pub(crate) fn feed(&mut self, bytes: &[u8], run: &mut dyn Execute, out: &mut Vec<u8>) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_done() {
            let end = rest.iter().position(|&byte| byte == b'\n');
            let piece = &rest[..end.unwrap_or(rest.len())];
            if self.input.len() + piece.len() > MAX_LINE {
                out.extend_from_slice(b"Command too long.\n\n");
                self.is_done = true;
                return;
            }
            self.input.extend_from_slice(piece);
            let Some(end) = end else { return };
            rest = &rest[end + 1..];
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.input)).into_owned();
            self.take_line(line.trim_end_matches('\r'), run, out);
        }
    }

    /// Whether what comes next begins a command.
    pub(crate) fn is_between_lines(&self) -> bool {
        self.input.is_empty() && self.waiting.is_none()
    }

    /// The client closed its side: a last line without line feed is still answered.
    pub(crate) fn finish(&mut self, run: &mut dyn Execute, out: &mut Vec<u8>) {
        if !self.input.is_empty() && !self.is_done() {
            self.feed(b"\n", run, out);
        }
        self.is_done = true;
    }

    fn take_line(&mut self, line: &str, run: &mut dyn Execute, out: &mut Vec<u8>) {
        if let Some(mut waiting) = self.waiting.take() {
            let mark = waiting.command.payload_mark.as_deref().unwrap_or("");
            if line == mark {
                self.run(&waiting.command, &waiting.payload, run, out);
                self.end_line(out);
                return;
            }
            if waiting.payload.len() + line.len() >= MAX_PAYLOAD {
                out.extend_from_slice(b"Payload too large.\n\n");
                self.is_done = true;
                return;
            }
            waiting.payload.push_str(line);
            waiting.payload.push('\n');
            self.waiting = Some(waiting);
            self.prompt(out);
            return;
        }
        for command in line::split(line) {
            if command.payload_mark.is_some() {
                self.waiting = Some(Waiting {
                    command,
                    payload: String::new(),
                });
                self.prompt(out);
                return;
            }
            self.run(&command, "", run, out);
            if self.caller.is_over {
                return;
            }
        }
        self.end_line(out);
    }

    fn run(&mut self, command: &Command, payload: &str, run: &mut dyn Execute, out: &mut Vec<u8>) {
        // An empty line in a conversation only shows the prompt again.
        if command.words.is_empty() && self.caller.mode != Mode::Single {
            return;
        }
        if !command.words.is_empty() {
            run.execute(&mut self.caller, &command.words, payload, out);
        }
        if !self.caller.is_over {
            out.push(b'\n');
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        if self.caller.mode == Mode::Single {
            self.is_done = true;
        }
        self.prompt(out);
    }

    fn prompt(&self, out: &mut Vec<u8>) {
        if self.caller.mode == Mode::Prompt && !self.is_done() {
            let text: &[u8] = if self.waiting.is_some() { b"+ " } else { b"> " };
            out.extend_from_slice(text);
        }
    }
}

#[cfg(test)]
mod tests;
