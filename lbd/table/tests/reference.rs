//! Values that HAProxy 3.4.0 showed for the same input: sent by a peer or by `set table`, read with
//! `show table`.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lbd_core::{Time, Value as Sample};
use lbd_table::{
    DataType, Filter, Gpc, Key, KeyType, Operator, Rate, Schema, Stored, Table, Value,
};

const PERIOD: u32 = 1_000_000;
/// Milliseconds between sending and `show table` there, known from the finest of the values.
const LATER: u64 = 51;

/// Elapsed, current and previous as sent; the rate shown.
const RATES: &[(u32, u32, u32, u32)] = &[
    (0, 0, 0, 0),
    (0, 5, 0, 5),
    (250_000, 100, 200, 249),
    (999_000, 100, 200, 100),
    (500_000, 0, 1, 1),
    (500_000, 0, 2, 0),
    (500_000, 1, 0, 1),
    (1_250_000, 100, 200, 74),
    (1_250_000, 1, 200, 1),
    (1_250_000, 2, 200, 1),
    (1_750_000, 4_000_000_000, 7, 999_796_000),
    (1_999_000, 1, 9, 1),
    (1_999_000, 1000, 9, 0),
    (2_100_000, 50, 50, 0),
    (900_000, 0, 4_294_967_295, 429_277_686),
];

fn now(ms: u64) -> Time {
    Time::from_millis(10_000_000 + ms)
}

fn line(table: &Table, key: &Key<'_>, ms: u64) -> String {
    let mut line = String::new();
    table
        .read(key, now(ms), |entry| entry.write_line(&mut line))
        .unwrap();
    // Places are not the reference's.
    line.split_once(": ").unwrap().1.to_owned()
}

#[test]
fn rates_read_as_the_reference_shows_them() {
    let mut schema = Schema::new(KeyType::Integer, 1024).unwrap();
    schema.expire_ms = Some(3_600_000);
    schema
        .store(Stored::rate(DataType::ConnRate, PERIOD))
        .unwrap();
    let table = Table::new("r", schema, 1);
    for (n, &(elapsed_ms, current, previous, shown)) in RATES.iter().enumerate() {
        let key = Key::integer(n as u32);
        let rate = Rate {
            elapsed_ms,
            current,
            previous,
        };
        let items = [(DataType::ConnRate, 0, Value::Rate(rate))];
        table.learn(&key, None, &items, None, now(0)).unwrap();
        assert_eq!(
            line(&table, &key, LATER),
            format!("key={n} use=0 exp=3599949 shard=0 conn_rate(1000000)={shown}\n"),
        );
    }
}

fn strings() -> Table {
    let mut schema = Schema::new(KeyType::String { len: 8 }, 1024).unwrap();
    schema.expire_ms = Some(3_600_000);
    schema.brates_factor = 100;
    for data in [
        DataType::Gpc0,
        DataType::Gpt0,
        DataType::ConnCnt,
        DataType::BytesInCnt,
        DataType::ServerId,
        DataType::ServerKey,
        DataType::HttpReqCnt,
    ] {
        schema.store(Stored::plain(data)).unwrap();
    }
    schema
        .store(Stored::rate(DataType::BytesInRate, PERIOD))
        .unwrap();
    Table::new("c", schema, 1)
}

fn string<'a>(table: &Table, text: &'a [u8]) -> Key<'a> {
    Key::of(Sample::Str(text), table.schema().key).unwrap()
}

#[test]
fn counters_wrap_and_take_the_low_bits_of_what_is_set() {
    let table = strings();
    let key = string(&table, b"abc");
    table
        .upsert(&key, now(0), |entry| {
            entry.set(DataType::Gpc0, 0, 4_294_967_295);
            entry.set(DataType::Gpt0, 0, -1);
            entry.set(DataType::ConnCnt, 0, 4_294_967_296);
        })
        .unwrap();
    table
        .upsert(&key, now(0), |entry| {
            entry.start_connection();
            entry.count_request();
            assert_eq!(entry.add_gpc(Gpc::First, 1), Some(0));
            assert_eq!(entry.add_gpc(Gpc::First, 1), Some(1));
            entry.count_bytes_in(44);
        })
        .unwrap();
    assert_eq!(
        line(&table, &key, 1),
        "key=abc use=0 exp=3599999 shard=0 server_id=0 gpt0=4294967295 gpc0=1 conn_cnt=1 \
         http_req_cnt=1 bytes_in_cnt=44 bytes_in_rate(1000000)=100 server_key=-\n"
    );
    let filter = Filter {
        data: DataType::Gpt0,
        index: 0,
        operator: Operator::Eq,
        value: 4_294_967_295,
    };
    assert_eq!(
        table.read(&key, now(1), |entry| filter.matches(entry)),
        Some(true)
    );
}

