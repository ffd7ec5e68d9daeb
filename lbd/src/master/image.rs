//! A picture of the master for the program that goes on in its place: a text, in which descriptors are
//! numbers and times are ages.
//!
//! It touches no descriptor.

use std::time::Duration;

use serde_json::{Value, json};

/// What there is of a master.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Image {
    /// Time since the master began.
    pub(super) age: Duration,
    pub(super) reloads: u32,
    pub(super) failures: u32,
    /// Messages of the reload under way.
    pub(super) log: String,
    pub(super) doors: Vec<DoorImage>,
    /// The current worker first.
    pub(super) workers: Vec<WorkerImage>,
    /// Who waits for the reload that is under way.
    pub(super) waiting: Vec<i32>,
    /// Reloads to come: hard or not, and who waits.
    pub(super) queue: Vec<(bool, Option<i32>)>,
}

/// A socket of the master.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct DoorImage {
    pub(super) fd: i32,
    /// Device and inode of its file.
    pub(super) file: Option<(u64, u64)>,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct WorkerImage {
    pub(super) pid: i32,
    pub(super) age: Duration,
    pub(super) version: String,
    pub(super) survived: u32,
    pub(super) code: Option<u8>,
    pub(super) link: i32,
    pub(super) heard: Vec<u8>,
    pub(super) errors: Option<i32>,
    pub(super) printed: Vec<u8>,
}

/// Of the text; a program that speaks another is not gone on as.
const VERSION: u64 = 1;

impl Image {
    /// As a text.
    pub(super) fn encode(&self) -> String {
        let doors = self.doors.iter().map(|door| {
            let file = door.file.map(|(device, inode)| json!([device, inode]));
            json!({ "fd": door.fd, "file": file })
        });
        let workers = self.workers.iter().map(|worker| {
            json!({
                "pid": worker.pid,
                "age": nanos(worker.age),
                "version": worker.version,
                "survived": worker.survived,
                "code": worker.code,
                "link": worker.link,
                "heard": worker.heard,
                "errors": worker.errors,
                "printed": worker.printed,
            })
        });
        let queue = self.queue.iter();
        let queue = queue.map(|(is_hard, fd)| json!([is_hard, fd]));
        json!({
            "lbd-master": VERSION,
            "age": nanos(self.age),
            "reloads": self.reloads,
            "failures": self.failures,
            "log": self.log,
            "doors": doors.collect::<Vec<_>>(),
            "workers": workers.collect::<Vec<_>>(),
            "waiting": self.waiting,
            "queue": queue.collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// Of a text; `None` when it says anything else.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        if value.get("lbd-master")? != VERSION {
            return None;
        }
        let list = |key: &str| value.get(key).and_then(Value::as_array);
        let queued = |value: &Value| Some((value.get(0)?.as_bool()?, optional(value.get(1)?)?));
        Some(Self {
            age: age(&value)?,
            reloads: number(value.get("reloads")?)?,
            failures: number(value.get("failures")?)?,
            log: value.get("log")?.as_str()?.to_owned(),
            doors: list("doors")?.iter().map(door).collect::<Option<_>>()?,
            workers: list("workers")?.iter().map(worker).collect::<Option<_>>()?,
            waiting: list("waiting")?.iter().map(number).collect::<Option<_>>()?,
            queue: list("queue")?.iter().map(queued).collect::<Option<_>>()?,
        })
    }

    /// All descriptors that it names.
    pub(super) fn descriptors(&self) -> Vec<i32> {
        let doors = self.doors.iter().map(|door| door.fd);
        let workers = self.workers.iter();
        let workers = workers.flat_map(|worker| worker.errors.into_iter().chain([worker.link]));
        let queue = self.queue.iter().filter_map(|(_, fd)| *fd);
        let all = doors.chain(workers).chain(queue);
        all.chain(self.waiting.iter().copied()).collect()
    }
}

fn nanos(age: Duration) -> u64 {
    u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)
}

fn age(value: &Value) -> Option<Duration> {
    Some(Duration::from_nanos(value.get("age")?.as_u64()?))
}

fn number<T: TryFrom<i64>>(value: &Value) -> Option<T> {
    T::try_from(value.as_i64()?).ok()
}

fn optional<T: TryFrom<i64>>(value: &Value) -> Option<Option<T>> {
    match value {
        Value::Null => Some(None),
        value => number(value).map(Some),
    }
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_array()?.iter().map(number).collect()
}

fn door(value: &Value) -> Option<DoorImage> {
    let file = match value.get("file")? {
        Value::Null => None,
        file => Some((file.get(0)?.as_u64()?, file.get(1)?.as_u64()?)),
    };
    Some(DoorImage {
        fd: number(value.get("fd")?)?,
        file,
    })
}

fn worker(value: &Value) -> Option<WorkerImage> {
    Some(WorkerImage {
        pid: number(value.get("pid")?)?,
        age: age(value)?,
        version: value.get("version")?.as_str()?.to_owned(),
        survived: number(value.get("survived")?)?,
        code: optional(value.get("code")?)?,
        link: number(value.get("link")?)?,
        heard: bytes(value.get("heard")?)?,
        errors: optional(value.get("errors")?)?,
        printed: bytes(value.get("printed")?)?,
    })
}

#[cfg(test)]
mod tests;
