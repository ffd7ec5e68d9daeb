//! What needs more than one block: defaults of `global_defs`, names, script security, contradictions.

mod vmac;

use lbd_core::{Diag, Level};
use vrrp_proto::packet::{Family, Version};
use vrrp_proto::spec::Reach;
use vrrp_proto::track::{Delays, Effect, Status, TrackSpec};

use crate::Program;
use crate::config::{Command, Track};
use crate::read::track::{Tracked, Tracking};
use crate::read::{Cx, InstanceNames, Pending};

/// Completes a configuration.
pub(crate) fn resolve(cx: &mut Cx<'_>) {
    if cx.config.instances.is_empty() && !cx.is_unusable && !cx.diags.has_alert() {
        let diag = Diag::new(Level::Notice, None, "no vrrp_instance is configured");
        cx.diags.push(diag);
    }
    scripts(cx);
    let Pending { instances, groups } = std::mem::take(&mut cx.pending);
    for (index, names) in instances.into_iter().enumerate() {
        instance(cx, index, &names);
    }
    drop_same_ids(cx);
    drop_fatal(cx);
    vmac::name(&mut cx.config);
    for (index, names) in groups.iter().enumerate() {
        let mut members = Vec::new();
        for (name, span) in &names.members {
            let at = cx
                .config
                .instances
                .iter()
                .position(|i| i.spec.name == *name);
            let in_other = |at: &usize| cx.config.groups.iter().any(|g| g.members.contains(at));
            match at {
                Some(at) if !in_other(&at) && !members.contains(&at) => members.push(at),
                Some(_) => {
                    let text = format!("virtual router {name} is in a group already");
                    cx.error(*span, text, "");
                }
                None => {
                    let group = &cx.config.groups[index].name;
                    let text = format!(
                        "virtual router {name} specified in sync group {group} doesn't exist - ignoring"
                    );
                    cx.error(*span, text, "");
                }
            }
        }
        cx.config.groups[index].members = members;
        let tracked = resolve_all(cx, &names.tracked, None);
        let span = cx.config.groups[index].span;
        let group = &mut cx.config.groups[index];
        (group.trackers, group.tracks) = tracked;
        if !names.keeps_weights {
            // Members with different priorities would be pulled apart.
            for member in group.members.clone() {
                for tracker in &mut cx.config.instances[member].spec.trackers {
                    if matches!(tracker.effect, Effect::Weight(_)) {
                        tracker.effect = Effect::Fault;
                    }
                }
            }
        }
        let (name, count) = (
            cx.config.groups[index].name.clone(),
            cx.config.groups[index].members.len(),
        );
        if count < 2 {
            let text = match count {
                0 => format!("sync group {name} has no virtual router(s), it is removed"),
                _ => format!(
                    "sync group {name} has only 1 virtual router(s), this probably isn't what you want"
                ),
            };
            cx.warn(span, text, "");
        }
    }
    cx.config.groups.retain(|group| !group.members.is_empty());
}

