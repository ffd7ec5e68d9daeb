//! Random frames of every type, right and wrong, against a model of what RFC 9113 asks for.

use proptest::prelude::*;

use super::*;

/// What came of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The connection ended with that code.
    Connection(u32),
    /// The frame's stream was reset with that code.
    Stream(u32),
    /// Nothing was wrong.
    Fine,
}

use Verdict::{Connection as C, Fine, Stream as S};

const PROTOCOL: u32 = 1;
const FLOW: u32 = 3;
const CLOSED: u32 = 5;
const SIZE: u32 = 6;
const COMPRESSION: u32 = 9;
const CALM: u32 = 11;

/// Stream 1 waits for content, stream 3 has said all, no other one was opened.
const OPEN: u32 = 1;
const ENDED: u32 = 3;

#[derive(Debug, Clone)]
struct Sent {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Sent {
    fn is_idle(&self) -> bool {
        !matches!(self.stream, 0 | OPEN | ENDED)
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = self.payload.get(at..at + 4);
        bytes.map_or(0, |b| u32::from_be_bytes(b.try_into().unwrap()))
    }

    /// What may come of it: where several things are wrong, any of them.
    fn allowed(&self) -> Vec<Verdict> {
        let len = self.payload.len();
        let mut faults = Vec::new();
        let mut when = |holds: bool, verdicts: &[Verdict]| {
            if holds {
                faults.extend_from_slice(verdicts);
            }
        };
        when(len > DEFAULT_FRAME_SIZE, &[C(SIZE)]);
        let is_padded = self.flags & flag::PADDED != 0;
        let pad = usize::from(self.payload.first().copied().unwrap_or(0));
        match self.kind {
            kind::DATA => {
                when(self.stream == 0 || self.is_idle(), &[C(PROTOCOL)]);
                when(self.stream == ENDED, &[S(CLOSED), C(CLOSED)]);
                when(is_padded && pad >= len, &[C(PROTOCOL), C(SIZE)]);
            }
            // What a random block says is nobody's to foresee; that is the fault of its bytes.
            kind::HEADERS => {
                let wrong = [C(PROTOCOL), C(SIZE), C(COMPRESSION), C(CALM), C(CLOSED)];
                when(self.stream == 0, &[C(PROTOCOL)]);
                when(self.stream != 0, &wrong);
                when(self.stream != 0, &[S(PROTOCOL), S(CLOSED), Fine]);
            }
            kind::PRIORITY => {
                when(self.stream == 0, &[C(PROTOCOL)]);
                when(len != 5, &[C(SIZE), S(SIZE)]);
                let parent = self.number(0) & 0x7fff_ffff;
                let is_own = len == 5 && parent == self.stream;
                when(is_own, &[C(PROTOCOL), S(PROTOCOL), Fine]);
            }
            kind::RST_STREAM => {
                when(self.stream == 0 || self.is_idle(), &[C(PROTOCOL)]);
                when(len != 4, &[C(SIZE)]);
            }
            kind::SETTINGS => {
                let is_ack = self.flags & flag::ACK != 0;
                when(self.stream != 0, &[C(PROTOCOL)]);
                when(is_ack && len != 0 || !len.is_multiple_of(6), &[C(SIZE)]);
                for setting in self.payload.chunks_exact(6) {
                    let value = u32::from_be_bytes(setting[2..].try_into().unwrap());
                    match u16::from_be_bytes([setting[0], setting[1]]) {
                        2 | 8 => when(value > 1, &[C(PROTOCOL)]),
                        4 => when(value > 0x7fff_ffff, &[C(FLOW)]),
                        5 => when(!(16_384..=0xff_ffff).contains(&value), &[C(PROTOCOL)]),
                        _ => {}
                    }
                }
            }
            kind::PUSH_PROMISE | kind::CONTINUATION => when(true, &[C(PROTOCOL)]),
            kind::PING => {
                when(self.stream != 0, &[C(PROTOCOL)]);
                when(len != 8, &[C(SIZE)]);
            }
            kind::GOAWAY => {
                when(self.stream != 0, &[C(PROTOCOL)]);
                when(len < 8, &[C(SIZE)]);
            }
            kind::WINDOW_UPDATE => {
                when(len != 4, &[C(SIZE)]);
                when(self.is_idle(), &[C(PROTOCOL)]);
                let credit = self.number(0) & 0x7fff_ffff;
                let is_over = len == 4 && credit > 0x7fff_ffff - 65_535;
                let is_nothing = len == 4 && credit == 0;
                when(is_over, &[C(FLOW), S(FLOW)]);
                when(is_nothing, &[C(PROTOCOL), S(PROTOCOL)]);
            }
            _ => {}
        }
        match faults.is_empty() {
            true => vec![Fine],
            false => faults,
        }
    }
}

fn frames() -> impl Strategy<Value = Sent> {
    let kinds = prop_oneof![9 => 0..10_u8, 1 => 10..=255_u8];
    let streams = prop_oneof![
        Just(0),
        Just(OPEN),
        Just(ENDED),
        Just(2),
        Just(5),
        6..0x7fff_ffff_u32
    ];
    // Sizes at which types differ, and others.
    let lengths = prop_oneof![
        Just(0_usize),
        Just(4),
        Just(5),
        Just(6),
        Just(8),
        0..40_usize,
    ];
    let few = lengths.prop_flat_map(|len| {
        let byte = prop_oneof![Just(0_u8), Just(0xff), any::<u8>()];
        prop::collection::vec(byte, len)
    });
    let many = any::<u8>().prop_map(|byte| vec![byte; DEFAULT_FRAME_SIZE + 1]);
    let bytes = prop_oneof![30 => few, 1 => many];
    // A setting with a number that means something.
    let settings = (1..9_u16, prop_oneof![0..3_u32, any::<u32>()])
        .prop_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat());
    (kinds, any::<u8>(), streams, bytes, settings, any::<bool>()).prop_map(
        |(kind, flags, stream, payload, setting, is_setting)| Sent {
            kind,
            flags,
            stream,
            payload: match kind == kind::SETTINGS && is_setting {
                true => setting,
                false => payload,
            },
        },
    )
}

