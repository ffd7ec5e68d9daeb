//! The flags of `lbd-failover`: keepalived's, and a few of its own.

use lbd_core::cli;
use vrrp_config::config::Place;

use super::Options;

/// A flag, and what it does to the options.
pub(super) struct Flag {
    /// With its dash, or "".
    pub(super) short: &'static str,
    /// With its dashes.
    pub(super) long: &'static str,
    pub(super) value: Value,
    pub(super) effect: Effect,
    text: &'static str,
}

/// What follows a flag, by its name on pages.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Value {
    None,
    Must(&'static str),
    /// Only in the same word.
    May(&'static str),
}

pub(super) enum Effect {
    Set(fn(&mut Options, String) -> Result<(), String>),
    /// It is about something that is not here and changes nothing.
    Nothing,
    Refused(&'static str),
}

/// All that is said about the command line of `lbd-failover`.
pub fn program() -> cli::Program {
    let flags = FLAGS
        .iter()
        .filter(|flag| !matches!(flag.effect, Effect::Refused(_)))
        .map(|flag| cli::Flag {
            // Where there is no letter, the word stands first.
            short: if flag.short.is_empty() {
                flag.long
            } else {
                flag.short
            },
            long: if flag.short.is_empty() { "" } else { flag.long },
            value: match flag.value {
                Value::None => cli::Value::None,
                Value::Must(name) => cli::Value::Next(name),
                Value::May(name) => cli::Value::Attached(name),
            },
            text: flag.text,
        });
    cli::Program {
        name: "lbd-failover",
        section: 8,
        summary: "gives the address of a pair to the node that can serve",
        synopsis: &["[flags]", "-t [-f <file>]", "--clean [-f <file>]"],
        about: &[
            "lbd-failover owns addresses by VRRP. It reads keepalived.conf as it is and watches the \
             balancer of its node: when that dies or hangs, the address goes to the partner at once.",
            "It is steered by lbctl(1). A stop hands the addresses over first, without breaking a \
             connection; 'lbctl upgrade' goes on as the program that was installed meanwhile.",
        ],
        groups: vec![
            cli::Group {
                title: "flags",
                flags: flags.collect(),
            },
            cli::Group {
                title: "tasks",
                flags: TASKS.to_vec(),
            },
        ],
        exits: &[
            (
                "0",
                "It was told to end and did; '-t': the configuration is good.",
            ),
            ("1", "The command line is refused, or it cannot run."),
            ("2", "The configuration cannot be used."),
            (
                "4",
                "'-t': the configuration cannot be used, or is not there.",
            ),
            ("5", "'-t': it has errors and would run all the same."),
            ("6", "'-t': a script may be changed by others than root."),
        ],
        signals: &[
            (
                "SIGTERM",
                "Hand the addresses over and end; a second one ends at once.",
            ),
            ("SIGHUP", "Read the configuration again."),
            ("SIGUSR1", "Write all data to /tmp/keepalived.data."),
            ("SIGUSR2", "Write all statistics to /tmp/keepalived.stats."),
        ],
        files: &[
            (
                "/etc/lbd/failover.conf",
                "The configuration that lbd-failover.service runs.",
            ),
            (
                "/etc/keepalived/keepalived.conf",
                "The configuration without '-f'.",
            ),
            (
                "/run/lbd/lbctl.sock",
                "Where lbctl asks the daemon of lbd-failover.service.",
            ),
        ],
        see_also: &["lbd(8)", "lbctl(1)", "keepalived.conf(5)"],
    }
}

/// What is done instead of running.
const TASKS: &[cli::Flag] = &[
    cli::Flag {
        long: "--config-test",
        ..cli::Flag::new(
            "-t",
            cli::Value::Attached("file"),
            "tell every fault of the configuration",
        )
    },
    cli::Flag::new(
        "--clean",
        cli::Value::None,
        "take stale addresses away, when no daemon runs",
    ),
    cli::Flag::new(
        "--signum",
        cli::Value::Attached("=STOP|RELOAD|DATA|STATS|JSON"),
        "number of a signal",
    ),
    cli::Flag {
        long: "--version",
        ..cli::Flag::new("-v", cli::Value::None, "version")
    },
    cli::Flag {
        long: "--help",
        ..cli::Flag::new("-h", cli::Value::None, "this page")
    },
];

const NO_LVS: &str = "there is no LVS in lbd-failover";

/// In keepalived's order, then lbd's own.
pub(super) const FLAGS: &[Flag] = &[
    flag(
        "-f",
        "--use-file",
        Value::Must("file"),
        "the configuration",
        |o, v| {
            o.file = v;
            Ok(())
        },
    ),
    nothing("-P", "--vrrp", Value::None),
    refused("-C", "--check", NO_LVS),
    nothing("-B", "--no_bfd", Value::None),
    nothing("", "--all", Value::None),
    flag(
        "-l",
        "--log-console",
        Value::None,
        "log to the console too",
        |o, _| {
            o.log_console = true;
            Ok(())
        },
    ),
    flag("-D", "--log-detail", Value::None, "log more", |o, _| {
        o.log_detail = true;
        Ok(())
    }),
    flag(
        "-S",
        "--log-facility",
        Value::Must("0-7"),
        "facility of syslog: local0 to local7",
        |o, v| {
            let facility = v.parse().ok().filter(|f| *f <= 7);
            o.facility = Some(facility.ok_or("-S takes 0 to 7")?);
            Ok(())
        },
    ),
    flag(
        "-G",
        "--no-syslog",
        Value::None,
        "nothing to syslog",
        |o, _| {
            o.no_syslog = true;
            Ok(())
        },
    ),
    flag(
        "-g",
        "--log-file",
        Value::May("file"),
        "log to this file too",
        |o, v| {
            let name = if v.is_empty() {
                "/tmp/keepalived.log".to_owned()
            } else {
                v
            };
            o.log_file = Some(name.into());
            Ok(())
        },
    ),
    // Every line is written at once.
    nothing("", "--flush-log-file", Value::None),
    nothing("-u", "--umask", Value::Must("mask")),
    // Addresses are always released at the end, unless -V.
    nothing("-X", "--release-vips", Value::None),
    flag(
        "-V",
        "--dont-release-vrrp",
        Value::None,
        "keep the addresses at the end",
        |o, _| {
            o.keeps_addresses = true;
            Ok(())
        },
    ),
    nothing("-I", "--dont-release-ipvs", Value::None),
    nothing("-R", "--dont-respawn", Value::None),
    flag(
        "-n",
        "--dont-fork",
        Value::None,
        "stay in the foreground",
        |o, _| {
            o.is_foreground = true;
            Ok(())
        },
    ),
    flag(
        "-d",
        "--dump-conf",
        Value::None,
        "log the configuration",
        |o, _| {
            o.log_detail = true;
            Ok(())
        },
    ),
    flag(
        "-p",
        "--pid",
        Value::Must("file"),
        "where the process id goes",
        |o, v| {
            o.pid_file = Some(v.into());
            Ok(())
        },
    ),
    // One process has one id.
    nothing("-r", "--vrrp_pid", Value::Must("file")),
    nothing("-c", "--checkers_pid", Value::Must("file")),
    nothing("-b", "--bfd_pid", Value::Must("file")),
    nothing("-a", "--address-monitoring", Value::None),
    refused(
        "-x",
        "--snmp",
        "use the Prometheus port, or lbctl status --json",
    ),
    refused(
        "-A",
        "--snmp-agent-socket",
        "use the Prometheus port, or lbctl status --json",
    ),
    flag(
        "-s",
        "--namespace",
        Value::Must("name"),
        "network namespace, whatever the configuration says",
        |o, v| {
            Place::check(&v).map_err(|why| format!("-s '{v}' {why}"))?;
            o.net_namespace = Some(v);
            Ok(())
        },
    ),
    nothing("-m", "--core-dump", Value::None),
    nothing("-M", "--core-dump-pattern", Value::May("pattern")),
    // A missing or empty configuration is told always.
    nothing("-e", "--all-config", Value::None),
    flag(
        "-i",
        "--config-id",
        Value::Must("name"),
        "what lines of @name are compared with",
        |o, v| {
            o.config_id = Some(v);
            Ok(())
        },
    ),
    refused("-T", "--genhash", NO_LVS),
    flag(
        "",
        "--socket",
        Value::Must("path"),
        "where lbctl asks",
        |o, v| {
            o.socket = Some(v.into());
            Ok(())
        },
    ),
    flag(
        "",
        "--no-guardian",
        Value::None,
        "nobody watches over the daemon",
        |o, _| {
            o.no_guardian = true;
            Ok(())
        },
    ),
    flag(
        "",
        "--no-drop",
        Value::None,
        "keep all privileges",
        |o, _| {
            o.keeps_privileges = true;
            Ok(())
        },
    ),
];

const fn flag(
    short: &'static str,
    long: &'static str,
    value: Value,
    text: &'static str,
    set: fn(&mut Options, String) -> Result<(), String>,
) -> Flag {
    Flag {
        short,
        long,
        value,
        effect: Effect::Set(set),
        text,
    }
}

const fn nothing(short: &'static str, long: &'static str, value: Value) -> Flag {
    Flag {
        short,
        long,
        value,
        effect: Effect::Nothing,
        text: "no effect",
    }
}

const fn refused(short: &'static str, long: &'static str, why: &'static str) -> Flag {
    Flag {
        short,
        long,
        value: Value::None,
        effect: Effect::Refused(why),
        text: why,
    }
}
