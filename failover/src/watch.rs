//! `track_file` and `vrrp_track_process`: looked at when they change, and now and then.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use vrrp::engine::Handle;
use vrrp_config::Config;
use vrrp_config::config::{ParamMatch, Track, TrackFile, TrackProcess};
use vrrp_proto::track::Status;

use crate::log::Log;
use crate::scripts::is_tracked;

/// What is watched.
#[derive(Debug, Default)]
pub struct Watches {
    tasks: Vec<JoinHandle<()>>,
}

impl Watches {
    /// Starts watching what somebody tracks; what was watched before is not any more.
    pub fn start(&mut self, config: &Arc<Config>, handle: &Handle, log: &Arc<Log>) {
        self.stop();
        let is_used = |track: &Track| is_tracked(config, track);
        let files: Vec<usize> = (0..config.files.len())
            .filter(|at| is_used(&Track::File(*at)))
            .collect();
        if !files.is_empty() {
            let task = watch_files(Arc::clone(config), files, handle.clone(), Arc::clone(log));
            self.tasks.push(tokio::task::spawn_local(task));
        }
        let processes: Vec<usize> = (0..config.processes.len())
            .filter(|at| is_used(&Track::Process(*at)))
            .collect();
        if !processes.is_empty() {
            let task = watch_processes(
                Arc::clone(config),
                processes,
                handle.clone(),
                Arc::clone(log),
            );
            self.tasks.push(tokio::task::spawn_local(task));
        }
    }

    /// Ends all.
    pub fn stop(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
    }
}

async fn watch_files(config: Arc<Config>, files: Vec<usize>, handle: Handle, log: Arc<Log>) {
    let mut known: Vec<Option<i32>> = vec![None; files.len()];
    for at in &files {
        begin(&config.files[*at], &log);
    }
    loop {
        for (known, at) in known.iter_mut().zip(&files) {
            let file = &config.files[*at];
            let value = value(&file.path);
            if *known == Some(value) {
                continue;
            }
            *known = Some(value);
            log.info(&format!("track_file {} has value {value}", file.name));
            handle.send(vrrp::Command::Found(Track::File(*at), Status::Value(value)));
        }
        tokio::time::sleep(FILE_PERIOD).await;
    }
}

/// `init_file`.
fn begin(file: &TrackFile, log: &Log) {
    let Some((value, overwrites)) = file.init else {
        return;
    };
    if (overwrites || !Path::new(&file.path).exists())
        && let Err(error) = fs::write(&file.path, format!("{value}\n"))
    {
        log.error(&format!("cannot write {}: {error}", file.path));
    }
}

/// The number in a file; what is no number, or not there, is 0 as in keepalived.
fn value(path: &str) -> i32 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let number = text.split_whitespace().next().unwrap_or_default();
    number.parse().unwrap_or(0)
}

async fn watch_processes(config: Arc<Config>, wanted: Vec<usize>, handle: Handle, log: Arc<Log>) {
    let mut known: Vec<Option<Status>> = vec![None; wanted.len()];
    loop {
        let counts = count(&config.processes, &wanted);
        for ((known, at), count) in known.iter_mut().zip(&wanted).zip(counts) {
            let process = &config.processes[*at];
            let is_ok =
                count >= process.quorum && process.quorum_max.is_none_or(|max| count <= max);
            let status = if is_ok { Status::Up } else { Status::Down };
            if *known == Some(status) {
                continue;
            }
            *known = Some(status);
            log.info(&format!("track_process {}: {count} running", process.name));
            handle.send(vrrp::Command::Found(Track::Process(*at), status));
        }
        tokio::time::sleep(PROCESS_PERIOD).await;
    }
}

/// How many processes match each. The list of processes is read, not the kernel's process events,
/// which exist only in the first network namespace: so this works in a container too.
fn count(processes: &[TrackProcess], wanted: &[usize]) -> Vec<u32> {
    let mut counts = vec![0; wanted.len()];
    let Ok(entries) = fs::read_dir("/proc") else {
        return counts;
    };
    for entry in entries.flatten().take(MAX_PROCESSES) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let directory = entry.path();
        let Ok(comm) = fs::read_to_string(directory.join("comm")) else {
            continue;
        };
        let mut line: Option<Vec<String>> = None;
        for (count, at) in counts.iter_mut().zip(wanted) {
            let process = &processes[*at];
            let needs_line = process.full_command
                || process.words.len() > 1
                || process.parameters != ParamMatch::Exact;
            let is_match = if needs_line {
                let line = line.get_or_insert_with(|| command_line(&directory));
                matches_line(process, line)
            } else {
                // The kernel keeps 15 bytes of a name.
                let wanted = process.words[0].as_bytes();
                comm.trim_end().as_bytes() == &wanted[..wanted.len().min(COMM)]
            };
            if is_match && !is_dead(&directory) {
                *count += 1;
            }
        }
    }
    counts
}

fn command_line(directory: &Path) -> Vec<String> {
    let bytes = fs::read(directory.join("cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.trim_end_matches('\0')
        .split('\0')
        .map(str::to_owned)
        .collect()
}

fn matches_line(process: &TrackProcess, line: &[String]) -> bool {
    let Some((program, given)) = line.split_first() else {
        return false;
    };
    let Some((name, wanted)) = process.words.split_first() else {
        return false;
    };
    let base = program.rsplit('/').next().unwrap_or(program);
    if program != name && base != name {
        return false;
    }
    match process.parameters {
        ParamMatch::Exact if wanted.is_empty() => true,
        ParamMatch::Exact | ParamMatch::ExactOrNone => given == wanted,
        ParamMatch::Partial => given.starts_with(wanted),
        ParamMatch::Initial => {
            let Some((last, before)) = wanted.split_last() else {
                return given.is_empty();
            };
            given.len() == wanted.len()
                && given.starts_with(before)
                && given
                    .last()
                    .is_some_and(|word| word.starts_with(last.as_str()))
        }
    }
}

/// A zombie does not run.
fn is_dead(directory: &Path) -> bool {
    let stat = fs::read_to_string(directory.join("stat")).unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    matches!(after.trim_start().chars().next(), None | Some('Z' | 'X'))
}

const FILE_PERIOD: Duration = Duration::from_millis(100);
const PROCESS_PERIOD: Duration = Duration::from_millis(200);
const MAX_PROCESSES: usize = 4_000_000;
const COMM: usize = 15;

#[cfg(test)]
mod tests;
