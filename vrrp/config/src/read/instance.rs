//! `vrrp_instance`.

use std::net::IpAddr;
use std::time::Duration;

use lbd_core::Span;
use vrrp_proto::packet::{Centisecs, HOPS, Priority, Version, Vrid};
use vrrp_proto::spec::{OldUnicastChecksum, PeerSpec, Preempt};
use vrrp_proto::{InstanceSpec, packet::hmac};

use crate::config::{Address, Instance, Notify, Route, Rule, Vmac};
use crate::read::group::set;
use crate::read::track::{Tracking, names};
use crate::read::{
    Cx, InstanceNames, Keyword, address, block, done, global, instance_parts as parts, no_effect,
    refused, route, rule, value, walk,
};
use crate::tree::Item;

/// What is said, before defaults.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) names: InstanceNames,
    pub(super) notify: Notify,
    pub(super) interface: Option<String>,
    pub(super) vmac: Option<(Option<String>, Option<[u8; 6]>)>,
    pub(super) xmit_base: bool,
    pub(super) vmac_addr: bool,
    pub(super) is_master: bool,
    pub(super) vrid: Option<Vrid>,
    pub(super) priority: Priority,
    pub(super) interval: Option<Duration>,
    pub(super) version: Option<Version>,
    pub(super) source: Option<IpAddr>,
    pub(super) group: Option<IpAddr>,
    pub(super) peers: Vec<PeerSpec>,
    pub(super) is_unicast: bool,
    pub(super) fault_no_peer: bool,
    pub(super) ttl: u8,
    pub(super) check_source: bool,
    pub(super) track_source: bool,
    pub(super) checksum_as_v2: bool,
    pub(super) old_checksum: OldUnicastChecksum,
    pub(super) password: (Option<String>, Option<String>),
    pub(super) hmac: Option<hmac::Spec>,
    pub(super) preempt: Preempt,
    pub(super) down_timer_adverts: Option<u8>,
    pub(super) skip_check: Option<bool>,
    pub(super) is_strict: Option<bool>,
    pub(super) lower_prio_no_advert: Option<bool>,
    pub(super) timer_expired_backup: Option<Priority>,
    pub(super) track_primary: bool,
    pub(super) is_only_backup: bool,
    pub(super) addresses: Vec<Address>,
    pub(super) excluded: Vec<Address>,
    pub(super) no_addresses: bool,
    pub(super) routes: Vec<Route>,
    pub(super) rules: Vec<Rule>,
    pub(super) promote: bool,
    pub(super) span: Span,
}

pub(super) fn read(cx: &mut Cx<'_>, item: &Item, items: &[Item]) {
    let name = item.values()[0].text.clone();
    if cx.config.instances.iter().any(|i| i.spec.name == name) {
        let text = format!("vrrp instance {name} already defined");
        return cx.error(item.span(), text, "Give each instance a name of its own.");
    }
    let mut draft = parts::draft(name, item.span());
    walk(
        cx,
        items,
        &[KEYWORDS, TRACKING],
        &mut draft,
        " in vrrp_instance",
    );
    let (instance, names) = build(cx, draft);
    cx.config.instances.push(instance);
    cx.pending.instances.push(names);
}

/// Puts what was said into what the protocol needs; defaults of `global_defs` come in `resolve`.
fn build(cx: &mut Cx<'_>, draft: Draft) -> (Instance, InstanceNames) {
    let version = draft.version.unwrap_or(Version::V2);
    let vrid = draft.vrid.or(Vrid::new(1)).unwrap_or(parts::FIRST_VRID);
    let wire = draft.addresses.iter().map(|address| address.ip).collect();
    let mut spec = InstanceSpec::new(&draft.name, version, vrid, wire);
    spec.priority = draft.priority;
    spec.starts_as_master = draft.is_master;
    spec.source = draft.source;
    spec.checksum_as_v2 = draft.checksum_as_v2;
    spec.old_unicast_checksum = draft.old_checksum;
    spec.hmac = draft.hmac.clone();
    spec.preempt = draft.preempt;
    spec.timer_expired_backup = draft.timer_expired_backup;
    spec.track_primary = draft.track_primary;
    spec.is_only_backup = draft.is_only_backup;
    spec.skip_check_adv_addr = draft.skip_check.unwrap_or(false);
    spec.is_strict = draft.is_strict.unwrap_or(false);
    spec.lower_prio_advert = !draft.lower_prio_no_advert.unwrap_or(false);
    spec.down_timer_adverts = draft.down_timer_adverts.unwrap_or(0);
    spec.authentication = parts::authentication(cx, &draft);
    spec.reach = parts::reach(cx, &draft);
    spec.interval = match draft.interval {
        Some(interval) => parts::centisecs(interval),
        None => Centisecs(100),
    };
    let vmac = draft.vmac.as_ref().map(|(name, mac)| Vmac {
        // One without a name is given one when all names are known.
        name: name.clone().unwrap_or_default(),
        mac: mac.unwrap_or_else(|| Vmac::usual_mac(spec.family(), vrid)),
        xmit_base: draft.xmit_base,
    });
    let mut names = draft.names;
    names.has_vrid = draft.vrid.is_some();
    names.sets = crate::read::Sets {
        version: draft.version.is_some(),
        skip_check: draft.skip_check.is_some(),
        strict: draft.is_strict.is_some(),
        lower_prio: draft.lower_prio_no_advert.is_some(),
        group: draft.group.is_some(),
        no_addresses: draft.no_addresses,
        track_source: draft.track_source,
        vmac_addr: draft.vmac_addr,
    };
    let instance = Instance {
        spec,
        interface: draft.interface,
        vmac,
        address_vmacs: Vec::new(),
        addresses: draft.addresses,
        excluded: draft.excluded,
        routes: draft.routes,
        rules: draft.rules,
        promote_secondaries: draft.promote,
        notify: draft.notify,
        tracks: Vec::new(),
        span: draft.span,
    };
    (instance, names)
}

