//! What a result must say about where it was measured.
//!
//! It does not judge whether the machine is quiet.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process;

#[derive(Clone, Debug)]
pub(crate) struct Machine {
    date: String,
    processor: String,
    cores: usize,
    kernel: String,
    haproxy: String,
    lbd: String,
}

impl Machine {
    pub(crate) fn read(haproxy: &Path, lbd: &Path) -> Self {
        let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            date: first_line(Command::new("date").args(["-u", "+%F %H:%M UTC"])),
            processor: processor(&information),
            cores: process::cores().len(),
            kernel: kernel.trim().to_owned(),
            haproxy: first_line(Command::new(haproxy).arg("-v")),
            lbd: first_line(Command::new(lbd).arg("-v")),
        }
    }

    /// When it was read.
    pub(crate) fn date(&self) -> &str {
        &self.date
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            date,
            processor,
            cores,
            kernel,
            haproxy,
            lbd,
        } = self;
        writeln!(f, "- date: {date}")?;
        writeln!(f, "- machine: {processor}, {cores} cores, Linux {kernel}")?;
        writeln!(f, "- HAProxy: {haproxy}")?;
        writeln!(f, "- lbd: {lbd}")
    }
}

fn processor(information: &str) -> String {
    let line = information
        .lines()
        .find(|line| line.starts_with("model name"));
    let model = line
        .and_then(|line| line.split_once(':'))
        .map(|(_, model)| model.trim());
    model.unwrap_or("unknown processor").to_owned()
}

fn first_line(command: &mut Command) -> String {
    let output = command
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    String::from_utf8_lossy(&output)
        .lines()
        .next()
        .unwrap_or("unknown")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests;
