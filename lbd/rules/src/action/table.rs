//! Actions on stick tables: `track-sc*`, and general purpose counters and tags of tracked entries
//! (manual 4.3).
//!
//! What a tracked entry counts by itself is the proxy's to say.

use lbd_core::{Diag, TableId};
use lbd_table::{EntryMut, Gpc};

use super::{ActionSpec, Built, Form, Rule, Ruleset, Rulesets};
use crate::cast;
use crate::expr::{Expr, Sampled};
use crate::program::{Ctx, Need, Verdict};
use crate::registry::Example;
use crate::track::{Entry, key};
use crate::word::Word;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "sc-add-gpc",
        form: Form::Prefix,
        rulesets: Rulesets::ALL,
        is_listed: true,
        doc: "Adds a number or the value of an expression to a general purpose counter of a tracked entry (manual 4.3).",
        examples: &[
            Example::Ok("sc-add-gpc(1,0) 3"),
            Example::Ok("sc-add-gpc(1,0) int(2),add(1)"),
            Example::Fail("sc-add-gpc 3", "Expects sc-add-gpc(<GPC ID>,<Track ID>)"),
            Example::Fail("sc-add-gpc(1,9) 3", "The max allowed ID is 2"),
        ],
        build: |rule| {
            let (index, number) = two(rule, "sc-add-gpc")?;
            amount(rule, number, move |entry, value| {
                add(entry, Gpc::At(index), value)
            })
        },
    },
    ActionSpec {
        name: "sc-inc-gpc",
        form: Form::Prefix,
        rulesets: Rulesets::ALL,
        is_listed: true,
        doc: "Counts one on a general purpose counter of a tracked entry (manual 4.3).",
        examples: &[
            Example::Ok("sc-inc-gpc(1,0)"),
            Example::Fail("sc-inc-gpc(1)", "Missing gpc ID"),
            Example::Fail("sc-inc-gpc", "invalid gpc ID"),
        ],
        build: |rule| {
            let (index, number) = two(rule, "sc-inc-gpc")?;
            Ok(count(number, Gpc::At(index)))
        },
    },
    ActionSpec {
        name: "sc-inc-gpc0",
        form: Form::Prefix,
        rulesets: Rulesets::ALL,
        is_listed: true,
        doc: "Counts one on the first general purpose counter of a tracked entry (manual 4.3).",
        examples: &[
            Example::Ok("sc-inc-gpc0(1)"),
            Example::Ok("sc-inc-gpc0"),
            Example::Fail("sc-inc-gpc0(x)", "invalid stick table track ID"),
        ],
        build: |rule| Ok(count(one(rule)?, Gpc::First)),
    },
    ActionSpec {
        name: "sc-inc-gpc1",
        form: Form::Prefix,
        rulesets: Rulesets::ALL,
        is_listed: true,
        doc: "Counts one on the second general purpose counter of a tracked entry (manual 4.3).",
        examples: &[Example::Ok("sc-inc-gpc1(1)"), Example::Ok("sc-inc-gpc1")],
        build: |rule| Ok(count(one(rule)?, Gpc::Second)),
    },
    ActionSpec {
        name: "sc-set-gpt",
        form: Form::Prefix,
        rulesets: Rulesets::ALL,
        is_listed: true,
        doc: "Sets a general purpose tag of a tracked entry to a number or the value of an expression (manual 4.3).",
        examples: &[
            Example::Ok("sc-set-gpt(1,0) 3"),
            Example::Ok("sc-set-gpt(1,0) int(3)"),
            Example::Fail("sc-set-gpt(1) 3", "Missing gpt ID"),
        ],
        build: |rule| {
            let (index, number) = two(rule, "sc-set-gpt")?;
            amount(rule, number, move |entry, value| {
                set_tag(entry, index, value)
            })
        },
    },
    ActionSpec {
        name: "sc-set-gpt0",
        form: Form::Prefix,
        rulesets: Rulesets::ALL,
        is_listed: true,
        doc: "Sets the first general purpose tag of a tracked entry to a number or the value of an expression (manual 4.3).",
        examples: &[
            Example::Ok("sc-set-gpt0(1) 3"),
            Example::Ok("sc-set-gpt0 3"),
            Example::Ok("sc-set-gpt0(0) int(3)"),
        ],
        build: |rule| {
            let number = one(rule)?;
            amount(rule, number, |entry, value| {
                entry.set_gpt(0, value);
            })
        },
    },
    ActionSpec {
        name: "track-sc",
        form: Form::Stem,
        rulesets: Rulesets::HTTP_MESSAGES,
        is_listed: true,
        doc: "Tracks the entry of a key with the counter whose number follows: it is created, counted on and kept (manual 4.3).",
        examples: &[
            Example::Ok("track-sc0 src"),
            Example::Ok("track-sc1 src,lower table t"),
            Example::Fail(
                "track-sc0 src table nowhere",
                "unable to find table 'nowhere' referenced by track-sc0",
            ),
            Example::Fail(
                "track-sc9 src",
                "9 track-sc number exceeding 2 (tune.stick-counters-1) value",
            ),
            Example::Fail("track-scx src", "Wrong track-sc number 'x'"),
            Example::Fail("track-sc0 src table", "missing table name"),
        ],
        build: track,
    },
    ActionSpec {
        name: "track-sc",
        form: Form::Stem,
        rulesets: Rulesets::TCP_EARLY.and(Rulesets::TCP_CONTENT),
        is_listed: false,
        doc: "Tracks the entry of a key with the counter whose number follows: it is created, counted on and kept (manual 4.3).",
        examples: &[
            Example::Ok("track-sc0 src"),
            Example::Ok("track-sc1 src table t"),
        ],
        build: track,
    },
];

