//! Prints what entries cost: bytes for each, nanoseconds for each operation.
//!
//! `cargo run --release -p lbd-table --example measure [entries]`
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the clock and its arguments; the library does not"
)]

use std::ops::ControlFlow;

use lbd_core::Time;
use lbd_table::{DataType, Gpc, Key, KeyType, Rate, Schema, Stored, Table, Tracked, Value, Walk};

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let entries = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => 1_000_000,
    };
    memory(entries)?;
    single(entries)?;
    threads(entries)?;
    peers(entries)?;
    full(entries)
}

fn schema(key: KeyType, size: u32, rates: usize) -> Result<Schema, Failed> {
    let mut schema = Schema::new(key, size)?;
    schema.expire_ms = Some(600_000);
    schema.store(Stored::plain(DataType::Gpc0))?;
    let kinds = [
        DataType::ConnRate,
        DataType::HttpReqRate,
        DataType::SessRate,
        DataType::HttpErrRate,
        DataType::BytesInRate,
    ];
    for data in kinds.into_iter().take(rates) {
        schema.store(Stored::rate(data, 10_000))?;
    }
    Ok(schema)
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn memory(entries: u32) -> Result<(), Failed> {
    for (name, key) in [
        ("ip", KeyType::Ipv4),
        ("ipv6", KeyType::Ipv6),
        ("string len 32", KeyType::String { len: 32 }),
    ] {
        for rates in [0, 2, 5] {
            let table = Table::new("t", schema(key, entries, rates)?, 1);
            let before = resident();
            for n in 0..entries {
                hit(&table, key, n)?;
            }
            let resident = resident().saturating_sub(before) as f64 / f64::from(entries);
            let counted = table.stats().bytes as f64 / f64::from(entries);
            println!(
                "memory {name}, {} types: {counted:.0} bytes allocated, {resident:.0} resident",
                rates + 1
            );
        }
    }
    Ok(())
}

fn hit(table: &Table, key: KeyType, n: u32) -> Result<(), Failed> {
    let text;
    let key = match key {
        KeyType::Ipv4 => Key::ipv4(n.into()),
        KeyType::Ipv6 => Key::ipv6(u128::from(n).into()),
        other => {
            text = format!("{n:032}");
            Key::bytes_of(text.as_bytes(), other)
        }
    };
    table.upsert(&key, Time::ZERO, |entry| entry.add_gpc(Gpc::First, 1))?;
    Ok(())
}

/// Nanoseconds that this thread has spent on a processor: other work on the machine does not count.
fn spent() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

fn report(what: &str, operations: u32, start: u64) {
    let spent = (spent() - start) as f64;
    println!(
        "{what}: {:.0} ns of processor time",
        spent / f64::from(operations)
    );
}

/// Keys in an order that no cache likes.
fn scattered(n: u32, entries: u32) -> u32 {
    n.wrapping_mul(2_654_435_761) % entries
}

fn single(entries: u32) -> Result<(), Failed> {
    let table = Table::new("t", schema(KeyType::Ipv4, entries, 2)?, 1);
    let start = spent();
    for n in 0..entries {
        hit(&table, KeyType::Ipv4, n)?;
    }
    report("create", entries, start);
    let start = spent();
    for n in 0..entries {
        hit(&table, KeyType::Ipv4, scattered(n, entries))?;
    }
    report("look up and count, scattered keys", entries, start);
    let start = spent();
    for n in 0..entries {
        let key = Key::ipv4(scattered(n, entries).into());
        let tracked = Tracked::start(&table, &key, Time::ZERO)?;
        tracked.edit(Time::ZERO, |entry| {
            entry.add_gpc(Gpc::First, 1);
            entry.count_request();
        });
        tracked.end(Time::ZERO);
    }
    report("track, count twice, end, scattered keys", entries, start);
    let tracked = Tracked::start(&table, &Key::ipv4(7.into()), Time::ZERO)?;
    let start = spent();
    for n in 0..entries {
        tracked.edit(Time(u64::from(n) * 1000), |entry| entry.count_request());
    }
    report("update of a tracked entry", entries, start);
    let start = spent();
    let mut text = String::new();
    let mut walk = Walk::default();
    while table.walk(&mut walk, Time::ZERO, 4096, |entry| {
        entry.write_line(&mut text);
        ControlFlow::Continue(())
    }) {
        text.clear();
    }
    report("line of show table", entries, start);
    Ok(())
}

fn threads(entries: u32) -> Result<(), Failed> {
    let table = Table::new("t", schema(KeyType::Ipv4, entries, 2)?, 1);
    let run = |thread: u32| {
        let start = spent();
        for n in 0..entries {
            // The table has room for all of them.
            let _ = hit(&table, KeyType::Ipv4, (n ^ thread) % 50_000);
        }
        report("look up and count, 2 threads on 50k keys", entries, start);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| run(1));
        run(2);
    });
    Ok(())
}

fn peers(entries: u32) -> Result<(), Failed> {
    let table = Table::new("t", schema(KeyType::Ipv4, entries, 2)?, 1);
    let reader = table.add_reader().ok_or("no reader")?;
    let start = spent();
    for n in 0..entries {
        hit(&table, KeyType::Ipv4, n)?;
    }
    report("create with a log", entries, start);
    let bytes = table.stats().bytes as f64 / f64::from(entries);
    println!("memory ip, 3 types, all in the log: {bytes:.0} bytes allocated");
    let start = spent();
    loop {
        let mut last = 0;
        let pulled = table.pull(reader, Time::ZERO, 4096, |id, _| {
            last = id;
            ControlFlow::Continue(())
        });
        table.acknowledge(reader, last as u32);
        if !pulled.has_more {
            break;
        }
    }
    report("read from the log", entries, start);
    let start = spent();
    let mut walk = Walk::default();
    let mut met = 0_u64;
    while table.teach(&mut walk, Time::ZERO, 4096, |entry| {
        entry.values(|_, _, value| met += u64::from(value == Value::Unsigned(1)));
        ControlFlow::Continue(())
    }) {}
    report("entry of a lesson", entries, start);
    let learner = Table::new("t", schema(KeyType::Ipv4, entries, 2)?, 2);
    let rate = Value::Rate(Rate {
        elapsed_ms: 5,
        current: 1,
        previous: 0,
    });
    let items = [
        (DataType::Gpc0, 0, Value::Unsigned(1)),
        (DataType::ConnRate, 0, rate),
        (DataType::HttpReqRate, 0, rate),
    ];
    let start = spent();
    for n in 0..entries {
        learner.learn(&Key::ipv4(n.into()), Some(9000), &items, None, Time::ZERO)?;
    }
    report("learn an entry", entries, start);
    Ok(())
}

fn full(entries: u32) -> Result<(), Failed> {
    let size = (entries / 10).max(1);
    let table = Table::new("t", schema(KeyType::Ipv4, size, 2)?, 1);
    for n in 0..size {
        hit(&table, KeyType::Ipv4, n)?;
    }
    let start = spent();
    for n in 0..entries {
        hit(&table, KeyType::Ipv4, size + n)?;
    }
    report("create in a full table", entries, start);
    let start = spent();
    while table.expire(Time::from_millis(600_000), 1000).is_some() {}
    report("expire", size, start);
    Ok(())
}
