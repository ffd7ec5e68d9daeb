//! The master's socket (`-S`): its own commands, and those that go to a worker (haproxy 3.4 management
//! 9.4).

use std::cell::RefCell;
use std::io;
use std::os::fd::{IntoRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use lbd_config::config::{AccessLevel, ListenAddress, StatsSocketSpec};
use lbd_config::loader::Sources;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::command::{self, Answer};
use super::image::DoorImage;
use super::waiter::Waiter;
use super::{Event, State, upgrade};
use crate::args::Args;
use crate::bind::{self, SocketFile};
use crate::host::SystemHost;

/// A bound socket of the master.
pub(super) struct Door {
    fd: OwnedFd,
    spec: StatsSocketSpec,
    file: Option<SocketFile>,
}

/// Binds what `-S` names.
///
/// # Errors
/// Why that cannot be had, for the operator.
pub(super) fn bind(args: &Args) -> Result<Vec<Door>, String> {
    let mut doors = Vec::new();
    for spec in specs(args)? {
        let bound = bind::bind_stats(&spec.address, &spec.unix, BACKLOG);
        let bound = bound
            .map_err(|error| format!("Cannot create the master's socket: {}", error.message))?;
        let mut file = bound.path;
        for fd in bound.sockets {
            doors.push(Door {
                fd,
                spec: spec.clone(),
                file: file.take(),
            });
        }
    }
    Ok(doors)
}

/// Takes over what the program before this one has bound, by the same words.
///
/// # Errors
/// Why that cannot be had, for the operator.
pub(super) fn adopt(args: &Args, left: &[DoorImage]) -> Result<Vec<Door>, String> {
    let door = |(spec, left): (StatsSocketSpec, &DoorImage)| {
        let file = match (&spec.address, left.file) {
            (ListenAddress::Unix(path), Some(id)) => Some(SocketFile::known(path, id)),
            _ => None,
        };
        let fd = upgrade::adopt(left.fd).ok_or("The master's socket was not left open.")?;
        Ok(Door { fd, spec, file })
    };
    specs(args)?.into_iter().zip(left).map(door).collect()
}

/// Pictures of sockets for another program, by descriptors that stay open as long as this process.
///
/// # Errors
/// When there are no descriptors left.
pub(super) fn keep(doors: &[Door]) -> io::Result<Vec<DoorImage>> {
    let picture = |door: &Door| {
        Ok(DoorImage {
            fd: door.fd.try_clone()?.into_raw_fd(),
            file: door.file.as_ref().map(SocketFile::id),
        })
    };
    doors.iter().map(picture).collect()
}

/// What `-S` says.
fn specs(args: &Args) -> Result<Vec<StatsSocketSpec>, String> {
    let Some(text) = &args.master_socket else {
        return Ok(Vec::new());
    };
    // The words of a bind line, by commas.
    let line = text.replace(',', " ");
    let sources = Sources::from_text("-S", format!("global\n stats socket {line}\n"));
    let (config, diags) = lbd_config::load(&sources, &SystemHost::default());
    let Some(config) = config else {
        let pid = std::process::id();
        return Err(lbd_config::render::render(&diags, &sources, pid, false));
    };
    let mut specs = config.global.stats_sockets;
    if !line.contains(" level ") {
        for spec in &mut specs {
            spec.level = AccessLevel::Admin;
        }
    }
    Ok(specs)
}

/// Length of the accept queue.
const BACKLOG: u32 = 64;
/// Connections at once.
const MAX_CONNECTIONS: usize = 64;
/// Longest line, and most bytes of a payload.
const MAX_LINE: usize = 128 * 1024;
/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a worker may take to answer.
const WORKER_PATIENCE: Duration = Duration::from_secs(60);

/// Serves the master's sockets.
pub(super) fn serve(doors: Vec<Door>, state: &Rc<RefCell<State>>) {
    let open = Arc::new(());
    for door in doors {
        let (state, open) = (Rc::clone(state), Arc::clone(&open));
        tokio::task::spawn_local(async move {
            // Removed when the master ends.
            let _file = door.file.map(Removed);
            let is_unix = match door.spec.address {
                ListenAddress::Tcp(_) => false,
                ListenAddress::Unix(_) | ListenAddress::Abstract { .. } => true,
                ListenAddress::Fd(_) | ListenAddress::SockPair(_) => {
                    let local = socket2::SockRef::from(&door.fd).local_addr();
                    local.is_ok_and(|address| address.is_unix())
                }
            };
            let level = door.spec.level;
            let begin = |talk: Talk, state: &Rc<RefCell<State>>| {
                if Arc::strong_count(&open) > MAX_CONNECTIONS {
                    return;
                }
                let (state, place) = (Rc::clone(state), Arc::clone(&open));
                tokio::task::spawn_local(async move {
                    let _place = place;
                    // Who leaves in the middle is not waited for.
                    let _ = match talk {
                        Talk::Unix(stream) => converse(stream, level, &state).await,
                        Talk::Tcp(stream) => converse(stream, level, &state).await,
                    };
                });
            };
            if is_unix {
                let Ok(listener) = UnixListener::from_std(door.fd.into()) else {
                    return;
                };
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => begin(Talk::Unix(stream), &state),
                        Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                    }
                }
            }
            let Ok(listener) = TcpListener::from_std(door.fd.into()) else {
                return;
            };
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => begin(Talk::Tcp(stream), &state),
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
    }
}

enum Talk {
    Tcp(tokio::net::TcpStream),
    Unix(UnixStream),
}

/// A socket's file that goes with its server.
struct Removed(SocketFile);

impl Drop for Removed {
    fn drop(&mut self) {
        self.0.remove();
    }
}

/// A conversation.
struct Session {
    level: AccessLevel,
    is_interactive: bool,
    /// The worker that commands go to; `None` for the master.
    worker: Option<i32>,
}

/// What becomes of a conversation behind a command.
enum Then {
    /// It goes on, with this answer.
    Answer(Vec<u8>),
    /// It ends.
    End,
    /// It ends with the outcome of a reload, hard or not.
    Reload(bool),
}

/// A connection that another program can go on with.
trait Connection: AsyncRead + AsyncWrite + Unpin {
    fn into_descriptor(self) -> io::Result<OwnedFd>;
}

impl Connection for UnixStream {
    fn into_descriptor(self) -> io::Result<OwnedFd> {
        self.into_std().map(OwnedFd::from)
    }
}

impl Connection for tokio::net::TcpStream {
    fn into_descriptor(self) -> io::Result<OwnedFd> {
        self.into_std().map(OwnedFd::from)
    }
}

async fn converse<S: Connection>(
    mut stream: S,
    level: AccessLevel,
    state: &Rc<RefCell<State>>,
) -> io::Result<()> {
    let mut session = Session {
        level,
        is_interactive: false,
        worker: None,
    };
    let mut input = Vec::new();
    loop {
        let Some(line) = read_line(&mut stream, &mut input).await? else {
            return stream.shutdown().await;
        };
        let line = line.trim().to_owned();
        // What comes behind is one text until an empty line.
        let payload = match line.ends_with("<<") {
            false => None,
            true => {
                let mut text = String::new();
                while let Some(more) = read_line(&mut stream, &mut input).await? {
                    if more.trim_end_matches(['\r', '\n']).is_empty() || text.len() > MAX_LINE {
                        break;
                    }
                    text.push_str(&more);
                }
                Some(text)
            }
        };
        let (is_raw, target) = match line.strip_prefix("@@") {
            Some(rest) => (true, rest),
            None => (false, ""),
        };
        if is_raw {
            return raw(stream, input, state, session.level, target).await;
        }
        let commands: Vec<&str> = match payload.is_some() {
            true => vec![&line],
            false => commands(&line),
        };
        for command in commands {
            match session.run(state, command.trim(), payload.as_deref()).await {
                Then::Answer(text) => stream.write_all(&text).await?,
                Then::End => return stream.shutdown().await,
                Then::Reload(is_hard) => {
                    let waiter = Waiter::new(stream.into_descriptor()?);
                    // The master holds the other end.
                    let _ = state
                        .borrow()
                        .events
                        .send(Event::Reload(is_hard, Some(waiter)));
                    return Ok(());
                }
            }
        }
        if !session.is_interactive {
            return stream.shutdown().await;
        }
        let prompt = session.prompt(&state.borrow());
        stream.write_all(prompt.as_bytes()).await?;
    }
}

/// The commands of a line: semicolons part them, unless a backslash stands before.
fn commands(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut begin, mut is_escaped) = (0, false);
    for (at, byte) in line.bytes().enumerate() {
        if byte == b';' && !is_escaped {
            found.push(&line[begin..at]);
            begin = at + 1;
        }
        is_escaped = byte == b'\\' && !is_escaped;
    }
    found.push(&line[begin..]);
    found
}

