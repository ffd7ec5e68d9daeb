//! Actions that change lists and maps: `add-acl(file)`, `set-map(file)` and their opposites.
//!
//! Looking things up is the work of converters and ACLs.

use std::sync::Arc;

use lbd_core::Diag;

use super::{ActionSpec, Built, Form, Rule, Rulesets, edit};
use crate::pattern::PatternSet;
use crate::pattern::set::Which;
use crate::program::Verdict;
use crate::registry::Example;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "add-acl",
        form: Form::Prefix,
        rulesets: Rulesets::HTTP_MESSAGES,
        is_listed: true,
        doc: "Adds a rendered key to a list unless it is there (manual 4.3).",
        examples: &[
            Example::Ok("add-acl(list.lst) %[str(a)]"),
            Example::Fail("add-acl(list.lst)", "expects exactly 1 arguments"),
        ],
        build: |rule| edit_set(rule, Edit::Add),
    },
    ActionSpec {
        name: "del-acl",
        form: Form::Prefix,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Removes a rendered key from a list (manual 4.3).",
        examples: &[Example::Ok("del-acl(list.lst) %[str(a)]")],
        build: |rule| edit_set(rule, Edit::Delete),
    },
    ActionSpec {
        name: "del-map",
        form: Form::Prefix,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Removes a rendered key from a map (manual 4.3).",
        examples: &[Example::Ok("del-map(hosts.map) %[str(a)]")],
        build: |rule| edit_set(rule, Edit::Delete),
    },
    ActionSpec {
        name: "set-map",
        form: Form::Prefix,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Gives a rendered key of a map a rendered value, adding it when needed (manual 4.3).",
        examples: &[
            Example::Ok("set-map(hosts.map) %[str(a)] b"),
            Example::Fail("set-map(hosts.map) a", "expects exactly 2 arguments"),
            Example::Fail("set-map hosts.map a b", "fails to parse"),
        ],
        build: |rule| edit_set(rule, Edit::Set),
    },
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Add,
    Delete,
    Set,
}

fn edit_set(rule: &mut Rule<'_, '_>, what: Edit) -> Result<Built, Diag> {
    let word = rule.name;
    let reference = word
        .text
        .iter()
        .position(|byte| *byte == b'(')
        .and_then(|open| word.text.get(open + 1..)?.strip_suffix(b")"))
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .ok_or_else(|| {
            let message = format!("fails to parse '{}'", word.lossy());
            Diag::alert(word.span, message).hint("Write the file between parentheses.")
        })?;
    let expects = match what {
        Edit::Set => "expects exactly 2 arguments",
        Edit::Add | Edit::Delete => "expects exactly 1 arguments",
    };
    if rule.args.is_over() {
        return Err(rule.args.fault(expects));
    }
    let key = rule.args.format(expects, rule.ctx)?;
    let value = match what {
        Edit::Set => Some(rule.args.format(expects, rule.ctx)?),
        Edit::Add | Edit::Delete => None,
    };
    // A list that a later line loads is found when the rule runs.
    let known = rule.ctx.patterns.find(&reference).map(Arc::clone);
    Ok(Built::new(move |ctx, _| {
        let found = known.clone().or_else(|| ctx.world.pattern_set(&reference));
        if let Some(set) = found {
            let key = edit::text(&key, ctx);
            let value = value.as_ref().map(|value| edit::text(value, ctx));
            if change(&set, what, key, value.unwrap_or_default()) {
                let value = (what != Edit::Delete).then(|| value.unwrap_or_default());
                ctx.world.pattern_changed(&set, key, value);
            }
        }
        Verdict::Continue
    }))
}

/// Says whether the set is another one than before. A key or value that a matcher cannot read changes
/// nothing, as in the reference.
fn change(set: &PatternSet, what: Edit, key: &[u8], value: &[u8]) -> bool {
    match what {
        Edit::Add => !set.contains_key(key) && set.add(None, key, None).is_ok(),
        Edit::Delete => set.delete(Which::Key(key)) > 0,
        Edit::Set => set.put(key, value) == Ok(true),
    }
}
