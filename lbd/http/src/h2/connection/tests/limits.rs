//! Floods and bombs: what is bounded, and what is counted.

use super::*;

#[test]
fn a_flood_of_continuations_ends_the_connection() {
    let mut server = Server::new();
    server.send(kind::HEADERS, 0, 1, &block(&GET));
    for _ in 0..MAX_CONTINUATIONS {
        server.send(kind::CONTINUATION, 0, 1, b"");
    }
    assert_eq!(server.goaway(), Some(11));
    assert!(server.machine.counters().glitches >= MAX_CONTINUATIONS);
}

#[test]
fn a_block_without_end_is_not_kept() {
    let mut server = Server::new();
    server.send(kind::HEADERS, 0, 1, &[0; 16_384]);
    server.send(kind::CONTINUATION, 0, 1, &[0; 16_384]);
    assert_eq!(server.goaway(), Some(11));
}

#[test]
fn a_header_bomb_ends_the_connection() {
    let mut server = Server::new();
    let mut block = block(&GET);
    block.extend_from_slice(b"\x40\x01a\x7f\xa1\x1e");
    block.extend_from_slice(&[b'v'; 4000]);
    block.extend_from_slice(&[0xbe; 1000]);
    server.send(kind::HEADERS, 5, 1, &block);
    assert_eq!(server.goaway(), Some(11));
}

#[test]
fn a_head_that_is_too_long_costs_its_stream_only() {
    let mut server = Server::new();
    let long = "v".repeat(16_000);
    let mut fields = GET.to_vec();
    fields.push(("x", &long));
    server.request(1, true, &fields);
    assert_eq!(server.reset(1), Some(1));
    let many: Vec<_> = (0..110).map(|n| format!("x{n}")).collect();
    let mut fields = GET.to_vec();
    fields.extend(many.iter().map(|name| (name.as_str(), "1")));
    server.request(3, true, &fields);
    assert_eq!(server.reset(3), Some(1));
    assert_eq!(server.machine.fault(), None);
}

#[test]
fn streams_beyond_the_announced_number_are_refused() {
    let mut server = Server::new();
    for n in 0..100 {
        server.request(2 * n + 1, true, &GET);
    }
    assert_eq!(server.reset(199), None);
    server.request(201, true, &GET);
    assert_eq!(server.reset(201), Some(7));
    assert_eq!(server.machine.stream_count(), 100);
}

#[test]
fn rapid_resets_hold_no_more_streams_than_announced() {
    let mut server = Server::new();
    for n in 0..1000 {
        server.request(2 * n + 1, true, &GET);
        server.send(kind::RST_STREAM, 0, 2 * n + 1, &8_u32.to_be_bytes());
    }
    // Their owners have not let go of them yet.
    assert_eq!(server.machine.stream_count(), 100);
    assert_eq!(server.machine.counters().resets, 1000);
    assert_eq!(server.machine.counters().glitches, 900);
}

#[test]
fn answers_that_cannot_leave_stop_the_reading() {
    let mut server = Server::new();
    let mut count = 0;
    while server.machine.wants_input() {
        server.send(kind::PING, 0, 0, &[0; 8]);
        count += 1;
    }
    assert_eq!(count, MAX_BACKLOG.div_ceil(17));
    server.said();
    assert!(server.machine.wants_input());
}

#[test]
fn repeated_settings_and_empty_content_are_counted() {
    let mut server = Server::new();
    server.request(1, false, &POST);
    for _ in 0..10 {
        server.send(kind::SETTINGS, 0, 0, &[]);
        server.send(kind::DATA, 0, 1, &[]);
    }
    assert_eq!(server.machine.counters().glitches, 20);
}

#[test]
fn the_last_of_all_streams_is_followed_by_a_goodbye() {
    let mut config = Config::new(Role::Server);
    config.max_total = 2;
    let mut server = Server::with(config);
    server.request(1, true, &GET);
    assert_eq!(server.goaway(), None);
    server.request(3, true, &GET);
    assert_eq!(server.goaway(), Some(0));
    server.request(5, true, &GET);
    assert_eq!(server.machine.stream_count(), 2);
}