const KEYWORDS: &[Keyword<Draft>] = &[
    // The only mode there is.
    no_effect("accept"),
    done("advert_int", 1, |cx, d, item| {
        d.interval = value::seconds_of(cx, item, 0.01..=255.0)
    }),
    block("auth_hmac", 0, |cx, d, item, items| {
        d.hmac = parts::hmac(cx, item, items)
    }),
    block("authentication", 0, |cx, d, _, items| {
        parts::password(cx, d, items)
    }),
    done("check_unicast_src", 0, |_, d, _| d.check_source = true),
    no_effect("debug"),
    done("dont_track_primary", 0, |_, d, _| d.track_primary = false),
    done("down_timer_adverts", 1, |cx, d, item| {
        d.down_timer_adverts = value::of(cx, item, 1..=100);
    }),
    done("garp_extra_if", 1, |cx, d, item| {
        global::extra(cx, item, &mut d.names.garp)
    }),
    done("garp_lower_prio_delay", 1, |cx, d, item| {
        global::garp(cx, item, &mut d.names.garp)
    }),
    done("garp_lower_prio_repeat", 1, |cx, d, item| {
        global::garp(cx, item, &mut d.names.garp)
    }),
    done("garp_master_delay", 1, |cx, d, item| {
        global::garp(cx, item, &mut d.names.garp)
    }),
    done("garp_master_refresh", 1, |cx, d, item| {
        global::garp(cx, item, &mut d.names.garp)
    }),
    done("garp_master_refresh_repeat", 1, |cx, d, item| {
        global::garp(cx, item, &mut d.names.garp);
    }),
    done("garp_master_repeat", 1, |cx, d, item| {
        global::garp(cx, item, &mut d.names.garp)
    }),
    done("higher_prio_send_advert", 0, |cx, d, item| {
        d.names.higher_prio = value::switch(cx, item);
    }),
    done("interface", 1, |_, d, item| {
        d.interface = Some(item.values()[0].text.clone())
    }),
    no_effect("kernel_rx_buf_size"),
    refused("linkbeat_use_polling", "the kernel tells carrier changes"),
    done("lower_prio_no_advert", 0, |cx, d, item| {
        d.lower_prio_no_advert = value::switch(cx, item);
    }),
    refused("lvs_sync_daemon_interface", super::LVS_REASON),
    done("mcast_dst_ip", 1, |cx, d, item| {
        d.group = value::address(cx, &item.values()[0]);
        if d.group.is_some_and(|group| !group.is_multicast()) {
            d.group = None;
            cx.error(item.span(), "mcast_dst_ip is no multicast address", "");
        }
    }),
    done("mcast_src_ip", 1, |cx, d, item| {
        d.source = value::address(cx, &item.values()[0])
    }),
    // The addresses say it.
    no_effect("native_ipv6"),
    refused(
        "no_accept",
        "a balancer that accepts nothing on its address serves nobody",
    ),
    done("no_virtual_ipaddress", 0, |_, d, _| d.no_addresses = true),
    done("nopreempt", 0, |_, d, _| d.preempt = Preempt::Never),
    done("notify", 1, |cx, d, item| set(cx, item, &mut d.notify.any)),
    done("notify_backup", 1, |cx, d, item| {
        set(cx, item, &mut d.notify.backup)
    }),
    done("notify_deleted", 0, |cx, d, item| {
        d.notify.tells_deleted = true;
        set(cx, item, &mut d.notify.deleted);
    }),
    done("notify_fault", 1, |cx, d, item| {
        set(cx, item, &mut d.notify.fault)
    }),
    done("notify_master", 1, |cx, d, item| {
        set(cx, item, &mut d.notify.master)
    }),
    done("notify_master_rx_lower_pri", 1, |cx, d, item| {
        set(cx, item, &mut d.notify.lower_priority);
    }),
    done("notify_priority_changes", 0, |cx, d, item| {
        d.notify.priority_changes = value::switch(cx, item);
    }),
    done("notify_stop", 1, |cx, d, item| {
        set(cx, item, &mut d.notify.stop)
    }),
    done("old_unicast_checksum", 0, |cx, d, item| {
        d.old_checksum = match item.values().first().map(|word| word.text.as_str()) {
            None => OldUnicastChecksum::Always,
            Some("never") => OldUnicastChecksum::Never,
            Some(other) => {
                return cx.error(
                    item.span(),
                    format!("unknown word '{other}'"),
                    "Write never.",
                );
            }
        };
    }),
    // lbd's own: after a release that auth_hmac proves it need not wait for others.
    done("only_backup", 0, |_, d, _| d.is_only_backup = true),
    done("preempt", 0, |_, d, _| d.preempt = Preempt::Always),
    done("preempt_delay", 1, |cx, d, item| {
        if let Some(delay) = value::seconds_of(cx, item, 0.0..=1000.0)
            && d.preempt != Preempt::Never
        {
            d.preempt = Preempt::Delayed(delay);
        }
    }),
    done("priority", 1, |cx, d, item| {
        d.priority = match value::of(cx, item, 1..=255) {
            Some(priority) => Priority(priority),
            None => crate::config::DEFAULT_PRIORITY,
        };
    }),
    done("promote_secondaries", 0, |_, d, _| d.promote = true),
    done("skip_check_adv_addr", 0, |cx, d, item| {
        d.skip_check = value::switch(cx, item)
    }),
    done("smtp_alert", 0, |cx, d, item| {
        d.notify.mail = value::switch(cx, item)
    }),
    done("state", 1, |cx, d, item| {
        match item.values()[0].text.as_str() {
            "MASTER" => d.is_master = true,
            "BACKUP" => d.is_master = false,
            other => {
                let text = format!("({}) unknown state '{other}', defaulting to BACKUP", d.name);
                cx.error(item.values()[0].span, text, "Write MASTER or BACKUP.");
            }
        }
    }),
    done("strict_mode", 0, |cx, d, item| {
        d.is_strict = value::switch(cx, item)
    }),
    done("timer_expired_backup", 0, |cx, d, item| {
        d.timer_expired_backup = match item.values().first() {
            Some(word) => value::number(cx, word, 1..=254)
                .and_then(|n| u8::try_from(n).ok())
                .map(Priority),
            None => Some(Priority::HIGHEST),
        };
    }),
    done("unicast_fault_no_peer", 0, |_, d, _| d.fault_no_peer = true),
    block("unicast_peer", 0, |cx, d, _, items| {
        parts::peers(cx, d, items)
    }),
    done("unicast_src_ip", 1, |cx, d, item| {
        d.source = value::address(cx, &item.values()[0])
    }),
    done("unicast_ttl", 1, |cx, d, item| {
        d.ttl = value::of(cx, item, 0..=255).unwrap_or(HOPS);
    }),
    refused("use_ipvlan", "use use_vmac, or addresses on the interface"),
    done("use_vmac", 0, parts::vmac),
    done("use_vmac_addr", 0, |_, d, _| d.vmac_addr = true),
    done("v3_checksum_as_v2", 0, |cx, d, item| {
        d.checksum_as_v2 = value::switch(cx, item).unwrap_or(false);
    }),
    done("version", 1, |cx, d, item| {
        d.version = match value::of::<u8>(cx, item, 2..=3) {
            Some(2) => Some(Version::V2),
            Some(_) => Some(Version::V3),
            None => None,
        };
    }),
    block("virtual_ipaddress", 0, |cx, d, _, items| {
        let list = address::list(cx, items);
        d.addresses.extend(list);
    }),
    block("virtual_ipaddress_excluded", 0, |cx, d, _, items| {
        let list = address::list(cx, items);
        d.excluded.extend(list);
    }),
    done("virtual_router_id", 1, |cx, d, item| {
        d.vrid = value::of(cx, item, 1..=255).and_then(Vrid::new);
    }),
    block("virtual_routes", 0, |cx, d, _, items| {
        let list = route::list(cx, items);
        d.routes.extend(list);
    }),
    block("virtual_rules", 0, |cx, d, _, items| {
        let list = rule::list(cx, items);
        d.rules.extend(list);
    }),
    done("vmac_xmit_base", 0, |_, d, _| d.xmit_base = true),
    refused("vrf", "name the interface instead"),
];

const TRACKING: &[Keyword<Draft>] = &[
    block("track_balancer", 0, |cx, d, _, items| {
        names(cx, Tracking::Balancer, items, &mut d.names.tracked);
    }),
    refused("track_bfd", "there is no BFD here"),
    block("track_file", 0, |cx, d, _, items| {
        names(cx, Tracking::File, items, &mut d.names.tracked);
    }),
    block("track_interface", 0, |cx, d, _, items| {
        names(cx, Tracking::Interface, items, &mut d.names.tracked);
    }),
    block("track_process", 0, |cx, d, _, items| {
        names(cx, Tracking::Process, items, &mut d.names.tracked);
    }),
    block("track_script", 0, |cx, d, _, items| {
        names(cx, Tracking::Script, items, &mut d.names.tracked);
    }),
    done("track_src_ip", 0, |_, d, _| d.track_source = true),
];
