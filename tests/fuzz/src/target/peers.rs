//! The peers protocol: hello, answer, messages, and what becomes of a section and its tables.

use std::ops::ControlFlow;
use std::sync::Arc;

use lbd_core::Time;
use lbd_table::{DataType, KeyType, Schema, Stored, Table, Walk};
use peers_proto::section::Input;
use peers_proto::{ConnId, Output, PeerSpec, Section, Shared, Spec, codec, varint};

/// Pieces of sessions: hello, answers, headers of messages, definitions of the tables below.
pub(super) const WORDS: &[&[u8]] = &[
    b"HAProxyS 2.1\nhere\nthere 1 1\n",
    b"200\n",
    b"\x00\x00",
    b"\x00\x01",
    b"\x00\x02",
    b"\x00\x03",
    b"\x00\x04",
    b"\x0a\x80",
    b"\x0a\x81",
    b"\x0a\x82",
    b"\x0a\x83\x01\x01",
    b"\x0a\x84\x05\x01\x00\x00\x00\x01",
    b"\x0a\x85",
    b"\x0a\x86",
    b"\xff\x00",
    b"\x01\x00",
    b"\xf0\x00",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
];

/// Pieces of what nodes of lbd tell each other: parts of the first table's entries for this node, the
/// teller and a third one, removals, words about servers, maps and ACLs, sure and unsure.
pub(super) const SIBLING_WORDS: &[&[u8]] = &[
    b"\x0a\x82\x0f\x01\x03int\x02\x04$\xf0\x97\x1c\x05\xf0\xe2\x03",
    b"\x0a\x83\x01\x01",
    b"\x0a\x85\x10\x00\x00\x00\x01\x00\x00\x10\x00\x00\x00\x00\x07\x05\x01\x02\x03",
    b"\x0a\x86\x0c\x00\x00\x10\x00\x00\x00\x00\x07\x05\x01\x02\x03",
    b"\x0a\x90\x15\x00\x00\x10\x00\x05other\x01\x07\x00\x00\x00\x07\x05\x01\x02\x03\x02",
    b"\x0a\x90\x13\x00\x00\x10\x00\x04here\x00\x00\x00\x00\x00\x07\x05\x01\x02\x03",
    b"\x0a\x91\x05\x00\x00\x00\x07\x02",
    b"L\x80\x0e\x01\x01m\x01k\x01\x01v\x05\x01a\x09\x01w",
    b"L\x80\x0c\x06\x01m\x00\x00\x00\x06\x01a\x09\x01w",
    b"L\x00",
    b"L\x01",
    b"\x00\x00",
    b"\x00\x01",
    b"\x00\x02",
    b"\x00\x03",
];

fn now() -> Time {
    Time::from_millis(1_000_000)
}

fn table(name: &str, key: KeyType, stored: &[Stored], nodes: u8) -> Shared {
    let mut schema = Schema::new(key, 100).unwrap_or_else(|_| unreachable!("a hundred is a size"));
    schema.expire_ms = Some(60_000);
    schema.nodes = nodes;
    for stored in stored {
        assert!(schema.store(*stored).is_ok());
    }
    Shared {
        name: name.to_owned(),
        table: Arc::new(Table::new(name, schema, 7)),
        write_to: None,
    }
}

/// Three nodes, this one included; `nodes` of the others are kept apart in the tables.
fn section(nodes: u8) -> Section {
    let string = KeyType::String { len: 20 };
    let binary = KeyType::Binary { len: 8 };
    let plain = Stored::plain;
    let rate = |data| Stored {
        period_ms: 10_000,
        ..plain(data)
    };
    let array = |data, elements| Stored {
        elements,
        ..plain(data)
    };
    let table = |name, key, stored: &[Stored]| table(name, key, stored, nodes);
    let tables = vec![
        table(
            "int",
            KeyType::Integer,
            &[plain(DataType::Gpc0), rate(DataType::ConnRate)],
        ),
        table(
            "str",
            string,
            &[plain(DataType::ServerId), plain(DataType::ServerKey)],
        ),
        table("v4", KeyType::Ipv4, &[plain(DataType::BytesInCnt)]),
        table("v6", KeyType::Ipv6, &[array(DataType::Gpt, 3)]),
        table("bin", binary, &[array(DataType::Gpc, 2)]),
    ];
    let peer = |name: &str| PeerSpec {
        name: name.to_owned(),
        shard: 0,
    };
    let spec = Spec {
        local: "here".to_owned(),
        peers: vec![peer("here"), peer("there"), peer("other")],
        tables,
        pid: 1,
        max_updates: 200,
        has_old_process: false,
    };
    Section::new(spec, now(), 3)
}