/// The entry that an action changes: the stream's, else the session's.
fn entry<'c>(ctx: &'c Ctx<'_>, number: u32) -> Option<&'c Entry> {
    let stream = ctx.stream.as_deref();
    let own = stream.and_then(|stream| stream.counters.get(number));
    own.or_else(|| ctx.session.counters.get(number))
}

fn count(number: u32, which: Gpc) -> Built {
    Built::new(move |ctx, _| {
        if let Some(entry) = entry(ctx, number) {
            entry.edit(ctx.now, |entry| entry.add_gpc(which, 1));
        }
        Verdict::Continue
    })
}

/// Adds; nothing added still starts the entry's time anew.
fn add(entry: &mut EntryMut<'_>, which: Gpc, value: u32) {
    if value != 0 {
        entry.add_gpc(which, value);
    } else if entry.view().gpc(which).is_some() || entry.view().gpc_rate(which).is_some() {
        entry.touch();
    }
}

fn set_tag(entry: &mut EntryMut<'_>, index: u32, value: u32) {
    if entry.view().has(lbd_table::DataType::Gpt, index) {
        entry.set_gpt(index, value);
    }
}

/// An action with a number or an expression behind it, whose low 32 bits count.
fn amount(
    rule: &mut Rule<'_, '_>,
    number: u32,
    change: impl Fn(&mut EntryMut<'_>, u32) + Send + Sync + 'static,
) -> Result<Built, Diag> {
    let word = rule.args.peek().filter(|_| !rule.args.is_over());
    if let Some(value) = word.and_then(|word| cast::whole_int(word.text)) {
        rule.args.next();
        return Ok(Built::new(move |ctx, _| {
            if let Some(entry) = entry(ctx, number) {
                entry.edit(ctx.now, |entry| {
                    change(entry, lbd_core::bits::low32(value.cast_unsigned()))
                });
            }
            Verdict::Continue
        }));
    }
    let expr = rule.args.expr(rule.ctx)?;
    Ok(Built::new(move |ctx, _| {
        let value = expr.int(&ctx.view());
        if let (Some(entry), Some(value)) = (entry(ctx, number), value) {
            entry.edit(ctx.now, |entry| {
                change(entry, lbd_core::bits::low32(value.cast_unsigned()))
            });
        }
        Verdict::Continue
    }))
}

/// What stands behind the action's name, in parentheses or not.
fn behind<'w>(word: Word<'w>, name: &str) -> &'w str {
    let rest = word.text.get(name.len()..).unwrap_or_default();
    std::str::from_utf8(rest).unwrap_or("?")
}

