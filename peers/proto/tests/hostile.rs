//! Whoever breaks the protocol is answered by name of the fault and costs nothing but its session: one
//! table of cases for each class of messages.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small"
)]

use std::sync::Arc;

use lbd_core::Time;
use lbd_table::{DataType, Gpc, Key, KeyType, Schema, Stored, Table};
use peers_proto::section::{Event, Input, PeerCounters};
use peers_proto::{ConnId, Output, PeerSpec, Section, Shared, Spec, varint};

fn now() -> Time {
    Time::from_millis(1000)
}

struct Victim {
    section: Section,
    table: Arc<Table>,
    last: u64,
    events: Vec<Event>,
}

/// What became of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The session goes on.
    Goes,
    /// It ends with this error of class 1.
    Error(u8),
}

use Fate::{Error, Goes};

impl Victim {
    fn new() -> Self {
        let mut schema = Schema::new(KeyType::String { len: 9 }, 100).unwrap();
        schema.expire_ms = Some(60_000);
        schema.nodes = 1;
        schema.store(Stored::plain(DataType::Gpc0)).unwrap();
        schema.store(Stored::plain(DataType::ServerKey)).unwrap();
        let table = Arc::new(Table::new("t", schema, 1));
        let peer = |name: &str| PeerSpec {
            name: name.to_owned(),
            shard: 0,
        };
        let spec = Spec {
            local: "A".to_owned(),
            peers: vec![peer("A"), peer("X")],
            tables: vec![Shared {
                name: "t".to_owned(),
                table: Arc::clone(&table),
                write_to: None,
            }],
            pid: 1,
            max_updates: 200,
            has_old_process: false,
        };
        Self {
            section: Section::new(spec, now(), 7),
            table,
            last: 0,
            events: Vec::new(),
        }
    }

    fn accept(&mut self) -> ConnId {
        self.last += 1;
        let id = ConnId(self.last);
        self.section.handle(now(), Input::Accepted(id));
        id
    }

    /// A session, of a node of lbd or of another program.
    fn open(&mut self, is_sibling: bool) -> ConnId {
        let id = self.accept();
        let token = if is_sibling { " lbd/1:77" } else { "" };
        let hello = format!("HAProxyS 2.1\nA\nX 1 1{token}\n");
        let (answer, is_closed) = self.send(id, hello.as_bytes());
        assert!(answer.starts_with(b"200") && !is_closed, "{answer:?}");
        if is_sibling {
            // It is asked for a lesson, which it gives at once.
            self.send(id, &[0, 1]);
        }
        id
    }

    fn send(&mut self, id: ConnId, bytes: &[u8]) -> (Vec<u8>, bool) {
        self.section.receive(now(), id, bytes);
        let mut is_closed = false;
        while let Some(output) = self.section.poll_output() {
            match output {
                Output::Close(closed) => is_closed |= closed == id,
                Output::Event(event) => self.events.push(event),
                Output::Call(_) | Output::Stopped | Output::Word(_) => {}
            }
        }
        let answer = self.section.outgoing(id).map(std::mem::take);
        if is_closed {
            self.section.handle(now(), Input::Closed(id));
        }
        (answer.unwrap_or_default(), is_closed)
    }

    fn fate(&mut self, id: ConnId, bytes: &[u8]) -> Fate {
        let (answer, is_closed) = self.send(id, bytes);
        match (is_closed, answer.as_slice()) {
            (false, _) => Goes,
            (true, [.., 1, error]) => Error(*error),
            (true, answer) => panic!("closed without an error: {answer:?}"),
        }
    }

    fn counters(&self) -> PeerCounters {
        let view = self.section.snapshot(now());
        view.peers
            .iter()
            .find(|peer| !peer.is_local)
            .unwrap()
            .counters
    }

    fn gpc0(&self, key: &[u8]) -> Option<u32> {
        let key = Key::bytes_of(key, self.table.schema().key);
        let read = |entry: &lbd_table::EntryView<'_>| entry.gpc(Gpc::First);
        self.table.read(&key, now(), read).flatten()
    }
}

fn number(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint::put(&mut out, value);
    out
}

