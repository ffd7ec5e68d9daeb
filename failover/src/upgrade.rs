//! Going on as another program: what the timers' thread leaves crosses an `exec` as descriptors and a
//! text.
//!
//! The launcher and the guardian live on; nothing is released, and the next advertisement leaves when
//! it would have.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use vrrp::engine::{Handed, HandedEar};
use vrrp_proto::State;
use vrrp_proto::instance::Parcel;
use vrrp_proto::packet::{Centisecs, Family, Priority};
use vrrp_proto::track::Status;

/// What is left to the program that goes on.
#[derive(Debug, Default)]
pub struct Legacy {
    /// Of the timers' thread.
    pub handed: Handed,
    /// The link to the launcher.
    pub launcher: Option<OwnedFd>,
    /// The guardian's process.
    pub guardian: Option<u32>,
}

/// The path of this program, also when the file was replaced.
pub fn program() -> PathBuf {
    let path = std::env::current_exe().unwrap_or_default();
    let text = path.to_string_lossy();
    text.strip_suffix(" (deleted)")
        .map_or_else(|| path.clone(), Into::into)
}

/// Goes on as the program that now stands where this one was started from; comes back only if that
/// fails.
pub fn go_on(legacy: Legacy) -> std::io::Error {
    let text = encode(&legacy, monotonic()).to_string();
    let file = match memfd_create(c"lbd-failover", MFdFlags::empty()) {
        Ok(file) => file,
        Err(error) => return error.into(),
    };
    let mut file = File::from(file);
    if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.rewind()) {
        return error;
    }
    let ears = legacy.handed.ears.iter().map(|ear| &ear.socket);
    let links = legacy.handed.guard.iter().chain(&legacy.launcher);
    for fd in ears.chain(links) {
        if let Err(error) = fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())) {
            return error.into();
        }
    }
    let value = format!("{}:{}", std::process::id(), file.as_raw_fd());
    let mut command = std::process::Command::new(program());
    command
        .args(std::env::args_os().skip(1))
        .env(VARIABLE, value);
    if let Err(why) = crate::privileges::keep_over_exec() {
        return std::io::Error::other(why);
    }
    command.exec()
}

/// What the program before this one left, if there was one.
pub fn legacy() -> Option<Legacy> {
    let value = std::env::var(VARIABLE).ok()?;
    let (pid, number) = value.split_once(':')?;
    // Programs that this one starts see the variable too; it is not for them.
    if pid.parse() != Ok(std::process::id()) {
        return None;
    }
    let mut text = String::new();
    let file = File::from(adopt(number.parse().ok()?)?);
    file.take(MAX_TEXT).read_to_string(&mut text).ok()?;
    decode(&serde_json::from_str(&text).ok()?, monotonic())
}

/// A descriptor that the program before this one left open.
#[allow(
    unsafe_code,
    reason = "descriptors cross an exec as numbers; there is no other way to own them again"
)]
fn adopt(number: i32) -> Option<OwnedFd> {
    // SAFETY: it is only called with numbers that the process of the same id wrote before its exec,
    // each once and before this program opens anything that it does not close at exec itself; that
    // it is open is asked first.
    let fd = unsafe {
        if number < 3 || nix::libc::fcntl(number, nix::libc::F_GETFD) < 0 {
            return None;
        }
        OwnedFd::from_raw_fd(number)
    };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    Some(fd)
}

/// Nanoseconds of a clock that goes on over an exec.
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    now.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}

fn encode(legacy: &Legacy, now: u64) -> Value {
    let ears = legacy.handed.ears.iter().map(|ear| {
        json!([
            ear.interface,
            ear.index,
            ear.family == Family::Ipv6,
            ear.socket.as_raw_fd()
        ])
    });
    let instances = legacy.handed.instances.iter();
    json!({
        "version": VERSION,
        "at": now,
        "ears": ears.collect::<Vec<_>>(),
        "guard": legacy.handed.guard.as_ref().map(AsRawFd::as_raw_fd),
        "launcher": legacy.launcher.as_ref().map(AsRawFd::as_raw_fd),
        "guardian": legacy.guardian,
        "instances": instances.map(|(name, p)| encode_parcel(name, p)).collect::<Vec<_>>(),
    })
}

