//! `vrrp_script`, `track_file`, `vrrp_track_process`, and the `track_*` blocks that name them.

use std::time::Duration;

use lbd_core::Span;
use vrrp_proto::track::Delays;

use crate::config::{Command, ParamMatch, Script, TrackFile, TrackProcess};
use crate::lex::Word;
use crate::read::{Cx, Keyword, command, done, value, walk};
use crate::tree::Item;

/// What a `track_*` block names.
#[derive(Clone, Debug)]
pub(crate) struct Tracked {
    pub(crate) kind: Tracking,
    pub(crate) name: String,
    pub(crate) weight: Option<i16>,
    pub(crate) is_reversed: Option<bool>,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracking {
    Balancer,
    File,
    Interface,
    Process,
    Script,
}

/// A block of names, each with `weight N [reverse]`.
pub(super) fn names(cx: &mut Cx<'_>, kind: Tracking, items: &[Item], into: &mut Vec<Tracked>) {
    for item in items {
        let mut tracked = Tracked {
            kind,
            name: item.keyword().to_owned(),
            weight: None,
            is_reversed: None,
            span: item.span(),
        };
        if into
            .iter()
            .any(|t| t.kind == kind && t.name == tracked.name)
        {
            let text = format!("'{}' is tracked twice, the second is ignored", tracked.name);
            cx.error(item.span(), text, "");
            continue;
        }
        let mut words = item.values().iter();
        while let Some(word) = words.next() {
            match (word.text.as_str(), words.clone().next()) {
                ("weight", Some(number)) => {
                    words.next();
                    tracked.weight = weight(cx, number, kind == Tracking::Interface);
                }
                ("reverse", _) => tracked.is_reversed = Some(true),
                ("noreverse" | "no_reverse", _) => tracked.is_reversed = Some(false),
                (other, _) => {
                    let text = format!("unknown option '{other}' of '{}'", tracked.name);
                    cx.error(word.span, text, "Write 'NAME weight N [reverse]'.");
                }
            }
        }
        into.push(tracked);
    }
}

fn weight(cx: &mut Cx<'_>, word: &Word, is_interface: bool) -> Option<i16> {
    let most = if is_interface { 253 } else { 254 };
    value::number(cx, word, -most..=most).and_then(|n| i16::try_from(n).ok())
}

/// `weight N [reverse]` within a definition.
fn weight_of(cx: &mut Cx<'_>, item: &Item, weight: &mut i16, is_reversed: &mut bool) {
    if let Some(value) = value::of(cx, item, -254..=254) {
        *weight = value;
    }
    match item.values().get(1) {
        None => {}
        Some(word) if word.text == "reverse" => *is_reversed = true,
        Some(word) => {
            let text = format!("unknown option '{}' of weight", word.text);
            cx.error(word.span, text, "Write 'weight N [reverse]'.");
        }
    }
}

pub(super) fn script(cx: &mut Cx<'_>, item: &Item, items: &[Item]) {
    let name = item.values()[0].text.clone();
    if cx.config.scripts.iter().any(|s| s.name == name) {
        let text = format!("script {name} is defined twice, the second is ignored");
        return cx.error(item.span(), text, "");
    }
    let mut draft = ScriptDraft {
        script: Script {
            name: name.clone(),
            command: Command {
                words: Vec::new(),
                user: None,
            },
            interval: Duration::from_secs(1),
            timeout: Duration::ZERO,
            weight: 0,
            is_reversed: false,
            rise: 1,
            fall: 1,
            init_fail: false,
            span: item.span(),
        },
        user_failed: false,
    };
    walk(cx, items, &[SCRIPT], &mut draft, " in vrrp_script");
    let mut script = draft.script;
    if script.command.words.is_empty() {
        let text = format!("no script set for vrrp_script {name}, it is removed");
        return cx.error(item.span(), text, "Add 'script \"PROGRAM ARGUMENTS\"'.");
    }
    if draft.user_failed {
        return;
    }
    if script.timeout.is_zero() {
        script.timeout = script.interval;
    }
    cx.config.scripts.push(script);
}

struct ScriptDraft {
    script: Script,
    user_failed: bool,
}

const SCRIPT: &[Keyword<ScriptDraft>] = &[
    done("fall", 1, |cx, draft, item| {
        if let Some(fall) = value::of(cx, item, 1..=i64::from(i32::MAX)) {
            draft.script.fall = fall;
        }
    }),
    done("init_fail", 0, |_, draft, _| draft.script.init_fail = true),
    done("interval", 1, |cx, draft, item| {
        if let Some(interval) = value::seconds_of(cx, item, 0.01..=MAX_INTERVAL) {
            draft.script.interval = interval;
        }
    }),
    done("rise", 1, |cx, draft, item| {
        if let Some(rise) = value::of(cx, item, 1..=i64::from(i32::MAX)) {
            draft.script.rise = rise;
        }
    }),
    done("script", 1, |_, draft, item| {
        let values = item.values();
        // Without quotes the arguments are words of the line.
        draft.script.command.words = match values {
            [only] => command::split(&only.text),
            words => words.iter().map(|word| word.text.clone()).collect(),
        };
    }),
    done("timeout", 1, |cx, draft, item| {
        if let Some(timeout) = value::seconds_of(cx, item, 0.0..=MAX_INTERVAL) {
            draft.script.timeout = timeout;
        }
    }),
    done("user", 1, |cx, draft, item| {
        draft.script.command.user = command::user(cx, item.values());
        draft.user_failed = draft.script.command.user.is_none();
    }),
    done("weight", 1, |cx, draft, item| {
        let script = &mut draft.script;
        weight_of(cx, item, &mut script.weight, &mut script.is_reversed);
    }),
];

pub(super) fn file(cx: &mut Cx<'_>, item: &Item, items: &[Item]) {
    let name = item.values()[0].text.clone();
    if cx.config.files.iter().any(|f| f.name == name) {
        let text = format!("track_file {name} is defined twice, the second is ignored");
        return cx.error(item.span(), text, "");
    }
    let mut file = TrackFile {
        name: name.clone(),
        path: String::new(),
        weight: 1,
        is_reversed: false,
        init: None,
        span: item.span(),
    };
    walk(cx, items, &[FILE], &mut file, " in track_file");
    if file.path.is_empty() {
        let text = format!("no file set for track_file {name}, it is removed");
        return cx.error(item.span(), text, "Add 'file PATH'.");
    }
    cx.config.files.push(file);
}

const FILE: &[Keyword<TrackFile>] = &[
    done("file", 1, |_, file, item| {
        item.values()[0].text.clone_into(&mut file.path)
    }),
    done("init_file", 0, |cx, file, item| {
        let (mut value, mut overwrites) = (0, false);
        for word in item.values() {
            if word.text == "overwrite" {
                overwrites = true;
            } else if let Some(number) =
                value::number(cx, word, i64::from(i32::MIN)..=i64::from(i32::MAX))
            {
                value = i32::try_from(number).unwrap_or(0);
            }
        }
        file.init = Some((value, overwrites));
    }),
    done("weight", 1, |cx, file, item| {
        weight_of(cx, item, &mut file.weight, &mut file.is_reversed);
    }),
];

pub(super) fn process(cx: &mut Cx<'_>, item: &Item, items: &[Item]) {
    let name = item.values()[0].text.clone();
    if cx.config.processes.iter().any(|p| p.name == name) {
        let text = format!("vrrp_track_process {name} is defined twice, the second is ignored");
        return cx.error(item.span(), text, "");
    }
    let mut process = TrackProcess {
        name: name.clone(),
        words: Vec::new(),
        parameters: ParamMatch::Exact,
        weight: 1,
        is_reversed: false,
        quorum: 1,
        quorum_max: None,
        delays: Delays::default(),
        full_command: false,
        span: item.span(),
    };
    walk(
        cx,
        items,
        &[PROCESS],
        &mut process,
        " in vrrp_track_process",
    );
    if process.words.is_empty() {
        let text = format!("no process set for vrrp_track_process {name}, it is removed");
        return cx.error(item.span(), text, "Add 'process NAME'.");
    }
    if process
        .quorum_max
        .is_some_and(|max| max < process.quorum && max > 0)
    {
        let text = format!("quorum_max of {name} is below its quorum, it is removed");
        return cx.error(item.span(), text, "");
    }
    cx.config.processes.push(process);
}

const PROCESS: &[Keyword<TrackProcess>] = &[
    done("delay", 1, |cx, process, item| {
        if let Some(delay) = value::seconds_of(cx, item, 0.000_001..=MAX_DELAY) {
            process.delays = Delays {
                up: delay,
                down: delay,
            };
        }
    }),
    done("fork_delay", 1, |cx, process, item| {
        if let Some(delay) = value::seconds_of(cx, item, 0.000_001..=MAX_DELAY) {
            process.delays.up = delay;
        }
    }),
    done("full_command", 0, |_, process, _| {
        process.full_command = true
    }),
    done("param_match", 0, |cx, process, item| {
        process.parameters = match item.values().first().map(|word| word.text.as_str()) {
            None => ParamMatch::ExactOrNone,
            Some("initial") => ParamMatch::Initial,
            Some("partial") => ParamMatch::Partial,
            Some(other) => {
                let text = format!("unknown param_match '{other}'");
                return cx.error(item.span(), text, "Write initial or partial.");
            }
        };
    }),
    done("process", 1, |_, process, item| {
        process.words = match item.values() {
            [only] if only.is_quoted => command::split(&only.text),
            words => words.iter().map(|word| word.text.clone()).collect(),
        };
    }),
    done("quorum", 1, |cx, process, item| {
        if let Some(quorum) = value::of(cx, item, 1..=65_535) {
            process.quorum = quorum;
        }
    }),
    done("quorum_max", 1, |cx, process, item| {
        process.quorum_max = value::of(cx, item, 0..=65_535);
        if process.quorum_max == Some(0) {
            process.quorum = 0;
        }
    }),
    done("terminate_delay", 1, |cx, process, item| {
        if let Some(delay) = value::seconds_of(cx, item, 0.000_001..=MAX_DELAY) {
            process.delays.down = delay;
        }
    }),
    done("weight", 1, |cx, process, item| {
        weight_of(cx, item, &mut process.weight, &mut process.is_reversed);
    }),
];

/// keepalived's longest interval, in seconds.
const MAX_INTERVAL: f64 = 4294.0;
/// keepalived's longest delay of a process, in seconds.
const MAX_DELAY: f64 = 3600.0;
