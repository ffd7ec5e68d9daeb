//! Stick tables under real traffic: the same requests through HAProxy and lbd leave the same
//! entries, and rules on them refuse the same requests.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use support::proxy::Program;
use support::{Client, Origin, Proxy, Reply, eventually};

mod checklist;
mod commands;
mod counting;
mod persist;
mod seeds;
mod snapshots;

const HEAD: &str = "\
global
    stats socket <runtime> level admin
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
";

/// Starts `text` behind [`HEAD`] with a server `<s1>`.
fn start(program: &Program, text: &str, origin: &Origin) -> Proxy {
    Proxy::of(program.clone(), format!("{HEAD}{text}"))
        .listener("front")
        .with("s1", origin.address())
        .start()
}

/// Whether the judge is Debian's HAProxy 2.6, which lacks some of the keywords, and some answers of
/// commands.
fn judge_is_old() -> bool {
    support::program::haproxy_is_old()
}

/// A server that answers with the status that the path names.
fn origin() -> Origin {
    Origin::answering("s1", |request, _| {
        let status = request.target.trim_start_matches('/').split('/').next();
        let status = status.and_then(|status| status.parse().ok());
        Reply::status(status.unwrap_or(200), "Some reason")
    })
}

/// The values of an entry by their names as printed.
type Fields = BTreeMap<String, String>;

/// Entries by key, without what differs between two runs: place and remaining time.
fn entries(proxy: &Proxy, table: &str) -> BTreeMap<String, Fields> {
    parse(
        &proxy.runtime(&format!("show table {table}")),
        table.starts_with("tcp"),
    )
}

fn parse(dump: &str, is_tcp: bool) -> BTreeMap<String, Fields> {
    let lines = dump.lines().filter(|line| line.starts_with("0x"));
    lines
        .map(|line| {
            let (_, rest) = line.split_once(": ").expect("place: fields");
            let mut fields: Fields = rest
                .split(' ')
                .filter_map(|field| field.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let key = fields.remove("key").expect("a key");
            fields.remove("exp");
            // HAProxy 2.6 does not print it.
            fields.remove("shard");
            // What HAProxy 2.6 counts of messages is another form of theirs.
            fields.retain(|name, _| !name.starts_with("bytes_") || is_tcp || !judge_is_old());
            (key, fields)
        })
        .collect()
}

/// Runs `drive` on both programs and compares the tables; lbd's are returned.
fn same_tables(
    text: &str,
    tables: &[&str],
    drive: impl Fn(&Proxy),
) -> Vec<BTreeMap<String, Fields>> {
    let mut results = Vec::new();
    for program in [Program::Haproxy, Program::Lbd] {
        let origin = origin();
        let proxy = start(&program, text, &origin);
        drive(&proxy);
        // The last stream or session may still be ending.
        let settled = || {
            tables
                .iter()
                .all(|table| is_settled(&entries(&proxy, table)))
        };
        eventually(
            "nobody tracks an entry any more",
            Duration::from_secs(10),
            settled,
        );
        let found: Vec<_> = tables.iter().map(|table| entries(&proxy, table)).collect();
        results.push(found);
    }
    assert_eq!(results[1], results[0], "lbd, then HAProxy");
    results.remove(1)
}

fn is_settled(entries: &BTreeMap<String, Fields>) -> bool {
    let mut all = entries.values();
    all.all(|fields| fields.get("use").is_none_or(|used| used == "0"))
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
}
