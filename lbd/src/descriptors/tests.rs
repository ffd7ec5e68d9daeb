use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use super::*;

fn of(fd: RawFd) -> Descriptor {
    let mut all = all().into_iter();
    all.find(|each| each.fd == fd).unwrap()
}

#[test]
fn sockets_and_pipes_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(
        of(listener.as_raw_fd()).kind,
        Kind::Listener(Place::Inet(address))
    );
    let stream = TcpStream::connect(address).unwrap();
    let Kind::Connection { local, peer } = of(stream.as_raw_fd()).kind else {
        panic!("a connection");
    };
    assert_eq!(peer, Place::Inet(address));
    assert_eq!(local, Place::Inet(stream.local_addr().unwrap()));
    let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let Kind::Connection { local, .. } = of(one.as_raw_fd()).kind else {
        panic!("a connection");
    };
    assert_eq!((local.family(), local.port()), ("unix", None));
    let (reader, _writer) = std::io::pipe().unwrap();
    assert_eq!(of(reader.as_raw_fd()).kind, Kind::Pipe);
}

#[test]
fn what_event_loops_watch_is_read() {
    assert_eq!(
        watched("tfd:       31 events: 8000201d data: 1f  pos:0 ino:8 sdev:9"),
        Some((31, 0x8000_201d))
    );
    assert_eq!(watched("pos:\t0"), None);
}
