//! What `lbctl` does: it asks `lbd-failover` who owns what and hands addresses over, looks over the
//! machine, brings configurations of HAProxy and keepalived along, and watches balancers.

pub mod doctor;
pub mod import;
pub mod reload;
mod top;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use lbd_core::cli::{Flag, Group, Program, Value as FlagValue};

use serde_json::Value;

/// All that is said about the command line of `lbctl`.
pub fn program() -> Program {
    Program {
        name: "lbctl",
        section: 1,
        summary: "shows and steers lbd and lbd-failover",
        synopsis: &["[--socket <path>] <command> [flags]"],
        about: &[
            "lbctl asks the lbd-failover of this machine. Members of the group lbd may use it.",
            "'reload' asks the master of lbd instead, which only root may: it waits until the balancer goes \
             on by its files as they are now, as the program that is installed now, and tells what there is \
             to tell. What is refused changes nothing.",
            "'doctor' looks over the machine and tells what would keep a pair from working, each \
             finding with the command that mends it.",
            "'import' reads the configurations of HAProxy and keepalived and tells for each line \
             whether lbd takes it as it is, changed, or not at all. It writes nothing without --write.",
            "'top' shows frontends, servers and backends, of both nodes when there are two, with the \
             views and keys of hatop; 'h' lists them. It asks runtime sockets ('stats socket'): this \
             node's by its path in /etc/lbd/lbd.cfg, the partner's by the address that \
             /etc/lbd/failover.conf has of it ('handover', or the only unicast peer) and the port of \
             a 'stats socket' on TCP, which both nodes have. Such a socket asks for no password: bind \
             it to the address between the nodes, with the level that the partner's users may have.",
        ],
        groups: vec![
            Group {
                title: "commands",
                flags: COMMANDS.to_vec(),
            },
            Group {
                title: "flags",
                flags: FLAGS.to_vec(),
            },
        ],
        exits: &[
            (
                "0",
                "Done; 'doctor' found nothing, 'import' nothing that is refused.",
            ),
            (
                "1",
                "It was refused; 'doctor' and 'import' found something.",
            ),
            ("2", "The command line is wrong, or nobody answers."),
        ],
        signals: &[],
        files: &[
            ("/run/lbd/lbctl.sock", "Where lbd-failover.service answers."),
            ("/run/lbd/admin.sock", "Where lbd.service answers ('top')."),
            (reload::SOCKET, "Where the master of lbd.service answers."),
            (
                "/run/lbd-failover.sock",
                "Where an lbd-failover answers that was started without '--socket'.",
            ),
        ],
        see_also: &["lbd(8)", "lbd-failover(8)"],
    }
}

const COMMANDS: &[Flag] = &[
    Flag::new(
        "status",
        FlagValue::None,
        "who owns what, since when, why, what is heard from whom",
    ),
    Flag::new(
        "switchover",
        FlagValue::Attached(" name"),
        "hand the addresses of an instance or group to the partner",
    ),
    Flag::new(
        "upgrade",
        FlagValue::None,
        "lbd-failover: go on as the program that was installed meanwhile",
    ),
    Flag::new(
        "reload",
        FlagValue::None,
        "lbd: go on by its files, and as the program, that are there now",
    ),
    Flag::new("metrics", FlagValue::None, "what Prometheus reads"),
    Flag::new(
        "doctor",
        FlagValue::None,
        "what would keep this machine from working, and how to mend it",
    ),
    Flag::new(
        "import",
        FlagValue::None,
        "bring configurations of HAProxy and keepalived along",
    ),
    Flag::new(
        "top",
        FlagValue::None,
        "frontends, servers and backends of both nodes, again and again",
    ),
];

const FLAGS: &[Flag] = &[
    Flag::new(
        "--socket",
        FlagValue::Next("path"),
        "where lbd-failover answers; reload: where the master of lbd does",
    ),
    Flag::new("--json", FlagValue::None, "status, doctor: for programs"),
    Flag::new(
        "--check",
        FlagValue::None,
        "switchover, import: only tell what would be done",
    ),
    Flag::new(
        "--haproxy",
        FlagValue::Next("file"),
        "import: configuration of the balancer",
    ),
    Flag::new(
        "--keepalived",
        FlagValue::Next("file"),
        "import: configuration of the addresses",
    ),
    Flag::new(
        "--write",
        FlagValue::None,
        "import: write /etc/lbd/lbd.cfg and /etc/lbd/failover.conf",
    ),
    Flag::new(
        "--output",
        FlagValue::Next("dir"),
        "import: write there instead of /etc/lbd",
    ),
    Flag::new(
        "--balancer",
        FlagValue::Next("socket"),
        "top: runtime socket of this node, a path or <host>:<port>",
    ),
    Flag::new(
        "--peer",
        FlagValue::Next("socket"),
        "top: runtime socket of the partner",
    ),
    Flag::new(
        "--interval",
        FlagValue::Next("seconds"),
        "top: how often is asked (3)",
    ),
    Flag::new("--read-only", FlagValue::None, "top: change nothing"),
];

