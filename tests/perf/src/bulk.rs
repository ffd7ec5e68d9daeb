//! Bytes without end through a TCP relay: a source behind it and readers before it, one thread.
//!
//! The readers drop what comes in the kernel; nothing looks at it.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, recv};

use crate::engine::listen;

const LISTENER: u64 = u64::MAX;
/// One write or read: large enough that the relay and not this thread is busy.
const PIECE: usize = 256 << 10;

/// What came through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub bytes: u64,
    pub errors: u64,
    pub elapsed: Duration,
    /// Growth of the caller's figure while it was measured.
    pub probed: u64,
}

#[derive(Debug)]
pub(crate) struct Bulk {
    epoll: Epoll,
    listener: TcpListener,
    sources: Vec<Option<TcpStream>>,
    readers: Vec<TcpStream>,
    piece: Vec<u8>,
    received: u64,
    errors: u64,
}

impl Bulk {
    pub(crate) fn new() -> io::Result<Self> {
        let listener = listen()?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        Ok(Self {
            epoll,
            listener,
            sources: Vec::new(),
            readers: Vec::new(),
            piece: vec![b'x'; PIECE],
            received: 0,
            errors: 0,
        })
    }

    /// Where the source listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Reads through `target` over this many connections.
    pub(crate) fn run(
        &mut self,
        target: SocketAddr,
        connections: usize,
        time: Duration,
        mut probe: impl FnMut() -> u64,
    ) -> io::Result<Moved> {
        self.errors = 0;
        for token in 0..connections {
            let stream = TcpStream::connect(target)?;
            stream.set_nonblocking(true)?;
            // Readers have even numbers, sources odd ones.
            self.epoll.add(
                &stream,
                EpollEvent::new(EpollFlags::EPOLLIN, token as u64 * 2),
            )?;
            self.readers.push(stream);
            // The relay connects meanwhile.
            self.turn(EpollTimeout::ZERO)?;
        }
        self.turn_for(time / 5)?;
        self.received = 0;
        let (start, before) = (Instant::now(), probe());
        self.turn_for(time)?;
        let (probed, elapsed) = (probe().saturating_sub(before), start.elapsed());
        let moved = Moved {
            bytes: self.received,
            errors: self.errors,
            elapsed,
            probed,
        };
        self.readers.clear();
        // Until the relay has closed its side of each connection, it still reads from the source.
        let end = Instant::now() + Duration::from_secs(5);
        while self.sources.iter().any(Option::is_some) && Instant::now() < end {
            self.turn(EpollTimeout::from(20u8))?;
        }
        self.sources.clear();
        Ok(moved)
    }

    fn turn_for(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn(EpollTimeout::from(20u8))?;
        }
        Ok(())
    }

    fn turn(&mut self, timeout: EpollTimeout) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); 256];
        let count = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(e) => return Err(e.into()),
        };
        for event in &events[..count] {
            match event.data() {
                LISTENER => self.accept()?,
                token if token % 2 == 0 => self.read((token / 2) as usize),
                token => self.feed((token / 2) as usize),
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    let token = self.sources.len() as u64 * 2 + 1;
                    self.epoll
                        .add(&stream, EpollEvent::new(EpollFlags::EPOLLOUT, token))?;
                    self.sources.push(Some(stream));
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
    }

    /// One piece for each event, so that no connection keeps the thread for itself.
    fn feed(&mut self, index: usize) {
        let Some(Some(stream)) = self.sources.get_mut(index) else {
            return;
        };
        match stream.write(&self.piece) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.sources[index] = None,
        }
    }

    fn read(&mut self, index: usize) {
        let Some(stream) = self.readers.get(index) else {
            return;
        };
        match recv(stream.as_raw_fd(), &mut self.piece, MsgFlags::MSG_TRUNC) {
            Ok(count) if count > 0 => self.received += count as u64,
            Err(nix::errno::Errno::EAGAIN) => {}
            _ => {
                self.errors += 1;
                let _ = self.epoll.delete(stream);
            }
        }
    }
}

#[cfg(test)]
mod tests;
