//! `show peers` (haproxy 3.4 management 9.3), in the layout that tools read.
//!
//! What has no counterpart here is printed as it is in a quiet session of the reference. What it does
//! not have stands behind its fields: `unsure` and `strangers` of a section, and of a peer the line
//! `updates`.

use lbd_core::WallTime;
use lbd_core::bits::{held64, low32};
use std::fmt::Write;

use ::peers::View;
use ::peers::proto::section::PeerView;
use ::peers::proto::words::Subject;
use lbd_config::config::{AccessLevel, Config, PeersSpec, ServerAddress};

use super::command::{ApiCommand, Call};

pub(super) const COMMANDS: &[ApiCommand] = &[
    ApiCommand {
        words: &["show", "cluster"],
        usage: "show cluster",
        describe: "what operators have set and checks have found on any node of lbd, when and where",
        level: AccessLevel::Operator,
        run: cluster,
    },
    ApiCommand {
        words: &["show", "peers"],
        usage: "show peers [dict|-] [section]",
        describe: "peers, and the tables shared with them",
        level: AccessLevel::User,
        run: show_peers,
    },
];

/// Places of a dictionary in a line.
const COLUMNS: usize = 4;

fn show_peers(call: &mut Call<'_>) {
    let with_names = call.arg(0) == "dict";
    let name = if matches!(call.arg(0), "dict" | "-") {
        call.arg(1)
    } else {
        call.arg(0)
    };
    let name = name.to_owned();
    let config = call.daemon.config();
    if !name.is_empty() && !config.peers.iter().any(|peers| *peers.name == *name) {
        return call.fail("No such peers");
    }
    let views = call.daemon.peers.views(call.daemon.shared.now());
    for (at, (spec, view)) in config.peers.iter().zip(&views).enumerate() {
        if name.is_empty() || *spec.name == *name {
            match view {
                Some(view) => section(call, &config, at, spec, view, with_names),
                None => call.fail(&format!("Peers section '{}' is busy", spec.name)),
            }
        }
    }
}

/// One line for each thing that operators have set.
fn cluster(call: &mut Call<'_>) {
    for word in call.daemon.peers.words() {
        let mut date = Vec::new();
        let wall = WallTime(word.wall_ms.saturating_mul(1000));
        lbd_http::date::push_clf_date(&mut date, wall, call.daemon.utc_offset);
        let thing = &word.thing;
        let key = match thing.key.as_str() {
            "" => String::new(),
            key => format!(" {key}"),
        };
        let value = match (thing.subject, word.value.as_deref()) {
            (subject, Some(_)) if subject.is_secret() => "(secret)",
            (_, Some(value)) => value,
            (Subject::WholeAcl | Subject::WholeMap, None) => "(cleared)",
            (_, None) => "(deleted)",
        };
        let scope = match thing.scope.as_str() {
            "" => String::new(),
            scope => format!(" {scope}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            call.out,
            "{}{scope}{key}: {value} (by {} on {} at {}, clock {})",
            thing.subject,
            word.who,
            word.node,
            String::from_utf8_lossy(&date),
            word.clock
        );
    }
}

fn section(
    call: &mut Call<'_>,
    config: &Config,
    at: usize,
    spec: &PeersSpec,
    view: &View,
    with_names: bool,
) {
    let mut date = Vec::new();
    lbd_http::date::push_clf_date(&mut date, call.daemon.wall(), call.daemon.utc_offset);
    let (view, unsure) = (&view.section, view.unsure);
    let resync = view.resync_ms.map_or_else(|| "<NEVER>".to_owned(), seconds);
    // Learned all, from whoever there was.
    let flags = if view.resync_ms.is_some() { 0 } else { 1 };
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        call.out,
        "{:#x}: [{}] id={} disabled={} flags={flags:#x} resync_timeout={resync} task_calls=0 \
         unsure={unsure} strangers={}",
        (at + 1) << 20,
        String::from_utf8_lossy(&date),
        spec.name,
        u8::from(spec.disabled),
        view.strangers_refused,
    );
    for (number, peer) in view.peers.iter().enumerate() {
        let place = (at + 1) << 20 | (number + 1) << 8;
        head(
            call.out,
            call.daemon.shared.now(),
            place,
            spec,
            number,
            peer,
        );
        call.out.push_str("        shared tables:\n");
        for (own, (name, id)) in spec.tables.iter().enumerate() {
            let Some(table) = peer.tables.get(own) else {
                continue;
            };
            let full = config
                .tables
                .get(id.index())
                .map_or(&**name, |table| &table.name);
            let _ = writeln!(
                call.out,
                "          {:#x} local_id={} remote_id={} flags=0x0 remote_data={:#x}\n              \
                 last_acked={} last_pushed={} last_get={} teaching_origin=0 update={}\n              \
                 table:{:#x} id={full} update={} localupdate={} refcnt=1",
                place | (own + 1),
                table.local_id,
                table.remote_id,
                table.remote_data,
                low32(table.last_acked),
                low32(table.last_pushed),
                table.last_get,
                low32(table.update),
                (own + 1) << 28,
                low32(table.update),
                low32(table.update),
            );
            if with_names {
                names(call.out, peer);
            } else {
                call.out
                    .push_str("        Dictionary cache not dumped (use \"show peers dict\")\n");
            }
        }
    }
}

