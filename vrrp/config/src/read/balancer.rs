//! `track_balancer`: the link to the balancer on this node. keepalived has no such thing.

use std::time::Duration;

use crate::config::Balancer;
use crate::read::{Cx, Keyword, done, value, walk};
use crate::tree::Item;

pub(super) fn read(cx: &mut Cx<'_>, item: &Item, items: &[Item]) {
    let name = item.values()[0].text.clone();
    if cx.config.balancers.iter().any(|b| b.name == name) {
        return cx.error(
            item.span(),
            format!("track_balancer {name} already defined"),
            "",
        );
    }
    let mut balancer = Balancer {
        name,
        socket: DEFAULT_SOCKET.to_owned(),
        timeout: DEFAULT_TIMEOUT,
        backends: Vec::new(),
        frontends: Vec::new(),
        rise: 1,
        fall: 2,
        span: item.span(),
    };
    walk(cx, items, &[KEYWORDS], &mut balancer, " in track_balancer");
    cx.config.balancers.push(balancer);
}

const KEYWORDS: &[Keyword<Balancer>] = &[
    done("backend", 1, |_, balancer, item| {
        let names = item.values().iter().map(|word| word.text.clone());
        balancer.backends.extend(names);
    }),
    done("fall", 1, |cx, balancer, item| {
        if let Some(fall) = value::of(cx, item, 1..=1000) {
            balancer.fall = fall;
        }
    }),
    done("frontend", 1, |_, balancer, item| {
        let names = item.values().iter().map(|word| word.text.clone());
        balancer.frontends.extend(names);
    }),
    done("rise", 1, |cx, balancer, item| {
        if let Some(rise) = value::of(cx, item, 1..=1000) {
            balancer.rise = rise;
        }
    }),
    done("socket", 1, |_, balancer, item| {
        item.values()[0].text.clone_into(&mut balancer.socket);
    }),
    done("timeout", 1, |cx, balancer, item| {
        if let Some(timeout) = value::seconds_of(cx, item, 0.05..=60.0) {
            balancer.timeout = timeout;
        }
    }),
];

/// Where lbd listens when nothing is said.
const DEFAULT_SOCKET: &str = "/run/lbd/failover.sock";
/// Hung for so long counts as dead.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(200);
