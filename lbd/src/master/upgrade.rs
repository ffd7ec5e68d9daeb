//! The master goes on as another program: the one that was put in the place of its own.
//!
//! Tried first: the new program says whether it can go on from what this one would leave, and starts a
//! worker. Only then this process becomes it, with its number, its sockets, its links to the workers
//! and whoever waits for the outcome; until then nothing has changed. The new file need not even be a
//! program. It starts nothing itself.
#![allow(
    unsafe_code,
    reason = "descriptors cross an exec as numbers; there is no other way to own them again"
)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::image::Image;

/// The word that asks a program whether it can go on from what its standard input says.
pub(crate) const QUESTION: &str = "--continues";
/// What it answers then.
const YES: &str = "continues\n";
/// Names the process and the descriptor with what the program before left.
pub(super) const VARIABLE: &str = "LBD_MASTER_LEGACY";
/// How long the answer may take, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a picture; that of a full house has a tenth.
const MAX_IMAGE: u64 = 16 * 1024 * 1024;

/// Where this program was started from: links are followed anew each time.
pub(super) fn program() -> PathBuf {
    let name = std::env::args_os().next().unwrap_or_default();
    if name.as_bytes().contains(&b'/')
        && let Ok(path) = std::path::absolute(&name)
        && path.is_file()
    {
        return path;
    }
    without_mark(&std::env::current_exe().unwrap_or_else(|_| name.into()))
}

/// The path of a program whose file was replaced since it began.
fn without_mark(own: &Path) -> PathBuf {
    let name = own.as_os_str().as_bytes();
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    PathBuf::from(OsStr::from_bytes(name))
}

/// Whether another file stands there now than the one that this process runs.
pub(super) fn is_replaced(program: &Path) -> bool {
    let id = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino()));
    match (id(Path::new("/proc/self/exe")), id(program)) {
        (Ok(own), Ok(there)) => own != there,
        // Without the one or the other there is nothing to go on as.
        _ => false,
    }
}

/// Answers [`QUESTION`].
pub(crate) fn answer() -> ExitCode {
    let mut text = String::new();
    let read = io::stdin().take(MAX_IMAGE).read_to_string(&mut text);
    if read.is_ok() && Image::decode(&text).is_some() {
        print!("{YES}");
        return ExitCode::SUCCESS;
    }
    ExitCode::from(1)
}

/// Asks a program whether it can go on from a picture.
///
/// # Errors
/// Why it cannot, for the operator.
pub(super) fn ask(program: &Path, image: &Image) -> Result<(), String> {
    let name = program.display();
    let fault = |why: String| format!("{name} cannot go on in the place of this program: {why}");
    let plain = |error: io::Error| fault(crate::bind::plain(&error));
    let input = store(&image.encode()).map_err(plain)?;
    let mut command = Command::new(program);
    command.arg(QUESTION).env_remove(VARIABLE);
    command.stdin(input).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().map_err(plain)?;
    let end = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => std::thread::sleep(LOOK),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(fault("it does not answer".to_owned()));
            }
        }
    };
    let mut said = [0; YES.len()];
    let said_so = match child.stdout.take() {
        Some(mut output) => output.read_exact(&mut said).is_ok() && said == YES.as_bytes(),
        None => false,
    };
    match said_so {
        _ if !status.success() => Err(fault(format!("it does not know how ({status})"))),
        false => Err(fault("it is no lbd".to_owned())),
        true => Ok(()),
    }
}

/// Between two looks at the program that is asked.
const LOOK: Duration = Duration::from_millis(5);

/// Text in memory behind a descriptor.
fn store(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"lbd-master", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// Goes on as this program, with what the picture names; comes back only if that fails.
pub(super) fn go_on(program: &Path, image: &Image) -> io::Error {
    let file = match store(&image.encode()) {
        Ok(file) => file,
        Err(error) => return error,
    };
    let mut descriptors = image.descriptors();
    descriptors.push(file.as_raw_fd());
    let flag = |flag: FdFlag| {
        for number in &descriptors {
            // SAFETY: all are open, owned by the caller's state or just above.
            let fd = unsafe { BorrowedFd::borrow_raw(*number) };
            fcntl(fd, FcntlArg::F_SETFD(flag))?;
        }
        io::Result::Ok(())
    };
    if let Err(error) = flag(FdFlag::empty()) {
        let _ = flag(FdFlag::FD_CLOEXEC);
        return error;
    }
    let mut words = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = words.next() {
        command.arg0(name);
    }
    let value = format!("{}:{}", std::process::id(), file.as_raw_fd());
    let error = command
        .args(words.collect::<Vec<OsString>>())
        .env(VARIABLE, value)
        .exec();
    let _ = flag(FdFlag::FD_CLOEXEC);
    error
}

/// What the program before this one left, if this process was another one before.
///
/// # Errors
/// When it left something that cannot be read: who wrote it has asked before.
pub(super) fn legacy() -> Result<Option<Image>, String> {
    let Ok(value) = std::env::var(VARIABLE) else {
        return Ok(None);
    };
    let Some((pid, number)) = value.split_once(':') else {
        return Ok(None);
    };
    // Programs that this one starts might see the variable too; it is not for them.
    if pid.parse() != Ok(std::process::id()) {
        return Ok(None);
    }
    let read = || {
        let file = File::from(adopt(number.parse().ok()?)?);
        let mut text = String::new();
        file.take(MAX_IMAGE).read_to_string(&mut text).ok()?;
        Image::decode(&text)
    };
    let image = read().ok_or("what the program before this one left cannot be read")?;
    Ok(Some(image))
}

/// A descriptor that the program before this one left open.
pub(super) fn adopt(number: i32) -> Option<OwnedFd> {
    // SAFETY: it is only called with numbers that the process of the same id wrote before its exec,
    // each once and before this program opens anything that it does not close at exec itself; that
    // it is open is asked first.
    let fd = unsafe {
        if number < 3 || libc::fcntl(number, libc::F_GETFD) < 0 {
            return None;
        }
        OwnedFd::from_raw_fd(number)
    };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    Some(fd)
}

#[cfg(test)]
mod tests;