fn encode_parcel(name: &str, parcel: &Parcel) -> Value {
    let pair = |(ip, sequence): &(std::net::IpAddr, u64)| json!([ip.to_string(), sequence]);
    let tracker = |(name, status): &(String, Status)| {
        json!([
            name,
            match status {
                Status::Unknown => Value::Null,
                Status::Up => json!(true),
                Status::Down => json!(false),
                Status::Value(value) => json!(value),
            }
        ])
    };
    json!({
        "name": name,
        "state": parcel.state.to_string(),
        "master": parcel.master.map(|(ip, p)| json!([ip.to_string(), p.0])),
        "interval": parcel.master_interval.0,
        "holding": parcel.is_holding,
        "due": u64::try_from(parcel.due.as_nanos()).unwrap_or(u64::MAX),
        "sequence": parcel.sequence,
        "senders": parcel.senders.iter().map(pair).collect::<Vec<_>>(),
        "trackers": parcel.trackers.iter().map(tracker).collect::<Vec<_>>(),
    })
}

fn decode(value: &Value, now: u64) -> Option<Legacy> {
    if value.get("version")? != VERSION {
        return None;
    }
    let passed = now.saturating_sub(value.get("at")?.as_u64()?);
    let fd = |value: &Value| adopt(i32::try_from(value.as_i64()?).ok()?);
    let ear = |value: &Value| {
        let index = value.get(1)?.as_u64();
        Some(HandedEar {
            interface: value.get(0)?.as_str()?.to_owned(),
            index: index.and_then(|index| u32::try_from(index).ok()),
            family: if value.get(2)?.as_bool()? {
                Family::Ipv6
            } else {
                Family::Ipv4
            },
            socket: fd(value.get(3)?)?,
        })
    };
    let instances = value.get("instances")?.as_array()?.iter();
    let guardian = value.get("guardian")?.as_u64();
    Some(Legacy {
        handed: Handed {
            instances: instances
                .map(|value| decode_parcel(value, passed))
                .collect::<Option<_>>()?,
            ears: value
                .get("ears")?
                .as_array()?
                .iter()
                .filter_map(ear)
                .collect(),
            guard: fd(value.get("guard")?),
        },
        launcher: fd(value.get("launcher")?),
        guardian: guardian.and_then(|pid| u32::try_from(pid).ok()),
    })
}

fn decode_parcel(value: &Value, passed: u64) -> Option<(String, Parcel)> {
    let master = |value: &Value| {
        let priority = u8::try_from(value.get(1)?.as_u64()?).ok()?;
        Some((value.get(0)?.as_str()?.parse().ok()?, Priority(priority)))
    };
    let sender = |value: &Value| {
        Some((
            value.get(0)?.as_str()?.parse().ok()?,
            value.get(1)?.as_u64()?,
        ))
    };
    let tracker = |value: &Value| {
        let status = match value.get(1)? {
            Value::Bool(true) => Status::Up,
            Value::Bool(false) => Status::Down,
            Value::Number(number) => Status::Value(i32::try_from(number.as_i64()?).ok()?),
            _ => Status::Unknown,
        };
        Some((value.get(0)?.as_str()?.to_owned(), status))
    };
    let list = |key: &str| value.get(key).and_then(Value::as_array);
    let state = value.get("state")?.as_str()?;
    let states = [State::Init, State::Backup, State::Master, State::Fault];
    let parcel = Parcel {
        state: states.into_iter().find(|s| s.to_string() == state)?,
        master: master(value.get("master")?),
        master_interval: Centisecs(u16::try_from(value.get("interval")?.as_u64()?).ok()?),
        is_holding: value.get("holding")?.as_bool()?,
        due: Duration::from_nanos(value.get("due")?.as_u64()?.saturating_sub(passed)),
        sequence: value.get("sequence")?.as_u64()?,
        senders: list("senders")?.iter().map(sender).collect::<Option<_>>()?,
        trackers: list("trackers")?
            .iter()
            .map(tracker)
            .collect::<Option<_>>()?,
    };
    Some((value.get("name")?.as_str()?.to_owned(), parcel))
}

const VARIABLE: &str = "LBD_FAILOVER_LEGACY";
/// Of the text; a program that speaks another begins anew.
const VERSION: u64 = 1;
/// 4096 instances with all they may hold.
const MAX_TEXT: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