#[test]
fn long_strings_name_the_entry_of_their_beginning() {
    let table = strings();
    for (text, value) in [(&b"abcdefghijk"[..], 7), (b"abcdefgh", 9)] {
        table
            .upsert(&string(&table, text), now(0), |entry| {
                entry.set(DataType::Gpc0, 0, value);
            })
            .unwrap();
    }
    let found = table.read(&string(&table, b"abcdefghiZZZ"), now(0), |entry| {
        (entry.key().to_vec(), entry.number(DataType::Gpc0, 0))
    });
    assert_eq!(found, Some((b"abcdefgh".to_vec(), Some(9))));
    assert_eq!(table.used(), 1);
}

#[test]
fn what_is_not_printable_in_a_key_is_escaped() {
    let table = strings();
    let key = string(&table, b"a b=c\\d\xC3\xA9");
    table.upsert(&key, now(0), |entry| entry.touch()).unwrap();
    let shown = line(&table, &key, 0);
    assert!(shown.starts_with("key=a\\ b\\=c\\\\d\\xC3 use=0 exp=3600000 "));
}

#[test]
fn elements_of_arrays_have_their_index_in_the_name() {
    let mut schema = Schema::new(KeyType::Integer, 1024).unwrap();
    schema.expire_ms = Some(3_600_000);
    schema.store(Stored::array(DataType::Gpc, 3)).unwrap();
    schema.store(Stored::array(DataType::Gpt, 2)).unwrap();
    schema
        .store(Stored {
            data: DataType::GpcRate,
            elements: 3,
            period_ms: PERIOD,
        })
        .unwrap();
    let table = Table::new("g", schema, 1);
    let key = Key::of(Sample::Int(-1), KeyType::Integer).unwrap();
    table
        .upsert(&key, now(0), |entry| {
            assert!(entry.set(DataType::Gpc, 2, 5));
            assert!(entry.set(DataType::GpcRate, 1, 7));
            assert!(!entry.set(DataType::Gpc, 3, 5));
        })
        .unwrap();
    assert_eq!(
        line(&table, &key, 1),
        "key=4294967295 use=0 exp=3599999 shard=0 gpt0=0 gpt1=0 gpc0=0 gpc1=0 gpc2=5 \
         gpc0_rate(1000000)=0 gpc1_rate(1000000)=7 gpc2_rate(1000000)=0\n"
    );
    let key = Key::integer(77);
    table
        .upsert(&key, now(0), |entry| {
            entry.add_gpc(Gpc::At(1), 1);
            entry.add_gpc(Gpc::At(1), 1);
            entry.add_gpc(Gpc::First, 1);
        })
        .unwrap();
    assert_eq!(
        line(&table, &key, 0),
        "key=77 use=0 exp=3600000 shard=0 gpt0=0 gpt1=0 gpc0=1 gpc1=2 gpc2=0 \
         gpc0_rate(1000000)=1 gpc1_rate(1000000)=2 gpc2_rate(1000000)=0\n"
    );
}

#[test]
fn blocks_show_their_padding_and_addresses_their_own_form() {
    for (block, shown) in [
        (&b"abc"[..], "616263000000"),
        (b"abcdefghij", "616263646566"),
    ] {
        let mut schema = Schema::new(KeyType::Binary { len: 6 }, 10).unwrap();
        schema.store(Stored::plain(DataType::Gpc0)).unwrap();
        let table = Table::new("b", schema, 1);
        let key = Key::of(Sample::Bin(block), table.schema().key).unwrap();
        table.upsert(&key, now(0), |entry| entry.touch()).unwrap();
        assert_eq!(
            line(&table, &key, 0),
            format!("key={shown} use=0 exp=0 shard=0 gpc0=0\n")
        );
    }
    let schema = Schema::new(KeyType::Ipv6, 10).unwrap();
    let table = Table::new("i6", schema, 1);
    for (text, shown) in [
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("2001:0db8::1", "2001:db8::1"),
    ] {
        let key = Key::of(Sample::Ipv6(text.parse().unwrap()), KeyType::Ipv6).unwrap();
        table.upsert(&key, now(0), |entry| entry.touch()).unwrap();
        assert_eq!(
            line(&table, &key, 0),
            format!("key={shown} use=0 exp=0 shard=0\n")
        );
    }
}
