//! The TLS client hello in buffered bytes: what is read from it, and that no cut of it harms.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

#[path = "support/bench.rs"]
mod support;

use lbd_core::{Checkpoint, Value};
use lbd_rules::expr::{Expr, Sampled};
use lbd_rules::view::Buffered;
use lbd_rules::word::Word;
use support::{Bench, SPAN, Scene};

const FETCHES: &[&str] = &[
    "req.ssl_hello_type",
    "req.ssl_sni",
    "req.ssl_alpn",
    "req.ssl_ver",
    "req.ssl_ec_ext",
    "req.ssl_st_ext",
    "req.ssl_cipherlist",
    "req.ssl_keyshare_groups",
    "req.ssl_sigalgs",
    "req.ssl_supported_groups",
    "req.rdp_cookie",
    "req.payload_lv(3,2)",
    "req.proto_http",
];

fn block16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes(), content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), block16(content)].concat()
}

fn client_hello() -> Vec<u8> {
    let name = b"www.example.com";
    let entry = [vec![0], block16(name)].concat();
    let extensions = [
        extension(35, b""),
        extension(0, &block16(&entry)),
        extension(10, &block16(&[0, 29, 0, 23])),
        extension(13, &block16(&[4, 3])),
        extension(16, &block16(b"\x02h2\x08http/1.1")),
        extension(51, &block16(&[vec![0, 29], block16(&[7; 32])].concat())),
    ]
    .concat();
    let mut hello = vec![3, 3];
    hello.extend([9; 32]);
    hello.push(0);
    hello.extend(block16(&[0x13, 1, 0x13, 2]));
    hello.extend([1, 0]);
    hello.extend(block16(&extensions));
    let mut record = vec![1, 0];
    record.extend(block16(&hello));
    [vec![0x16, 3, 1], block16(&record)].concat()
}

fn value<'a>(scene: &'a Scene, text: &str, data: &'a [u8], complete: bool) -> Sampled<'a> {
    let mut bench = Bench::default();
    let word = Word::new(text, SPAN);
    let expr = Expr::parse(word, &mut bench.ctx(Checkpoint::FeReqCnt)).expect("valid");
    let mut view = scene.view();
    view.request = None;
    view.is_final = complete;
    view.request_body = Buffered {
        data,
        complete,
        full: false,
        announced: None,
        awaits_head: false,
    };
    expr.value(&view)
}

#[test]
fn a_hello_says_what_its_extensions_say() {
    let scene = Scene::new();
    let hello = client_hello();
    for (text, wanted) in [
        ("req.ssl_hello_type", Value::Int(1)),
        ("req.ssl_sni", Value::Str(b"www.example.com")),
        ("req.ssl_alpn", Value::Str(b"h2")),
        ("req.ssl_ver", Value::Int(0x3_0003)),
        ("req.ssl_ec_ext", Value::Bool(true)),
        ("req.ssl_st_ext", Value::Int(1)),
        ("req.ssl_cipherlist", Value::Bin(&[0x13, 1, 0x13, 2])),
        ("req.ssl_keyshare_groups", Value::Bin(&[0, 29])),
        ("req.ssl_sigalgs", Value::Bin(&[4, 3])),
        ("req.ssl_supported_groups", Value::Bin(&[0, 29, 0, 23])),
        ("req.proto_http", Value::Bool(false)),
    ] {
        assert_eq!(
            value(&scene, text, &hello, false),
            Sampled::Value(wanted),
            "{text}"
        );
    }
}

#[test]
fn a_hello_that_is_not_all_there_is_waited_for() {
    let scene = Scene::new();
    let hello = client_hello();
    for end in 0..hello.len() {
        let cut = &hello[..end];
        assert_eq!(
            value(&scene, "req.ssl_sni", cut, false),
            Sampled::NotYet,
            "{end}"
        );
        assert_eq!(
            value(&scene, "req.ssl_sni", cut, true),
            Sampled::Absent,
            "{end}"
        );
    }
    assert_eq!(
        value(&scene, "req.ssl_sni", b"GET / HTTP/1.1", false),
        Sampled::Absent
    );
}

#[test]
fn no_cut_or_changed_byte_harms() {
    let scene = Scene::new();
    let hello = client_hello();
    for at in 0..hello.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut bad = hello.clone();
            bad[at] = byte;
            bad.truncate(hello.len() - at % 7);
            for text in FETCHES {
                let _ = value(&scene, text, &bad, true);
            }
        }
    }
}

#[test]
fn an_rdp_cookie_is_found() {
    let scene = Scene::new();
    let cookie = b"Cookie: mstshash=joe\r\n";
    let total = 11 + cookie.len() as u8;
    let mut data = vec![3, 0, 0, total, total - 5, 0xe0, 0, 0, 0, 0, 0];
    data.extend(cookie);
    let found = value(&scene, "req.rdp_cookie(mstshash)", &data, false);
    assert_eq!(found, Sampled::Value(Value::Str(b"joe")));
    assert_eq!(
        value(&scene, "req.rdp_cookie_cnt", &data, false),
        Sampled::Value(Value::Int(1))
    );
    assert_eq!(
        value(&scene, "req.rdp_cookie", &data[..20], false),
        Sampled::NotYet
    );
}
