//! Prometheus: names as the common keepalived exporters have them, and `lbd_failover_*` for the rest.

use std::fmt::Write as _;

use vrrp::engine::{InstanceStatus, RouterStatus};
use vrrp_proto::State;
use vrrp_proto::instance::Counters;
use vrrp_proto::packet::Rejection as R;
use vrrp_proto::track::Status;

/// Where the value of a metric of every instance comes from.
enum Source {
    Count(fn(&Counters) -> u64),
    Gauge(fn(&InstanceStatus) -> f64),
    /// Packets refused for these reasons.
    Refused(&'static [R]),
}

use Source::{Count, Gauge, Refused};

/// Name, help, source.
type Metric = (&'static str, &'static str, Source);

const INSTANCE: &[Metric] = &[
    (
        "keepalived_vrrp_state",
        "0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT",
        Gauge(state),
    ),
    (
        "keepalived_advertisements_received_total",
        "Advertisements received",
        Count(|c| c.adverts_received),
    ),
    (
        "keepalived_advertisements_sent_total",
        "Advertisements sent",
        Count(|c| c.adverts_sent),
    ),
    (
        "keepalived_become_master_total",
        "Times it became master",
        Count(|c| c.became_master),
    ),
    (
        "keepalived_release_master_total",
        "Times it stopped being master",
        Count(|c| c.released_master),
    ),
    (
        "keepalived_priority_zero_received_total",
        "Releases received",
        Count(|c| c.releases_received),
    ),
    (
        "keepalived_priority_zero_sent_total",
        "Releases sent",
        Count(|c| c.releases_sent),
    ),
    (
        "keepalived_address_list_errors_total",
        "Differing address lists",
        Count(|c| c.address_list_errors),
    ),
    (
        "keepalived_packet_length_errors_total",
        "Packets of a wrong length",
        Refused(&[R::CountLength, R::TooShort, R::IpLength]),
    ),
    (
        "keepalived_ip_ttl_errors_total",
        "Packets from elsewhere",
        Refused(&[R::Hops]),
    ),
    (
        "keepalived_invalid_type_received_total",
        "Packets of an unknown type",
        Refused(&[R::Type]),
    ),
    (
        "keepalived_advertisements_interval_errors_total",
        "Packets with another interval",
        Refused(&[R::Interval, R::IntervalMismatch]),
    ),
    (
        "keepalived_authentication_invalid_total",
        "Unknown authentication",
        Refused(&[R::AuthType, R::AuthenticationHeader]),
    ),
    (
        "keepalived_authentication_mismatch_total",
        "Other authentication",
        Refused(&[R::AuthMismatch]),
    ),
    (
        "keepalived_authentication_failure_total",
        "Wrong passwords or codes",
        Refused(&[R::Password, R::HmacInvalid, R::HmacReplayed, R::HmacStale]),
    ),
    (
        "lbd_failover_priority",
        "The priority that is advertised",
        Gauge(|i| f64::from(i.snapshot.priority.0)),
    ),
    (
        "lbd_failover_state_seconds",
        "How long it has been in its state",
        Gauge(|i| i.age.as_secs_f64()),
    ),
    (
        "lbd_failover_late_total",
        "Timers more than half an interval late",
        Count(|c| c.late),
    ),
    (
        "lbd_failover_latest_seconds",
        "The latest of all timers",
        Gauge(|i| i.snapshot.counters.latest.as_secs_f64()),
    ),
    (
        "lbd_failover_takeovers_put_off_total",
        "Take-overs put off by lateness",
        Count(|c| c.graces),
    ),
    (
        "lbd_failover_lower_heard_total",
        "Masters of lower rank heard",
        Count(|c| c.lower_heard),
    ),
    (
        "lbd_failover_addresses_in_place",
        "Virtual addresses in place",
        Gauge(|i| i.placed.len() as f64),
    ),
    (
        "lbd_failover_rejected_total",
        "Packets refused for any reason",
        Refused(&R::ALL),
    ),
];

impl Source {
    fn kind(&self) -> &'static str {
        match self {
            Gauge(_) => "gauge",
            Count(_) | Refused(_) => "counter",
        }
    }

    fn read(&self, instance: &InstanceStatus) -> f64 {
        match self {
            Count(read) => read(&instance.snapshot.counters) as f64,
            Gauge(read) => read(instance),
            Refused(reasons) => {
                let counts = &instance.snapshot.rejections;
                let sum: u64 = reasons.iter().map(|reason| counts.of(*reason)).sum();
                sum as f64
            }
        }
    }
}

fn state(instance: &InstanceStatus) -> f64 {
    match instance.snapshot.state {
        State::Init => 0.0,
        State::Backup => 1.0,
        State::Master => 2.0,
        State::Fault => 3.0,
    }
}

/// The whole page. Writing to a String does not fail.
pub fn page(status: &RouterStatus) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# TYPE keepalived_up gauge\nkeepalived_up 1");
    for (name, help, source) in INSTANCE {
        head(&mut out, name, help, source.kind());
        for instance in &status.instances {
            let value = source.read(instance);
            let _ = writeln!(out, "{name}{{{}}} {value}", labels(instance));
        }
    }
    why(&mut out, status);
    let c = status.counters;
    let process = [
        ("lbd_failover_unknown_packets_total", status.unknown_packets),
        ("lbd_failover_announcements_total", status.announcements),
        ("lbd_failover_send_errors_total", c.send_errors),
        ("lbd_failover_malformed_packets_total", c.malformed),
        ("lbd_failover_kernel_errors_total", c.netlink_errors),
        (
            "lbd_failover_addresses_restored_total",
            c.addresses_restored,
        ),
        ("lbd_failover_floods_total", c.floods),
    ];
    for (name, value) in process {
        let _ = writeln!(out, "# TYPE {name} counter\n{name} {value}");
    }
    out
}

/// Why each is in its state, and what is tracked.
fn why(out: &mut String, status: &RouterStatus) {
    let name = "lbd_failover_reason";
    head(out, name, "Why it is in its state", "gauge");
    for instance in &status.instances {
        let (labels, reason) = (labels(instance), escape(&instance.reason()));
        let _ = writeln!(out, "{name}{{{labels},reason=\"{reason}\"}} 1");
    }
    let name = "lbd_failover_tracked";
    head(
        out,
        name,
        "What is tracked: 1 up, 0 down; the number in a file",
        "gauge",
    );
    for instance in &status.instances {
        for (tracker, result) in &instance.trackers {
            let value = match result {
                // Nothing is known yet.
                Status::Unknown => continue,
                Status::Up => 1,
                Status::Down => 0,
                Status::Value(value) => *value,
            };
            let (labels, tracker) = (labels(instance), escape(tracker));
            let _ = writeln!(out, "{name}{{{labels},tracker=\"{tracker}\"}} {value}");
        }
    }
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn labels(instance: &InstanceStatus) -> String {
    format!(
        "iname=\"{}\",intf=\"{}\",vrid=\"{}\"",
        escape(&instance.name),
        escape(&instance.interface),
        instance.vrid
    )
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
