//! Keywords of `global` about the process: user, limits, files, threads.
//!
//! Nothing is done here: the daemon does it.

use std::path::PathBuf;

use lbd_core::{Diag, Level, Span};

use super::{directive, end, inert};
use crate::config::Global;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::units::{self, TimeUnit};
use crate::words::Words;

const GLOBAL: Sections = Sections::GLOBAL;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "chroot",
        GLOBAL,
        "Directory that becomes the worker's root before it serves (3.1).",
        &[
            Example::Ok("chroot /var/empty"),
            Example::Fail("chroot", "expects a directory"),
        ],
        |site, words| {
            let is_first = !site.draft.global.said.contains("chroot");
            path(
                site,
                words,
                "chroot",
                "a directory as an argument.",
                |g, p| g.chroot = Some(p),
            )?;
            if is_first {
                suspect_root(site, words.last());
            }
            Ok(())
        },
    ),
    directive(
        "cpu-map",
        GLOBAL,
        "Binds workers to CPUs (3.1).",
        &[
            Example::Ok("cpu-map auto:1/1-4 0-3"),
            Example::Ok("cpu-map 1 0"),
            Example::Fail("cpu-map 1", "expects"),
        ],
        cpu_map,
    ),
    directive(
        "daemon",
        GLOBAL,
        "Makes the process fork into the background (3.1).",
        &[
            Example::Ok("daemon"),
            Example::Fail("daemon on", "unexpected argument"),
        ],
        |site, words| switch(site, words, "daemon", |g| g.daemon = true),
    ),
    directive(
        "fd-hard-limit",
        GLOBAL,
        "Upper bound of file descriptors when nothing else sets one (3.1).",
        &[Example::Ok("fd-hard-limit 50000")],
        |site, words| {
            count(site, words, "fd-hard-limit", |g, n| {
                g.fd_hard_limit = Some(n)
            })
        },
    ),
    directive(
        "gid",
        GLOBAL,
        "Numeric group of the worker (3.1).",
        &[
            Example::Ok("gid 99"),
            Example::Fail("gid", "expects an integer"),
        ],
        |site, words| id(site, words, "gid", "group"),
    ),
    directive(
        "group",
        GLOBAL,
        "Group of the worker by name (3.1).",
        &[
            Example::Ok("group root"),
            Example::Fail("group no-such-group", "cannot find group id"),
        ],
        group,
    ),
    directive(
        "localpeer",
        GLOBAL,
        "Name of this node among its peers (3.1).",
        &[
            Example::Ok("localpeer node1"),
            Example::Fail("localpeer", "expects a name"),
        ],
        |site, words| {
            let name = words.expect("localpeer", "a name as an argument.")?;
            site.draft.global.value.localpeer = Some(name.to_owned());
            end(words, "localpeer")
        },
    ),
    inert(
        "master-worker",
        GLOBAL,
        "lbd is one process, which the service manager watches",
        "Runs a privileged master beside the worker, as -W does (3.1).",
        &[
            Example::Ok("master-worker"),
            Example::Fail("master-worker x", "no-exit-on-failure"),
        ],
        master_worker,
    ),
    inert(
        "max-threads-per-group",
        GLOBAL,
        "lbd has no thread groups",
        "Threads of one group (3.1).",
        &[Example::Ok("max-threads-per-group 16")],
        |_, words| ranged(words, "max-threads-per-group", 1, 64),
    ),
    directive(
        "nbthread",
        GLOBAL,
        "Number of workers; by default one for each usable CPU (3.1).",
        &[
            Example::Ok("nbthread 4"),
            Example::Fail("nbthread 0", "nbthread"),
        ],
        |site, words| {
            super::suspect_again(site, "nbthread", words.last());
            let n = words.exact_int("nbthread", 1..=1024)?;
            site.draft.global.value.threads = u16::try_from(n).ok();
            end(words, "nbthread")
        },
    ),
    directive(
        "pidfile",
        GLOBAL,
        "File that gets the process ids (3.1).",
        &[
            Example::Ok("pidfile /run/lbd.pid"),
            Example::Fail("pidfile", "expects a file name"),
        ],
        |site, words| {
            path(
                site,
                words,
                "pidfile",
                "a file name as an argument.",
                |g, p| g.pidfile = Some(p),
            )
        },
    ),
    directive(
        "quiet",
        GLOBAL,
        "No messages at start, as -q (3.1).",
        &[Example::Ok("quiet")],
        |site, words| switch(site, words, "quiet", |g| g.quiet = true),
    ),
    directive(
        "strict-limits",
        GLOBAL,
        "Refuses to start when the system's limits are too low; on by default, off by 'no' (3.1).",
        &[Example::Ok("strict-limits")],
        |site, words| {
            site.draft.global.value.strict_limits = words.modifier() != crate::lex::Modifier::No;
            end(words, "strict-limits")
        },
    ),
    directive(
        "uid",
        GLOBAL,
        "Numeric user of the worker (3.1).",
        &[
            Example::Ok("uid 99"),
            Example::Fail("uid", "expects an integer"),
        ],
        |site, words| id(site, words, "uid", "user"),
    ),
    directive(
        "ulimit-n",
        GLOBAL,
        "Number of file descriptors to ask for (3.1).",
        &[
            Example::Ok("ulimit-n 65536"),
            Example::Fail("ulimit-n", "expects an integer"),
        ],
        |site, words| count(site, words, "ulimit-n", |g, n| g.ulimit_n = Some(n)),
    ),
    directive(
        "user",
        GLOBAL,
        "User of the worker by name (3.1).",
        &[
            Example::Ok("user root"),
            Example::Fail("user no-such-user", "cannot find user id"),
        ],
        user,
    ),
    directive(
        "zero-warning",
        GLOBAL,
        "Refuses a configuration with warnings, as -dW (3.1).",
        &[Example::Ok("zero-warning")],
        |site, words| switch(site, words, "zero-warning", |g| g.zero_warning = true),
    ),
    directive(
        "hard-stop-after",
        GLOBAL,
        "Longest time that a soft stop may take (3.1).",
        &[
            Example::Ok("hard-stop-after 30s"),
            Example::Fail("hard-stop-after", "expects"),
        ],
        |site, words| {
            let time = words.time("hard-stop-after", TimeUnit::Millisecond)?;
            site.draft.global.value.hard_stop_after = Some(time);
            end(words, "hard-stop-after")
        },
    ),
    directive(
        "grace",
        GLOBAL,
        "Time between the signal for a soft stop and its beginning (3.1).",
        &[Example::Ok("grace 10s"), Example::Fail("grace", "expects")],
        |site, words| {
            let time = words.time("grace", TimeUnit::Millisecond)?;
            site.draft.global.value.grace = Some(time);
            end(words, "grace")
        },
    ),
    directive(
        "close-spread-time",
        GLOBAL,
        "Time over which idle connections are closed at a soft stop (3.1).",
        &[
            Example::Ok("close-spread-time 10s"),
            Example::Ok("close-spread-time infinite"),
        ],
        |site, words| {
            let spread = match words.take_if("infinite") {
                true => None,
                false => Some(words.time("close-spread-time", TimeUnit::Millisecond)?),
            };
            site.draft.global.value.close_spread_time = Some(spread);
            end(words, "close-spread-time")
        },
    ),
];

