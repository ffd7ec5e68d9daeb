//! `global_defs`, `garp_group`, `interface_up_down_delays`.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_proto::packet::Version;
use vrrp_proto::track::Delays;

use crate::config::{Command, Fifo, GarpGroup, GarpSettings, Global, Handover, User};
use crate::read::{Cx, Keyword, LVS_REASON, block, command, done, no_effect, refused, value, walk};
use crate::tree::Item;

pub(super) fn read(cx: &mut Cx<'_>, items: &[Item]) {
    let mut global = std::mem::take(&mut cx.config.global);
    walk(
        cx,
        items,
        &[VRRP, GARP, MAIL, PROCESS, SCRIPTS, OTHERS],
        &mut global,
        " in global_defs",
    );
    cx.config.global = global;
}

const VRRP: &[Keyword<Global>] = &[
    done("default_interface", 1, |_, g, item| {
        item.values()[0].text.clone_into(&mut g.default_interface);
    }),
    done("dynamic_interfaces", 0, |_, g, _| {
        g.dynamic_interfaces = true
    }),
    done("fence", 0, |cx, g, item| {
        g.fence = value::switch(cx, item).unwrap_or(true);
    }),
    block("handover", 0, |cx, g, item, items| {
        g.handover = handover(cx, item, items)
    }),
    done("prometheus", 1, |cx, g, item| {
        g.prometheus = value::socket_address(cx, item).or(g.prometheus);
    }),
    done("router_id", 1, |_, g, item| {
        g.router_id = Some(item.values()[0].text.clone())
    }),
    done("vmac_addr_prefix", 1, |cx, g, item| {
        g.vmac_addr_prefix = vmac_prefix(cx, item);
    }),
    done("vmac_prefix", 1, |cx, g, item| {
        if let Some(prefix) = vmac_prefix(cx, item) {
            g.vmac_prefix = prefix;
        }
    }),
    done("vrrp_check_unicast_src", 0, |_, g, _| {
        g.check_unicast_src = true
    }),
    done("vrrp_down_timer_adverts", 1, |cx, g, item| {
        g.down_timer_adverts = value::of(cx, item, 1..=100);
    }),
    done("vrrp_higher_prio_send_advert", 0, |cx, g, item| {
        g.higher_prio_send_advert = value::switch(cx, item).unwrap_or(true);
    }),
    done("vrrp_lower_prio_no_advert", 0, |cx, g, item| {
        g.lower_prio_no_advert = value::switch(cx, item).unwrap_or(false);
    }),
    done("vrrp_mcast_group4", 1, |cx, g, item| {
        if let Some(IpAddr::V4(group)) = value::group(cx, item, true) {
            g.group4 = group;
        }
    }),
    done("vrrp_mcast_group6", 1, |cx, g, item| {
        if let Some(IpAddr::V6(group)) = value::group(cx, item, false) {
            g.group6 = group;
        }
    }),
    done("vrrp_notify_priority_changes", 0, |cx, g, item| {
        g.notify_priority_changes = value::switch(cx, item).unwrap_or(false);
    }),
    done("vrrp_skip_check_adv_addr", 0, |cx, g, item| {
        g.skip_check_adv_addr = value::switch(cx, item).unwrap_or(false);
    }),
    done("vrrp_startup_delay", 1, |cx, g, item| {
        g.startup_delay = value::seconds_of(cx, item, 0.0..=4294.0).unwrap_or_default();
    }),
    done("vrrp_strict", 0, |_, g, _| g.is_strict = true),
    done("vrrp_version", 1, |cx, g, item| {
        g.version = match value::of::<u8>(cx, item, 2..=3) {
            Some(2) => Some(Version::V2),
            Some(_) => Some(Version::V3),
            None => None,
        };
    }),
];

/// The beginning of an interface's name: a number and a point follow it.
fn vmac_prefix(cx: &mut Cx<'_>, item: &Item) -> Option<String> {
    let word = &item.values()[0];
    let is_name = !word.text.contains('/') && !word.text.is_empty();
    if is_name && word.text.len() <= MAX_VMAC_PREFIX {
        return Some(word.text.clone());
    }
    let text = format!(
        "{} '{}' cannot begin an interface's name",
        item.keyword(),
        word.text
    );
    let hint = format!("{MAX_VMAC_PREFIX} characters at most, none of them '/'.");
    cx.error(word.span, text, &hint);
    None
}

/// An interface's name has 15 characters, of which `12.255` may follow.
const MAX_VMAC_PREFIX: usize = 9;

