//! Prometheus: names as the common keepalived exporters have them, and `lbd_failover_*` for the rest.

use std::fmt::Write as _;

use vrrp::engine::{InstanceStatus, RouterStatus};
use vrrp_proto::State;
use vrrp_proto::packet::Rejection as R;

type Read = fn(&InstanceStatus) -> f64;

/// One metric of every instance.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    read: Read,
}

const fn metric(name: &'static str, kind: &'static str, help: &'static str, read: Read) -> Metric {
    Metric {
        name,
        kind,
        help,
        read,
    }
}

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

const INSTANCE: &[Metric] = &[
    metric(
        "keepalived_vrrp_state",
        GAUGE,
        "0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT",
        |i| match i.snapshot.state {
            State::Init => 0.0,
            State::Backup => 1.0,
            State::Master => 2.0,
            State::Fault => 3.0,
        },
    ),
    metric(
        "keepalived_advertisements_received_total",
        COUNTER,
        "Advertisements received",
        |i| i.snapshot.counters.adverts_received as f64,
    ),
    metric(
        "keepalived_advertisements_sent_total",
        COUNTER,
        "Advertisements sent",
        |i| i.snapshot.counters.adverts_sent as f64,
    ),
    metric(
        "keepalived_become_master_total",
        COUNTER,
        "Times it became master",
        |i| i.snapshot.counters.became_master as f64,
    ),
    metric(
        "keepalived_release_master_total",
        COUNTER,
        "Times it stopped being master",
        |i| i.snapshot.counters.released_master as f64,
    ),
    metric(
        "keepalived_priority_zero_received_total",
        COUNTER,
        "Releases received",
        |i| i.snapshot.counters.releases_received as f64,
    ),
    metric(
        "keepalived_priority_zero_sent_total",
        COUNTER,
        "Releases sent",
        |i| i.snapshot.counters.releases_sent as f64,
    ),
    metric(
        "keepalived_address_list_errors_total",
        COUNTER,
        "Differing address lists",
        |i| i.snapshot.counters.address_list_errors as f64,
    ),
    metric(
        "keepalived_packet_length_errors_total",
        COUNTER,
        "Packets of a wrong length",
        |i| rejected(i, &[R::CountLength, R::TooShort, R::IpLength]),
    ),
    metric(
        "keepalived_ip_ttl_errors_total",
        COUNTER,
        "Packets from elsewhere",
        |i| rejected(i, &[R::Hops]),
    ),
    metric(
        "keepalived_invalid_type_received_total",
        COUNTER,
        "Packets of an unknown type",
        |i| rejected(i, &[R::Type]),
    ),
    metric(
        "keepalived_advertisements_interval_errors_total",
        COUNTER,
        "Packets with another interval",
        |i| rejected(i, &[R::Interval, R::IntervalMismatch]),
    ),
    metric(
        "keepalived_authentication_invalid_total",
        COUNTER,
        "Unknown authentication",
        |i| rejected(i, &[R::AuthType, R::AuthenticationHeader]),
    ),
    metric(
        "keepalived_authentication_mismatch_total",
        COUNTER,
        "Other authentication",
        |i| rejected(i, &[R::AuthMismatch]),
    ),
    metric(
        "keepalived_authentication_failure_total",
        COUNTER,
        "Wrong passwords or codes",
        |i| {
            rejected(
                i,
                &[R::Password, R::HmacInvalid, R::HmacReplayed, R::HmacStale],
            )
        },
    ),
    metric(
        "lbd_failover_priority",
        GAUGE,
        "The priority that is advertised",
        |i| f64::from(i.snapshot.priority.0),
    ),
    metric(
        "lbd_failover_state_seconds",
        GAUGE,
        "How long it has been in its state",
        |i| i.age.as_secs_f64(),
    ),
    metric(
        "lbd_failover_late_total",
        COUNTER,
        "Timers more than half an interval late",
        |i| i.snapshot.counters.late as f64,
    ),
    metric(
        "lbd_failover_latest_seconds",
        GAUGE,
        "The latest of all timers",
        |i| i.snapshot.counters.latest.as_secs_f64(),
    ),
    metric(
        "lbd_failover_takeovers_put_off_total",
        COUNTER,
        "Take-overs put off by lateness",
        |i| i.snapshot.counters.graces as f64,
    ),
    metric(
        "lbd_failover_lower_heard_total",
        COUNTER,
        "Masters of lower rank heard",
        |i| i.snapshot.counters.lower_heard as f64,
    ),
    metric(
        "lbd_failover_addresses_in_place",
        GAUGE,
        "Virtual addresses in place",
        |i| i.placed.len() as f64,
    ),
    metric(
        "lbd_failover_rejected_total",
        COUNTER,
        "Packets refused for any reason",
        |i| i.snapshot.rejections.total() as f64,
    ),
];

fn rejected(instance: &InstanceStatus, reasons: &[R]) -> f64 {
    let counts = &instance.snapshot.rejections;
    let sum: u64 = reasons.iter().map(|reason| counts.of(*reason)).sum();
    sum as f64
}

/// The whole page.
pub fn page(status: &RouterStatus) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(out, "# TYPE keepalived_up gauge\nkeepalived_up 1");
    for metric in INSTANCE {
        let _ = writeln!(out, "# HELP {} {}", metric.name, metric.help);
        let _ = writeln!(out, "# TYPE {} {}", metric.name, metric.kind);
        for instance in &status.instances {
            let _ = writeln!(
                out,
                "{}{{iname=\"{}\",intf=\"{}\",vrid=\"{}\"}} {}",
                metric.name,
                escape(&instance.name),
                escape(&instance.interface),
                instance.vrid,
                (metric.read)(instance)
            );
        }
    }
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

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
