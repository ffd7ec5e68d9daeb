//! A worker as its master sees it: a process, a link to it, and its messages.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::unistd::Pid;
use tokio::sync::mpsc::UnboundedSender;

use super::{Event, Log, MAX_LOG};

/// Names the descriptor of a worker's link.
pub(crate) const LINK: &str = "LBD_MASTER_FD";
/// Names the descriptor through which a worker fetches listening sockets.
pub(crate) const SOCKETS: &str = "LBD_SOCKETS_FD";

/// Order: another configuration.
pub(crate) const RELOAD: u8 = b'R';
/// Order: another configuration, and an end to what is under the old one.
pub(crate) const HARD_RELOAD: u8 = b'H';
/// Order: a conversation with the runtime API, whose descriptor comes along.
pub(crate) const CONVERSE: u8 = b'C';

/// Word: it serves.
pub(crate) const READY: u8 = b'Y';
/// Word: a reload is over; its code, the length of the text and the text follow.
pub(crate) const OUTCOME: u8 = b'O';
/// Code: the new configuration runs.
pub(crate) const DONE: u8 = 1;
/// Code: the process has given up the rights that it takes.
pub(crate) const NEEDS_RIGHTS: u8 = 2;

/// What a worker says.
#[derive(Debug)]
pub(super) enum Said {
    /// It serves.
    Ready,
    /// A reload is over.
    Outcome {
        /// How.
        code: u8,
        /// What there is to tell.
        text: String,
    },
}

/// A worker.
pub(super) struct Worker {
    pub(super) pid: i32,
    pub(super) since: Instant,
    /// The master's count of reloads when it began to leave.
    pub(super) survived: u32,
    link: UnixStream,
}

impl Worker {
    pub(super) fn spawn(
        words: &[String],
        sockets: Option<UnixStream>,
        events: &UnboundedSender<Event>,
        log: &Log,
    ) -> io::Result<Self> {
        let (link, theirs) = UnixStream::pair()?;
        let mut command = Command::new(program(&std::env::current_exe()?));
        command.args(words).env_remove("NOTIFY_SOCKET");
        command.env("HAPROXY_MWORKER", "1");
        inherit(&mut command, LINK, &theirs)?;
        match &sockets {
            Some(sockets) => inherit(&mut command, SOCKETS, sockets)?,
            None => {
                command.env_remove(SOCKETS);
            }
        }
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        // Its number fits, as the kernel's own type is this one.
        let pid = child.id().cast_signed();
        drop((theirs, sockets));
        let (printed, all) = std::sync::mpsc::channel::<()>();
        if let Some(errors) = child.stderr.take() {
            let log = Log::clone(log);
            std::thread::spawn(move || {
                pass_on(errors, &log);
                drop(printed);
            });
        }
        let sender = events.clone();
        let reader = link.try_clone()?;
        std::thread::spawn(move || listen(reader, pid, &sender));
        let sender = events.clone();
        std::thread::spawn(move || {
            if let Ok(status) = child.wait() {
                // What it has printed is told first; a program that it started may hold the pipe.
                let _ = all.recv_timeout(LAST_WORDS);
                let _ = sender.send(Event::Exited(pid, status));
            }
        });
        Ok(Self {
            pid,
            since: Instant::now(),
            survived: 0,
            link,
        })
    }

    pub(super) fn send_signal(&self, signal: Signal) {
        // One that has ended needs none.
        let _ = kill(Pid::from_raw(self.pid), signal);
    }

    /// Gives an order, with a descriptor or without.
    pub(super) fn send(&self, order: u8, descriptor: Option<&OwnedFd>) -> io::Result<()> {
        let descriptors: Vec<_> = descriptor.iter().map(|fd| fd.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&descriptors)];
        let rights = if descriptors.is_empty() {
            &[][..]
        } else {
            &rights
        };
        let bytes = [order];
        let parts = [IoSlice::new(&bytes)];
        sendmsg::<()>(
            self.link.as_raw_fd(),
            &parts,
            rights,
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        Ok(())
    }

    /// A connection to its runtime API.
    pub(super) fn talk(&self) -> io::Result<UnixStream> {
        let (here, there) = UnixStream::pair()?;
        self.send(CONVERSE, Some(&there.into()))?;
        Ok(here)
    }
}

/// The program that is installed now, where it may have been replaced since this process began.
fn program(own: &Path) -> PathBuf {
    let name = own.as_os_str().as_bytes();
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    PathBuf::from(OsStr::from_bytes(name))
}

/// Longest wait for the last messages of a worker that has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Lets a process that is to be started have a descriptor.
fn inherit(command: &mut Command, name: &str, stream: &UnixStream) -> io::Result<()> {
    // This process starts no other one meanwhile.
    fcntl(stream, FcntlArg::F_SETFD(FdFlag::empty()))?;
    command.env(name, stream.as_raw_fd().to_string());
    Ok(())
}

/// Prints what a worker prints, and keeps it.
fn pass_on(errors: impl Read, log: &Log) {
    let mut reader = BufReader::new(errors);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without an end is bounded.
        match reader
            .by_ref()
            .take(MAX_LOG as u64)
            .read_until(b'\n', &mut line)
        {
            Ok(1..) => {
                let _ = io::stderr().write_all(&line);
                keep(log, &String::from_utf8_lossy(&line));
            }
            _ => return,
        }
    }
}

/// Keeps a message while there is room.
pub(super) fn keep(log: &Log, text: &str) {
    let mut log = log.lock();
    if log.len() + text.len() <= MAX_LOG {
        log.push_str(text);
    }
}

/// Hears what a worker says until it ends.
fn listen(mut link: UnixStream, pid: i32, events: &UnboundedSender<Event>) {
    loop {
        let mut kind = [0];
        if link.read_exact(&mut kind).is_err() {
            return;
        }
        let said = match kind[0] {
            READY => Said::Ready,
            OUTCOME => {
                let mut head = [0; 5];
                if link.read_exact(&mut head).is_err() {
                    return;
                }
                let len = u32::from_ne_bytes([head[1], head[2], head[3], head[4]]) as usize;
                let mut text = vec![0; len.min(MAX_LOG)];
                if link.read_exact(&mut text).is_err() {
                    return;
                }
                Said::Outcome {
                    code: head[0],
                    text: String::from_utf8_lossy(&text).into_owned(),
                }
            }
            _ => return,
        };
        if events.send(Event::Said(pid, said)).is_err() {
            return;
        }
    }
}

/// The exit code that tells how a process ended.
pub(super) fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The words of the command line that are a worker's, of any but the first: without those of the master
/// and those about processes that were there before.
pub(super) fn words(words: &[String]) -> Vec<String> {
    without(words, &["-p", "-S", "-x"], true)
}

/// Those of the first worker.
pub(super) fn first_words(words: &[String]) -> Vec<String> {
    without(words, &["-p", "-S"], false)
}

fn without(words: &[String], with_value: &[&str], drops_pids: bool) -> Vec<String> {
    let mut kept = vec!["-db".to_owned()];
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-W" | "-Ws" | "-D" => {}
            "-sf" | "-st" if drops_pids => {
                while words.next_if(|word| word.parse::<i32>().is_ok()).is_some() {}
            }
            word if with_value.contains(&word) => {
                words.next();
            }
            _ => kept.push(word.clone()),
        }
    }
    kept
}

#[cfg(test)]
mod tests;
