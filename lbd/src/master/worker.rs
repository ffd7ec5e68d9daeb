//! A worker as its master sees it: a process, a link to it, and its messages.

use std::cell::RefCell;
use std::io::{self, IoSlice, Write as _};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use lbd_config::config::AccessLevel;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use super::Event;
use super::state::{Log, MAX_LOG};
use crate::process;

/// Names the descriptor of a worker's link.
pub(crate) const LINK: &str = "LBD_MASTER_FD";
/// Names the descriptor through which a worker fetches listening sockets.
pub(crate) const SOCKETS: &str = "LBD_SOCKETS_FD";

/// Order: another configuration.
pub(crate) const RELOAD: u8 = b'R';
/// Order: another configuration, and an end to what is under the old one.
pub(crate) const HARD_RELOAD: u8 = b'H';
/// Order: a conversation with the runtime API as an administrator, whose descriptor comes along.
const CONVERSE: u8 = b'C';
/// The same as an operator.
const CONVERSE_AS_OPERATOR: u8 = b'c';
/// The same as a user.
const CONVERSE_AS_USER: u8 = b'u';

/// The order for a conversation at a level.
fn converse(level: AccessLevel) -> u8 {
    match level {
        AccessLevel::User => CONVERSE_AS_USER,
        AccessLevel::Operator => CONVERSE_AS_OPERATOR,
        AccessLevel::Admin => CONVERSE,
    }
}

/// The level of a conversation that is ordered; `None` for another order.
pub(crate) fn converses(order: u8) -> Option<AccessLevel> {
    let levels = [AccessLevel::User, AccessLevel::Operator, AccessLevel::Admin];
    levels.into_iter().find(|level| converse(*level) == order)
}

/// Word: it serves.
pub(crate) const READY: u8 = b'Y';
/// Word: all its threads turn.
pub(crate) const BEAT: u8 = b'B';
/// Word: a reload is over; its code, the length of the text and the text follow.
pub(crate) const OUTCOME: u8 = b'O';
/// Code: the new configuration runs.
pub(crate) const DONE: u8 = 1;
/// Code: the process has given up the rights that it takes.
pub(crate) const NEEDS_RIGHTS: u8 = 2;

/// What a worker says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// All its threads turn.
    Beat,
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

impl Said {
    /// Takes a whole word off what came; `None` while it is not whole.
    ///
    /// # Errors
    /// What came is none of a worker's words.
    fn take(heard: &mut Vec<u8>) -> Result<Option<Self>, ()> {
        match *heard.as_slice() {
            [] => Ok(None),
            [word @ (BEAT | READY), ..] => {
                heard.remove(0);
                Ok(Some(match word {
                    BEAT => Self::Beat,
                    _ => Self::Ready,
                }))
            }
            [OUTCOME, code, a, b, c, d, ..] => {
                let len = u32::from_ne_bytes([a, b, c, d]) as usize;
                if len > MAX_LOG {
                    return Err(());
                }
                let Some(text) = heard.get(HEAD..HEAD + len) else {
                    return Ok(None);
                };
                let text = String::from_utf8_lossy(text).into_owned();
                heard.drain(..HEAD + len);
                Ok(Some(Self::Outcome { code, text }))
            }
            [OUTCOME, ..] => Ok(None),
            _ => Err(()),
        }
    }
}

/// Bytes before an outcome's text.
const HEAD: usize = 6;

/// A worker.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) pid: i32,
    pub(super) since: Instant,
    /// The version of its program.
    pub(super) version: String,
    /// The master's count of reloads when it began to leave.
    pub(super) survived: u32,
    /// The code with which it has ended, once it has.
    pub(super) code: Option<u8>,
    link: Rc<UnixStream>,
    /// What it has said of a word that is not whole.
    heard: Rc<RefCell<Vec<u8>>>,
    errors: Option<Errors>,
}

/// Where a worker's messages come from.
#[derive(Debug)]
struct Errors {
    pipe: Rc<pipe::Receiver>,
    /// What it has printed of a line that is not whole.
    printed: Rc<RefCell<Vec<u8>>>,
    task: Option<JoinHandle<()>>,
}

