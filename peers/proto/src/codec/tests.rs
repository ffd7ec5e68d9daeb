use std::net::Ipv4Addr;

use lbd_core::Time;
use lbd_table::{Key, KeyType, Schema, Stored, Table};
use proptest::prelude::*;

use super::definition::{self, Column};
use super::entry::{self, Names};
use super::*;

fn schema() -> Schema {
    let mut schema = Schema::new(KeyType::Ipv4, 100).unwrap();
    schema.expire_ms = Some(600_000);
    for stored in [
        Stored::plain(DataType::ServerId),
        Stored::plain(DataType::Gpc0),
        Stored::rate(DataType::ConnRate, 30_000),
        Stored::plain(DataType::BytesInCnt),
        Stored::plain(DataType::ServerKey),
        Stored::array(DataType::Gpt, 3),
        Stored {
            elements: 2,
            ..Stored::rate(DataType::GpcRate, 10_000)
        },
    ] {
        schema.store(stored).unwrap();
    }
    schema
}

use lbd_table::DataType;

#[test]
fn a_definition_comes_back() {
    let mut body = Vec::new();
    definition::put(&mut body, 7, "t1", &schema());
    let taken = definition::take(&body).unwrap();
    assert_eq!((taken.id, taken.name), (7, &b"t1"[..]));
    assert_eq!((taken.key_type, taken.key_len), (4, 4));
    assert_eq!(taken.bitmap, schema().bitmap());
    let elements: Vec<_> = taken.columns.iter().map(|c| (c.data, c.elements)).collect();
    assert_eq!(elements.len(), 7);
    assert_eq!(elements[5], (DataType::Gpt, 3));
    assert_eq!(elements[6], (DataType::GpcRate, 2));
    for len in 0..7 {
        assert_eq!(
            definition::take(&body[..len]),
            Err(Fault::Protocol),
            "{len}"
        );
    }
}

#[test]
fn unknown_bits_and_what_follows_them_do_no_harm() {
    let mut body = Vec::new();
    for value in [9, 1] {
        varint::put(&mut body, value);
    }
    body.push(b't');
    for value in [4, 4, 0x4 | 1 << 40 | 1 << 63, 1000, 40, 1, 2, 3] {
        varint::put(&mut body, value);
    }
    let taken = definition::take(&body).unwrap();
    let only = Column {
        data: DataType::Gpc0,
        elements: 1,
    };
    assert_eq!(taken.columns, [only]);
}

#[test]
fn an_entry_comes_back_in_another_table() {
    let now = Time::from_millis(5000);
    let from = Table::new("a", schema(), 1);
    let to = Table::new("b", schema(), 2);
    let key = Key::ipv4(Ipv4Addr::new(192, 0, 2, 7));
    from.upsert(&key, now, |entry| {
        entry.set_server_id(-3);
        entry.set_server_key("s1");
        entry.count_bytes_in(1 << 40);
        entry.start_connection();
        entry.set_gpt(2, 9);
    })
    .unwrap();
    let (mut sent, mut received) = (Names::default(), Names::default());
    let mut definition = Vec::new();
    definition::put(&mut definition, 1, "t", &schema());
    let columns = definition::take(&definition).unwrap().columns;
    // The name is told once and then only its place.
    for round in 0..2 {
        let mut body = Vec::new();
        from.read(&key, now, |view| {
            entry::put(&mut body, view, KeyType::Ipv4, &mut sent);
        });
        assert_eq!(body.windows(2).any(|two| two == b"s1"), round == 0);
        let mut fields = Fields::new(&body);
        let taken_key = entry::take_key(&mut fields, KeyType::Ipv4).unwrap();
        let (mut taken, mut items) = (Vec::new(), Vec::new());
        entry::take_values(&mut fields, &columns, &mut received, &mut taken).unwrap();
        assert!(fields.is_empty());
        entry::items(&taken, &received, &mut items);
        to.learn(&taken_key, None, &items, None, now).unwrap();
    }
    let line = |table: &Table| {
        table.read(&key, now, |view| {
            let mut line = String::new();
            view.write_line(&mut line);
            line.split_once(" server_id").unwrap().1.to_owned()
        })
    };
    assert_eq!(line(&from), line(&to));
}

proptest! {
    #[test]
    fn no_bytes_are_a_danger(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut rest = &bytes[..];
        while let Ok(Some((message, used))) = take(rest) {
            let mut names = Names::default();
            let mut taken = Vec::new();
            if let Ok(definition) = definition::take(message.body) {
                let mut fields = Fields::new(message.body);
                let _ = entry::take_values(
                    &mut fields,
                    &definition.columns,
                    &mut names,
                    &mut taken,
                );
            }
            for key in [KeyType::Integer, KeyType::DEFAULT_STRING, KeyType::Ipv6] {
                let _ = entry::take_key(&mut Fields::new(message.body), key);
            }
            rest = &rest[used..];
        }
    }

    #[test]
    fn a_message_is_waited_for_and_comes_back(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = Vec::new();
        put(&mut bytes, kind::UPDATE, &body);
        for len in 0..bytes.len() {
            prop_assert_eq!(take(&bytes[..len]), Ok(None));
        }
        let message = Message { class: TABLE, kind: kind::UPDATE, body: &body };
        prop_assert_eq!(take(&bytes), Ok(Some((message, bytes.len()))));
    }
}

#[test]
fn a_message_larger_than_a_buffer_is_refused() {
    let mut bytes = vec![TABLE, kind::UPDATE];
    varint::put(&mut bytes, 40_000);
    assert_eq!(take(&bytes), Err(Fault::TooLarge));
}
