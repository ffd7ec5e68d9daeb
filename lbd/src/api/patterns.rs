//! Lists of patterns and maps: `show|get|add|del|set|clear|prepare|commit acl|map`
//! (haproxy 3.4 management 9.3).
//!
//! The sets change themselves and tell those who look up; nothing is matched here.

use std::fmt::Write;
use std::sync::Arc;

use bumpalo::Bump;
use lbd_config::config::AccessLevel;
use lbd_core::Value;
use lbd_rules::pattern::PatternSet;
use lbd_rules::pattern::set::{Usage, Which};

use super::command::{ApiCommand, Call, command};
use ::peers::proto::words::{Subject, Thing};

pub(super) const COMMANDS: &[ApiCommand] = &[
    command(
        &["add", "acl"],
        "add acl [@<ver>] <acl> <pattern>",
        "add a pattern to a list",
        AccessLevel::Admin,
        |call| add(call, Kind::Acl),
    ),
    command(
        &["add", "map"],
        "add map [@<ver>] <map> <key> <val>|<payload>",
        "add entries to a map",
        AccessLevel::Admin,
        |call| add(call, Kind::Map),
    ),
    command(
        &["clear", "acl"],
        "clear acl [@<ver>] <acl>",
        "remove all patterns of a list",
        AccessLevel::Admin,
        |call| clear(call, Kind::Acl),
    ),
    command(
        &["clear", "map"],
        "clear map [@<ver>] <map>",
        "remove all entries of a map",
        AccessLevel::Admin,
        |call| clear(call, Kind::Map),
    ),
    command(
        &["commit", "acl"],
        "commit acl @<ver> <acl>",
        "make a prepared version of a list the current one",
        AccessLevel::Admin,
        |call| commit(call, Kind::Acl),
    ),
    command(
        &["commit", "map"],
        "commit map @<ver> <map>",
        "make a prepared version of a map the current one",
        AccessLevel::Admin,
        |call| commit(call, Kind::Map),
    ),
    command(
        &["del", "acl"],
        "del acl <acl> [<key>|#<ref>]",
        "remove a pattern from a list",
        AccessLevel::Admin,
        |call| delete(call, Kind::Acl),
    ),
    command(
        &["del", "map"],
        "del map <map> [<key>|#<ref>]",
        "remove an entry from a map",
        AccessLevel::Admin,
        |call| delete(call, Kind::Map),
    ),
    command(
        &["get", "acl"],
        "get acl <acl> <value>",
        "what a value matches in a list",
        AccessLevel::Admin,
        |call| get(call, Kind::Acl),
    ),
    command(
        &["get", "map"],
        "get map <map> <value>",
        "what a value gives in a map",
        AccessLevel::Admin,
        |call| get(call, Kind::Map),
    ),
    command(
        &["prepare", "acl"],
        "prepare acl <acl>",
        "open a new version of a list",
        AccessLevel::Admin,
        |call| prepare(call, Kind::Acl),
    ),
    command(
        &["prepare", "map"],
        "prepare map <map>",
        "open a new version of a map",
        AccessLevel::Admin,
        |call| prepare(call, Kind::Map),
    ),
    command(
        &["set", "map"],
        "set map <map> [<key>|#<ref>] <value>",
        "change the value of an entry of a map",
        AccessLevel::Admin,
        set,
    ),
    command(
        &["show", "acl"],
        "show acl [[@<ver>] <acl>]",
        "all lists of patterns, or the patterns of one",
        AccessLevel::Admin,
        |call| show(call, Kind::Acl),
    ),
    command(
        &["show", "map"],
        "show map [[@<ver>] <map>]",
        "all maps, or the entries of one",
        AccessLevel::Admin,
        |call| show(call, Kind::Map),
    ),
];

/// Entries copied from a set at a time.
const PAGE: usize = 1024;

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Acl,
    Map,
}

impl Kind {
    fn unknown(self) -> &'static str {
        match self {
            Self::Acl => "Unknown ACL identifier. Please use #<id> or <file>.",
            Self::Map => "Unknown map identifier. Please use #<id> or <file>.",
        }
    }

    fn missing(self) -> &'static str {
        match self {
            Self::Acl => "Missing ACL identifier.",
            Self::Map => "Missing map identifier.",
        }
    }

    fn takes(self, set: &PatternSet) -> bool {
        set.is_map() == (self == Self::Map)
    }
}

/// The version in front of the arguments, and the rest of them.
fn versioned<'a>(call: &Call<'a>) -> (Option<u32>, &'a [String]) {
    match call.args.split_first() {
        Some((first, rest)) => match first.strip_prefix('@') {
            Some(version) => (Some(version.parse().unwrap_or(0)), rest),
            None => (None, call.args),
        },
        None => (None, &[]),
    }
}

/// The set that is named; an unknown one is said.
fn find(call: &mut Call<'_>, kind: Kind, name: &str) -> Option<Arc<PatternSet>> {
    let generation = call.daemon.shared.current();
    let patterns = &generation.config.patterns;
    let found = match name.strip_prefix('#') {
        Some(id) => id.parse().ok().and_then(|id| patterns.by_id(id)),
        None => patterns.find(name),
    };
    let found = found.filter(|set| kind.takes(set)).map(Arc::clone);
    if found.is_none() {
        call.fail(kind.unknown());
    }
    found
}

