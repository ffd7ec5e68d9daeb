//! The flags as pages show them: the usage page, the manual page and the completions of shells.
//!
//! It uses nothing of this crate, so that the packages' maker can read it too.

use lbd_core::cli::{Flag, Group, Program, Value};

/// All that is said about the command line of `lbd`.
pub(crate) fn program() -> Program {
    let group = |title, flags: &[Flag]| Group {
        title,
        flags: flags.to_vec(),
    };
    Program {
        name: "lbd",
        section: 8,
        summary: "load balancer that reads haproxy.cfg as it is",
        synopsis: &[
            "[-f <file|directory>]... [flags] [-- <file>...]",
            "demo [--check] [--port <number>]",
        ],
        about: &[
            "lbd balances TCP and HTTP as its configuration says, which is written in the words of \
             haproxy.cfg. Flags, signals, exit codes, log lines and the runtime socket are HAProxy's.",
            "'lbd demo' runs a balancer in front of built-in servers, on loopback only, without a file \
             and without root.",
            "Every fault of a configuration is told in one run, with its place, the reason and a way \
             to mend it. The reference of all keywords is /usr/share/doc/lbd/keywords.md.",
        ],
        groups: vec![
            group("configuration", CONFIGURATION),
            group("process", PROCESS),
            group("switches", SWITCHES),
            group("version", VERSION),
        ],
        exits: &[
            (
                "0",
                "It was told to end and did; '-c': the configuration is good.",
            ),
            ("1", "The command line or the configuration is refused."),
            (
                "2",
                "The configuration is good but has nothing to listen on; '-cc': it cannot be parsed.",
            ),
            ("143", "Ended by SIGTERM."),
        ],
        signals: &[
            (
                "SIGUSR1",
                "Accept nothing more, end when the last connection has ended.",
            ),
            ("SIGTERM, SIGINT", "End at once."),
            ("SIGHUP", "Log the state of every server."),
            ("SIGTTOU, SIGTTIN", "Pause, resume listening."),
        ],
        files: &[
            (
                "/etc/lbd/lbd.cfg",
                "The configuration that lbd.service runs.",
            ),
            ("/etc/default/lbd", "What else lbd.service starts it with."),
            (
                "/run/lbd/admin.sock",
                "The runtime socket of that configuration.",
            ),
        ],
        see_also: &["lbd-failover(8)", "lbctl(1)"],
    }
}

const CONFIGURATION: &[Flag] = &[
    Flag::new(
        "-f",
        Value::Next("file|dir"),
        "read a configuration (a directory: its *.cfg in order); may be repeated",
    ),
    Flag::new(
        "-c",
        Value::None,
        "check it and exit: 0 good, 1 refused, 2 good but without a listener",
    ),
    Flag::new(
        "-cc",
        Value::Next("cond"),
        "evaluate a condition of '.if': exit 0 true, 1 false, 2 cannot parse",
    ),
    Flag::new("-C", Value::Next("dir"), "change to this directory first"),
    Flag::new("-dW", Value::None, "warnings refuse the start"),
    Flag::new("-dD", Value::None, "suspicious statements are told too"),
    Flag::new(
        "-dr",
        Value::None,
        "server names that do not resolve are no error",
    ),
    Flag::new(
        "-dK",
        Value::Attached("class"),
        "print the known keywords ('-dKhelp' lists the classes)",
    ),
    Flag::new(
        "-dC",
        Value::Attached("key,line"),
        "print the configuration as it is read; with a key (a number) names and addresses are hashed",
    ),
    Flag::new(
        "-L",
        Value::Next("name"),
        "name of the local peer (default: the host name)",
    ),
];

const PROCESS: &[Flag] = &[
    Flag::new("-D", Value::None, "go to the background"),
    Flag::new("-db", Value::None, "stay in the foreground"),
    Flag::new("-d", Value::None, "debug: foreground, verbose"),
    Flag::new("-q", Value::None, "print nothing"),
    Flag::new("-V", Value::None, "print more"),
    Flag::new("-p", Value::Next("file"), "write the process id"),
    Flag::new("-n", Value::Next("number"), "limit of connections"),
    Flag::new("-N", Value::Next("number"), "default limit of a proxy"),
    Flag::new("-m", Value::Next("MB"), "limit of memory"),
    Flag::new("-dc", Value::None, "list the CPUs and who runs there"),
    Flag::new("-dL", Value::None, "list what is loaded (-V: where)"),
    Flag::new(
        "-dA",
        Value::Attached("file"),
        "archive of what is loaded (tar)",
    ),
    Flag::new(
        "-sf",
        Value::Several("pid"),
        "these processes finish once this one listens",
    ),
    Flag::new(
        "-st",
        Value::Several("pid"),
        "these processes stop at once then",
    ),
    Flag::new(
        "-W",
        Value::None,
        "a master starts the worker, outlives it and reloads on SIGUSR2 or SIGHUP",
    ),
    Flag::new("-Ws", Value::None, "the same for a service manager"),
    Flag::new(
        "-S",
        Value::Next("bind,options"),
        "the master's socket: 'show proc', 'reload', and '@1 COMMAND' for its worker",
    ),
    Flag::new(
        "-x",
        Value::Next("socket"),
        "take listening sockets over through this runtime socket ('expose-fd listeners')",
    ),
];

const SWITCHES: &[Flag] = &[
    Flag::new("-4", Value::None, "host names give IPv4 only"),
    Flag::new("-dR", Value::None, "no SO_REUSEPORT"),
    Flag::new("-dS", Value::None, "no splicing"),
    Flag::new("-dI", Value::None, "allow insecure fork"),
    Flag::new(
        "-dV",
        Value::None,
        "no verification of servers' certificates",
    ),
    Flag::new("-dF", Value::None, "bodies are copied, not spliced"),
    Flag::new("-dZ", Value::None, "bodies are copied, not spliced"),
    Flag::new("-de", Value::None, "'enabled()' says that EPOLL is off"),
    Flag::new("-dp", Value::None, "'enabled()' says that POLL is off"),
    Flag::new(
        "-dG",
        Value::None,
        "'enabled()' says that GETADDRINFO is off",
    ),
    Flag::new("-dk", Value::None, "taken without effect"),
    Flag::new("-dv", Value::None, "taken without effect"),
    Flag::new("-dT", Value::None, "taken without effect"),
    Flag::new("-dM", Value::Attached("options"), "taken without effect"),
    Flag::new(
        "-dt",
        Value::Attached("options"),
        "refused: there are no traces",
    ),
];

const VERSION: &[Flag] = &[
    Flag::new("-v", Value::None, "version"),
    Flag::new("-vv", Value::None, "version with build facts"),
    Flag::new("-vq", Value::None, "compatible version of HAProxy"),
    Flag::new("-vqs", Value::None, "compatible version of HAProxy"),
    Flag::new("-vqb", Value::None, "compatible branch of HAProxy"),
];
