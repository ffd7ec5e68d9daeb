use std::net::TcpListener;

use super::*;

fn socket(listener: &TcpListener, interface: &str) -> Socket {
    Socket {
        fd: listener.try_clone().expect("a descriptor").into(),
        namespace: String::new(),
        interface: interface.to_owned(),
    }
}

#[test]
fn sockets_arrive_with_their_descriptions_in_several_messages() {
    let (here, there) = UnixStream::pair().expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let count = AT_ONCE * 2 + 3;
    let giver = std::thread::spawn(move || {
        let mut line = [0; QUESTION.len()];
        (&there).read_exact(&mut line).expect("the question");
        assert_eq!(line, QUESTION);
        let sockets: Vec<Socket> = (0..count)
            .map(|at| socket(&listener, if at % 2 == 0 { "" } else { "lo" }))
            .collect();
        give(&there, &sockets)
    });
    let sockets = ask(&here).expect("the sockets");
    giver.join().expect("no panic").expect("all were taken");
    assert_eq!(sockets.len(), count);
    assert_eq!((&*sockets[0].interface, &*sockets[1].interface), ("", "lo"));

    let inherited = Inherited::new(sockets);
    let options = BindOptions::default();
    let at = |port| ListenAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], port)));
    assert!(inherited.claim(&at(1), &options, 4).is_empty());
    assert_eq!(inherited.claim(&at(address.port()), &options, 4).len(), 4);
    assert!(
        inherited.claim(&at(address.port()), &options, 4).is_empty(),
        "the others are closed"
    );
    let options = BindOptions {
        interface: Some("lo".into()),
        ..options
    };
    assert_eq!(inherited.claim(&at(address.port()), &options, 1).len(), 1);
}

#[test]
fn who_speaks_otherwise_is_refused() {
    for answer in [
        &b"\n"[..],
        b"\xff\xff\xff\xff",
        b"\x02\0\0\0",
        b"\x02\0\0\0xx",
    ] {
        let (here, there) = UnixStream::pair().expect("a pair");
        here.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        (&there).write_all(answer).expect("an answer");
        drop(there);
        assert!(ask(&here).is_err(), "{answer:?}");
    }
}