fn show(call: &mut Call<'_>, kind: Kind) {
    let (version, args) = versioned(call);
    let Some(name) = args.first() else {
        return list(call, kind);
    };
    let Some(set) = find(call, kind, name) else {
        return;
    };
    let mut after = 0;
    loop {
        let page = set.page(version, after, PAGE);
        for entry in &page {
            let _ = write!(
                call.out,
                "{:#x} {}",
                entry.id,
                String::from_utf8_lossy(&entry.key)
            );
            if let Some(value) = &entry.value {
                let _ = write!(call.out, " {}", String::from_utf8_lossy(value));
            }
            call.out.push('\n');
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = last.id,
            _ => return,
        }
    }
}

fn list(call: &mut Call<'_>, kind: Kind) {
    let generation = call.daemon.shared.current();
    let config = &generation.config;
    call.out.push_str("# id (file) description\n");
    let place = |usage: &Usage| match usage.span {
        Some(span) => {
            let file = config.files.get(span.file.0 as usize);
            let file = file.map_or("", String::as_str);
            format!("{} file '{file}' line {}", usage.what, span.line)
        }
        None => usage.what.clone(),
    };
    for set in config.patterns.sets().iter().filter(|set| kind.takes(set)) {
        let places: Vec<String> = set.usages().iter().map(place).collect();
        let (current, next) = set.versions();
        let reference = set.reference().unwrap_or_default();
        let _ = write!(call.out, "{} ({reference}) ", set.id());
        let _ = match set.reference() {
            Some(_) => write!(
                call.out,
                "pattern loaded from file '{reference}' used by {}",
                places.join(", by ")
            ),
            None => write!(call.out, "{}", places.join(", ")),
        };
        let _ = writeln!(
            call.out,
            ". curr_ver={current} next_ver={next} entry_cnt={}",
            set.len()
        );
    }
}

fn get(call: &mut Call<'_>, kind: Kind) {
    let (Some(name), Some(value)) = (call.args.first(), call.args.get(1)) else {
        return call.fail(match kind {
            Kind::Acl => "Missing ACL identifier and/or key.",
            Kind::Map => "Missing map identifier and/or key.",
        });
    };
    let Some(set) = find(call, kind, name) else {
        return;
    };
    let arena = Bump::new();
    // Users that look up in the same way share an answer.
    let mut said: Vec<String> = Vec::new();
    for matcher in set.matchers() {
        let mut line = String::new();
        let found = matcher.look_up(Value::Str(value.as_bytes()), &arena);
        let case = if found.is_case_sensitive {
            "sensitive"
        } else {
            "insensitive"
        };
        let _ = write!(line, "type={}, case={case}", found.kind.name());
        let entry = found.entry.and_then(|id| set.entry(id));
        let word = if kind == Kind::Map { "found" } else { "match" };
        match entry {
            None => {
                let _ = write!(line, ", {word}=no");
            }
            Some(entry) => {
                let index = if found.is_tree { "tree" } else { "list" };
                let key = String::from_utf8_lossy(&entry.key);
                let _ = write!(line, ", {word}=yes, idx={index}");
                let _ = match (kind, &entry.value) {
                    (Kind::Map, Some(value)) => write!(
                        line,
                        ", key=\"{key}\", value=\"{}\", type=\"str\"",
                        String::from_utf8_lossy(value)
                    ),
                    _ => write!(line, ", pattern=\"{key}\""),
                };
            }
        }
        if !said.contains(&line) {
            let _ = writeln!(call.out, "{line}");
            said.push(line);
        }
    }
}

fn add(call: &mut Call<'_>, kind: Kind) {
    let (version, args) = versioned(call);
    let payload = call.payload;
    let is_complete = match (kind, args.len()) {
        (_, 0) => false,
        (_, 1) => !payload.is_empty(),
        (Kind::Acl, _) => true,
        (Kind::Map, count) => count >= 3,
    };
    if !is_complete {
        return call.fail(match kind {
            Kind::Acl => "'add acl' expects two parameters: ACL identifier and pattern.",
            Kind::Map => {
                "'add map' expects three parameters (map identifier, key and value) or one \
                 parameter (map identifier) and a payload"
            }
        });
    }
    let Some(set) = find(call, kind, &args[0]) else {
        return;
    };
    if args.len() > 1 {
        let value = (kind == Kind::Map).then(|| args[2].as_bytes());
        if let Err(why) = set.add(version, args[1].as_bytes(), value) {
            return call.fail(&format!("{why}."));
        }
        if version.is_none() {
            let value = (kind == Kind::Map).then(|| args[2].as_str());
            call.announce(thing(kind, &set, &args[1]), Some(value.unwrap_or("")));
        }
        return;
    }
    for line in payload.lines().map(str::trim) {
        if line.is_empty() {
            continue;
        }
        let (key, value) = match kind {
            Kind::Acl => (line, None),
            Kind::Map => match line.split_once([' ', '\t']) {
                Some((key, value)) => (key, Some(value.trim_start().as_bytes())),
                None => return call.fail("Missing value."),
            },
        };
        if let Err(why) = set.add(version, key.as_bytes(), value) {
            return call.fail(&format!("{why}."));
        }
        if version.is_none() {
            let value = value.map(String::from_utf8_lossy).unwrap_or_default();
            call.announce(thing(kind, &set, key), Some(&value));
        }
    }
}

