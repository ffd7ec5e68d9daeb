//! TCP mode, upgrades, CONNECT, and the PROXY header on both sides.

#[path = "support/all.rs"]
mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lbd_config::config::{Mode, SendProxy};
use support::Proxy;
use support::config::config;
use support::net::{Client, hello, nobody, read_request, serve};

fn echo() -> SocketAddr {
    serve(|mut stream| {
        let mut buf = vec![0; 65536];
        loop {
            match stream.read(&mut buf) {
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    if stream.write_all(&buf[..n]).is_err() {
                        break;
                    }
                }
            }
        }
        let _ = stream.write_all(b"bye");
    })
}

#[test]
fn bytes_go_both_ways_and_each_side_ends_by_itself() {
    let proxy = Proxy::start(config(Mode::Tcp, &[echo()]), 1);
    let mut client = Client::connect(proxy.addr);
    client.send("one").finish();
    assert_eq!(client.rest(), b"onebye");
    let line = proxy.line(0);
    assert!(
        line.starts_with("fe be/s1 0/") && line.ends_with(" 6 -- 0 0/0"),
        "{line}"
    );
}

#[test]
fn a_large_stream_arrives_whole() {
    let proxy = Proxy::start(config(Mode::Tcp, &[echo()]), 1);
    let client = Client::connect(proxy.addr);
    let sent: Vec<u8> = (0..8_000_000u32).map(|i| (i % 253) as u8).collect();
    let mut writer = client.stream.try_clone().unwrap();
    let copy = sent.clone();
    let thread = std::thread::spawn(move || {
        writer.write_all(&copy).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    let mut reader = &client.stream;
    reader.read_to_end(&mut got).unwrap();
    thread.join().unwrap();
    assert_eq!(got.len(), sent.len() + 3);
    assert!(got[..sent.len()] == sent);
    proxy.eventually("the stream is counted", |shared| {
        shared.current().proxies[0]
            .frontend
            .totals(shared.now())
            .spliced_out
            > 0
    });
}

/// A stream so fast that the kernel gathers it in large pieces, and then a small one.
#[test]
fn the_last_bytes_before_a_pause_arrive_while_both_sides_wait() {
    const RUNS: usize = 5;
    const LARGE: usize = 16_000_000;
    let addr = serve(|mut stream| {
        let mut asked = [0];
        while stream.read_exact(&mut asked).is_ok() {
            let _ = stream.write_all(&vec![b'x'; LARGE]);
            std::thread::sleep(Duration::from_millis(20));
            let _ = stream.write_all(b"tail");
        }
    });
    let proxy = Proxy::start(config(Mode::Tcp, &[addr]), 1);
    let client = Client::connect(proxy.addr);
    let mut got = vec![0; LARGE + 4];
    for _ in 0..RUNS {
        (&client.stream).write_all(b"?").unwrap();
        (&client.stream).read_exact(&mut got).unwrap();
        assert!(got.ends_with(b"xtail"));
    }
}

#[test]
fn nobody_listening_closes_the_client() {
    let mut config = config(Mode::Tcp, &[nobody()]);
    config.proxies[1].backend.retries = 0;
    let proxy = Proxy::start(config, 1);
    assert!(Client::connect(proxy.addr).is_closed());
    let line = proxy.line(0);
    assert!(
        line.contains("fe be/s1 0/-1/") && line.contains(" 0 SC 0 0/0"),
        "{line}"
    );
}

#[test]
fn a_quiet_client_times_out() {
    let mut config = config(Mode::Tcp, &[echo()]);
    config.proxies[0].timeouts.client = Some(Duration::from_millis(100));
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    client.send("x");
    assert_eq!(client.rest(), b"x");
    assert!(proxy.line(0).contains(" cD "), "{}", proxy.line(0));
}

#[test]
fn a_quiet_tunnel_lasts_as_long_as_its_own_timeout() {
    let mut config = config(Mode::Tcp, &[echo()]);
    config.proxies[0].timeouts.client = Some(Duration::from_millis(50));
    config.proxies[1].timeouts.server = Some(Duration::from_millis(50));
    config.proxies[1].timeouts.tunnel = Some(Duration::from_secs(5));
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    client.send("a");
    std::thread::sleep(Duration::from_millis(200));
    client.send("b").finish();
    assert_eq!(client.rest(), b"abbye");
}

#[test]
fn a_reset_of_the_server_is_its_fault() {
    let server = serve(|mut stream| {
        let mut buf = [0; 8];
        let _ = stream.read(&mut buf);
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    });
    let proxy = Proxy::start(config(Mode::Tcp, &[server]), 1);
    let mut client = Client::connect(proxy.addr);
    client.send("x");
    assert!(client.is_closed());
    assert!(proxy.line(0).contains(" SD "), "{}", proxy.line(0));
}

#[test]
fn an_upgrade_becomes_a_tunnel() {
    let server = serve(|mut stream| {
        let head = read_request(&mut stream).unwrap();
        assert!(head.contains("upgrade: chat"), "{head}");
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\nhi ")
            .unwrap();
        let mut buf = [0; 64];
        while let Ok(n) = stream.read(&mut buf) {
            if n == 0 {
                break;
            }
            stream.write_all(&buf[..n].to_ascii_uppercase()).unwrap();
        }
    });
    let proxy = Proxy::start(config(Mode::Http, &[server]), 1);
    let mut client = Client::connect(proxy.addr);
    client.send("GET / HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, 101);
    assert_eq!(response.header("upgrade"), Some("chat"));
    client.send("abc").finish();
    assert_eq!(client.rest(), b"hi ABC");
    assert!(proxy.line(0).contains(" 101 "), "{}", proxy.line(0));
    assert!(proxy.line(0).contains(" ---- "), "{}", proxy.line(0));
}

#[test]
fn connect_becomes_a_tunnel() {
    let server = serve(|mut stream| {
        let head = read_request(&mut stream).unwrap();
        assert!(head.starts_with("CONNECT example.org:25 "), "{head}");
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut buf = [0; 4];
        stream.read_exact(&mut buf).unwrap();
        stream.write_all(&buf).unwrap();
    });
    let proxy = Proxy::start(config(Mode::Http, &[server]), 1);
    let mut client = Client::connect(proxy.addr);
    client.send("CONNECT example.org:25 HTTP/1.1\r\nhost: example.org:25\r\n\r\n");
    let head = {
        while !client.pending.ends_with(b"\r\n\r\n") {
            let mut buf = [0; 256];
            let n = client.stream.read(&mut buf).unwrap();
            client.pending.extend_from_slice(&buf[..n]);
        }
        String::from_utf8(std::mem::take(&mut client.pending)).unwrap()
    };
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    client.send("ping");
    assert_eq!(client.rest(), b"ping");
}

#[test]
fn a_tcp_frontend_with_an_http_backend_speaks_http() {
    let mut config = config(Mode::Tcp, &[hello("a"), hello("b")]);
    config.proxies[1].mode = Mode::Http;
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    assert_eq!(client.get("/").text(), "a");
    assert_eq!(client.get("/").text(), "b");
}

#[test]
fn a_socks4_proxy_is_asked_for_the_server() {
    let server = hello("behind");
    let socks = serve(move |mut stream| {
        let mut request = [0; 12];
        stream.read_exact(&mut request).unwrap();
        assert_eq!(request[..2], [4, 1]);
        assert_eq!(request[2..4], server.port().to_be_bytes());
        stream.write_all(&[0, 90, 0, 0, 0, 0, 0, 0]).unwrap();
        let mut onward = std::net::TcpStream::connect(server).unwrap();
        let mut back = (onward.try_clone().unwrap(), stream.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
        let _ = std::io::copy(&mut stream, &mut onward);
    });
    let mut config = config(Mode::Http, &[server]);
    Arc::make_mut(&mut config.proxies[1].backend.servers[0]).socks4 = Some(socks);
    let proxy = Proxy::start(config, 1);
    assert_eq!(Client::connect(proxy.addr).get("/").text(), "behind");
}

#[test]
fn a_proxy_header_gives_the_client_its_address() {
    let mut config = config(Mode::Http, &[hello("a")]);
    config.proxies[0].frontend.binds[0].options.accept_proxy = true;
    config.proxies[0].options.forwardfor = Some(lbd_config::config::ForwardFor {
        header: b"x-forwarded-for".to_vec(),
        except: None,
        if_none: false,
    });
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    client.send("PROXY TCP4 192.0.2.7 198.51.100.1 1234 80\r\n");
    let response = client.get("/echo");
    assert!(
        response.text().contains("x-forwarded-for: 192.0.2.7\r\n"),
        "{response:?}"
    );
    let mut client = Client::connect(proxy.addr);
    client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n");
    assert!(client.is_closed());
    let line = proxy.line(1);
    assert!(
        line.ends_with("fe/1: Received something which does not look like a PROXY protocol header"),
        "{line}"
    );
}

#[test]
fn a_proxy_header_tells_the_server_who_comes() {
    let server = serve(|mut stream| {
        let mut line = Vec::new();
        let mut one = [0];
        while !line.ends_with(b"\r\n") && stream.read(&mut one).unwrap() > 0 {
            line.push(one[0]);
        }
        stream.write_all(&line).unwrap();
    });
    let mut config = config(Mode::Tcp, &[server]);
    Arc::make_mut(&mut config.proxies[1].backend.servers[0]).send_proxy = Some(SendProxy {
        version: 1,
        options: Vec::new(),
        tlvs: Vec::new(),
    });
    let proxy = Proxy::start(config, 1);
    let mut client = Client::connect(proxy.addr);
    let port = client.stream.local_addr().unwrap().port();
    let text = String::from_utf8(client.rest()).unwrap();
    assert_eq!(
        text,
        format!(
            "PROXY TCP4 127.0.0.1 127.0.0.1 {port} {}\r\n",
            proxy.addr.port()
        )
    );
}
