//! One file of a table below an open directory.
//!
//! It knows no configuration and tells nobody.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lbd_core::Time;
use lbd_table::Table;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use peers::proto::snapshot::{self, Damage, FRAME, Head, MAGIC, Reader, Writer};

/// How fast a file is written, and until when.
pub(super) struct Pace<'a> {
    /// Bytes per second; 0 for no limit.
    pub(super) rate: u64,
    /// Given up when it is set.
    pub(super) is_over: &'a AtomicBool,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Given up half-way; the one before stays.
    Interrupted,
    /// It is there.
    Written,
    /// One of a process that began later stays.
    Younger,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loaded {
    pub(super) entries: u64,
    pub(super) expired: u64,
    pub(super) refused: u64,
}

/// What is written.
pub(super) struct Source<'a> {
    pub(super) table: &'a Table,
    /// Names of the other nodes of its section.
    pub(super) nodes: Vec<String>,
    /// When this process began, on the wall clock.
    pub(super) started_ms: u64,
    /// Both clocks.
    pub(super) clock: &'a dyn Fn() -> (Time, u64),
}

/// Writes a table's file.
pub(super) fn save(
    directory: &OwnedFd,
    name: &str,
    source: &Source<'_>,
    pace: &Pace<'_>,
) -> io::Result<Outcome> {
    let started_ms = source.started_ms;
    let is_younger = || {
        let head = existing_head(directory, name);
        head.is_some_and(|head| head.started_ms > started_ms)
    };
    if is_younger() {
        return Ok(Outcome::Younger);
    }
    let temporary = format!("{name}.{}.new", std::process::id());
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    let fd = openat(directory, temporary.as_str(), flags, mode).map_err(io::Error::from)?;
    let mut file = File::from(fd);
    let written = write(&mut file, source, pace);
    let outcome = match written {
        Ok(true) if is_younger() => Ok(Outcome::Younger),
        Ok(true) => {
            renameat(directory, temporary.as_str(), directory, name)?;
            // The name is on the disk only with the directory.
            nix::unistd::fsync(directory.as_fd())?;
            return Ok(Outcome::Written);
        }
        Ok(false) => Ok(Outcome::Interrupted),
        Err(error) => Err(error),
    };
    // Left behind it would be overwritten by the next one.
    let _ = unlinkat(directory, temporary.as_str(), UnlinkatFlags::NoRemoveDir);
    outcome
}

/// Whether all was written.
fn write(file: &mut File, source: &Source<'_>, pace: &Pace<'_>) -> io::Result<bool> {
    let began = Instant::now();
    let table = source.table;
    let mut writer = Writer::new(source.nodes.clone());
    let mut out = Vec::new();
    let mut total: u64 = 0;
    writer.begin(&mut out, table, source.started_ms);
    loop {
        let (now, wall_ms) = (source.clock)();
        let has_more = writer.entries(&mut out, table, now, wall_ms);
        if !has_more {
            writer.end(&mut out);
        }
        file.write_all(&out)?;
        total += out.len() as u64;
        out.clear();
        if !has_more {
            file.sync_all()?;
            return Ok(true);
        }
        while let Some(wait) = pace.wait(total, began.elapsed()) {
            if pace.is_over.load(Ordering::Relaxed) {
                return Ok(false);
            }
            std::thread::sleep(wait.min(NAP));
        }
        if pace.is_over.load(Ordering::Relaxed) {
            return Ok(false);
        }
    }
}

impl Pace<'_> {
    /// How long to wait after so many bytes in that time.
    fn wait(&self, bytes: u64, passed: Duration) -> Option<Duration> {
        let millis = bytes.saturating_mul(1000).checked_div(self.rate)?;
        let due = Duration::from_millis(millis);
        due.checked_sub(passed).filter(|wait| !wait.is_zero())
    }
}

fn open(directory: &OwnedFd, name: &str) -> io::Result<Option<BufReader<File>>> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    match openat(directory, name, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(BufReader::with_capacity(BUFFER, File::from(fd)))),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn existing_head(directory: &OwnedFd, name: &str) -> Option<Head> {
    let mut file = open(directory, name).ok()??;
    let mut block = Vec::new();
    begin(&mut file, &mut block).ok()
}

/// Reads a table's file, if there is one. Nothing is taken over before all of it is known to be good.
pub(super) fn load(
    directory: &OwnedFd,
    name: &str,
    table: &Table,
    nodes: &[String],
    clocks: (Time, u64),
) -> Result<Option<Loaded>, String> {
    let opened = open(directory, name).map_err(|error| crate::bind::plain(&error))?;
    let Some(mut file) = opened else {
        return Ok(None);
    };
    let said = |damage: Damage| damage.to_string();
    let head = pass(&mut file, |head| Reader::looking(head, table))
        .and_then(|_| {
            file.seek(SeekFrom::Start(0)).map_err(|_| Damage::Cut)?;
            pass(&mut file, |head| Reader::taking(head, table, nodes, clocks))
        })
        .map_err(said)?;
    Ok(Some(Loaded {
        entries: head.count(),
        expired: head.expired,
        refused: head.refused,
    }))
}

/// Reads all blocks.
fn pass<'a>(
    file: &mut BufReader<File>,
    reader: impl FnOnce(Head) -> Result<Reader<'a>, Damage>,
) -> Result<Reader<'a>, Damage> {
    let mut block = Vec::new();
    let mut reader = reader(begin(file, &mut block)?)?;
    while next(file, &mut block)? {
        reader.block(&block)?;
    }
    match reader.is_complete() {
        true => Ok(reader),
        false => Err(Damage::Cut),
    }
}

fn begin(file: &mut BufReader<File>, block: &mut Vec<u8>) -> Result<Head, Damage> {
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic).map_err(|_| Damage::Cut)?;
    if magic != *MAGIC {
        return Err(Damage::Version);
    }
    match next(file, block)? {
        true => snapshot::head(block),
        false => Err(Damage::Cut),
    }
}

/// The next block; `false` at the end of the file.
fn next(file: &mut BufReader<File>, block: &mut Vec<u8>) -> Result<bool, Damage> {
    let mut frame = [0; FRAME];
    let mut got = 0;
    while got < FRAME {
        match file.read(&mut frame[got..]) {
            Ok(0) if got == 0 => return Ok(false),
            Ok(0) => return Err(Damage::Cut),
            Ok(read) => got += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Damage::Cut),
        }
    }
    block.resize(snapshot::block_len(frame)?, 0);
    file.read_exact(block).map_err(|_| Damage::Cut)?;
    snapshot::verify(frame, block)?;
    Ok(true)
}

/// Keeps a refused file for the operator; says whether it could.
pub(super) fn set_aside(directory: &OwnedFd, name: &str) -> bool {
    renameat(
        directory,
        name,
        directory,
        format!("{name}.refused").as_str(),
    )
    .is_ok()
}

/// Bytes read at once.
const BUFFER: usize = 256 * 1024;

/// Longest sleep before the end of the process is looked for again.
const NAP: Duration = Duration::from_millis(50);