const GARP: &[Keyword<Global>] = &[
    done("vrrp_garp_extra_if", 1, |cx, g, item| {
        extra(cx, item, &mut g.garp)
    }),
    done("vrrp_garp_interval", 1, |cx, g, item| {
        g.garp_interval = value::seconds_of(cx, item, PACE).unwrap_or_default();
    }),
    done("vrrp_garp_lower_prio_delay", 1, announce),
    done("vrrp_garp_lower_prio_repeat", 1, announce),
    done("vrrp_garp_master_delay", 1, announce),
    done("vrrp_garp_master_refresh", 1, announce),
    done("vrrp_garp_master_refresh_repeat", 1, announce),
    done("vrrp_garp_master_repeat", 1, announce),
    done("vrrp_gna_interval", 1, |cx, g, item| {
        g.gna_interval = value::seconds_of(cx, item, PACE).unwrap_or_default();
    }),
    done("vrrp_min_garp", 0, |cx, g, item| {
        g.garp.is_minimal = value::switch(cx, item).unwrap_or(false);
    }),
];

const MAIL: &[Keyword<Global>] = &[
    done("no_email_faults", 0, |_, g, _| g.mail.no_faults = true),
    block("notification_email", 0, |cx, g, item, items| {
        let words = items.iter().flat_map(|item| &item.words);
        g.mail.to.extend(words.map(|word| word.text.clone()));
        if g.mail.to.is_empty() {
            cx.error(
                item.span(),
                "empty notification_email block",
                "Remove it, or fill it.",
            );
        }
    }),
    done("notification_email_from", 1, |_, g, item| {
        g.mail.from = Some(item.values()[0].text.clone());
    }),
    done("smtp_alert", 0, |cx, g, item| {
        g.mail.by_default = value::switch(cx, item)
    }),
    no_effect("smtp_alert_checker"),
    done("smtp_alert_vrrp", 0, |cx, g, item| {
        g.mail.by_default = value::switch(cx, item)
    }),
    done("smtp_connect_timeout", 1, |cx, g, item| {
        g.mail.timeout = value::seconds_of(cx, item, 1.0..=4294.0);
    }),
    done("smtp_helo_name", 1, |_, g, item| {
        g.mail.helo = Some(item.values()[0].text.clone())
    }),
    done("smtp_server", 1, |cx, g, item| {
        let port = match item.values().get(1) {
            Some(word) => value::number(cx, word, 1..=65_535).and_then(|n| u16::try_from(n).ok()),
            None => Some(SMTP_PORT),
        };
        g.mail.server = port.map(|port| (item.values()[0].text.clone(), port));
    }),
];

const PROCESS: &[Keyword<Global>] = &[
    // Names of processes and what is kept for debugging keepalived change nothing outside it.
    no_effect("bfd_process_name"),
    no_effect("checker_process_name"),
    no_effect("config_save_dir"),
    no_effect("process_name"),
    no_effect("process_names"),
    no_effect("tmp_config_directory"),
    no_effect("vrrp_process_name"),
    // Timers have a thread of their own here; real-time priority is vrrp_rt_priority.
    no_effect("max_auto_priority"),
    no_effect("min_auto_priority_delay"),
    // Buffers of a netlink socket that is read at once.
    no_effect("vrrp_netlink_cmd_rcv_bufs"),
    no_effect("vrrp_netlink_cmd_rcv_bufs_force"),
    no_effect("vrrp_netlink_monitor_rcv_bufs"),
    no_effect("vrrp_netlink_monitor_rcv_bufs_force"),
    no_effect("process_monitor_rcv_bufs"),
    no_effect("process_monitor_rcv_bufs_force"),
    no_effect("vrrp_rx_bufs_policy"),
    no_effect("vrrp_rx_bufs_multiplier"),
    // The program is started with what its unit allows.
    no_effect("umask"),
    done("vrrp_cpu_affinity", 1, |cx, g, item| {
        for word in item.values() {
            if let Some(cpu) = value::number(cx, word, 0..=1023) {
                g.cpus.push(u32::try_from(cpu).unwrap_or(0));
            }
        }
    }),
    done("vrrp_no_swap", 0, |_, g, _| g.no_swap = true),
    done("vrrp_priority", 1, |cx, g, item| {
        g.nice = value::of(cx, item, -20..=19)
    }),
    // The limit protects against a loop at real-time priority; the thread always sleeps between.
    no_effect("vrrp_rlimit_rttime"),
    no_effect("vrrp_rlimit_rtime"),
    done("vrrp_rt_priority", 1, |cx, g, item| {
        g.rt_priority = value::of(cx, item, 1..=99)
    }),
];

