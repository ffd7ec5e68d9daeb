//! `-dD`: suspicious statements, on the lines on which HAProxy finds them.

use std::collections::BTreeSet;

use super::flags::{is_reference, run};
use super::*;
use support::TempDir;

/// What each case asks about, with `!` before each line that is suspicious.
const CASES: &[&str] = &[
    "global
    maxconn 10
defaults
    mode http
!global
    description again
",
    "global
    nbthread 2
!    nbthread 1
    thread-groups 1
!    thread-groups 1
",
    "global
!    chroot /nonexistent
",
    "global
!    chroot /etc/passwd
",
    "global
    chroot /tmp
",
    "frontend f
    bind 127.0.0.1:1
!    acl a path_beg /a or /b
!    acl a path_beg /a || /b
!    acl a path_beg /a and
!    acl a path_beg /a &&
    acl a path_beg /a OR
    acl a path_beg if unless ! { } , ; ==
!    acl a path_beg -- or
!    acl a path -i -m beg or
!    acl a path /x //
!    acl a path /x \"#\"
    acl a path /x \"#x\" //x
!    acl a path_beg /a path_beg
!    acl a path_beg hdr_beg(host)
!    acl a path_beg url_param(a)
!    acl a path_beg method
    acl a path -m str -f /dev/null
!    http-request deny if { path_beg / or }
!    use_backend b if { hdr(a) -- hdr(host) }
    default_backend b
backend b
    server s 127.0.0.1:1
",
    "backend b
    cookie x insert
    server s1 127.0.0.1:1 cookie a
!    server s2 127.0.0.1:1 cookie a
    server s3 127.0.0.1:1 cookie a backup
!    server s4 127.0.0.1:1 cookie a disabled
    server s5 127.0.0.1:1 cookie A
    server s6 127.0.0.1:1
!    server-template t 2 127.0.0.1:1 cookie c
backend other
    server s1 127.0.0.1:1 cookie a
",
    "backend b
!    server s1 127.0.0.1:1 weight 0
!    server-template t 2 127.0.0.1:1 weight 0
!    default-server weight 0
!    server s2 127.0.0.1:1
    server s3 127.0.0.1:1 weight 1
",
    "global
    nbthread 2
    noreuseport
frontend f
!    bind 127.0.0.1:1 shards by-thread
    bind 127.0.0.1:2
",
    "frontend f
    mode tcp
    bind 127.0.0.1:1
    log 127.0.0.1 local0
!    log-format \"%ST\"
frontend g
    mode tcp
    bind 127.0.0.1:2
    log 127.0.0.1 local0
!    log-format \"%[capture.req.method]\"
frontend h
    mode tcp
    bind 127.0.0.1:3
    log 127.0.0.1 local0
!    log-format \"%[txn.status]\"
frontend i
    mode tcp
    bind 127.0.0.1:4
    log 127.0.0.1 local0
    log-format \"%[src] %ci\"
frontend j
    mode http
    bind 127.0.0.1:5
    log 127.0.0.1 local0
    log-format \"%ST %[status]\"
",
    "global
!    .diag seen
.if 0
    .diag unseen
.endif
",
];

/// The numbers of the lines that the output says to be suspicious.
fn suspicious(stderr: &str) -> BTreeSet<usize> {
    stderr
        .lines()
        .filter(|line| line.starts_with("[DIAG]"))
        .filter_map(|line| {
            line.split_once("case.cfg:")?
                .1
                .split_once(']')?
                .0
                .parse()
                .ok()
        })
        .collect()
}

#[test]
fn suspicious_statements_are_told_with_their_lines() {
    let is_reference = is_reference();
    on_both(|program| {
        if *program == Program::Haproxy && !is_reference {
            return;
        }
        for case in CASES {
            let wanted: BTreeSet<usize> = (1..)
                .zip(case.lines())
                .filter(|(_, line)| line.starts_with('!'))
                .map(|(number, _)| number)
                .collect();
            let text: String = case
                .lines()
                .map(|line| format!("{}\n", line.strip_prefix('!').unwrap_or(line)))
                .collect();
            let directory = TempDir::new();
            directory.write("case.cfg", format!("{text}{TIMEOUTS}"));
            let output = run(program, directory.path(), "-dD -dW -L me -c -f case.cfg");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(suspicious(&stderr), wanted, "{program:?}\n{text}\n{stderr}");
            let output = run(program, directory.path(), "-L me -c -f case.cfg");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!stderr.contains("[DIAG]"), "{program:?}\n{stderr}");
        }
    });
}

#[test]
fn suspicions_refuse_nothing_and_count_for_no_warning() {
    let text =
        format!("{TIMEOUTS}listen l\n    bind 127.0.0.1:1\n    server s 127.0.0.1:2 weight 0\n");
    let directory = TempDir::new();
    directory.write("case.cfg", text);
    on_both(|program| {
        let output = run(program, directory.path(), "-dD -dW -c -f case.cfg");
        assert_eq!(output.status.code(), Some(0), "{program:?}: {output:?}");
    });
}

#[test]
fn a_root_directory_that_is_made_at_the_start_is_not_suspicious() {
    // The reference finds 'auto' to be no directory.
    let directory = TempDir::new();
    directory.write("case.cfg", "global\n    chroot auto\n");
    let output = run(&Program::Lbd, directory.path(), "-dD -c -f case.cfg");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!stderr.contains("[DIAG]"), "{stderr}");
}
