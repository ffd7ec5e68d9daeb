//! `lbctl`: asks `lbd-failover` who owns what, and hands addresses over.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

const USAGE: &str = "\
usage: lbctl [--socket PATH] COMMAND
  status [--json]          who owns what, since when, why, what is heard from whom
  switchover [--check] [NAME]
                           hand the addresses of an instance or group to the partner
  upgrade                  go on as the program that was installed meanwhile
  metrics                  what Prometheus reads";
const SOCKET: &str = "/run/lbd-failover.sock";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(is_well) => ExitCode::from(u8::from(!is_well)),
        Err(message) => {
            eprintln!("lbctl: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(mut words: Vec<String>) -> Result<bool, String> {
    let mut socket = SOCKET.to_owned();
    if let Some(at) = words.iter().position(|word| word == "--socket") {
        words.remove(at);
        if at >= words.len() {
            return Err("--socket needs a path".to_owned());
        }
        socket = words.remove(at);
    }
    let is_json = words.iter().any(|word| word == "--json");
    words.retain(|word| word != "--json");
    match words.first().map(String::as_str) {
        Some("status") => {
            let text = ask(&socket, "status")?;
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
            print!("{}", ask(&socket, "metrics")?);
            Ok(true)
        }
        Some("switchover" | "upgrade") => {
            let text = ask(&socket, &words.join(" "))?;
            print!("{text}");
            Ok(!text.starts_with("error"))
        }
        _ => Err(USAGE.to_owned()),
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
