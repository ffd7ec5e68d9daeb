//! What `SIGUSR1`, `SIGUSR2` and the JSON signal write, where keepalived writes it and in its words.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use vrrp::engine::{InstanceStatus, RouterStatus};
use vrrp_proto::packet::Rejection;

/// `SIGUSR1`.
pub const DATA: &str = "/tmp/keepalived.data";
/// `SIGUSR2`.
pub const STATS: &str = "/tmp/keepalived.stats";
/// The JSON signal.
pub const JSON: &str = "/tmp/keepalived.json";

/// Replaces a file as a whole: nobody reads half of it, and a link in its place is not followed.
pub fn write(path: &str, text: &str) -> io::Result<()> {
    let next = format!("{path}.{}", std::process::id());
    let _ = fs::remove_file(&next);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(&next)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&next, Path::new(path))
}

/// The configuration and states, as exporters read them.
pub fn data(status: &RouterStatus) -> String {
    let mut out = String::from("------< VRRP Topology >------\n");
    // Writing to a String does not fail.
    for one in &status.instances {
        let _ = writeln!(out, " VRRP Instance = {}", one.name);
        let _ = writeln!(out, "   VRRP Version = {}", one.version);
        let _ = writeln!(out, "   State = {}", one.snapshot.state);
        let _ = writeln!(out, "   Reason = {}", one.snapshot.reason);
        let _ = writeln!(
            out,
            "   Last transition = {:.6}",
            since_epoch() - one.age.as_secs_f64()
        );
        let _ = writeln!(out, "   Interface = {}", one.interface);
        if let Some(source) = one.source {
            let _ = writeln!(out, "   Using src_ip = {source}");
        }
        let _ = writeln!(out, "   Virtual Router ID = {}", one.vrid);
        let _ = writeln!(out, "   Priority = {}", one.base_priority.0);
        let _ = writeln!(out, "   Effective priority = {}", one.snapshot.priority.0);
        let _ = writeln!(
            out,
            "   Advert interval = {} usec",
            one.interval.as_micros()
        );
        if let Some((source, priority)) = one.snapshot.master {
            let _ = writeln!(out, "   Master router = {source}");
            let _ = writeln!(out, "   Master priority = {}", priority.0);
        }
        let _ = writeln!(out, "   Virtual IP ({}):", one.addresses.len());
        for address in &one.addresses {
            let set = if one.placed.contains(address) {
                " set"
            } else {
                ""
            };
            let _ = writeln!(out, "     {address}{set}");
        }
    }
    for (name, state) in &status.groups {
        let _ = writeln!(out, " VRRP Sync Group = {name}\n   State = {state}");
    }
    out
}

/// Counters, in keepalived's words.
pub fn stats(status: &RouterStatus) -> String {
    let mut out = String::new();
    for one in &status.instances {
        let c = &one.snapshot.counters;
        let r = |reasons: &[Rejection]| rejections(one, reasons);
        use Rejection as R;
        let lines = [
            format!("VRRP Instance: {}", one.name),
            "  Advertisements:".to_owned(),
            format!("    Received: {}", c.adverts_received),
            format!("    Sent: {}", c.adverts_sent),
            format!("  Became master: {}", c.became_master),
            format!("  Released master: {}", c.released_master),
            "  Packet Errors:".to_owned(),
            format!(
                "    Length: {}",
                r(&[R::CountLength, R::TooShort, R::IpLength])
            ),
            format!("    TTL: {}", r(&[R::Hops])),
            format!("    Invalid Type: {}", r(&[R::Type])),
            format!(
                "    Advertisement Interval: {}",
                r(&[R::Interval, R::IntervalMismatch])
            ),
            format!("    Address List: {}", c.address_list_errors),
            "  Authentication Errors:".to_owned(),
            format!(
                "    Invalid Type: {}",
                r(&[R::AuthType, R::AuthenticationHeader])
            ),
            format!("    Type Mismatch: {}", r(&[R::AuthMismatch])),
            format!("    Failure: {}", r(&[R::Password, R::HmacInvalid])),
            "  Priority Zero:".to_owned(),
            format!("    Received: {}", c.releases_received),
            format!("    Sent: {}", c.releases_sent),
        ];
        for line in lines {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

fn rejections(one: &InstanceStatus, reasons: &[Rejection]) -> u64 {
    let counts = &one.snapshot.rejections;
    reasons.iter().map(|reason| counts.of(*reason)).sum()
}

/// Everything as JSON: what `lbctl status --json` shows.
pub fn json(status: &RouterStatus) -> Value {
    let instances: Vec<Value> = status.instances.iter().map(instance).collect();
    let groups: Vec<Value> = status
        .groups
        .iter()
        .map(|(name, state)| json!({"name": name, "state": state.to_string()}))
        .collect();
    let c = status.counters;
    json!({
        "instances": instances,
        "groups": groups,
        "unknown_packets": status.unknown_packets,
        "announcements": status.announcements,
        "send_errors": c.send_errors,
        "malformed_packets": c.malformed,
        "kernel_errors": c.netlink_errors,
        "announce_errors": c.announce_errors,
        "addresses_restored": c.addresses_restored,
        "floods": c.floods,
    })
}

fn instance(one: &InstanceStatus) -> Value {
    let s = &one.snapshot;
    let c = &s.counters;
    let rejected: serde_json::Map<String, Value> = Rejection::ALL
        .iter()
        .filter(|reason| s.rejections.of(**reason) > 0)
        .map(|reason| (reason.name().to_owned(), json!(s.rejections.of(*reason))))
        .collect();
    json!({
        "name": one.name,
        "vrid": one.vrid,
        "version": one.version,
        "interface": one.interface,
        "source": one.source.map(|ip| ip.to_string()),
        "state": s.state.to_string(),
        "reason": one.reason(),
        "since": since_epoch() - one.age.as_secs_f64(),
        "age_seconds": one.age.as_secs_f64(),
        "priority": s.priority.0,
        "base_priority": one.base_priority.0,
        "interval_seconds": one.interval.as_secs_f64(),
        "master": s.master.map(|(ip, _)| ip.to_string()),
        "master_priority": s.master.map(|(_, priority)| priority.0),
        "holds_for_lower": s.is_holding,
        "addresses": one.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "placed": one.placed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "adverts_sent": c.adverts_sent,
        "adverts_received": c.adverts_received,
        "became_master": c.became_master,
        "released_master": c.released_master,
        "releases_sent": c.releases_sent,
        "releases_received": c.releases_received,
        "address_list_errors": c.address_list_errors,
        "lower_heard": c.lower_heard,
        "answers_limited": c.answers_limited,
        "announcements_limited": c.announcements_limited,
        "events_limited": c.events_limited,
        "late": c.late,
        "latest_seconds": c.latest.as_secs_f64(),
        "takeovers_put_off": c.graces,
        "rejected": rejected,
    })
}

/// Seconds since 1970.
pub fn since_epoch() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |d| d.as_secs_f64())
}
