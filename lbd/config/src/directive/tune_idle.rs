//! Keywords of `global` that are read and cannot change what lbd does; each is told once.
//!
//! Their arguments are counted, not judged.

use lbd_core::Diag;

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
        ],
        value,
    ),
    inert(
        "cpu-affinity",
        Sections::GLOBAL,
        "workers are bound by cpu-map",
        "How threads are bound to CPUs (3.1).",
        &[
            Example::Ok("cpu-affinity per-thread"),
            Example::Fail("cpu-affinity", "expects"),
        ],
        value,
    ),
    inert(
        "cpu-policy",
        Sections::GLOBAL,
        "workers are bound by cpu-map",
        "How CPUs are chosen for threads (3.1).",
        &[
            Example::Ok("cpu-policy none"),
            Example::Fail("cpu-policy", "expects"),
        ],
        value,
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
        flag,
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
        flag,
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
        flag,
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
        flag,
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
        flag,
    ),
    inert(
        "profiling.tasks",
        Sections::GLOBAL,
        "there is no task profiling",
        "Profiles tasks (3.2).",
        &[
            Example::Ok("profiling.tasks auto"),
            Example::Fail("profiling.tasks", "expects"),
        ],
        value,
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
        flag,
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
        flag,
    ),
    inert(
        "stress-level",
        Sections::GLOBAL,
        "there are no stress tests inside",
        "Level of internal stress tests (3.1).",
        &[
            Example::Ok("stress-level 0"),
            Example::Fail("stress-level", "expects"),
        ],
        value,
    ),
    inert(
        "thread-group",
        Sections::GLOBAL,
        "lbd has no thread groups",
        "Threads of a group (3.1).",
        &[
            Example::Ok("thread-group 1 1-2"),
            Example::Fail("thread-group", "expects"),
        ],
        value,
    ),
    inert(
        "thread-groups",
        Sections::GLOBAL,
        "lbd has no thread groups",
        "Number of thread groups (3.1).",
        &[
            Example::Ok("thread-groups 1"),
            Example::Fail("thread-groups", "expects"),
        ],
        thread_groups,
    ),
    inert(
        "thread-hard-limit",
        Sections::GLOBAL,
        "nbthread says how many workers run",
        "Upper bound of the automatic number of threads (3.1).",
        &[
            Example::Ok("thread-hard-limit 64"),
            Example::Fail("thread-hard-limit", "expects"),
        ],
        value,
    ),
    inert(
        "tune.applet.zero-copy-forwarding",
        Sections::GLOBAL,
        "lbd has no applets",
        "Zero-copy forwarding of applets (3.2).",
        &[
            Example::Ok("tune.applet.zero-copy-forwarding off"),
            Example::Fail("tune.applet.zero-copy-forwarding", "expects"),
        ],
        value,
    ),
    inert(
        "tune.buffers.limit",
        Sections::GLOBAL,
        "buffers have limits of their own",
        "Buffers of the process (3.2).",
        &[
            Example::Ok("tune.buffers.limit 0"),
            Example::Fail("tune.buffers.limit", "expects"),
        ],
        value,
    ),
    inert(
        "tune.buffers.reserve",
        Sections::GLOBAL,
        "buffers have limits of their own",
        "Buffers kept in reserve (3.2).",
        &[
            Example::Ok("tune.buffers.reserve 8"),
            Example::Fail("tune.buffers.reserve", "expects"),
        ],
        value,
    ),
    inert(
        "tune.bufsize.large",
        Sections::GLOBAL,
        "there are no large buffers",
        "Size of large buffers (3.2).",
        &[
            Example::Ok("tune.bufsize.large 64k"),
            Example::Fail("tune.bufsize.large", "expects"),
        ],
        value,
    ),
    inert(
        "tune.bufsize.small",
        Sections::GLOBAL,
        "there are no small buffers",
        "Size of small buffers (3.2).",
        &[
            Example::Ok("tune.bufsize.small 1k"),
            Example::Fail("tune.bufsize.small", "expects"),
        ],
        value,
    ),
    inert(
        "tune.defaults.purge",
        Sections::GLOBAL,
        "defaults sections are gone after the start",
        "Frees unused defaults sections (3.2).",
        &[
            Example::Ok("tune.defaults.purge"),
            Example::Fail("tune.defaults.purge x", "unexpected argument"),
        ],
        flag,
    ),
    inert(
        "tune.epoll.mask-events",
        Sections::GLOBAL,
        "events are what the runtime needs",
        "Masks epoll events (3.2).",
        &[
            Example::Ok("tune.epoll.mask-events rdhup"),
            Example::Fail("tune.epoll.mask-events", "expects"),
        ],
        value,
    ),
    inert(
        "tune.events.max-events-at-once",
        Sections::GLOBAL,
        "the runtime bounds its turns by itself",
        "Events handled in one turn (3.2).",
        &[
            Example::Ok("tune.events.max-events-at-once 100"),
            Example::Fail("tune.events.max-events-at-once", "expects"),
        ],
        value,
    ),
    inert(
        "tune.fd.edge-triggered",
        Sections::GLOBAL,
        "the runtime is edge-triggered already",
        "Edge-triggered polling (3.2).",
        &[
            Example::Ok("tune.fd.edge-triggered on"),
            Example::Fail("tune.fd.edge-triggered", "expects"),
        ],
        value,
    ),
    inert(
        "tune.h1.zero-copy-fwd-recv",
        Sections::GLOBAL,
        "how data is forwarded cannot be seen from outside",
        "Zero-copy receives of HTTP/1 (3.2).",
        &[
            Example::Ok("tune.h1.zero-copy-fwd-recv off"),
            Example::Fail("tune.h1.zero-copy-fwd-recv", "expects"),
        ],
        value,
    ),
    inert(
        "tune.h1.zero-copy-fwd-send",
        Sections::GLOBAL,
        "how data is forwarded cannot be seen from outside",
        "Zero-copy sends of HTTP/1 (3.2).",
        &[
            Example::Ok("tune.h1.zero-copy-fwd-send off"),
            Example::Fail("tune.h1.zero-copy-fwd-send", "expects"),
        ],
        value,
    ),
    inert(
        "tune.listener.default-shards",
        Sections::GLOBAL,
        "each worker has a listening socket of its own",
        "Sockets of a bind line (3.2).",
        &[
            Example::Ok("tune.listener.default-shards by-thread"),
            Example::Fail("tune.listener.default-shards", "expects"),
        ],
        value,
    ),
    inert(
        "tune.max-checks-per-thread",
        Sections::GLOBAL,
        "checks do not run on the workers",
        "Checks of a thread at once (3.2).",
        &[
            Example::Ok("tune.max-checks-per-thread 100"),
            Example::Fail("tune.max-checks-per-thread", "expects"),
        ],
        value,
    ),
    inert(
        "tune.maxpollevents",
        Sections::GLOBAL,
        "the runtime bounds its turns by itself",
        "Events polled at once (3.2).",
        &[
            Example::Ok("tune.maxpollevents 200"),
            Example::Fail("tune.maxpollevents", "expects"),
        ],
        value,
    ),
    inert(
        "tune.memory.hot-size",
        Sections::GLOBAL,
        "memory comes from the system's allocator",
        "Cache of the memory pools (3.2).",
        &[
            Example::Ok("tune.memory.hot-size 512k"),
            Example::Fail("tune.memory.hot-size", "expects"),
        ],
        value,
    ),
    inert(
        "tune.pt.zero-copy-forwarding",
        Sections::GLOBAL,
        "how data is forwarded cannot be seen from outside",
        "Zero-copy forwarding of TCP (3.2).",
        &[
            Example::Ok("tune.pt.zero-copy-forwarding off"),
            Example::Fail("tune.pt.zero-copy-forwarding", "expects"),
        ],
        value,
    ),
    inert(
        "tune.rcvbuf.backend",
        Sections::GLOBAL,
        "no server is reached by datagrams",
        "Kernel receive buffer of datagram sockets to servers (3.2).",
        &[
            Example::Ok("tune.rcvbuf.backend 64k"),
            Example::Fail("tune.rcvbuf.backend", "expects"),
        ],
        value,
    ),
    inert(
        "tune.rcvbuf.frontend",
        Sections::GLOBAL,
        "nothing is received as datagrams",
        "Kernel receive buffer of datagram listeners (3.2).",
        &[
            Example::Ok("tune.rcvbuf.frontend 64k"),
            Example::Fail("tune.rcvbuf.frontend", "expects"),
        ],
        value,
    ),
    inert(
        "tune.recv_enough",
        Sections::GLOBAL,
        "reads are as large as the buffer allows",
        "Bytes after which a read is enough (3.2).",
        &[
            Example::Ok("tune.recv_enough 4k"),
            Example::Fail("tune.recv_enough", "expects"),
        ],
        value,
    ),
    inert(
        "tune.ring.queues",
        Sections::GLOBAL,
        "log lines do not pass through rings",
        "Queues of a ring (3.2).",
        &[
            Example::Ok("tune.ring.queues 4"),
            Example::Fail("tune.ring.queues", "expects"),
        ],
        value,
    ),
    inert(
        "tune.sched.low-latency",
        Sections::GLOBAL,
        "the runtime schedules fairly",
        "Runs short tasks first (3.2).",
        &[
            Example::Ok("tune.sched.low-latency on"),
            Example::Fail("tune.sched.low-latency", "expects"),
        ],
        value,
    ),
    inert(
        "tune.sndbuf.backend",
        Sections::GLOBAL,
        "no server is reached by datagrams",
        "Kernel send buffer of datagram sockets to servers (3.2).",
        &[
            Example::Ok("tune.sndbuf.backend 64k"),
            Example::Fail("tune.sndbuf.backend", "expects"),
        ],
        value,
    ),
    inert(
        "tune.sndbuf.frontend",
        Sections::GLOBAL,
        "nothing is received as datagrams",
        "Kernel send buffer of datagram listeners (3.2).",
        &[
            Example::Ok("tune.sndbuf.frontend 64k"),
            Example::Fail("tune.sndbuf.frontend", "expects"),
        ],
        value,
    ),
    inert(
        "tune.streams-elasticity",
        Sections::GLOBAL,
        "it concerns HTTP/2 streams only",
        "Elasticity of HTTP/2 stream limits (3.2).",
        &[
            Example::Ok("tune.streams-elasticity 100"),
            Example::Fail("tune.streams-elasticity", "expects"),
        ],
        value,
    ),
    inert(
        "tune.takeover-other-tg-connections",
        Sections::GLOBAL,
        "lbd has no thread groups",
        "Takes idle connections of other groups (3.2).",
        &[
            Example::Ok("tune.takeover-other-tg-connections full"),
            Example::Fail("tune.takeover-other-tg-connections", "expects"),
        ],
        value,
    ),
];

/// A switch that shows in `enabled()` and nowhere else.
fn switch_off(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    option: &'static str,
) -> Result<(), Diag> {
    flag(site, words)?;
    site.environment.switch(option, false);
    Ok(())
}

fn flag(_: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    match words.peek() {
        None => Ok(()),
        Some(word) => Err(Diag::alert(
            word.span,
            format!(
                "cannot handle unexpected argument '{}'.",
                String::from_utf8_lossy(&word.text)
            ),
        )),
    }
}

fn thread_groups(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    super::suspect_again(site, "thread-groups", words.last());
    value(site, words)
}

fn value(_: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    match words.rest().is_empty() {
        false => Ok(()),
        true => Err(Diag::alert(words.last(), "expects a value as argument")),
    }
}
