//! Parts of `vrrp_instance`: authentication, unicast, VMAC.

use std::time::Duration;

use lbd_core::Span;
use vrrp_proto::packet::auth::{AH_REFUSED, Authentication};
use vrrp_proto::packet::{Centisecs, Family, HOPS, Vrid, hmac};
use vrrp_proto::spec::{OldUnicastChecksum, PeerSpec, Preempt, Reach};

use super::instance::Draft;
use crate::config::Notify;
use crate::read::{Cx, InstanceNames, Keyword, done, value, walk};
use crate::tree::Item;

pub(super) fn draft(name: String, span: Span) -> Draft {
    Draft {
        name,
        names: InstanceNames::default(),
        notify: Notify::default(),
        interface: None,
        vmac: None,
        xmit_base: false,
        vmac_addr: false,
        is_master: false,
        vrid: None,
        priority: crate::config::DEFAULT_PRIORITY,
        interval: None,
        version: None,
        source: None,
        group: None,
        peers: Vec::new(),
        is_unicast: false,
        fault_no_peer: false,
        ttl: HOPS,
        check_source: false,
        track_source: false,
        checksum_as_v2: false,
        old_checksum: OldUnicastChecksum::default(),
        password: (None, None),
        hmac: None,
        preempt: Preempt::Always,
        down_timer_adverts: None,
        skip_check: None,
        is_strict: None,
        lower_prio_no_advert: None,
        timer_expired_backup: None,
        track_primary: true,
        is_only_backup: false,
        addresses: Vec::new(),
        excluded: Vec::new(),
        no_addresses: false,
        routes: Vec::new(),
        rules: Vec::new(),
        promote: false,
        span,
    }
}

/// `authentication`.
pub(super) fn password(cx: &mut Cx<'_>, draft: &mut Draft, items: &[Item]) {
    walk(cx, items, &[AUTHENTICATION], draft, " in authentication");
}

const AUTHENTICATION: &[Keyword<Draft>] = &[
    done("auth_pass", 1, |cx, d, item| {
        let word = &item.values()[0];
        if word.text.len() > PASSWORD {
            cx.error(
                word.span,
                format!("truncating auth_pass to {PASSWORD} characters"),
                "The wire has room for 8; write no more, the same on all nodes.",
            );
        }
        d.password.1 = Some(word.text.clone());
    }),
    done("auth_type", 1, |cx, d, item| {
        let word = &item.values()[0];
        match word.text.as_str() {
            "PASS" => d.password.0 = Some("PASS".to_owned()),
            "AH" => cx.error(word.span, AH_REFUSED, ""),
            other => {
                let text = format!("({}) unknown authentication type '{other}'", d.name);
                cx.error(word.span, text, "Write PASS.");
            }
        }
    }),
];

/// keepalived: a password counts only with its type, and a type only with a password.
pub(super) fn authentication(cx: &mut Cx<'_>, draft: &Draft) -> Authentication {
    match &draft.password {
        (Some(_), Some(password)) => Authentication::password(password),
        (Some(_), None) => {
            let text = format!(
                "({}) authentication specified but no password given",
                draft.name
            );
            cx.error(draft.span, text, "Add auth_pass.");
            Authentication::None
        }
        (None, _) => Authentication::None,
    }
}

/// `unicast_peer`: an address with `min_ttl` and `max_ttl` on each line.
pub(super) fn peers(cx: &mut Cx<'_>, draft: &mut Draft, items: &[Item]) {
    draft.is_unicast = true;
    for item in items {
        let Some(address) = value::address(cx, &item.words[0]) else {
            continue;
        };
        let mut peer = PeerSpec {
            address,
            min_ttl: 0,
            max_ttl: HOPS,
        };
        let mut words = item.values().iter();
        while let Some(word) = words.next() {
            let slot = match word.text.as_str() {
                "min_ttl" => &mut peer.min_ttl,
                "max_ttl" => &mut peer.max_ttl,
                other => {
                    let text = format!("unknown option '{other}' of a unicast peer");
                    cx.error(word.span, text, "Write one peer on a line.");
                    break;
                }
            };
            let number = words
                .next()
                .and_then(|word| value::number(cx, word, 0..=255));
            if let Some(ttl) = number {
                *slot = u8::try_from(ttl).unwrap_or(HOPS);
                draft.check_source = true;
            }
        }
        if draft
            .peers
            .iter()
            .any(|other| other.address == peer.address)
        {
            cx.error(
                item.span(),
                format!("peer {} is there twice", peer.address),
                "",
            );
        } else {
            draft.peers.push(peer);
        }
    }
}

