use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

use super::SyslogSink;
use crate::TempDir;

#[test]
fn udp_lines_are_kept_in_order_and_split() {
    let sink = SyslogSink::udp();
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for text in [
        "<134>Nov 21 09:00:00 haproxy[12]: one\n",
        "<131>Nov 21 09:00:00 lbd[12]: two",
    ] {
        sender
            .send_to(text.as_bytes(), sink.address().to_string())
            .expect("sent");
    }
    let lines = sink.wait_lines(2);
    assert_eq!(
        (lines[0].priority(), lines[0].message()),
        (Some(134), "one")
    );
    assert_eq!(sink.wait_line("two").priority(), Some(131));
}

#[test]
fn unix_datagrams_are_kept() {
    let directory = TempDir::new();
    let path = directory.path().join("log").display().to_string();
    let sink = SyslogSink::unix(&path);
    UnixDatagram::unbound()
        .and_then(|s| s.send_to(b"<13>x", &path))
        .expect("sent");
    assert_eq!(sink.wait_lines(1)[0].text(), "<13>x");
}
