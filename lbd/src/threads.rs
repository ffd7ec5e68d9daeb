//! Threads of this process as the system sees them (proc(5)).
//!
//! It starts none.

use std::time::Duration;

/// CPU time that a thread has used; `None` for one that is not there.
pub(crate) fn cpu_time(thread: u32) -> Option<Duration> {
    let path = format!("/proc/self/task/{thread}/schedstat");
    let text = std::fs::read_to_string(path).ok()?;
    let nanos = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// Number of the first thread of this name.
pub(crate) fn named(name: &str) -> Option<u32> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let mut numbers = tasks.flatten().filter_map(|task| {
        let number = task.file_name().to_str()?.parse().ok()?;
        let known = std::fs::read_to_string(task.path().join("comm")).ok()?;
        (known.trim_end() == name).then_some(number)
    });
    numbers.next()
}

#[cfg(test)]
mod tests;