/// Gives scripts their user, and removes those that cannot or must not run.
fn scripts(cx: &mut Cx<'_>) {
    let default = match cx.config.global.script_user {
        Some(user) => Some(user),
        None => cx.host.user(DEFAULT_USER, None).ok(),
    };
    cx.config.global.script_user = default;
    let has_security = cx.config.global.script_security;
    let lacks_user = has_security && default.is_none();
    let mut is_used = false;
    let host = cx.host;
    let mut found = Vec::new();
    let mut check = |what: &str, span: Option<lbd_core::Span>, command: &mut Command| {
        if command.user.is_none() {
            if lacks_user {
                found.push(
                    Diag::alert(
                        span,
                        format!("unable to set default user for {what}, it is removed"),
                    )
                    .hint("Make the user keepalived_script, or name one by script_user."),
                );
                return false;
            }
            command.user = default;
        }
        let program = &command.words[0];
        match host.program(program, command.user) {
            Program::Found => {
                is_used = true;
                true
            }
            Program::Insecure if has_security => {
                let text = format!(
                    "{what}: '{program}' runs as root and others than root can change it, it is removed"
                );
                let hint = "Give it to root alone, or run it as another user.";
                found.push(Diag::alert(span, text).hint(hint));
                false
            }
            Program::Insecure => {
                is_used = true;
                true
            }
            // keepalived tells these and goes on; they are no errors of a test.
            Program::Missing => {
                let text = format!("{what}: program '{program}' not found, it is disabled");
                found.push(Diag::warning(span, text));
                false
            }
            Program::NotExecutable => {
                let text = format!("{what}: program '{program}' may not be run, it is disabled");
                found.push(Diag::warning(span, text));
                false
            }
        }
    };
    let config = &mut cx.config;
    config.scripts.retain_mut(|script| {
        let what = format!("vrrp script {}", script.name);
        check(&what, Some(script.span), &mut script.command)
    });
    let owners = config.instances.iter_mut().map(|i| (i.span, &mut i.notify));
    let groups = config.groups.iter_mut().map(|g| (g.span, &mut g.notify));
    for (span, notify) in owners.chain(groups) {
        for slot in notify.slots() {
            if let Some(command) = slot
                && !check("notify script", Some(span), command)
            {
                *slot = None;
            }
        }
    }
    let fifos = config.global.fifos.iter_mut().map(|fifo| &mut fifo.script);
    for slot in fifos {
        if let Some(command) = slot
            && !check("notify_fifo_script", None, command)
        {
            *slot = None;
        }
    }
    for slot in [
        &mut config.global.startup_script,
        &mut config.global.shutdown_script,
    ] {
        if let Some((command, _)) = slot
            && !check("startup or shutdown script", None, command)
        {
            *slot = None;
        }
    }
    for diag in found {
        cx.diags.push(diag);
    }
    if is_used && !has_security {
        cx.is_insecure = true;
        cx.diags.push(
            Diag::warning(
                None,
                "SECURITY VIOLATION - scripts are being executed but script_security not enabled",
            )
            .hint("Add enable_script_security to global_defs."),
        );
    }
}

fn instance(cx: &mut Cx<'_>, index: usize, names: &InstanceNames) {
    defaults(cx, index, names);
    let own = cx.config.instances[index].interface.clone();
    let span = cx.config.instances[index].span;
    let name = cx.config.instances[index].spec.name.clone();
    let (mut trackers, mut tracks) = resolve_all(cx, &names.tracked, own.as_deref());
    if names.sets.track_source {
        trackers.push(TrackSpec {
            name: "source address".to_owned(),
            effect: Effect::Fault,
            is_reversed: false,
            delays: Delays::default(),
            initial: Status::Unknown,
        });
        tracks.push(Track::Source);
    }
    let is_owner = cx.config.instances[index].spec.priority.is_owner();
    if is_owner {
        let mut at = 0;
        while at < trackers.len() {
            if matches!(trackers[at].effect, Effect::Weight(_)) {
                let text = format!(
                    "({name}) ignoring tracked {} with weights due to address_owner",
                    trackers[at].name
                );
                cx.error(span, text, "");
                trackers.remove(at);
                tracks.remove(at);
            } else {
                at += 1;
            }
        }
    }
    let target = &mut cx.config.instances[index];
    (target.spec.trackers, target.tracks) = (trackers, tracks);
    if !names.has_vrid {
        cx.error(
            span,
            format!("({name}) the virtual router id must be set"),
            "",
        );
    }
    if cx.config.instances[index].addresses.is_empty()
        && cx.config.instances[index].excluded.is_empty()
        && !names.sets.no_addresses
    {
        let text = format!("({name}) No VIP specified; at least one is sensible");
        cx.warn(span, text, "");
    }
    interface(cx, index);
    if names.sets.vmac_addr {
        vmac::mean_other_addresses(&mut cx.config.instances[index]);
    }
    for fault in cx.config.instances[index].spec.settle() {
        cx.error(span, format!("({name}) {fault}"), "");
    }
    if !names.has_vrid {
        // Marked for removal: an interval that no version has.
        cx.config.instances[index].spec.interval.0 = 0;
    }
}