fn check_counters(rule: &Rule<'_, '_>) -> Result<u32, Diag> {
    match rule.ctx.names.stick_counters() {
        0 => Err(Diag::alert(
            rule.name.span,
            format!(
                "Cannot use '{}', stick-counters are disabled via tune.stick-counters",
                rule.name.lossy()
            ),
        )),
        counters => Ok(counters),
    }
}

/// `name(index,number)`.
fn two(rule: &Rule<'_, '_>, name: &str) -> Result<(u32, u32), Diag> {
    let counters = check_counters(rule)?;
    let what = name.rsplit('-').next().unwrap_or_default();
    let usage = format!("{name}(<{} ID>,<Track ID>)", what.to_uppercase());
    let said = rule.name.lossy();
    let fault = |message: String| Err(Diag::alert(rule.name.span, message));
    let rest = behind(rule.name, name);
    let Some(inner) = rest.strip_prefix('(') else {
        return fault(match name {
            "sc-inc-gpc" => format!("invalid gpc ID '{said}'. Expects {usage}"),
            _ => format!("Missing or invalid arguments for '{said}'. Expects {usage}"),
        });
    };
    let parts = inner
        .split_once(',')
        .map(|(index, rest)| (index.parse(), rest));
    let Some((Ok(index), rest)) = parts else {
        return fault(format!("Missing {what} ID '{said}'. Expects {usage}"));
    };
    let Some(Ok(number)) = rest.strip_suffix(')').map(str::parse::<u32>) else {
        return fault(format!(
            "invalid stick table track ID '{said}'. Expects {usage}"
        ));
    };
    if number >= counters {
        return fault(too_high(&format!(" '{said}'"), counters));
    }
    Ok((index, number))
}

fn too_high(said: &str, counters: u32) -> String {
    format!(
        "invalid stick table track ID{said}. The max allowed ID is {} (tune.stick-counters)",
        counters - 1
    )
}

/// `name`, or `name(number)`.
fn one(rule: &Rule<'_, '_>) -> Result<u32, Diag> {
    let counters = check_counters(rule)?;
    let said = rule.name.lossy();
    let Some((_, inner)) = said.split_once('(') else {
        return Ok(0);
    };
    let Some(Ok(number)) = inner.strip_suffix(')').map(str::parse::<u32>) else {
        let message = format!("invalid stick table track ID. Expects {said}(<Track ID>)");
        return Err(Diag::alert(rule.name.span, message));
    };
    if number >= counters {
        return Err(Diag::alert(rule.name.span, too_high("", counters)));
    }
    Ok(number)
}

fn track_number(rule: &Rule<'_, '_>) -> Result<u32, Diag> {
    let text = behind(rule.name, "track-sc");
    let counters = rule.ctx.names.stick_counters();
    let fault = |message: String| Err(Diag::alert(rule.name.span, message));
    let digits = if text.is_empty() { "0" } else { text };
    let Ok(number) = digits.parse::<u32>() else {
        return fault(format!("Wrong track-sc number '{text}'"));
    };
    match counters {
        0 => fault(format!(
            "{number} track-sc number not usable, stick-counters are disabled by \
             tune.stick-counters"
        )),
        _ if number >= counters => fault(format!(
            "{number} track-sc number exceeding {} (tune.stick-counters-1) value",
            counters - 1
        )),
        _ => Ok(number),
    }
}

fn track(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    let number = track_number(rule)?;
    let (expr, table) = track_words(rule, number)?;
    let ruleset = rule.ruleset;
    let is_early = matches!(ruleset, Ruleset::TcpConnection | Ruleset::TcpSession);
    Ok(Built::new(move |ctx, _| {
        let is_taken = entry(ctx, number).is_some();
        if is_taken || ctx.stream.is_none() && !is_early {
            return Verdict::Continue;
        }
        let started = match start(ctx, &expr, table, ruleset) {
            Ok(started) => started,
            Err(verdict) => return verdict,
        };
        if let Some(entry) = started {
            let stream = ctx.stream.as_deref_mut().filter(|_| !is_early);
            match stream {
                Some(stream) => stream.counters.put(number, entry),
                None => ctx.session.counters.put(number, entry),
            }
        }
        Verdict::Continue
    }))
}

