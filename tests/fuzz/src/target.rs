//! The readers that are fuzzed, and what must hold for each input.
//!
//! A target fails by panicking, in the product or in an assertion here.

use lbd_core as core;

mod config;
mod h2;
mod hello;
mod message;
mod parts;
mod peers;
mod proxy;
mod vrrp;

#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub name: &'static str,
    pub dictionary: &'static [&'static [u8]],
    pub run: fn(&[u8]),
}

pub(crate) const ALL: &[Target] = &[
    Target {
        name: "request",
        dictionary: message::WORDS,
        run: message::request,
    },
    Target {
        name: "response",
        dictionary: message::WORDS,
        run: message::response,
    },
    Target {
        name: "proxy",
        dictionary: proxy::WORDS,
        run: proxy::header,
    },
    Target {
        name: "hello",
        dictionary: hello::WORDS,
        run: hello::message,
    },
    Target {
        name: "h2-server",
        dictionary: h2::WORDS,
        run: h2::server,
    },
    Target {
        name: "h2-client",
        dictionary: h2::WORDS,
        run: h2::client,
    },
    Target {
        name: "hpack",
        dictionary: h2::WORDS,
        run: h2::block,
    },
    Target {
        name: "config",
        dictionary: config::WORDS,
        run: config::text,
    },
    Target {
        name: "condition",
        dictionary: config::WORDS,
        run: config::condition,
    },
    Target {
        name: "peers",
        dictionary: peers::WORDS,
        run: peers::session,
    },
    Target {
        name: "peers-sibling",
        dictionary: peers::SIBLING_WORDS,
        run: peers::sibling,
    },
    Target {
        name: "peers-message",
        dictionary: peers::WORDS,
        run: peers::message,
    },
    Target {
        name: "vrrp",
        dictionary: vrrp::PACKETS,
        run: vrrp::packet,
    },
    Target {
        name: "keepalived",
        dictionary: vrrp::WORDS,
        run: vrrp::config,
    },
];

/// Where to cut an input into two: every place of a short one, some of a long one.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by((length / 40).max(1))
}

/// Places in a text are such that an editor can go there.
fn assert_span(span: core::Span, lines: usize) {
    assert!(span.line as usize <= lines + 1, "{span:?} in {lines} lines");
}