fn defaults(cx: &mut Cx<'_>, index: usize, names: &InstanceNames) {
    let global = cx.config.global.clone();
    let delays = cx.config.interface_delays.clone();
    let target = &mut cx.config.instances[index];
    let spec = &mut target.spec;
    let sets = &names.sets;
    if !sets.version {
        let is_ipv6 = spec.family() == Family::Ipv6;
        // keepalived: IPv6 has version 3 whatever the default is.
        spec.version = if is_ipv6 {
            Version::V3
        } else {
            global.version.unwrap_or(Version::V2)
        };
    }
    if let Reach::Multicast { group } = &mut spec.reach
        && !sets.group
    {
        *group = match Family::of(*group) {
            Family::Ipv4 => global.group4.into(),
            Family::Ipv6 => global.group6.into(),
        };
    }
    if let Reach::Unicast { check_source, .. } = &mut spec.reach {
        *check_source |= global.check_unicast_src;
    }
    if !sets.skip_check {
        spec.skip_check_adv_addr = global.skip_check_adv_addr;
    }
    if !sets.strict {
        spec.is_strict = global.is_strict;
    }
    if !sets.lower_prio {
        spec.lower_prio_advert = !global.lower_prio_no_advert;
    }
    spec.higher_prio_send_advert = names.higher_prio.unwrap_or(global.higher_prio_send_advert);
    if spec.down_timer_adverts == 0 {
        let fallback = vrrp_proto::spec::DOWN_TIMER_ADVERTS;
        spec.down_timer_adverts = global.down_timer_adverts.unwrap_or(fallback);
    }
    spec.garp = names.garp.over(&global.garp);
    spec.start_delay = global.startup_delay;
    if let Some(interface) = &target.interface
        && let Some((_, delay)) = delays.iter().find(|(name, _)| name == interface)
    {
        spec.interface_delays = *delay;
    }
    let (span, version) = (target.span, target.spec.version);
    let is_broken = version == Version::V2 && !target.spec.interval.0.is_multiple_of(100);
    if is_broken {
        let rounded = target.spec.interval.0.div_ceil(100) * 100;
        target.spec.interval.0 = rounded;
        let name = target.spec.name.clone();
        let text = format!(
            "({name}) VRRPv2 advertisement interval must be whole seconds, it is rounded to {} s",
            rounded / 100
        );
        cx.error(
            span,
            text,
            "Use 'version 3' for shorter intervals, on all nodes.",
        );
    }
}

/// The interface is there, or may come later; in multicast there must be one.
fn interface(cx: &mut Cx<'_>, index: usize) {
    let target = &cx.config.instances[index];
    let (name, span) = (target.spec.name.clone(), target.span);
    let is_multicast = !target.spec.reach.is_unicast();
    let is_dynamic = cx.config.global.dynamic_interfaces;
    match target.interface.clone() {
        Some(interface) if !cx.host.has_interface(&interface) && !is_dynamic => {
            let text = format!("interface {interface} for vrrp_instance {name} doesn't exist");
            cx.error(
                span,
                text,
                "It is waited for; dynamic_interfaces says that this is meant.",
            );
        }
        Some(_) => {}
        None if is_multicast || target.vmac.is_some() => {
            let default = cx.config.global.default_interface.clone();
            if !cx.host.has_interface(&default) && !is_dynamic {
                let text = format!("({name}) no interface is set and {default} doesn't exist");
                cx.error(span, text, "Add 'interface NAME'.");
            }
            cx.config.instances[index].interface = Some(default);
        }
        None => {}
    }
}

/// Names to indices; what is unknown is told and left out.
fn resolve_all(
    cx: &mut Cx<'_>,
    tracked: &[Tracked],
    own: Option<&str>,
) -> (Vec<TrackSpec>, Vec<Track>) {
    let (mut trackers, mut tracks) = (Vec::new(), Vec::new());
    for one in tracked {
        for (track, weight, is_reversed, delays, initial) in resolve_one(cx, one, own) {
            let weight = one.weight.unwrap_or(weight);
            let effect = match (&track, weight) {
                (Track::Balancer(_), _) => Effect::Fault,
                (Track::Conditions(_), _) => Effect::Yield,
                (_, 0) => Effect::Fault,
                (_, weight) => Effect::Weight(weight),
            };
            let kind = match &track {
                Track::Balancer(_) => "balancer",
                Track::Conditions(_) => "conditions of balancer",
                Track::File(_) => "file",
                Track::Interface(_) => "interface",
                Track::Process(_) => "process",
                Track::Script(_) => "script",
                Track::Source => "source",
            };
            trackers.push(TrackSpec {
                name: format!("{kind} {}", one.name),
                effect,
                is_reversed: one.is_reversed.unwrap_or(is_reversed),
                delays,
                initial,
            });
            tracks.push(track);
        }
    }
    (trackers, tracks)
}

type Resolved = Vec<(Track, i16, bool, Delays, Status)>;

