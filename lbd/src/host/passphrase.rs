//! Runs the command that says the passphrase of a private key (`ssl-passphrase-cmd`).

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::bind::plain;

/// What the command prints when it is run with `path` before its own arguments.
pub(super) fn ask(command: &[String], path: &str, patience: Duration) -> Result<Vec<u8>, String> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let failed = |error: std::io::Error| format!("cannot run '{program}': {}", plain(&error));
    let mut child = Command::new(program)
        .arg(path)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let printed = child.stdout.take().map(|output| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = output.take(MAX_OUTPUT + 1).read_to_end(&mut bytes);
            read.map(|_| bytes)
        })
    });
    let status = end_of(&mut child, patience).ok_or_else(|| {
        format!(
            "'{program}' has not ended in {} seconds",
            patience.as_secs()
        )
    })?;
    if !status.success() {
        return Err(format!("'{program}' ended with {status}"));
    }
    // A process that it left behind may hold the pipe: what counts is what is there by now.
    let bytes = printed
        .filter(|thread| is_finished(thread, patience))
        .and_then(|thread| thread.join().ok());
    match bytes {
        Some(Ok(bytes)) if bytes.len() as u64 > MAX_OUTPUT => {
            Err(format!("'{program}' says more than {MAX_OUTPUT} bytes"))
        }
        Some(Ok(bytes)) => Ok(bytes),
        _ => Err(format!("what '{program}' says cannot be read")),
    }
}

/// How it ended; one that takes too long is killed.
fn end_of(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + patience;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= until {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(LOOK);
    }
}

fn is_finished<T>(thread: &std::thread::JoinHandle<T>, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while !thread.is_finished() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}

/// A passphrase is a line; OpenSSL takes no more than 1 KiB.
const MAX_OUTPUT: u64 = 8192;
const LOOK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests;