/// Where the daemon answers: the unit's first, then the one of a daemon started by hand.
const SOCKETS: &[&str] = &["/run/lbd/lbctl.sock", "/run/lbd-failover.sock"];

/// Does what the words behind the program's name say; false when it was refused.
///
/// # Errors
/// When the words are none, or nobody answers.
pub fn run(mut words: Vec<String>) -> Result<bool, String> {
    let mut named = None;
    if let Some(at) = words.iter().position(|word| word == "--socket") {
        words.remove(at);
        if at >= words.len() {
            return Err("--socket needs a path".to_owned());
        }
        named = Some(words.remove(at));
    }
    let found = SOCKETS.iter().find(|path| Path::new(path).exists());
    let socket = named
        .as_deref()
        .unwrap_or_else(|| found.unwrap_or(&SOCKETS[0]));
    match words.first().map(String::as_str) {
        Some("reload") if words.len() == 1 => {
            return reload::main(named.as_deref().unwrap_or(reload::SOCKET));
        }
        Some("doctor") => return doctor::main(&words[1..]),
        Some("import") => return import::main(&words[1..]),
        Some("top") => return top::main(&words[1..]),
        _ => {}
    }
    let is_json = words.iter().any(|word| word == "--json");
    words.retain(|word| word != "--json");
    match words.first().map(String::as_str) {
        Some("status") => {
            let text = ask(socket, "status")?;
            let value: Value =
                serde_json::from_str(&text).map_err(|_| format!("no status: {}", text.trim()))?;
            if is_json {
                println!("{value:#}");
            } else {
                show(&value);
            }
            Ok(true)
        }
        Some("metrics") => {
            print!("{}", ask(socket, "metrics")?);
            Ok(true)
        }
        Some("switchover" | "upgrade") => {
            let text = ask(socket, &words.join(" "))?;
            print!("{text}");
            Ok(!text.starts_with("error"))
        }
        _ => Err(program().usage().trim_end().to_owned()),
    }
}

fn ask(socket: &str, request: &str) -> Result<String, String> {
    let fail = |error: std::io::Error| format!("{socket}: {error}; is lbd-failover running?");
    let mut stream = UnixStream::connect(socket).map_err(fail)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(fail)?;
    stream
        .write_all(format!("{request}\n").as_bytes())
        .map_err(fail)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(fail)?;
    Ok(text)
}

fn show(status: &Value) {
    let list = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    for one in list(status, "instances") {
        let text = |key: &str| match one.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => "-".to_owned(),
            Some(other) => other.to_string(),
        };
        let age = one
            .get("age_seconds")
            .and_then(Value::as_f64)
            .unwrap_or(0.0);
        println!(
            "{} (vrid {} on {}): {}",
            text("name"),
            text("vrid"),
            text("interface"),
            text("state")
        );
        println!("  for {age:.1} s because: {}", text("reason"));
        println!(
            "  priority {} (configured {})",
            text("priority"),
            text("base_priority")
        );
        if one.get("master").is_some_and(|master| !master.is_null()) {
            println!(
                "  hears {} with priority {}",
                text("master"),
                text("master_priority")
            );
        }
        let placed: Vec<String> = list(&one, "placed")
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect();
        println!(
            "  addresses in place: {}",
            if placed.is_empty() {
                "none".to_owned()
            } else {
                placed.join(" ")
            }
        );
        println!(
            "  advertisements sent {} received {}, became master {}, late {}",
            text("adverts_sent"),
            text("adverts_received"),
            text("became_master"),
            text("late")
        );
    }
    for group in list(status, "groups") {
        let text = |key: &str| {
            group
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or("-")
                .to_owned()
        };
        println!("group {}: {}", text("name"), text("state"));
    }
}

/// Longer than a switchover takes to begin.
const PATIENCE: Duration = Duration::from_secs(60);
