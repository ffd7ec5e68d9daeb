#![allow(
    clippy::cast_possible_truncation,
    reason = "messages of tests are short"
)]

use super::*;

fn hello(suites: &[u8], extensions: &[u8]) -> Vec<u8> {
    let mut content = vec![3, 3];
    content.extend(0..32);
    content.push(0);
    content.extend((suites.len() as u16).to_be_bytes());
    content.extend(suites);
    content.extend([1, 0]);
    content.extend((extensions.len() as u16).to_be_bytes());
    content.extend(extensions);
    content
}

/// Extensions as a browser has them: a GREASE value, groups, formats, versions, algorithms.
const EXTENSIONS: &[u8] = &[
    0x1a, 0x1a, 0, 0, //
    0, 10, 0, 6, 0, 4, 0xea, 0xea, 0, 29, //
    0, 11, 0, 2, 1, 0, //
    0, 13, 0, 6, 0, 4, 4, 3, 8, 4, //
    0, 43, 0, 5, 4, 3, 4, 3, 3,
];

#[test]
fn a_capture_has_the_lists_of_the_message() {
    let content = hello(&[0x13, 1, 0xc0, 0x2f], EXTENSIONS);
    let hello = Hello::parse(&content).expect("a hello");
    let capture = Capture::new(&hello, 200);
    assert_eq!(capture.version, 0x303);
    assert_eq!(capture.suites(), [0x13, 1, 0xc0, 0x2f]);
    assert_eq!(
        capture.extensions(),
        [0x1a, 0x1a, 0, 10, 0, 11, 0, 13, 0, 43]
    );
    assert_eq!(capture.groups(), [0xea, 0xea, 0, 29]);
    assert_eq!(capture.formats(), [0]);
    assert_eq!(capture.versions(), [3, 4, 3, 3]);
    assert_eq!(capture.sigalgs(), [4, 3, 8, 4]);
}

#[test]
fn lists_share_the_size_and_are_cut_where_it_ends() {
    let content = hello(&[0x13, 1, 0xc0, 0x2f], EXTENSIONS);
    let hello = Hello::parse(&content).expect("a hello");
    let whole = Capture::new(&hello, 200);
    for limit in 0..40 {
        let cut = Capture::new(&hello, limit);
        let lists = |capture: &Capture| {
            [
                capture.suites().to_vec(),
                capture.extensions().to_vec(),
                capture.groups().to_vec(),
                capture.formats().to_vec(),
                capture.versions().to_vec(),
                capture.sigalgs().to_vec(),
            ]
        };
        let kept: usize = lists(&cut).iter().map(Vec::len).sum();
        assert!(kept <= limit, "{limit}");
        assert_eq!(cut.extensions().len() % 2, 0, "{limit}");
        for (cut, whole) in lists(&cut).iter().zip(&lists(&whole)) {
            assert!(whole.starts_with(cut), "{limit}");
        }
        assert_eq!(cut.suites_hash, whole.suites_hash);
    }
}

#[test]
fn a_message_is_found_across_records() {
    let content = hello(&[0x13, 1], EXTENSIONS);
    let mut message = vec![1, 0, 0, content.len() as u8];
    message.extend(&content);
    let mut records = Vec::new();
    for part in message.chunks(50) {
        records.extend([22, 3, 1, 0, part.len() as u8]);
        records.extend(part);
    }
    let random: [u8; 32] = std::array::from_fn(|at| at as u8);
    assert_eq!(client_random(&records), Some(random));
    assert_eq!(server_hello(&records), None);
}

#[test]
fn a_request_to_try_again_is_no_server_hello() {
    let server = |random: &[u8; 32]| {
        let mut content = vec![2, 0, 0, 38, 3, 3];
        content.extend(random);
        content.extend([2, 9, 8, 0]);
        let mut record = vec![22, 3, 3, 0, content.len() as u8];
        record.extend(content);
        record
    };
    let mut flight = server(&TRY_AGAIN);
    assert_eq!(server_hello(&flight), None);
    flight.extend([20, 3, 3, 0, 1, 1]);
    flight.extend(server(&[5; 32]));
    let (random, id) = server_hello(&flight).expect("a hello");
    assert_eq!((random, &*id), ([5; 32], &[9, 8][..]));
}

#[test]
fn cut_messages_are_read_as_far_as_they_go() {
    let content = hello(&[0x13, 1], EXTENSIONS);
    for end in 0..content.len() {
        if let Some(hello) = Hello::parse(&content[..end]) {
            let _ = Capture::new(&hello, 64);
            let _ = (hello.server_name(), hello.first_protocol());
        }
    }
}
