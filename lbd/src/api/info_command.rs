//! `show info` in its forms.
//!
//! The keys are in `info.rs`.

use std::fmt::Write;

use lbd_config::config::AccessLevel;
use lbd_proxy::metric::Field;

use super::command::{ApiCommand, Call};
use super::info::{KEYS, Key};
use crate::stats::json_value;

pub(super) const COMMANDS: &[ApiCommand] = &[ApiCommand {
    words: &["show", "info"],
    usage: "show info [desc|json|typed|float]*",
    describe: "process facts and totals",
    level: AccessLevel::User,
    run: show_info,
}];

fn show_info(call: &mut Call<'_>) {
    let has = |word: &str| call.args.iter().any(|arg| arg == word);
    let (with_description, is_typed) = (has("desc"), has("typed"));
    if has("json") {
        return json(call);
    }
    for (at, key) in KEYS.iter().enumerate() {
        let (tags, field) = read(call, key);
        if field == Field::Empty {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = if is_typed {
            write!(
                call.out,
                "{at}.{}.1:{}:{}:{field}",
                key.name,
                tags,
                field.kind()
            )
        } else {
            write!(call.out, "{}: {field}", key.name)
        };
        if with_description {
            let _ = write!(call.out, ":\"{}\"", key.describe);
        }
        call.out.push('\n');
    }
}

fn json(call: &mut Call<'_>) {
    call.out.push('[');
    let mut is_first = true;
    for (at, key) in KEYS.iter().enumerate() {
        let (tags, field) = read(call, key);
        if field == Field::Empty {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            call.out.push(',');
        }
        let _ = write!(
            call.out,
            "{{\"field\":{{\"pos\":{at},\"name\":\"{}\"}},\"processNum\":1,",
            key.name
        );
        json_value(tags, &field, call.out);
        call.out.push('}');
    }
    call.out.push_str("]\n");
}

/// A value with its letters; with `float`, values that change within a second have a fraction.
fn read(call: &Call<'_>, key: &Key) -> (&'static str, Field) {
    let field = (key.read)(call.daemon);
    let wanted = call.args.iter().any(|arg| arg == "float");
    let Some((_, tags)) = FLOATS.iter().find(|(name, _)| wanted && *name == key.name) else {
        return (key.tags, field);
    };
    let shared = &call.daemon.shared;
    let millionths = match (key.name, &field) {
        ("Uptime_sec", _) => shared.now().as_millis() * 1000,
        ("Start_time_sec", _) => shared.started_wall().0,
        (_, Field::U32(number)) => u64::from(*number) * 1_000_000,
        _ => return (key.tags, field),
    };
    (tags, Field::Micro(millionths))
}

/// Keys that `float` changes, with their letters then.
const FLOATS: &[(&str, &str)] = &[
    ("Uptime_sec", "MDPV"),
    ("ConnRate", "MRPV"),
    ("SessRate", "MRPV"),
    ("SslRate", "MRPV"),
    ("SslFrontendKeyRate", "MRPV"),
    ("SslFrontendSessionReuse_pct", "MRPV"),
    ("SslBackendKeyRate", "MRPV"),
    ("CompressBpsIn", "MRPV"),
    ("CompressBpsOut", "MRPV"),
    ("Start_time_sec", "MDPV"),
];
