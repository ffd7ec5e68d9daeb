use lbd_table::{DataType, Gpc, Key, KeyType, Schema, Stored};

use super::*;

fn table(key: KeyType) -> Table {
    let mut schema = Schema::new(key, 10_000).unwrap();
    schema.expire_ms = Some(60_000);
    for stored in [
        Stored::plain(DataType::Gpc0),
        Stored::plain(DataType::ServerKey),
        Stored {
            period_ms: 10_000,
            ..Stored::plain(DataType::ConnRate)
        },
    ] {
        schema.store(stored).unwrap();
    }
    Table::new("t", schema, 3)
}

fn filled(count: u32) -> Table {
    let table = table(KeyType::Integer);
    for n in 0..count {
        let change = |entry: &mut lbd_table::EntryMut<'_>| {
            entry.add_gpc(Gpc::First, n + 1);
            entry.set_server_key(&format!("s{}", n % 200));
            entry.touch();
        };
        table.upsert(&Key::integer(n), at(1000), change).unwrap();
    }
    table
}

fn nodes() -> Vec<String> {
    vec!["b".to_owned()]
}

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn written(table: &Table, now: Time, wall_ms: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(nodes());
    writer.begin(&mut out, table, 5);
    while writer.entries(&mut out, table, now, wall_ms) {}
    writer.end(&mut out);
    out
}

fn blocks(bytes: &[u8]) -> Result<Vec<&[u8]>, Damage> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(Damage::Version)?;
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let frame: [u8; FRAME] = rest.get(..FRAME).ok_or(Damage::Cut)?.try_into().unwrap();
        let block = rest
            .get(FRAME..FRAME + block_len(frame)?)
            .ok_or(Damage::Cut)?;
        verify(frame, block)?;
        blocks.push(block);
        rest = &rest[FRAME + block.len()..];
    }
    Ok(blocks)
}

fn restore(bytes: &[u8], table: &Table, now: Time, wall_ms: u64) -> Result<(u64, u64), Damage> {
    let blocks = blocks(bytes)?;
    let (first, rest) = blocks.split_first().ok_or(Damage::Cut)?;
    let mut looking = Reader::looking(head(first)?, table)?;
    for block in rest {
        looking.block(block)?;
    }
    if !looking.is_complete() {
        return Err(Damage::Cut);
    }
    let nodes = nodes();
    let mut taking = Reader::taking(head(first)?, table, &nodes, (now, wall_ms))?;
    for block in rest {
        taking.block(block)?;
    }
    Ok((taking.count(), taking.expired))
}

#[test]
fn what_was_written_is_there_again_with_the_time_that_has_passed() {
    let from = filled(5000);
    let bytes = written(&from, at(2000), 1_000_000);
    let to = table(KeyType::Integer);
    assert_eq!(restore(&bytes, &to, at(50), 1_010_000), Ok((5000, 0)));
    assert_eq!(to.used(), 5000);
    for n in [0, 4999] {
        let seen = to.read(&Key::integer(n), at(50), |entry| {
            (
                entry.gpc(Gpc::First),
                entry.server_key().map(|name| name.to_string()),
                entry.expires_in_ms(),
                entry.is_local(),
            )
        });
        let name = format!("s{}", n % 200);
        // 60 s, of which one had passed when it was written and ten more since.
        assert_eq!(seen, Some((Some(n + 1), Some(name), 49_000, false)));
    }
}

#[test]
fn entries_whose_time_is_over_meanwhile_stay_away() {
    let bytes = written(&filled(10), at(2000), 1_000_000);
    let to = table(KeyType::Integer);
    assert_eq!(restore(&bytes, &to, at(50), 1_060_000), Ok((10, 10)));
    assert_eq!(to.used(), 0);
}

#[test]
fn every_cut_and_every_changed_byte_is_noticed_before_anything_is_taken() {
    let bytes = written(&filled(40), at(2000), 1_000_000);
    for len in 0..bytes.len() {
        let to = table(KeyType::Integer);
        assert!(
            restore(&bytes[..len], &to, at(50), 1_000_000).is_err(),
            "{len}"
        );
        assert_eq!(to.used(), 0);
    }
    for place in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[place] ^= 0x41;
        let to = table(KeyType::Integer);
        assert!(restore(&bytes, &to, at(50), 1_000_000).is_err(), "{place}");
        assert_eq!(to.used(), 0);
    }
}

#[test]
fn a_table_with_other_keys_takes_nothing() {
    let bytes = written(&filled(3), at(2000), 1_000_000);
    let to = table(KeyType::Ipv4);
    let restored = restore(&bytes, &to, at(50), 1_000_000);
    assert_eq!(restored, Err(Damage::OtherTable));
}

#[test]
fn parts_of_other_nodes_are_kept_apart() {
    let with_parts = || {
        let mut schema = Schema::new(KeyType::Integer, 100).unwrap();
        schema.nodes = 1;
        schema.store(Stored::plain(DataType::Gpc0)).unwrap();
        Table::new("t", schema, 3)
    };
    let key = Key::integer(1);
    let from = with_parts();
    let theirs = |events| {
        let told = Told {
            origin: Origin::Teller(0),
            epoch: 0,
            expires_ms: None,
            is_sure: true,
        };
        (told, [(DataType::Gpc0, 0, Value::Unsigned(events))])
    };
    from.upsert(&key, at(1), |entry| entry.add_gpc(Gpc::First, 5))
        .unwrap();
    let (told, items) = theirs(7);
    from.learn_of(&key, told, &items, None, at(1)).unwrap();
    let to = with_parts();
    restore(&written(&from, at(2), 1), &to, at(2), 1).unwrap();
    let sum = || to.read(&key, at(2), |entry| entry.gpc(Gpc::First).unwrap());
    assert_eq!(sum(), Some(12));
    let (told, items) = theirs(8);
    to.learn_of(&key, told, &items, None, at(2)).unwrap();
    assert_eq!(sum(), Some(13));
}
