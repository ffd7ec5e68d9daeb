//! Keywords of `global` that are read and cannot change what lbd does; each is told once.
//!
//! Those that begin with `tune.` are in [`super::tune_idle`]; what arguments must look like is in
//! [`super::idle_value`].

use lbd_core::Diag;

use super::idle_value::{self, MAX, Value};
use super::inert;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    inert(
        "cluster-secret",
        Sections::GLOBAL,
        "it protects QUIC tokens only, and there is no QUIC",
        "Secret shared by a cluster (3.1).",
        &[
            Example::Ok("cluster-secret secret"),
            Example::Fail("cluster-secret", "expects"),
            Example::Fail("cluster-secret secret x", "unexpected argument"),
        ],
        |_, words| Value::Text.read("cluster-secret", words),
    ),
    inert(
        "cpu-affinity",
        Sections::GLOBAL,
        "workers are bound by cpu-map",
        "How threads are bound to CPUs (3.1).",
        &[
            Example::Ok("cpu-affinity per-thread"),
            Example::Fail("cpu-affinity", "unknown"),
            Example::Fail("cpu-affinity x", "unknown"),
            Example::Fail("cpu-affinity auto x", "unknown"),
        ],
        idle_value::cpu_affinity,
    ),
    inert(
        "cpu-policy",
        Sections::GLOBAL,
        "workers are bound by cpu-map",
        "How CPUs are chosen for threads (3.1).",
        &[
            Example::Ok("cpu-policy none"),
            Example::Fail("cpu-policy", "unknown"),
            Example::Fail("cpu-policy x", "unknown"),
            Example::Fail("cpu-policy none x", "unknown"),
            Example::Fail("cpu-policy none threads-per-core 2", "unknown"),
        ],
        idle_value::cpu_policy,
    ),
    inert(
        "nokqueue",
        Sections::GLOBAL,
        "lbd polls by epoll",
        "Disables kqueue (3.2).",
        &[
            Example::Ok("nokqueue"),
            Example::Fail("nokqueue x", "unexpected argument"),
        ],
        idle_value::flag,
    ),
    inert(
        "noepoll",
        Sections::GLOBAL,
        "lbd polls by epoll only",
        "Disables epoll (3.2).",
        &[
            Example::Ok("noepoll"),
            Example::Fail("noepoll x", "unexpected argument"),
        ],
        |site, words| switch_off(site, words, "EPOLL"),
    ),
    inert(
        "noevports",
        Sections::GLOBAL,
        "lbd polls by epoll",
        "Disables event ports (3.2).",
        &[
            Example::Ok("noevports"),
            Example::Fail("noevports x", "unexpected argument"),
        ],
        idle_value::flag,
    ),
    inert(
        "nogetaddrinfo",
        Sections::GLOBAL,
        "names are resolved by the system's resolver",
        "Disables getaddrinfo() (3.2).",
        &[
            Example::Ok("nogetaddrinfo"),
            Example::Fail("nogetaddrinfo x", "unexpected argument"),
        ],
        |site, words| switch_off(site, words, "GETADDRINFO"),
    ),
    inert(
        "no-memory-trimming",
        Sections::GLOBAL,
        "lbd does not trim memory by itself",
        "Disables trimming of memory at reload (3.2).",
        &[
            Example::Ok("no-memory-trimming"),
            Example::Fail("no-memory-trimming x", "unexpected argument"),
        ],
        idle_value::flag,
    ),
    inert(
        "nopoll",
        Sections::GLOBAL,
        "lbd polls by epoll",
        "Disables poll() (3.2).",
        &[
            Example::Ok("nopoll"),
            Example::Fail("nopoll x", "unexpected argument"),
        ],
        |site, words| switch_off(site, words, "POLL"),
    ),
    inert(
        "numa-cpu-mapping",
        Sections::GLOBAL,
        "workers are bound by cpu-map",
        "Binds to the first NUMA node (3.1).",
        &[
            Example::Ok("numa-cpu-mapping"),
            Example::Fail("numa-cpu-mapping x", "unexpected argument"),
        ],
        idle_value::flag,
    ),
    inert(
        "prealloc-fd",
        Sections::GLOBAL,
        "descriptors need no table here",
        "Allocates the descriptor table at start (3.1).",
        &[
            Example::Ok("prealloc-fd"),
            Example::Fail("prealloc-fd x", "unexpected argument"),
        ],
        idle_value::flag,
    ),
    inert(
        "quick-exit",
        Sections::GLOBAL,
        "memory is freed by the system",
        "Exits without freeing memory (3.2).",
        &[
            Example::Ok("quick-exit"),
            Example::Fail("quick-exit x", "unexpected argument"),
        ],
        idle_value::flag,
    ),
    inert(
        "set-dumpable",
        Sections::GLOBAL,
        "the system's setting of core dumps stays",
        "Allows core dumps (3.1).",
        &[
            Example::Ok("set-dumpable"),
            Example::Fail("set-dumpable x", "unexpected argument"),
        ],
        idle_value::flag,
    ),
    inert(
        "stress-level",
        Sections::GLOBAL,
        "there are no stress tests inside",
        "Level of internal stress tests (3.1).",
        &[
            Example::Ok("stress-level 0"),
            Example::Fail("stress-level", "expects"),
            Example::Fail("stress-level foo", "expects"),
            Example::Fail("stress-level 10", "expects"),
            Example::Fail("stress-level 0 x", "unexpected argument"),
        ],
        |_, words| Value::Number(0, 9).read("stress-level", words),
    ),
    inert(
        "thread-group",
        Sections::GLOBAL,
        "lbd has no thread groups",
        "Threads of a group (3.1).",
        &[
            Example::Ok("thread-group 1 1-2"),
            Example::Fail("thread-group", "missing or unparsable"),
            Example::Fail("thread-group x", "missing or unparsable"),
            Example::Fail("thread-group 33", "must be between 1 and 32"),
            Example::Fail("thread-group 1 x", "unparsable or invalid thread number"),
        ],
        idle_value::thread_group,
    ),
    inert(
        "thread-groups",
        Sections::GLOBAL,
        "lbd has no thread groups",
        "Number of thread groups (3.1).",
        &[
            Example::Ok("thread-groups 1"),
            Example::Fail("thread-groups", "missing or unparsable"),
            Example::Fail("thread-groups 33", "must be between 1 and 32"),
            Example::Fail("thread-groups 1 2", "unexpected argument"),
        ],
        idle_value::thread_groups,
    ),
    inert(
        "thread-hard-limit",
        Sections::GLOBAL,
        "nbthread says how many workers run",
        "Upper bound of the automatic number of threads (3.1).",
        &[
            Example::Ok("thread-hard-limit 64"),
            Example::Fail("thread-hard-limit", "expects"),
            Example::Fail("thread-hard-limit foo", "expects"),
            Example::Fail("thread-hard-limit 0", "expects"),
            Example::Fail("thread-hard-limit 64 x", "unexpected argument"),
        ],
        |_, words| Value::Number(1, MAX).read("thread-hard-limit", words),
    ),
];

/// A switch that shows in `enabled()` and nowhere else.
fn switch_off(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    option: &'static str,
) -> Result<(), Diag> {
    idle_value::flag(site, words)?;
    site.environment.switch(option, false);
    Ok(())
}
