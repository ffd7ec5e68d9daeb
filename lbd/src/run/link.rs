//! A worker's link to its master: orders come, outcomes go (see [`crate::master`]).
//!
//! It carries no traffic.
#![allow(
    unsafe_code,
    reason = "descriptors that the master or the kernel has made for this process"
)]

use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;
use std::sync::Arc;

use lbd_config::config::SeverityOutput;
use nix::sys::signal::{Signal, raise};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::Daemon;
use crate::api;
use crate::master::{
    BEAT, DONE, HARD_RELOAD, LINK, NEEDS_RIGHTS, OUTCOME, READY, RELOAD, SOCKETS, converses,
};
use crate::process;
use crate::pulse;
use crate::report;

/// Takes the link, in a process that a master has started.
pub(crate) fn take() -> Option<StdStream> {
    descriptor(LINK)
}

/// Takes the connection through which listening sockets are fetched, in a process that follows another.
pub(crate) fn take_sockets() -> Option<StdStream> {
    descriptor(SOCKETS)
}

fn descriptor(name: &str) -> Option<StdStream> {
    let number: i32 = std::env::var(name).ok()?.parse().ok()?;
    // SAFETY: the master made this descriptor for this process, which takes it here and once only;
    // on a number that is not open the first call fails.
    let stream = unsafe { StdStream::from_raw_fd(number) };
    // Programs that this process starts have no part in it.
    nix::fcntl::fcntl(
        &stream,
        nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
    )
    .ok()?;
    Some(stream)
}

/// Says that this process serves.
pub(crate) fn say_ready(link: &StdStream) {
    // A master that does not hear it has ended, which the link tells.
    let _ = io::Write::write_all(&mut &*link, &[READY]);
}

/// Obeys the master for as long as the runtime lives.
pub(crate) async fn serve(link: StdStream, daemon: Arc<Daemon>) {
    let opened = link
        .set_nonblocking(true)
        .and_then(|()| UnixStream::from_std(link));
    let Ok(link) = opened.map(Rc::new) else {
        return report::alert("the link to the master cannot be served");
    };
    // An outcome is one word: no beat comes in between.
    let is_telling = Rc::new(Cell::new(false));
    if let Some(period) = process::watchdog_period() {
        let (link, is_telling) = (Rc::clone(&link), Rc::clone(&is_telling));
        let beat = move || {
            if !is_telling.get() {
                // A master that does not read needs no beats.
                let _ = link.try_write(&[BEAT]);
            }
        };
        let shared = Arc::clone(&daemon.shared);
        tokio::task::spawn_local(pulse::watch(shared, period, beat));
    }
    let begin = |is_hard| {
        let (link, is_telling) = (Rc::clone(&link), Rc::clone(&is_telling));
        tokio::task::spawn_local(reload(link, is_telling, Arc::clone(&daemon), is_hard));
    };
    let limits = Arc::new(api::server::Limits::new(u32::MAX, PATIENCE));
    loop {
        match next(&link).await {
            Ok((RELOAD, _)) => begin(false),
            Ok((HARD_RELOAD, _)) => begin(true),
            Ok((order, Some(fd))) => {
                let Some(level) = converses(order) else {
                    continue;
                };
                let stream = StdStream::from(fd);
                if let Ok(stream) = stream
                    .set_nonblocking(true)
                    .and_then(|()| UnixStream::from_std(stream))
                {
                    let session = api::session::Session::new(level, SeverityOutput::None);
                    let (limits, daemon) = (Arc::clone(&limits), Arc::clone(&daemon));
                    tokio::task::spawn_local(api::server::serve_one(
                        stream, session, limits, true, daemon,
                    ));
                }
            }
            Ok(_) => {}
            Err(_) => {
                report::warning("The master has ended: this worker finishes.");
                let _ = raise(Signal::SIGUSR1);
                return;
            }
        }
    }
}

/// How long a connection of the master's to the runtime API may be silent.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3600);

/// The next order, with the descriptor that came along.
async fn next(link: &UnixStream) -> io::Result<(u8, Option<OwnedFd>)> {
    loop {
        link.readable().await?;
        let received = link.try_io(Interest::READABLE, || {
            let mut byte = [0];
            let mut room = nix::cmsg_space!([i32; 1]);
            let mut parts = [IoSliceMut::new(&mut byte)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
            let message = recvmsg::<()>(link.as_raw_fd(), &mut parts, Some(&mut room), flags)?;
            let mut descriptor = None;
            for control in message.cmsgs()? {
                if let ControlMessageOwned::ScmRights(list) = control {
                    for fd in list {
                        // SAFETY: the kernel has just made it for this process; nobody else knows of it.
                        descriptor = Some(unsafe { OwnedFd::from_raw_fd(fd) });
                    }
                }
            }
            match message.bytes {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                _ => Ok((byte[0], descriptor)),
            }
        });
        match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

/// Reloads where that is possible, and says how it ended.
async fn reload(
    link: Rc<UnixStream>,
    is_telling: Rc<Cell<bool>>,
    daemon: Arc<Daemon>,
    is_hard: bool,
) {
    let global = daemon.config().global.clone();
    let has_given_up = global.chroot.is_some() || global.uid.is_some_and(|uid| uid != 0);
    let (code, text) = if has_given_up {
        (NEEDS_RIGHTS, String::new())
    } else {
        let reloads = daemon.reloads.clone();
        match tokio::task::spawn_blocking(move || reloads.wait()).await {
            Ok(Some(outcome)) if outcome.is_done => {
                if is_hard {
                    super::reload::end_older(&daemon);
                }
                (DONE, outcome.text)
            }
            Ok(Some(outcome)) => (0, outcome.text),
            _ => (
                0,
                "The process ends, or the reload takes too long.\n".to_owned(),
            ),
        }
    };
    let mut bytes = vec![OUTCOME, code];
    let text = &text.as_bytes()[..text.len().min(MAX_TEXT)];
    let len = u32::try_from(text.len()).unwrap_or(0);
    bytes.extend_from_slice(&len.to_ne_bytes());
    bytes.extend_from_slice(text);
    is_telling.set(true);
    tell(&link, &bytes).await;
    is_telling.set(false);
}

/// Writes a word; a master that has ended does not hear it.
async fn tell(link: &UnixStream, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        if link.writable().await.is_err() {
            return;
        }
        match link.try_write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// Most bytes of an outcome's text.
const MAX_TEXT: usize = 60 * 1024;