const SCRIPTS: &[Keyword<Global>] = &[
    done("enable_script_security", 0, |_, g, _| {
        g.script_security = true
    }),
    done("fifo_write_vrrp_states_on_reload", 0, |_, g, _| {
        g.fifo_on_reload = true
    }),
    done("notify_fifo", 1, fifo),
    done("notify_fifo_script", 1, fifo_script),
    done("script_user", 1, |cx, g, item| {
        g.script_user = command::user(cx, item.values())
    }),
    done("shutdown_script", 1, |cx, g, item| {
        g.shutdown_script = command::of(cx, item).map(|c| (c, SCRIPT_TIMEOUT));
    }),
    done("shutdown_script_timeout", 1, |cx, g, item| {
        timeout(cx, item, &mut g.shutdown_script);
    }),
    done("startup_script", 1, |cx, g, item| {
        g.startup_script = command::of(cx, item).map(|c| (c, SCRIPT_TIMEOUT));
    }),
    done("startup_script_timeout", 1, |cx, g, item| {
        timeout(cx, item, &mut g.startup_script)
    }),
    done("vrrp_notify_fifo", 1, fifo),
    done("vrrp_notify_fifo_script", 1, fifo_script),
];

const OTHERS: &[Keyword<Global>] = &[
    // Of LVS, BFD and its processes nothing is here, so how they run changes nothing.
    no_effect("bfd_cpu_affinity"),
    no_effect("bfd_no_swap"),
    no_effect("bfd_priority"),
    no_effect("bfd_rlimit_rttime"),
    no_effect("bfd_rt_priority"),
    no_effect("checker_cpu_affinity"),
    no_effect("checker_log_all_failures"),
    no_effect("checker_no_swap"),
    no_effect("checker_priority"),
    no_effect("checker_rlimit_rttime"),
    no_effect("checker_rt_priority"),
    no_effect("lvs_flush"),
    no_effect("lvs_flush_on_stop"),
    no_effect("lvs_flush_onstop"),
    no_effect("lvs_netlink_cmd_rcv_bufs"),
    no_effect("lvs_netlink_cmd_rcv_bufs_force"),
    no_effect("lvs_netlink_monitor_rcv_bufs"),
    no_effect("lvs_netlink_monitor_rcv_bufs_force"),
    no_effect("lvs_timeouts"),
    refused("lvs_notify_fifo", LVS_REASON),
    refused("lvs_notify_fifo_script", LVS_REASON),
    refused("lvs_sync_daemon", LVS_REASON),
    // IGMP needs no help without iptables rules of keepalived, which are not made here.
    refused(
        "disable_local_igmp",
        "advertisements need the group's membership reports",
    ),
    refused(
        "nftables",
        "no_accept is not supported, so no rules are made",
    ),
    refused(
        "vrrp_iptables",
        "no_accept is not supported, so no rules are made",
    ),
    refused(
        "vrrp_ipsets",
        "no_accept is not supported, so no rules are made",
    ),
    refused(
        "enable_dbus",
        "use lbctl status --json or the Prometheus port",
    ),
    refused(
        "dbus_service_name",
        "use lbctl status --json or the Prometheus port",
    ),
    refused("enable_snmp_vrrp", SNMP),
    refused("enable_snmp_checker", SNMP),
    refused("enable_snmp_rfc", SNMP),
    refused("enable_snmp_rfcv2", SNMP),
    refused("enable_snmp_rfcv3", SNMP),
    refused("enable_traps", SNMP),
    refused("snmp_socket", SNMP),
];

const SNMP: &str = "use the Prometheus port, or lbctl status --json";

/// One of the settings that global_defs and instances share, by the end of its keyword.
pub(super) fn garp(cx: &mut Cx<'_>, item: &Item, garp: &mut GarpSettings) {
    let name = item.keyword().trim_start_matches("vrrp_");
    if name.ends_with("repeat") {
        let Some(repeat) = value::of(cx, item, 0..=65_535) else {
            return;
        };
        match name {
            "garp_lower_prio_repeat" => garp.lower_prio_repeat = Some(repeat),
            "garp_master_refresh_repeat" => garp.refresh_repeat = Some(repeat.max(1)),
            _ => garp.repeat = Some(repeat.max(1)),
        }
        return;
    }
    let Some(delay) = value::seconds_of(cx, item, 0.0..=86_400.0) else {
        return;
    };
    match name {
        "garp_lower_prio_delay" => garp.lower_prio_delay = Some(delay),
        "garp_master_refresh" => garp.refresh = Some(delay),
        _ => garp.delay = Some(delay),
    }
}

/// `vrrp_garp_…`: as in an instance, for all.
fn announce(cx: &mut Cx<'_>, global: &mut Global, item: &Item) {
    garp(cx, item, &mut global.garp);
}

/// `garp_extra_if [all] SECONDS`.
pub(super) fn extra(cx: &mut Cx<'_>, item: &Item, garp: &mut GarpSettings) {
    // "all" is all there is: addresses of their own VMAC are not supported.
    let word = item.values().iter().find(|word| word.text != "all");
    let Some(word) = word else {
        return cx.error(item.span(), "garp_extra_if without seconds", "");
    };
    garp.extra_interval = value::seconds(cx, word, 0.0..=86_400.0);
}