fn message(class: u8, kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&[class, kind][..], &number(body.len() as u64), &body].concat()
}

/// A definition of table `name` as number 1.
fn define(name: &[u8], key: u64, len: u64, bitmap: u64) -> Vec<u8> {
    let name = [&number(name.len() as u64), name].concat();
    let fields: Vec<_> = [key, len, bitmap, 60_000].map(number).concat();
    message(10, 0x82, &[&[1], &name, &fields])
}

const BITS: u64 = 1 << 2 | 1 << 19;

fn good() -> Vec<u8> {
    define(b"t", 6, 10, BITS)
}

/// An update of key `k` with that count and what stands for a name.
fn update(id: u32, count: u64, name: &[u8]) -> Vec<u8> {
    message(
        10,
        0x80,
        &[&id.to_be_bytes(), &[1, b'k'], &number(count), name],
    )
}

/// Each case on a session of its own; what follows a case that goes on is understood.
fn each(is_sibling: bool, cases: &[(&str, Vec<u8>, Fate)]) {
    for (what, bytes, wanted) in cases {
        for step in [usize::MAX, 1] {
            let mut victim = Victim::new();
            let id = victim.open(is_sibling);
            let mut fate = Goes;
            for part in bytes.chunks(step.min(bytes.len().max(1))) {
                if fate == Goes {
                    fate = victim.fate(id, part);
                }
            }
            assert_eq!(fate, *wanted, "{what}, in pieces of {step}");
            let faults = u64::from(fate != Goes);
            assert_eq!(victim.counters().protocol_errors, faults, "{what}");
            // It serves whoever comes next, and that session if it goes on.
            let id = if fate == Goes {
                id
            } else {
                victim.open(is_sibling)
            };
            assert_eq!(
                victim.fate(id, &[good(), update(9, 5, &[0])].concat()),
                Goes
            );
            assert_eq!(victim.gpc0(b"k"), Some(5), "{what}");
            assert!(victim.table.used() <= 100, "{what}");
        }
    }
}

#[test]
fn hellos() {
    let long = format!("HAProxyS 2.1\nA\nX {}\n", "1".repeat(2000));
    let cases: &[(&[u8], &str)] = &[
        (b"HAProxyS 2.1\nA\nX 1 1\n", "200\n"),
        (b"HAProxyS 2.0\r\nA\r\nX 1 1\r\n", "200\n"),
        (b"HAProxyS 2.1\nA\nX 1 1 lbd/1:xyz\n", "200\n"),
        (b"HAProxyS 2.1\nA\nX 1 1 lbd/1:11112222333344445\n", "200\n"),
        (b"HAProxyS 2.1\nA\nX 1 1 lbd/2:5 other\n", "200\n"),
        (b"HAProxyZ 2.1\nA\nX 1 1\n", "501\n"),
        (b"HAProxyS2.1\nA\nX 1 1\n", "501\n"),
        (b"HAProxyS 2.1\nA\nX\n", "501\n"),
        (b"HAProxyS 2.1\nA\n\n", "501\n"),
        (b"HAProxyS 2.1\nA\n\xff 1 1\n", "501\n"),
        (b"GET / HTTP/1.1\n", "501\n"),
        (b"\x16\x03\x01\x02\x00", "501\n"),
        (long.as_bytes(), "501\n"),
        (b"HAProxyS 2\nA\nX 1 1\n", "502\n"),
        (b"HAProxyS 2.2\nA\nX 1 1\n", "502\n"),
        (b"HAProxyS 3.0\nA\nX 1 1\n", "502\n"),
        (b"HAProxyS -2.1\nA\nX 1 1\n", "502\n"),
        (b"HAProxyS 2.99999999999999\nA\nX 1 1\n", "502\n"),
        (b"HAProxyS 2.1\nB\nX 1 1\n", "503\n"),
        (b"HAProxyS 2.1\n\nX 1 1\n", "503\n"),
        (b"HAProxyS 2.1\nA\nQ 1 1\n", "504\n"),
        (b"HAProxyS 2.1\nA\n 1 1\n", "504\n"),
    ];
    for (hello, wanted) in cases {
        for step in [usize::MAX, 1] {
            let mut victim = Victim::new();
            let id = victim.accept();
            let (mut said, mut is_closed) = (Vec::new(), false);
            for part in hello.chunks(step.min(hello.len())) {
                if !is_closed {
                    let (answer, closed) = victim.send(id, part);
                    said.extend(answer);
                    is_closed = closed;
                }
            }
            let said = String::from_utf8_lossy(&said).into_owned();
            let hello = String::from_utf8_lossy(hello);
            assert!(said.starts_with(wanted), "{hello}: {said:?}");
            assert_eq!(is_closed, *wanted != "200\n", "{hello}");
        }
    }
}