/// To whom packets go; the group of `global_defs` is put in by `resolve`.
pub(super) fn reach(cx: &mut Cx<'_>, draft: &Draft) -> Reach {
    if draft.is_unicast && draft.peers.is_empty() && !draft.fault_no_peer {
        // keepalived: falls back to the group.
        let text = format!(
            "({}) unicast_peer without a peer, multicast is used",
            draft.name
        );
        cx.warn(
            draft.span,
            text,
            "Name the peers, or add unicast_fault_no_peer.",
        );
    }
    if !draft.peers.is_empty() || draft.fault_no_peer {
        return Reach::Unicast {
            peers: draft.peers.clone(),
            hops: draft.ttl,
            check_source: draft.check_source,
        };
    }
    let first = draft
        .addresses
        .first()
        .map(|address| Family::of(address.ip));
    let family = first
        .or_else(|| draft.source.map(Family::of))
        .unwrap_or(Family::Ipv4);
    Reach::Multicast {
        group: draft.group.unwrap_or_else(|| family.group()),
    }
}

/// `use_vmac [NAME] [MAC]`.
pub(super) fn vmac(cx: &mut Cx<'_>, draft: &mut Draft, item: &Item) {
    let (mut name, mut mac) = (None, None);
    for word in item.values() {
        if word.text.contains(':') {
            let bytes: Option<Vec<u8>> = word
                .text
                .split(':')
                .map(|part| u8::from_str_radix(part, 16).ok())
                .collect();
            match bytes.as_deref() {
                Some(&[a, b, c, d, e, f]) => mac = Some([a, b, c, d, e, f]),
                _ => cx.error(
                    word.span,
                    format!("invalid MAC address '{}'", word.text),
                    "",
                ),
            }
        } else if word.text.len() < INTERFACE_NAME {
            name = Some(word.text.clone());
        } else {
            let text = format!("interface name '{}' is too long", word.text);
            cx.error(word.span, text, "15 characters at most.");
        }
    }
    draft.vmac = Some((name, mac));
}

#[derive(Default)]
struct HmacDraft {
    keys: Vec<hmac::Key>,
    active: Option<u8>,
    mode: hmac::Mode,
    is_monotonic: bool,
    window: Option<u16>,
}

/// `auth_hmac`: keys of keepalived 2.4's trailer.
pub(super) fn hmac(cx: &mut Cx<'_>, item: &Item, items: &[Item]) -> Option<hmac::Spec> {
    let mut draft = HmacDraft::default();
    walk(cx, items, &[HMAC], &mut draft, " in auth_hmac");
    let active = draft
        .active
        .or_else(|| draft.keys.first().map(hmac::Key::id));
    let replay = match (draft.is_monotonic, draft.window) {
        (true, _) => hmac::Replay::Monotonic,
        (false, Some(window)) => hmac::Replay::Time { window },
        (false, None) => hmac::Replay::default_for(Duration::from_secs(1)),
    };
    match hmac::Spec::new(draft.keys, active.unwrap_or(0), draft.mode, replay) {
        Ok(spec) => Some(spec),
        Err(why) => {
            // Running without what was asked for would be worse than not running.
            cx.is_unusable = true;
            cx.error(item.span(), format!("auth_hmac: {why}"), "");
            None
        }
    }
}

const HMAC: &[Keyword<HmacDraft>] = &[
    done("active_key", 1, |cx, d, item| {
        d.active = value::of(cx, item, 1..=255)
    }),
    done("anti_replay", 1, |cx, d, item| {
        match item.values()[0].text.as_str() {
            "monotonic" => d.is_monotonic = true,
            "time" => d.is_monotonic = false,
            _ => cx.error(
                item.span(),
                "unknown anti_replay",
                "Write monotonic or time.",
            ),
        }
    }),
    done("key", 2, |cx, d, item| {
        let Some(id) = value::of(cx, item, 1..=255) else {
            return;
        };
        let text = &item.values()[1].text;
        let secret = match text.strip_prefix("0x") {
            Some(digits) => hex(digits),
            None => Some(text.as_bytes().to_vec()),
        };
        match secret
            .ok_or("key is no hexadecimal number")
            .and_then(|s| hmac::Key::new(id, s))
        {
            Ok(key) => d.keys.push(key),
            Err(why) => cx.error(item.values()[1].span, why, ""),
        }
    }),
    done("mode", 1, |cx, d, item| {
        d.mode = match item.values()[0].text.as_str() {
            "enforce" => hmac::Mode::Enforce,
            "permissive" => hmac::Mode::Permissive,
            "receive-only" | "receive_only" => hmac::Mode::ReceiveOnly,
            _ => {
                let hint = "Write enforce, permissive or receive-only.";
                return cx.error(item.span(), "unknown mode of auth_hmac", hint);
            }
        };
    }),
    done("time_window", 1, |cx, d, item| {
        d.window = value::of(cx, item, 1..=300)
    }),
];

fn hex(digits: &str) -> Option<Vec<u8>> {
    let bytes = digits.as_bytes().chunks(2);
    bytes
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// To hundredths of a second; 655.35 s is more than any version has.
pub(super) fn centisecs(interval: Duration) -> Centisecs {
    Centisecs(u16::try_from((interval.as_micros() + 5000) / 10_000).unwrap_or(u16::MAX))
}

const PASSWORD: usize = 8;
const INTERFACE_NAME: usize = 16;
/// 1 is not 0, so there is such an identifier.
pub(super) const FIRST_VRID: Vrid = match Vrid::new(1) {
    Some(vrid) => vrid,
    None => unreachable!(),
};
