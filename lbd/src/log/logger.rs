//! Log lines of all threads to the targets of their proxies.
//!
//! Each worker (and the control side, behind the last one) has sinks of its own, so that no line
//! waits for another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lbd_config::config::{LogAddress, LogTarget, SyslogFormat};
use lbd_core::WallTime;
use lbd_proxy::log::{LogLine, LogNote, LogSink};
use lbd_proxy::state::Generation;
use parking_lot::Mutex;

use super::{Dropped, Header, Sinks, compose};

/// The logger of the process.
pub(crate) struct Logger {
    threads: Box<[Mutex<Thread>]>,
    tag: Box<[u8]>,
    pid: u32,
    utc_offset: i32,
    dropped: Arc<Dropped>,
    samples: [AtomicU32; SAMPLE_CELLS],
}

/// What one thread writes through.
struct Thread {
    sinks: Sinks,
    /// Generation for which `ways` was made.
    serial: Option<u64>,
    /// By proxy, the sink of each of its targets.
    ways: Vec<Vec<usize>>,
}

/// Counters of `sample`, chosen by proxy and target; two that share one only sample together.
const SAMPLE_CELLS: usize = 64;

impl std::fmt::Debug for Logger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logger")
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

impl Logger {
    /// A logger for `workers` workers and the control side.
    pub(crate) fn new(workers: usize, tag: &str, utc_offset: i32, dropped: &Arc<Dropped>) -> Self {
        let thread = || Thread {
            sinks: Sinks::new(Arc::clone(dropped)),
            serial: None,
            ways: Vec::new(),
        };
        Self {
            threads: (0..=workers).map(|_| Mutex::new(thread())).collect(),
            tag: tag.as_bytes().into(),
            pid: std::process::id(),
            utc_offset,
            dropped: Arc::clone(dropped),
            samples: [const { AtomicU32::new(0) }; SAMPLE_CELLS],
        }
    }

    /// Opens a target for all threads now.
    pub(crate) fn open(&self, address: &LogAddress) {
        for thread in &self.threads {
            thread.lock().sinks.open(address);
        }
    }

    /// The count of lost lines.
    pub(crate) fn dropped(&self) -> Arc<Dropped> {
        Arc::clone(&self.dropped)
    }

    /// Number under which the control side logs.
    pub(crate) fn control(&self) -> usize {
        self.threads.len() - 1
    }

    /// The header of a line for a target, by tag and name of the host if they are set.
    fn header<'a>(
        &'a self,
        target: &LogTarget,
        level: u8,
        (tag, named): (Option<&'a [u8]>, Option<&'a [u8]>),
        wall: WallTime,
    ) -> Header<'a> {
        Header {
            format: target.format,
            facility: target.facility,
            level: level.max(target.min_level),
            tag: tag.unwrap_or(&self.tag),
            // Nobody is named unless `log-send-hostname` says so, as in the reference.
            hostname: match target.format {
                SyslogFormat::Rfc3164 => Some(named.unwrap_or(b"localhost")),
                _ => named,
            },
            pid: self.pid,
            wall,
            utc_offset: self.utc_offset,
            structured: b"",
        }
    }

    /// Whether this line is one of those that `sample` lets through.
    fn is_sampled(&self, cell: usize, target: &LogTarget) -> bool {
        let Some(sample) = &target.sample else {
            return true;
        };
        let turn = self.samples[cell % SAMPLE_CELLS].fetch_add(1, Ordering::Relaxed);
        let turn = turn % sample.size.max(1) + 1;
        sample
            .ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&turn))
    }
}

impl LogSink for Logger {
    fn send(&self, worker: usize, generation: &Generation, line: &LogLine<'_>) {
        let mut thread = self.threads[worker.min(self.control())].lock();
        let thread = &mut *thread;
        if thread.serial != Some(generation.serial) {
            thread.ways = ways(&mut thread.sinks, generation);
            thread.serial = Some(generation.serial);
        }
        let at = line.proxy.index();
        let (Some(spec), Some(ways)) = (generation.config.proxies.get(at), thread.ways.get(at))
        else {
            return;
        };
        let global = &generation.config.global;
        let tag = spec
            .log
            .tag
            .as_deref()
            .or(global.log_tag.as_deref())
            .map(str::as_bytes);
        let named = global.log_send_hostname.as_deref().map(str::as_bytes);
        for (n, (target, way)) in spec.log.targets.iter().zip(ways).enumerate() {
            if line.level > target.max_level || !self.is_sampled(at * 8 + n, target) {
                continue;
            }
            let header = Header {
                structured: line.structured,
                ..self.header(target, line.level, (tag, named), line.wall)
            };
            thread
                .sinks
                .push(*way, |out| compose(&header, line.text, target.len, out));
        }
    }

    fn note(&self, worker: usize, generation: &Generation, note: &LogNote<'_>) {
        let mut thread = self.threads[worker.min(self.control())].lock();
        let global = &generation.config.global;
        let tag = global.log_tag.as_deref().map(str::as_bytes);
        let named = global.log_send_hostname.as_deref().map(str::as_bytes);
        for target in note.targets {
            if note.level > target.max_level {
                continue;
            }
            let way = thread.sinks.open(&target.address);
            let header = self.header(target, note.level, (tag, named), note.wall);
            thread
                .sinks
                .push(way, |out| compose(&header, note.text, target.len, out));
        }
    }

    fn flush(&self, worker: usize) {
        let mut thread = self.threads[worker.min(self.control())].lock();
        if thread.sinks.is_pending() {
            thread.sinks.flush();
        }
    }
}

fn ways(sinks: &mut Sinks, generation: &Generation) -> Vec<Vec<usize>> {
    let proxies = generation.config.proxies.iter();
    proxies
        .map(|spec| {
            spec.log
                .targets
                .iter()
                .map(|target| sinks.open(&target.address))
                .collect()
        })
        .collect()
}
