//! `stats` in `global`: the sockets of the runtime API.
//!
//! The statistics page (`stats` in proxies) is not here.

use lbd_core::Diag;

use super::{bind, directive, end};
use crate::draft::{BindDraft, SocketDraft};
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::TimeUnit;
use crate::words::Words;
use crate::{suggest, unsupported};

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[directive(
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
)];

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