fn switch(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    set: fn(&mut Global),
) -> Result<(), Diag> {
    set(&mut site.draft.global.value);
    end(words, keyword)
}

/// A number of things, said once.
pub(super) fn count(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &'static str,
    set: fn(&mut Global, u64),
) -> Result<(), Diag> {
    let here = words.last();
    if words.left() == 0 {
        return Err(Diag::alert(
            here,
            format!("'{keyword}' expects an integer argument."),
        ));
    }
    // This one is refused with anything behind it in the reference, the others are not.
    let n = match keyword {
        "maxconn" => words.exact_int(keyword, 0..=i64::from(i32::MAX))?,
        _ => words.int(keyword, 0..=i64::from(i32::MAX))?,
    };
    if site.once(keyword, here) {
        set(&mut site.draft.global.value, n.unsigned_abs());
    }
    end(words, keyword)
}

fn path(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &'static str,
    what: &str,
    set: fn(&mut Global, PathBuf),
) -> Result<(), Diag> {
    let path = words.expect(keyword, what)?;
    if site.once(keyword, words.last()) {
        set(&mut site.draft.global.value, PathBuf::from(path));
    }
    end(words, keyword)
}

/// A root directory that is not there; `auto` is made at the start.
fn suspect_root(site: &mut Site<'_>, span: Span) {
    let Some(root) = &site.draft.global.value.chroot else {
        return;
    };
    let name = root.to_string_lossy();
    if name != "auto" && !site.environment.host().is_dir(&name) {
        let message = format!("'chroot': there is no directory '{name}'");
        site.diags.push(Diag::new(Level::Diag, span, message));
    }
}