/// What there is of a worker in a program that goes on as another one.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) pid: i32,
    pub(super) since: Instant,
    pub(super) version: String,
    pub(super) survived: u32,
    pub(super) code: Option<u8>,
    pub(super) link: OwnedFd,
    pub(super) heard: Vec<u8>,
    pub(super) errors: Option<OwnedFd>,
    pub(super) printed: Vec<u8>,
}

impl Worker {
    /// Starts one.
    pub(super) fn spawn(
        program: &Path,
        words: &[String],
        sockets: Option<StdStream>,
        events: &UnboundedSender<Event>,
        log: &Log,
    ) -> io::Result<Self> {
        let (link, theirs) = StdStream::pair()?;
        let mut command = Command::new(program);
        command.args(words).env_remove("NOTIFY_SOCKET");
        command.env_remove(super::upgrade::VARIABLE);
        command.env("HAPROXY_MWORKER", "1");
        // A beat of a worker is the master's, if that is waited for.
        command.env_remove(process::WATCHDOG_PID);
        if process::watchdog_period().is_none() {
            command.env_remove(process::WATCHDOG_USEC);
        }
        inherit(&mut command, LINK, &theirs)?;
        match &sockets {
            Some(sockets) => inherit(&mut command, SOCKETS, sockets)?,
            None => {
                command.env_remove(SOCKETS);
            }
        }
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let handed = Handed {
            // Its number fits, as the kernel's own type is this one.
            pid: child.id().cast_signed(),
            since: Instant::now(),
            version: lbd_config::HAPROXY_VERSION.to_owned(),
            survived: 0,
            code: None,
            link: link.into(),
            heard: Vec::new(),
            errors: child.stderr.take().map(OwnedFd::from),
            printed: Vec::new(),
        };
        Self::attach(handed, events, log)
    }

    /// Hears a worker that is there.
    pub(super) fn attach(
        handed: Handed,
        events: &UnboundedSender<Event>,
        log: &Log,
    ) -> io::Result<Self> {
        let link = StdStream::from(handed.link);
        link.set_nonblocking(true)?;
        let link = Rc::new(UnixStream::from_std(link)?);
        let heard = Rc::new(RefCell::new(handed.heard));
        let (own, words, sender) = (Rc::clone(&link), Rc::clone(&heard), events.clone());
        tokio::task::spawn_local(listen(own, words, handed.pid, sender));
        let printed = Rc::new(RefCell::new(handed.printed));
        let hear = |fd: OwnedFd| {
            let pipe = Rc::new(pipe::Receiver::from_owned_fd(fd)?);
            let task = pass_on(Rc::clone(&pipe), Rc::clone(&printed), Rc::clone(log));
            io::Result::Ok(Errors {
                pipe,
                printed,
                task: Some(tokio::task::spawn_local(task)),
            })
        };
        let errors = handed.errors.map(hear).transpose()?;
        let mut worker = Self {
            pid: handed.pid,
            since: handed.since,
            version: handed.version,
            survived: handed.survived,
            code: None,
            link,
            heard,
            errors,
        };
        if let Some(code) = handed.code {
            worker.ended(code, events);
        }
        Ok(worker)
    }