#[test]
fn answers_to_our_hello() {
    let long = "1".repeat(2000);
    let cases: &[(&[u8], u32)] = &[
        (b"300\n", 300),
        (b"501\n", 501),
        (b"502 what\n", 502),
        (b"503\n", 503),
        (b"504\r\n", 504),
        (b"0\n", 0),
        (b"4294967295\n", u32::MAX),
        // What is no answer counts as 0.
        (b"99999999999\n", 0),
        (b"\n", 0),
        (b"HTTP/1.1 400 Bad Request\n", 0),
        (b"\xff\xfe\n", 0),
        (long.as_bytes(), 0),
    ];
    for (answer, code) in cases {
        let mut victim = Victim::new();
        let id = ConnId(1);
        victim.section.handle(now(), Input::Tick);
        victim.section.handle(now(), Input::Called(1, id));
        let (_, is_closed) = victim.send(id, answer);
        let answer = String::from_utf8_lossy(answer);
        assert!(is_closed, "{answer}");
        let refused = victim.events.iter().find_map(|event| match event {
            Event::Refused(name, code) if name == "X" => Some(*code),
            _ => None,
        });
        assert_eq!(refused, Some(*code), "{answer}");
        // It is called again.
        assert!(victim.section.snapshot(now()).peers[1].call_in_ms.is_some());
    }
}

#[test]
fn frames_and_numbers() {
    let endless = [&[10, 0x80][..], &[0xff; 20]].concat();
    let beyond = [&[10, 0x80][..], &number(1 << 63)].concat();
    let large = [&[10, 0x80][..], &number(16_385)].concat();
    let cases = [
        ("a reserved class", vec![255, 0], Error(0)),
        ("a reserved class with a body", vec![255, 0x80, 0], Error(0)),
        (
            "an error of the peer, which is answered by none",
            vec![7, 1],
            Goes,
        ),
        ("an unknown class", message(44, 0x99, &[b"whatever"]), Goes),
        ("an unknown control", vec![0, 9], Goes),
        ("an unknown type", message(10, 0x9f, &[b"whatever"]), Goes),
        (
            "a type of nodes of lbd",
            message(10, 0x92, &[b"what"]),
            Goes,
        ),
        ("words of nodes of lbd", message(76, 0x80, &[b"what"]), Goes),
        ("a number without an end", endless, Error(0)),
        ("a length of half the world", beyond, Error(1)),
        ("a body one byte too large", large, Error(1)),
        ("a heartbeat", vec![0, 4], Goes),
        ("an end of no lesson", vec![0, 1, 0, 2, 0, 3], Goes),
    ];
    each(false, &cases);
}