fn ranged(words: &mut Words<'_>, keyword: &str, low: i64, high: i64) -> Result<(), Diag> {
    words.int(keyword, low..=high)?;
    end(words, keyword)
}

fn id(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &'static str,
    by_name: &str,
) -> Result<(), Diag> {
    let text = words.expect(keyword, "an integer argument.")?;
    let span = words.last();
    let Ok(number) = text.parse::<u32>() else {
        return Err(
            Diag::alert(span, format!("{keyword}: string '{text}' is not a number"))
                .hint(format!("Use '{by_name} {text}' to give a name.")),
        );
    };
    let is_user = keyword == "uid";
    if !site
        .draft
        .global
        .said
        .insert(if is_user { "user" } else { "group" })
    {
        let pair = if is_user { "user/uid" } else { "group/gid" };
        site.warn(span, format!("{pair} already specified. Continuing."));
    } else if is_user {
        site.draft.global.value.uid = Some(number);
    } else {
        site.draft.global.value.gid = Some(number);
    }
    end(words, keyword)
}

fn user(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let name = words.expect("user", "a user name.")?;
    let span = words.last();
    let Some(number) = site.environment.host().user(name) else {
        return Err(
            Diag::alert(span, format!("cannot find user id for '{name}'")).hint(format!(
                "Create it (useradd --system {name}) or name another user."
            )),
        );
    };
    match site.draft.global.said.insert("user") {
        true => site.draft.global.value.uid = Some(number),
        false => site.warn(span, "user/uid already specified. Continuing."),
    }
    end(words, "user")
}

fn group(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let name = words.expect("group", "a group name.")?;
    let span = words.last();
    let Some(number) = site.environment.host().group(name) else {
        return Err(
            Diag::alert(span, format!("cannot find group id for '{name}'")).hint(format!(
                "Create it (groupadd --system {name}) or name another group."
            )),
        );
    };
    match site.draft.global.said.insert("group") {
        true => site.draft.global.value.gid = Some(number),
        false => site.warn(span, "gid/group was already specified. Continuing."),
    }
    end(words, "group")
}

fn master_worker(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    if words.left() > 0 && !words.take_if("no-exit-on-failure") {
        return Err(Diag::alert(
            words.here(),
            "'master-worker' only supports 'no-exit-on-failure' option",
        ));
    }
    let span = words.line();
    site.warn(
        span,
        "The 'master-worker' keyword is deprecated in 3.3 and will be removed in 3.5. Use -W or \
         -Ws in the startup script instead.",
    );
    end(words, "master-worker")
}

fn cpu_map(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let what = "a thread group number ('all', 'odd', 'even', a number from 1 to 64 or a range), \
                followed by a list of CPU ranges with numbers from 0 to 1023.";
    let fault = |span, text: String| Diag::alert(span, format!("cpu-map : {text}"));
    if words.left() < 2 {
        return Err(Diag::alert(words.last(), format!("cpu-map expects {what}")));
    }
    let first = words.expect("cpu-map", what)?;
    let (auto, _groups, threads) =
        units::cpu_map_sets(first).map_err(|text| fault(words.last(), text))?;
    // Without a slash the numbers are thread groups in the reference; lbd has a single group, so
    // that they name workers when the line is of the old form `cpu-map <worker> <cpu>`.
    let threads = match first.contains('/') {
        true => threads,
        false => {
            units::numbers(first.trim_start_matches("auto:"), 64)
                .map_err(|text| fault(words.last(), text))?;
            u64::MAX
        }
    };
    let mut cpus: Vec<u16> = Vec::new();
    while let Some(text) = words.text()? {
        let set = units::cpus(text).map_err(|text| fault(words.last(), text))?;
        for cpu in set.into_iter().filter_map(|cpu| u16::try_from(cpu).ok()) {
            if !cpus.contains(&cpu) {
                cpus.push(cpu);
            }
        }
    }
    let workers: Vec<u16> = (1..=64u16)
        .filter(|n| threads >> (n - 1) & 1 == 1)
        .collect();
    let map = &mut site.draft.global.value.cpu_map;
    match auto {
        true if first.contains('/') && workers.len() != cpus.len() => {
            return Err(fault(
                words.line(),
                format!(
                    "{first} : TGROUP/THREAD range and CPU sets must have the same size to be \
                     automatically bound"
                ),
            ));
        }
        true => {
            for (worker, cpu) in workers.into_iter().zip(cpus) {
                map.insert(worker, vec![cpu]);
            }
        }
        false => {
            for worker in workers {
                map.insert(worker, cpus.clone());
            }
        }
    }
    Ok(())
}
