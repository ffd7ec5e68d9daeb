//! The runtime API in `global`: its sockets (`stats`), the key of what it hides (`anonkey`), and what is
//! measured for it (`profiling.tasks`).
//!
//! The statistics page (`stats` in proxies) is not here.

use lbd_core::Diag;

use super::{bind, directive, end};
use crate::config::TaskProfiling;
use crate::draft::{BindDraft, SocketDraft};
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;
use crate::{suggest, unsupported};

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "anonkey",
        Sections::GLOBAL,
        "Key of the hashes in anonymised output, 0 to 4294967295 (3.3).",
        &[
            Example::Ok("anonkey 4294967295"),
            Example::Fail("anonkey", "a key is expected after 'anonkey'."),
            Example::Fail("anonkey 4294967296", "value must be within range"),
        ],
        anonkey,
    ),
    directive(
        "profiling.tasks",
        Sections::GLOBAL,
        "Measures what turns of tasks cost, for 'show profiling'; with 'auto', the default, while rounds \
         of a worker's event loop take a millisecond and more (3.2).",
        &[
            Example::Ok("profiling.tasks auto"),
            Example::Ok("profiling.tasks on no-lock no-memory"),
            Example::Fail("profiling.tasks", "expects a combination"),
            Example::Fail("profiling.tasks x", "expects a combination"),
            Example::Fail("profiling.tasks on x", "expects a combination"),
        ],
        profiling,
    ),
    directive(
        "stats",
        Sections::GLOBAL,
        "Sockets of the runtime API: 'stats socket', 'stats timeout', 'stats maxconn' (3.1).",
        &[
            Example::Ok("stats socket /run/lbd.sock mode 660 level admin expose-fd listeners"),
            Example::Ok("stats timeout 30s"),
            Example::Ok("stats maxconn 20"),
            Example::Fail("stats", "'stats' only supports"),
            Example::Fail(
                "stats bind-process 1",
                "'stats bind-process' is not supported anymore.",
            ),
        ],
        stats,
    ),
];

fn anonkey(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let Some(text) = words.text()? else {
        return Err(Diag::alert(
            words.last(),
            "a key is expected after 'anonkey'.",
        ));
    };
    let key = text.parse().map_err(|_| {
        Diag::alert(
            words.last(),
            format!("'anonkey' value must be within range 0-4294967295 (was '{text}')."),
        )
    })?;
    site.draft.global.value.anonkey = key;
    end(words, "anonkey")
}

/// Any number of words, of which the last that says so counts.
fn profiling(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let mut is_first = true;
    loop {
        let here = words.here();
        let mode = &mut site.draft.global.value.profiling;
        match words.text()? {
            None if !is_first => return Ok(()),
            Some("auto") => *mode = TaskProfiling::Auto,
            Some("off") => *mode = TaskProfiling::Off,
            Some("on") => *mode = TaskProfiling::On,
            Some("no-lock" | "no-memory") => {}
            Some(word @ ("lock" | "memory")) => {
                let message = format!("'{word}' of 'profiling.tasks' is not supported.");
                return Err(Diag::alert(here, message)
                    .hint("Remove the word: waits for locks and for memory are not measured."));
            }
            other => {
                let message = format!(
                    "'profiling.tasks' expects a combination of either 'on', 'auto', 'off', 'lock', \
                     'no-lock', 'memory' or 'no-memory', but got '{}'.",
                    other.unwrap_or("")
                );
                return Err(Diag::alert(here, message));
            }
        }
        is_first = false;
    }
}

fn stats(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let here = words.here();
    let what = words.text()?.unwrap_or("");
    match what {
        "socket" => socket(site, words),
        "timeout" => {
            let time = words.time("stats timeout", TimeUnit::Millisecond)?;
            if time.is_zero() {
                return Err(Diag::alert(
                    words.last(),
                    "'stats timeout' : a positive value is expected for 'timeout'",
                ));
            }
            site.draft.global.value.stats_timeout = time;
            end(words, "stats timeout")
        }
        "maxconn" => {
            let n = words.int("stats maxconn", 1..=i64::from(i32::MAX))?;
            site.draft.global.value.stats_maxconn = u32::try_from(n).unwrap_or(u32::MAX);
            end(words, "stats maxconn")
        }
        "bind-process" => Err(
            Diag::alert(here, "'stats bind-process' is not supported anymore.")
                .hint("Remove the line: one process serves all, see 'nbthread'."),
        ),
        other => Err(Diag::alert(
            here,
            format!("'stats' only supports 'socket', 'maxconn' and 'timeout' (got '{other}')"),
        )
        .hint(suggest::hint(other, ["socket", "maxconn", "timeout"]))),
    }
}

fn socket(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let text = words.expect("stats socket", "an address or a path to a UNIX socket")?;
    let mut draft = BindDraft::new(text, words.last());
    draft.addresses = bind::addresses(site, "stats socket", text, words.last())?;
    bind::options(site, &mut draft, words, "stats socket", |name| {
        unsupported::bind_option(name)
    })?;
    let span = site.line;
    site.draft
        .global
        .sockets
        .push(SocketDraft { bind: draft, span });
    Ok(())
}