fn timeout(cx: &mut Cx<'_>, item: &Item, script: &mut Option<(Command, Duration)>) {
    let timeout = value::seconds_of(cx, item, 1.0..=1000.0);
    if let (Some(timeout), Some((_, slot))) = (timeout, script) {
        *slot = timeout;
    }
}

fn fifo(cx: &mut Cx<'_>, global: &mut Global, item: &Item) {
    let path = item.values()[0].text.clone();
    if global.fifos.iter().any(|fifo| fifo.path == path) {
        let text = format!("FIFO {path} is there twice, the second is ignored");
        return cx.error(item.span(), text, "");
    }
    let user: Option<User> = match item.values().get(1) {
        Some(_) => command::user(cx, &item.values()[1..]),
        None => None,
    };
    global.fifos.push(Fifo {
        path,
        user,
        script: None,
    });
}

fn fifo_script(cx: &mut Cx<'_>, global: &mut Global, item: &Item) {
    let script = command::of(cx, item);
    match global
        .fifos
        .iter_mut()
        .rev()
        .find(|fifo| fifo.script.is_none())
    {
        Some(fifo) => fifo.script = script,
        None => cx.error(item.span(), "a FIFO's script without a FIFO before it", ""),
    }
}

pub(super) fn garp_group(cx: &mut Cx<'_>, _item: &Item, items: &[Item]) {
    let mut group = GarpGroup::default();
    walk(cx, items, &[GARP_GROUP], &mut group, " in garp_group");
    cx.config.garp_groups.push(group);
}

const GARP_GROUP: &[Keyword<GarpGroup>] = &[
    done("garp_interval", 1, |cx, group, item| {
        group.garp_interval = value::seconds_of(cx, item, PACE).unwrap_or_default();
    }),
    done("gna_interval", 1, |cx, group, item| {
        group.gna_interval = value::seconds_of(cx, item, PACE).unwrap_or_default();
    }),
    done("interface", 1, |_, group, item| {
        group.interfaces.push(item.values()[0].text.clone())
    }),
    block("interfaces", 0, |_, group, _, items| {
        let words = items.iter().flat_map(|item| &item.words);
        group.interfaces.extend(words.map(|word| word.text.clone()));
    }),
];

pub(super) fn interface_delays(cx: &mut Cx<'_>, items: &[Item]) {
    for item in items {
        let Some(down) = value::seconds_of(cx, item, 0.0..=255.0) else {
            if item.values().is_empty() {
                cx.error(item.span(), "an interface without its delay", "");
            }
            continue;
        };
        let up = match item.values().get(1) {
            Some(word) => value::seconds(cx, word, 0.0..=255.0).unwrap_or(down),
            None => down,
        };
        let delays = Delays { up, down };
        cx.config
            .interface_delays
            .push((item.keyword().to_owned(), delays));
    }
}

#[derive(Default)]
struct HandoverDraft {
    local: Option<std::net::SocketAddr>,
    peer: Option<std::net::SocketAddr>,
    secret: Vec<u8>,
    drain: Option<Duration>,
}

fn handover(cx: &mut Cx<'_>, item: &Item, items: &[Item]) -> Option<Handover> {
    let mut draft = HandoverDraft::default();
    walk(cx, items, &[HANDOVER], &mut draft, " in handover");
    let (Some(local), Some(peer)) = (draft.local, draft.peer) else {
        cx.error(
            item.span(),
            "handover needs local and peer",
            "Write 'local ADDRESS:PORT'.",
        );
        return None;
    };
    if draft.secret.len() < MIN_SECRET {
        let text = format!("handover needs a secret of at least {MIN_SECRET} bytes");
        cx.error(
            item.span(),
            text,
            "Write 'secret TEXT', the same on both nodes.",
        );
        return None;
    }
    Some(Handover {
        local,
        peer,
        secret: draft.secret,
        drain: draft.drain.unwrap_or(DEFAULT_DRAIN),
    })
}

const HANDOVER: &[Keyword<HandoverDraft>] = &[
    done("drain", 1, |cx, draft, item| {
        draft.drain = value::seconds_of(cx, item, 0.0..=86_400.0);
    }),
    done("local", 1, |cx, draft, item| {
        draft.local = value::socket_address(cx, item).or(draft.local);
    }),
    done("peer", 1, |cx, draft, item| {
        draft.peer = value::socket_address(cx, item).or(draft.peer);
    }),
    done("secret", 1, |_, draft, item| {
        item.values()[0]
            .text
            .as_bytes()
            .clone_into(&mut draft.secret);
    }),
];

/// Seconds between two announcements.
const PACE: std::ops::RangeInclusive<f64> = 0.000_001..=4_294.967_295;
const SMTP_PORT: u16 = 25;
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_DRAIN: Duration = Duration::from_secs(300);
const MIN_SECRET: usize = 32;
