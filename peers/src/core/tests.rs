use std::io;
use std::rc::Rc;

use lbd_table::{DataType, Gpc, Key, KeyType, Schema, Stored, Table, updates};
use peers_proto::section::Event;
use peers_proto::words::Word;
use peers_proto::{PeerSpec, Shared, Spec};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf, duplex};

use super::*;
use crate::{Dial, Dialling, Link, Peers};

/// Nobody can be called, and time stands still.
struct Alone;

impl Dial for Alone {
    fn dial(&self, _peer: usize) -> Dialling {
        Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
    }

    fn now(&self) -> Time {
        Time::from_millis(1000)
    }

    fn tell(&self, _event: &Event) {}

    fn obey(&self, _word: &Word) {}
}

fn table() -> Arc<Table> {
    let mut schema = Schema::new(KeyType::Integer, 100_000).unwrap();
    schema.expire_ms = Some(60_000);
    schema.store(Stored::plain(DataType::Gpc0)).unwrap();
    Arc::new(Table::new("t", schema, 1))
}

/// A node with one peer, which has called it and taught it all; its end of the stream has that much
/// room.
async fn node(table: &Arc<Table>, room: usize) -> (Peers, DuplexStream) {
    let peer = |name: &str| PeerSpec {
        name: name.to_owned(),
        shard: 0,
    };
    let spec = Spec {
        local: "A".to_owned(),
        peers: vec![peer("A"), peer("X")],
        tables: vec![Shared {
            name: "t".to_owned(),
            table: Arc::clone(table),
            write_to: None,
        }],
        pid: 1,
        max_updates: 200,
        has_old_process: false,
    };
    let peers = Peers::new(spec, 1, Box::new(Alone));
    let (near, mut far) = duplex(room);
    peers.accept(Link {
        stream: Box::new(near),
        is_verified: false,
    });
    far.write_all(b"HAProxyS 2.1\nA\nX 1 1\n").await.unwrap();
    // The status, then a request for a lesson; it is over at once, which is confirmed.
    let mut bytes = [0; 6];
    far.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"200\n\0\0");
    far.write_all(&[0, 1]).await.unwrap();
    far.read_exact(&mut bytes[..2]).await.unwrap();
    assert_eq!(bytes[..2], [0, 3]);
    (peers, far)
}

/// What has come without anybody's turn.
fn here(far: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    let mut buffer = ReadBuf::new(&mut bytes);
    let mut cx = Context::from_waker(Waker::noop());
    let _ = tokio::io::AsyncRead::poll_read(Pin::new(far), &mut cx, &mut buffer);
    buffer.filled().to_vec()
}

fn hit(table: &Table, key: u32) {
    let count = |entry: &mut lbd_table::EntryMut<'_>| {
        entry.add_gpc(Gpc::First, 1);
    };
    let time = Time::from_millis(1000);
    table.upsert(&Key::integer(key), time, count).unwrap();
}

fn run(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test());
}

fn unsure(teller: &Teller) -> u64 {
    teller.view(Time::from_millis(1000)).unwrap().unsure
}

/// Changes keys on another thread and writes them from there; whether it had something to tell.
fn worker(table: &Arc<Table>, teller: &Teller, keys: std::ops::Range<u32>) -> bool {
    std::thread::scope(|scope| {
        let changing = scope.spawn(|| {
            updates::tell_changes_here();
            assert!(!updates::take_due());
            keys.for_each(|key| hit(table, key));
            let is_due = updates::take_due();
            teller.push(Time::from_millis(1000));
            is_due
        });
        changing.join().unwrap()
    })
}

#[test]
fn what_a_worker_changes_is_written_when_it_says_so() {
    run(async || {
        let table = table();
        let (peers, mut far) = node(&table, 1 << 20).await;
        assert!(worker(&table, &peers.teller(), 0..3));
        // This thread had no turn since.
        let bytes = here(&mut far);
        assert_eq!(bytes.windows(2).filter(|two| *two == [10, 0x82]).count(), 1);
        for key in 0..3_u32 {
            let key = key.to_be_bytes();
            assert!(bytes.windows(4).any(|four| four == key), "{key:?}");
        }
        assert_eq!(unsure(&peers.teller()), 0);
        assert!(!worker(&table, &peers.teller(), 0..0));
        assert!(here(&mut far).is_empty());
    });
}

#[test]
fn what_a_stream_does_not_take_follows_when_it_does() {
    run(async || {
        let table = table();
        let (peers, mut far) = node(&table, 64).await;
        worker(&table, &peers.teller(), 0..20_000);
        assert!(unsure(&peers.teller()) > 0);
        tokio::task::spawn_local(peers.clone().run());
        let (mut seen, mut bytes) = (Vec::new(), [0; 64]);
        let last = 19_999_u32.to_be_bytes();
        while !seen.windows(4).any(|four| four == last) {
            let read = far.read(&mut bytes).await.unwrap();
            assert!(read > 0);
            seen.extend_from_slice(&bytes[..read]);
            let old = seen.len().saturating_sub(128);
            seen.drain(..old);
        }
    });
}

#[test]
fn a_busy_section_holds_no_worker_up() {
    run(async || {
        let table = table();
        let (peers, mut far) = node(&table, 1 << 20).await;
        let teller = peers.teller();
        let core = Arc::clone(&teller.0);
        {
            let _held = core.state.lock();
            worker(&table, &teller, 0..1);
            assert_eq!(teller.0.unsure.load(Ordering::Relaxed), 1);
        }
        assert!(here(&mut far).is_empty());
        // The section was told that there is something.
        tokio::task::spawn_local(peers.clone().run());
        let mut bytes = [0; 256];
        assert!(far.read(&mut bytes).await.unwrap() > 0);
    });
}

#[test]
fn changes_that_no_answer_tells_of_follow_soon() {
    run(async || {
        let table = table();
        let (peers, mut far) = node(&table, 1 << 20).await;
        let teller = Rc::new(peers.teller());
        tokio::task::spawn_local(peers.clone().run());
        tokio::task::yield_now().await;
        std::thread::scope(|scope| {
            let teller = (*teller).clone();
            let table = &table;
            scope.spawn(move || {
                updates::tell_changes_here();
                hit(table, 1);
                teller.hint();
            });
        });
        let mut bytes = [0; 256];
        assert!(far.read(&mut bytes).await.unwrap() > 0);
    });
}

#[test]
fn a_lesson_is_in_the_way_of_nobody() {
    run(async || {
        let table = table();
        let (peers, mut far) = node(&table, 8 << 20).await;
        let mut bytes = vec![10, 0x82, 7, 1, 1, b't', 2, 4, 4, 0];
        for key in 0..100_000_u32 {
            let (key, id) = (key.to_be_bytes(), (key + 1).to_be_bytes());
            bytes.extend_from_slice(&[10, 0x80, 9]);
            bytes.extend_from_slice(&id);
            bytes.extend_from_slice(&key);
            bytes.push(1);
        }
        // All of it is there at once.
        far.write_all(&bytes).await.unwrap();
        let learned = Arc::clone(&table);
        let other = tokio::task::spawn_local(async move {
            let mut turns = 0;
            while learned.used() < 100_000 {
                tokio::task::yield_now().await;
                turns += 1;
            }
            turns
        });
        let turns = other.await.unwrap();
        // One for each slice of 16 KiB, or nearly.
        assert!(turns > 20, "{turns}");
        drop(peers);
    });
}
