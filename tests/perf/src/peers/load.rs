//! Requests in rows, and a peer that only sends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::Proxy;

/// Requests of one write.
const ROW: usize = 400;

/// The address that stands for a number.
pub(super) fn address(n: u32) -> String {
    let [_, b, c, d] = n.to_be_bytes();
    format!("10.{b}.{c}.{d}")
}

/// What a row of requests did.
pub(super) struct Fired {
    pub(super) answered: u64,
    pub(super) time: Duration,
}

/// Sends requests with the keys of `numbers` on one connection, `rate` a second (0 for as fast as
/// they are answered), until they are out or the connection is.
pub(super) fn fire(proxy: &Proxy, numbers: impl Iterator<Item = u32>, rate: u64) -> Fired {
    fire_at(proxy, "front", numbers, rate)
}

/// The same to a listener by its name.
pub(super) fn fire_at(
    proxy: &Proxy,
    listener: &str,
    numbers: impl Iterator<Item = u32>,
    rate: u64,
) -> Fired {
    let since = Instant::now();
    let mut answered = 0;
    let mut numbers = numbers.peekable();
    let Ok(mut stream) = TcpStream::connect(proxy.address(listener).to_string()) else {
        return Fired {
            answered,
            time: since.elapsed(),
        };
    };
    // Failing to set it changes figures, not results.
    let _ = stream.set_nodelay(true);
    let row = match rate {
        0 => ROW,
        rate => usize::try_from(rate / 100).unwrap_or(ROW).clamp(1, ROW),
    };
    while numbers.peek().is_some() {
        let mut text = Vec::new();
        let mut sent = 0;
        for n in numbers.by_ref().take(row) {
            let key = address(n);
            text.extend_from_slice(
                format!("GET / HTTP/1.1\r\nhost: x\r\nx-k: {key}\r\n\r\n").as_bytes(),
            );
            sent += 1;
        }
        if stream.write_all(&text).is_err() {
            break;
        }
        let got = answers(&mut stream, sent);
        answered += got;
        if got < sent {
            break;
        }
        if let Some(nanos) = (answered * 1_000_000_000).checked_div(rate) {
            let due = Duration::from_nanos(nanos);
            std::thread::sleep(due.saturating_sub(since.elapsed()));
        }
    }
    Fired {
        answered,
        time: since.elapsed(),
    }
}

/// Counts answers until there are so many, or the connection ends.
fn answers(stream: &mut TcpStream, wanted: u64) -> u64 {
    const MARK: &[u8] = b"HTTP/1.1 200";
    let mut bytes = vec![0; 256 * 1024];
    let mut kept = 0;
    let mut got = 0;
    while got < wanted {
        let Ok(read @ 1..) = stream.read(&mut bytes[kept..]) else {
            break;
        };
        let all = kept + read;
        got += bytes[..all]
            .windows(MARK.len())
            .filter(|part| *part == MARK)
            .count() as u64;
        // A mark may be cut in two.
        let tail = (MARK.len() - 1).min(all);
        bytes.copy_within(all - tail..all, 0);
        kept = tail;
    }
    got
}

/// Calls a node as another peer and gives it so many entries of a table with `gpc0` and two rates, or with
/// `rates` of them; the connection stays open as long as it is held.
pub(super) fn teach(
    port: u16,
    (node, caller): (&str, &str),
    count: u32,
    rates: u32,
) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let hello = format!("HAProxyS 2.1\n{node}\n{caller} 1 1\n");
    stream.write_all(hello.as_bytes()).ok()?;
    let mut status = [0; 4];
    stream.read_exact(&mut status).ok()?;
    let reader = stream.try_clone().ok()?;
    // Acknowledgements and signs of life are of no interest, and are not to fill the way back.
    std::thread::spawn(move || {
        let mut reader = reader;
        let mut bytes = [0; 4096];
        while matches!(reader.read(&mut bytes), Ok(1..)) {}
    });
    // conn_rate, sess_rate, http_req_rate, http_err_rate, bytes_in_rate.
    let bits = [5, 8, 10, 12, 14];
    let bits: Vec<u64> = match rates {
        2 => vec![5, 10],
        _ => bits.into_iter().take(rates as usize).collect(),
    };
    let bitmap = bits.iter().fold(1 << 2, |map, bit| map | 1 << bit);
    let mut body = Vec::new();
    number(&mut body, 1);
    number(&mut body, 2);
    body.extend_from_slice(b"t1");
    for field in [4, 4, bitmap, 600_000] {
        number(&mut body, field);
    }
    for bit in &bits {
        number(&mut body, *bit);
        number(&mut body, 10_000);
    }
    let mut out = Vec::new();
    message(&mut out, 0x82, &body);
    for n in 0..count {
        body.clear();
        if n == 0 {
            body.extend_from_slice(&1_u32.to_be_bytes());
        }
        body.extend_from_slice(&(0x0A00_0000 | n).to_be_bytes());
        number(&mut body, 1);
        for _ in &bits {
            for part in [100, 1, 0] {
                number(&mut body, part);
            }
        }
        message(&mut out, if n == 0 { 0x80 } else { 0x81 }, &body);
        if out.len() > 1 << 18 {
            stream.write_all(&out).ok()?;
            out.clear();
        }
    }
    stream.write_all(&out).ok()?;
    Some(stream)
}

fn message(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.extend_from_slice(&[10, kind]);
    number(out, body.len() as u64);
    out.extend_from_slice(body);
}

/// A number of the peers protocol.
fn number(out: &mut Vec<u8>, value: u64) {
    // The low byte, here and below.
    let low = |value: u64| value.to_le_bytes()[0];
    if value < 240 {
        out.push(low(value));
        return;
    }
    out.push(low(value) | 240);
    let mut rest = (value - 240) >> 4;
    while rest >= 128 {
        out.push(low(rest) | 128);
        rest = (rest - 128) >> 7;
    }
    out.push(low(rest));
}