fn resolve_one(cx: &mut Cx<'_>, one: &Tracked, own: Option<&str>) -> Resolved {
    let none = Delays::default();
    let config = &cx.config;
    let found: Option<Resolved> = match one.kind {
        Tracking::Balancer => {
            let at = config.balancers.iter().position(|b| b.name == one.name);
            at.map(|at| {
                let balancer = &config.balancers[at];
                let mut tracks = vec![(Track::Balancer(at), 0, false, none, Status::Unknown)];
                if !balancer.backends.is_empty() || !balancer.frontends.is_empty() {
                    tracks.push((Track::Conditions(at), 0, false, none, Status::Up));
                }
                tracks
            })
        }
        Tracking::File => {
            let at = config.files.iter().position(|f| f.name == one.name);
            at.map(|at| {
                let file = &config.files[at];
                vec![(
                    Track::File(at),
                    file.weight,
                    file.is_reversed,
                    none,
                    Status::Value(0),
                )]
            })
        }
        Tracking::Interface => {
            if own == Some(one.name.as_str()) {
                let text = format!("ignoring track_interface {} since own interface", one.name);
                cx.warn(one.span, text, "");
                return Vec::new();
            }
            if !cx.host.has_interface(&one.name) && !cx.config.global.dynamic_interfaces {
                let text = format!("tracked interface {} doesn't exist", one.name);
                cx.error(one.span, text, "It is waited for.");
            }
            let configured = cx
                .config
                .interface_delays
                .iter()
                .find(|(n, _)| *n == one.name);
            let delays = configured.map_or(none, |(_, delays)| *delays);
            let track = Track::Interface(one.name.clone());
            Some(vec![(track, 0, false, delays, Status::Unknown)])
        }
        Tracking::Process => {
            let at = config.processes.iter().position(|p| p.name == one.name);
            at.map(|at| {
                let process = &config.processes[at];
                let (weight, is_reversed) = (process.weight, process.is_reversed);
                vec![(
                    Track::Process(at),
                    weight,
                    is_reversed,
                    process.delays,
                    Status::Unknown,
                )]
            })
        }
        Tracking::Script => {
            let at = config.scripts.iter().position(|s| s.name == one.name);
            at.map(|at| {
                let script = &config.scripts[at];
                let initial = if script.init_fail {
                    Status::Down
                } else {
                    Status::Unknown
                };
                vec![(
                    Track::Script(at),
                    script.weight,
                    script.is_reversed,
                    none,
                    initial,
                )]
            })
        }
    };
    found.unwrap_or_else(|| {
        let kind = match one.kind {
            Tracking::Balancer => "balancer",
            Tracking::File => "file",
            Tracking::Interface => "interface",
            Tracking::Process => "process",
            Tracking::Script => "script",
        };
        let text = format!("track {kind} {} not found, ignoring...", one.name);
        cx.error(one.span, text, "");
        Vec::new()
    })
}

/// Two instances of one identifier and family on one interface would hear each other.
fn drop_same_ids(cx: &mut Cx<'_>) {
    let key = |i: &crate::config::Instance| {
        let is_unicast = i.spec.reach.is_unicast();
        (
            i.interface.clone(),
            i.spec.vrid,
            i.spec.family(),
            is_unicast,
        )
    };
    let mut at = 0;
    while at < cx.config.instances.len() {
        let (before, rest) = cx.config.instances.split_at(at);
        let one = &rest[0];
        let same = before.iter().find(|other| {
            key(other) == key(one)
                && (!one.spec.reach.is_unicast() && one.spec.reach == other.spec.reach
                    || shares_peer(&one.spec.reach, &other.spec.reach))
        });
        let Some(same) = same else {
            at += 1;
            continue;
        };
        let text = format!(
            "({}) VRID {} is in use by {} on this interface already, the instance is removed",
            one.spec.name,
            one.spec.vrid.number(),
            same.spec.name
        );
        let span = one.span;
        cx.error(span, text, "Give it an identifier of its own.");
        cx.config.instances.remove(at);
    }
}

fn shares_peer(one: &Reach, other: &Reach) -> bool {
    match (one, other) {
        (Reach::Unicast { peers: a, .. }, Reach::Unicast { peers: b, .. }) => a
            .iter()
            .any(|peer| b.iter().any(|other| other.address == peer.address)),
        _ => false,
    }
}

/// What cannot run is removed; it has been told.
fn drop_fatal(cx: &mut Cx<'_>) {
    cx.config
        .instances
        .retain_mut(|i| !i.spec.settle().iter().any(|fault| fault.is_fatal()));
}

/// keepalived's default of `script_user`.
const DEFAULT_USER: &str = "keepalived_script";
