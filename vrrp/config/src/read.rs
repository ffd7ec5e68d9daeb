//! Items to a configuration: each block has a table of its keywords.
//!
//! It does not look at what needs more than one block: see `resolve`.

mod address;
mod balancer;
mod command;
mod global;
mod group;
mod instance;
mod instance_parts;
mod route;
mod rule;
pub(crate) mod track;
pub(crate) mod value;

use lbd_core::{Diag, Diags, Span};

use crate::Host;
use crate::config::Config;
use crate::config::Place;
use crate::tree::Item;

/// What is carried along while reading.
pub(crate) struct Cx<'h> {
    pub(crate) host: &'h dyn Host,
    pub(crate) config: Config,
    pub(crate) diags: Diags,
    pub(crate) is_unusable: bool,
    pub(crate) is_insecure: bool,
    /// What instances and groups name, to be resolved when all is read.
    pub(crate) pending: Pending,
}

/// Names that are resolved at the end.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// By instance.
    pub(crate) instances: Vec<InstanceNames>,
    /// By group.
    pub(crate) groups: Vec<GroupNames>,
}

#[derive(Debug, Default)]
pub(crate) struct InstanceNames {
    pub(crate) tracked: Vec<track::Tracked>,
    pub(crate) higher_prio: Option<bool>,
    pub(crate) garp: crate::config::GarpSettings,
    pub(crate) has_vrid: bool,
    pub(crate) sets: Sets,
}

/// What an instance sets itself, so that `global_defs` does not.
#[derive(Debug, Default)]
pub(crate) struct Sets {
    pub(crate) version: bool,
    pub(crate) skip_check: bool,
    pub(crate) strict: bool,
    pub(crate) lower_prio: bool,
    pub(crate) group: bool,
    pub(crate) no_addresses: bool,
    pub(crate) track_source: bool,
    pub(crate) vmac_addr: bool,
}

#[derive(Debug, Default)]
pub(crate) struct GroupNames {
    pub(crate) tracked: Vec<track::Tracked>,
    pub(crate) members: Vec<(String, Span)>,
    pub(crate) keeps_weights: bool,
}

impl<'h> Cx<'h> {
    pub(crate) fn new(host: &'h dyn Host, diags: Diags) -> Self {
        Self {
            host,
            config: Config::default(),
            diags,
            is_unusable: false,
            is_insecure: false,
            pending: Pending::default(),
        }
    }

    pub(crate) fn error(&mut self, span: Span, text: impl Into<String>, hint: &str) {
        self.diags.push(Diag::alert(span, text).hint(hint));
    }

    pub(crate) fn warn(&mut self, span: Span, text: impl Into<String>, hint: &str) {
        self.diags.push(Diag::warning(span, text).hint(hint));
    }
}

/// One keyword of a block.
pub(crate) struct Keyword<T> {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind<T>,
}