/// Key and table of a `track-sc*` rule.
fn track_words(rule: &mut Rule<'_, '_>, number: u32) -> Result<(Expr, TableId), Diag> {
    let expr = rule.args.expr(rule.ctx)?;
    let (name, table) = if rule.args.take("table") {
        let word = rule.args.value("missing table name")?;
        let name = word.lossy().into_owned();
        let table = rule.ctx.names.table(&name);
        (name, table)
    } else {
        match rule.ctx.proxy {
            Some(proxy) => rule.ctx.names.proxy_table(proxy),
            None => (String::new(), None),
        }
    };
    let fault = |message: String| Diag::alert(rule.name.span, message);
    let table = table.ok_or_else(|| {
        fault(format!(
            "unable to find table '{name}' referenced by track-sc{number}"
        ))
        .hint("Declare it with 'stick-table' in that section, or with 'table' in a peers section.")
    })?;
    let fits = rule
        .ctx
        .names
        .table_key(table)
        .is_some_and(|kind| cast::exists(expr.out_type(), kind.sample_type()));
    if !fits {
        return Err(fault(format!(
            "stick-table '{name}' uses a type incompatible with the 'track-sc{number}' rule"
        )));
    }
    warn(rule, &expr);
    Ok((expr, table))
}

/// The reference's warning about content that is looked at before it is there.
fn warn(rule: &mut Rule<'_, '_>, expr: &Expr) {
    let Some(proxy) = rule.ctx.proxy else { return };
    let is_front = rule.ctx.names.capabilities(proxy).0;
    let reads_content = !expr.is_valid_at(lbd_core::Checkpoint::FeSesAcc);
    if rule.ruleset == Ruleset::TcpContent
        && is_front
        && reads_content
        && !rule.ctx.names.has_inspect_delay(proxy)
    {
        let title = rule.ctx.names.title(proxy).unwrap_or_default();
        let message = format!(
            "{title} : a 'tcp-request content track-sc*' rule explicitly depending on request \
             contents without any 'tcp-request inspect-delay' setting. This means that this rule \
             will randomly find its contents. This can be fixed by setting the tcp-request \
             inspect-delay."
        );
        rule.ctx.warn(Diag::warning(rule.name.span, message));
    }
}

/// Begins to track. A key that cannot be had, and a table without room, track nothing.
fn start(
    ctx: &Ctx<'_>,
    expr: &Expr,
    table: TableId,
    ruleset: Ruleset,
) -> Result<Option<Entry>, Verdict> {
    let view = ctx.view();
    let value = match expr.value(&view) {
        Sampled::Value(value) => value,
        Sampled::Absent => return Ok(None),
        Sampled::NotYet => return Err(Verdict::Wait(Need::More)),
    };
    let Some(table) = view.world.table(table) else {
        return Ok(None);
    };
    let Some(key) = key(&view, value, table.schema().key) else {
        return Ok(None);
    };
    // Content rules of the frontend run before the request counts as one, the others after it.
    let is_late = ruleset == Ruleset::TcpContent
        && view.request.is_some()
        && view.proxy != view.session.map(|session| session.frontend);
    let counts_request = ruleset.is_http() || is_late;
    let status = match ruleset {
        Ruleset::HttpResponse => view.response.map_or(0, |head| head.status()),
        _ => 0,
    };
    let (is_error, is_failure) = view.world.status_counts(status);
    let started = Entry::start_with(table.clone(), &key, ctx.now, |entry| {
        if counts_request {
            entry.count_request();
        }
        if is_error {
            entry.count_error();
        }
        if is_failure {
            entry.count_failure();
        }
    });
    Ok(started.ok())
}