/// An entry for other nodes: they know a set by its file's name.
fn thing(kind: Kind, set: &PatternSet, key: &str) -> Thing {
    Thing {
        subject: match kind {
            Kind::Acl => Subject::Acl,
            Kind::Map => Subject::Map,
        },
        scope: set.reference().unwrap_or_default().to_owned(),
        key: key.to_owned(),
    }
}

/// All entries of a set, for other nodes.
fn whole(kind: Kind, set: &PatternSet) -> Thing {
    Thing {
        subject: match kind {
            Kind::Acl => Subject::WholeAcl,
            Kind::Map => Subject::WholeMap,
        },
        ..thing(kind, set, "")
    }
}

/// The key of an entry that is named by key or number.
fn key_of(set: &PatternSet, which: &Which<'_>) -> Option<String> {
    match which {
        Which::Key(key) => Some(String::from_utf8_lossy(key).into_owned()),
        Which::Id(id) => {
            let entry = set.entry(*id)?;
            Some(String::from_utf8_lossy(&entry.key).into_owned())
        }
    }
}

/// `#<ref>` means the entry that `show` lists under this number.
fn which(text: &str) -> Option<Which<'_>> {
    match text.strip_prefix('#') {
        None => Some(Which::Key(text.as_bytes())),
        Some(id) => {
            let id = id.strip_prefix("0x").unwrap_or(id);
            u64::from_str_radix(id, 16).ok().map(Which::Id)
        }
    }
}

fn delete(call: &mut Call<'_>, kind: Kind) {
    let (Some(name), Some(key)) = (call.args.first(), call.args.get(1)) else {
        return call.fail(match kind {
            Kind::Acl => "This command expects two parameters: ACL identifier and key.",
            Kind::Map => "This command expects two parameters: map identifier and key.",
        });
    };
    let Some(set) = find(call, kind, name) else {
        return;
    };
    let Some(which) = which(key) else {
        return call.fail("Malformed identifier. Please use #<id> or <file>.");
    };
    let key = key_of(&set, &which);
    if set.delete(which) == 0 {
        return call.fail("Key not found.");
    }
    if let Some(key) = key {
        call.announce(thing(kind, &set, &key), None);
    }
}

fn set(call: &mut Call<'_>) {
    let [name, key, value] = call.args else {
        return call.fail("'set map' expects three parameters: map identifier, key and value.");
    };
    let Some(set) = find(call, Kind::Map, name) else {
        return;
    };
    let Some(which) = which(key) else {
        return call.fail("Malformed identifier. Please use #<id> or <file>.");
    };
    let key = key_of(&set, &which);
    match set.set_value(which, value.as_bytes()) {
        Ok(0) => call.fail("entry not found."),
        Ok(_) => {
            if let Some(key) = key {
                call.announce(thing(Kind::Map, &set, &key), Some(value));
            }
        }
        Err(why) => call.fail(&format!("{why}.")),
    }
}

fn clear(call: &mut Call<'_>, kind: Kind) {
    let (version, args) = versioned(call);
    let Some(name) = args.first() else {
        return call.fail(kind.missing());
    };
    if let Some(set) = find(call, kind, name) {
        set.clear(version);
        if version.is_none() {
            call.announce(whole(kind, &set), None);
        }
    }
}

fn prepare(call: &mut Call<'_>, kind: Kind) {
    let Some(name) = call.args.first() else {
        return call.fail(kind.missing());
    };
    if let Some(set) = find(call, kind, name) {
        let version = set.prepare();
        call.out
            .push_str(&format!("New version created: {version}\n"));
    }
}

fn commit(call: &mut Call<'_>, kind: Kind) {
    let (version, args) = versioned(call);
    let Some(version) = version else {
        return call.fail("Missing version number.");
    };
    let Some(name) = args.first() else {
        return call.fail(kind.missing());
    };
    let Some(set) = find(call, kind, name) else {
        return;
    };
    if let Err(why) = set.commit(version) {
        return call.fail(&why);
    }
    // Other nodes know no versions: they hear what is in it now.
    call.announce(whole(kind, &set), None);
    let mut after = 0;
    loop {
        let page = set.page(None, after, PAGE);
        for entry in &page {
            let key = String::from_utf8_lossy(&entry.key);
            let value = entry.value.as_deref().map(String::from_utf8_lossy);
            let value = value.unwrap_or_default();
            call.announce(thing(kind, &set, &key), Some(&value));
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = last.id,
            _ => return,
        }
    }
}