/// What is left of a session: the tables' lines and words obeyed, counters, and whether it was ended.
fn play(pieces: &[&[u8]], is_caller: bool, nodes: u8) -> (Vec<String>, u64, u64, bool) {
    let mut section = section(nodes);
    let mut lines = Vec::new();
    let id = ConnId(1);
    section.handle(
        now(),
        match is_caller {
            true => Input::Called(1, id),
            false => Input::Accepted(id),
        },
    );
    let mut was_closed = false;
    for piece in pieces {
        if was_closed {
            break;
        }
        section.receive(now(), id, piece);
        while let Some(output) = section.poll_output() {
            was_closed |= output == Output::Close(id);
            if let Output::Word(word) = output {
                lines.push(format!("{word:?}"));
            }
        }
        if let Some(outgoing) = section.outgoing(id) {
            assert!(outgoing.len() < 4 << 20, "answers are bounded");
            outgoing.clear();
        }
        section.handle(now(), Input::Tick);
    }
    let view = section.snapshot(now());
    let counters = view.peers[1].counters;
    for shared in section.tables() {
        let mut walk = Walk::default();
        while shared.table.walk(&mut walk, now(), 1000, |entry| {
            let mut line = String::new();
            entry.write_line(&mut line);
            lines.push(line);
            ControlFlow::Continue(())
        }) {}
        assert!(shared.table.used() <= 100, "a table keeps its size");
    }
    (
        lines,
        counters.updates_received,
        counters.protocol_errors,
        was_closed,
    )
}

/// What a peer sends has the same effect in any pieces, whoever called.
pub(super) fn session(input: &[u8]) {
    for is_caller in [false, true] {
        let whole = play(&[input], is_caller, 0);
        let mut cuts: Vec<_> = super::cuts(input.len()).collect();
        // Each run makes five tables: a few places are enough.
        cuts.truncate(64);
        let step = (cuts.len() / 4).max(1);
        for cut in cuts.into_iter().step_by(step) {
            let (first, second) = input.split_at(cut);
            assert_eq!(play(&[first, second], is_caller, 0), whole);
        }
    }
}

/// The same of a node of lbd, behind its hello.
pub(super) fn sibling(input: &[u8]) {
    for (is_caller, hello) in [
        (false, &b"HAProxyS 2.1\nhere\nthere 1 1 lbd/1:7\n"[..]),
        (true, b"200 lbd/1:7\n"),
    ] {
        let whole = play(&[hello, input], is_caller, 2);
        let mut cuts: Vec<_> = super::cuts(input.len()).collect();
        cuts.truncate(64);
        let step = (cuts.len() / 4).max(1);
        for cut in cuts.into_iter().step_by(step) {
            let (first, second) = input.split_at(cut);
            assert_eq!(play(&[hello, first, second], is_caller, 2), whole);
        }
    }
}

/// A number has one form; a message is taken with its whole length or not at all.
pub(super) fn message(input: &[u8]) {
    if let Ok(Some((value, used))) = varint::take(input) {
        let mut again = Vec::new();
        varint::put(&mut again, value);
        // Sums beyond 64 bits wrap, and those only have other forms.
        if used < varint::MAX_LEN {
            assert_eq!(again, &input[..used]);
        }
    }
    if let Ok(Some((message, used))) = codec::take(input) {
        assert!(used <= input.len() && message.body.len() <= codec::MAX_BODY);
        for cut in super::cuts(used) {
            assert_eq!(codec::take(&input[..cut]).ok().flatten(), None);
        }
        if let Ok(definition) = codec::definition::take(message.body) {
            assert!(definition.columns.len() <= lbd_table::data::DATA_TYPES);
        }
    }
}