#[test]
fn definitions() {
    let body = |message: &[u8]| message[3..].to_vec();
    let whole = body(&good());
    let mut cases = vec![
        ("a good one", good(), Goes),
        ("another name", define(b"u", 6, 10, BITS), Goes),
        ("another type", define(b"t", 2, 4, BITS), Goes),
        ("a type that is none", define(b"t", 99, 10, BITS), Goes),
        ("another length", define(b"t", 6, 11, BITS), Goes),
        (
            "a length without end",
            define(b"t", 6, u64::MAX, BITS),
            Goes,
        ),
        ("unknown bits", define(b"t", 6, 10, BITS | 1 << 60), Goes),
        (
            "a name that is no text",
            define(b"\xff\xfe", 6, 10, BITS),
            Goes,
        ),
        ("no name", define(b"", 6, 10, BITS), Goes),
        (
            "a name longer than the message",
            message(10, 0x82, &[&[1, 200], b"t"]),
            Error(0),
        ),
        (
            "an array without its size",
            define(b"t", 6, 10, BITS | 1 << 23),
            Goes,
        ),
    ];
    // Up to the bits of values all must be there.
    let least = whole.len() - number(60_000).len();
    for end in 0..least {
        let cut = message(10, 0x82, &[&whole[..end]]);
        cases.push(("one cut short", cut, Error(0)));
    }
    each(false, &cases);
    // What is passed over is told, by table and peer, and counted.
    let mut victim = Victim::new();
    let id = victim.open(false);
    let bytes = [
        define(b"t", 2, 4, BITS),
        message(10, 0x81, &[&[0, 0, 0, 1, 3, 0]]),
    ];
    assert_eq!(victim.fate(id, &bytes.concat()), Goes);
    let told = Event::Mismatch("X".to_owned(), "t".to_owned());
    assert!(victim.events.contains(&told));
    assert_eq!(victim.counters().updates_dropped, 1);
    assert_eq!(victim.table.used(), 0);
    // Tables without end are too many.
    let mut victim = Victim::new();
    let id = victim.open(false);
    let table = |number_of: u64| {
        let fields: Vec<_> = [6, 10, 4, 0].map(number).concat();
        message(10, 0x82, &[&number(number_of), &[1, b'u'], &fields])
    };
    let many: Vec<u8> = (1..=4096).flat_map(table).collect();
    assert_eq!(victim.fate(id, &many), Goes);
    assert_eq!(victim.fate(id, &table(4097)), Error(0));
}

#[test]
fn updates() {
    let with = |kind: u8, body: &[u8]| [good(), message(10, kind, &[body])].concat();
    let named = |name: &[u8]| [good(), update(1, 3, name)].concat();
    let long_name = [&number(1030)[..], &[1], &number(1025), &[b'n'; 1025]].concat();
    let cases = [
        ("of no table", update(1, 3, &[0]), Error(0)),
        (
            "of a table that was not defined",
            message(10, 0x83, &[&[9]]),
            Goes,
        ),
        ("a switch to none", message(10, 0x83, &[]), Error(0)),
        ("without an id", with(0x80, &[0, 0]), Error(0)),
        ("without a time", with(0x85, &[0, 0, 0, 1, 0, 0]), Error(0)),
        ("without a key", with(0x81, &[]), Error(0)),
        (
            "a key longer than the message",
            with(0x81, &[200, b'k']),
            Error(0),
        ),
        (
            "a key longer than the table's",
            with(0x81, b"\x0cabcdefghijkl\x03\0"),
            Goes,
        ),
        ("an empty key", with(0x81, &[0, 3, 0]), Goes),
        ("without values", with(0x81, &[1, b'k']), Error(0)),
        (
            "a value without an end",
            with(0x81, &[1, b'k', 0xff, 0xff]),
            Error(0),
        ),
        (
            "more than is known",
            with(0x81, b"\x01k\x03\0and more"),
            Goes,
        ),
        ("a name of no place", named(&[1, 0]), Error(0)),
        ("a name beyond the places", named(&[1, 129]), Error(0)),
        ("a place that has no name", named(&[1, 5]), Goes),
        (
            "a name longer than its place",
            named(&[3, 1, 9, b'n']),
            Error(0),
        ),
        (
            "a name that is no text",
            named(&[4, 1, 2, 0xff, 0xfe]),
            Error(0),
        ),
        ("a name of 1025 bytes", named(&long_name), Error(0)),
    ];
    each(false, &cases);
}

