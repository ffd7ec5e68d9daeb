//! Signals, soft stop, hard stop.

use super::*;

#[test]
fn signals_end_the_process_as_they_end_the_reference() {
    let origin = Origin::http("s1");
    on_both(|program| {
        for (signal, code, by) in [
            (Signal::SIGUSR1, Some(0), None),
            (Signal::SIGTERM, None, Some(Signal::SIGTERM as i32)),
        ] {
            let mut proxy = start(program, &simple(), &origin);
            proxy.signal(signal);
            let exit = proxy.wait_exit();
            // A process that exits with 128 + n looks the same to a shell as one that was killed.
            let is_same = (exit.code, exit.signal) == (code, by)
                || (by.is_some() && exit.code == by.map(|n| 128 + n));
            assert!(
                is_same,
                "{program:?} {signal}: {:?} {:?}",
                exit.code, exit.signal
            );
        }
    });
}

#[test]
fn a_soft_stop_lets_a_request_end_and_takes_no_new_one() {
    on_both(|program| {
        let origin = Origin::answering("s1", |_, _| {
            Reply::ok("late").delay(Duration::from_millis(600))
        });
        let mut proxy = start(program, &simple(), &origin);
        let address = proxy.address("front");
        let mut client = Client::connect(&address);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        origin.wait_requests(1);
        proxy.signal(Signal::SIGUSR1);
        eventually("the listener is closed", Duration::from_secs(5), || {
            Client::try_connect(&address).is_err()
        });
        let response = client.response();
        assert_eq!(
            (response.status, response.text().as_str()),
            (200, "late"),
            "{program:?}"
        );
        assert_eq!(proxy.wait_exit().code, Some(0), "{program:?}");
    });
}

#[test]
fn hard_stop_after_ends_what_does_not_end() {
    on_both(|program| {
        let origin = Origin::answering("s1", |_, _| {
            Reply::ok("never").delay(Duration::from_secs(60))
        });
        let text = simple().replace("global\n", "global\n    hard-stop-after 700ms\n");
        let mut proxy = start(program, &text, &origin);
        let mut client = Client::connect(proxy.address("front"));
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        origin.wait_requests(1);
        let begun = Instant::now();
        proxy.signal(Signal::SIGUSR1);
        proxy.wait_exit();
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(600), "{program:?}: {took:?}");
        assert!(took < Duration::from_secs(4), "{program:?}: {took:?}");
    });
}

#[test]
fn idle_clients_do_not_hold_up_a_soft_stop() {
    on_both(|program| {
        let origin = Origin::http("s1");
        let mut proxy = start(program, &simple(), &origin);
        let mut client = Client::connect(proxy.address("front"));
        assert_eq!(client.get("/").status, 200);
        proxy.signal(Signal::SIGUSR1);
        let begun = Instant::now();
        assert_eq!(proxy.wait_exit().code, Some(0), "{program:?}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{program:?}");
    });
}

#[test]
fn the_service_manager_hears_of_readiness_and_of_the_end() {
    let directory = support::TempDir::new();
    let path = directory.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout");
    let origin = Origin::http("s1");
    // The root directory changes: the way to the service manager must have been opened before.
    let text = simple().replace("global\n", "global\n    chroot auto\n");
    let mut proxy = Proxy::lbd(text)
        .listener("front")
        .unix_listener("runtime")
        .with("s1", origin.address())
        .env("NOTIFY_SOCKET", path.display())
        .start();
    let hear = || {
        let mut buffer = [0; 256];
        let len = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    };
    assert!(hear().contains("READY=1"));
    proxy.signal(Signal::SIGUSR1);
    assert!(hear().contains("STOPPING=1"));
    assert_eq!(proxy.wait_exit().code, Some(0));
}