    /// Looks whether it has ended; the event of that comes behind its last messages.
    pub(super) fn reap(&mut self, events: &UnboundedSender<Event>) {
        if self.code.is_some() {
            return;
        }
        let code = match waitpid(Pid::from_raw(self.pid), Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => u8::try_from(code).unwrap_or(1),
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                u8::try_from(128 + signal as i32).unwrap_or(1)
            }
            // Somebody else has taken the word of its end.
            Err(nix::errno::Errno::ECHILD) => 1,
            _ => return,
        };
        self.ended(code, events);
    }

    fn ended(&mut self, code: u8, events: &UnboundedSender<Event>) {
        self.code = Some(code);
        let task = self.errors.as_mut().and_then(|errors| errors.task.take());
        let (pid, sender) = (self.pid, events.clone());
        tokio::task::spawn_local(async move {
            if let Some(task) = task {
                // What it has printed is told first; a program that it started may hold the pipe.
                let _ = tokio::time::timeout(LAST_WORDS, task).await;
            }
            let _ = sender.send(Event::Exited(pid, code));
        });
    }

    pub(super) fn send_signal(&self, signal: Signal) {
        // One that has ended needs none, and its number may be another's.
        if self.code.is_none() {
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
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
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
            None,
        )?;
        Ok(())
    }

    /// A connection to its runtime API, with no more rights than who asks has.
    pub(super) fn talk(&self, level: AccessLevel) -> io::Result<StdStream> {
        let (here, there) = StdStream::pair()?;
        self.send(converse(level), Some(&there.into()))?;
        Ok(here)
    }

    /// The descriptors of its link and of its messages.
    pub(super) fn descriptors(&self) -> (i32, Option<i32>) {
        let errors = self.errors.as_ref().map(|errors| errors.pipe.as_raw_fd());
        (self.link.as_raw_fd(), errors)
    }

    /// What came of a word, and of a line, that is not whole.
    pub(super) fn halves(&self) -> (Vec<u8>, Vec<u8>) {
        let printed = self.errors.as_ref().map(|errors| &errors.printed);
        let printed = printed.map(|printed| printed.borrow().clone());
        (self.heard.borrow().clone(), printed.unwrap_or_default())
    }
}

/// Longest wait for the last messages of a worker that has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Lets a process that is to be started have a descriptor.
fn inherit(command: &mut Command, name: &str, stream: &StdStream) -> io::Result<()> {
    // This process starts no other one meanwhile.
    fcntl(stream, FcntlArg::F_SETFD(FdFlag::empty()))?;
    command.env(name, stream.as_raw_fd().to_string());
    Ok(())
}

/// A worker gets signals: its master holds its own back until it looks at them, which goes on to what it
/// starts.
pub(crate) fn take_signals() {
    if std::env::var_os(LINK).is_some() {
        // Only numbers that do not exist are refused.
        let _ = SigSet::all().thread_unblock();
    }
}

/// Prints what a worker prints, and keeps it.
async fn pass_on(pipe: Rc<pipe::Receiver>, printed: Rc<RefCell<Vec<u8>>>, log: Log) {
    let mut bytes = [0; 4096];
    loop {
        let is_over = match pipe.readable().await {
            Err(_) => true,
            Ok(()) => match pipe.try_read(&mut bytes) {
                Ok(0) => true,
                Ok(count) => {
                    printed.borrow_mut().extend_from_slice(&bytes[..count]);
                    false
                }
                Err(error) => error.kind() != io::ErrorKind::WouldBlock,
            },
        };
        let mut printed = printed.borrow_mut();
        let whole = match printed.iter().rposition(|byte| *byte == b'\n') {
            // A line without an end is bounded.
            _ if is_over || printed.len() > MAX_LOG => printed.len(),
            Some(end) => end + 1,
            None => 0,
        };
        if whole > 0 {
            let text: Vec<u8> = printed.drain(..whole).collect();
            let _ = io::stderr().write_all(&text);
            keep(&log, &String::from_utf8_lossy(&text));
        }
        if is_over {
            return;
        }
    }
}

/// Keeps a message while there is room.
pub(super) fn keep(log: &Log, text: &str) {
    let mut log = log.borrow_mut();
    for line in text.split_inclusive('\n') {
        if log.len() + line.len() <= MAX_LOG {
            log.push_str(line);
        }
    }
}

/// Hears what a worker says until it ends.
async fn listen(
    link: Rc<UnixStream>,
    heard: Rc<RefCell<Vec<u8>>>,
    pid: i32,
    events: UnboundedSender<Event>,
) {
    let mut bytes = [0; 4096];
    loop {
        loop {
            match Said::take(&mut heard.borrow_mut()) {
                Ok(Some(said)) => {
                    if events.send(Event::Said(pid, said)).is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(()) => return,
            }
        }
        if link.readable().await.is_err() {
            return;
        }
        match link.try_read(&mut bytes) {
            Ok(0) => return,
            Ok(count) => heard.borrow_mut().extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
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