/// A server with stream 1 open and stream 3 half closed.
fn server() -> Server {
    let mut server = Server::new();
    server.request(OPEN, false, &POST);
    server.request(ENDED, true, &GET);
    server.said();
    server
}

fn code_of(payload: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(payload[at..at + 4].try_into().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_frame_ends_what_it_breaks_and_nothing_else(sent in frames()) {
        let mut server = server();
        let before = server.machine.counters().glitches;
        server.send(sent.kind, sent.flags, sent.stream, &sent.payload);
        let said = server.said();
        let verdict = said.iter().find_map(|(kind, _, stream, payload)| match *kind {
            kind::GOAWAY if code_of(payload, 4) != 0 => Some(C(code_of(payload, 4))),
            kind::RST_STREAM if *stream == sent.stream => Some(S(code_of(payload, 0))),
            _ => None,
        });
        let verdict = verdict.unwrap_or(Fine);
        let allowed = sent.allowed();
        prop_assert!(allowed.contains(&verdict), "{verdict:?}, not {allowed:?}");
        let is_failed = matches!(verdict, C(_));
        prop_assert_eq!(server.machine.fault().map(|code| C(code.0)), is_failed.then_some(verdict));
        if verdict != Fine {
            prop_assert!(server.machine.counters().glitches > before, "it is not counted");
        }
        if is_failed {
            server.send(kind::PING, 0, 0, b"too late");
            prop_assert!(server.said().is_empty(), "a connection that ended speaks");
            return Ok(());
        }
        // A block that goes on, or a stream that its own frame ended, is none to go on with.
        let is_block = sent.kind == kind::HEADERS && sent.flags & flag::END_HEADERS == 0;
        let is_own = sent.stream == OPEN && sent.kind != kind::PING;
        if !is_block && !is_own {
            server.send(kind::DATA, flag::END_STREAM, OPEN, b"rest");
            prop_assert_eq!(server.machine.fault(), None, "stream 1 is disturbed");
            prop_assert_eq!(server.reset(OPEN), None, "stream 1 is disturbed");
        }
    }

    #[test]
    fn any_frames_in_any_pieces_are_answered_with_whole_frames(
        sent in prop::collection::vec(frames(), 1..40),
        piece in 1..300_usize,
    ) {
        let mut server = server();
        let mut input = Vec::new();
        for frame in &sent {
            put_header(&mut input, frame.payload.len(), frame.kind, frame.flags, frame.stream);
            input.extend_from_slice(&frame.payload);
        }
        let mut held: Vec<u8> = Vec::new();
        for piece in input.chunks(piece) {
            held.extend_from_slice(piece);
            let used = server.machine.receive(&held, usize::MAX);
            prop_assert!(used <= held.len());
            held.drain(..used);
            prop_assert!(held.len() < DEFAULT_FRAME_SIZE + HEADER_LEN + 300, "input is kept");
        }
        // Reading what was said checks that it is made of whole frames.
        let said = server.said();
        prop_assert!(said.len() <= 2 * sent.len() + 2, "{} frames for {}", said.len(), sent.len());
        prop_assert!(server.machine.stream_count() <= 100);
        for (kind, _, stream, payload) in said {
            let code = match kind {
                kind::GOAWAY => code_of(&payload, 4),
                kind::RST_STREAM => code_of(&payload, 0),
                _ => continue,
            };
            prop_assert!(code <= 13, "an error that nobody knows");
            prop_assert!(kind == kind::GOAWAY || stream != 0);
        }
    }
}