#[test]
fn replays_and_floods_fill_no_more_than_the_table() {
    let mut victim = Victim::new();
    let id = victim.open(false);
    let again = [good(), update(1, 3, &[0])].concat();
    for _ in 0..1000 {
        assert_eq!(victim.fate(id, &again), Goes);
    }
    assert_eq!((victim.table.used(), victim.gpc0(b"k")), (1, Some(3)));
    for n in 0..20_000_u32 {
        let key = format!("{n:09}");
        let body = [&n.to_be_bytes()[..], &[9], key.as_bytes(), &[1, 0]].concat();
        assert_eq!(victim.fate(id, &message(10, 0x80, &[&body])), Goes);
    }
    assert!(victim.table.used() <= 100);
    let room = victim.section.outgoing(id).map_or(0, |out| out.capacity());
    assert!(room < 1 << 20, "{room}");
}

#[test]
fn acknowledgements_that_cannot_be_right_change_nothing() {
    let ack = |table: u64, id: u32| message(10, 0x84, &[&number(table), &id.to_be_bytes()]);
    let cases = [
        ("of no table", ack(0, 1), Goes),
        ("of a table that is not there", ack(2, 1), Goes),
        ("of a number beyond all", ack(u64::MAX, 1), Goes),
        ("of what was not sent", ack(1, 7), Goes),
        (
            "as HAProxy 3.4 swaps the bytes",
            ack(1, 7_u32.swap_bytes()),
            Goes,
        ),
        ("cut short", message(10, 0x84, &[&[1, 0, 0]]), Error(0)),
    ];
    each(false, &cases);
    let mut victim = Victim::new();
    let id = victim.open(false);
    for (_, bytes, _) in cases.iter().filter(|case| case.2 == Goes) {
        victim.fate(id, bytes);
    }
    assert_eq!(victim.counters().acks_ignored, 5);
}

/// The fields of a word of a server's state.
fn word(subject: u64, texts: [&[u8]; 5], clock: u64) -> Vec<u8> {
    let [scope, key, value, node, who] =
        texts.map(|text| [&number(text.len() as u64), text].concat());
    let body: &[&[u8]] = &[
        &number(subject),
        &scope,
        &key,
        &[1],
        &value,
        &number(clock),
        &node,
        &number(5),
        &who,
    ];
    message(76, 0x80, body)
}

#[test]
fn words_of_operators() {
    let texts: [&[u8]; 5] = [b"be/s1", b"", b"drain", b"X", b"uid 0"];
    let with = |at: usize, text: &'static [u8]| {
        let mut texts = texts;
        texts[at] = text;
        word(3, texts, 1)
    };
    let long: &'static [u8] = &[b'a'; 4097];
    let good = word(3, texts, 1);
    let mut cases = vec![
        ("a good one", good.clone(), Goes),
        ("about what is not known", word(99, texts, 1), Goes),
        ("of a clock at its end", word(3, texts, u64::MAX), Goes),
        ("a secret in clear text", word(8, texts, 1), Goes),
        ("a line more", with(4, b"uid 0\nserver-state"), Error(0)),
        ("an escape", with(0, b"be/\x1b[2J"), Error(0)),
        ("no text", with(2, b"\xff"), Error(0)),
        ("a text too long", with(2, long), Error(0)),
    ];
    let body = &good[3..];
    for end in 0..body.len() {
        cases.push((
            "one cut short",
            message(76, 0x80, &[&body[..end]]),
            Error(0),
        ));
    }
    each(true, &cases);
    for (bytes, words) in [
        (good, 1),
        (word(3, texts, u64::MAX), 0),
        (word(8, texts, 1), 0),
    ] {
        let mut victim = Victim::new();
        let id = victim.open(true);
        victim.fate(id, &bytes);
        assert_eq!(victim.section.words().since(0).count(), words);
    }
}