/// A line with its end, or what there is before the connection's.
async fn read_line<S>(stream: &mut S, input: &mut Vec<u8>) -> io::Result<Option<String>>
where
    S: AsyncRead + Unpin,
{
    loop {
        if let Some(end) = input.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = input.drain(..=end).collect();
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
        if input.len() > MAX_LINE {
            return Ok(None);
        }
        let mut bytes = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut bytes)).await;
        match read {
            Ok(Ok(0)) | Err(_) if input.is_empty() => return Ok(None),
            Ok(Ok(0)) | Err(_) => {
                let rest = std::mem::take(input);
                return Ok(Some(String::from_utf8_lossy(&rest).into_owned()));
            }
            Ok(Ok(count)) => input.extend_from_slice(&bytes[..count]),
            Ok(Err(error)) => return Err(error),
        }
    }
}

impl Session {
    fn prompt(&self, state: &State) -> String {
        match self.worker {
            Some(pid) => format!("{pid}> "),
            None if state.has_failed => "master[ReloadFailed]> ".to_owned(),
            None => "master> ".to_owned(),
        }
    }

    /// Carries a command out.
    async fn run(
        &mut self,
        state: &Rc<RefCell<State>>,
        command: &str,
        payload: Option<&str>,
    ) -> Then {
        let (worker, command) = match command.split_once(char::is_whitespace) {
            _ if !command.starts_with('@') => (self.worker, command),
            Some((prefix, rest)) => match find(&state.borrow(), prefix) {
                Ok(worker) => (worker, rest.trim()),
                Err(text) => return Then::Answer(text.into()),
            },
            None => {
                match find(&state.borrow(), command) {
                    Ok(worker) => self.worker = worker,
                    Err(text) => return Then::Answer(text.into()),
                }
                return Then::Answer(Vec::new());
            }
        };
        if command.is_empty() {
            return Then::Answer(Vec::new());
        }
        if let Some(pid) = worker.filter(|_| !matches!(command, "quit" | "prompt")) {
            return Then::Answer(ask_worker(state, (pid, self.level), command, payload).await);
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        let answer = command::run(&state.borrow(), self.level, &words);
        match answer {
            Answer::Text(text) => Then::Answer(format!("{text}\n").into_bytes()),
            Answer::Level(level) => {
                self.level = level;
                Then::Answer(b"\n".to_vec())
            }
            Answer::Prompt => {
                self.is_interactive = !self.is_interactive;
                Then::Answer(match self.is_interactive {
                    true => Vec::new(),
                    false => b"\n".to_vec(),
                })
            }
            Answer::Quit => Then::End,
            Answer::Reload { is_hard } => Then::Reload(is_hard),
        }
    }
}

/// What a worker answers to a command.
async fn ask_worker(
    state: &Rc<RefCell<State>>,
    whom: (i32, AccessLevel),
    command: &str,
    payload: Option<&str>,
) -> Vec<u8> {
    let mut text = format!("{command}\n");
    if let Some(payload) = payload {
        text.push_str(payload);
        text.push('\n');
    }
    let talk = talk(&state.borrow(), whom);
    let answer = async move { ask(talk?, text.as_bytes()).await };
    match tokio::time::timeout(WORKER_PATIENCE, answer).await {
        Ok(Ok(answer)) => answer,
        _ => b"The worker does not answer.\n\n".to_vec(),
    }
}

/// The process that a prefix names: `None` for the master.
fn find(state: &State, prefix: &str) -> Result<Option<i32>, String> {
    let name = prefix.trim_start_matches('@');
    let unknown = || format!("Can't find the target PID matching the prefix '{prefix}'\n");
    if name.is_empty() || name == "master" || name == "0" {
        return Ok(None);
    }
    let found = match name.strip_prefix('!') {
        Some(pid) => {
            let pid: i32 = pid.parse().map_err(|_| unknown())?;
            if u32::try_from(pid) == Ok(std::process::id()) {
                return Ok(None);
            }
            state.workers().find(|worker| worker.pid == pid)
        }
        // There is one current worker.
        None => state.current.as_ref().filter(|_| name == "1"),
    };
    found.map(|worker| Some(worker.pid)).ok_or_else(unknown)
}

fn talk(state: &State, (pid, level): (i32, AccessLevel)) -> io::Result<StdStream> {
    let worker = state.workers().find(|worker| worker.pid == pid);
    worker.map_or_else(
        || Err(io::ErrorKind::NotFound.into()),
        |worker| worker.talk(level),
    )
}

/// Asks a worker's runtime API and takes all of its answer.
async fn ask(stream: StdStream, text: &[u8]) -> io::Result<Vec<u8>> {
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    stream.write_all(text).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Hands the connection to a worker until either ends (`@@1`).
async fn raw<S>(
    mut stream: S,
    input: Vec<u8>,
    state: &Rc<RefCell<State>>,
    level: AccessLevel,
    target: &str,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (name, command) = target
        .split_once(char::is_whitespace)
        .unwrap_or((target, ""));
    let found = find(&state.borrow(), &format!("@{name}"));
    let pid = match found {
        Ok(Some(pid)) => pid,
        Ok(None) => return stream.shutdown().await,
        Err(text) => {
            stream.write_all(text.as_bytes()).await?;
            return stream.shutdown().await;
        }
    };
    let talk = talk(&state.borrow(), (pid, level))?;
    talk.set_nonblocking(true)?;
    let mut worker = UnixStream::from_std(talk)?;
    match command.is_empty() {
        true => worker.write_all(b"prompt\n").await?,
        false => worker.write_all(format!("{command}\n").as_bytes()).await?,
    }
    worker.write_all(&input).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut worker).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