fn head(
    out: &mut String,
    now: lbd_core::Time,
    place: usize,
    spec: &PeersSpec,
    number: usize,
    peer: &PeerView,
) {
    let address = spec
        .peers
        .get(number)
        .map_or_else(String::new, |peer| match &peer.address {
            ServerAddress::Inet(address) => address.to_string(),
            ServerAddress::Unix(path) => path.display().to_string(),
            _ => "unknown".to_owned(),
        });
    let counters = &peer.counters;
    let status = match (peer.is_open, peer.is_calling, counters.last_status) {
        (true, ..) => "ESTA",
        (false, true, _) => "CONN",
        (false, false, 0) => "NONE",
        (false, false, 200) => "CLOSED",
        (false, false, 300) => "RETR",
        (false, false, 501) => "PROT",
        (false, false, 502) => "VERS",
        (false, false, 503) => "NAME",
        (false, false, 504) => "UNKN",
        _ => "NONE",
    };
    let never = || "<NEVER>".to_owned();
    let handshake = counters
        .last_handshake
        .map_or_else(never, |at| seconds(held64(now.since(at).as_millis())));
    let _ = writeln!(
        out,
        "  {place:#x}: id={}({},{}) addr={address} app_state={} learn_state={} last_status={status} \
         last_hdshk={handshake}",
        peer.name,
        if peer.is_local { "local" } else { "remote" },
        if peer.is_open { "active" } else { "inactive" },
        if peer.is_open { "RUNNING" } else { "STOPPED" },
        if peer.is_teaching {
            "PROCESSING"
        } else {
            "NOTASSIGNED"
        },
    );
    let _ = writeln!(
        out,
        "        reconnect={} heartbeat={} confirm={} tx_hbt={} rx_hbt={} no_hbt={} new_conn={} \
         proto_err={} coll={}\n        flags={:#x}",
        peer.call_in_ms.map_or_else(never, seconds),
        peer.heartbeat_in_ms.map_or_else(never, seconds),
        u8::from(peer.waits_for_confirm),
        counters.tx_heartbeats,
        counters.rx_heartbeats,
        counters.silent,
        counters.sessions,
        counters.protocol_errors,
        counters.collisions,
        u8::from(peer.is_learning),
    );
    let _ = writeln!(
        out,
        "        updates: sent={} received={} dropped={} refused={} acks_ignored={} mended={} \
         buckets={}/{}",
        counters.updates_sent,
        counters.updates_received,
        counters.updates_dropped,
        counters.refused,
        counters.acks_ignored,
        counters.mended,
        counters.buckets_differing,
        counters.buckets_compared,
    );
    let table = |at: Option<usize>| at.and_then(|at| spec.tables.get(at).map(|table| (at, table)));
    for (word, at) in [
        ("remote_table", peer.remote_table),
        ("last_local_table", peer.local_table),
    ] {
        if let Some((at, (name, _))) = table(at) {
            let remote = peer.tables.get(at).map_or(0, |table| table.remote_id);
            let _ = writeln!(
                out,
                "        {word}:{:#x} id={name} local_id={} remote_id={remote}",
                place | (at + 1),
                at + 1
            );
        }
    }
}

fn names(out: &mut String, peer: &PeerView) {
    out.push_str("        TX dictionary cache:\n");
    for (place, name) in &peer.sent_names {
        let _ = writeln!(out, "          {:3} -> {name}", place - 1);
    }
    out.push_str("        RX dictionary cache:\n");
    for place in 0..::peers::proto::codec::entry::NAMES {
        let known = peer.received_names.iter().find(|(at, _)| at - 1 == place);
        let name = known.map_or("-", |(_, name)| name);
        let lead = if place % COLUMNS == 0 {
            "          "
        } else {
            "  "
        };
        let _ = write!(out, "{lead}{place:3} -> {name}");
        if place % COLUMNS == COLUMNS - 1 {
            out.push('\n');
        }
    }
}

/// As the reference prints times: the largest unit.
fn seconds(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        seconds @ 3600..86_400 => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
        seconds => format!("{}d{}h", seconds / 86_400, seconds / 3600 % 24),
    }
}
