use std::io::{Read, pipe};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use super::*;

fn put(sinks: &mut Sinks, at: usize, line: &str) {
    sinks.push(at, |out| out.extend_from_slice(line.as_bytes()));
}

#[test]
fn datagrams_leave_in_order_one_line_each() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let dropped = Arc::new(Dropped::default());
    let mut sinks = Sinks::new(Arc::clone(&dropped));
    let at = sinks.open(&LogAddress::Udp(server.local_addr().unwrap()));
    for n in 0..100 {
        put(&mut sinks, at, &format!("line {n}\n"));
    }
    sinks.flush();
    let mut buffer = [0; 100];
    for n in 0..100 {
        let len = server.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], format!("line {n}\n").as_bytes());
    }
    assert_eq!(dropped.count(), 0);
}

#[test]
fn lines_of_any_lengths_are_datagrams_of_their_own() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let dropped = Arc::new(Dropped::default());
    let mut sinks = Sinks::new(Arc::clone(&dropped));
    let at = sinks.open(&LogAddress::Udp(server.local_addr().unwrap()));
    // Equal ones, shorter and longer ones behind them, too long to be cut, empty.
    let lengths = [
        5, 5, 5, 3, 3, 9, 2000, 2000, 7, 7, 1, 5, 5, 1400, 1400, 0, 4,
    ];
    for turn in 0..3 {
        for (n, length) in lengths.iter().enumerate() {
            let letter = char::from(b'a' + u8::try_from(n).unwrap());
            put(&mut sinks, at, &letter.to_string().repeat(*length));
        }
        sinks.flush();
        let mut buffer = [0; 3000];
        for (n, length) in lengths.iter().enumerate() {
            let len = server.recv(&mut buffer).unwrap();
            assert_eq!(len, *length, "line {n} of turn {turn}");
            assert!(buffer[..len].iter().all(|&b| usize::from(b - b'a') == n));
        }
    }
    assert_eq!(dropped.count(), 0);
}

#[test]
fn lines_to_nobody_are_tried_one_by_one() {
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let dropped = Arc::new(Dropped::default());
    let mut sinks = Sinks::new(Arc::clone(&dropped));
    let at = sinks.open(&LogAddress::Udp(address));
    for _ in 0..3 {
        for _ in 0..MAX_BATCH + 3 {
            put(&mut sinks, at, "same\n");
        }
        sinks.flush();
    }
    assert!(!sinks.is_pending());
}

#[test]
fn a_dead_sink_loses_lines_and_counts_them() {
    let dropped = Arc::new(Dropped::default());
    let mut sinks = Sinks::new(Arc::clone(&dropped));
    let at = sinks.open(&LogAddress::Unix("/nonexistent/log".into()));
    for _ in 0..3 {
        put(&mut sinks, at, "x\n");
    }
    sinks.flush();
    assert_eq!(dropped.count(), 3);
    assert!(!sinks.is_pending());
}

#[test]
fn a_full_pipe_never_blocks() {
    let (mut reader, writer) = pipe().unwrap();
    let dropped = Arc::new(Dropped::default());
    let mut sinks = Sinks::new(Arc::clone(&dropped));
    let at = sinks.open(&LogAddress::Fd(writer.as_raw_fd()));
    let line = format!("{}\n", "y".repeat(999));
    for _ in 0..200 {
        put(&mut sinks, at, &line);
    }
    sinks.flush();
    assert!(
        dropped.count() > 0,
        "a pipe of 64 KiB cannot hold 200,000 bytes"
    );
    drop(writer);
    let mut all = String::new();
    reader.read_to_string(&mut all).unwrap();
    assert!(
        all.lines().all(|l| l.len() == 999),
        "only whole lines are written"
    );
    assert_eq!(all.lines().count() as u64 + dropped.count(), 200);
}