/// What is done with a keyword.
pub(crate) enum Kind<T> {
    /// It is done; so many words must follow it.
    Done(usize, fn(&mut Cx<'_>, &mut T, &Item)),
    /// It has a block; so many words must stand before it.
    Block(usize, fn(&mut Cx<'_>, &mut T, &Item, &[Item])),
    /// It cannot change what lbd does.
    NoEffect,
    /// It is refused, for this reason.
    Refused(&'static str),
}

pub(crate) const fn done<T>(
    name: &'static str,
    min: usize,
    apply: fn(&mut Cx<'_>, &mut T, &Item),
) -> Keyword<T> {
    let kind = Kind::Done(min, apply);
    Keyword { name, kind }
}

pub(crate) const fn block<T>(
    name: &'static str,
    min: usize,
    apply: fn(&mut Cx<'_>, &mut T, &Item, &[Item]),
) -> Keyword<T> {
    let kind = Kind::Block(min, apply);
    Keyword { name, kind }
}

pub(crate) const fn no_effect<T>(name: &'static str) -> Keyword<T> {
    let kind = Kind::NoEffect;
    Keyword { name, kind }
}

pub(crate) const fn refused<T>(name: &'static str, why: &'static str) -> Keyword<T> {
    let kind = Kind::Refused(why);
    Keyword { name, kind }
}

/// Does what each item says; what is unknown is told with the nearest known keyword.
pub(crate) fn walk<T>(
    cx: &mut Cx<'_>,
    items: &[Item],
    tables: &[&[Keyword<T>]],
    target: &mut T,
    within: &str,
) {
    for item in items {
        let name = item.keyword();
        let mut all = tables.iter().flat_map(|table| table.iter());
        let Some(keyword) = all.find(|keyword| keyword.name == name) else {
            unknown(cx, item, tables, within);
            continue;
        };
        match &keyword.kind {
            Kind::NoEffect => {}
            Kind::Refused(why) => {
                cx.error(item.span(), format!("{name} is not supported: {why}"), "");
            }
            Kind::Done(min, apply) => {
                if has_enough(cx, item, *min) {
                    apply(cx, target, item);
                    if item.block.is_some() {
                        let text = format!("{name} has no block, '{{' is ignored");
                        cx.error(item.span(), text, "");
                    }
                }
            }
            Kind::Block(min, apply) => {
                if !has_enough(cx, item, *min) {
                    continue;
                }
                match &item.block {
                    Some(block) => apply(cx, target, item, block),
                    None => {
                        let text = format!("{name} needs a block in braces");
                        cx.error(item.span(), text, "");
                    }
                }
            }
        }
    }
}

/// keepalived stops at a keyword without what must follow it; here the rest is read too.
fn has_enough(cx: &mut Cx<'_>, item: &Item, min: usize) -> bool {
    if item.values().len() >= min {
        return true;
    }
    cx.is_unusable = true;
    let name = item.keyword();
    let text = format!(
        "line starting '{name}' is missing a parameter after '{}'",
        item.words.last().map_or(name, |word| &word.text)
    );
    cx.error(
        item.span(),
        text,
        "Write the value after the keyword, on the same line.",
    );
    false
}

fn unknown<T>(cx: &mut Cx<'_>, item: &Item, tables: &[&[Keyword<T>]], within: &str) {
    let names = tables.iter().flat_map(|t| t.iter().map(|k| k.name));
    let name = item.keyword();
    let hint = match nearest(name, names) {
        Some(near) => format!("Maybe you meant '{near}'."),
        None => String::new(),
    };
    let text = format!("unknown keyword '{name}'{within}");
    cx.error(item.span(), text, &hint);
}

/// The known name with the smallest distance, at most a third of its length.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.map(|candidate| (distance(name, candidate), candidate));
    let (least, near) = distances.min_by_key(|(distance, _)| *distance)?;
    (least * 3 <= name.len().max(3)).then_some(near)
}

/// Edits between two words; a pair of neighbours that changed places is two.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The top level.
pub(crate) fn top(cx: &mut Cx<'_>, items: &[Item]) {
    // Defaults come first wherever they stand: keepalived reads global_defs before it settles.
    walk(cx, items, &[TOP, LVS], &mut (), "");
}

const TOP: &[Keyword<()>] = &[
    block("global_defs", 0, |cx, (), _, items| global::read(cx, items)),
    block("garp_group", 0, |cx, (), item, items| {
        global::garp_group(cx, item, items)
    }),
    block("interface_up_down_delays", 0, |cx, (), _, items| {
        global::interface_delays(cx, items);
    }),
    block("static_ipaddress", 0, |cx, (), _, items| {
        address::statics(cx, items)
    }),
    block("static_routes", 0, |cx, (), _, items| {
        route::statics(cx, items)
    }),
    block("static_rules", 0, |cx, (), _, items| {
        rule::statics(cx, items)
    }),
    block("track_balancer", 1, |cx, (), item, items| {
        balancer::read(cx, item, items)
    }),
    block("track_file", 1, |cx, (), item, items| {
        track::file(cx, item, items)
    }),
    block("vrrp_instance", 1, |cx, (), item, items| {
        instance::read(cx, item, items)
    }),
    block("vrrp_script", 1, |cx, (), item, items| {
        track::script(cx, item, items)
    }),
    block("vrrp_sync_group", 1, |cx, (), item, items| {
        group::read(cx, item, items)
    }),
    block("vrrp_track_file", 1, |cx, (), item, items| {
        track::file(cx, item, items)
    }),
    block("vrrp_track_process", 1, |cx, (), item, items| {
        track::process(cx, item, items)
    }),
    // The pid files have names of their own, and the service's unit bounds how long stopping takes.
    no_effect("child_wait_time"),
    no_effect("use_pid_dir"),
    done("instance", 0, |cx, (), item| {
        once(cx, item, |place| &mut place.instance)
    }),
    refused(
        "linkbeat_interfaces",
        "the kernel tells carrier changes; polling is for old drivers",
    ),
    refused(
        "linkbeat_use_polling",
        "the kernel tells carrier changes; polling is for old drivers",
    ),
    refused("namespace_with_ipsets", "there are no ipsets here"),
    done("net_namespace", 0, |cx, (), item| {
        once(cx, item, |place| &mut place.net_namespace)
    }),
    refused("net_namespace_ipvs", LVS_REASON),
    refused(
        "track_group",
        "static addresses are put back when they are removed",
    ),
];

/// A name of the running process, which is part of file names: the first one counts, as in keepalived.
fn once(cx: &mut Cx<'_>, item: &Item, of: fn(&mut Place) -> &mut Option<String>) {
    let keyword = item.keyword();
    let Some(name) = item.values().first() else {
        let hint = "Write it after the keyword, on the same line.";
        return cx.error(
            item.span(),
            format!("{keyword} name missing - ignoring"),
            hint,
        );
    };
    if let Err(why) = Place::check(&name.text) {
        return cx.error(name.span, format!("{keyword} '{}' {why}", name.text), "");
    }
    let text = name.text.clone();
    if of(&mut cx.config.place).is_some() {
        let text = format!("duplicate {keyword} definition {text} - ignoring");
        return cx.error(name.span, text, "");
    }
    *of(&mut cx.config.place) = Some(text);
}

/// LVS and BFD: one clear line for each block.
const LVS: &[Keyword<()>] = &[
    refused(
        "bfd_instance",
        "there is no BFD here; advertisements of 10 ms notice a loss in 45 ms",
    ),
    refused("SSL", LVS_REASON),
    refused("ssl", LVS_REASON),
    refused("virtual_server", LVS_REASON),
    refused("virtual_server_group", LVS_REASON),
];

const LVS_REASON: &str = "LVS is not part of lbd; lbd itself balances, see haproxy.cfg";

#[cfg(test)]
mod tests;
