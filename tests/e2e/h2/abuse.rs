//! Floods: bounded, counted, and nothing else is disturbed.

use super::frames::*;
use super::*;

const CONFIG: &str = "
frontend fe
    bind <fe> proto h2
    http-request return status 200 content-type text/plain lf-string %[fc_glitches] if { path /glitches }
    default_backend be
backend be
    server s1 <origin>
";

struct Stage {
    proxy: Proxy,
    _log: SyslogSink,
    _origin: Origin,
}

impl Stage {
    fn new(global: &str) -> Self {
        let log = SyslogSink::udp();
        let origin = origin();
        let text = format!("{TOP}{CONFIG}").replacen("global\n", &format!("global\n{global}"), 1);
        let proxy = Proxy::lbd(text)
            .with("log", log.address())
            .with("origin", origin.address())
            .listener("fe")
            .start();
        Self {
            proxy,
            _log: log,
            _origin: origin,
        }
    }

    fn peer(&self) -> Peer {
        Peer::connect(self.proxy.address("fe"))
    }

    /// A new client is served.
    fn still_serves(&self) {
        let mut peer = self.peer();
        peer.get(1, "/missing");
        assert_eq!(peer.stream(1), ["HEADERS 1 404", "DATA 1 of 4 end"]);
    }
}

#[test]
fn rapid_resets_are_survived() {
    let stage = Stage::new("");
    let mut peer = stage.peer();
    for n in 0..5000 {
        peer.get(2 * n + 1, "/silent");
        peer.send(RST_STREAM, 0, 2 * n + 1, &8_u32.to_be_bytes());
    }
    peer.answers();
    stage.still_serves();
}

#[test]
fn a_flood_of_continuations_ends_its_connection() {
    let stage = Stage::new("");
    let mut peer = stage.peer();
    peer.send(HEADERS, 0, 1, &block(&get("/x")));
    for _ in 0..1000 {
        peer.send(CONTINUATION, 0, 1, b"");
    }
    assert_eq!(peer.rest(), ["GOAWAY 11", "end"]);
    stage.still_serves();
}

#[test]
fn a_header_bomb_ends_its_connection() {
    let stage = Stage::new("");
    let mut peer = stage.peer();
    let mut bomb = block(&get("/x"));
    bomb.extend_from_slice(b"\x40\x01a\x7f\xa1\x1e");
    bomb.extend_from_slice(&[b'v'; 4000]);
    bomb.extend_from_slice(&[0xbe; 4000]);
    peer.send(HEADERS, END_HEADERS | END_STREAM, 1, &bomb);
    assert_eq!(peer.rest(), ["GOAWAY 11", "end"]);
    stage.still_serves();
}

#[test]
fn pings_and_settings_that_nobody_reads_the_answers_of_do_not_pile_up() {
    let stage = Stage::new("");
    let mut peer = stage.peer();
    for _ in 0..50_000 {
        peer.send(PING, 0, 0, b"floodflo");
    }
    // Written or refused: the proxy reads no further than it can answer.
    stage.still_serves();
    peer.close();
}

#[test]
fn glitches_are_counted_and_end_the_connection_at_their_threshold() {
    let stage = Stage::new("    tune.h2.fe.glitches-threshold 10\n");
    let mut peer = stage.peer();
    for n in 0..5 {
        peer.request(2 * n + 1, true, &get("no-slash"));
    }
    peer.answers();
    peer.get(11, "/glitches");
    assert_eq!(peer.stream(11).len(), 2);
    // One by one, the connection would end with a goodbye at three quarters of the threshold.
    peer.together(|peer| (6..16).for_each(|n| peer.request(2 * n + 1, true, &get("no-slash"))));
    let said = peer.rest();
    assert!(said.contains(&"GOAWAY 11".to_owned()), "{said:?}");

    let mut peer = stage.peer();
    for n in 0..8 {
        peer.request(2 * n + 1, true, &get("no-slash"));
    }
    let said = peer.rest();
    assert!(
        said.ends_with(&["GOAWAY 0".into(), "end".into()]),
        "{said:?}"
    );
    stage.still_serves();
}

#[test]
fn a_connection_is_told_to_go_after_its_share_of_streams() {
    let stage = Stage::new("    tune.h2.fe.max-total-streams 3\n");
    let mut peer = stage.peer();
    for stream in [1, 3, 5] {
        peer.get(stream, "/missing");
    }
    let said = peer.rest();
    assert_eq!(said.iter().filter(|text| text.contains(" 404")).count(), 3);
    assert!(said.contains(&"GOAWAY 0".to_owned()), "{said:?}");
}

#[test]
fn priorities_are_read_and_mean_nothing() {
    let stage = Stage::new("");
    let mut peer = stage.peer();
    peer.send(PRIORITY, 0, 7, &[0, 0, 0, 3, 9]);
    peer.get(9, "/missing");
    assert_eq!(peer.stream(9), ["HEADERS 9 404", "DATA 9 of 4 end"]);
}
