//! `vrrp_sync_group`, and the `notify` family that instances share with it.

use crate::config::{Command, Group, Notify};
use crate::read::track::{Tracking, names};
use crate::read::{Cx, GroupNames, Keyword, block, command, done, refused, value, walk};
use crate::tree::Item;

struct Draft {
    notify: Notify,
    names: GroupNames,
}

pub(super) fn read(cx: &mut Cx<'_>, item: &Item, items: &[Item]) {
    let name = item.values()[0].text.clone();
    if cx.config.groups.iter().any(|g| g.name == name) {
        let text = format!("sync group {name} already defined");
        return cx.error(item.span(), text, "");
    }
    let mut draft = Draft {
        notify: Notify::default(),
        names: GroupNames::default(),
    };
    walk(cx, items, &[KEYWORDS], &mut draft, " in vrrp_sync_group");
    cx.pending.groups.push(draft.names);
    cx.config.groups.push(Group {
        name,
        members: Vec::new(),
        notify: draft.notify,
        trackers: Vec::new(),
        tracks: Vec::new(),
        span: item.span(),
    });
}

const KEYWORDS: &[Keyword<Draft>] = &[
    refused("global_tracking", "put the track_ blocks into the group"),
    block("group", 0, |_, draft, _, items| {
        let words = items.iter().flat_map(|item| &item.words);
        let members = words.map(|word| (word.text.clone(), word.span));
        draft.names.members.extend(members);
    }),
    done("notify", 1, |cx, draft, item| {
        set(cx, item, &mut draft.notify.any)
    }),
    done("notify_backup", 1, |cx, draft, item| {
        set(cx, item, &mut draft.notify.backup)
    }),
    done("notify_deleted", 0, |cx, draft, item| {
        draft.notify.tells_deleted = true;
        set(cx, item, &mut draft.notify.deleted);
    }),
    done("notify_fault", 1, |cx, draft, item| {
        set(cx, item, &mut draft.notify.fault)
    }),
    done("notify_master", 1, |cx, draft, item| {
        set(cx, item, &mut draft.notify.master)
    }),
    done("notify_priority_changes", 0, |cx, draft, item| {
        draft.notify.priority_changes = value::switch(cx, item);
    }),
    done("notify_stop", 1, |cx, draft, item| {
        set(cx, item, &mut draft.notify.stop)
    }),
    done("smtp_alert", 0, |cx, draft, item| {
        draft.notify.mail = value::switch(cx, item)
    }),
    done("sync_group_tracking_weight", 0, |_, draft, _| {
        draft.names.keeps_weights = true
    }),
    block("track_balancer", 0, |cx, draft, _, items| {
        names(cx, Tracking::Balancer, items, &mut draft.names.tracked);
    }),
    refused("track_bfd", "there is no BFD here"),
    block("track_file", 0, |cx, draft, _, items| {
        names(cx, Tracking::File, items, &mut draft.names.tracked);
    }),
    block("track_interface", 0, |cx, draft, _, items| {
        names(cx, Tracking::Interface, items, &mut draft.names.tracked);
    }),
    block("track_process", 0, |cx, draft, _, items| {
        names(cx, Tracking::Process, items, &mut draft.names.tracked);
    }),
    block("track_script", 0, |cx, draft, _, items| {
        names(cx, Tracking::Script, items, &mut draft.names.tracked);
    }),
];

/// A notify script; a second one of the same kind is ignored.
pub(super) fn set(cx: &mut Cx<'_>, item: &Item, slot: &mut Option<Command>) {
    if slot.is_some() {
        let text = format!("{} is set already, this one is ignored", item.keyword());
        return cx.error(item.span(), text, "");
    }
    *slot = command::of(cx, item);
}
