//! A program in a pseudo terminal: what its screen shows, and keys for it.
//!
//! It judges nothing. The program ends when this is dropped.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::pty::{Winsize, openpty};

use crate::wait::poll_until;

/// How long a program may take to show what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keys as an `xterm` sends them once a program has asked for its keypad.
pub mod key {
    /// Arrow up.
    pub const UP: &str = "\x1bOA";
    /// Arrow down.
    pub const DOWN: &str = "\x1bOB";
    /// Enter.
    pub const ENTER: &str = "\r";
    /// F5.
    pub const F5: &str = "\x1b[15~";
    /// F9.
    pub const F9: &str = "\x1b[20~";
    /// F10.
    pub const F10: &str = "\x1b[21~";
    /// The tabulator.
    pub const TAB: &str = "\t";
}

/// A running program and its screen.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keys: File,
    screen: Screen,
}

/// The screen, as a terminal makes it of what the program writes.
#[derive(Clone)]
struct Screen(Arc<Mutex<vt100::Parser>>);

impl Terminal {
    /// Starts a program in a terminal of so many columns and rows.
    ///
    /// # Panics
    /// When there is no pseudo terminal, or the program does not start.
    #[track_caller]
    pub fn run(program: &Path, args: &[&str], columns: u16, rows: u16) -> Self {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(Some(&size), None).expect("a pseudo terminal");
        let stdio = || Stdio::from(pair.slave.try_clone().expect("a descriptor"));
        // `setsid` (util-linux) makes it the controlling terminal of a session of its own, and
        // becomes the program.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program).args(args);
        command.env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
        for name in ["COLUMNS", "LINES", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.stdin(stdio()).stdout(stdio()).stderr(stdio());
        let child = command
            .spawn()
            .unwrap_or_else(|e| panic!("start {}: {e}", program.display()));
        drop(command);
        drop(pair.slave);
        let keys = File::from(pair.master);
        let mut output = keys.try_clone().expect("a descriptor");
        let cells = |count| NonZero::new(count).expect("a terminal has a cell");
        let parser = vt100::Parser::new(cells(rows), cells(columns), 0);
        let screen = Screen(Arc::new(Mutex::new(parser)));
        let shown = screen.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails when the last program on the other side has gone.
            while let Ok(count) = output.read(&mut buffer)
                && count > 0
            {
                shown.take(&buffer[..count]);
            }
        });
        Self {
            child,
            keys,
            screen,
        }
    }

    /// What is on the screen, line by line.
    pub fn screen(&self) -> String {
        self.screen.text()
    }

    /// The first line on the screen that has all these words.
    pub fn line(&self, words: &[&str]) -> Option<String> {
        let screen = self.screen();
        let has_all = |line: &&str| {
            let own: Vec<_> = line.split_whitespace().collect();
            words.iter().all(|word| own.contains(word))
        };
        screen.lines().find(has_all).map(str::to_owned)
    }

    /// Waits for a line with all these words.
    ///
    /// # Panics
    /// When none comes within a minute, with what is shown instead.
    #[track_caller]
    pub fn wait_line(&self, words: &[&str]) -> String {
        let found = poll_until(PATIENCE, || self.line(words));
        found.unwrap_or_else(|| panic!("no line with {words:?}:\n{}", self.screen()))
    }

    /// Presses keys.
    ///
    /// # Panics
    /// When the terminal has gone.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        // At once: what follows an escape belongs to it.
        self.keys
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
    }

    /// Waits for the end of the program.
    ///
    /// # Panics
    /// When it does not end within a minute.
    #[track_caller]
    pub fn wait_exit(&mut self) -> ExitStatus {
        let status = poll_until(PATIENCE, || self.child.try_wait().ok().flatten());
        status.unwrap_or_else(|| panic!("still running:\n{}", self.screen()))
    }

    /// Process id of the program.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Screen {
    fn take(&self, bytes: &[u8]) {
        let mut parser = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parser.process(bytes);
    }

    fn text(&self) -> String {
        let parser = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parser.screen().contents()
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}