#[test]
fn parts_and_removals_of_nodes() {
    let with = |kind: u8, parts: &[&[u8]]| [good(), message(10, kind, parts)].concat();
    let expires: &[u8] = &[0, 0, 0xea, 0x60];
    let entry: &[u8] = &[1, b'k', 3, 0];
    let cases = [
        (
            "a part of no table",
            message(10, 0x90, &[expires]),
            Error(0),
        ),
        ("a part without a time", with(0x90, &[&[0, 0]]), Error(0)),
        (
            "a part of nobody",
            with(0x90, &[expires, &[1, b'Q', 0, 0], entry]),
            Goes,
        ),
        (
            "a part of a name too long",
            with(0x90, &[expires, &[99, b'Q']]),
            Error(0),
        ),
        (
            "a part of this node",
            with(0x90, &[expires, &[1, b'A', 0, 0], entry]),
            Goes,
        ),
        (
            "a part without a life",
            with(0x90, &[expires, &[1, b'A', 1]]),
            Error(0),
        ),
        (
            "a part without values",
            with(0x90, &[expires, &[1, b'A', 0, 0, 1, b'k']]),
            Error(0),
        ),
        (
            "a part of an epoch beyond all",
            with(0x90, &[expires, &[1, b'A', 0, 0], entry, &number(1 << 40)]),
            Error(0),
        ),
        (
            "a removal of no table",
            message(10, 0x91, &[b"\x01q\x01"]),
            Error(0),
        ),
        ("a removal without a key", with(0x91, &[]), Error(0)),
        (
            "a removal of what is not there",
            with(0x91, &[b"\x01q\x01"]),
            Goes,
        ),
        (
            "a removal of an epoch beyond all",
            with(0x91, &[b"\x01q", &number(1 << 40)]),
            Error(0),
        ),
        (
            "what mends no table",
            message(10, 0x93, &[expires, entry]),
            Error(0),
        ),
        (
            "what mends without a time",
            with(0x93, &[&[0, 0]]),
            Error(0),
        ),
        (
            "what mends without values",
            with(0x93, &[expires, &[1, b'k']]),
            Error(0),
        ),
        (
            "what mends an epoch beyond all",
            with(0x93, &[expires, entry, &number(1 << 40)]),
            Error(0),
        ),
    ];
    each(true, &cases);
}

#[test]
fn digests() {
    let digests = |count: u64, first: u64, sums: usize| {
        let body = [number(count), number(first), vec![5; sums]].concat();
        message(10, 0x92, &[&body])
    };
    let ready: &[u8] = &[76, 3];
    let after = |bytes: Vec<u8>| [&good()[..], ready, &bytes].concat();
    let unknown = [&define(b"u", 6, 10, BITS)[..], ready, &digests(1, 0, 8)].concat();
    let cases = [
        ("ready, again and again", ready.repeat(50), Goes),
        (
            "before the other side is ready",
            [good(), digests(1, 0, 8)].concat(),
            Error(0),
        ),
        ("of no table", [ready, &digests(1, 0, 8)].concat(), Error(0)),
        ("of a table that is not here", unknown, Goes),
        ("good ones", after(digests(2, 0, 16)), Goes),
        (
            "good ones in two pieces",
            after([digests(2, 0, 8), digests(2, 1, 8)].concat()),
            Goes,
        ),
        ("of no buckets", after(digests(0, 0, 8)), Error(0)),
        (
            "of too many buckets",
            after(digests(65_537, 0, 8)),
            Error(0),
        ),
        ("none", after(digests(2, 0, 0)), Error(0)),
        ("cut short", after(digests(2, 0, 12)), Error(0)),
        ("more than there are", after(digests(1, 0, 16)), Error(0)),
        ("from the middle", after(digests(2, 1, 8)), Error(0)),
        (
            "the first ones twice",
            after(digests(3, 0, 8).repeat(2)),
            Error(0),
        ),
        (
            "of another number",
            after([digests(3, 0, 8), digests(2, 1, 8)].concat()),
            Error(0),
        ),
        (
            "all of them twice",
            after(digests(1, 0, 8).repeat(2)),
            Error(0),
        ),
    ];
    // A session that has had a lesson compares nothing.
    for (what, bytes, wanted) in cases {
        let mut victim = Victim::new();
        victim.open(true);
        let id = victim.open(true);
        assert_eq!(victim.fate(id, &bytes), wanted, "{what}");
        // What was asked for by them is done and no more.
        for _ in 0..50 {
            victim.section.handle(now(), Input::Tick);
            victim.section.outgoing(id).map(Vec::clear);
        }
        assert!(
            victim.section.poll_timeout().is_none_or(|at| at > now()),
            "{what}"
        );
    }
}
